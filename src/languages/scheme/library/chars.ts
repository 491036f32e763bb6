// Characters of (guile) and char-sets (SRFI 14). A char-set is a predicate over code points with its finite part.
import { outOfRange, wrongType } from '../errors.ts';
import { tail1, tail2 } from '../procedures.ts';
import {
  arrayToList,
  Char,
  char,
  intern,
  listToArray,
  MString,
  MultipleValues,
  type Value,
} from '../values.ts';
import { type Definer, MANY } from './define.ts';

type Ranges = readonly (readonly [number, number])[];

/** A set of code points, as sorted ranges [start, end). */
class CharSet {
  private known: Ranges | undefined;
  private readonly compute: (() => Ranges) | undefined;
  private readonly test: ((text: string, code: number) => boolean) | undefined;
  /** Made of ranges, or of a test: then the ranges are found out only when somebody needs them. */
  constructor(from: Ranges | ((text: string, code: number) => boolean), compute?: () => Ranges) {
    if (typeof from === 'function') this.test = from;
    else this.known = from;
    this.compute = compute;
  }
  get ranges(): Ranges {
    this.known ??= this.compute === undefined ? rangesWhere(this.test!) : this.compute();
    return this.known;
  }
  has(code: number): boolean {
    if (this.known === undefined) return this.test!(String.fromCodePoint(code), code);
    let low = 0;
    let high = this.ranges.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const [start, end] = this.ranges[middle]!;
      if (code < start) high = middle;
      else if (code >= end) low = middle + 1;
      else return true;
    }
    return false;
  }
  *codes(): Generator<number> {
    for (const [start, end] of this.ranges) for (let code = start; code < end; code++) yield code;
  }
  get size(): number {
    return this.ranges.reduce((sum, [start, end]) => sum + end - start, 0);
  }
  printed(): string {
    return `#<charset {${this.ranges.map(([start, end]) => (end - start === 1 ? hash(start) : `${hash(start)}..${hash(end - 1)}`)).join(' ')}}>`;
  }
}

const hash = (code: number) => `#\\${String.fromCodePoint(code)}`;

/** Ranges made of any code points. */
function charSetOf(codes: Iterable<number>): CharSet {
  const sorted = [...new Set(codes)].sort((a, b) => a - b);
  const ranges: [number, number][] = [];
  for (const code of sorted) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === code) last[1] = code + 1;
    else ranges.push([code, code + 1]);
  }
  return new CharSet(ranges);
}

const LIMIT = 0x110000;

function rangesWhere(holds: (text: string, code: number) => boolean): Ranges {
  const ranges: [number, number][] = [];
  for (let code = 0; code < LIMIT; code++) {
    if (code >= 0xd800 && code < 0xe000) continue;
    if (!holds(String.fromCodePoint(code), code)) continue;
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === code) last[1] = code + 1;
    else ranges.push([code, code + 1]);
  }
  return ranges;
}

function complement(set: CharSet): CharSet {
  const ranges: [number, number][] = [];
  let at = 0;
  for (const [start, end] of set.ranges) {
    if (start > at) ranges.push([at, start]);
    at = end;
  }
  if (at < LIMIT) ranges.push([at, LIMIT]);
  return new CharSet(ranges.flatMap(([start, end]) => withoutSurrogates(start, end)));
}

function withoutSurrogates(start: number, end: number): [number, number][] {
  const result: [number, number][] = [];
  if (start < 0xd800) result.push([start, Math.min(end, 0xd800)]);
  if (end > 0xe000) result.push([Math.max(start, 0xe000), end]);
  return result;
}

function combine(sets: readonly CharSet[], keep: (count: number, total: number) => boolean): CharSet {
  // Programs mostly ask whether a character is in a set: that needs no ranges.
  return new CharSet(
    (_, code) => keep(sets.filter((set) => set.has(code)).length, sets.length),
    () => combinedRanges(sets, keep),
  );
}

function combinedRanges(sets: readonly CharSet[], keep: (count: number, total: number) => boolean): Ranges {
  const edges = new Set<number>();
  for (const set of sets) for (const [start, end] of set.ranges) edges.add(start).add(end);
  const sorted = [...edges].sort((a, b) => a - b);
  const ranges: [number, number][] = [];
  for (let i = 0; i + 1 < sorted.length; i++) {
    const start = sorted[i]!;
    const end = sorted[i + 1]!;
    if (!keep(sets.filter((set) => set.has(start)).length, sets.length)) continue;
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === start) last[1] = end;
    else ranges.push([start, end]);
  }
  return ranges;
}

