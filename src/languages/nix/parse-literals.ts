// Strings, indented strings and paths, with the expressions interpolated into them.
import type { ByteString } from '../../foundation/byte-string.ts';
import { Kind, type LocalPosition, type Node } from './ast.ts';
import { stripIndentation } from './indentation.ts';
import type { TokenStream } from './token-stream.ts';
import { Token } from './tokens.ts';

/** A token stream that can read whole expressions: the parser. */
interface ExpressionReader extends TokenStream {
  parseExpression(): Node;
}

interface Interpolation {
  readonly position: LocalPosition;
  readonly value: Node;
}

const string = (text: ByteString): Node => ({ kind: Kind.string, position: 0, text });

/**
 * The pieces up to the token `end`, which is taken as well: texts, as `literal` makes them of the current token, and
 * interpolations.
 */
function pieces<Piece>(
  parser: ExpressionReader,
  end: Token,
  text: { readonly token: Token; readonly literal: (position: LocalPosition) => Piece },
): (Piece | Interpolation)[] {
  const found: (Piece | Interpolation)[] = [];
  while (!parser.is(end)) {
    const position = parser.here();
    if (parser.is(text.token)) {
      found.push(text.literal(position));
      parser.advance();
    } else if (parser.is(Token.dollarCurly)) {
      parser.advance();
      const value = parser.parseExpression();
      parser.expect(Token.rightBrace);
      found.push({ position, value });
    } else parser.unexpected();
  }
  parser.advance();
  return found;
}

/** Pieces of a string or path, whose texts are string nodes. */
function nodes(parser: ExpressionReader, end: Token): Interpolation[] {
  return pieces(parser, end, {
    token: Token.string,
    literal: (position): Interpolation => ({ position, value: string(parser.lexer.value) }),
  });
}

/** A string, from its opening quote on. */
export function parseString(parser: ExpressionReader): Node {
  parser.advance();
  const start = parser.here();
  const parts = nodes(parser, Token.quote);
  if (parts.length === 0) return string('');
  const [first] = parts;
  if (parts.length === 1 && first!.value.kind === Kind.string && isLiteral(parser.text, first!.position)) {
    return first!.value;
  }
  return { kind: Kind.concatStrings, position: start, forceString: true, parts };
}

/** Whether the part at a position is text, not `${"text"}`. */
function isLiteral(text: ByteString, position: LocalPosition): boolean {
  return !text.startsWith('${', position - 1);
}

/** An indented string, from its opening quotes on. */
export function parseIndentedString(parser: ExpressionReader): Node {
  const start = parser.here();
  parser.advance();
  const { lexer } = parser;
  const parts = pieces(parser, Token.indentedClose, {
    token: Token.indentedString,
    literal: (position) => ({ position, text: lexer.value, hasIndentation: lexer.hasIndentation }),
  });
  return stripIndentation(start, parts);
}

/** A path, from its first token on. */
export function parsePath(parser: ExpressionReader): Node {
  const start = parser.here();
  const literal = parser.lexer.value;
  lintPath(parser, literal, parser.is(Token.homePath), start);
  const path: Node = { kind: Kind.path, position: 0, literal };
  parser.advance();
  if (parser.is(Token.pathEnd)) {
    parser.advance();
    return path;
  }
  const parts = [{ position: start, value: path }, ...nodes(parser, Token.pathEnd)];
  return { kind: Kind.concatStrings, position: start, forceString: false, parts };
}

function lintPath(parser: TokenStream, literal: ByteString, isHome: boolean, start: LocalPosition): void {
  const { lints } = parser.options;
  const advice = (kind: string) =>
    `${kind} path literals are not portable. Consider replacing path literal '${literal}' by a string, relative path, or parameter`;
  const absoluteLint = 'lint-absolute-path-literals';
  if (isHome) parser.lint(lints?.absolutePathLiterals, absoluteLint, advice('home'), start);
  else if (literal.startsWith('/')) {
    parser.lint(lints?.absolutePathLiterals, absoluteLint, advice('absolute'), start);
  } else if (!literal.startsWith('.')) {
    parser.lint(
      lints?.shortPathLiterals,
      'lint-short-path-literals',
      `relative path literal '${literal}' should be prefixed with '.' for clarity: './${literal}'`,
      start,
    );
  }
}
