// TOML 1.0 over byte strings. Source: https://toml.io/en/v1.0.0. Errors imitate toml11's layout, of which only the
// commonest are known word for word.
import type { ByteString } from '../../foundation/byte-string.ts';

export type TomlValue =
  | TomlTable
  | TomlArray
  | { readonly kind: 'string'; readonly text: ByteString }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'integer'; readonly value: bigint }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'time'; readonly text: ByteString };

interface TomlTable {
  readonly kind: 'table';
  readonly entries: Map<ByteString, TomlValue>;
  /** How it came to be; decides what may still be added. */
  origin: 'implicit' | 'header' | 'dotted' | 'inline';
}

interface TomlArray {
  readonly kind: 'array';
  readonly items: TomlValue[];
  /** Made of `[[name]]` headers, which may add to it. */
  readonly ofTables: boolean;
}

/** What is wrong with a document; the message has no position of its own. */
export class TomlError extends Error {}

const time =
  /(?:(\d{4}-\d{2}-\d{2})(?:([Tt ])(?=\d))?)?(?:(\d{2}:\d{2}:\d{2})(\.\d+)?([Zz]|[+-]\d{2}:\d{2})?)?/y;

class TomlParser {
  private readonly text: ByteString;
  private at = 0;
  private readonly root: TomlTable = { kind: 'table', entries: new Map(), origin: 'header' };

  constructor(text: ByteString) {
    this.text = text;
  }

  parse(): TomlTable {
    let table = this.root;
    for (;;) {
      this.skipLines();
      if (this.at >= this.text.length) return this.root;
      if (this.text[this.at] === '[') table = this.header();
      else {
        this.keyValue(table);
      }
      this.endOfLine();
    }
  }

  private fail(what: string, note: string, at = this.at): never {
    const before = this.text.slice(0, at);
    const line = before.split('\n').length;
    const start = before.lastIndexOf('\n') + 1;
    const end = this.text.indexOf('\n', start);
    const source = this.text.slice(start, end < 0 ? this.text.length : end);
    const gutter = ' '.repeat(String(line).length);
    throw new TomlError(
      `[error] ${what}\n --> fromTOML\n ${gutter} |\n ${line} | ${source}\n ${gutter} | ${' '.repeat(at - start)}^-- ${note}\n`,
    );
  }

  private skipSpace(): void {
    while (this.text[this.at] === ' ' || this.text[this.at] === '\t') this.at++;
  }

  private skipComment(): void {
    if (this.text[this.at] !== '#') return;
    while (this.at < this.text.length && this.text[this.at] !== '\n') {
      const c = this.text.charCodeAt(this.at);
      if ((c < 32 && c !== 9 && !(c === 13 && this.text[this.at + 1] === '\n')) || c === 127) {
        this.fail('toml::parse_comment_line: bad character', 'not allowed in a comment');
      }
      this.at++;
    }
  }

  private skipLines(): void {
    for (;;) {
      this.skipSpace();
      this.skipComment();
      if (this.text[this.at] === '\n') this.at++;
      else if (this.text.startsWith('\r\n', this.at)) this.at += 2;
      else return;
    }
  }

  private endOfLine(): void {
    this.skipSpace();
    this.skipComment();
    if (this.at >= this.text.length || this.text[this.at] === '\n') return;
    if (this.text.startsWith('\r\n', this.at)) return;
    this.fail('toml::parse_table: invalid line format', 'expected newline, but got something else');
  }