export const charTests: Readonly<Record<string, (text: string, code: number) => boolean>> = {
  'lower-case': (t) => /^\p{Ll}$/u.test(t) || /^\p{Lowercase}$/u.test(t),
  'upper-case': (t) => /^\p{Lu}$/u.test(t) || /^\p{Uppercase}$/u.test(t),
  'title-case': (t) => /^\p{Lt}$/u.test(t),
  letter: (t) => /^\p{L}$/u.test(t),
  digit: (t) => /^\p{Nd}$/u.test(t),
  'letter+digit': (t) => /^[\p{L}\p{Nd}]$/u.test(t),
  punctuation: (t) => /^\p{P}$/u.test(t),
  symbol: (t) => /^\p{S}$/u.test(t),
  graphic: (t) => /^[\p{L}\p{M}\p{N}\p{P}\p{S}]$/u.test(t),
  whitespace: (t, code) => /^\p{Z}$/u.test(t) || (code >= 9 && code <= 13),
  printing: (t, code) => /^[\p{L}\p{M}\p{N}\p{P}\p{S}\p{Z}]$/u.test(t) || (code >= 9 && code <= 13),
  blank: (t, code) => /^\p{Zs}$/u.test(t) || code === 9,
  'iso-control': (_, code) => code < 32 || (code >= 127 && code < 160),
  'hex-digit': (t) => /^[0-9a-fA-F]$/.test(t),
  ascii: (_, code) => code < 128,
  designated: (t) => !/^\p{Cn}$/u.test(t),
};

function code(who: string, x: Value, position = 1): number {
  if (!(x instanceof Char)) throw wrongType(who, position, x, 'character');
  return x.code;
}

function upper(c: number): number {
  const text = String.fromCodePoint(c).toUpperCase();
  return [...text].length === 1 ? text.codePointAt(0)! : c;
}

function lower(c: number): number {
  const text = String.fromCodePoint(c).toLowerCase();
  return [...text].length === 1 ? text.codePointAt(0)! : c;
}

function comparison(name: string, holds: (order: number) => boolean, map: (c: number) => number) {
  return (...args: Value[]): boolean => {
    const codes = args.map((arg, i) => map(code(name, arg, i + 1)));
    return codes.every((value, i) => i === 0 || holds(codes[i - 1]! - value));
  };
}

/** The predicate that SRFI 13 makes of a character, char-set or procedure; undefined for a procedure. */
export function charPredicate(x: Value): ((code: number) => boolean) | undefined {
  if (x instanceof Char) return (c) => c === x.code;
  if (x instanceof CharSet) return (c) => x.has(c);
  return undefined;
}

function toSet(who: string, x: Value): CharSet {
  if (x instanceof CharSet) return x;
  if (x instanceof Char) return charSetOf([x.code]);
  if (x instanceof MString) return charSetOf([...x.text].map((c) => c.codePointAt(0)!));
  throw wrongType(who, 1, x, 'charset');
}

