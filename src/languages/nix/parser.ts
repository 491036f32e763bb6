// The parser of the Nix language: recursive descent with precedence climbing, for the grammar of Nix 2.34. What a
// syntax error says was expected comes from syntax-error.ts, which knows the grammar as tables.
import type { ByteString } from '../../foundation/byte-string.ts';
import {
  AttrKind,
  type AttrName,
  type AttrsNode,
  type CallNode,
  type FormalNode,
  Kind,
  type LambdaNode,
  type LocalPosition,
  type Node,
} from './ast.ts';
import { type AttrPath, AttrsBuilder } from './attrs-builder.ts';
import { binaryKinds, Level, operators } from './operators.ts';
import { parseIndentedString, parsePath, parseString } from './parse-literals.ts';
import { type ParseOptions, TokenStream } from './token-stream.ts';
import { Token } from './tokens.ts';

const integer = (value: bigint): Node => ({ kind: Kind.integer, position: 0, value });
const variable = (name: ByteString, position: LocalPosition = 0): Node => ({
  kind: Kind.variable,
  position,
  name,
});
const string = (text: ByteString): Node => ({ kind: Kind.string, position: 0, text });

/** Adds an argument to a call, or makes one. `(f a) b` is one call of two arguments, as in Nix. */
function makeCall(position: LocalPosition, fn: Node, argument: Node): Node {
  if (fn.kind === Kind.call) {
    fn.args.push(argument);
    return fn;
  }
  return { kind: Kind.call, position, fn, args: [argument] };
}

class Parser extends TokenStream {
  parseFile(): Node {
    const node = this.parseExpression();
    if (!this.is(Token.end)) this.unexpected();
    return node;
  }

  parseExpression(): Node {
    const start = this.here();
    switch (this.token) {
      case Token.identifier: {
        const name = this.lexer.value;
        this.advance();
        if (this.is(Token.colon)) {
          this.advance();
          return this.lambda({ position: start, argument: name });
        }
        if (this.is(Token.at)) {
          this.advance();
          if (!this.is(Token.leftBrace)) this.unexpected();
          this.advance();
          const formals = this.parseFormals(undefined);
          return this.finishFormals(start, formals, name);
        }
        return this.continueExpression(this.identifier(name, start), start);
      }
      case Token.leftBrace: {
        this.advance();
        return this.parseBraces(start, true);
      }
      case Token.assert: {
        this.advance();
        const condition = this.parseExpression();
        this.expect(Token.semicolon);
        return { kind: Kind.assert, position: start, condition, body: this.parseExpression() };
      }
      case Token.with: {
        this.advance();
        const attrs = this.parseExpression();
        this.expect(Token.semicolon);
        return { kind: Kind.with, position: start, attrs, body: this.parseExpression() };
      }
      case Token.let: {
        this.advance();
        if (this.is(Token.leftBrace)) {
          const node = this.oldLet(start);
          return this.continueExpression(node, start);
        }
        const bindings = this.parseBindings(Token.in);
        this.advance();
        const body = this.parseExpression();
        if (bindings.dynamic.length > 0) this.fail('dynamic attributes not allowed in let', start);
        return { kind: Kind.let, position: 0, attrs: bindings, body };
      }
      case Token.if: {
        this.advance();
        const condition = this.parseExpression();
        this.expect(Token.thenKeyword);
        const then = this.parseExpression();
        this.expect(Token.else);
        const otherwise = this.parseExpression();
        return { kind: Kind.if, position: start, condition, then, otherwise };
      }
      default:
        return this.finishOperators(this.parseOperand(), start);
    }
  }

  /** The rest of an expression whose first simple part has been read. */
  private continueExpression(simple: Node, start: LocalPosition): Node {
    const selected = this.parseSelection(simple, start);
    return this.finishOperators(this.parseArguments(selected, start), start);
  }

