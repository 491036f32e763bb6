// The text format of GVariant, https://docs.gtk.org/glib/gvariant-text-format.html, in which schemas and key files say what
// settings are. Leaves out format strings with `%`.
import { isVariantType, memberTypes, type Variant } from './variant.ts';

/** What a text says before its type is known. */
type Term =
  | { readonly kind: 'number'; readonly text: string }
  | { readonly kind: 'string'; readonly text: string }
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'array' | 'dictionary' | 'tuple' | 'entry'; readonly items: readonly Term[] }
  | { readonly kind: 'variant'; readonly item: Term }
  | { readonly kind: 'maybe'; readonly item: Term | undefined }
  | { readonly kind: 'typed'; readonly type: string; readonly item: Term };

/** Terms nested deeper than this are none of a setting; GLib would take 128. */
const maximumDepth = 32;

/** That a text is no value of its type; never leaves this file. */
class NoValue extends Error {}

/**
 * The value of a type that a text gives; undefined where it gives none.
 *
 * @example
 * parseVariant('as', "['a']"); // { type: 'as', children: [{ type: 's', data: 'a' }] }
 */
export function parseVariant(type: string, text: string): Variant | undefined {
  try {
    const reader: Reader = { text, position: 0, depth: 0 };
    const term = readTerm(reader);
    skipSpace(reader);
    if (reader.position < text.length) return undefined;
    return asType(term, type);
  } catch (error) {
    if (error instanceof NoValue) return undefined;
    throw error;
  }
}

interface Reader {
  readonly text: string;
  position: number;
  depth: number;
}

const wordTypes: Readonly<Record<string, string | undefined>> = {
  boolean: 'b',
  byte: 'y',
  int16: 'n',
  uint16: 'q',
  int32: 'i',
  handle: 'h',
  uint32: 'u',
  int64: 'x',
  uint64: 't',
  double: 'd',
  string: 's',
  objectpath: 'o',
  signature: 'g',
};

function skipSpace(reader: Reader): void {
  while (/[ \t\n\r\v\f]/.test(reader.text[reader.position] ?? '')) reader.position++;
}

/** Takes a mark after blanks, if it is the next. */
function take(reader: Reader, mark: string): boolean {
  skipSpace(reader);
  if (!reader.text.startsWith(mark, reader.position)) return false;
  reader.position += mark.length;
  return true;
}

function expectMark(reader: Reader, mark: string): void {
  if (!take(reader, mark)) throw new NoValue(`expected ${mark}`);
}

function takeMatch(reader: Reader, pattern: RegExp): string | undefined {
  pattern.lastIndex = reader.position;
  const found = pattern.exec(reader.text)?.[0];
  reader.position += found?.length ?? 0;
  return found;
}

function readTerm(reader: Reader): Term {
  if (++reader.depth > maximumDepth) throw new NoValue('too deep');
  const term = readOne(reader);
  reader.depth--;
  return term;
}

