// The state of one evaluation and the operations that everything else is made of: forcing, calling, checking types.
// How expressions become code is in compile.ts; how values are compared, coerced and printed, in files of those names.

import type { DerivationHash } from '../../formats/derivation-hash.ts';
import type { StorePath } from '../../formats/store-path.ts';
import type { ByteString } from '../../foundation/byte-string.ts';
import { NixError, type NixErrorKind, nearestAttributes, renderReport, toNixError } from './errors.ts';
import { examineArguments } from './examine.ts';
import type { NixFileType, NixHost, ParseCache } from './host.ts';
import { ownFiles } from './own-files.ts';
import { type Position, PositionTable } from './positions.ts';
import { printForError } from './print.ts';
import { type SymbolId, SymbolTable } from './symbols.ts';
import type { LintLevel } from './token-stream.ts';
import {
  Attrs,
  Code,
  type Env,
  findAttr,
  isFunction,
  isInteger,
  Lambda,
  type List,
  NixFloat,
  NixPath,
  NixString,
  PrimOp,
  PrimOpApplication,
  type Slot,
  type StringContext,
  Thunk,
  type Value,
} from './values.ts';

/** Experimental features that change the language. */
export type NixFeature =
  | 'pipe-operators'
  | 'parse-toml-timestamps'
  | 'fetch-tree'
  | 'flakes'
  | 'ca-derivations'
  | 'dynamic-derivations'
  | 'impure-derivations';

export interface InterpreterSettings {
  readonly pure: boolean;
  readonly features: ReadonlySet<NixFeature>;
  /** `-I` and `NIX_PATH` entries: prefix may be empty. */
  readonly nixPath: readonly { readonly prefix: ByteString; readonly path: ByteString }[];
  readonly maxCallDepth: number;
  readonly traceVerbose: boolean;
  /** Whether traces name every function called. */
  readonly showTrace: boolean;
  readonly abortOnWarn: boolean;
  /** What `builtins.nixVersion` says. */
  readonly nixVersion: string;
  readonly allowImportFromDerivation: boolean;
  /** See {@link EvaluatorSettings.examine}. */
  readonly examine: ((text: ByteString) => void) | undefined;
  readonly lints: {
    readonly urlLiterals: LintLevel;
    readonly absolutePathLiterals: LintLevel;
    readonly shortPathLiterals: LintLevel;
  };
}

/** Code of thunks that are being evaluated. */
export const blackHole = new Code(() => {
  throw new Error('a black hole is never run');
});
/** Code of thunks whose evaluation failed; the error is in `value`. */
const failed = new Code(() => {
  throw new Error('a failed thunk is never run');
});
export class Interpreter {
  readonly host: NixHost;
  readonly settings: InterpreterSettings;
  readonly parseCache: ParseCache | undefined;
  readonly symbols: SymbolTable;
  readonly positions = new PositionTable();
  /** The base environment, by symbol. */
  readonly globals = new Map<SymbolId, Slot>();
  builtins: Attrs | undefined;
  /** Calls that are under way; limits recursion as Nix does. */
  depth = 0;
  readonly derivationHashes = new Map<StorePath, DerivationHash>();
  /** Store paths of files that were copied into the store, by path. */
  readonly copiedPaths = new Map<ByteString, StorePath>();
  /** Paths without links, by path; positive answers only. */
  readonly resolvedPaths = new Map<ByteString, ByteString>();
  /** Files of the evaluator's own, by path: `<nix/fetchurl.nix>` and what `derivation` is made of. */
  readonly ownFiles: ReadonlyMap<ByteString, ByteString> = ownFiles;
  /** Which file an imported path stands for. */
  readonly importResolution = new Map<ByteString, ByteString>();
  /** Values of imported files, by resolved path. */
  readonly fileValues = new Map<ByteString, Thunk>();
  /** Roots of search path entries, by path. */
  readonly searchRoots = new Map<ByteString, ByteString | undefined>();
  /** Tells programs resolved against different base environments apart. */
  globalsKey = '';
  private readonly stats = new Map<ByteString, { readonly type: NixFileType }>();
  private readonly maxCallDepth: number;
  /** Code of suspended applications; the environment holds function and arguments. */
  private readonly applicationCode: Code;
  private readonly unplacedApplicationCode: Code;

