// The reader: program text to data, or to syntax objects with a place on every datum. Lexical syntax after Guile's
// manual, "Scheme syntax" and "Reader extensions", with the gexp prefixes #~ #$ #$@ #+ #+@. Arrays are refused by name.

import { TrimaranError } from '../../foundation/error.ts';
import { outOfRange, throwError, wrongType } from './errors.ts';
import { parseNumber } from './number-text.ts';
import { EMPTY_WRAP, Place, Syntax } from './syntax.ts';
import {
  arrayToList,
  char,
  EOF,
  intern,
  keyword,
  list,
  MString,
  NIL,
  Pair,
  Sym,
  str,
  UNSPECIFIED,
  type Value,
} from './values.ts';

/** Handles `#` and one character: called with the character and the reader, returns a datum. */
export type HashExtension = (character: string, reader: Reader) => Value;

export interface ReaderOptions {
  /** The name that places carry. */
  readonly file: string;
  /** Whether data come as syntax objects with places. */
  readonly syntax?: boolean;
  /** Whether syntax objects carry places; they do unless told otherwise. Libraries that come with us do without. */
  readonly places?: boolean;
  /** What `read-hash-extend` registered. */
  readonly extensions?: ReadonlyMap<string, HashExtension>;
}

const charNames: Readonly<Record<string, number>> = {
  nul: 0,
  null: 0,
  soh: 1,
  stx: 2,
  etx: 3,
  eot: 4,
  enq: 5,
  ack: 6,
  alarm: 7,
  bel: 7,
  backspace: 8,
  bs: 8,
  tab: 9,
  ht: 9,
  newline: 10,
  nl: 10,
  linefeed: 10,
  lf: 10,
  vtab: 11,
  vt: 11,
  page: 12,
  ff: 12,
  np: 12,
  return: 13,
  cr: 13,
  so: 14,
  si: 15,
  dle: 16,
  dc1: 17,
  dc2: 18,
  dc3: 19,
  dc4: 20,
  nak: 21,
  syn: 22,
  etb: 23,
  can: 24,
  em: 25,
  sub: 26,
  altmode: 27,
  escape: 27,
  esc: 27,
  fs: 28,
  gs: 29,
  rs: 30,
  us: 31,
  space: 32,
  sp: 32,
  delete: 127,
  rubout: 127,
  del: 127,
};