function defineCharacters(d: Definer): void {
  d.pure('char?', 1, 1, (x) => x instanceof Char);
  d.pure('char->integer', 1, 1, (x) => code('char->integer', x));
  d.pure('integer->char', 1, 1, (n) => {
    if (typeof n !== 'number') throw wrongType('integer->char', 1, n);
    if (n < 0 || n >= LIMIT || (n >= 0xd800 && n < 0xe000)) {
      throw outOfRange('integer->char', 1, n);
    }
    return char(n);
  });
  const orders = [
    ['=?', (o: number) => o === 0],
    ['<?', (o: number) => o < 0],
    ['>?', (o: number) => o > 0],
    ['<=?', (o: number) => o <= 0],
    ['>=?', (o: number) => o >= 0],
  ] as const;
  for (const [suffix, holds] of orders) {
    d.pure(
      `char${suffix}`,
      0,
      MANY,
      comparison(`char${suffix}`, holds, (c) => c),
    );
    d.pure(
      `char-ci${suffix}`,
      0,
      MANY,
      comparison(`char-ci${suffix}`, holds, (c) => lower(upper(c))),
    );
  }
  d.pure('char-upcase', 1, 1, (x) => char(upper(code('char-upcase', x))));
  d.pure('char-downcase', 1, 1, (x) => char(lower(code('char-downcase', x))));
  d.pure('char-titlecase', 1, 1, (x) => char(upper(code('char-titlecase', x))));
  for (const [name, test] of [
    ['char-alphabetic?', charTests.letter],
    ['char-numeric?', charTests.digit],
    ['char-whitespace?', charTests.whitespace],
    ['char-upper-case?', charTests['upper-case']],
    ['char-lower-case?', charTests['lower-case']],
  ] as const) {
    d.pure(name, 1, 1, (x) => test!(String.fromCodePoint(code(name, x)), code(name, x)));
  }
  d.pure('char-is-both?', 1, 1, (x) => /^\p{L}$/u.test(String.fromCodePoint(code('char-is-both?', x))));
  d.pure('char-general-category', 1, 1, (x) => {
    const text = String.fromCodePoint(code('char-general-category', x));
    const category = categories.find((name) => new RegExp(`^\\p{${name}}$`, 'u').test(text));
    return category === undefined ? false : intern(category);
  });
  d.pure('char->digit', 1, 2, (x, radix = 10) => {
    const value = Number.parseInt(String.fromCodePoint(code('char->digit', x)), 36);
    return Number.isNaN(value) || value >= radix ? false : value;
  });
  d.pure('digit-value', 1, 1, (x) => {
    const value = code('digit-value', x) - 48;
    return value >= 0 && value <= 9 ? value : false;
  });
}

const categories = [
  'Lu',
  'Ll',
  'Lt',
  'Lm',
  'Lo',
  'Mn',
  'Mc',
  'Me',
  'Nd',
  'Nl',
  'No',
  'Pc',
  'Pd',
  'Ps',
  'Pe',
  'Pi',
  'Pf',
  'Po',
  'Sm',
  'Sc',
  'Sk',
  'So',
  'Zs',
  'Zl',
  'Zp',
  'Cc',
  'Cf',
  'Cs',
  'Co',
  'Cn',
];