  constructor(host: NixHost, settings: InterpreterSettings, parseCache: ParseCache | undefined) {
    this.host = host;
    this.settings = settings;
    this.parseCache = parseCache;
    this.symbols = new SymbolTable(settings.examine);
    this.maxCallDepth = settings.maxCallDepth;
    const neverRun = () => {
      throw new Error('an application is not run as code');
    };
    this.applicationCode = new Code(neverRun);
    this.unplacedApplicationCode = new Code(neverRun);
  }

  // Forcing.

  /** The value of a slot. `position` is blamed when the slot turns out to need itself. */
  force(slot: Slot, position: Position): Value {
    return slot instanceof Thunk ? this.forceThunk(slot, position) : slot;
  }

  forceThunk(thunk: Thunk, position: Position): Value {
    const code = thunk.code;
    if (code === null) return thunk.value;
    if (code === blackHole) return this.infiniteRecursion(thunk, position);
    if (code === failed) throw (thunk.value as unknown as NixError).clone();
    const env = thunk.env!;
    if (code === this.applicationCode || code === this.unplacedApplicationCode) {
      return this.forceApplication(thunk, code, env, position);
    }
    thunk.code = blackHole;
    thunk.env = null;
    let value: Value;
    try {
      value = code.run(env);
    } catch (thrown) {
      throw this.thunkFailed(thunk, { code, env, thrown });
    }
    thunk.value = value;
    thunk.code = null;
    return value;
  }

  private isApplication(code: Code | null): boolean {
    return code === this.applicationCode || code === this.unplacedApplicationCode;
  }

  private forceApplication(thunk: Thunk, code: Code, env: Env, position: Position): Value {
    // An application is not marked while it runs: as in Nix, its endless recursion is a matter of call depth.
    let value: Value;
    try {
      value =
        env.length === 2
          ? this.call1(this.force(env[0], position), env[1], position)
          : this.callCurried(this.force(env[0], position), env, position);
    } catch (thrown) {
      throw this.thunkFailed(thunk, { code, env, thrown });
    }
    thunk.value = value;
    thunk.code = null;
    thunk.env = null;
    return value;
  }

  // `f a b` suspended is `(f a) b`: two calls, one within the other, for the depth limit.
  private callCurried(fn: Value, env: Env, position: Position): Value {
    let value = fn;
    for (let i = 1; i < env.length; i++) value = this.call1(value, env[i], position);
    return value;
  }

  private infiniteRecursion(thunk: Thunk, position: Position): never {
    throw new NixError('infinite-recursion', 'infinite recursion encountered', { position, cycle: thunk });
  }

  private thunkFailed(thunk: Thunk, state: { code: Code; env: Env; thrown: unknown }): unknown {
    let error: NixError;
    try {
      error = toNixError(state.thrown);
    } catch (bug) {
      thunk.code = state.code;
      thunk.env = state.env;
      return bug;
    }
    if (error.kind === 'stack-overflow' || error.cause !== undefined) {
      // Another attempt may have more stack, or the world may have changed.
      thunk.code = state.code;
      thunk.env = state.env;
      return error;
    }
    if (error.cycle === thunk) error.addTraceAlways(0, 'entering the infinite recursion');
    thunk.code = failed;
    thunk.value = error as unknown as Value;
    return error;
  }

  /** A suspended call of a function on arguments. */
  suspendCall(fn: Slot, argument: Slot): Thunk {
    return new Thunk(this.applicationCode, [fn, argument]);
  }

  /** A suspended call of a function on two arguments. */
  suspendCall2(fn: Slot, first: Slot, second: Slot): Thunk {
    return new Thunk(this.applicationCode, [fn, first, second]);
  }

  /** A suspended call of a function that nobody has looked at yet: errors do not know its place. */
  suspendUnforcedCall(fn: Slot, first: Slot, second: Slot): Thunk {
    return new Thunk(this.unplacedApplicationCode, [fn, first, second]);
  }

  // Calling.

  /** Throws when calls are nested too deeply; else counts one more. */
  enter(position: Position): void {
    if (this.depth > this.maxCallDepth) {
      throw new NixError('stack-overflow', 'stack overflow; max-call-depth exceeded', { position });
    }
    this.depth++;
  }

