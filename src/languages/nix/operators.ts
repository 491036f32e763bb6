// The binary operators of the Nix language: how tightly each binds, and what it is in the syntax tree.
import { type BinaryKind, Kind } from './ast.ts';
import { Token } from './tokens.ts';

/** Levels of precedence; a greater one binds more tightly. */
export const Level = {
  implies: 1,
  or: 2,
  and: 3,
  equality: 4,
  compare: 5,
  update: 6,
  not: 7,
  sum: 8,
  product: 9,
  concat: 10,
  hasAttr: 11,
};

interface Operator {
  readonly level: number;
  readonly associativity: 'left' | 'right' | 'none';
}

/** By token. */
export const operators: (Operator | undefined)[] = [];
function operator(token: Token, level: number, associativity: Operator['associativity']): void {
  operators[token] = { level, associativity };
}
operator(Token.implies, Level.implies, 'right');
operator(Token.or, Level.or, 'left');
operator(Token.and, Level.and, 'left');
operator(Token.equal, Level.equality, 'none');
operator(Token.notEqual, Level.equality, 'none');
operator(Token.less, Level.compare, 'none');
operator(Token.greater, Level.compare, 'none');
operator(Token.lessOrEqual, Level.compare, 'none');
operator(Token.greaterOrEqual, Level.compare, 'none');
operator(Token.update, Level.update, 'right');
operator(Token.plus, Level.sum, 'left');
operator(Token.minus, Level.sum, 'left');
operator(Token.times, Level.product, 'left');
operator(Token.divide, Level.product, 'left');
operator(Token.concat, Level.concat, 'right');
operator(Token.question, Level.hasAttr, 'none');

/** Operators that are nodes of their own; the others are calls of builtins, or something special. */
export const binaryKinds = new Map<Token, BinaryKind>([
  [Token.equal, Kind.equal],
  [Token.notEqual, Kind.notEqual],
  [Token.and, Kind.and],
  [Token.or, Kind.or],
  [Token.implies, Kind.implies],
  [Token.update, Kind.update],
  [Token.concat, Kind.concatLists],
]);
