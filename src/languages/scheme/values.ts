// Scheme values in JavaScript. Exact integers are numbers while they are safe integers, bigints beyond; inexact
// reals are Flonum; booleans, vectors (arrays) and bytevectors (Uint8Array) are JavaScript's own. Strings are
// mutable, hence MString. Everything with identity is a class of its own.

/** Any Scheme value; primitives check what they are given. */
// biome-ignore lint/suspicious/noExplicitAny: Scheme is dynamically typed, and so is every value that crosses here.
export type Value = any;

/** The symbol type; interned symbols come from {@link intern}, others from `make-symbol`. */
export class Sym {
  readonly name: string;
  readonly interned: boolean;
  constructor(name: string, interned: boolean) {
    this.name = name;
    this.interned = interned;
  }
}

const symbols = new Map<string, Sym>();

/** The symbol of this name. */
export function intern(name: string): Sym {
  let symbol = symbols.get(name);
  if (symbol === undefined) {
    symbol = new Sym(name, true);
    symbols.set(name, symbol);
  }
  return symbol;
}

let gensymCounter = 0;

/** A new interned symbol that no program text is likely to hold: `prefix` and a number, as Guile's gensym. */
export function gensym(prefix = ' g'): Sym {
  for (;;) {
    const name = `${prefix}${++gensymCounter}`;
    if (!symbols.has(name)) return intern(name);
  }
}

/** How many symbols {@link gensym} has made. */
export function gensymCount(): number {
  return gensymCounter;
}

/** A keyword, `#:name`. */
export class Keyword {
  readonly symbol: Sym;
  constructor(symbol: Sym) {
    this.symbol = symbol;
  }
}

const keywords = new Map<Sym, Keyword>();

/** The keyword of this name. */
export function keyword(name: string | Sym): Keyword {
  const symbol = typeof name === 'string' ? intern(name) : name;
  let found = keywords.get(symbol);
  if (found === undefined) {
    found = new Keyword(symbol);
    keywords.set(symbol, found);
  }
  return found;
}

/** A pair; mutable. */
export class Pair {
  car: Value;
  cdr: Value;
  constructor(car: Value, cdr: Value) {
    this.car = car;
    this.cdr = cdr;
  }
}

