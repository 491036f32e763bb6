// Turns a Program into closures, one small piece at a time: a thunk's or function's code is compiled when it first
// runs. A piece is compiled for evaluating it now (`compileEval`) or for putting it off (`compileDelay`).

import type { ByteString } from '../../foundation/byte-string.ts';
import { Kind } from './ast.ts';
import { type CompiledBindings, compileAttrs, compileBindings, compileUpdate } from './compile-attrs.ts';
import { compileCall } from './compile-call.ts';
import { lambdaCode } from './compile-lambda.ts';
import { compileHasAttr, compileSelect } from './compile-select.ts';
import { compileConcatStrings } from './compile-strings.ts';
import {
  type Delay,
  delayAsConstant,
  delayAsLambda,
  delayAsThunk,
  delayAsVariable,
  suspend,
} from './delay.ts';
import { assertEqualOperands, equalOperands } from './equality.ts';
import { toNixError } from './errors.ts';
import type { Interpreter } from './interpreter.ts';
import { slotOf } from './lazy-attrs.ts';
import { concatLists } from './lists.ts';
import { normalisePath } from './paths.ts';
import type { Position } from './positions.ts';
import type { Program, StringTable } from './program.ts';
import type { SymbolId } from './symbols.ts';
import {
  attrsFromEntries,
  Code,
  type Env,
  type Eval,
  emptyList,
  Lambda,
  makeInteger,
  NixFloat,
  NixPath,
  type Slot,
  Thunk,
  type Value,
} from './values.ts';

/** A program being run: where its positions lie, and what its literals mean. */
export class Unit {
  readonly it: Interpreter;
  readonly words: Int32Array;
  readonly strings: StringTable;
  /** Position of the text's first byte. */
  readonly base: number;
  private readonly basePath: ByteString;
  /** By string: 1 more than the symbol, or 0 where nobody has asked yet. */
  private readonly symbolIds: Int32Array;

  constructor(it: Interpreter, program: Program, options: { base: number; basePath: ByteString }) {
    this.it = it;
    this.words = program.words;
    this.strings = program.strings;
    this.base = options.base;
    this.basePath = options.basePath;
    this.symbolIds = new Int32Array(program.strings.length);
  }

  symbol(index: number): SymbolId {
    const known = this.symbolIds[index]!;
    if (known > 0) return known - 1;
    const id = this.it.symbols.intern(this.strings.get(index));
    this.symbolIds[index] = id + 1;
    return id;
  }

  /** A position of this text as one of the evaluator's. */
  global(local: number): Position {
    return local === 0 ? 0 : this.base + local - 1;
  }

  position(node: number): Position {
    return this.global(this.words[node + 1]!);
  }

  /** The text of an expression that was kept for errors. */
  shownExpression(index: number): ByteString {
    return this.strings
      .get(index)
      .replace(/\0([^\0]*)\0/g, (_, literal: ByteString) => this.path(literal).path);
  }

  /** What a path literal stands for; a trailing slash is kept for what is appended to it. */
  path(literal: ByteString): NixPath {
    let absolute: ByteString;
    if (literal.startsWith('/')) absolute = normalisePath(literal);
    else if (literal.startsWith('~')) {
      if (this.it.settings.pure) {
        throw this.it.error('other', `the path '${literal}' can not be resolved in pure mode`);
      }
      absolute = `${this.it.host.homeDirectory() ?? ''}${literal.slice(1)}`;
      return new NixPath(absolute);
    } else absolute = normalisePath(`${this.basePath}/${literal}`);
    return new NixPath(literal.length > 1 && literal.endsWith('/') ? `${absolute}/` : absolute);
  }
}

/** The value of a whole program; `env` is the outermost environment. */
export function runProgram(unit: Unit, root: number, env: Env): Value {
  return compileEval(unit, root)(env);
}

/** Code that is compiled when it first runs. */
export function lazyCode(unit: Unit, node: number): Code {
  return new Code(compileAndRun, unit, node);
}

