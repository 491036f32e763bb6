// Why a text is no JSON, in the words of nlohmann's library: which production failed where, and what was read last.
// Source: the documentation of its exceptions; every message is tested against real Nix.
import type { ByteString } from '../../foundation/byte-string.ts';

/** How messages name tokens. */
type Token =
  | 'true literal'
  | 'false literal'
  | 'null literal'
  | 'string literal'
  | 'number literal'
  | "'['"
  | "'{'"
  | "']'"
  | "'}'"
  | "':'"
  | "','"
  | 'end of input'
  | 'parse error'
  | "'[', '{', or a literal";

const controlNames =
  'NUL SOH STX ETX EOT ENQ ACK BEL BS HT LF VT FF CR SO SI DLE DC1 DC2 DC3 DC4 NAK SYN ETB CAN EM SUB ESC FS GS RS US'.split(
    ' ',
  );
const shortEscapes: Readonly<Record<number, string>> = {
  8: '\\b',
  9: '\\t',
  10: '\\n',
  12: '\\f',
  13: '\\r',
};

/** Bytes that may follow the first of a character of UTF-8: lowest and highest of each. */
function continuations(first: number): readonly (readonly [number, number])[] | undefined {
  const any = [0x80, 0xbf] as const;
  if (first >= 0xc2 && first <= 0xdf) return [any];
  if (first === 0xe0) return [[0xa0, 0xbf], any];
  if (first === 0xed) return [[0x80, 0x9f], any];
  if (first >= 0xe1 && first <= 0xef) return [any, any];
  if (first === 0xf0) return [[0x90, 0xbf], any, any];
  if (first >= 0xf1 && first <= 0xf3) return [any, any, any];
  if (first === 0xf4) return [[0x80, 0x8f], any, any];
  return undefined;
}

class Scanner {
  private readonly text: ByteString;
  private at = 0;
  /** How many bytes of the line were read, the end of the text counted as one. */
  private column = 0;
  private line = 1;
  /** Bytes since the last string or number began. */
  private read: ByteString = '';
  /** The byte read last; undefined at the end. */
  private current: ByteString | undefined;
  problem = '';

  constructor(text: ByteString) {
    this.text = text;
  }

  place(): string {
    return `line ${this.line}, column ${this.column}`;
  }

  /** What was read last, as messages show it. */
  shown(): ByteString {
    return this.read.replace(
      /[\x00-\x1f]/g,
      (byte) => `<U+${byte.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}>`,
    );
  }

  isNumberTooLarge(): boolean {
    return !Number.isFinite(Number(this.read));
  }

  private next(): ByteString | undefined {
    this.current = this.text[this.at];
    this.at++;
    this.column++;
    if (this.current !== undefined) this.read += this.current;
    if (this.current === '\n') {
      this.line++;
      this.column = 0;
    }
    return this.current;
  }

  private back(): void {
    this.at--;
    if (this.column === 0) this.line--;
    else this.column--;
    if (this.current !== undefined) this.read = this.read.slice(0, -1);
  }

  private fail(problem: string): 'parse error' {
    this.problem = problem;
    return 'parse error';
  }

  scan(): Token {
    if (this.at === 0) {
      if (this.next() !== '\xef') this.back();
      else if (this.next() !== '\xbb' || this.next() !== '\xbf') {
        return this.fail('invalid BOM; must be 0xEF 0xBB 0xBF if given');
      }
    }
    do this.next();
    while (this.current !== undefined && ' \t\n\r'.includes(this.current));
    const { current } = this;
    switch (current) {
      case '[':
      case ']':
      case '{':
      case '}':
      case ':':
      case ',':
        return `'${current}'`;
      case 't':
        return this.literal('true');
      case 'f':
        return this.literal('false');
      case 'n':
        return this.literal('null');
      case '"':
        this.read = current;
        return this.string();
      case undefined:
        return 'end of input';
    }
    if (current === '-' || isDigit(current)) {
      this.read = current;
      return this.number(current);
    }
    return this.fail('invalid literal');
  }

  private literal(word: 'true' | 'false' | 'null'): Token {
    for (const wanted of word.slice(1)) if (this.next() !== wanted) return this.fail('invalid literal');
    return `${word} literal`;
  }

  private number(first: ByteString): Token {
    let byte: ByteString | undefined = first;
    if (byte === '-') {
      byte = this.next();
      if (!isDigit(byte)) return this.fail("invalid number; expected digit after '-'");
    }
    // After a zero there are no more digits.
    byte = byte === '0' ? this.next() : this.digits();
    if (byte === '.') {
      if (!isDigit(this.next())) return this.fail("invalid number; expected digit after '.'");
      byte = this.digits();
    }
    if (byte === 'e' || byte === 'E') {
      byte = this.next();
      const isSigned = byte === '+' || byte === '-';
      if (isSigned) byte = this.next();
      if (!isDigit(byte)) {
        return this.fail(
          isSigned
            ? 'invalid number; expected digit after exponent sign'
            : "invalid number; expected '+', '-', or digit after exponent",
        );
      }
      this.digits();
    }
    this.back();
    return 'number literal';
  }

  /** Reads to the first byte that is no digit. */
  private digits(): ByteString | undefined {
    let byte = this.next();
    while (isDigit(byte)) byte = this.next();
    return byte;
  }