  // `enter` and `callLambda` are written out: this is how most calls are made.
  call1(fn: Value, argument: Slot, position: Position): Value {
    if (this.depth > this.maxCallDepth) this.enter(position);
    this.depth++;
    let value: Value;
    if (fn instanceof Lambda) {
      const code = fn.code;
      const env = code.formals === undefined ? [fn.env, argument] : code.bind(fn.env, argument, position);
      try {
        value = code.body(env);
      } catch (thrown) {
        throw this.lambdaFailed(fn, position, thrown);
      }
    } else value = this.applyAll(fn, [argument], position);
    this.depth--;
    return value;
  }

  call2(fn: Value, first: Slot, second: Slot, position: Position): Value {
    this.enter(position);
    let value: Value;
    if (fn instanceof Lambda) {
      const next = this.callLambda(fn, first, position);
      value =
        next instanceof Lambda
          ? this.callLambda(next, second, position)
          : this.applyAll(next, [second], position);
    } else value = this.applyAll(fn, [first, second], position);
    this.depth--;
    return value;
  }

  /** Calls a function with all arguments; the result is in weak head normal form. */
  call(fn: Value, args: readonly Slot[], position: Position): Value {
    this.enter(position);
    const value = this.applyAll(fn, args, position);
    this.depth--;
    return value;
  }

  private callLambda(lambda: Lambda, argument: Slot, position: Position): Value {
    const code = lambda.code;
    const env =
      code.formals === undefined ? [lambda.env, argument] : code.bind(lambda.env, argument, position);
    try {
      return code.body(env);
    } catch (thrown) {
      throw this.lambdaFailed(lambda, position, thrown);
    }
  }

  private lambdaFailed(lambda: Lambda, position: Position, thrown: unknown): unknown {
    const error = toNixError(thrown);
    if (this.settings.showTrace) {
      const name = lambda.code.name;
      const shown = name < 0 ? 'anonymous lambda' : `'${this.symbols.names[name]}'`;
      error.addTrace(lambda.code.position, `while calling ${shown}`);
      if (position !== 0) error.addTrace(position, 'from call site');
    }
    return error;
  }

  private applyAll(fn: Value, args: readonly Slot[], position: Position): Value {
    let current = fn;
    let used = 0;
    while (used < args.length) {
      if (current instanceof Lambda) {
        current = this.callLambda(current, args[used]!, position);
        used++;
      } else if (current instanceof PrimOp) {
        const { arity } = current;
        if (args.length - used < arity) return new PrimOpApplication(current, args.slice(used));
        const first = args[used]!;
        const second = arity < 2 ? null : args[used + 1]!;
        const third = arity < 3 ? null : args[used + 2]!;
        used += arity;
        current = this.callPrimOp(current, position, first, second, third);
      } else if (current instanceof PrimOpApplication) {
        const needed = current.primOp.arity - current.args.length;
        const left = args.length - used;
        if (left < needed) {
          return new PrimOpApplication(current.primOp, [...current.args, ...args.slice(used)]);
        }
        const given = current.args.concat(args.slice(used, used + needed));
        used += needed;
        const third = given.length < 3 ? null : given[2]!;
        current = this.callPrimOp(current.primOp, position, given[0]!, given[1]!, third);
      } else if (current instanceof Attrs) {
        const index = findAttr(current.names, this.symbols.functor);
        if (index < 0) this.notAFunction(current, position);
        const functorPosition = current.positionAt(index);
        try {
          const functor = this.force(current.values[index]!, functorPosition);
          current = this.call(functor, [current, args[used]!], functorPosition);
        } catch (thrown) {
          throw toNixError(thrown).addTrace(
            position,
            "while calling a functor (an attribute set with a '__functor' attribute)",
          );
        }
        used++;
      } else this.notAFunction(current, position);
    }
    return current;
  }

  /** Calls a builtin with the arguments that it takes; the others are null. */
  callPrimOp(primOp: PrimOp, position: Position, first: Slot, second: Slot, third: Slot): Value {
    const { examine } = this.settings;
    try {
      if (examine === undefined) return primOp.call(first, second, third, position);
      try {
        return primOp.call(first, second, third, position);
      } finally {
        // Afterwards, since only then it is known which arguments were evaluated.
        const args = [first, second, third].slice(0, primOp.arity);
        examineArguments(primOp.name, args, { examine, outPath: this.symbols.outPath });
      }
    } catch (thrown) {
      const error = toNixError(thrown);
      if (primOp.traced) error.addTrace(position, `while calling the '${primOp.name}' builtin`);
      throw error;
    }
  }

