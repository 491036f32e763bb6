// The lexer of the Nix language, over byte strings. It follows the longest-match rules of Nix's own lexer and keeps
// the same stack of states (inside a string, an indented string, a path …), so it needs nothing from the parser.
import { type ByteString, toByteString } from '../../foundation/byte-string.ts';
import { NixError } from './errors.ts';
import { keywords, Token } from './tokens.ts';

const State = { default: 0, string: 1, indented: 2, path: 3, pathSlash: 4 } as const;
type State = (typeof State)[keyof typeof State];

// Classes of bytes, as bits.
const idStart = 1;
const idPart = 2;
const digit = 4;
const pathPart = 8;
const schemePart = 16;
const uriPart = 32;
const space = 64;
const classes = new Uint8Array(256);
for (let c = 0; c < 256; c++) {
  const char = String.fromCharCode(c);
  let bits = 0;
  if (/[a-zA-Z_]/.test(char)) bits |= idStart;
  if (/[a-zA-Z0-9_'-]/.test(char)) bits |= idPart;
  if (/[0-9]/.test(char)) bits |= digit;
  if (/[a-zA-Z0-9._+-]/.test(char)) bits |= pathPart;
  if (/[a-zA-Z0-9+.-]/.test(char)) bits |= schemePart;
  if (/[a-zA-Z0-9%/?:@&=+$,\-_.!~*']/.test(char)) bits |= uriPart;
  if (/[ \t\r\n]/.test(char)) bits |= space;
  classes[c] = bits;
}

/** Class bits of a byte; a character past the end has none. */
function classOf(code: number): number {
  return code < 256 ? classes[code]! : 0;
}

const singleCharacters = new Map<number, Token>(
  (
    [
      ['{', Token.leftBrace],
      ['}', Token.rightBrace],
      ['[', Token.leftBracket],
      [']', Token.rightBracket],
      ['(', Token.leftParen],
      [')', Token.rightParen],
      [':', Token.colon],
      [';', Token.semicolon],
      [',', Token.comma],
      ['@', Token.at],
      ['?', Token.question],
      ['.', Token.dot],
      ['=', Token.assign],
      ['!', Token.not],
      ['<', Token.less],
      ['>', Token.greater],
      ['+', Token.plus],
      ['-', Token.minus],
      ['*', Token.times],
      ['/', Token.divide],
      ['"', Token.quote],
    ] as const
  ).map(([char, token]) => [char.charCodeAt(0), token]),
);

export interface LexerOptions {
  /** Position of the text's first byte. */
  readonly base: number;
  /** Whether `|>` and `<|` are allowed. */
  readonly pipeOperators: boolean;
}

/**
 * Where a run of bytes of one class ends. The last answer is kept: in `1-1-1-…` every token asks whether a path begins
 * with it, and all would go to the end of the same run.
 */
class Runs {
  private readonly wanted: number;
  private from = 0;
  private end = 0;

  constructor(wanted: number) {
    this.wanted = wanted;
  }

  endFrom(text: ByteString, start: number): number {
    if (start >= this.from && start < this.end) return this.end;
    let at = start;
    while (classOf(text.charCodeAt(at)) & this.wanted) at++;
    this.from = start;
    this.end = at;
    return at;
  }
}

export class Lexer {
  private readonly text: ByteString;
  private readonly options: LexerOptions;
  private readonly states: State[] = [];
  private state: State = State.default;
  private at = 0;
  private readonly runs = { path: new Runs(pathPart), scheme: new Runs(schemePart) };
  /** The current token: where it starts and ends, its text (strings unescaped). */
  token: Token = Token.end;
  start = 0;
  end = 0;
  value: ByteString = '';
  /** For parts of indented strings: whether the text's own white space counts as indentation. */
  hasIndentation = false;

  constructor(text: ByteString, options: LexerOptions) {
    this.text = text;
    this.options = options;
  }

  /** Reads the next token into the fields above. */
  next(): Token {
    switch (this.state) {
      case State.default:
        return this.nextDefault();
      case State.string:
        return this.nextInString();
      case State.indented:
        return this.nextInIndented();
      default:
        return this.nextInPath();
    }
  }

  private fail(message: ByteString, offset: number): never {
    throw new NixError('parse', message, { position: this.options.base + offset });
  }

  private push(state: State): void {
    this.states.push(this.state);
    this.state = state;
  }

  private pop(): void {
    this.state = this.states.pop() ?? State.default;
  }

  private emit(token: Token, end: number): Token {
    this.token = token;
    this.end = end;
    this.at = end;
    return token;
  }

  private skipBlanks(): void {
    const text = this.text;
    let at = this.at;
    for (;;) {
      const c = text.charCodeAt(at);
      if (c === 32 || c === 10 || c === 9 || c === 13) at++;
      else if (c === 35) {
        at++;
        for (;;) {
          const d = text.charCodeAt(at);
          if (d === 10 || d === 13 || Number.isNaN(d)) break;
          at++;
        }
      } else if (c === 47 && text.charCodeAt(at + 1) === 42) {
        const close = text.indexOf('*/', at + 2);
        if (close < 0) break;
        at = close + 2;
      } else break;
    }
    this.at = at;
  }

  private nextDefault(): Token {
    this.skipBlanks();
    const text = this.text;
    const start = this.at;
    this.start = start;
    const c = text.charCodeAt(start);
    if (Number.isNaN(c)) return this.emit(Token.end, start);
    const bits = classOf(c);
    if (bits & idStart) {
      let end = start + 1;
      while (classOf(text.charCodeAt(end)) & idPart) end++;
      const after = text.charCodeAt(end);
      // Only these can make something longer than the identifier: a path or a URI.
      if (after === 47 || after === 46 || after === 43 || after === 58) {
        const longer = this.pathOrUri(start, end);
        if (longer !== undefined) return longer;
      }
      const value = text.slice(start, end);
      this.value = value;
      return this.emit(keywords.get(value) ?? Token.identifier, end);
    }
    if (bits & (digit | pathPart) || c === 47) return this.numberPathOrOperator(start, c);
    return this.operator(start, c);
  }

  /** Length of `PATH_CHAR*(/PATH_CHAR+)+/?` at an offset, or 0. */
  private pathLength(start: number): number {
    const text = this.text;
    let at = this.runs.path.endFrom(text, start);
    if (text.charCodeAt(at) !== 47 || !(classOf(text.charCodeAt(at + 1)) & pathPart)) return 0;
    while (text.charCodeAt(at) === 47 && classOf(text.charCodeAt(at + 1)) & pathPart) {
      at += 2;
      while (classOf(text.charCodeAt(at)) & pathPart) at++;
    }
    if (text.charCodeAt(at) === 47) at++;
    return at - start;
  }

  /** Length of `PATH_CHAR*\/` when `${` follows, or 0. */
  private pathSegmentLength(start: number): number {
    const text = this.text;
    const at = this.runs.path.endFrom(text, start);
    return text.charCodeAt(at) === 47 && text.startsWith('/${', at) ? at + 1 - start : 0;
  }

  private uriLength(start: number): number {
    const text = this.text;
    let at = this.runs.scheme.endFrom(text, start);
    if (text.charCodeAt(at) !== 58) return 0;
    const scheme = at + 1;
    at = scheme;
    while (classOf(text.charCodeAt(at)) & uriPart) at++;
    return at === scheme ? 0 : at - start;
  }

  /** A path or URI that starts at `start` and ends past `end`, if there is one. */
  private pathOrUri(start: number, end: number): Token | undefined {
    const path = this.pathLength(start);
    const segment = this.pathSegmentLength(start);
    const first = this.text.charCodeAt(start);
    const letter = (first >= 65 && first <= 90) || (first >= 97 && first <= 122);
    const uri = letter ? this.uriLength(start) : 0;
    const longest = Math.max(path, segment > 0 ? segment + 2 : 0, uri);
    if (start + longest <= end) return undefined;
    if (segment + 2 === longest && segment > 0) return this.startPath(Token.path, start, segment);
    if (path === longest) return this.startPath(Token.path, start, path);
    this.value = this.text.slice(start, start + uri);
    return this.emit(Token.uri, start + uri);
  }

  private startPath(token: Token, start: number, length: number): Token {
    const end = start + length;
    this.value = this.text.slice(start, end);
    this.push(this.text.charCodeAt(end - 1) === 47 ? State.pathSlash : State.path);
    return this.emit(token, end);
  }

  private numberPathOrOperator(start: number, c: number): Token {
    const text = this.text;
    let integerEnd = start;
    while (classOf(text.charCodeAt(integerEnd)) & digit) integerEnd++;
    const float = this.floatLength(start);
    const end = Math.max(integerEnd, start + float);
    const longer = this.pathOrUri(start, Math.max(end, this.operatorEnd(start, c)));
    if (longer !== undefined) return longer;
    if (float > 0 && start + float > integerEnd) {
      this.value = text.slice(start, end);
      if (!Number.isFinite(Number(this.value))) {
        this.fail(`invalid float '${this.value}'`, start);
      }
      return this.emit(Token.float, end);
    }
    if (integerEnd > start) {
      this.value = text.slice(start, integerEnd);
      if (this.value.length > 15 && BigInt(this.value) > 9223372036854775807n) {
        this.fail(`invalid integer '${this.value}'`, start);
      }
      return this.emit(Token.integer, integerEnd);
    }
    return this.operator(start, c);
  }

  private floatLength(start: number): number {
    const text = this.text;
    let at = start;
    const first = text.charCodeAt(at);
    if (first >= 49 && first <= 57) {
      while (classOf(text.charCodeAt(at)) & digit) at++;
      if (text.charCodeAt(at) !== 46) return 0;
      at++;
      while (classOf(text.charCodeAt(at)) & digit) at++;
    } else {
      if (first === 48) at++;
      if (text.charCodeAt(at) !== 46 || !(classOf(text.charCodeAt(at + 1)) & digit)) return 0;
      at++;
      while (classOf(text.charCodeAt(at)) & digit) at++;
    }
    const e = text.charCodeAt(at);
    if (e === 69 || e === 101) {
      let exponent = at + 1;
      const sign = text.charCodeAt(exponent);
      if (sign === 43 || sign === 45) exponent++;
      if (classOf(text.charCodeAt(exponent)) & digit) {
        while (classOf(text.charCodeAt(exponent)) & digit) exponent++;
        at = exponent;
      }
    }
    return at - start;
  }

  private operatorEnd(start: number, c: number): number {
    const two = this.text.charCodeAt(start + 1);
    if (c === 46) return this.text.startsWith('...', start) ? start + 3 : start + 1;
    if ((c === 43 && two === 43) || (c === 45 && two === 62) || (c === 47 && two === 47)) return start + 2;
    return start + 1;
  }

  private operator(start: number, c: number): Token {
    const text = this.text;
    const two = text.charCodeAt(start + 1);
    switch (c) {
      case 34: // "
        this.push(State.string);
        return this.emit(Token.quote, start + 1);
      case 36: // $
        if (two === 123) {
          this.push(State.default);
          return this.emit(Token.dollarCurly, start + 2);
        }
        return this.emit(Token.invalid, start + 1);
      case 123: // {
        this.push(State.default);
        return this.emit(Token.leftBrace, start + 1);
      case 125: // }
        if (this.states.length > 0) this.pop();
        return this.emit(Token.rightBrace, start + 1);
      case 39: // '
        if (two === 39) {
          this.push(State.indented);
          let end = start + 2;
          while (text.charCodeAt(end) === 32) end++;
          return this.emit(Token.indentedOpen, text.charCodeAt(end) === 10 ? end + 1 : start + 2);
        }
        return this.emit(Token.invalid, start + 1);
      case 60: // <
        return this.less(start, two);
      case 126: // ~
        return this.home(start, two);
      case 124: // |
        if (two === 124) return this.emit(Token.or, start + 2);
        if (two === 62) return this.pipe(Token.pipeInto, start);
        return this.emit(Token.invalid, start + 1);
      case 38: // &
        return two === 38 ? this.emit(Token.and, start + 2) : this.emit(Token.invalid, start + 1);
      case 46: // .
        if (text.startsWith('...', start)) return this.emit(Token.ellipsis, start + 3);
        break;
      case 61: // =
        if (two === 61) return this.emit(Token.equal, start + 2);
        break;
      case 33: // !
        if (two === 61) return this.emit(Token.notEqual, start + 2);
        break;
      case 62: // >
        if (two === 61) return this.emit(Token.greaterOrEqual, start + 2);
        break;
      case 43: // +
        if (two === 43) return this.emit(Token.concat, start + 2);
        break;
      case 45: // -
        if (two === 62) return this.emit(Token.implies, start + 2);
        break;
      case 47: // /
        if (two === 47) return this.emit(Token.update, start + 2);
        break;
    }
    return this.emit(singleCharacters.get(c) ?? Token.invalid, start + 1);
  }

  private less(start: number, two: number): Token {
    const text = this.text;
    let at = start + 1;
    if (classOf(two) & pathPart) {
      while (classOf(text.charCodeAt(at)) & pathPart) at++;
      while (text.charCodeAt(at) === 47 && classOf(text.charCodeAt(at + 1)) & pathPart) {
        at += 2;
        while (classOf(text.charCodeAt(at)) & pathPart) at++;
      }
      if (text.charCodeAt(at) === 62) {
        this.value = text.slice(start + 1, at);
        return this.emit(Token.searchPath, at + 1);
      }
    }
    if (two === 61) return this.emit(Token.lessOrEqual, start + 2);
    if (two === 124) return this.pipe(Token.pipeFrom, start);
    return this.emit(Token.less, start + 1);
  }

  private pipe(token: Token, start: number): Token {
    if (!this.options.pipeOperators) {
      this.fail(
        "experimental Nix feature 'pipe-operators' is disabled; add '--extra-experimental-features pipe-operators' to enable it",
        start,
      );
    }
    return this.emit(token, start + 2);
  }

  private home(start: number, two: number): Token {
    if (two === 47) {
      if (this.text.startsWith('/${', start + 1)) return this.startPath(Token.homePath, start, 2);
      const path = this.pathLength(start + 1);
      if (path > 0) return this.startPath(Token.homePath, start, path + 1);
    }
    return this.emit(Token.invalid, start + 1);
  }

  private nextInString(): Token {
    const text = this.text;
    const start = this.at;
    this.start = start;
    let at = start;
    let plain = true;
    let endOfFile = false;
    for (;;) {
      const c = text.charCodeAt(at);
      if (c === 34 || Number.isNaN(c)) break;
      if (c === 92) {
        if (at + 1 >= text.length) {
          endOfFile = true;
          break;
        }
        plain = false;
        at += 2;
      } else if (c === 36) {
        const two = text.charCodeAt(at + 1);
        if (two === 123) break;
        if (Number.isNaN(two)) {
          endOfFile = true;
          break;
        }
        if (two === 34) at++;
        else if (two === 92) {
          if (at + 2 >= text.length) {
            endOfFile = true;
            break;
          }
          plain = false;
          at += 3;
        } else {
          if (two === 13 || two === 0) plain = false;
          at += 2;
        }
      } else {
        if (c === 13 || c === 0) plain = false;
        at++;
      }
    }
    if (at > start) {
      const raw = text.slice(start, at);
      this.value = plain ? raw : this.unescape(raw, start);
      return this.emit(Token.string, at);
    }
    if (endOfFile || at >= text.length) return this.emit(Token.end, text.length);
    if (text.charCodeAt(at) === 34) {
      this.pop();
      return this.emit(Token.quote, at + 1);
    }
    this.push(State.default);
    return this.emit(Token.dollarCurly, at + 2);
  }

  private unescape(raw: ByteString, start: number): ByteString {
    let out = '';
    for (let i = 0; i < raw.length; ) {
      const c = raw[i++]!;
      if (c === '\\') {
        const e = raw[i++] ?? '';
        out += e === 'n' ? '\n' : e === 'r' ? '\r' : e === 't' ? '\t' : e;
      } else if (c === '\r') {
        out += '\n';
        if (raw[i] === '\n') i++;
      } else out += c;
    }
    this.refuseNul(raw, out, start);
    return out;
  }

  private refuseNul(raw: ByteString, value: ByteString, start: number): void {
    if (raw.includes('\0')) this.fail(nulMessage(value), start);
  }

  private nextInIndented(): Token {
    const text = this.text;
    const start = this.at;
    this.start = start;
    this.hasIndentation = false;
    let at = start;
    for (;;) {
      const c = text.charCodeAt(at);
      if (Number.isNaN(c)) break;
      if (c !== 36 && c !== 39) {
        at++;
        continue;
      }
      const two = text.charCodeAt(at + 1);
      if (Number.isNaN(two)) break;
      if (c === 36 ? two !== 123 && two !== 39 : two !== 39 && two !== 36) at += 2;
      else break;
    }
    if (at > start) {
      this.value = text.slice(start, at);
      this.hasIndentation = true;
      this.refuseNul(this.value, this.value, start);
      return this.emit(Token.indentedString, at);
    }
    if (at >= text.length) return this.emit(Token.end, text.length);
    const piece = (value: ByteString, length: number) => {
      this.value = value;
      return this.emit(Token.indentedString, at + length);
    };
    if (text.charCodeAt(at) === 36) {
      if (text.charCodeAt(at + 1) === 123) {
        this.push(State.default);
        return this.emit(Token.dollarCurly, at + 2);
      }
      return piece('$', 1);
    }
    if (text.startsWith("''", at)) {
      const three = text.charCodeAt(at + 2);
      if (three === 36) return piece('$', 3);
      if (three === 39) return piece("''", 3);
      if (three === 92 && at + 3 < text.length)
        return piece(this.unescape(text.slice(at + 2, at + 4), at), 4);
      this.pop();
      return this.emit(Token.indentedClose, at + 2);
    }
    return piece("'", 1);
  }

  private nextInPath(): Token {
    const text = this.text;
    const start = this.at;
    this.start = start;
    if (text.startsWith('${', start)) {
      this.state = State.path;
      this.push(State.default);
      return this.emit(Token.dollarCurly, start + 2);
    }
    let length = this.pathLength(start);
    if (length === 0) {
      let at = start;
      while (classOf(text.charCodeAt(at)) & pathPart) at++;
      if (text.charCodeAt(at) === 47) at++;
      length = at - start;
    }
    if (length > 0) {
      this.value = text.slice(start, start + length);
      this.state = text.charCodeAt(start + length - 1) === 47 ? State.pathSlash : State.path;
      return this.emit(Token.string, start + length);
    }
    if (this.state === State.pathSlash) this.fail('path has a trailing slash', start);
    this.pop();
    return this.emit(Token.pathEnd, start);
  }
}

/** Nix's message for a text that cannot be a Nix string. */
export function nulMessage(text: ByteString): ByteString {
  return `input string '${text.replaceAll('\0', toByteString('␀'))}' cannot be represented as Nix string because it contains null bytes`;
}