/** Objects of which there is one. */
export class Singleton {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** The empty list. */
export const NIL = new Singleton('()');
export const UNSPECIFIED = new Singleton('#<unspecified>');
export const EOF = new Singleton('#<eof>');

/** A character: a Unicode code point. Equal characters are one object. */
export class Char {
  readonly code: number;
  constructor(code: number) {
    this.code = code;
  }
}

const chars = new Map<number, Char>();

/** The character of a code point. */
export function char(code: number): Char {
  let found = chars.get(code);
  if (found === undefined) {
    found = new Char(code);
    chars.set(code, found);
  }
  return found;
}

const surrogate = /[\ud800-\udfff]/;

/** A mutable string. Indexes count code points. */
export class MString {
  text: string;
  readonly literal: boolean;
  /** The code points, kept only for texts with characters beyond the BMP. */
  private points: { readonly of: string; readonly list: string[] } | undefined;
  constructor(text: string, literal = false) {
    this.text = text;
    this.literal = literal;
  }
  private wide(): string[] | undefined {
    if (!surrogate.test(this.text)) return undefined;
    if (this.points === undefined || this.points.of !== this.text) {
      this.points = { of: this.text, list: Array.from(this.text) };
    }
    return this.points.list;
  }
  /** Length in code points. */
  get length(): number {
    return this.text.length < 1 ? 0 : (this.wide()?.length ?? this.text.length);
  }
  /** Code point at an index that is in range. */
  codeAt(index: number): number {
    const wide = this.wide();
    return wide === undefined ? this.text.charCodeAt(index) : wide[index]!.codePointAt(0)!;
  }
  /** Text between two indexes that are in range. */
  slice(start: number, end?: number): string {
    const wide = this.wide();
    if (wide === undefined) return this.text.slice(start, end);
    return wide.slice(start, end).join('');
  }
  setCode(index: number, code: number): void {
    const wide = this.wide();
    const one = String.fromCodePoint(code);
    this.text =
      wide === undefined
        ? this.text.slice(0, index) + one + this.text.slice(index + 1)
        : [...wide.slice(0, index), one, ...wide.slice(index + 1)].join('');
  }
}

/** An inexact real. */
export class Flonum {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

/** An exact ratio in lowest terms; the denominator is at least 2. */
export class Ratnum {
  readonly num: bigint;
  readonly den: bigint;
  constructor(num: bigint, den: bigint) {
    this.num = num;
    this.den = den;
  }
}

/** Several values (or none) as one result; `call-with-values` takes it apart. */
export class MultipleValues {
  readonly list: readonly Value[];
  constructor(list: readonly Value[]) {
    this.list = list;
  }
}

/** A cell for a local variable that is assigned and captured. */
export class Box {
  value: Value;
  constructor(value: Value) {
    this.value = value;
  }
}

/** A promise: `thunk` until forced, then `value`. R7RS `delay-force` chains share one state. */
export class SPromise {
  state: { done: boolean; value: Value };
  constructor(state: { done: boolean; value: Value }) {
    this.state = state;
  }
}

/** A fluid (`make-fluid`): its value outside of any binding. */
export class Fluid {
  value: Value;
  constructor(value: Value) {
    this.value = value;
  }
}

/** A parameter object: a fluid that converts what it is given. */
export class Parameter {
  readonly fluid: Fluid;
  readonly converter: Value;
  constructor(fluid: Fluid, converter: Value) {
    this.fluid = fluid;
    this.converter = converter;
  }
}

/** A record type: R6RS-like, single inheritance. */
export class RecordType {
  readonly name: Sym;
  /** Names of all fields, the parents' first. */
  readonly fields: readonly Sym[];
  readonly parent: RecordType | undefined;
  readonly opaque: boolean;
  /** Procedure of record and port, or undefined for the usual form. */
  printer: Value | undefined;
  constructorProcedure: Value = undefined;
  properties: Value = NIL;
  readonly applicable: boolean;
  readonly setterToo: boolean;
  readonly uid: Value;
  /** Immutable fields by index. */
  readonly immutable: ReadonlySet<number>;
  /** Whether other types may have it for a parent. */
  readonly extensible: boolean;
  constructor(options: {
    name: Sym;
    fields: readonly Sym[];
    parent?: RecordType | undefined;
    printer?: Value;
    opaque?: boolean;
    applicable?: boolean;
    setterToo?: boolean;
    uid?: Value;
    immutable?: ReadonlySet<number>;
    extensible?: boolean;
  }) {
    this.name = options.name;
    this.fields = options.fields;
    this.parent = options.parent;
    this.printer = options.printer;
    this.opaque = options.opaque ?? false;
    this.applicable = options.applicable ?? options.parent?.applicable ?? false;
    this.setterToo = options.setterToo ?? options.parent?.setterToo ?? false;
    this.uid = options.uid ?? false;
    this.immutable = options.immutable ?? new Set();
    this.extensible = options.extensible ?? false;
  }
  /** Whether this type is `ancestor` or descends from it. */
  isA(ancestor: RecordType): boolean {
    let type: RecordType | undefined = this;
    while (type !== undefined) {
      if (type === ancestor) return true;
      type = type.parent;
    }
    return false;
  }
}

/** An instance of a record type (a Guile struct). */
export class Rec {
  readonly type: RecordType;
  readonly fields: Value[];
  constructor(type: RecordType, fields: Value[]) {
    this.type = type;
    this.fields = fields;
  }
}

/** Something whose identity is all that matters to programs: prompt tags, mutexes, directory streams. */
export class Opaque {
  readonly kind: string;
  data: Value;
  constructor(kind: string, data: Value = undefined) {
    this.kind = kind;
    this.data = data;
  }
}

/** Pairs of a proper list, or of the proper part of an improper one, as an array. */
export function listToArray(list: Value): Value[] {
  const items: Value[] = [];
  let rest = list;
  while (rest instanceof Pair) {
    items.push(rest.car);
    rest = rest.cdr;
  }
  return items;
}

/** A list of these items, ending in `tail`. */
export function arrayToList(items: readonly Value[], tail: Value = NIL): Value {
  let list = tail;
  for (let i = items.length - 1; i >= 0; i--) list = new Pair(items[i], list);
  return list;
}

/** A list of its arguments. */
export function list(...items: Value[]): Value {
  return arrayToList(items);
}

/** Length of a proper list, or -1 for anything else (circular lists included). */
export function properLength(value: Value): number {
  let length = 0;
  let slow = value;
  let rest = value;
  while (rest instanceof Pair) {
    rest = rest.cdr;
    length++;
    if ((length & 1) === 0) {
      slow = slow.cdr;
      if (slow === rest && rest instanceof Pair) return -1;
    }
  }
  return rest === NIL ? length : -1;
}

/** A new mutable string. */
export function str(text: string): MString {
  return new MString(text);
}
