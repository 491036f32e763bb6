// What the parser reads from: one token at a time, with what goes wrong there said as Nix says it.
import type { ByteString } from '../../foundation/byte-string.ts';
import type { LocalPosition } from './ast.ts';
import { NixError } from './errors.ts';
import { Lexer } from './lexer.ts';
import { syntaxErrorMessage } from './syntax-error.ts';
import { Token } from './tokens.ts';

export type LintLevel = 'ignore' | 'warn' | 'fatal';

/** Style checks that Nix can be asked for. */
export interface Lints {
  readonly urlLiterals?: LintLevel;
  readonly absolutePathLiterals?: LintLevel;
  readonly shortPathLiterals?: LintLevel;
}

export interface ParseOptions {
  /** Position of the text's first byte, from a PositionTable. */
  readonly base: number;
  readonly pipeOperators: boolean;
  readonly lints?: Lints;
  /** Gets what a lint at level `warn`, or the parser itself, has to say; without position when the text names it. */
  readonly warn?: (message: ByteString, position: number | undefined) => void;
  /** How a position is written inside a message ("already defined at …"). */
  readonly showPosition: (position: number) => ByteString;
}

/** The tokens of a text; the parser is made on top of it. */
export class TokenStream {
  readonly lexer: Lexer;
  readonly options: ParseOptions;
  readonly text: ByteString;
  /** The current token; what it says is in `lexer`. */
  token: Token = Token.end;

  constructor(text: ByteString, options: ParseOptions) {
    this.text = text;
    this.options = options;
    this.lexer = new Lexer(text, options);
    this.advance();
  }

  advance(): void {
    this.token = this.lexer.next();
  }

  /** Whether the current token is `token` (a call, so that the compiler does not take it for settled). */
  is(token: Token): boolean {
    return this.token === token;
  }

  /** Position of the current token. */
  here(): LocalPosition {
    return this.lexer.start + 1;
  }

  fail(message: ByteString, position: LocalPosition): never {
    throw new NixError('parse', message, { position: this.options.base + position - 1 });
  }

  unexpected(): never {
    // At the end of the file Nix points just past it.
    const offset = this.is(Token.end) ? this.lexer.end : this.lexer.start;
    this.fail(syntaxErrorMessage(this.text, this.options), offset + 1);
  }

  expect(token: Token): void {
    if (!this.is(token)) this.unexpected();
    this.advance();
  }

  lint(level: LintLevel | undefined, name: string, message: ByteString, position: LocalPosition): void {
    if (level === undefined || level === 'ignore') return;
    const text = `${message} (${name})`;
    if (level === 'fatal') this.fail(text, position);
    this.options.warn?.(text, this.options.base + position - 1);
  }
}