function readOne(reader: Reader): Term {
  if (take(reader, '[')) return { kind: 'array', items: readItems(reader, ']') };
  if (take(reader, '{')) return readDictionary(reader);
  if (take(reader, '(')) return readTuple(reader);
  if (take(reader, '<')) {
    const item = readTerm(reader);
    expectMark(reader, '>');
    return { kind: 'variant', item };
  }
  if (take(reader, '@')) {
    const type = takeMatch(reader, /[a-z(){}]+/y) ?? '';
    if (!isVariantType(type)) throw new NoValue('no type');
    return { kind: 'typed', type, item: readTerm(reader) };
  }
  const { text, position } = reader;
  if (/^b['"]/.test(text.slice(position, position + 2))) {
    reader.position++;
    return { kind: 'bytes', bytes: readBytes(readQuoted(reader)) };
  }
  if (text[position] === "'" || text[position] === '"')
    return { kind: 'string', text: readString(readQuoted(reader)) };
  const word = takeMatch(reader, /[-+.0-9A-Za-z_]+/y);
  if (word === undefined) throw new NoValue('no value');
  if (word === 'true' || word === 'false') return { kind: 'boolean', value: word === 'true' };
  if (word === 'nothing') return { kind: 'maybe', item: undefined };
  if (word === 'just') return { kind: 'maybe', item: readTerm(reader) };
  const type = Object.hasOwn(wordTypes, word) ? wordTypes[word] : undefined;
  return type === undefined
    ? { kind: 'number', text: word }
    : { kind: 'typed', type, item: readTerm(reader) };
}

function readItems(reader: Reader, end: string): Term[] {
  const items: Term[] = [];
  while (!take(reader, end)) {
    if (items.length > 0) expectMark(reader, ',');
    items.push(readTerm(reader));
  }
  return items;
}

/** `{k: v, l: w}`, which is an array of entries, or the one entry `{k, v}`. */
function readDictionary(reader: Reader): Term {
  const entries: Term[] = [];
  while (!take(reader, '}')) {
    if (entries.length > 0) expectMark(reader, ',');
    const key = readTerm(reader);
    const isEntry = entries.length === 0 && take(reader, ',');
    if (!isEntry) expectMark(reader, ':');
    const entry: Term = { kind: 'entry', items: [key, readTerm(reader)] };
    if (isEntry) {
      expectMark(reader, '}');
      return entry;
    }
    entries.push(entry);
  }
  return { kind: 'dictionary', items: entries };
}

/** A comma follows the only member of a tuple. */
function readTuple(reader: Reader): Term {
  const items: Term[] = [];
  while (!take(reader, ')')) {
    if (items.length > 1) expectMark(reader, ',');
    if (items.length === 1 && take(reader, ')')) break;
    items.push(readTerm(reader));
    if (items.length === 1) expectMark(reader, ',');
  }
  return { kind: 'tuple', items };
}

/** What is between quotation marks, with its backslashes. */
function readQuoted(reader: Reader): string {
  const found = takeMatch(reader, /'(?:[^'\\]|\\[\s\S])*'|"(?:[^"\\]|\\[\s\S])*"/y);
  if (found === undefined) throw new NoValue('unterminated');
  return found.slice(1, -1);
}

const controls: Readonly<Record<string, string | undefined>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\n': '',
};

function readString(quoted: string): string {
  return quoted.replace(/\\(?:u(.{0,4})|U(.{0,8})|([\s\S]))/g, (_, short, long, character: string) => {
    const digits = (short ?? long) as string | undefined;
    if (digits === undefined) return controls[character] ?? character;
    const point = Number.parseInt(digits, 16);
    const isWhole = new RegExp(`^[0-9a-fA-F]{${short === undefined ? 8 : 4}}$`).test(digits);
    if (!isWhole || point === 0 || point > 0x10ffff || (point >= 0xd800 && point < 0xe000))
      throw new NoValue('no character');
    return String.fromCodePoint(point);
  });
}

function readBytes(quoted: string): Buffer {
  const parts = [...quoted.matchAll(/\\([0-7]{1,3})|\\([\s\S])|[^\\]+/g)].map(([whole, octal, character]) => {
    if (octal !== undefined) return Buffer.from([Number.parseInt(octal, 8) & 0xff]);
    return Buffer.from(character === undefined ? whole : (controls[character] ?? character));
  });
  return Buffer.concat([...parts, Buffer.alloc(1)]);
}

/** A term as a value of a type. */
function asType(term: Term, type: string): Variant {
  // Where the type is known, a type in the text is passed over.
  if (term.kind === 'typed') return asType(term.item, type);
  switch (type[0]) {
    case 'm': {
      const item = term.kind === 'maybe' ? term.item : term;
      return { type, children: item === undefined ? [] : [asType(item, type.slice(1))] };
    }
    case 'a':
      if (term.kind === 'bytes' && type === 'ay')
        return { type, children: [...term.bytes].map((data) => ({ type: 'y', data })) };
      if (term.kind !== 'array' && (term.kind !== 'dictionary' || type[1] !== '{'))
        throw new NoValue('no array');
      return { type, children: term.items.map((item) => asType(item, type.slice(1))) };
    case '(':
    case '{': {
      const members = memberTypes(type);
      if (term.kind !== (type[0] === '(' ? 'tuple' : 'entry') || term.items.length !== members.length)
        throw new NoValue('other members');
      return { type, children: term.items.map((item, index) => asType(item, members[index]!)) };
    }
    case 'v':
      if (term.kind !== 'variant') throw new NoValue('no variant');
      return { type, children: [asType(term.item, inferredType(term.item))] };
    default:
      return { type, data: basicData(term, type) };
  }
}

