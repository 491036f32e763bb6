// Values of the Nix language as V8 likes them. null, booleans, strings without context and integers up to 2^53 are
// JavaScript's own; the rest are small classes with one shape each. A slot holds a value or a thunk.
import type { ByteString } from '../../foundation/byte-string.ts';
import type { Position } from './positions.ts';
import type { SymbolId } from './symbols.ts';

/**
 * An environment: slot 0 is the enclosing environment, the others are variables (undefined until bound).
 * `any` because a slot is both; the compiler knows which is which.
 */
// biome-ignore lint/suspicious/noExplicitAny: slot 0 is an environment, the others are values
export type Env = any[];

/** Code that yields a value in weak head normal form. */
export type Eval = (env: Env) => Value;

/** The code of a thunk: `run` is called as its method, and may replace itself by compiled code. */
export class Code {
  run: (this: Code, env: Env) => Value;
  /** What `run` compiles the first time: a program, which this file knows nothing of, and a node of it. */
  readonly unit: unknown;
  readonly node: number;
  constructor(run: (this: Code, env: Env) => Value, unit: unknown = null, node = -1) {
    this.run = run;
    this.unit = unit;
    this.node = node;
  }
}

/** A suspended computation. `code` is null once `value` holds its result. */
export class Thunk {
  code: Code | null;
  env: Env | null;
  value: Value;
  constructor(code: Code, env: Env) {
    this.code = code;
    this.env = env;
    this.value = null;
  }
}

/** A 64-bit float; integers are JavaScript numbers, so floats are boxed. */
export class NixFloat {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

/**
 * What a string depends on. Elements are encoded as Nix does: `path`, `=drvPath` (with its whole closure) and
 * `!output!drvPath`. Never changed once made.
 */
export type StringContext = ReadonlySet<ByteString>;

/** A string with a non-empty context. */
export class NixString {
  readonly text: ByteString;
  readonly context: StringContext;
  constructor(text: ByteString, context: StringContext) {
    this.text = text;
    this.context = context;
  }
}

/** A path value: absolute and normalised. */
export class NixPath {
  readonly path: ByteString;
  constructor(path: ByteString) {
    this.path = path;
  }
}

/** Positions of a set's attributes, or how to work them out: most are never asked for. */
export type Places = readonly Position[] | DeferredPlaces;

/** Positions that are worked out when somebody asks. */
export abstract class DeferredPlaces {
  /** How many others it may have to work out first. */
  readonly depth: number;
  constructor(depth: number) {
    this.depth = depth;
  }
  abstract resolve(): Position[];
  /** The position of one attribute, without working out the others'. */
  abstract at(name: SymbolId): Position;
}

/**
 * Beyond this, positions are worked out at once: a long chain of updates must not keep all its names. Packages of
 * nixpkgs have some twenty updates behind them, and hardly any of their positions is ever asked for.
 */
export const maximumPlacesDepth = 64;

/** The positions themselves. */
export function resolvePlaces(places: Places): readonly Position[] {
  return places instanceof DeferredPlaces ? places.resolve() : places;
}

/** Attributes that were written nowhere. */
class NoPlaces extends DeferredPlaces {
  private readonly count: number;
  constructor(count: number) {
    super(0);
    this.count = count;
  }
  resolve(): Position[] {
    return new Array<Position>(this.count).fill(0);
  }
  at(): Position {
    return 0;
  }
}

/** Places for so many attributes that were written nowhere. */
export function noPlaces(count: number): Places {
  return new NoPlaces(count);
}

/**
 * An attribute set: parallel arrays sorted by symbol id. `names` is shared between sets of the same literal, so
 * code that selects an attribute remembers where it found it.
 */
export class Attrs {
  readonly names: readonly SymbolId[];
  readonly values: Slot[];
  /** What {@link positions} comes from. */
  places: Places;
  readonly position: Position;
  constructor(names: readonly SymbolId[], values: Slot[], places: Places, position: Position) {
    this.names = names;
    this.values = values;
    this.places = places;
    this.position = position;
  }

  /** Where each attribute was written. */
  get positions(): readonly Position[] {
    if (this.places instanceof DeferredPlaces) this.places = this.places.resolve();
    return this.places;
  }

