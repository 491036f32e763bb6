// The Nix language for the rest of Trimaran: an evaluator over a host. See docs/decisions/nix-expression-representation.md
// for how expressions are kept and run. All strings are byte strings; all errors are NixEvaluationErrors.

import type { DerivationHash } from '../../formats/derivation-hash.ts';
import type { StorePath } from '../../formats/store-path.ts';
import type { ByteString } from '../../foundation/byte-string.ts';
import { autoCall, selectAttrPath } from './attr-path.ts';
import type { Builtin } from './builtins/builtin.ts';
import { installBuiltins } from './builtins/index.ts';
import { coerceToString } from './coerce.ts';
import { ContextBuilder, type ContextElement, sortedContext } from './context.ts';
import { toEvaluationError } from './errors.ts';
import { forceDeep } from './force-deep.ts';
import type { HostValue, NixHost, ParseCache } from './host.ts';
import { fromHostValue, toHostValue } from './host-values.ts';
import { inspectValue } from './inspect.ts';
import { Interpreter, type InterpreterSettings, type NixFeature } from './interpreter.ts';
import { valueToJson } from './json.ts';
import { lazyAttrs, slotOf } from './lazy-attrs.ts';
import { evaluateMainFile, evaluateSource, importFile, parseText, stringLabel } from './loader.ts';
import { normalisePath } from './paths.ts';
import { printForced, printValue } from './print.ts';
import { resolveProgram } from './resolve.ts';
import { findFile } from './search-path.ts';
import { showNode } from './show-node.ts';
import type { Lints } from './token-stream.ts';
import {
  type Attrs,
  attrsFromEntries,
  makeString,
  NixPath,
  PrimOp,
  type PrimOpCall,
  type Slot,
  type StringContext,
} from './values.ts';
import { valueToXml } from './xml.ts';

/** A Nix value or a thunk of one. Opaque: look at it with {@link Evaluator.inspect} and the other methods. */
export type NixValue = Slot;

/** What kind of value it is, with its content one level deep; deeper values are still unevaluated. */
export type Inspected =
  | { readonly type: 'null' }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'int'; readonly value: bigint }
  | { readonly type: 'float'; readonly value: number }
  | { readonly type: 'string'; readonly value: ByteString; readonly context: StringContext }
  | { readonly type: 'path'; readonly value: ByteString }
  | { readonly type: 'list'; readonly items: readonly NixValue[] }
  | { readonly type: 'set'; readonly attributes: ReadonlyMap<ByteString, NixValue> }
  | {
      readonly type: 'function';
      /** Names of the formal arguments and whether each has a default; undefined for `x: …` and builtins. */
      readonly formals: ReadonlyMap<ByteString, boolean> | undefined;
      /** Whether it takes arguments besides its formals. */
      readonly ellipsis: boolean;
    };

export interface EvaluatorSettings {
  /** Pure evaluation: no clock, environment, search path or files but the store's. Default false. */
  readonly pure?: boolean;
  /** Experimental features. `fetch-tree` and `flakes` only change what the builtins set has. */
  readonly features?: Iterable<NixFeature>;
  /** Entries of `<…>`. */
  readonly nixPath?: InterpreterSettings['nixPath'];
  /** 10000 unless told. */
  readonly maxCallDepth?: number;
  readonly traceVerbose?: boolean;
  /** Record "while calling" for every function; only then does `renderNixError` with `showTrace` show all. */
  readonly showTrace?: boolean;
  readonly abortOnWarn?: boolean;
  /** What `builtins.nixVersion` says; 2.34.8, whose language this is, unless told. */
  readonly nixVersion?: string;
  /** Default true. */
  readonly allowImportFromDerivation?: boolean;
  /**
   * Told every text that something looks into, instead of only passing it on or putting it into another: arguments of
   * builtins that take strings apart or hash them, attribute names, what `<` compares. Whoever wants to know whether a
   * value would be the same but for other store paths in it, listens here. Equality counts as passing on, since
   * exchanging names one for one leaves it as it is.
   */
  readonly examine?: ((text: ByteString) => void) | undefined;
  readonly lints?: Lints;
}

