// `+` and interpolation: strings, paths and numbers, decided by the first operand.
import type { ByteString } from '../../foundation/byte-string.ts';
import { coerceToString } from './coerce.ts';
import { compileTraced, type Unit } from './compile.ts';
import { ContextBuilder } from './context.ts';
import { showType } from './interpreter.ts';
import { normalisePath } from './paths.ts';
import type { Position } from './positions.ts';
import {
  type Env,
  type Eval,
  makeInteger,
  makeString,
  NixFloat,
  NixPath,
  NixString,
  type Value,
} from './values.ts';

interface Operand {
  readonly evaluate: Eval;
  readonly position: Position;
}

export function compileConcatStrings(unit: Unit, node: number): Eval {
  const { words } = unit;
  const forceString = words[node + 2] === 1;
  const count = words[node + 3]!;
  const operands: Operand[] = [];
  for (let i = 0; i < count; i++) {
    operands.push({
      evaluate: compileTraced(unit, words[node + 5 + i * 2]!, "in an operand of '+'"),
      position: unit.global(words[node + 4 + i * 2]!),
    });
  }
  const position = unit.position(node);
  if (forceString) return (env) => concatenate(unit, env, { operands, start: 0, first: '', position });
  const [head] = operands;
  const evaluateHead = head!.evaluate;
  const second = operands[1]!.evaluate;
  return (env) => {
    const first = evaluateHead(env);
    if (count === 2) {
      // The commonest cases by far.
      if (typeof first === 'string') {
        const other = second(env);
        if (typeof other === 'string') return first + other;
        return appendTo(unit, first, other, operands[1]!.position);
      }
      if (typeof first === 'number') {
        const other = second(env);
        if (typeof other === 'number') {
          const sum = first + other;
          if (Number.isSafeInteger(sum)) return sum;
        }
        return addNumbers(unit, first, [other], operands);
      }
    }
    if (typeof first === 'number' || typeof first === 'bigint' || first instanceof NixFloat) {
      return addNumbersLazily(unit, env, first, operands);
    }
    return concatenate(unit, env, { operands, start: 1, first, position });
  };
}

const segment = 'while evaluating a path segment';

function appendTo(unit: Unit, first: ByteString, other: Value, position: Position): Value {
  const context = new ContextBuilder();
  const text = coerceToString(unit.it, other, context, { position, errorContext: segment });
  return makeString(first + text, context.context);
}

function concatenate(
  unit: Unit,
  env: Env,
  job: {
    operands: readonly Operand[];
    start: number;
    /** What decides what becomes of paths: after a string they are copied into the store. */
    first: Value;
    position: Position;
  },
): Value {
  const { it } = unit;
  const { operands, first } = job;
  const firstIsPath = first instanceof NixPath;
  const copyToStore = typeof first === 'string' || first instanceof NixString;
  const context = new ContextBuilder();
  let text: ByteString = '';
  const append = (value: Value, position: Position, isFirst: boolean) => {
    if (typeof value === 'string') text += value;
    else if (value instanceof NixString) {
      context.addAll(value.context);
      text += value.text;
    } else {
      text += coerceToString(it, value, context, {
        position,
        errorContext: segment,
        copyToStore,
        keepSlash: isFirst,
      });
    }
  };
  if (job.start === 1) append(first, operands[0]!.position, true);
  for (let i = job.start; i < operands.length; i++) {
    const operand = operands[i]!;
    append(operand.evaluate(env), operand.position, false);
  }
  if (!firstIsPath) return makeString(text, context.context);
  if (context.context !== undefined) {
    throw it.error('eval', 'a string that refers to a store path cannot be appended to a path', job.position);
  }
  return new NixPath(normalisePath(text));
}

function addNumbersLazily(unit: Unit, env: Env, first: Value, operands: readonly Operand[]): Value {
  return addNumbers(
    unit,
    first,
    operands.slice(1).map((operand) => operand.evaluate(env)),
    operands,
  );
}

/** Sums; an integer becomes a float with the first float met. */
function addNumbers(unit: Unit, first: Value, others: readonly Value[], operands: readonly Operand[]): Value {
  const { it } = unit;
  let sum = first;
  for (const [index, other] of others.entries()) {
    const { position } = operands[index + 1]!;
    if (sum instanceof NixFloat) {
      if (other instanceof NixFloat) sum = new NixFloat(sum.value + other.value);
      else if (typeof other === 'number' || typeof other === 'bigint') {
        sum = new NixFloat(sum.value + Number(other));
      } else throw it.error('eval', `cannot add ${showType(other)} to a float`, position);
    } else if (other instanceof NixFloat) sum = new NixFloat(Number(sum) + other.value);
    else if (typeof other === 'number' || typeof other === 'bigint') {
      const total = makeInteger(BigInt(sum as number) + BigInt(other));
      if (total === undefined) {
        throw it.error('eval', `integer overflow in adding ${sum} + ${other}`, position);
      }
      sum = total;
    } else throw it.error('eval', `cannot add ${showType(other)} to an integer`, position);
  }
  return sum;
}
