// Values to JSON and back, byte for byte as Nix (through nlohmann's library) writes it and as strictly as it reads it.
import type { ByteString } from '../../foundation/byte-string.ts';
import { copyPathToStore, peel } from './coerce.ts';
import type { ContextBuilder } from './context.ts';
import { NixError, toNixError } from './errors.ts';
import { type Interpreter, showType } from './interpreter.ts';
import { nulMessage } from './lexer.ts';
import { normalisePath } from './paths.ts';
import type { Position } from './positions.ts';
import {
  Attrs,
  attrsFromEntries,
  type List,
  lexicographicOrder,
  makeInteger,
  NixFloat,
  NixPath,
  NixString,
  type Slot,
  type Value,
} from './values.ts';

/** A float as nlohmann writes it: the shortest digits that read back the same. */
function jsonFloat(value: number): string {
  if (!Number.isFinite(value)) return 'null';
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  const [mantissa, power] = Math.abs(value).toExponential().split('e') as [string, string];
  const digits = mantissa.replace('.', '');
  const sign = value < 0 ? '-' : '';
  // The decimal point comes after so many digits.
  const point = Number(power) + 1;
  if (digits.length <= point && point <= 15) {
    return `${sign}${digits}${'0'.repeat(point - digits.length)}.0`;
  }
  if (point > 0 && point <= 15) return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
  if (point > -4 && point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  const exponent = point - 1;
  const shown = `${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
  return `${sign}${digits[0]}${digits.length > 1 ? `.${digits.slice(1)}` : ''}e${shown}`;
}

const needsEscape = /["\\\x00-\x1f\x80-\xff]/;

/** Index of the first byte that is not UTF-8, or -1. Surrogates and overlong forms are not UTF-8. */
function invalidByte(text: ByteString): number {
  for (let i = 0; i < text.length; ) {
    const c = text.charCodeAt(i);
    if (c < 0x80) {
      i++;
      continue;
    }
    const length = c >= 0xf0 && c <= 0xf4 ? 4 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xc2 && c < 0xe0 ? 2 : 0;
    if (length === 0) return i;
    for (let k = 1; k < length; k++) {
      const d = text.charCodeAt(i + k);
      const low = k > 1 ? 0x80 : c === 0xe0 ? 0xa0 : c === 0xf0 ? 0x90 : 0x80;
      const high = k > 1 ? 0xbf : c === 0xed ? 0x9f : c === 0xf4 ? 0x8f : 0xbf;
      if (!(d >= low && d <= high)) return i + k;
    }
    i += length;
  }
  return -1;
}

/** A JSON string literal. */
export function jsonString(text: ByteString): ByteString {
  if (!needsEscape.test(text)) return `"${text}"`;
  const bad = invalidByte(text);
  if (bad >= 0) {
    const problem =
      bad >= text.length
        ? `incomplete UTF-8 string; last byte: 0x${text
            .charCodeAt(text.length - 1)
            .toString(16)
            .toUpperCase()}`
        : `invalid UTF-8 byte at index ${bad}: 0x${text.charCodeAt(bad).toString(16).toUpperCase().padStart(2, '0')}`;
    throw new NixError('other', `JSON serialization error: [json.exception.type_error.316] ${problem}`);
  }
  let out = '"';
  for (const char of text) {
    switch (char) {
      case '"':
        out += '\\"';
        break;
      case '\\':
        out += '\\\\';
        break;
      case '\b':
        out += '\\b';
        break;
      case '\f':
        out += '\\f';
        break;
      case '\n':
        out += '\\n';
        break;
      case '\r':
        out += '\\r';
        break;
      case '\t':
        out += '\\t';
        break;
      default:
        out += char < ' ' ? `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}` : char;
    }
  }
  return `${out}"`;
}

export interface JsonOptions {
  readonly position: Position;
  readonly copyToStore: boolean;
}

/** A value, evaluated deeply, as JSON; what its strings depend on is added to `context`. */
export function valueToJson(
  it: Interpreter,
  slot: Slot,
  context: ContextBuilder,
  options: JsonOptions,
): ByteString {
  it.enter(options.position);
  const json = write(it, slot, context, options);
  it.depth--;
  return json;
}

