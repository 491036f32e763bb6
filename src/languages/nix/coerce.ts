// Turning values into strings, paths and store paths, as interpolation and many builtins do.

import type { StorePath } from '../../formats/store-path.ts';
import type { ByteString } from '../../foundation/byte-string.ts';
import type { ContextBuilder } from './context.ts';
import { toNixError } from './errors.ts';
import { resolveAncestors } from './files.ts';
import type { Interpreter } from './interpreter.ts';
import { showType } from './interpreter.ts';
import { locate, slotOf } from './lazy-attrs.ts';
import { normalisePath } from './paths.ts';
import type { Position } from './positions.ts';
import { printForError } from './print.ts';
import { Attrs, NixFloat, NixPath, NixString, type Slot, Thunk, type Value } from './values.ts';

export interface CoerceOptions {
  readonly position: Position;
  /** What the trace says when it fails. */
  readonly errorContext: ByteString;
  /** Also take numbers, Booleans, null and lists, as `toString` does. */
  readonly more?: boolean;
  /** Copy paths into the store (the default), or use their own text. */
  readonly copyToStore?: boolean;
  /** Keep a path's trailing slash. */
  readonly keepSlash?: boolean;
}

/** The string for a value; what it depends on is added to `context`. */
export function coerceToString(
  it: Interpreter,
  slot: Slot,
  context: ContextBuilder,
  options: CoerceOptions,
): ByteString {
  const { position } = options;
  const value = slot instanceof Thunk ? it.forceThunk(slot, position) : slot;
  if (typeof value === 'string') return value;
  if (value instanceof NixString) {
    context.addAll(value.context);
    return value.text;
  }
  it.enter(position);
  const text = coerceOther(it, value, context, options);
  it.depth--;
  return text;
}

const elementContext = 'while evaluating one element of the list';

function coerceOther(
  it: Interpreter,
  value: Value,
  context: ContextBuilder,
  options: CoerceOptions,
): ByteString {
  const { position, errorContext } = options;
  if (value instanceof NixPath) {
    if (options.copyToStore !== false) return copyPathToStore(it, value.path, context);
    return options.keepSlash ? value.path : normalisePath(value.path);
  }
  if (value instanceof Attrs) {
    const known = knownOutPath(it, value);
    if (known !== undefined) return coerceToString(it, known, context, options);
    return peel(it, value, { position, checkResult: false }, (peeled) => {
      if (peeled instanceof Attrs) {
        throw it
          .error('type', `cannot coerce ${showType(peeled)} to a string: ${printForError(it, peeled)}`)
          .addTrace(position, errorContext);
      }
      return coerceToString(it, peeled, context, { ...options, keepSlash: false });
    });
  }
  if (options.more) {
    if (value === true) return '1';
    if (value === false || value === null) return '';
    if (typeof value === 'number' || typeof value === 'bigint') return String(value);
    if (value instanceof NixFloat) return formatFixed(value.value);
    if (Array.isArray(value)) {
      let text = '';
      const ofElement: CoerceOptions =
        options.errorContext === elementContext ? options : { ...options, errorContext: elementContext };
      // By index, as in all that runs often: iterators are slow in code that is not optimised yet.
      for (let index = 0; index < value.length; index++) {
        const element = value[index]!;
        try {
          text += coerceToString(it, element, context, ofElement);
        } catch (thrown) {
          throw toNixError(thrown).addTrace(position, errorContext);
        }
        if (index < value.length - 1) {
          const forced = it.force(element, position);
          if (!Array.isArray(forced) || forced.length > 0) text += ' ';
        }
      }
      return text;
    }
  }
  throw it
    .error('type', `cannot coerce ${showType(value)} to a string: ${printForError(it, value)}`)
    .addTrace(position, errorContext);
}

/** The `outPath` of a set, when it is the string the set stands for and has been evaluated already. */
function knownOutPath(it: Interpreter, attrs: Attrs): ByteString | NixString | undefined {
  if (slotOf(attrs, it.symbols.toStringAttr) !== undefined) return undefined;
  const slot = slotOf(attrs, it.symbols.outPath);
  if (slot === undefined) return undefined;
  const value = slot instanceof Thunk ? (slot.code === null ? slot.value : undefined) : slot;
  return typeof value === 'string' || value instanceof NixString ? value : undefined;
}

