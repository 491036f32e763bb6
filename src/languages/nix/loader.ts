// From a text or a file to its value: parse (or take the parsed program from the cache), resolve, compile, run. Each
// file is evaluated once.
import { createHash } from 'node:crypto';
import { type ByteString, toByteString } from '../../foundation/byte-string.ts';
import type { Node } from './ast.ts';
import { lazyCode, runProgram, Unit } from './compile.ts';
import { toNixError } from './errors.ts';
import { readRegularFile, requireRegularFile, resolveExpressionPath } from './files.ts';
import type { ParseCache } from './host.ts';
import type { Interpreter } from './interpreter.ts';
import { parse } from './parser.ts';
import { parentPath } from './paths.ts';
import { type Origin, showPosition } from './positions.ts';
import { type Program, programFormat, readProgram, writeProgram } from './program.ts';
import { resolveProgram } from './resolve.ts';
import { Code, type Env, Thunk, type Value } from './values.ts';

/** Where a text comes from. */
export interface SourceOptions {
  readonly origin: Origin;
  /** Directory of its relative paths. */
  readonly basePath: ByteString;
  /** Names of an outermost scope (`scopedImport`). */
  readonly scope?: readonly ByteString[];
}

/** A text's syntax tree, for `--parse`. Variables are not looked up. */
export function parseText(
  it: Interpreter,
  text: ByteString,
  origin: Origin,
): { node: Node; base: number; warned: boolean } {
  let warned = false;
  const base = it.positions.addOrigin(origin, text.length);
  const { lints, features } = it.settings;
  const node = parse(text, {
    base,
    pipeOperators: features.has('pipe-operators'),
    lints,
    warn: (message, position) => {
      warned = true;
      // A message that names its place is given as it is.
      if (position === undefined) it.host.message(`warning: ${message}`);
      else it.warnAt(message, position);
    },
    showPosition: (position) => showPosition(it.positions.resolve(position)),
  });
  return { node, base, warned };
}

/** What a program depends on besides its text. */
function programVariant(it: Interpreter): string {
  return `${programFormat}:${it.settings.features.has('pipe-operators')}:${it.globalsKey}`;
}

/** Programs are kept unless lints are to be looked for, or other names are in scope than usual. */
function cacheFor(it: Interpreter, scope: readonly ByteString[] | undefined): ParseCache | undefined {
  if (scope !== undefined) return undefined;
  return Object.values(it.settings.lints).some((level) => level !== 'ignore') ? undefined : it.parseCache;
}

/** A text as a unit ready to run. `note` is told the program when it may be kept. */
function loadText(
  it: Interpreter,
  text: ByteString,
  options: SourceOptions,
  note?: (program: Uint8Array) => void,
): { unit: Unit; program: Program } {
  const { origin, basePath, scope } = options;
  const cache = text.length > 256 ? cacheFor(it, scope) : undefined;
  let key = '';
  if (cache !== undefined) {
    const hash = createHash('sha256');
    hash.update(`trimaran-nix-program:${programVariant(it)}:`);
    key = hash.update(text, 'latin1').digest('hex');
    const kept = cache.get(key);
    const program = kept === undefined ? undefined : readProgram(kept);
    if (program !== undefined) {
      note?.(kept!);
      return { unit: unitOf(it, program, options), program };
    }
  }
  const { node, base, warned } = parseText(it, text, origin);
  const program = resolveProgram(node, {
    base,
    sourceLength: text.length,
    isGlobal: (name) => it.globals.has(it.symbols.intern(name)),
    ...(scope === undefined ? {} : { scope }),
  });
  // What warns is parsed every time, so that it warns every time.
  if (!warned && cache !== undefined) {
    const bytes = writeProgram(program);
    cache.put(key, bytes);
    note?.(bytes);
  }
  return { unit: new Unit(it, program, { base, basePath }), program };
}

/** A kept program as a unit ready to run. */
function unitOf(it: Interpreter, program: Program, { origin, basePath }: SourceOptions): Unit {
  const base = it.positions.addOrigin(origin, program.sourceLength);
  return new Unit(it, program, { base, basePath });
}

/** The origin of a file's text, which is read again when an error needs it. */
function fileOrigin(it: Interpreter, path: ByteString): Origin {
  return {
    label: path,
    path,
    source: () => {
      try {
        return readRegularFile(it, path);
      } catch {
        return undefined;
      }
    },
  };
}

function loadFile(
  it: Interpreter,
  path: ByteString,
  scope?: readonly ByteString[],
): { unit: Unit; program: Program } {
  const options = {
    origin: fileOrigin(it, path),
    basePath: parentPath(path),
    ...(scope === undefined ? {} : { scope }),
  };
  const resolved = requireRegularFile(it, path);
  const byState = cacheFor(it, scope)?.byState;
  const stamp = byState && it.host.stamp?.(resolved);
  if (byState === undefined || stamp === undefined) return loadText(it, it.readFile(resolved), options);
  const variant = programVariant(it);
  const kept = byState.program(variant, resolved, stamp);
  const program = kept === undefined ? undefined : readProgram(kept);
  if (program !== undefined) return { unit: unitOf(it, program, options), program };
  return loadText(it, it.readFile(resolved), options, (bytes) =>
    byState.noteProgram(variant, resolved, stamp, bytes),
  );
}

/** A file's value; directories stand for their `default.nix`. */
export function importFile(it: Interpreter, path: ByteString): Value {
  let resolved = it.importResolution.get(path);
  if (resolved === undefined) {
    resolved = resolveExpressionPath(it, path);
    it.importResolution.set(path, resolved);
  }
  let thunk = it.fileValues.get(resolved);
  if (thunk === undefined) {
    const file = resolved;
    thunk = new Thunk(new Code(() => evaluateFileNow(it, file)), []);
    it.fileValues.set(resolved, thunk);
  }
  return it.forceThunk(thunk, 0);
}

/** A file's value, without saying in traces that it is one: what a command line names. */
export function evaluateMainFile(it: Interpreter, path: ByteString): Value {
  const { unit, program } = loadFile(it, resolveExpressionPath(it, path));
  return runProgram(unit, program.root, []);
}

function evaluateFileNow(it: Interpreter, path: ByteString): Value {
  const { unit, program } = loadFile(it, path);
  try {
    return runProgram(unit, program.root, []);
  } catch (thrown) {
    throw toNixError(thrown).addTrace(0, `while evaluating the file '${path}':`);
  }
}

/** A file's value with extra names in scope; never remembered. */
export function importScoped(
  it: Interpreter,
  path: ByteString,
  scope: { names: readonly ByteString[]; env: Env },
): Value {
  const { unit, program } = loadFile(it, resolveExpressionPath(it, path), scope.names);
  return runProgram(unit, program.root, scope.env);
}

/** One of the evaluator's own files, evaluated when first needed. */
export function ownFileThunk(it: Interpreter, path: ByteString): Thunk {
  const code: Code = new Code(() => {
    const text = it.ownFiles.get(path)!;
    const { unit, program } = loadText(it, text, {
      origin: { label: path, path, source: () => text },
      basePath: '/',
    });
    return runProgram(unit, program.root, []);
  });
  return new Thunk(code, []);
}

export const stringLabel: ByteString = toByteString('«string»');

/** A text's value. */
export function evaluateSource(it: Interpreter, text: ByteString, options: SourceOptions): Value {
  const { unit, program } = loadText(it, text, options);
  return lazyCode(unit, program.root).run([]);
}