function compileAndRun(this: Code, env: Env): Value {
  const run = compileEval(this.unit as Unit, this.node);
  this.run = run;
  return run(env);
}

function constantOf(unit: Unit, node: number): { value: Value } | undefined {
  const { words, strings } = unit;
  switch (words[node]) {
    case Kind.integer:
      return { value: words[node + 2]! };
    case Kind.bigInteger:
      return { value: makeInteger(BigInt(strings.get(words[node + 2]!)))! };
    case Kind.float:
      return { value: new NixFloat(Number(strings.get(words[node + 2]!))) };
    case Kind.string:
      return { value: strings.get(words[node + 2]!) };
    case Kind.path: {
      const literal = strings.get(words[node + 2]!);
      // Refused only when it is evaluated, like everything that pure mode forbids.
      if (literal.startsWith('~') && unit.it.settings.pure) return undefined;
      return { value: unit.path(literal) };
    }
    default:
      return undefined;
  }
}

/** Code that yields the value of a node. */
export function compileEval(unit: Unit, node: number): Eval {
  const { words, it } = unit;
  const constant = constantOf(unit, node);
  if (constant !== undefined) {
    const { value } = constant;
    return () => value;
  }
  switch (words[node]) {
    case Kind.path: {
      const literal = unit.strings.get(words[node + 2]!);
      return () => unit.path(literal);
    }
    case Kind.variable:
      return compileVariable(unit, node);
    case Kind.global: {
      const slot = it.globals.get(unit.symbol(words[node + 2]!))!;
      const position = unit.position(node);
      return slot instanceof Thunk ? () => it.forceThunk(slot, position) : () => slot;
    }
    case Kind.withVariable: {
      const lookup = compileWithLookup(unit, node);
      const position = unit.position(node);
      return (env) => it.force(lookup(env), position);
    }
    case Kind.inheritFrom: {
      const index = words[node + 2]! + 1;
      const position = unit.position(node);
      return (env) => it.force(env[index], position);
    }
    case Kind.select:
      return compileSelect(unit, node);
    case Kind.hasAttr:
      return compileHasAttr(unit, node);
    case Kind.attrs:
      return compileAttrs(unit, node);
    case Kind.list: {
      const count = words[node + 2]!;
      if (count === 0) return () => emptyList;
      const items: Delay[] = [];
      for (let i = 0; i < count; i++) items.push(compileDelay(unit, words[node + 3 + i]!));
      return (env) => {
        const list: Slot[] = new Array(count);
        for (let i = 0; i < count; i++) list[i] = suspend(items[i]!, env);
        return list;
      };
    }
    case Kind.lambda: {
      const code = lambdaCode(unit, node);
      return (env) => new Lambda(code, env);
    }
    case Kind.call:
      return compileCall(unit, node);
    case Kind.let: {
      const bindings = compileBindings(unit, words[node + 2]!);
      return withBindings(bindings, compileEval(unit, words[node + 3]!));
    }
    case Kind.with: {
      const attrs = compileDelay(unit, words[node + 2]!);
      const body = compileEval(unit, words[node + 3]!);
      const position = unit.position(node);
      return (env) => body([env, suspend(attrs, env), position]);
    }
    case Kind.if: {
      const condition = compileBool(unit, words[node + 2]!, 'while evaluating a branch condition');
      const then = compileEval(unit, words[node + 3]!);
      const otherwise = compileEval(unit, words[node + 4]!);
      return (env) => (condition(env) ? then(env) : otherwise(env));
    }
    case Kind.assert:
      return compileAssert(unit, node);
    case Kind.not: {
      const operand = compileBool(unit, words[node + 2]!, "in the argument of '!'");
      return (env) => !operand(env);
    }
    case Kind.equal:
      return compileEquality(unit, node, true);
    case Kind.notEqual:
      return compileEquality(unit, node, false);
    case Kind.and: {
      const left = compileBool(unit, words[node + 2]!, "in the left operand of '&&'");
      const right = compileBool(unit, words[node + 3]!, "in the right operand of '&&'");
      return (env) => left(env) && right(env);
    }
    case Kind.or: {
      const left = compileBool(unit, words[node + 2]!, "in the left operand of '||'");
      const right = compileBool(unit, words[node + 3]!, "in the right operand of '||'");
      return (env) => left(env) || right(env);
    }
    case Kind.implies: {
      const left = compileBool(unit, words[node + 2]!, "in the left operand of '->'");
      const right = compileBool(unit, words[node + 3]!, "in the right operand of '->'");
      return (env) => !left(env) || right(env);
    }
    case Kind.update:
      return compileUpdate(unit, node);
    case Kind.concatLists: {
      const left = compileTraced(unit, words[node + 2]!, "in the left operand of '++'");
      const right = compileTraced(unit, words[node + 3]!, "in the right operand of '++'");
      const position = unit.position(node);
      const context = 'while evaluating one of the elements to concatenate';
      return (env) => {
        const first = left(env);
        return concatLists(it, [first, right(env)], position, context);
      };
    }
    case Kind.concatStrings:
      return compileConcatStrings(unit, node);
    case Kind.currentPosition: {
      const position = unit.position(node);
      return () => positionValue(it, position);
    }
    default:
      throw new Error(`unknown node kind ${words[node]}`);
  }
}