function write(it: Interpreter, slot: Slot, context: ContextBuilder, options: JsonOptions): ByteString {
  const { position, copyToStore } = options;
  const value = it.force(slot, position);
  if (value === null) return 'null';
  switch (typeof value) {
    case 'boolean':
    case 'number':
    case 'bigint':
      return String(value);
    case 'string':
      return jsonString(value);
  }
  if (value instanceof NixString) {
    context.addAll(value.context);
    return jsonString(value.text);
  }
  if (value instanceof NixFloat) return jsonFloat(value.value);
  if (value instanceof NixPath) {
    return jsonString(copyToStore ? copyPathToStore(it, value.path, context) : normalisePath(value.path));
  }
  if (Array.isArray(value)) {
    const parts: ByteString[] = [];
    for (const [index, element] of value.entries()) {
      try {
        parts.push(valueToJson(it, element, context, options));
      } catch (thrown) {
        throw toNixError(thrown).addTrace(position, `while evaluating list element at index ${index}`);
      }
    }
    return `[${parts.join(',')}]`;
  }
  if (value instanceof Attrs) {
    return peel(it, value, { position, checkResult: true }, (peeled, throughToString) =>
      peeled instanceof Attrs
        ? writeObject(it, peeled, context, options)
        : valueToJson(it, peeled, context, { position, copyToStore: copyToStore && !throughToString }),
    );
  }
  throw it.error('type', `cannot convert ${showType(value)} to JSON`, it.positionOf(value) || position);
}

function writeObject(
  it: Interpreter,
  attrs: Attrs,
  context: ContextBuilder,
  options: JsonOptions,
): ByteString {
  const names = it.symbols.names;
  const parts: ByteString[] = [];
  for (const index of lexicographicOrder(attrs, names)) {
    const name = names[attrs.names[index]!]!;
    const position = attrs.positionAt(index);
    try {
      const json = valueToJson(it, attrs.values[index]!, context, { ...options, position });
      parts.push(`${jsonString(name)}:${json}`);
    } catch (thrown) {
      throw toNixError(thrown).addTrace(position, `while evaluating attribute '${name}'`);
    }
  }
  return `{${parts.join(',')}}`;
}

// Reading.

class JsonReader {
  private readonly it: Interpreter;
  private readonly text: ByteString;
  private at = 0;

  constructor(it: Interpreter, text: ByteString) {
    this.it = it;
    this.text = text;
  }

  readDocument(): Value {
    const value = this.readValue();
    this.skipSpace();
    if (this.at < this.text.length) this.fail('value', 'end of input');
    return value;
  }

  /** nlohmann's message: which production failed, and what could have stood there. */
  private fail(where: string, expected: string): never {
    const read = this.text.slice(0, this.at + 1);
    const line = read.split('\n').length;
    const column = this.at + 1 - (read.lastIndexOf('\n') + 1) + (read.endsWith('\n') ? 1 : 0);
    const unexpected =
      this.at >= this.text.length
        ? 'unexpected end of input'
        : `invalid literal; last read: '${this.text[this.at]}'`;
    throw new NixError(
      'eval',
      `[json.exception.parse_error.101] parse error at line ${line}, column ${column}: syntax error while parsing ${where} - ${unexpected}; expected ${expected}`,
    ).addTrace(0, 'while decoding a JSON string');
  }

  private skipSpace(): void {
    while (' \t\n\r'.includes(this.text[this.at] ?? 'x')) this.at++;
  }

  private readValue(): Value {
    this.skipSpace();
    const char = this.text[this.at];
    switch (char) {
      case '{':
        return this.readObject();
      case '[':
        return this.readArray();
      case '"':
        return this.checked(this.readString());
      case 't':
        return this.literal('true', true);
      case 'f':
        return this.literal('false', false);
      case 'n':
        return this.literal('null', null);
    }
    return this.readNumber();
  }

  private literal<T>(word: string, value: T): T {
    for (const char of word) {
      if (this.text[this.at] !== char) this.fail('value', 'a literal');
      this.at++;
    }
    return value;
  }

