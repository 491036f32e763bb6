// Builtins on strings: pieces, patterns, replacements, versions.
import type { ByteString } from '../../../foundation/byte-string.ts';
import { coerceToString } from '../coerce.ts';
import { ContextBuilder } from '../context.ts';
import type { Interpreter } from '../interpreter.ts';
import { compileRegex, type NixRegex, type RegexMatch } from '../regex.ts';
import { RegexError } from '../regex-parser.ts';
import {
  attrsFromEntries,
  isString,
  type List,
  makeString,
  NixString,
  type Slot,
  textOf,
  type Value,
} from '../values.ts';
import { compareVersions, parsePackageName, splitVersion } from '../versions.ts';
import type { Builtin } from './builtin.ts';

function substring(it: Interpreter, startSlot: Slot, lengthSlot: Slot, text: Slot): Value {
  const start = it.forceInteger(
    startSlot,
    0,
    'while evaluating the first argument (the start offset) passed to builtins.substring',
  );
  if (start < 0) throw it.error('eval', "negative start position in 'substring'");
  const length = it.forceInteger(
    lengthSlot,
    0,
    'while evaluating the second argument (the substring length) passed to builtins.substring',
  );
  if (length === 0) {
    const value = it.force(text, 0);
    if (isString(value)) return makeString('', value instanceof NixString ? value.context : undefined);
  }
  const context = new ContextBuilder();
  const whole = coerceToString(it, text, context, {
    position: 0,
    errorContext: 'while evaluating the third argument (the string) passed to builtins.substring',
  });
  const from = Number(start);
  const to = length < 0 ? whole.length : from + Number(length);
  return makeString(from >= whole.length ? '' : whole.slice(from, to), context.context);
}

function replaceStrings(it: Interpreter, fromSlot: Slot, toSlot: Slot, textSlot: Slot): Value {
  const fromList = it.forceList(
    fromSlot,
    0,
    'while evaluating the first argument passed to builtins.replaceStrings',
  );
  const toList = it.forceList(
    toSlot,
    0,
    'while evaluating the second argument passed to builtins.replaceStrings',
  );
  if (fromList.length !== toList.length) {
    throw it.error(
      'eval',
      "'from' and 'to' arguments passed to builtins.replaceStrings have different lengths",
    );
  }
  const from = fromList.map((slot) =>
    textOf(
      it.forceStringValue(
        slot,
        0,
        'while evaluating one of the strings to replace passed to builtins.replaceStrings',
      ),
    ),
  );
  const context = new ContextBuilder();
  const value = it.forceStringValue(
    textSlot,
    0,
    'while evaluating the third argument passed to builtins.replaceStrings',
  );
  if (value instanceof NixString) context.addAll(value.context);
  const text = textOf(value);
  const replacements: (ByteString | undefined)[] = [];
  const replacement = (index: number): ByteString => {
    const known = replacements[index];
    if (known !== undefined) return known;
    const to = it.forceStringValue(
      toList[index]!,
      0,
      'while evaluating one of the replacement strings passed to builtins.replaceStrings',
    );
    if (to instanceof NixString) context.addAll(to.context);
    replacements[index] = textOf(to);
    return textOf(to);
  };
  // Patterns by first character, in the order given; the empty one fits everywhere.
  const empty = from.indexOf('');
  const byFirst = new Map<number, number[]>();
  for (const [index, pattern] of from.entries()) {
    if (pattern === '') continue;
    const first = pattern.charCodeAt(0);
    const list = byFirst.get(first);
    if (list === undefined) byFirst.set(first, [index]);
    else list.push(index);
  }
  let result = '';
  let copied = 0;
  for (let at = 0; at <= text.length; ) {
    let found = empty;
    if (at < text.length) {
      for (const index of byFirst.get(text.charCodeAt(at)) ?? []) {
        if (empty >= 0 && index > empty) break;
        if (text.startsWith(from[index]!, at)) {
          found = index;
          break;
        }
      }
    }
    if (found < 0) {
      at++;
      continue;
    }
    result += text.slice(copied, at) + replacement(found);
    const { length } = from[found]!;
    if (length === 0) {
      result += text.slice(at, at + 1);
      at++;
      copied = Math.min(at, text.length);
    } else {
      at += length;
      copied = at;
    }
  }
  return makeString(result + text.slice(copied), context.context);
}

/** Captured groups, null where one took no part. */
function groupsOf({ groups }: RegexMatch): List {
  const result: List = [];
  for (let i = 1; i < groups.length; i++) result.push(groups[i] ?? null);
  return result;
}