  /** Operators and pipes after a first operand. */
  private finishOperators(first: Node, start: LocalPosition): Node {
    let left = this.parseOperators(first, start, 0);
    if (this.is(Token.pipeInto)) {
      while (this.is(Token.pipeInto)) {
        const position = this.here();
        this.advance();
        const argumentStart = this.here();
        const fn = this.parseOperators(this.parseOperand(), argumentStart, 0);
        left = makeCall(position, fn, left);
      }
    } else if (this.is(Token.pipeFrom)) {
      const position = this.here();
      this.advance();
      const rightStart = this.here();
      const first2 = this.parseOperand();
      left = makeCall(position, left, this.finishPipeFrom(first2, rightStart));
    }
    return left;
  }

  private finishPipeFrom(first: Node, start: LocalPosition): Node {
    const left = this.parseOperators(first, start, 0);
    if (!this.is(Token.pipeFrom)) return left;
    const position = this.here();
    this.advance();
    const rightStart = this.here();
    return makeCall(position, left, this.finishPipeFrom(this.parseOperand(), rightStart));
  }

  private parseOperators(first: Node, start: LocalPosition, minimum: number): Node {
    let left = first;
    let forbidden = -1;
    for (;;) {
      const op = operators[this.token];
      if (op === undefined || op.level < minimum) return left;
      if (op.level === forbidden) this.unexpected();
      const token = this.token;
      const position = this.here();
      this.advance();
      if (token === Token.question) {
        const path = this.parseAttrPath();
        left = { kind: Kind.hasAttr, position: left.position, of: left, path };
      } else {
        const rightStart = this.here();
        const right = this.parseOperators(
          this.parseOperand(),
          rightStart,
          op.associativity === 'right' ? op.level : op.level + 1,
        );
        left = this.binary({ token, position, left, leftStart: start, right, rightStart });
      }
      // An operator of the same level, when it associates neither way, is an error.
      forbidden = op.associativity === 'none' ? op.level : -1;
    }
  }

  private binary(parts: {
    token: Token;
    position: LocalPosition;
    left: Node;
    leftStart: LocalPosition;
    right: Node;
    rightStart: LocalPosition;
  }): Node {
    const { token, position, left, right } = parts;
    const call = (name: string, args: Node[]): CallNode => ({
      kind: Kind.call,
      position,
      fn: variable(name),
      args,
    });
    switch (token) {
      case Token.plus:
        return {
          kind: Kind.concatStrings,
          position,
          forceString: false,
          parts: [
            { position: parts.leftStart, value: left },
            { position: parts.rightStart, value: right },
          ],
        };
      case Token.minus:
        return call('__sub', [left, right]);
      case Token.times:
        return call('__mul', [left, right]);
      case Token.divide:
        return call('__div', [left, right]);
      case Token.less:
        return call('__lessThan', [left, right]);
      case Token.greater:
        return call('__lessThan', [right, left]);
      case Token.lessOrEqual:
        return this.not(call('__lessThan', [right, left]));
      case Token.greaterOrEqual:
        return this.not(call('__lessThan', [left, right]));
      default:
        return { kind: binaryKinds.get(token)!, position, left, right };
    }
  }

  private not(operand: Node): Node {
    return { kind: Kind.not, position: operand.position, operand };
  }

  /** An operand of a binary operator: unary operators, then an application. */
  private parseOperand(): Node {
    const start = this.here();
    if (this.is(Token.not)) {
      this.advance();
      const operandStart = this.here();
      return this.not(this.parseOperators(this.parseOperand(), operandStart, Level.not + 1));
    }
    if (this.is(Token.minus)) {
      this.advance();
      const operand = this.parseOperand();
      return { kind: Kind.call, position: start, fn: variable('__sub'), args: [integer(0n), operand] };
    }
    return this.parseArguments(this.parseSelection(this.parseSimple(), start), start);
  }

  private startsSimple(): boolean {
    switch (this.token) {
      case Token.identifier:
      case Token.integer:
      case Token.float:
      case Token.quote:
      case Token.indentedOpen:
      case Token.path:
      case Token.homePath:
      case Token.searchPath:
      case Token.uri:
      case Token.leftParen:
      case Token.leftBrace:
      case Token.leftBracket:
      case Token.rec:
      case Token.let:
        return true;
      default:
        return false;
    }
  }

