// Syntax objects and their wraps, after Dybvig, Hieb and Bruggeman, "Syntactic abstraction in Scheme" (1993), and
// Ghuloum and Dybvig's implicit phasing: marks tell apart what different macro steps introduced, ribs map names to
// labels, and both are pushed towards the leaves only when somebody looks.
import type { Module } from './module.ts';
import { Pair, Sym, type Value } from './values.ts';

/** A place in a source text, as compact as can be: one per datum. */
export class Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  constructor(file: string, line: number, column: number) {
    this.file = file;
    this.line = line;
    this.column = column;
  }
}

/** One mark; identity is all. */
export class Mark {
  readonly anti: boolean;
  constructor(anti = false) {
    this.anti = anti;
  }
}

export const ANTI_MARK = new Mark(true);
/** The mark of program text that no macro made. */
const TOP_MARK = new Mark();

export interface Marks {
  readonly head: Mark;
  readonly tail: Marks | null;
}

/** What a label stands for; see expand.ts. */
export interface Label {
  binding: Value;
}

interface RibEntry {
  readonly marks: Marks | null;
  readonly label: Label | Syntax;
}

/** Names bound by one binding form or body. */
export class Rib {
  private readonly entries = new Map<Sym, RibEntry[]>();
  add(id: Syntax, label: Label | Syntax): void {
    const list = this.entries.get(id.datum);
    const entry = { marks: id.wrap.marks, label };
    if (list === undefined) this.entries.set(id.datum, [entry]);
    else list.push(entry);
  }
  find(name: Sym, marks: Marks | null): Label | Syntax | undefined {
    const list = this.entries.get(name);
    if (list === undefined) return undefined;
    for (let i = list.length - 1; i >= 0; i--) {
      if (sameMarks(list[i]!.marks, marks)) return list[i]!.label;
    }
    return undefined;
  }
}

/** A place where one mark was added: marks to its right were made before it. */
export const SHIFT = { shift: true } as const;

export interface Substs {
  readonly head: Rib | typeof SHIFT;
  readonly tail: Substs | null;
}

export interface Wrap {
  readonly marks: Marks | null;
  readonly substs: Substs | null;
}

export const EMPTY_WRAP: Wrap = { marks: null, substs: null };
export const TOP_WRAP: Wrap = { marks: { head: TOP_MARK, tail: null }, substs: null };

/** A datum with the lexical context it came from. `module` is undefined while nobody gave it one. */
export class Syntax {
  readonly datum: Value;
  readonly wrap: Wrap;
  readonly module: Module | undefined;
  readonly place: Place | undefined;
  constructor(datum: Value, wrap: Wrap, module?: Module, place?: Place) {
    this.datum = datum;
    this.wrap = wrap;
    this.module = module;
    this.place = place;
  }
}

export function sameMarks(a: Marks | null, b: Marks | null): boolean {
  let x = a;
  let y = b;
  while (x !== y) {
    if (x === null || y === null || x.head !== y.head) return false;
    x = x.tail;
    y = y.tail;
  }
  return true;
}

function appendMarks(a: Marks, b: Marks | null): Marks {
  return { head: a.head, tail: a.tail === null ? b : appendMarks(a.tail, b) };
}

function appendSubsts(a: Substs, b: Substs | null): Substs {
  if (b === null) return a;
  return { head: a.head, tail: a.tail === null ? b : appendSubsts(a.tail, b) };
}

/** The wrap that applies `inner` first and `outer` after it. */
function joinWraps(outer: Wrap, inner: Wrap): Wrap {
  if (outer.marks === null && outer.substs === null) return inner;
  if (inner.marks === null && inner.substs === null) return outer;
  return {
    marks:
      outer.marks === null
        ? inner.marks
        : inner.marks === null
          ? outer.marks
          : appendMarks(outer.marks, inner.marks),
    substs: outer.substs === null ? inner.substs : appendSubsts(outer.substs, inner.substs),
  };
}

/** `value` with a wrap around it; atoms other than symbols stay as they are. */
export function wrapValue(value: Value, wrap: Wrap, module: Module | undefined): Value {
  if (value instanceof Syntax) {
    if (wrap === EMPTY_WRAP && (value.module !== undefined || module === undefined)) return value;
    return new Syntax(value.datum, joinWraps(wrap, value.wrap), value.module ?? module, value.place);
  }
  if (value instanceof Pair || value instanceof Sym || Array.isArray(value)) {
    if (wrap === EMPTY_WRAP && module === undefined) return value;
    return new Syntax(value, wrap, module);
  }
  return value;
}