const delimiter = /[\s()[\]";]/;
const quotes: Readonly<Record<string, string>> = { "'": 'quote', '`': 'quasiquote' };
const CLOSE = { close: true };
const DOT = { dot: true };

/** Reads one datum after another from a text. */
export class Reader {
  readonly text: string;
  private readonly options: ReaderOptions;
  position = 0;
  line: number;
  /** Start of the present line. */
  private lineStart = 0;
  private column0: number;
  private foldCase = false;

  constructor(
    text: string,
    options: ReaderOptions,
    start: { line: number; column: number } = { line: 1, column: 1 },
  ) {
    this.text = text;
    this.options = options;
    this.line = start.line;
    this.column0 = start.column - 1;
  }

  /** The place of the next character. */
  place(): Place {
    return new Place(this.options.file, this.line, this.position - this.lineStart + 1 + this.column0);
  }

  /** Goes to the next datum; its index in the text, or undefined at the end. */
  skipToDatum(): number | undefined {
    return this.skip();
  }

  /** Goes on at a later index. */
  advanceTo(position: number): void {
    for (
      let i = this.text.indexOf('\n', this.position);
      i >= 0 && i < position;
      i = this.text.indexOf('\n', i + 1)
    ) {
      this.line++;
      this.lineStart = i + 1;
      this.column0 = 0;
    }
    this.position = position;
  }

  /** A `read-error` as Guile throws it, with the place in the message. */
  error(message: string, place: Place, irritants: Value = NIL): Error {
    const error = throwError(
      'read-error',
      false,
      str(`${fileLabel(place)}:${place.line}:${place.column}: ${message}`),
      irritants,
      false,
    );
    readErrorPlaces.set(error.payload, { place, message });
    return error;
  }

  private endError(opened: { place: Place; what: string }): Error {
    const here = this.place();
    const error = throwError(
      'read-error',
      false,
      str(`${fileLabel(here)}:${here.line}:${here.column}: unexpected end of input while searching for: ~A`),
      list(char(41)),
      false,
    );
    readErrorPlaces.set(error.payload, {
      place: here,
      message: `unexpected end of input: ${opened.what} is not closed`,
      opened: opened.place,
    });
    return error;
  }

  /** Next datum, or EOF. */
  read(): Value {
    const start = this.skip();
    if (start === undefined) return EOF;
    const datum = this.datum();
    if (datum === CLOSE) {
      const place = new Place(this.options.file, this.line, this.position - this.lineStart + this.column0);
      throw this.error('unexpected ")"', place);
    }
    if (datum === DOT) return this.wrap(intern('.'), this.place());
    return datum;
  }

  private wrap(datum: Value, place: Place): Value {
    if (this.options.syntax !== true) return datum;
    if (datum instanceof Syntax) return datum;
    if (datum instanceof Pair || datum instanceof Sym || Array.isArray(datum)) {
      return new Syntax(datum, EMPTY_WRAP, undefined, this.options.places === false ? undefined : place);
    }
    return datum;
  }

  /** Skips blanks and comments; undefined at the end of the text. */
  private skip(): number | undefined {
    const { text } = this;
    for (;;) {
      const c = text.charCodeAt(this.position);
      if (Number.isNaN(c)) return undefined;
      if (c === 10) {
        this.position++;
        this.line++;
        this.lineStart = this.position;
        this.column0 = 0;
      } else if (c <= 32 || c === 0xa0 || c === 0xfeff) this.position++;
      else if (c === 59) {
        const end = text.indexOf('\n', this.position);
        this.position = end < 0 ? text.length : end;
      } else if (c === 35) {
        const next = text[this.position + 1];
        if (next === '|') this.blockComment();
        else if (next === ';') {
          const place = this.place();
          this.position += 2;
          const skipped = this.skip() === undefined ? CLOSE : this.datum();
          if (skipped === CLOSE) throw this.error('no datum after #;', place);
        } else if (next === '!') {
          if (!this.hashBang()) return this.position;
        } else return this.position;
      } else return this.position;
    }
  }

  private blockComment(): void {
    const opened = this.place();
    let depth = 0;
    let at = this.position;
    do {
      const open = this.text.indexOf('#|', at);
      const close = this.text.indexOf('|#', at);
      if (close < 0) {
        this.advanceTo(this.text.length);
        throw this.endErrorFor('block comment', opened);
      }
      if (open >= 0 && open < close) {
        depth++;
        at = open + 2;
      } else {
        depth--;
        at = close + 2;
      }
    } while (depth > 0);
    this.advanceTo(at);
  }

  private endErrorFor(what: string, opened: Place): Error {
    const error = this.error(
      `unterminated \`${what === 'block comment' ? '#| ... |#' : what}' comment`,
      this.place(),
    );
    readErrorPlaces.set((error as Error & { payload: object }).payload, {
      place: this.place(),
      message: `unexpected end of input: ${what} is not closed`,
      opened,
    });
    return error;
  }

  /** `#!eof` and friends are data (false); directives and `#! … !#` are comments (true). */
  private hashBang(): boolean {
    const word =
      /^#!(fold-case|no-fold-case|r6rs|r7rs|curly-infix|curly-infix-and-bracket-lists)(?=[\s()]|$)/.exec(
        this.text.slice(this.position, this.position + 40),
      );
    if (word !== null) {
      if (word[1] === 'fold-case') this.foldCase = true;
      if (word[1] === 'no-fold-case') this.foldCase = false;
      this.position += word[0].length;
      return true;
    }
    if (
      /^#!(eof|default|unspecific|optional|rest|key|nil)(?=[\s()]|$)/.test(
        this.text.slice(this.position, this.position + 20),
      )
    )
      return false;
    const opened = this.place();
    const end = this.text.indexOf('!#', this.position + 2);
    if (end < 0) {
      this.advanceTo(this.text.length);
      throw this.endErrorFor('#! ... !#', opened);
    }
    this.advanceTo(end + 2);
    return true;
  }

  /** One datum; blanks are skipped already. */
  private datum(): Value {
    const place = this.place();
    const c = this.text[this.position]!;
    switch (c) {
      case '(':
      case '[':
        return this.wrap(this.list(c === '(' ? ')' : ']', place), place);
      case ')':
      case ']':
        this.position++;
        return CLOSE;
      case '"':
        return this.string(place);
      case '#':
        return this.hash(place);
      case "'":
      case '`':
        this.position++;
        return this.prefixed(quotes[c]!, place);
      case ',':
        this.position++;
        if (this.text[this.position] === '@') {
          this.position++;
          return this.prefixed('unquote-splicing', place);
        }
        return this.prefixed('unquote', place);
    }
    return this.atom(place);
  }

  private prefixed(name: string, place: Place): Value {
    const head = this.wrap(intern(name), place);
    return this.wrap(list(head, this.required(place, `\`${name}\``)), place);
  }

  /** A datum that must be there. */
  private required(opened: Place, what: string): Value {
    if (this.skip() === undefined) throw this.endError({ place: opened, what });
    const place = this.place();
    const datum = this.datum();
    if (datum === CLOSE) throw this.error('unexpected ")"', place);
    return datum === DOT ? intern('.') : datum;
  }

  private list(close: string, opened: Place): Value {
    this.position++;
    const items: Value[] = [];
    let tail: Value = NIL;
    for (;;) {
      if (this.skip() === undefined) throw this.endError({ place: opened, what: 'this list' });
      const place = this.place();
      const first = this.text[this.position];
      const datum = this.datum();
      if (datum === CLOSE) {
        if (first !== close) throw this.error(`mismatched close paren: ${first}`, place);
        break;
      }
      if (datum === DOT) {
        if (items.length === 0) {
          tail = this.required(opened, 'this list');
        } else tail = this.required(opened, 'this list');
        if (this.skip() === undefined) throw this.endError({ place: opened, what: 'this list' });
        const at = this.place();
        const end = this.text[this.position];
        if (this.datum() !== CLOSE || end !== close) throw this.error('missing close paren', at);
        break;
      }
      items.push(datum);
    }
    return arrayToList(items, tail);
  }

  private token(): string {
    const { text } = this;
    let end = this.position;
    while (end < text.length && !delimiter.test(text[end]!)) end++;
    const token = text.slice(this.position, end);
    this.position = end;
    return token;
  }

  private atom(place: Place): Value {
    let token = this.token();
    if (token === '.') return DOT;
    const number = parseNumber(token);
    if (number !== undefined) return number;
    if (this.foldCase) token = token.toLowerCase();
    return this.wrap(intern(token), place);
  }

  private string(opened: Place): Value {
    const { text } = this;
    let result = '';
    let at = this.position + 1;
    for (;;) {
      // Plain runs are copied whole.
      let end = at;
      while (end < text.length && text[end] !== '"' && text[end] !== '\\') end++;
      result += text.slice(at, end);
      if (end >= text.length) {
        this.advanceTo(text.length);
        const error = this.error('unexpected end of input while reading string', this.place());
        readErrorPlaces.set((error as Error & { payload: object }).payload, {
          place: this.place(),
          message: 'unexpected end of input: this string is not closed',
          opened,
        });
        throw error;
      }
      if (text[end] === '"') {
        this.advanceTo(end + 1);
        return new MString(result, true);
      }
      const escaped = this.stringEscape(end + 1);
      result += escaped.text;
      at = escaped.next;
    }
  }

  private stringEscape(at: number): { text: string; next: number } {
    const { text } = this;
    const c = text[at];
    const simple = {
      a: '\x07',
      b: '\b',
      t: '\t',
      n: '\n',
      v: '\v',
      f: '\f',
      r: '\r',
      '0': '\0',
      '"': '"',
      '\\': '\\',
      '|': '|',
      '(': '(',
    }[c ?? ''];
    if (simple !== undefined) return { text: simple, next: at + 1 };
    const fixed = { x: 2, u: 4, U: 6 }[c ?? ''];
    if (fixed !== undefined) {
      const r6 = /^x([0-9a-fA-F]+);/.exec(text.slice(at, at + 12));
      const hex = r6 !== null && r6[1]!.length !== 2 ? r6[1]! : text.slice(at + 1, at + 1 + fixed);
      if (!/^[0-9a-fA-F]+$/.test(hex)) throw this.escapeError(at);
      return {
        text: String.fromCodePoint(Number.parseInt(hex, 16)),
        next: at + 1 + hex.length + (r6 !== null && hex !== text.slice(at + 1, at + 3) ? 1 : 0),
      };
    }
    if (c === '\n') {
      // A line that goes on; leading blanks of the next are kept, as Guile keeps them.
      return { text: '', next: at + 1 };
    }
    throw this.escapeError(at);
  }

  private escapeError(at: number): Error {
    this.advanceTo(at);
    return this.error(`invalid character in escape sequence: ${this.text[at] ?? ''}`, this.place());
  }

  private hash(place: Place): Value {
    const next = this.text[this.position + 1] ?? '';
    const extension = this.options.extensions?.get(next);
    if (extension !== undefined) {
      this.position += 2;
      return this.wrap(extension(next, this), place);
    }
    switch (next) {
      case '(':
        this.position++;
        return this.wrap(this.vector(place), place);
      case '\\':
        return this.character(place);
      case ':':
        this.position += 2;
        return keyword(this.keywordName(place));
      case '{':
        return this.wrap(this.bracedSymbol(place), place);
      case "'":
      case '`':
      case ',': {
        this.position += 2;
        if (next === ',' && this.text[this.position] === '@') {
          this.position++;
          return this.prefixed('unsyntax-splicing', place);
        }
        return this.prefixed({ "'": 'syntax', '`': 'quasisyntax', ',': 'unsyntax' }[next]!, place);
      }
      case '~':
        this.position += 2;
        return this.prefixed('gexp', place);
      case '$':
      case '+': {
        this.position += 2;
        const native = next === '+' ? '-native' : '';
        if (this.text[this.position] === '@') {
          this.position++;
          return this.prefixed(`ungexp${native}-splicing`, place);
        }
        return this.prefixed(`ungexp${native}`, place);
      }
      case '!':
        return this.bangDatum(place);
    }
    return this.hashToken(place);
  }

  private bangDatum(place: Place): Value {
    this.position++;
    const word = this.token();
    switch (word) {
      case '!eof':
        return EOF;
      case '!default':
      case '!unspecific':
        return UNSPECIFIED;
      case '!nil':
        return NIL;
      case '!optional':
      case '!rest':
      case '!key':
        return keyword(word.slice(1));
    }
    throw this.error(`Unknown # object: ${word}`, place);
  }

  private keywordName(place: Place): Sym {
    if (this.text.startsWith('#{', this.position)) return this.bracedSymbol(place);
    const token = this.token();
    return intern(token);
  }

  private vector(place: Place): Value {
    const items = this.list(')', place);
    const result: Value[] = [];
    let rest = items;
    while (rest instanceof Pair) {
      result.push(rest.car);
      rest = rest.cdr;
    }
    return result;
  }

  private bracedSymbol(place: Place): Sym {
    const end = this.text.indexOf('}#', this.position);
    if (end < 0) throw this.error('unexpected end of input while reading #{', place);
    const raw = this.text.slice(this.position + 2, end);
    this.advanceTo(end + 2);
    return intern(
      raw.replace(/\\x([0-9a-fA-F]+);|\\(.)/gs, (_, hex: string | undefined, one: string) =>
        hex === undefined ? one : String.fromCodePoint(Number.parseInt(hex, 16)),
      ),
    );
  }

  private character(place: Place): Value {
    this.position += 2;
    const first = this.text.codePointAt(this.position);
    if (first === undefined) throw this.error('unexpected end of file while reading character', place);
    const one = String.fromCodePoint(first);
    const start = this.position;
    this.advanceTo(this.position + one.length);
    if (!delimiter.test(one)) this.token();
    const token = this.text.slice(start, this.position);
    if (token.length === one.length) return char(first);
    // A letter and its combining mark on a dotted circle.
    if (token.length === 2 && token[0] === '\u25cc') return char(token.charCodeAt(1));
    const named = charNames[token.toLowerCase()];
    if (named !== undefined) return char(named);
    const hex = /^[xX]([0-9a-fA-F]+)$/.exec(token);
    if (hex !== null) return char(this.scalar(Number.parseInt(hex[1]!, 16), place));
    const octal = /^[0-7]+$/.exec(token);
    if (octal !== null) return char(this.scalar(Number.parseInt(token, 8), place));
    const unicode = /^[uU]\+?([0-9a-fA-F]+)$/.exec(token);
    if (unicode !== null) return char(this.scalar(Number.parseInt(unicode[1]!, 16), place));
    throw this.error('unknown character name ~a', place, list(str(token)));
  }

  private scalar(code: number, place: Place): number {
    if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
      throw this.error('out-of-range hex c escape', place);
    return code;
  }

  private hashToken(place: Place): Value {
    const { text } = this;
    const bytes = /^#(vu8|u8)\(/.exec(text.slice(this.position, this.position + 6));
    if (bytes !== null) {
      this.position += bytes[0].length - 1;
      const octets = this.vector(place);
      for (const octet of octets) {
        if (typeof octet !== 'number') throw wrongType('list->typed-array', 1, octet);
        if (octet < 0 || octet > 255) throw outOfRange('list->typed-array', 1, octet);
      }
      return Uint8Array.from(octets as number[]);
    }
    const token = this.token();
    switch (token) {
      case '#t':
      case '#true':
        return true;
      case '#f':
      case '#false':
        return false;
      case '#nil':
        return NIL;
    }
    if (/^#[eixobdEIXOBD]/.test(token)) {
      const number = parseNumber(token);
      if (number !== undefined) return number;
    }
    if (/^#(\d|[usfc]\d+|@)/.test(token)) throw this.error(`arrays are not supported: ${token}`, place);
    if (token === '#' && /^\s/.test(text[this.position] ?? ' ')) return this.wrap(intern('#'), place);
    if (/^#%/.test(token)) return this.wrap(intern(token), place);
    throw this.error('Unknown # object: ~S', place, list(str(token)));
  }
}

/** What Guile calls a port without a file. */
function fileLabel({ file }: Place): string {
  return file === '#f' ? '#<unknown port>' : file;
}

/** Where a read error happened, and where what is not closed was opened, by the exception object. */
const readErrorPlaces = new WeakMap<object, { place: Place; message: string; opened?: Place }>();

/** A read error for people. */
export function readErrorToTrimaran(payload: object): TrimaranError | undefined {
  const found = readErrorPlaces.get(payload);
  if (found === undefined) return undefined;
  const { place, message, opened } = found;
  return new TrimaranError({
    code: 'scheme/read-error',
    message,
    span: place,
    ...(opened === undefined ? {} : { related: [{ message: 'opened here', span: opened }] }),
    hint: opened === undefined ? undefined : 'add what closes it, or remove the opening',
  });
}
