// Turns a Program into closures, one small piece at a time: a thunk's or function's code is compiled when it first
// runs. A piece is compiled twice over, for evaluating it now (`evaluator`) and for putting it off (`delayer`).

import type { ByteString } from '../../foundation/byte-string.ts';
import { Kind } from './ast.ts';
import { type CompiledBindings, compileAttrs, compileBindings, compileUpdate } from './compile-attrs.ts';
import { compileCall } from './compile-call.ts';
import { compileHasAttr, compileSelect } from './compile-select.ts';
import { compileConcatStrings } from './compile-strings.ts';
import { assertEqualOperands, equalOperands } from './equality.ts';
import { NixError, nearestAttributes, toNixError } from './errors.ts';
import type { Interpreter } from './interpreter.ts';
import { slotOf } from './lazy-attrs.ts';
import { concatLists } from './lists.ts';
import { normalisePath } from './paths.ts';
import type { Position } from './positions.ts';
import type { Program } from './program.ts';
import type { SymbolId } from './symbols.ts';
import {
  type Attrs,
  attrsFromEntries,
  Code,
  type Env,
  type Eval,
  emptyList,
  type Formal,
  findAttr,
  Lambda,
  type LambdaCode,
  makeInteger,
  NixFloat,
  NixPath,
  type Slot,
  Thunk,
  type Value,
} from './values.ts';

/** Code that gives a slot, without evaluating anything that could fail. */
export type Delay = (env: Env) => Slot;

/** A program being run: where its positions lie, and what its literals mean. */
export class Unit {
  readonly it: Interpreter;
  readonly words: Int32Array;
  readonly strings: readonly ByteString[];
  /** Position of the text's first byte. */
  readonly base: number;
  private readonly basePath: ByteString;
  private readonly symbolIds: Int32Array;

  constructor(it: Interpreter, program: Program, options: { base: number; basePath: ByteString }) {
    this.it = it;
    this.words = program.words;
    this.strings = program.strings;
    this.base = options.base;
    this.basePath = options.basePath;
    this.symbolIds = new Int32Array(program.strings.length).fill(-1);
  }

