// Function calls, and the arithmetic and comparison operators, which are calls of builtins unless somebody binds
// their names (`let __sub = …; in 1 - 2`).
import { Kind } from './ast.ts';
import { compileArgument, compileEval, type Unit } from './compile.ts';
import { type Delay, delayAsConstant, suspend } from './delay.ts';
import { toNixError } from './errors.ts';
import { type Env, type Eval, PrimOp, type Slot, type Value } from './values.ts';

export function compileCall(unit: Unit, node: number): Eval {
  const { words, it } = unit;
  const fnNode = words[node + 2]!;
  const count = words[node + 3]!;
  if (words[fnNode] === Kind.global) {
    const primOp = it.globals.get(unit.symbol(words[fnNode + 2]!));
    if (primOp instanceof PrimOp && count === primOp.arity) return compilePrimOpCall(unit, node, primOp);
  }
  const fn = compileEval(unit, fnNode);
  const position = unit.position(node);
  const first = compileArgument(unit, words[node + 4]!);
  if (count === 1) return (env) => it.call1(fn(env), suspend(first, env), position);
  const second = compileArgument(unit, words[node + 5]!);
  if (count === 2) {
    return (env) => {
      const callee = fn(env);
      const argument = suspend(first, env);
      return it.call2(callee, argument, suspend(second, env), position);
    };
  }
  const args: Delay[] = [first, second];
  for (let i = 2; i < count; i++) args.push(compileArgument(unit, words[node + 4 + i]!));
  return (env) => {
    const callee = fn(env);
    const slots: Slot[] = new Array(count);
    for (let i = 0; i < count; i++) slots[i] = suspend(args[i]!, env);
    return it.call(callee, slots, position);
  };
}

/** Operators whose both operands are always evaluated, left first; on small integers they need no call. */
const arithmetic = new Map<string, (a: number, b: number) => Value | undefined>([
  ['sub', (a, b) => safe(a - b)],
  ['mul', (a, b) => safe(a * b)],
  ['lessThan', (a, b) => a < b],
]);

function safe(result: number): number | undefined {
  // -0 is no integer.
  return Number.isSafeInteger(result) ? result + 0 : undefined;
}

const noArgument = delayAsConstant(null);

function compilePrimOpCall(unit: Unit, node: number, primOp: PrimOp): Eval {
  const { words, it } = unit;
  const position = unit.position(node);
  const count = primOp.arity;
  const compute = arithmetic.get(primOp.name);
  if (compute !== undefined) {
    const left = compileEval(unit, words[node + 4]!);
    const right = compileEval(unit, words[node + 5]!);
    const call = (env: Env): Value => {
      const a = left(env);
      const b = right(env);
      if (typeof a === 'number' && typeof b === 'number') {
        const result = compute(a, b);
        if (result !== undefined) return result;
      }
      return primOp.call(a, b, null, position);
    };
    return (env) => {
      it.enter(position);
      let value: Value;
      try {
        value = call(env);
      } catch (thrown) {
        throw toNixError(thrown).addTrace(position, `while calling the '${primOp.name}' builtin`);
      }
      it.depth--;
      return value;
    };
  }
  const first = compileArgument(unit, words[node + 4]!);
  const second = count < 2 ? noArgument : compileArgument(unit, words[node + 5]!);
  const third = count < 3 ? noArgument : compileArgument(unit, words[node + 6]!);
  return (env) => {
    it.enter(position);
    const value = it.callPrimOp(
      primOp,
      position,
      suspend(first, env),
      suspend(second, env),
      suspend(third, env),
    );
    it.depth--;
    return value;
  };
}
