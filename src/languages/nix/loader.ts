// From a text or a file to its value: parse (or take the parsed program from the cache), resolve, compile, run. Each
// file is evaluated once.
import { createHash } from 'node:crypto';
import { type ByteString, toByteString } from '../../foundation/byte-string.ts';
import type { Node } from './ast.ts';
import { lazyCode, runProgram, Unit } from './compile.ts';
import { toNixError } from './errors.ts';
import { readRegularFile, resolveExpressionPath } from './files.ts';
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

/** A text as a unit ready to run. */
function loadText(
  it: Interpreter,
  text: ByteString,
  options: SourceOptions,
): { unit: Unit; program: Program } {
  const { origin, basePath, scope } = options;
  const { lints, features } = it.settings;
  const hasLints = Object.values(lints).some((level) => level !== 'ignore');
  const cache = scope === undefined && !hasLints && text.length > 256 ? it.parseCache : undefined;
  let key = '';
  if (cache !== undefined) {
    const hash = createHash('sha256');
    hash.update(`trimaran-nix-program:${programFormat}:${features.has('pipe-operators')}:${it.globalsKey}:`);
    key = hash.update(text, 'latin1').digest('hex');
    const kept = cache.get(key);
    const program = kept === undefined ? undefined : readProgram(kept);
    if (program !== undefined) {
      const base = it.positions.addOrigin(origin, program.sourceLength);
      return { unit: new Unit(it, program, { base, basePath }), program };
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
  if (!warned) cache?.put(key, writeProgram(program));
  return { unit: new Unit(it, program, { base, basePath }), program };
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
  const text = readRegularFile(it, path);
  return loadText(it, text, {
    origin: fileOrigin(it, path),
    basePath: parentPath(path),
    ...(scope === undefined ? {} : { scope }),
  });
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