export function stringBuiltins(it: Interpreter): Builtin[] {
  const regexes = new Map<ByteString, NixRegex>();
  /** Uses a pattern; what is wrong with it, or takes too long, is an error. */
  const withRegex = <T>(pattern: ByteString, use: (regex: NixRegex) => T): T => {
    try {
      let compiled = regexes.get(pattern);
      if (compiled === undefined) {
        compiled = compileRegex(pattern);
        regexes.set(pattern, compiled);
      }
      return use(compiled);
    } catch (error) {
      if (!(error instanceof RegexError)) throw error;
      throw it.error(
        'eval',
        error.tooBig
          ? `memory limit exceeded by regular expression '${pattern}'`
          : `invalid regular expression '${pattern}'`,
      );
    }
  };
  const textArg = (slot: Slot, context: ByteString): ByteString => it.forceStringNoContext(slot, 0, context);
  const looseTextArg = (slot: Slot, context: ByteString): ByteString =>
    textOf(it.forceStringValue(slot, 0, context));
  return [
    {
      name: 'toString',
      arity: 1,
      call: (slot) => {
        const context = new ContextBuilder();
        const text = coerceToString(it, slot, context, {
          position: 0,
          errorContext: 'while evaluating the first argument passed to builtins.toString',
          more: true,
          copyToStore: false,
        });
        return makeString(text, context.context);
      },
    },
    { name: '__substring', arity: 3, call: (start, length, text) => substring(it, start, length, text) },
    {
      name: '__stringLength',
      arity: 1,
      call: (slot) =>
        coerceToString(it, slot, new ContextBuilder(), {
          position: 0,
          errorContext: 'while evaluating the argument passed to builtins.stringLength',
        }).length,
    },
    {
      name: '__match',
      arity: 2,
      call: (pattern, text) =>
        withRegex(
          textArg(pattern, 'while evaluating the first argument passed to builtins.match'),
          (regex) => {
            const match = regex.matchWhole(
              looseTextArg(text, 'while evaluating the second argument passed to builtins.match'),
            );
            return match === undefined ? null : groupsOf(match);
          },
        ),
    },
    {
      name: '__split',
      arity: 2,
      call: (pattern, slot) =>
        withRegex(
          textArg(pattern, 'while evaluating the first argument passed to builtins.split'),
          (regex) => {
            const text = looseTextArg(slot, 'while evaluating the second argument passed to builtins.split');
            const result: List = [];
            let copied = 0;
            for (const match of regex.matchAll(text)) {
              result.push(text.slice(copied, match.index), groupsOf(match));
              copied = match.index + match.groups[0]!.length;
            }
            if (result.length === 0) return [slot];
            result.push(text.slice(copied));
            return result;
          },
        ),
    },
    {
      name: '__concatStringsSep',
      arity: 2,
      call: (separatorSlot, list) => {
        const context = new ContextBuilder();
        const separatorValue = it.forceStringValue(
          separatorSlot,
          0,
          'while evaluating the first argument (the separator string) passed to builtins.concatStringsSep',
        );
        if (separatorValue instanceof NixString) context.addAll(separatorValue.context);
        const separator = textOf(separatorValue);
        const elements = it.forceList(
          list,
          0,
          'while evaluating the second argument (the list of strings to concat) passed to builtins.concatStringsSep',
        );
        const options = {
          position: 0,
          errorContext:
            'while evaluating one element of the list of strings to concat passed to builtins.concatStringsSep',
        };
        let text = '';
        for (let i = 0; i < elements.length; i++) {
          if (i > 0) text += separator;
          text += coerceToString(it, elements[i]!, context, options);
        }
        return makeString(text, context.context);
      },
    },
    { name: '__replaceStrings', arity: 3, call: (from, to, text) => replaceStrings(it, from, to, text) },
    {
      name: '__parseDrvName',
      arity: 1,
      call: (slot) => {
        const { name, version } = parsePackageName(
          textArg(slot, 'while evaluating the first argument passed to builtins.parseDrvName'),
        );
        return attrsFromEntries([
          [it.symbols.name, name],
          [it.symbols.intern('version'), version],
        ]);
      },
    },
    {
      name: '__compareVersions',
      arity: 2,
      call: (first, second) => {
        const left = textArg(first, 'while evaluating the first argument passed to builtins.compareVersions');
        return compareVersions(
          left,
          textArg(second, 'while evaluating the second argument passed to builtins.compareVersions'),
        );
      },
    },
    {
      name: '__splitVersion',
      arity: 1,
      call: (slot) =>
        splitVersion(textArg(slot, 'while evaluating the first argument passed to builtins.splitVersion')),
    },
  ];
}