  private string(): Token {
    for (;;) {
      const byte = this.next();
      if (byte === undefined) return this.fail('invalid string: missing closing quote');
      if (byte === '"') return 'string literal';
      const code = byte.charCodeAt(0);
      if (byte === '\\') {
        const problem = this.escape();
        if (problem !== undefined) return this.fail(`invalid string: ${problem}`);
      } else if (code < 32) {
        const written = `\\u${code.toString(16).toUpperCase().padStart(4, '0')}`;
        const short = shortEscapes[code] === undefined ? '' : ` or ${shortEscapes[code]}`;
        return this.fail(
          `invalid string: control character ${written.replace('\\u', 'U+')} (${controlNames[code]}) must be escaped to ${written}${short}`,
        );
      } else if (code >= 128 && !this.character(code)) {
        return this.fail('invalid string: ill-formed UTF-8 byte');
      }
    }
  }

  private character(first: number): boolean {
    const ranges = continuations(first);
    if (ranges === undefined) return false;
    for (const [low, high] of ranges) {
      const code = this.next()?.charCodeAt(0) ?? -1;
      if (code < low || code > high) return false;
    }
    return true;
  }

  private escape(): string | undefined {
    const byte = this.next();
    if (byte !== 'u') {
      return byte !== undefined && '"\\/bfnrt'.includes(byte)
        ? undefined
        : 'forbidden character after backslash';
    }
    const noDigits = "'\\u' must be followed by 4 hex digits";
    const code = this.codePoint();
    if (code === undefined) return noDigits;
    if (code >= 0xdc00 && code <= 0xdfff) return 'surrogate U+DC00..U+DFFF must follow U+D800..U+DBFF';
    if (code < 0xd800 || code > 0xdbff) return undefined;
    const lonely = 'surrogate U+D800..U+DBFF must be followed by U+DC00..U+DFFF';
    if (this.next() !== '\\' || this.next() !== 'u') return lonely;
    const low = this.codePoint();
    if (low === undefined) return noDigits;
    return low >= 0xdc00 && low <= 0xdfff ? undefined : lonely;
  }

  private codePoint(): number | undefined {
    let digits = '';
    for (let i = 0; i < 4; i++) {
      const byte = this.next();
      if (byte === undefined || !/[0-9a-fA-F]/.test(byte)) return undefined;
      digits += byte;
    }
    return Number.parseInt(digits, 16);
  }
}

function isDigit(byte: ByteString | undefined): boolean {
  return byte !== undefined && byte >= '0' && byte <= '9';
}

/** The message for a text that is no JSON. Throws when it is JSON after all, which would be a mistake of the caller. */
export function jsonProblem(text: ByteString): ByteString {
  if (text === '') {
    return '[json.exception.parse_error.101] parse error at line 1, column 1: attempting to parse an empty input; check that your input string or stream contains the expected JSON';
  }
  const scanner = new Scanner(text);
  const problem = (token: Token, where: string, expected?: Token) => {
    const what =
      token === 'parse error' ? `${scanner.problem}; last read: '${scanner.shown()}'` : `unexpected ${token}`;
    const wanted = expected === undefined ? '' : `; expected ${expected}`;
    return `[json.exception.parse_error.101] parse error at ${scanner.place()}: syntax error while parsing ${where} - ${what}${wanted}`;
  };
  /** The closing brackets that are due. */
  const open: ("']'" | "'}'")[] = [];
  /** A key, its colon, and the token after them; or the message. */
  const member = (key: Token): { readonly token: Token } | { readonly message: string } => {
    if (key !== 'string literal') return { message: problem(key, 'object key', 'string literal') };
    const separator = scanner.scan();
    if (separator !== "':'") return { message: problem(separator, 'object separator', "':'") };
    return { token: scanner.scan() };
  };
  let token = scanner.scan();
  for (;;) {
    // A value begins with `token`.
    let isOpened = false;
    if (token === "'{'" || token === "'['") {
      const end = token === "'{'" ? "'}'" : "']'";
      token = scanner.scan();
      if (token !== end) {
        open.push(end);
        isOpened = true;
        if (end === "'}'") {
          const next = member(token);
          if ('message' in next) return next.message;
          token = next.token;
        }
      }
    } else if (token === 'parse error') return problem(token, 'value');
    else if (token === 'number literal') {
      if (scanner.isNumberTooLarge()) {
        return `[json.exception.out_of_range.406] number overflow parsing '${scanner.shown()}'`;
      }
    } else if (!token.endsWith(' literal')) return problem(token, 'value', "'[', '{', or a literal");
    if (isOpened) continue;
    // The value is over: what follows it?
    for (;;) {
      const end = open.at(-1);
      token = scanner.scan();
      if (end === undefined) {
        if (token === 'end of input') throw new Error('a text was taken for no JSON, but it is');
        return problem(token, 'value', 'end of input');
      }
      if (token === "','") break;
      if (token !== end) return problem(token, end === "']'" ? 'array' : 'object', end);
      open.pop();
    }
    token = scanner.scan();
    if (open.at(-1) === "'}'") {
      const next = member(token);
      if ('message' in next) return next.message;
      token = next.token;
    }
  }
}