function defineCharSets(d: Definer): void {
  for (const [name, test] of Object.entries(charTests)) d.value(`char-set:${name}`, new CharSet(test));
  d.value('char-set:empty', new CharSet([]));
  d.value(
    'char-set:full',
    new CharSet([
      [0, 0xd800],
      [0xe000, LIMIT],
    ]),
  );
  d.pure('char-set?', 1, 1, (x) => x instanceof CharSet);
  d.pure('char-set', 0, MANY, (...chars) => charSetOf(chars.map((x, i) => code('char-set', x, i + 1))));
  d.pure('list->char-set', 1, 2, (chars, base) =>
    charSetOf([
      ...listToArray(chars).map((x) => code('list->char-set', x)),
      ...(base instanceof CharSet ? base.codes() : []),
    ]),
  );
  d.pure('string->char-set', 1, 2, (text, base) =>
    charSetOf([
      ...[...text.text].map((c: string) => c.codePointAt(0)!),
      ...(base instanceof CharSet ? base.codes() : []),
    ]),
  );
  d.pure('ucs-range->char-set', 2, 4, (start, end, _, base) => {
    const range = new CharSet(withoutSurrogates(start, end));
    return base instanceof CharSet ? combine([range, base], (n) => n > 0) : range;
  });
  d.pure('->char-set', 1, 1, (x) => toSet('->char-set', x));
  d.pure('char-set-contains?', 2, 2, (set, x) =>
    toSet('char-set-contains?', set).has(code('char-set-contains?', x, 2)),
  );
  d.pure('char-set-size', 1, 1, (set) => set.size);
  d.pure('char-set->list', 1, 1, (set) => arrayToList([...set.codes()].map(char)));
  d.pure(
    'char-set->string',
    1,
    1,
    (set) => new MString([...set.codes()].map((c) => String.fromCodePoint(c)).join('')),
  );
  d.pure('char-set-copy', 1, 1, (set) => set);
  d.pure('char-set=', 0, MANY, (...sets) =>
    sets.every((set, i) => i === 0 || set.printed() === sets[i - 1].printed()),
  );
  d.pure('char-set<=', 0, MANY, (...sets) =>
    sets.every(
      (set, i) => i === 0 || combine([sets[i - 1], set], (n, total) => n === total).size === sets[i - 1].size,
    ),
  );
  d.pure('char-set-complement', 1, 1, complement);
  d.pure('char-set-union', 0, MANY, (...sets) => combine(sets, (n) => n > 0));
  d.pure('char-set-intersection', 0, MANY, (...sets) => combine(sets, (n, total) => n === total));
  d.pure('char-set-difference', 1, MANY, (set, ...others) =>
    combine([set, complement(combine(others, (n) => n > 0))], (n, total) => n === total),
  );
  d.pure('char-set-xor', 0, MANY, (...sets) => combine(sets, (n) => n % 2 === 1));
  d.pure('char-set-adjoin', 1, MANY, (set, ...chars) =>
    combine([set, charSetOf(chars.map((x) => code('char-set-adjoin', x)))], (n) => n > 0),
  );
  d.pure('char-set-delete', 1, MANY, (set, ...chars) =>
    combine([set, complement(charSetOf(chars.map((x) => code('char-set-delete', x))))], (n) => n === 2),
  );
  for (const name of ['union', 'intersection', 'difference', 'xor', 'adjoin', 'delete', 'complement'])
    d.alias(`char-set-${name}!`, `char-set-${name}`);
  d.steps('char-set-filter', 2, 3, function* (f, set, base) {
    const kept: number[] = [];
    for (const c of set.codes()) if ((yield tail1(f, char(c))) !== false) kept.push(c);
    return charSetOf([...kept, ...codesOf(base)]);
  });
  d.steps('char-set-map', 2, 2, function* (f, set) {
    const made: number[] = [];
    for (const c of set.codes()) made.push(code('char-set-map', yield tail1(f, char(c))));
    return charSetOf(made);
  });
  d.steps('char-set-unfold', 4, 5, function* (stop, value, next, start, base) {
    const made = codesOf(base);
    for (let seed = start; (yield tail1(stop, seed)) === false; seed = yield tail1(next, seed))
      made.push(code('char-set-unfold', yield tail1(value, seed)));
    return charSetOf(made);
  });
  d.pure('char-set-diff+intersection', 1, MANY, (set, ...others) => {
    const other = combine(others, (n) => n > 0);
    return new MultipleValues([
      combine([set, complement(other)], (n, total) => n === total),
      combine([set, other], (n, total) => n === total),
    ]);
  });
  d.pure('char-set-hash', 1, 2, (set, bound = 0) => {
    let hash = 0;
    for (const c of set.codes()) hash = (hash * 31 + c) % 871_531;
    return bound === 0 ? hash : hash % bound;
  });
  // A cursor is a code point; -1 is past the last.
  const from = (set: CharSet, start: number) => {
    for (const c of set.codes()) if (c >= start) return c;
    return -1;
  };
  d.pure('char-set-cursor', 1, 1, (set) => from(set, 0));
  d.pure('char-set-cursor-next', 2, 2, (set, cursor) => from(set, cursor + 1));
  d.pure('char-set-ref', 2, 2, (_, cursor) => char(cursor));
  d.pure('end-of-char-set?', 1, 1, (cursor) => cursor === -1);
  for (const name of ['list->char-set', 'string->char-set', 'ucs-range->char-set']) d.alias(`${name}!`, name);
  for (const name of ['filter', 'unfold', 'diff+intersection'])
    d.alias(`char-set-${name}!`, `char-set-${name}`);
  d.steps('char-set-fold', 3, 3, function* (f, init, set) {
    let result = init;
    for (const c of set.codes()) result = yield tail2(f, char(c), result);
    return result;
  });
  d.steps('char-set-for-each', 2, 2, function* (f, set) {
    for (const c of set.codes()) yield tail1(f, char(c));
    return true;
  });
  d.steps('char-set-any', 2, 2, function* (f, set) {
    for (const c of set.codes()) {
      const value = yield tail1(f, char(c));
      if (value !== false) return value;
    }
    return false;
  });
  d.steps('char-set-every', 2, 2, function* (f, set) {
    let value: Value = true;
    for (const c of set.codes()) {
      value = yield tail1(f, char(c));
      if (value === false) return false;
    }
    return value;
  });
  d.steps('char-set-count', 2, 2, function* (f, set) {
    let count = 0;
    for (const c of set.codes()) if ((yield tail1(f, char(c))) !== false) count++;
    return count;
  });
}

/** Of the set that others are added to; none when there is none. */
function codesOf(base: Value): number[] {
  return base instanceof CharSet ? [...base.codes()] : [];
}

/** Characters and char-sets. */
export function defineChars(d: Definer): void {
  defineCharacters(d);
  defineCharSets(d);
}