/** The type of a term that nothing else says. */
function inferredType(term: Term): string {
  switch (term.kind) {
    case 'typed':
      return term.type;
    case 'number':
      return isReal(term.text) ? 'd' : 'i';
    case 'string':
      return 's';
    case 'bytes':
      return 'ay';
    case 'boolean':
      return 'b';
    case 'variant':
      return 'v';
    case 'maybe':
      if (term.item === undefined) throw new NoValue('nothing of no type');
      return `m${inferredType(term.item)}`;
    case 'tuple':
      return `(${term.items.map(inferredType).join('')})`;
    case 'entry':
      return `{${term.items.map(inferredType).join('')}}`;
    case 'array':
    case 'dictionary':
      return `a${commonType(term.items)}`;
  }
}

/** The one type that all terms can have: some may leave it open, and whole numbers can be real ones. */
function commonType(terms: readonly Term[]): string {
  const candidates: string[] = [];
  for (const term of terms) {
    try {
      candidates.push(inferredType(term));
    } catch (error) {
      if (!(error instanceof NoValue)) throw error;
    }
  }
  const common = candidates.find((type) => terms.every((term) => isOf(term, type)));
  if (common === undefined) throw new NoValue('no common type');
  return common;
}

function isOf(term: Term, type: string): boolean {
  try {
    asType(term, type);
    return true;
  } catch (error) {
    if (error instanceof NoValue) return false;
    throw error;
  }
}

const isReal = (text: string) => !/^[-+]?0x/i.test(text) && /[.eE]|^[-+]?(?:inf|nan)/.test(text);

const integerRanges: Readonly<Record<string, readonly [bigint, bigint] | undefined>> = {
  y: [0n, 0xffn],
  n: [-0x8000n, 0x7fffn],
  q: [0n, 0xffffn],
  i: [-0x80000000n, 0x7fffffffn],
  h: [-0x80000000n, 0x7fffffffn],
  u: [0n, 0xffffffffn],
  x: [-(2n ** 63n), 2n ** 63n - 1n],
  t: [0n, 2n ** 64n - 1n],
};

function basicData(term: Term, type: string): string | number | bigint | boolean {
  if (type === 'b' && term.kind === 'boolean') return term.value;
  if ('sog'.includes(type) && term.kind === 'string') {
    const { text } = term;
    if (text.includes('\0')) throw new NoValue('a zero');
    if (type === 'o' && !/^\/(?:[A-Za-z0-9_]+(?:\/[A-Za-z0-9_]+)*)?$/.test(text))
      throw new NoValue('no path');
    if (type === 'g' && !isVariantType(`(${text})`)) throw new NoValue('no signature');
    return text;
  }
  if (term.kind !== 'number') throw new NoValue('no number');
  const { text } = term;
  if (type === 'd') return readReal(text);
  const range = integerRanges[type];
  const [, sign, prefix = '', digits] = /^([-+]?)(0[xX]|0(?=[0-7]+$))?([0-9a-fA-F]+)$/.exec(text) ?? [];
  if (range === undefined || digits === undefined) throw new NoValue('no integer');
  const isDecimal = prefix === '';
  if (isDecimal && !/^(?:0|[1-9][0-9]*)$/.test(digits)) throw new NoValue('no integer');
  const value = BigInt(isDecimal ? digits : `${prefix === '0' ? '0o' : '0x'}${digits}`);
  const signed = sign === '-' ? -value : value;
  if (signed < range[0] || signed > range[1]) throw new NoValue('out of range');
  return 'xt'.includes(type) ? signed : Number(signed);
}

function readReal(text: string): number {
  const [, sign, rest = ''] = /^([-+]?)(.*)$/s.exec(text) ?? [];
  const isNumber = /^(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$/.test(rest);
  const named = rest === 'inf' ? Number.POSITIVE_INFINITY : rest === 'nan' ? Number.NaN : undefined;
  const isHexadecimal = /^0[xX][0-9a-fA-F]+$/.test(rest);
  const value = isNumber || isHexadecimal ? Number(rest) : named;
  if (value === undefined || (isNumber && !Number.isFinite(value))) throw new NoValue('no number');
  return sign === '-' ? -value : value;
}