  /** Where the attribute at an index was written. */
  positionAt(index: number): Position {
    const { places } = this;
    return places instanceof DeferredPlaces ? places.at(this.names[index]!) : places[index]!;
  }
}

/** The part of a function that its closures share. */
export interface LambdaCode {
  /** Name for traces; -1 when it has none. */
  name: SymbolId;
  readonly position: Position;
  readonly argument: SymbolId;
  readonly formals: readonly Formal[] | undefined;
  readonly ellipsis: boolean;
  /** Makes the environment of a call; throws when the argument does not fit. */
  readonly bind: (closure: Env, argument: Slot, callPosition: Position) => Env;
  body: Eval;
  /** The function this one's body is, when the body is a function: named together. */
  readonly inner: LambdaCode | undefined;
}

export interface Formal {
  readonly name: SymbolId;
  readonly position: Position;
  readonly hasDefault: boolean;
}

export class Lambda {
  readonly code: LambdaCode;
  readonly env: Env;
  constructor(code: LambdaCode, env: Env) {
    this.code = code;
    this.env = env;
  }
}

/**
 * The code of a builtin, which takes up to three arguments; those beyond its arity are null. `position` is that of the
 * call. Arguments are not an array, because taking one apart is slow in code that is not optimised yet.
 */
export type PrimOpCall = (first: Slot, second: Slot, third: Slot, position: Position) => Value;

/** A function of the evaluator. */
export class PrimOp {
  readonly name: string;
  readonly arity: number;
  readonly call: PrimOpCall;
  /** Whether errors get "while calling the … builtin". */
  readonly traced: boolean;
  constructor(name: string, arity: number, call: PrimOpCall, traced: boolean) {
    this.name = name;
    this.arity = arity;
    this.call = call;
    this.traced = traced;
  }
}

/** A primop with some, not all, of its arguments. */
export class PrimOpApplication {
  readonly primOp: PrimOp;
  readonly args: readonly Slot[];
  constructor(primOp: PrimOp, args: readonly Slot[]) {
    this.primOp = primOp;
    this.args = args;
  }
}

/** Lists are arrays, never changed once made. */
export type List = Slot[];

/** A value in weak head normal form. Integers are numbers, or bigints beyond ±2^53. */
export type Value =
  | null
  | boolean
  | number
  | bigint
  | ByteString
  | NixFloat
  | NixString
  | NixPath
  | Attrs
  | List
  | Lambda
  | PrimOp
  | PrimOpApplication;

/** What variables, list elements and attributes hold. */
export type Slot = Value | Thunk;

export const emptyAttrs = new Attrs([], [], [], 0);
export const emptyList: List = [];

/** Index of a symbol in a set's arrays, or -1. */
export function findAttr(names: readonly SymbolId[], symbol: SymbolId): number {
  let low = 0;
  let high = names.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const found = names[middle]!;
    if (found === symbol) return middle;
    if (found < symbol) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}

/** The slot of an attribute, or undefined. */
export function getAttr(attrs: Attrs, symbol: SymbolId): Slot | undefined {
  const index = findAttr(attrs.names, symbol);
  return index < 0 ? undefined : attrs.values[index];
}

/** The string inside a string value. */
export function textOf(value: ByteString | NixString): ByteString {
  return typeof value === 'string' ? value : value.text;
}

export function isString(value: Value): value is ByteString | NixString {
  return typeof value === 'string' || value instanceof NixString;
}

export function isInteger(value: Value): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint';
}

export function isFunction(value: Value): value is Lambda | PrimOp | PrimOpApplication {
  return value instanceof Lambda || value instanceof PrimOp || value instanceof PrimOpApplication;
}

/** A string value, boxed only when it has a context. */
export function makeString(text: ByteString, context: StringContext | undefined): ByteString | NixString {
  return context === undefined || context.size === 0 ? text : new NixString(text, context);
}

const minInt = -(2n ** 63n);
const maxInt = 2n ** 63n - 1n;

/** An integer in its canonical form, or undefined when it does not fit 64 bits. */
export function makeInteger(value: bigint): number | bigint | undefined {
  if (value >= -9007199254740991n && value <= 9007199254740991n) return Number(value);
  return value < minInt || value > maxInt ? undefined : value;
}

/** Up to so many are sorted by insertion. */
const fewNames = 64;

/** The attributes' indexes in the order of their names' bytes. */
export function lexicographicOrder(attrs: Attrs, symbolNames: readonly ByteString[]): number[] {
  const { names } = attrs;
  const count = names.length;
  if (count > fewNames) {
    const indexes = new Map<ByteString, number>();
    for (let i = 0; i < count; i++) indexes.set(symbolNames[names[i]!]!, i);
    // Without a comparator strings are sorted by unit, which is by byte here, and much faster.
    return [...indexes.keys()].sort().map((name) => indexes.get(name)!);
  }
  const order: number[] = new Array(count);
  const sorted: ByteString[] = new Array(count);
  for (let i = 0; i < count; i++) {
    const name = symbolNames[names[i]!]!;
    let low = 0;
    let high = i;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sorted[middle]! < name) low = middle + 1;
      else high = middle;
    }
    for (let j = i; j > low; j--) {
      order[j] = order[j - 1]!;
      sorted[j] = sorted[j - 1]!;
    }
    order[low] = i;
    sorted[low] = name;
  }
  return order;
}

/** A set from entries in any order; of two entries with one name the last wins. */
export function attrsFromEntries(
  entries: Iterable<readonly [SymbolId, Slot, Position?]>,
  position: Position = 0,
): Attrs {
  const names: SymbolId[] = [];
  const values: Slot[] = [];
  const positions: Position[] = [];
  for (const entry of entries) {
    names.push(entry[0]);
    values.push(entry[1]);
    positions.push(entry[2] ?? 0);
  }
  return attrsFromArrays(names, values, positions, position);
}

/** The same from arrays side by side, which the set keeps when they are sorted by name already. */
export function attrsFromArrays(
  names: SymbolId[],
  values: Slot[],
  positions: Position[],
  position: Position = 0,
): Attrs {
  const count = names.length;
  if (count === 0) return emptyAttrs;
  let isSorted = true;
  for (let i = 1; i < count && isSorted; i++) isSorted = names[i - 1]! < names[i]!;
  if (isSorted) return new Attrs(names, values, positions, position);
  // Numbers are sorted as numbers; what has one name stays in order.
  const order = new Float64Array(count);
  for (let i = 0; i < count; i++) order[i] = names[i]! * 2 ** 26 + i;
  order.sort();
  const sortedNames: SymbolId[] = [];
  const sortedValues: Slot[] = [];
  const sortedPositions: Position[] = [];
  for (let i = 0; i < count; i++) {
    const index = order[i]! % 2 ** 26;
    const name = names[index]!;
    if (sortedNames[sortedNames.length - 1] === name) {
      sortedValues[sortedValues.length - 1] = values[index]!;
      sortedPositions[sortedPositions.length - 1] = positions[index]!;
    } else {
      sortedNames.push(name);
      sortedValues.push(values[index]!);
      sortedPositions.push(positions[index]!);
    }
  }
  return new Attrs(sortedNames, sortedValues, sortedPositions, position);
}