  private notAFunction(value: Value, position: Position): never {
    throw this.error(
      'type',
      `attempt to call something which is not a function but ${this.describe(value)}`,
      position,
    );
  }

  // Errors.

  error(kind: NixErrorKind, message: ByteString, position: Position = 0): NixError {
    return new NixError(kind, message, { position });
  }

  /** `an integer: 1`, as error messages name a value. */
  describe(value: Value): ByteString {
    return `${showType(value)}: ${printForError(this, value)}`;
  }

  /** `attribute 'x' missing`, with the names that are near. */
  missingAttribute(attrs: Attrs, name: SymbolId): NixError {
    const names = this.symbols.names;
    const wanted = names[name]!;
    return new NixError('eval', `attribute '${wanted}' missing`, {
      suggestions: nearestAttributes(
        wanted,
        attrs.names.map((symbol) => names[symbol]!),
      ),
    });
  }

  private mismatch(expected: string, value: Value, position: Position): NixError {
    return this.error('type', `expected ${expected} but found ${this.describe(value)}`, position);
  }

  // Typed forcing. `context` is what the trace says when the value is of another type.

  forceAttrs(slot: Slot, position: Position, context: ByteString): Attrs {
    const value = slot instanceof Thunk ? this.forceThunk(slot, position) : slot;
    if (value instanceof Attrs) return value;
    throw this.mismatch('a set', value, 0).addTrace(position, context);
  }

  forceList(slot: Slot, position: Position, context: ByteString): List {
    const value = slot instanceof Thunk ? this.forceThunk(slot, position) : slot;
    if (Array.isArray(value)) return value;
    throw this.mismatch('a list', value, 0).addTrace(position, context);
  }

  forceInteger(slot: Slot, position: Position, context: ByteString): number | bigint {
    try {
      const value = this.force(slot, position);
      if (isInteger(value)) return value;
      throw this.mismatch('an integer', value, position);
    } catch (thrown) {
      throw toNixError(thrown).addTrace(position, context);
    }
  }

  forceFloat(slot: Slot, position: Position, context: ByteString): number {
    try {
      const value = this.force(slot, position);
      if (isInteger(value)) return Number(value);
      if (value instanceof NixFloat) return value.value;
      throw this.mismatch('a float', value, position);
    } catch (thrown) {
      throw toNixError(thrown).addTrace(position, context);
    }
  }

  forceBool(slot: Slot, position: Position, context: ByteString): boolean {
    try {
      const value = this.force(slot, position);
      if (typeof value === 'boolean') return value;
      throw this.mismatch('a Boolean', value, position);
    } catch (thrown) {
      throw toNixError(thrown).addTrace(position, context);
    }
  }

  forceFunction(slot: Slot, position: Position, context: ByteString): Value {
    try {
      const value = this.force(slot, position);
      if (isFunction(value) || this.isFunctor(value)) return value;
      throw this.mismatch('a function', value, position);
    } catch (thrown) {
      throw toNixError(thrown).addTrace(position, context);
    }
  }

  forceStringValue(slot: Slot, position: Position, context: ByteString): ByteString | NixString {
    try {
      const value = this.force(slot, position);
      if (typeof value === 'string' || value instanceof NixString) return value;
      throw this.mismatch('a string', value, position);
    } catch (thrown) {
      throw toNixError(thrown).addTrace(position, context);
    }
  }

  /** A string that may not refer to the store. */
  forceStringNoContext(slot: Slot, position: Position, context: ByteString): ByteString {
    const value = this.forceStringValue(slot, position, context);
    if (typeof value === 'string') return value;
    throw this.error(
      'eval',
      `the string '${value.text}' is not allowed to refer to a store path (such as '${displayContextElement(firstContextElement(value.context))}')`,
    ).addTrace(position, context);
  }

  isFunctor(value: Value): boolean {
    return value instanceof Attrs && findAttr(value.names, this.symbols.functor) >= 0;
  }

  /** The slot of an attribute that must be there. */
  requireAttr(attrs: Attrs, name: SymbolId, context: ByteString): number {
    const index = findAttr(attrs.names, name);
    if (index >= 0) return index;
    throw this.missingRequired(name, context);
  }