/** How a node is put off: as a constant, as the slot of a variable, or as a thunk. */
export function compileDelay(unit: Unit, node: number): Delay {
  const { words } = unit;
  const constant = constantOf(unit, node);
  if (constant !== undefined) return delayAsConstant(constant.value);
  switch (words[node]) {
    case Kind.variable:
      return delayAsVariable(lazyCode(unit, node), words[node + 3]!, words[node + 4]!);
    case Kind.global:
      return delayAsConstant(unit.it.globals.get(unit.symbol(words[node + 2]!))!);
    case Kind.list:
      if (words[node + 2] === 0) return delayAsConstant(emptyList);
      break;
  }
  return delayAsThunk(lazyCode(unit, node));
}

/** Arguments of calls: a function literal is made at once, since the callee will want it anyway. */
export function compileArgument(unit: Unit, node: number): Delay {
  return unit.words[node] === Kind.lambda ? delayAsLambda(lambdaCode(unit, node)) : compileDelay(unit, node);
}

function compileVariable(unit: Unit, node: number): Eval {
  const { it, words } = unit;
  const level = words[node + 3]!;
  const slot = words[node + 4]!;
  const position = unit.position(node);
  // Written out for each level: variables are what is evaluated most.
  switch (level) {
    case 0:
      return (env) => {
        const found: Slot = env[slot];
        if (!(found instanceof Thunk)) return found;
        return found.code === null ? found.value : it.forceThunk(found, position);
      };
    case 1:
      return (env) => {
        const found: Slot = env[0][slot];
        if (!(found instanceof Thunk)) return found;
        return found.code === null ? found.value : it.forceThunk(found, position);
      };
    case 2:
      return (env) => {
        const found: Slot = env[0][0][slot];
        if (!(found instanceof Thunk)) return found;
        return found.code === null ? found.value : it.forceThunk(found, position);
      };
    default:
      return (env) => {
        let at = env;
        for (let i = level; i > 0; i--) at = at[0];
        const found: Slot = at[slot];
        if (!(found instanceof Thunk)) return found;
        return found.code === null ? found.value : it.forceThunk(found, position);
      };
  }
}

function compileWithLookup(unit: Unit, node: number): (env: Env) => Slot {
  const { it, words } = unit;
  const name = unit.symbol(words[node + 2]!);
  const count = words[node + 3]!;
  const levels = Array.from(words.subarray(node + 4, node + 4 + count));
  const position = unit.position(node);
  return (env) => {
    let at = env;
    let level = 0;
    for (let i = 0; i < count; i++) {
      for (const target = levels[i]!; level < target; level++) at = at[0];
      const slot: Slot = at[1];
      const attrs = it.forceAttrs(
        slot,
        at[2],
        'while evaluating the first subexpression of a with expression',
      );
      const found = slotOf(attrs, name);
      if (found !== undefined) return found;
    }
    throw it.error('undefined-variable', `undefined variable '${it.symbols.names[name]}'`, position);
  };
}