/** A float with six decimals, as C's `%f`. */
export function formatFixed(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (Math.abs(value) < 1e21) return value.toFixed(6);
  return `${BigInt(value)}.000000`;
}

/**
 * Follows `__toString` and `outPath` from a set until it gets to something else (or a set without either), and hands
 * that to `use`.
 */
export function peel<T>(
  it: Interpreter,
  start: Slot,
  options: { position: Position; checkResult: boolean },
  use: (value: Value, throughToString: boolean) => T,
): T {
  const { symbols } = it;
  let throughToString = false;
  const broken = (value: Value, verb: string, position: Position) =>
    it.error('type', `\`__toString\` ${verb} return a string, but got ${it.describe(value)}`, position);

  const step = (slot: Slot, position: Position): T => {
    const value = it.force(slot, position);
    const check = options.checkResult && throughToString;
    if (!(value instanceof Attrs)) {
      const fine = typeof value === 'string' || value instanceof NixString || value instanceof NixPath;
      if (check && !fine) throw broken(value, 'should', position);
      return use(value, throughToString);
    }
    const stringifier = locate(value, symbols.toStringAttr);
    if (stringifier !== undefined) {
      const attrPosition = stringifier.position;
      let result: Value;
      try {
        const fn = it.force(stringifier.slot, attrPosition);
        result = it.call1(fn, value, attrPosition);
      } catch (thrown) {
        throw toNixError(thrown).addTrace(attrPosition, 'while calling the `__toString` attribute');
      }
      throughToString = true;
      try {
        it.enter(position);
        const text = step(result, attrPosition);
        it.depth--;
        return text;
      } catch (thrown) {
        throw toNixError(thrown).addTrace(
          attrPosition,
          `while ${whileTryingToUse(result)} the result of the \`__toString\` attribute`,
        );
      }
    }
    const located = locate(value, symbols.outPath);
    if (located !== undefined) {
      const { slot: outPath, position: attrPosition } = located;
      try {
        it.force(outPath, attrPosition);
        it.enter(position);
        const text = step(outPath, attrPosition);
        it.depth--;
        return text;
      } catch (thrown) {
        throw toNixError(thrown).addTrace(
          attrPosition,
          `while ${whileTryingToUse(outPath)} the \`outPath\` attribute`,
        );
      }
    }
    if (check) throw broken(value, 'must', position);
    return use(value, throughToString);
  };
  return step(start, options.position);
}

/** How a trace speaks of a value that is being turned into a string: one that is there already is only used. */
function whileTryingToUse(slot: Slot): string {
  const value = slot instanceof Thunk ? (slot.code === null ? slot.value : undefined) : slot;
  if (value === undefined) return 'evaluating';
  return 'using';
}

/** Copies a file or tree into the store, and gives its path with the context of a source. */
export function copyPathToStore(it: Interpreter, path: ByteString, context: ContextBuilder): StorePath {
  if (path.endsWith('.drv')) {
    throw it.error('eval', "file names are not allowed to end in '.drv'");
  }
  const normal = normalisePath(path);
  const known = it.copiedPaths.get(normal);
  if (known !== undefined) {
    context.add(known);
    return known;
  }
  const resolved = resolveAncestors(it, normal);
  it.checkAccess(resolved);
  if (it.lstat(resolved) === undefined) throw it.error('eval', `path '${normal}' does not exist`);
  const stored = it.host.addPathToStore({
    path: resolved,
    name: normal.slice(normal.lastIndexOf('/') + 1),
    method: 'nar',
  });
  it.copiedPaths.set(normal, stored);
  context.add(stored);
  return stored;
}

/** An absolute path, from a path or a string that is one. */
export function coerceToPath(
  it: Interpreter,
  slot: Slot,
  context: ContextBuilder,
  options: { position: Position; errorContext: ByteString },
): ByteString {
  const { position, errorContext } = options;
  return peel(it, slot, { position, checkResult: false }, (value) => {
    if (value instanceof NixPath) return normalisePath(value.path);
    const text = coerceToString(it, value, context, { position, errorContext, copyToStore: false });
    if (!text.startsWith('/')) {
      throw it
        .error('eval', `string '${text}' doesn't represent an absolute path`)
        .addTrace(position, errorContext);
    }
    return normalisePath(text);
  });
}