  symbol(index: number): SymbolId {
    const known = this.symbolIds[index]!;
    if (known >= 0) return known;
    const id = this.it.symbols.intern(this.strings[index]!);
    this.symbolIds[index] = id;
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
    return this.strings[index]!.replace(/\0([^\0]*)\0/g, (_, literal: ByteString) => this.path(literal).path);
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
  const code: Code = new Code((env) => {
    const run = compileEval(unit, node);
    code.run = run;
    return run(env);
  });
  return code;
}

function constantOf(unit: Unit, node: number): { value: Value } | undefined {
  const { words, strings } = unit;
  switch (words[node]) {
    case Kind.integer:
      return { value: words[node + 2]! };
    case Kind.bigInteger:
      return { value: makeInteger(BigInt(strings[words[node + 2]!]!))! };
    case Kind.float:
      return { value: new NixFloat(Number(strings[words[node + 2]!]!)) };
    case Kind.string:
      return { value: strings[words[node + 2]!]! };
    case Kind.path: {
      const literal = strings[words[node + 2]!]!;
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
      const literal = unit.strings[words[node + 2]!]!;
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
        for (let i = 0; i < count; i++) list[i] = items[i]!(env);
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
      return (env) => body([env, attrs(env), position]);
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

/** Code that puts a node off: a constant, the slot of a variable, or a thunk. */
export function compileDelay(unit: Unit, node: number): Delay {
  const { words } = unit;
  const constant = constantOf(unit, node);
  if (constant !== undefined) {
    const { value } = constant;
    return () => value;
  }
  switch (words[node]) {
    case Kind.variable: {
      const code = lazyCode(unit, node);
      const slot = words[node + 4]!;
      const level = words[node + 3]!;
      // A variable of the scope being set up may have no value yet.
      switch (level) {
        case 0:
          return (env) => env[slot] ?? missing(env[slot], code, env);
        case 1:
          return (env) => env[0][slot] ?? missing(env[0][slot], code, env);
        case 2:
          return (env) => env[0][0][slot] ?? missing(env[0][0][slot], code, env);
        default:
          return (env) => {
            let at = env;
            for (let i = level; i > 0; i--) at = at[0];
            return at[slot] ?? missing(at[slot], code, env);
          };
      }
    }
    case Kind.global: {
      const slot = unit.it.globals.get(unit.symbol(words[node + 2]!))!;
      return () => slot;
    }
    case Kind.list:
      if (words[node + 2] === 0) return () => emptyList;
      break;
  }
  const code = lazyCode(unit, node);
  return (env) => new Thunk(code, env);
}

/** null is a value; only undefined means "not set up yet". */
function missing(slot: Slot | undefined, code: Code, env: Env): Slot {
  return slot === null ? null : new Thunk(code, env);
}

/** Arguments of calls: a function literal is made at once, since the callee will want it anyway. */
export function compileArgument(unit: Unit, node: number): Delay {
  if (unit.words[node] !== Kind.lambda) return compileDelay(unit, node);
  const code = lambdaCode(unit, node);
  return (env) => new Lambda(code, env);
}

function compileVariable(unit: Unit, node: number): Eval {
  const { it, words } = unit;
  const level = words[node + 3]!;
  const slot = words[node + 4]!;
  const position = unit.position(node);
  const force = (found: Slot): Value =>
    found instanceof Thunk ? (found.code === null ? found.value : it.forceThunk(found, position)) : found;
  switch (level) {
    case 0:
      return (env) => force(env[slot]);
    case 1:
      return (env) => force(env[0][slot]);
    case 2:
      return (env) => force(env[0][0][slot]);
    case 3:
      return (env) => force(env[0][0][0][slot]);
    default:
      return (env) => {
        let at = env;
        for (let i = level; i > 0; i--) at = at[0];
        return force(at[slot]);
      };
  }
}

function compileWithLookup(unit: Unit, node: number): Delay {
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

// Functions.

function lambdaCode(unit: Unit, node: number): LambdaCode {
  const { words } = unit;
  const nameIndex = words[node + 2]!;
  const argumentIndex = words[node + 3]!;
  const bodyNode = words[node + 4]!;
  const hasFormals = (words[node + 5]! & 1) !== 0;
  const ellipsis = (words[node + 5]! & 2) !== 0;
  const count = words[node + 6]!;
  const formals: (Formal & { readonly fallback: number })[] = [];
  for (let i = 0; i < count; i++) {
    const at = node + 7 + i * 3;
    formals.push({
      name: unit.symbol(words[at]!),
      position: unit.global(words[at + 1]!),
      hasDefault: words[at + 2] !== -1,
      fallback: words[at + 2]!,
    });
  }
  const isNested = words[bodyNode] === Kind.lambda;
  const inner = isNested ? lambdaCode(unit, bodyNode) : undefined;
  const code: LambdaCode = {
    name: nameIndex < 0 ? -1 : unit.symbol(nameIndex),
    position: unit.position(node),
    argument: argumentIndex < 0 ? -1 : unit.symbol(argumentIndex),
    formals: hasFormals ? formals : undefined,
    ellipsis,
    bind: hasFormals ? compileBind(unit, () => code, formals) : (env, argument) => [env, argument],
    body:
      inner !== undefined
        ? (env) => new Lambda(inner, env)
        : (env) => {
            const run = compileEval(unit, bodyNode);
            code.body = run;
            return run(env);
          },
    inner,
  };
  return code;
}

function compileBind(
  unit: Unit,
  codeOf: () => LambdaCode,
  formals: readonly (Formal & { readonly fallback: number })[],
): LambdaCode['bind'] {
  const { it } = unit;
  const count = formals.length;
  const names = formals.map((formal) => formal.name);
  const defaults: (Delay | undefined)[] = formals.map((formal) =>
    formal.fallback < 0 ? undefined : compileLazyDelay(unit, formal.fallback),
  );
  const code = { value: undefined as LambdaCode | undefined };
  let cachedNames: readonly SymbolId[] | undefined;
  let cachedIndexes: number[] = [];
  return (closure, argument, callPosition) => {
    code.value ??= codeOf();
    const lambda = code.value;
    let attrs: Attrs;
    try {
      attrs = it.forceAttrs(
        argument,
        lambda.position,
        'while evaluating the value passed for the lambda argument',
      );
    } catch (thrown) {
      const error = toNixError(thrown);
      if (callPosition !== 0) error.addTrace(callPosition, 'from call site');
      throw error;
    }
    const offset = lambda.argument < 0 ? 1 : 2;
    const env: Env = new Array(count + offset);
    env[0] = closure;
    if (offset === 2) env[1] = argument;
    const { names: given, values } = attrs;
    if (given !== cachedNames) {
      cachedIndexes = names.map((name) => findAttr(given, name));
      cachedNames = given;
    }
    let used = 0;
    for (let i = 0; i < count; i++) {
      const index = cachedIndexes[i]!;
      if (index >= 0) {
        used++;
        env[offset + i] = values[index];
      } else {
        const fallback = defaults[i];
        if (fallback === undefined) {
          throw argumentError(it, lambda, { callPosition, missing: names[i]! });
        }
        env[offset + i] = fallback(env);
      }
    }
    if (!lambda.ellipsis && used !== given.length) {
      const unexpected = given.find((name) => !names.includes(name))!;
      throw argumentError(it, lambda, { callPosition, unexpected });
    }
    return env;
  };
}

/** A delayer that is compiled when first needed: most defaults of most functions never are. */
function compileLazyDelay(unit: Unit, node: number): Delay {
  let compiled: Delay | undefined;
  return (env) => {
    compiled ??= compileDelay(unit, node);
    return compiled(env);
  };
}

function argumentError(
  it: Interpreter,
  lambda: LambdaCode,
  problem: { callPosition: Position; missing?: SymbolId; unexpected?: SymbolId },
): NixError {
  const names = it.symbols.names;
  const name = lambda.name < 0 ? 'anonymous lambda' : names[lambda.name]!;
  const options = { position: lambda.position };
  const error =
    problem.missing !== undefined
      ? new NixError(
          'type',
          `function '${name}' called without required argument '${names[problem.missing]}'`,
          options,
        )
      : new NixError(
          'type',
          `function '${name}' called with unexpected argument '${names[problem.unexpected!]}'`,
          {
            ...options,
            suggestions: nearestAttributes(
              names[problem.unexpected!]!,
              lambda.formals!.map((formal) => names[formal.name]!),
            ),
          },
        );
  return error.addTrace(problem.callPosition, 'from call site');
}