  private checked(text: ByteString): ByteString {
    if (text.includes('\0')) throw new NixError('other', nulMessage(text));
    return text;
  }

  private readObject(): Value {
    this.at++;
    const entries: [number, Value][] = [];
    this.skipSpace();
    if (this.text[this.at] === '}') {
      this.at++;
      return attrsFromEntries([]);
    }
    for (;;) {
      this.skipSpace();
      if (this.text[this.at] !== '"') this.fail('object key', 'string literal');
      const name = this.checked(this.readString());
      this.skipSpace();
      if (this.text[this.at] !== ':') this.fail('object separator', "':'");
      this.at++;
      entries.push([this.it.symbols.intern(name), this.readValue()]);
      this.skipSpace();
      const next = this.text[this.at];
      if (next !== ',' && next !== '}') this.fail('object', "'}'");
      this.at++;
      if (next === '}') return attrsFromEntries(entries);
    }
  }

  private readArray(): Value {
    this.at++;
    const list: List = [];
    this.skipSpace();
    if (this.text[this.at] === ']') {
      this.at++;
      return list;
    }
    for (;;) {
      list.push(this.readValue());
      this.skipSpace();
      const next = this.text[this.at];
      if (next !== ',' && next !== ']') this.fail('array', "']'");
      this.at++;
      if (next === ']') return list;
    }
  }

  private readNumber(): Value {
    const found = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
    found.lastIndex = this.at;
    const match = found.exec(this.text);
    if (match === null) this.fail('value', "'[', '{', or a literal");
    this.at += match[0].length;
    if (match[1] !== undefined || match[2] !== undefined) return new NixFloat(Number(match[0]));
    const exact = BigInt(match[0]);
    const value = makeInteger(exact);
    if (value !== undefined) return value;
    if (exact > 0n && exact < 2n ** 64n) {
      throw new NixError('other', `unsigned json number ${exact} outside of Nix integer range`);
    }
    return new NixFloat(Number(match[0]));
  }

  private readString(): ByteString {
    const start = ++this.at;
    const { text } = this;
    let end = start;
    for (let c = text.charCodeAt(end); c !== 34 && c !== 92 && c >= 32; c = text.charCodeAt(end)) end++;
    if (text.charCodeAt(end) === 34) {
      const plain = text.slice(start, end);
      this.at = end + 1;
      this.requireUtf8(plain);
      return plain;
    }
    let out = '';
    for (;;) {
      const char = text[this.at];
      if (char === undefined || char < ' ') this.fail('value', 'a string literal');
      this.at++;
      if (char === '"') break;
      out += char === '\\' ? this.readEscape() : char;
    }
    this.requireUtf8(out);
    return out;
  }

  private requireUtf8(text: ByteString): void {
    if (invalidByte(text) >= 0) this.fail('value', 'well-formed UTF-8');
  }

  private readEscape(): ByteString {
    const char = this.text[this.at++];
    const simple: Readonly<Record<string, string>> = {
      '"': '"',
      '\\': '\\',
      '/': '/',
      b: '\b',
      f: '\f',
      n: '\n',
      r: '\r',
      t: '\t',
    };
    if (char !== undefined && Object.hasOwn(simple, char)) return simple[char]!;
    if (char !== 'u') this.fail('value', 'an escape sequence');
    let code = this.readHex();
    if (code >= 0xd800 && code < 0xdc00) {
      if (!this.text.startsWith('\\u', this.at)) this.fail('value', 'a low surrogate');
      this.at += 2;
      const low = this.readHex();
      if (low < 0xdc00 || low > 0xdfff) this.fail('value', 'a low surrogate');
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    } else if (code >= 0xdc00 && code < 0xe000) this.fail('value', 'a high surrogate first');
    return Buffer.from(String.fromCodePoint(code), 'utf8').toString('latin1');
  }

  private readHex(): number {
    const digits = this.text.slice(this.at, this.at + 4);
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) this.fail('value', "'\\u' with 4 hex digits");
    this.at += 4;
    return Number.parseInt(digits, 16);
  }
}

/** The value of a JSON text. */
export function valueFromJson(it: Interpreter, text: ByteString): Value {
  return new JsonReader(it, text).readDocument();
}
