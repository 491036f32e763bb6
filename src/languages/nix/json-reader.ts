// Values from JSON, as strictly as Nix (through nlohmann's library) reads it. Why a text is no JSON is worked out in
// json-problem.ts, when it is known that it is none.
import type { ByteString } from '../../foundation/byte-string.ts';
import { NixError } from './errors.ts';
import type { Interpreter } from './interpreter.ts';
import { invalidByte } from './json.ts';
import { jsonProblem } from './json-problem.ts';
import { nulMessage } from './lexer.ts';
import { attrsFromEntries, type List, makeInteger, NixFloat, type Value } from './values.ts';

/** Thrown where the text stops being JSON. */
class NotJson {}

class JsonReader {
  private readonly it: Interpreter;
  private readonly text: ByteString;
  private at = 0;

  constructor(it: Interpreter, text: ByteString) {
    this.it = it;
    this.text = text;
  }

  readDocument(): Value {
    if (this.text.startsWith('\xef\xbb\xbf')) this.at = 3;
    const value = this.readValue();
    this.skipSpace();
    if (this.at < this.text.length) this.fail();
    return value;
  }

  private fail(): never {
    throw new NotJson();
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
      if (this.text[this.at] !== char) this.fail();
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
      if (this.text[this.at] !== '"') this.fail();
      const name = this.checked(this.readString());
      this.skipSpace();
      if (this.text[this.at] !== ':') this.fail();
      this.at++;
      entries.push([this.it.symbols.intern(name), this.readValue()]);
      this.skipSpace();
      const next = this.text[this.at];
      if (next !== ',' && next !== '}') this.fail();
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
      if (next !== ',' && next !== ']') this.fail();
      this.at++;
      if (next === ']') return list;
    }
  }

  private readNumber(): Value {
    const found = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
    found.lastIndex = this.at;
    const match = found.exec(this.text);
    if (match === null) this.fail();
    this.at += match[0].length;
    if (match[1] !== undefined || match[2] !== undefined) return this.float(match[0]);
    const exact = BigInt(match[0]);
    const value = makeInteger(exact);
    if (value !== undefined) return value;
    if (exact > 0n && exact < 2n ** 64n) {
      throw new NixError('other', `unsigned json number ${exact} outside of Nix integer range`);
    }
    return this.float(match[0]);
  }

  private float(text: ByteString): NixFloat {
    const value = Number(text);
    if (!Number.isFinite(value)) this.fail();
    return new NixFloat(value);
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
      if (char === undefined || char < ' ') this.fail();
      this.at++;
      if (char === '"') break;
      out += char === '\\' ? this.readEscape() : char;
    }
    this.requireUtf8(out);
    return out;
  }

  private requireUtf8(text: ByteString): void {
    if (invalidByte(text) >= 0) this.fail();
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
    if (char !== 'u') this.fail();
    let code = this.readHex();
    if (code >= 0xd800 && code < 0xdc00) {
      if (!this.text.startsWith('\\u', this.at)) this.fail();
      this.at += 2;
      const low = this.readHex();
      if (low < 0xdc00 || low > 0xdfff) this.fail();
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    } else if (code >= 0xdc00 && code < 0xe000) this.fail();
    return Buffer.from(String.fromCodePoint(code), 'utf8').toString('latin1');
  }

  private readHex(): number {
    const digits = this.text.slice(this.at, this.at + 4);
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) this.fail();
    this.at += 4;
    return Number.parseInt(digits, 16);
  }
}

/** The value of a JSON text. */
export function valueFromJson(it: Interpreter, text: ByteString): Value {
  try {
    return new JsonReader(it, text).readDocument();
  } catch (thrown) {
    if (!(thrown instanceof NotJson)) throw thrown;
    throw new NixError('eval', jsonProblem(text)).addTrace(0, 'while decoding a JSON string');
  }
}