  private header(): TomlTable {
    const start = this.at;
    const isArray = this.text[this.at + 1] === '[';
    this.at += isArray ? 2 : 1;
    const path = this.key();
    this.skipSpace();
    const close = isArray ? ']]' : ']';
    if (!this.text.startsWith(close, this.at)) {
      this.fail('toml::parse_table_key: invalid table header', `expected \`${close}\``);
    }
    this.at += close.length;
    let table = this.root;
    for (const name of path.slice(0, -1)) table = this.descend(table, name, start);
    const name = path.at(-1)!;
    const present = table.entries.get(name);
    if (isArray) {
      const item: TomlTable = { kind: 'table', entries: new Map(), origin: 'header' };
      if (present === undefined) table.entries.set(name, { kind: 'array', items: [item], ofTables: true });
      else if (present.kind === 'array' && present.ofTables) present.items.push(item);
      else this.redefined(name, start);
      return item;
    }
    if (present === undefined) {
      const made: TomlTable = { kind: 'table', entries: new Map(), origin: 'header' };
      table.entries.set(name, made);
      return made;
    }
    if (present.kind !== 'table' || present.origin !== 'implicit') this.redefined(name, start);
    present.origin = 'header';
    return present;
  }

  private redefined(name: ByteString, at: number): never {
    this.fail(`toml::insert_value: table "${name}" already exists`, 'defined twice', at);
  }

  /** The table below a header's leading name, made when it is not there. */
  private descend(table: TomlTable, name: ByteString, at: number): TomlTable {
    const present = table.entries.get(name);
    if (present === undefined) {
      const made: TomlTable = { kind: 'table', entries: new Map(), origin: 'implicit' };
      table.entries.set(name, made);
      return made;
    }
    if (present.kind === 'table' && present.origin !== 'inline') return present;
    if (present.kind === 'array' && present.ofTables) return present.items.at(-1) as TomlTable;
    return this.redefined(name, at);
  }

  private keyValue(table: TomlTable): void {
    const start = this.at;
    const path = this.key();
    this.skipSpace();
    if (this.text[this.at] !== '=') {
      this.fail('toml::parse_key_value_pair: invalid key value separator', 'expected `=`');
    }
    this.at++;
    this.skipSpace();
    const value = this.value();
    let target = table;
    for (const name of path.slice(0, -1)) {
      const present = target.entries.get(name);
      if (present === undefined) {
        const made: TomlTable = { kind: 'table', entries: new Map(), origin: 'dotted' };
        target.entries.set(name, made);
        target = made;
      } else if (present.kind === 'table' && present.origin === 'dotted') target = present;
      else if (present.kind === 'table' && present.origin === 'implicit') target = present;
      else this.redefined(name, start);
    }
    const name = path.at(-1)!;
    if (target.entries.has(name)) this.redefined(name, start);
    target.entries.set(name, value);
  }

  private key(): ByteString[] {
    const path: ByteString[] = [];
    for (;;) {
      this.skipSpace();
      path.push(this.simpleKey());
      this.skipSpace();
      if (this.text[this.at] !== '.') return path;
      this.at++;
    }
  }

  private simpleKey(): ByteString {
    const char = this.text[this.at];
    if (char === '"') return this.basicString();
    if (char === "'") return this.literalString();
    const bare = /[A-Za-z0-9_-]+/y;
    bare.lastIndex = this.at;
    const match = bare.exec(this.text);
    if (match === null) this.fail('toml::parse_key: invalid key', 'expected a key');
    this.at += match[0].length;
    return match[0];
  }

  private value(): TomlValue {
    const char = this.text[this.at];
    switch (char) {
      case '"':
        return {
          kind: 'string',
          text: this.text.startsWith('"""', this.at) ? this.multilineBasic() : this.basicString(),
        };
      case "'":
        return {
          kind: 'string',
          text: this.text.startsWith("'''", this.at) ? this.multilineLiteral() : this.literalString(),
        };
      case '[':
        return this.array();
      case '{':
        return this.inlineTable();
    }
    const word = /true|false/y;
    word.lastIndex = this.at;
    const match = word.exec(this.text);
    if (match !== null) {
      this.at += match[0].length;
      return { kind: 'boolean', value: match[0] === 'true' };
    }
    return this.timeOrNumber();
  }