  /** An attribute that must be there and is not. */
  missingRequired(name: SymbolId, context: ByteString): NixError {
    return this.error('type', `attribute '${this.symbols.names[name]}' missing`).addTrace(0, context);
  }

  isDerivation(value: Value): boolean {
    if (!(value instanceof Attrs)) return false;
    const index = findAttr(value.names, this.symbols.type);
    if (index < 0) return false;
    const type = this.force(value.values[index]!, 0);
    return type === 'derivation' || (type instanceof NixString && type.text === 'derivation');
  }

  /** Where a value was written, as far as the value itself knows. */
  positionOf(slot: Slot): Position {
    const value = slot instanceof Thunk ? (slot.code === null ? slot.value : undefined) : slot;
    if (value instanceof Attrs) return value.position;
    if (value instanceof Lambda) return value.code.position;
    if (slot instanceof Thunk && this.isApplication(slot.code)) {
      return slot.code === this.applicationCode ? this.positionOf(slot.env![0]) : 0;
    }
    return 0;
  }

  // Files.

  /** What lies at a path, links not followed; what was found once is remembered. */
  lstat(path: ByteString): { readonly type: NixFileType } | undefined {
    const known = this.stats.get(path);
    if (known !== undefined) return known;
    const stat = this.ownFiles.has(path) ? ({ type: 'regular' } as const) : this.host.lstat(path);
    if (stat !== undefined) this.stats.set(path, stat);
    return stat;
  }

  /** Like lstat, but a file that is not there, or not allowed, is an error that names it `shown`. */
  requireFile(path: ByteString, shown: ByteString): { readonly type: NixFileType } {
    this.checkAccess(path);
    const stat = this.lstat(path);
    if (stat === undefined) throw this.error('other', `path '${shown}' does not exist`);
    return stat;
  }

  readFile(path: ByteString): ByteString {
    return this.ownFiles.get(path) ?? this.host.readFile(path);
  }

  /** Throws when the evaluator may not use a path. */
  checkAccess(path: ByteString): void {
    if (this.ownFiles.has(path)) return;
    const reason = this.host.forbidden(path);
    if (reason !== undefined) throw this.error('restricted-path', reason);
  }

  warn(message: ByteString): void {
    this.warnAt(message, 0);
  }

  /** A warning about a place in the source. */
  warnAt(
    message: ByteString,
    position: Position,
    { prefix = 'warning: ', trace }: { prefix?: string; trace?: ByteString } = {},
  ): void {
    const report = {
      nixMessage: message,
      position: this.positions.resolve(position),
      traces: trace === undefined ? [] : [{ hint: trace, position: undefined, always: true }],
      suggestions: [],
    };
    this.host.message(renderReport(prefix, report));
  }
}

/** The kind of a value with its article: `a set`, `the built-in function 'map'`. */
export function showType(value: Value): ByteString {
  if (value === null) return 'null';
  switch (typeof value) {
    case 'boolean':
      return 'a Boolean';
    case 'number':
    case 'bigint':
      return 'an integer';
    case 'string':
      return 'a string';
  }
  if (value instanceof NixString) return 'a string with context';
  if (value instanceof Attrs) return 'a set';
  if (Array.isArray(value)) return 'a list';
  if (value instanceof NixFloat) return 'a float';
  if (value instanceof NixPath) return 'a path';
  if (value instanceof PrimOp) return `the built-in function '${value.name}'`;
  if (value instanceof PrimOpApplication) {
    return `the partially applied built-in function '${value.primOp.name}'`;
  }
  return 'a function';
}

/** The element Nix would find first: plain paths, then derivations with their closure, then outputs. */
function firstContextElement(context: StringContext): ByteString {
  const rank = (element: ByteString) => (element[0] === '=' ? 1 : element[0] === '!' ? 2 : 0);
  return [...context].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1))[0]!;
}

/** A context element for people: `path`, `drv` with `^output`. */
function displayContextElement(element: ByteString): ByteString {
  if (element[0] === '=') return `${element.slice(1)} (deep)`;
  if (element[0] !== '!') return element;
  const end = element.indexOf('!', 1);
  return `${element.slice(end + 1)}^${element.slice(1, end)}`;
}