export interface EvaluatorOptions {
  readonly host: NixHost;
  readonly settings?: EvaluatorSettings;
  /** Keeps parsed files between runs. */
  readonly parseCache?: ParseCache;
}

/** Where a text is taken to come from. */
interface TextOptions {
  /** As errors name it; `«string»` unless given. */
  readonly label?: ByteString;
  /** The file it is; `unsafeGetAttrPos` then works in it. */
  readonly file?: ByteString;
  /** Directory of its relative paths; `/` unless given. */
  readonly basePath?: ByteString;
}

/**
 * An evaluator. One per evaluation: it caches file contents and parsed files for its whole life.
 *
 * Deep recursion needs a deep stack: run it in a worker with `resourceLimits.stackSizeMb` of at least 256.
 *
 * @example
 * const evaluator = createEvaluator({ host: createInMemoryHost() });
 * evaluator.print(evaluator.evaluateText('{ a = 1 + 1; }.a')); // '2'
 */
export interface Evaluator {
  /** The value of an expression, in weak head normal form. */
  evaluateText(text: ByteString, options?: TextOptions): NixValue;
  /** The value of a file; a directory stands for its `default.nix`. Each file is evaluated once. */
  evaluateFile(path: ByteString): NixValue;
  /** The value of the file that a command line names; as `evaluateFile`, but traces do not mention the file. */
  evaluateMainFile(path: ByteString): NixValue;
  /** Parses only, and prints the tree as `nix-instantiate --parse` does. */
  parseToText(text: ByteString, options?: TextOptions): ByteString;

  /** Evaluates to weak head normal form. */
  force(value: NixValue): NixValue;
  /** Evaluates everything inside, too. */
  forceDeep(value: NixValue): NixValue;
  /** Evaluates to weak head normal form and tells what is there. */
  inspect(value: NixValue): Inspected;
  /** The attribute of a set, unevaluated, or undefined. Throws `nix/type` unless the value is a set. */
  attribute(value: NixValue, name: ByteString): NixValue | undefined;
  /** Calls a function (or functor) with arguments. */
  callFunction(fn: NixValue, args: readonly NixValue[]): NixValue;
  /** Calls a function whose formals `args` (and defaults) fill, as `nix-build --arg` does; else gives it back. */
  autoCall(value: NixValue, args?: ReadonlyMap<ByteString, NixValue>): NixValue;
  /** `nix-build -A`: follows `a.b."c.d".0`, calling functions on the way. Throws with suggestions. */
  selectAttrPath(value: NixValue, path: ByteString, args?: ReadonlyMap<ByteString, NixValue>): NixValue;
  /** Whether it is a set with `type = "derivation"`. */
  isDerivation(value: NixValue): boolean;
  /** The file that `<name>` stands for. */
  findFile(name: ByteString): ByteString;

  /** A string from a value: `"${value}"`, or with `more` as `toString`. Paths are copied to the store unless told not to. */
  coerceToString(
    value: NixValue,
    options?: {
      readonly more?: boolean;
      readonly copyToStore?: boolean;
      /** What the trace says when it fails. */
      readonly purpose?: ByteString;
    },
  ): { readonly text: ByteString; readonly context: readonly ContextElement[] };
  /** JSON, byte for byte Nix's. Paths are copied into the store unless told otherwise. */
  toJson(value: NixValue, options?: { readonly copyToStore: boolean }): ByteString;
  /** As `nix-instantiate --eval` prints it; `forceDeep` first for `--strict`. */
  print(value: NixValue): ByteString;
  /** As `nix eval` prints it: all of it evaluated, and what fails inside of it shown as an error. */
  printForced(value: NixValue): ByteString;
  /** As `nix-instantiate --eval --xml` prints it. */
  toXml(value: NixValue, options: { readonly strict: boolean; readonly location: boolean }): ByteString;

