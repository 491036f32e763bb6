// Builtins that look at and change what strings depend on.

import { isStorePath } from '../../../formats/store-path.ts';
import type { ByteString } from '../../../foundation/byte-string.ts';
import { coerceToString } from '../coerce.ts';
import { ContextBuilder, sortedContext } from '../context.ts';
import type { Interpreter } from '../interpreter.ts';
import {
  type Attrs,
  attrsFromEntries,
  findAttr,
  makeString,
  NixString,
  type Slot,
  textOf,
  type Value,
} from '../values.ts';
import type { Builtin } from './builtin.ts';

function getContext(it: Interpreter, slot: Slot): Value {
  const value = it.forceStringValue(slot, 0, 'while evaluating the argument passed to builtins.getContext');
  if (!(value instanceof NixString)) return attrsFromEntries([]);
  const byPath = new Map<ByteString, { path: boolean; allOutputs: boolean; outputs: ByteString[] }>();
  for (const element of sortedContext(value.context)) {
    const info = byPath.get(element.path) ?? { path: false, allOutputs: false, outputs: [] };
    byPath.set(element.path, info);
    if (element.kind === 'path') info.path = true;
    else if (element.kind === 'closure') info.allOutputs = true;
    else info.outputs.push(element.output);
  }
  const { symbols } = it;
  return attrsFromEntries(
    [...byPath].map(([path, info]) => {
      const entries: [number, Slot][] = [];
      if (info.path) entries.push([symbols.intern('path'), true]);
      if (info.allOutputs) entries.push([symbols.intern('allOutputs'), true]);
      if (info.outputs.length > 0) entries.push([symbols.intern('outputs'), info.outputs]);
      return [symbols.intern(path), attrsFromEntries(entries)] as const;
    }),
  );
}

function appendContext(it: Interpreter, text: Slot, set: Slot): Value {
  const builtin = 'builtins.appendContext';
  const value = it.forceStringValue(text, 0, `while evaluating the first argument passed to ${builtin}`);
  const context = new ContextBuilder();
  if (value instanceof NixString) context.addAll(value.context);
  const additions = it.forceAttrs(set, 0, `while evaluating the second argument passed to ${builtin}`);
  for (let i = 0; i < additions.names.length; i++) {
    const path = it.symbols.names[additions.names[i]!]!;
    const position = additions.positionAt(i);
    if (!isStorePath(path) || !path.startsWith(`${it.host.storeDirectory}/`)) {
      throw it.error('eval', `context key '${path}' is not a store path`, position);
    }
    it.host.ensurePath(path);
    const info = it.forceAttrs(
      additions.values[i]!,
      position,
      'while evaluating the value of a string context',
    );
    addElements(it, { path, info, position, context });
  }
  return makeString(textOf(value), context.context);
}

function addElements(
  it: Interpreter,
  job: { path: ByteString; info: Attrs; position: number; context: ContextBuilder },
): void {
  const { path, info, position, context } = job;
  const part = (name: string) => {
    const index = findAttr(info.names, it.symbols.find(name));
    return index < 0 ? undefined : { slot: info.values[index]!, position: info.positionAt(index) };
  };
  const isDerivation = path.endsWith('.drv');
  const plain = part('path');
  if (
    plain !== undefined &&
    it.forceBool(plain.slot, plain.position, 'while evaluating the `path` attribute of a string context')
  ) {
    context.add(path);
  }
  const all = part('allOutputs');
  if (
    all !== undefined &&
    it.forceBool(all.slot, all.position, 'while evaluating the `allOutputs` attribute of a string context')
  ) {
    if (!isDerivation) {
      throw it.error(
        'eval',
        `tried to add all-outputs context of ${path}, which is not a derivation, to a string`,
        position,
      );
    }
    context.add(`=${path}`);
  }
  const outputs = part('outputs');
  if (outputs === undefined) return;
  const list = it.forceList(
    outputs.slot,
    outputs.position,
    'while evaluating the `outputs` attribute of a string context',
  );
  if (list.length > 0 && !isDerivation) {
    throw it.error(
      'eval',
      `tried to add derivation output context of ${path}, which is not a derivation, to a string`,
      position,
    );
  }
  for (const output of list) {
    const name = it.forceStringNoContext(
      output,
      outputs.position,
      'while evaluating an output name within a string context',
    );
    context.add(`!${name}!${path}`);
  }
}

function addDrvOutputDependencies(it: Interpreter, slot: Slot): Value {
  const context = new ContextBuilder();
  const text = coerceToString(it, slot, context, {
    position: 0,
    errorContext: 'while evaluating the argument passed to builtins.addDrvOutputDependencies',
  });
  const elements = sortedContext(context.context ?? new Set());
  const [element] = elements;
  if (element === undefined || elements.length > 1) {
    throw it.error(
      'eval',
      `context of string '${text}' must have exactly one element, but has ${elements.length}`,
    );
  }
  if (element.kind === 'output') {
    throw it.error(
      'eval',
      `\`addDrvOutputDependencies\` can only act on derivations, not on a derivation output such as '${element.output}'`,
    );
  }
  if (!element.path.endsWith('.drv')) {
    throw it.error('eval', `path '${element.path}' is not a derivation`);
  }
  return makeString(text, new Set([`=${element.path}`]));
}

export function contextBuiltins(it: Interpreter): Builtin[] {
  return [
    {
      name: '__unsafeDiscardStringContext',
      arity: 1,
      call: (slot) =>
        coerceToString(it, slot, new ContextBuilder(), {
          position: 0,
          errorContext: 'while evaluating the argument passed to builtins.unsafeDiscardStringContext',
        }),
    },
    {
      name: '__hasContext',
      arity: 1,
      call: (slot) =>
        it.forceStringValue(slot, 0, 'while evaluating the argument passed to builtins.hasContext') instanceof
        NixString,
    },
    {
      name: '__unsafeDiscardOutputDependency',
      arity: 1,
      call: (slot) => {
        const context = new ContextBuilder();
        const text = coerceToString(it, slot, context, {
          position: 0,
          errorContext: 'while evaluating the argument passed to builtins.unsafeDiscardOutputDependency',
        });
        const kept = new Set<ByteString>();
        for (const element of context.context ?? []) {
          kept.add(element[0] === '=' ? element.slice(1) : element);
        }
        return makeString(text, kept);
      },
    },
    { name: '__addDrvOutputDependencies', arity: 1, call: (slot) => addDrvOutputDependencies(it, slot) },
    { name: '__getContext', arity: 1, call: (slot) => getContext(it, slot) },
    { name: '__appendContext', arity: 2, call: (text, set) => appendContext(it, text, set) },
  ];
}