/** Whether a form is a pair, seen through its syntax object. */
export function isStxPair(value: Value): boolean {
  return value instanceof Pair || (value instanceof Syntax && value.datum instanceof Pair);
}

export function stxCar(value: Value): Value {
  if (value instanceof Pair) return value.car;
  return wrapValue(value.datum.car, value.wrap, value.module);
}

export function stxCdr(value: Value): Value {
  if (value instanceof Pair) return value.cdr;
  return wrapValue(value.datum.cdr, value.wrap, value.module);
}

/** The datum of a form's outermost layer. */
export function stxDatum(value: Value): Value {
  return value instanceof Syntax ? value.datum : value;
}

export function isIdentifier(value: Value): value is Syntax {
  return value instanceof Syntax && value.datum instanceof Sym;
}

/** Elements of a syntactic list and what follows the last pair. */
export function stxList(value: Value): { items: Value[]; tail: Value } {
  const items: Value[] = [];
  let rest = value;
  while (isStxPair(rest)) {
    items.push(stxCar(rest));
    rest = stxCdr(rest);
  }
  return { items, tail: stxDatum(rest) };
}

/** The datum without any syntax objects. Shares what needs no change. */
export function stripSyntax(value: Value): Value {
  if (value instanceof Syntax) return stripSyntax(value.datum);
  if (value instanceof Pair) {
    // Lists are long, so the spine is walked in a loop.
    const items: { pair: Pair; car: Value }[] = [];
    let changed = false;
    let rest: Value = value;
    while (rest instanceof Pair || (rest instanceof Syntax && rest.datum instanceof Pair)) {
      if (rest instanceof Syntax) {
        rest = rest.datum as Pair;
        changed = true;
      }
      const car = stripSyntax(rest.car);
      if (car !== rest.car) changed = true;
      items.push({ pair: rest, car });
      rest = rest.cdr;
    }
    const tail = stripSyntax(rest);
    if (!changed && tail === rest) return value;
    let result = tail;
    for (let i = items.length - 1; i >= 0; i--) result = new Pair(items[i]!.car, result);
    return result;
  }
  if (Array.isArray(value)) {
    let changed = false;
    const items = value.map((item) => {
      const stripped = stripSyntax(item);
      if (stripped !== item) changed = true;
      return stripped;
    });
    return changed ? items : value;
  }
  return value;
}

/** Where a form stands in its source, if it says. */
export function placeOf(value: Value): Place | undefined {
  return value instanceof Syntax ? value.place : undefined;
}

/** Where pairs of quoted data stand: what Guile calls source properties. */
export const sourcePlaces = new WeakMap<Pair, Place>();

/** As {@link stripSyntax}, noting where pairs came from, so that `eval` of quoted text can say where it fails. */
export function stripKeepingPlaces(value: Value): Value {
  if (value instanceof Syntax) {
    const datum = stripKeepingPlaces(value.datum);
    if (datum instanceof Pair && value.place !== undefined) sourcePlaces.set(datum, value.place);
    return datum;
  }
  if (value instanceof Pair) {
    const cars: Value[] = [];
    let rest: Value = value;
    while (rest instanceof Pair) {
      cars.push(stripKeepingPlaces(rest.car));
      rest = rest.cdr;
    }
    let result = stripKeepingPlaces(rest);
    for (let i = cars.length - 1; i >= 0; i--) result = new Pair(cars[i], result);
    return result;
  }
  return Array.isArray(value) ? value.map(stripKeepingPlaces) : value;
}

/** A datum with the places that {@link stripKeepingPlaces} noted; the datum itself when there are none. */
export function withSourcePlaces(datum: Value): Value {
  if (!(datum instanceof Pair)) return datum;
  const place = sourcePlaces.get(datum);
  if (place === undefined) return datum;
  const cars: Value[] = [];
  let rest: Value = datum;
  while (rest instanceof Pair) {
    cars.push(withSourcePlaces(rest.car));
    rest = rest.cdr;
  }
  let result = rest;
  for (let i = cars.length - 1; i >= 0; i--) result = new Pair(cars[i], result);
  return new Syntax(result, EMPTY_WRAP, undefined, place);
}