  /** A plain JavaScript value as a Nix value. */
  fromHost(value: HostValue): NixValue;
  /** A Nix value, evaluated deeply, as a plain JavaScript value. */
  toHost(value: NixValue): HostValue;
  /** An attribute set of values made here or elsewhere. */
  makeSet(attributes: Iterable<readonly [ByteString, NixValue]>): NixValue;
  /** A path value. */
  makePath(path: ByteString): NixValue;
  /** A string that depends on store paths; elements encoded as `path`, `=drvPath`, `!output!drvPath`. */
  makeString(text: ByteString, context: Iterable<ByteString>): NixValue;
  /** A function implemented here. `call` gets unevaluated arguments; errors it throws get Nix's trace. */
  makeFunction(options: {
    readonly name: string;
    readonly arity: number;
    readonly call: (args: readonly NixValue[]) => NixValue;
  }): NixValue;
  /** A value computed when first needed. */
  makeLazy(compute: () => NixValue): NixValue;
  /**
   * A set of many names, each value a call of `make` with the name, made when first needed. `names` has all of them, none
   * twice; it is called only when something walks over the set.
   */
  makeLazySet(options: {
    readonly has: (name: ByteString) => boolean;
    readonly names: () => readonly ByteString[];
    readonly make: NixValue;
  }): NixValue;
  /** What the derivations met so far count for in the hashes of others. */
  readonly derivationHashes: ReadonlyMap<StorePath, DerivationHash>;
  /** Adds a builtin (`__name` is only `builtins.name`). Before the first evaluation. */
  definePrimOp(options: {
    readonly name: string;
    readonly arity: number;
    readonly call: (args: readonly NixValue[]) => NixValue;
  }): void;
}

const defaultMaxCallDepth = 10_000;