  private parseArguments(fn: Node, start: LocalPosition): Node {
    let node = fn;
    // What a call starts with, or is all of, would mean the same to a newer grammar.
    if (node.kind === Kind.call) delete node.cursedOrEnd;
    while (this.startsSimple()) {
      const argumentStart = this.here();
      const argument = this.parseSelection(this.parseSimple(), argumentStart);
      this.warnOfCursedOr(argument);
      node = makeCall(start, node, argument);
    }
    return node;
  }

  private parseSelection(simple: Node, start: LocalPosition): Node {
    if (this.is(Token.dot)) {
      this.advance();
      const path = this.parseAttrPath();
      let fallback: Node | undefined;
      if (this.is(Token.orKeyword)) {
        this.advance();
        const fallbackStart = this.here();
        fallback = this.parseSelection(this.parseSimple(), fallbackStart);
        this.warnOfCursedOr(fallback);
      }
      return { kind: Kind.select, position: start, of: simple, path, fallback };
    }
    if (this.is(Token.orKeyword)) {
      const cursedOrEnd = this.lexer.end;
      this.advance();
      // A call of its own even after another call: `f or` applies f to the variable `or`.
      return { kind: Kind.call, position: start, fn: simple, args: [variable('or', start)], cursedOrEnd };
    }
    return simple;
  }

  private warnOfCursedOr(node: Node): void {
    if (node.kind !== Kind.call || node.cursedOrEnd === undefined) return;
    const place = this.options.showPosition(this.options.base + node.position - 1);
    const text = this.text.slice(node.position - 1, node.cursedOrEnd).replace(/\r\n|\r/g, '\n');
    this.options.warn?.(
      `at ${place}: This expression uses \`or\` as an identifier in a way that will change in a future Nix release.\nWrap this entire expression in parentheses to preserve its current meaning:\n    (${text})\nGive feedback at https://github.com/NixOS/nix/pull/11121`,
      undefined,
    );
  }

  private identifier(name: ByteString, position: LocalPosition): Node {
    return name === '__curPos' ? { kind: Kind.currentPosition, position } : variable(name, position);
  }

  private parseSimple(): Node {
    const start = this.here();
    switch (this.token) {
      case Token.identifier: {
        const name = this.lexer.value;
        this.advance();
        return this.identifier(name, start);
      }
      case Token.integer: {
        const value = BigInt(this.lexer.value);
        this.advance();
        return integer(value);
      }
      case Token.float: {
        const text = this.lexer.value;
        this.advance();
        return { kind: Kind.float, position: 0, text };
      }
      case Token.quote:
        return parseString(this);
      case Token.indentedOpen:
        return parseIndentedString(this);
      case Token.path:
      case Token.homePath:
        return parsePath(this);
      case Token.searchPath: {
        const path = this.lexer.value;
        this.advance();
        return {
          kind: Kind.call,
          position: start,
          fn: variable('__findFile'),
          args: [variable('__nixPath'), string(path)],
        };
      }
      case Token.uri: {
        const uri = this.lexer.value;
        const level = this.options.lints?.urlLiterals;
        this.lint(
          level,
          'lint-url-literals',
          `URL literals are ${level === 'fatal' ? 'disallowed' : 'discouraged'}. Consider using a string literal "${uri}" instead`,
          start,
        );
        this.advance();
        return string(uri);
      }
      case Token.leftParen: {
        this.advance();
        const node = this.parseExpression();
        this.expect(Token.rightParen);
        return node;
      }
      case Token.leftBracket: {
        this.advance();
        const items: Node[] = [];
        while (!this.is(Token.rightBracket)) {
          if (!this.startsSimple()) this.unexpected();
          const itemStart = this.here();
          const item = this.parseSelection(this.parseSimple(), itemStart);
          this.warnOfCursedOr(item);
          items.push(item);
        }
        this.advance();
        return { kind: Kind.list, position: items[0]?.position ?? 0, items };
      }
      case Token.rec: {
        this.advance();
        this.expect(Token.leftBrace);
        const attrs = this.parseBindings(Token.rightBrace);
        this.advance();
        attrs.recursive = true;
        attrs.position = start;
        return attrs;
      }
      case Token.let:
        this.advance();
        if (!this.is(Token.leftBrace)) this.unexpected();
        return this.oldLet(start);
      case Token.leftBrace:
        this.advance();
        return this.parseBraces(start, false);
      default:
        return this.unexpected();
    }
  }