  private timeOrNumber(): TomlValue {
    time.lastIndex = this.at;
    const found = time.exec(this.text);
    if (found !== null && (found[1] !== undefined || found[3] !== undefined)) {
      this.at += found[0].length;
      return { kind: 'time', text: canonicalTime(found) };
    }
    return this.number();
  }

  private number(): TomlValue {
    const token = /[+-]?[0-9A-Za-z_.]+(?:(?<=[eE])[+-][0-9_]+)?/y;
    token.lastIndex = this.at;
    const match = token.exec(this.text);
    if (match === null) this.fail('toml::parse_value: unknown value type', 'expected a value');
    const raw = match[0];
    const end = this.at + raw.length;
    const digits = raw.replaceAll('_', '');
    const badUnderscore = /^[+-]?_|_$|__|_[.eE]|[.eE]_|[.eE][+-]_/.test(raw);
    const based = /^0x[0-9A-Fa-f_]+$|^0o[0-7_]+$|^0b[01_]+$/.test(raw);
    if (based && !/^0[xob]_|_$|__/.test(raw)) {
      return this.integer(BigInt(digits), end);
    }
    if (!badUnderscore && /^[+-]?(?:0|[1-9][0-9]*)$/.test(digits)) {
      return this.integer(BigInt(digits.replace(/^\+/, '')), end);
    }
    if (/^[+-]?inf$/.test(raw)) {
      this.at = end;
      return { kind: 'float', value: raw.startsWith('-') ? -Infinity : Infinity };
    }
    if (/^[+-]?nan$/.test(raw)) {
      this.at = end;
      return { kind: 'float', value: Number.NaN };
    }
    if (!badUnderscore && /^[+-]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/.test(digits)) {
      this.at = end;
      return { kind: 'float', value: Number(digits) };
    }
    return this.fail('toml::parse_value: unknown value type', 'not a value');
  }

  private integer(value: bigint, end: number): TomlValue {
    if (value >= 2n ** 63n || value < -(2n ** 63n)) {
      this.fail(
        'toml::parse_dec_integer: too large integer: current max digits = 2^63',
        'must be < 2^63',
        end,
      );
    }
    this.at = end;
    return { kind: 'integer', value };
  }

  private array(): TomlValue {
    this.at++;
    const items: TomlValue[] = [];
    for (;;) {
      this.skipLines();
      if (this.text[this.at] === ']') {
        this.at++;
        return { kind: 'array', items, ofTables: false };
      }
      items.push(this.value());
      this.skipLines();
      if (this.text[this.at] === ',') this.at++;
      else if (this.text[this.at] !== ']') {
        this.fail('toml::parse_array: expected array separator `,`', 'missing');
      }
    }
  }

  private inlineTable(): TomlValue {
    this.at++;
    const table: TomlTable = { kind: 'table', entries: new Map(), origin: 'inline' };
    this.skipSpace();
    if (this.text[this.at] === '}') {
      this.at++;
      return table;
    }
    for (;;) {
      this.skipSpace();
      this.keyValue(table);
      this.skipSpace();
      const char = this.text[this.at];
      if (char !== ',' && char !== '}') {
        this.fail('toml::parse_inline_table: invalid inline table', 'expected `,` or `}`');
      }
      this.at++;
      if (char === '}') return table;
    }
  }

  private basicString(): ByteString {
    this.at++;
    let out = '';
    for (;;) {
      const char = this.text[this.at];
      if (char === undefined || char === '\n') {
        this.fail('toml::parse_basic_string: invalid string', 'not closed');
      }
      if (char === '"') {
        this.at++;
        return out;
      }
      if (char === '\\') out += this.escape();
      else {
        this.refuseControl(char);
        out += char;
        this.at++;
      }
    }
  }

  private refuseControl(char: string): void {
    const code = char.charCodeAt(0);
    if ((code < 32 && code !== 9) || code === 127) {
      this.fail('toml::parse_string: invalid character', 'control characters must be escaped');
    }
  }