export function createEvaluator(options: EvaluatorOptions): Evaluator {
  const given = options.settings ?? {};
  const pure = given.pure ?? false;
  const settings: InterpreterSettings = {
    pure,
    features: new Set(given.features ?? []),
    nixPath: pure ? [] : (given.nixPath ?? []),
    maxCallDepth: given.maxCallDepth ?? defaultMaxCallDepth,
    traceVerbose: given.traceVerbose ?? false,
    showTrace: given.showTrace ?? false,
    abortOnWarn: given.abortOnWarn ?? false,
    nixVersion: given.nixVersion ?? '2.34.8',
    allowImportFromDerivation: given.allowImportFromDerivation ?? true,
    examine: given.examine,
    lints: {
      urlLiterals: given.lints?.urlLiterals ?? 'ignore',
      absolutePathLiterals: given.lints?.absolutePathLiterals ?? 'ignore',
      shortPathLiterals: given.lints?.shortPathLiterals ?? 'ignore',
    },
  };
  const it = new Interpreter(options.host, settings, options.parseCache);
  const extra: Builtin[] = [];
  let installed = false;

  /** Runs something of the evaluator; whatever it throws leaves as a NixEvaluationError. */
  const enter = <T>(run: () => T): T => {
    if (!installed) {
      installed = true;
      installBuiltins(it, extra);
    }
    const { depth } = it;
    try {
      return run();
    } catch (thrown) {
      it.depth = depth;
      throw toEvaluationError(thrown, it.positions);
    }
  };
  const source = (text: ByteString, where: TextOptions = {}) => ({
    origin: {
      label: where.label ?? where.file ?? stringLabel,
      ...(where.file === undefined ? {} : { path: where.file }),
      source: () => text,
    },
    basePath: normalisePath(where.basePath ?? '/'),
  });
  const setOf = (attributes: Iterable<readonly [ByteString, NixValue]>): Attrs =>
    attrsFromEntries([...attributes].map(([name, value]) => [it.symbols.intern(name), value] as const));
  const inspect = (slot: NixValue): Inspected => inspectValue(it, it.force(slot, 0));

  return {
    evaluateText: (text, where) => enter(() => evaluateSource(it, text, source(text, where))),
    evaluateFile: (path) => enter(() => importFile(it, normalisePath(path))),
    evaluateMainFile: (path) => enter(() => evaluateMainFile(it, normalisePath(path))),
    parseToText: (text, where) =>
      enter(() => {
        const { origin, basePath } = source(text, where);
        const { node, base } = parseText(it, text, origin);
        // Names are looked up even though nothing is run: an undefined one is an error here as well.
        resolveProgram(node, {
          base,
          sourceLength: text.length,
          isGlobal: (name) => it.globals.has(it.symbols.intern(name)),
        });
        return showNode(node, {
          path: (literal) => (literal.startsWith('/') ? literal : normalisePath(`${basePath}/${literal}`)),
        });
      }),
    force: (value) => enter(() => it.force(value, it.positionOf(value))),
    forceDeep: (value) =>
      enter(() => {
        forceDeep(it, value);
        return it.force(value, 0);
      }),
    inspect: (value) => enter(() => inspect(value)),
    attribute: (value, name) => enter(() => slotOf(it.forceAttrs(value, 0, ''), it.symbols.intern(name))),
    callFunction: (fn, args) => enter(() => it.call(it.force(fn, 0), args, 0)),
    autoCall: (value, args) => enter(() => autoCall(it, value, setOf(args ?? []))),
    selectAttrPath: (value, path, args) =>
      enter(() => selectAttrPath(it, value, { path, args: setOf(args ?? []) })),
    isDerivation: (value) => enter(() => it.isDerivation(it.force(value, 0))),
    findFile: (name) => enter(() => findFile(it, settings.nixPath, name)),
    coerceToString: (value, how) =>
      enter(() => {
        const context = new ContextBuilder();
        const text = coerceToString(it, value, context, {
          position: 0,
          errorContext: how?.purpose ?? 'while evaluating a value that should be a string',
          more: how?.more ?? false,
          copyToStore: how?.copyToStore ?? true,
        });
        return { text, context: sortedContext(context.context ?? new Set()) };
      }),
    toJson: (value, how) =>
      enter(() =>
        valueToJson(it, value, new ContextBuilder(), { position: 0, copyToStore: how?.copyToStore ?? true }),
      ),
    print: (value) => enter(() => printValue(it, value)),
    printForced: (value) => enter(() => printForced(it, value)),
    toXml: (value, how) => enter(() => valueToXml(it, value, new ContextBuilder(), how)),
    fromHost: (value) => enter(() => fromHostValue(it, value)),
    toHost: (value) => enter(() => toHostValue(it, value)),
    makeSet: (attributes) => enter(() => setOf(attributes)),
    makePath: (path) => new NixPath(normalisePath(path)),
    makeString: (text, context) => makeString(text, new Set(context)),
    makeFunction: ({ name, arity, call }) => new PrimOp(name, arity, hostCall(it, arity, call), true),
    makeLazy: (compute) => it.suspendCall(new PrimOp('lazy', 1, () => it.force(compute(), 0), false), null),
    makeLazySet: ({ has, names, make }) =>
      lazyAttrs({ has, names, make: (name) => it.suspendCall(make, name) }, it.symbols),
    derivationHashes: it.derivationHashes,
    definePrimOp: ({ name, arity, call }) => {
      if (installed) throw new Error('definePrimOp after the first evaluation');
      extra.push({ name, arity, call: hostCall(it, arity, call) });
    },
  };
}

/** A builtin's code from a function of the host, which gets its arguments as an array. */
function hostCall(it: Interpreter, arity: number, call: (args: readonly NixValue[]) => NixValue): PrimOpCall {
  return (...args) => it.force(call(args.slice(0, arity) as NixValue[]), 0);
}