  /** `let { …; body = …; }`, after `let`. */
  private oldLet(start: LocalPosition): Node {
    this.advance();
    const attrs = this.parseBindings(Token.rightBrace);
    this.advance();
    attrs.recursive = true;
    attrs.position = start;
    return { kind: Kind.select, position: start, of: attrs, path: [{ name: 'body' }], fallback: undefined };
  }

  /**
   * After `{`: an attribute set, or, where a function may stand, the formal arguments of one. In the latter case
   * the whole expression is read, operators and all.
   */
  private parseBraces(start: LocalPosition, functionAllowed: boolean): Node {
    if (this.is(Token.rightBrace)) {
      this.advance();
      if (functionAllowed && (this.is(Token.colon) || this.is(Token.at))) {
        return this.finishFormals(start, { formals: [], ellipsis: false }, undefined);
      }
      const empty: AttrsNode = {
        kind: Kind.attrs,
        position: start,
        recursive: false,
        attrs: new Map(),
        dynamic: [],
        from: [],
      };
      return functionAllowed ? this.continueExpression(empty, start) : empty;
    }
    let first: { name: ByteString; position: LocalPosition } | undefined;
    if (functionAllowed) {
      if (this.is(Token.ellipsis)) {
        return this.finishFormals(start, this.parseFormals(undefined), undefined);
      }
      if (this.is(Token.identifier)) {
        first = { name: this.lexer.value, position: this.here() };
        this.advance();
        if (this.is(Token.comma) || this.is(Token.question) || this.is(Token.rightBrace)) {
          return this.finishFormals(start, this.parseFormals(first), undefined);
        }
      }
    }
    const attrs = this.parseBindings(Token.rightBrace, first);
    this.advance();
    attrs.position = start;
    return functionAllowed ? this.continueExpression(attrs, start) : attrs;
  }

  private parseFormals(first: { name: ByteString; position: LocalPosition } | undefined): {
    formals: FormalNode[];
    ellipsis: boolean;
  } {
    const formals: FormalNode[] = [];
    let name = first;
    for (;;) {
      if (name === undefined) {
        if (this.is(Token.ellipsis)) {
          this.advance();
          if (!this.is(Token.rightBrace)) this.unexpected();
          this.advance();
          return { formals, ellipsis: true };
        }
        if (this.is(Token.rightBrace)) {
          this.advance();
          return { formals, ellipsis: false };
        }
        if (!this.is(Token.identifier)) this.unexpected();
        name = { name: this.lexer.value, position: this.here() };
        this.advance();
      }
      let fallback: Node | undefined;
      if (this.is(Token.question)) {
        this.advance();
        fallback = this.parseExpression();
      }
      formals.push({ ...name, fallback });
      name = undefined;
      if (this.is(Token.comma)) this.advance();
      else if (!this.is(Token.rightBrace)) this.unexpected();
    }
  }

  /** After a formal set: `: body` or `@ name : body`. */
  private finishFormals(
    start: LocalPosition,
    set: { formals: FormalNode[]; ellipsis: boolean },
    nameBefore: ByteString | undefined,
  ): Node {
    let argument = nameBefore;
    if (argument === undefined && this.is(Token.at)) {
      this.advance();
      if (!this.is(Token.identifier)) this.unexpected();
      argument = this.lexer.value;
      this.advance();
    }
    this.expect(Token.colon);
    const lambda = this.lambda({ position: start, argument, ...set });
    this.checkFormals(lambda);
    return lambda;
  }