  private escape(): ByteString {
    const char = this.text[this.at + 1] ?? '';
    const simple: Readonly<Record<string, string>> = {
      b: '\b',
      t: '\t',
      n: '\n',
      f: '\f',
      r: '\r',
      '"': '"',
      '\\': '\\',
    };
    if (Object.hasOwn(simple, char)) {
      this.at += 2;
      return simple[char]!;
    }
    const length = char === 'u' ? 4 : char === 'U' ? 8 : 0;
    const digits = this.text.slice(this.at + 2, this.at + 2 + length);
    if (length === 0 || !/^[0-9A-Fa-f]+$/.test(digits) || digits.length !== length) {
      this.fail('toml::parse_escape_sequence: unknown escape sequence', 'not an escape sequence');
    }
    const code = Number.parseInt(digits, 16);
    if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) {
      this.fail('toml::parse_escape_sequence: invalid code point', 'not a Unicode scalar value');
    }
    this.at += 2 + length;
    return Buffer.from(String.fromCodePoint(code), 'utf8').toString('latin1');
  }

  private skipFirstNewline(): void {
    if (this.text[this.at] === '\n') this.at++;
    else if (this.text.startsWith('\r\n', this.at)) this.at += 2;
  }

  private multilineBasic(): ByteString {
    this.at += 3;
    this.skipFirstNewline();
    let out = '';
    for (;;) {
      const char = this.text[this.at];
      if (char === undefined) this.fail('toml::parse_ml_basic_string: invalid string', 'not closed');
      if (this.text.startsWith('"""', this.at)) return out + this.closingQuotes('"');
      if (char === '\\') {
        const folded = /\\[ \t]*\r?\n[ \t\r\n]*/y;
        folded.lastIndex = this.at;
        const match = folded.exec(this.text);
        if (match !== null) this.at += match[0].length;
        else out += this.escape();
        continue;
      }
      if (char !== '\n' && char !== '\r') this.refuseControl(char);
      out += char;
      this.at++;
    }
  }

  /** Up to two quotes may stand before the three that close. */
  private closingQuotes(quote: string): ByteString {
    let count = 3;
    while (count < 5 && this.text[this.at + count] === quote) count++;
    this.at += count;
    return quote.repeat(count - 3);
  }

  private literalString(): ByteString {
    const end = this.text.indexOf("'", this.at + 1);
    const text = this.text.slice(this.at + 1, end < 0 ? undefined : end);
    if (end < 0 || text.includes('\n')) {
      this.fail('toml::parse_literal_string: invalid string', 'not closed');
    }
    for (const char of text) this.refuseControl(char);
    this.at = end + 1;
    return text;
  }

  private multilineLiteral(): ByteString {
    this.at += 3;
    this.skipFirstNewline();
    const end = this.text.indexOf("'''", this.at);
    if (end < 0) this.fail('toml::parse_ml_literal_string: invalid string', 'not closed');
    const text = this.text.slice(this.at, end);
    this.at = end;
    return text + this.closingQuotes("'");
  }
}

/** A time as Nix shows it: `T` between date and time, fractions of 0, 3, 6 or 9 digits. */
function canonicalTime(found: RegExpExecArray): ByteString {
  const [, date, , clock, fraction, zone] = found;
  let shown = '';
  if (fraction !== undefined) {
    const nanoseconds = fraction.slice(1, 10).padEnd(9, '0');
    const kept = /^0{9}$/.test(nanoseconds)
      ? 0
      : nanoseconds.endsWith('000000')
        ? 3
        : nanoseconds.endsWith('000')
          ? 6
          : 9;
    if (kept > 0) shown = `.${nanoseconds.slice(0, kept)}`;
  }
  const upperZone = zone === undefined ? '' : zone.toUpperCase();
  if (clock === undefined) return date!;
  return `${date === undefined ? '' : `${date}T`}${clock}${shown}${upperZone}`;
}

/** The top table of a document. Throws {@link TomlError}. */
export function parseToml(text: ByteString): TomlValue {
  return new TomlParser(text).parse();
}