/** Evaluates a node; errors get a trace entry at the node. */
export function compileTraced(unit: Unit, node: number, context: ByteString): Eval {
  const evaluate = compileEval(unit, node);
  if (isHarmless(unit, node)) return evaluate;
  const position = unit.position(node);
  return (env) => {
    try {
      return evaluate(env);
    } catch (thrown) {
      throw toNixError(thrown).addTrace(position, context);
    }
  };
}

/** Whether evaluating a node cannot fail. */
function isHarmless(unit: Unit, node: number): boolean {
  const kind = unit.words[node];
  return kind === Kind.lambda || kind === Kind.list || constantOf(unit, node) !== undefined;
}

function compileBool(unit: Unit, node: number, context: ByteString): (env: Env) => boolean {
  const evaluate = compileEval(unit, node);
  const position = unit.position(node);
  const { it } = unit;
  return (env) => {
    try {
      const value = evaluate(env);
      if (value === true) return true;
      if (value === false) return false;
      throw it.error('type', `expected a Boolean but found ${it.describe(value)}`, position);
    } catch (thrown) {
      throw toNixError(thrown).addTrace(position, context);
    }
  };
}

function compileEquality(unit: Unit, node: number, wanted: boolean): Eval {
  const { it, words } = unit;
  const symbol = wanted ? '==' : '!=';
  const left = compileTraced(unit, words[node + 2]!, `in the left operand of '${symbol}'`);
  const right = compileTraced(unit, words[node + 3]!, `in the right operand of '${symbol}'`);
  const position = unit.position(node);
  return (env) => {
    const first = left(env);
    const second = right(env);
    if (typeof first === 'string' && typeof second === 'string') return (first === second) === wanted;
    return equalOperands(it, first, second, position) === wanted;
  };
}

function compileAssert(unit: Unit, node: number): Eval {
  const { it, words } = unit;
  const conditionNode = words[node + 2]!;
  const condition = compileBool(unit, conditionNode, 'in the condition of the assert statement');
  const body = compileEval(unit, words[node + 3]!);
  const text = () => unit.shownExpression(words[node + 4]!);
  const position = unit.position(node);
  const fail = (env: Env): never => {
    if (words[conditionNode] === Kind.equal) {
      try {
        const first = compileEval(unit, words[conditionNode + 2]!)(env);
        const second = compileEval(unit, words[conditionNode + 3]!)(env);
        assertEqualOperands(it, first, second, unit.position(conditionNode));
      } catch (thrown) {
        const error = toNixError(thrown);
        if (error.kind === 'assertion' || error.kind === 'throw') {
          error.addTrace(position, `while evaluating the condition of the assertion '${text()}'`);
        }
        throw error;
      }
    }
    throw it.error('assertion', `assertion '${text()}' failed`, position);
  };
  return (env) => {
    if (!condition(env)) fail(env);
    return body(env);
  };
}

function withBindings(bindings: CompiledBindings, body: Eval): Eval {
  const { size, fill } = bindings;
  return (env) => {
    const inner: Env = new Array(size + 1);
    inner[0] = env;
    fill(inner, env);
    return body(inner);
  };
}

/** What `__curPos` and `unsafeGetAttrPos` give. */
export function positionValue(it: Interpreter, position: Position): Value {
  const origin = it.positions.originOf(position);
  if (origin?.path === undefined) return null;
  const { symbols } = it;
  const part = (get: (resolved: { line: number; column: number }) => number): Thunk =>
    new Thunk(new Code(() => get(it.positions.resolve(position)!)), []);
  return attrsFromEntries([
    [symbols.intern('file'), origin.path],
    [symbols.intern('line'), part((resolved) => resolved.line)],
    [symbols.intern('column'), part((resolved) => resolved.column)],
  ]);
}