  private checkFormals(lambda: LambdaNode): void {
    const seen = new Set<ByteString>();
    for (const formal of lambda.formals ?? []) {
      if (seen.has(formal.name)) {
        this.fail(`duplicate formal function argument '${formal.name}'`, formal.position);
      }
      seen.add(formal.name);
    }
    if (lambda.argument !== undefined && seen.has(lambda.argument)) {
      this.fail(`duplicate formal function argument '${lambda.argument}'`, lambda.position);
    }
  }

  private lambda(parts: {
    position: LocalPosition;
    argument: ByteString | undefined;
    formals?: FormalNode[];
    ellipsis?: boolean;
  }): LambdaNode {
    const body = this.parseExpression();
    return {
      kind: Kind.lambda,
      position: parts.position,
      name: undefined,
      argument: parts.argument,
      formals: parts.formals,
      ellipsis: parts.ellipsis ?? false,
      body,
    };
  }

  /** Bindings up to (not past) `end`. `first` is an identifier that has been read already. */
  private parseBindings(end: Token, first?: { name: ByteString; position: LocalPosition }): AttrsNode {
    const builder = new AttrsBuilder(
      (message, position) => this.fail(message, position),
      (position) => this.options.showPosition(this.options.base + position - 1),
    );
    let pending = first;
    while (pending !== undefined || !this.is(end)) {
      if (pending === undefined && this.is(Token.inherit)) {
        this.advance();
        this.parseInherit(builder);
        continue;
      }
      const position = pending?.position ?? this.here();
      const path = this.parseAttrPath(pending?.name);
      pending = undefined;
      if (!this.is(Token.assign)) this.unexpected();
      this.advance();
      const value = this.parseExpression();
      this.expect(Token.semicolon);
      builder.add(path, position, value);
    }
    return builder.node;
  }

  private parseInherit(builder: AttrsBuilder): void {
    let from: { node: Node; position: LocalPosition } | undefined;
    if (this.is(Token.leftParen)) {
      this.advance();
      const position = this.here();
      from = { node: this.parseExpression(), position };
      this.expect(Token.rightParen);
    }
    const source = from === undefined ? undefined : builder.addSource(from.node, from.position);
    const names: { name: ByteString; position: LocalPosition }[] = [];
    while (!this.is(Token.semicolon)) {
      const position = this.here();
      const attr = this.parseAttr();
      if ('expr' in attr) this.fail('dynamic attributes not allowed in inherit', position);
      names.push({ name: attr.name, position });
    }
    this.advance();
    for (const { name, position } of names) {
      if (source === undefined) {
        builder.inherit(name, position, {
          value: variable(name, position),
          position,
          kind: AttrKind.inherited,
        });
      } else {
        builder.inherit(name, position, {
          value: { kind: Kind.select, position, of: source, path: [{ name }], fallback: undefined },
          position,
          kind: AttrKind.inheritedFrom,
        });
      }
    }
  }

  private parseAttrPath(first?: ByteString): AttrPath {
    const path: AttrName[] = [first === undefined ? this.parseAttr() : { name: first }];
    while (this.is(Token.dot)) {
      this.advance();
      path.push(this.parseAttr());
    }
    return path;
  }

  private parseAttr(): AttrName {
    switch (this.token) {
      case Token.identifier:
      case Token.orKeyword: {
        const name = this.lexer.value;
        this.advance();
        return { name };
      }
      case Token.quote:
        return staticName(parseString(this));
      case Token.dollarCurly: {
        this.advance();
        const expr = this.parseExpression();
        this.expect(Token.rightBrace);
        return staticName(expr);
      }
      default:
        return this.unexpected();
    }
  }
}

function staticName(expr: Node): AttrName {
  return expr.kind === Kind.string ? { name: expr.text } : { expr };
}

/**
 * Parses a whole text. Throws a NixError of kind `parse`.
 */
export function parse(text: ByteString, options: ParseOptions): Node {
  return new Parser(text, options).parseFile();
}
