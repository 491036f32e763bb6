// Arithmetic on 64-bit integers and floats, bits, and ordering.
import type { ByteString } from '../../../foundation/byte-string.ts';
import { compareValues } from '../compare.ts';
import type { Interpreter } from '../interpreter.ts';
import { formatFloat } from '../show-node.ts';
import { isInteger, makeInteger, NixFloat, type Slot, type Value } from '../values.ts';
import type { Builtin } from './builtin.ts';

interface Operation {
  readonly noun: string;
  readonly gerund: string;
  readonly symbol: string;
  readonly firstContext: ByteString;
  readonly onFloats: (a: number, b: number) => number;
  readonly onIntegers: (a: bigint, b: bigint) => bigint;
}

function arithmetic(it: Interpreter, name: string, operation: Operation): Builtin {
  const { noun, gerund, symbol, firstContext, onFloats, onIntegers } = operation;
  const secondContext = `while evaluating the second argument of the ${noun}`;
  return {
    name,
    arity: 2,
    call: (first, second) => {
      const a = it.force(first, 0);
      const b = it.force(second, 0);
      if (a instanceof NixFloat || b instanceof NixFloat) {
        const left = it.forceFloat(a, 0, firstContext);
        return new NixFloat(onFloats(left, it.forceFloat(b, 0, secondContext)));
      }
      const left = it.forceInteger(a, 0, firstContext);
      const right = it.forceInteger(b, 0, secondContext);
      const result = makeInteger(onIntegers(BigInt(left), BigInt(right)));
      if (result === undefined) {
        throw it.error('eval', `integer overflow in ${gerund} ${left} ${symbol} ${right}`);
      }
      return result;
    },
  };
}

function bitwise(it: Interpreter, name: string, compute: (a: bigint, b: bigint) => bigint): Builtin {
  const builtin = `builtins.${name.slice(2)}`;
  return {
    name,
    arity: 2,
    call: (first, second) => {
      const a = it.forceInteger(first, 0, `while evaluating the first argument passed to ${builtin}`);
      const b = it.forceInteger(second, 0, `while evaluating the second argument passed to ${builtin}`);
      return makeInteger(BigInt.asIntN(64, compute(BigInt(a), BigInt(b))))!;
    },
  };
}

const bugNote = '(see https://github.com/NixOS/nix/issues/12899)';

function rounding(it: Interpreter, name: string, round: (value: number) => number): Builtin {
  return {
    name,
    arity: 1,
    call: (slot) => {
      const value = it.forceFloat(
        slot,
        it.positionOf(slot),
        `while evaluating the first argument passed to builtins.${name.slice(2)}`,
      );
      const given = it.force(slot, 0);
      const rounded = round(value);
      const inRange = rounded >= -(2 ** 63) && rounded < 2 ** 63;
      if (!isInteger(given)) {
        if (inRange) return makeInteger(BigInt(rounded))!;
        throw it.error('eval', `NixFloat argument ${formatFloat(value)} is not in the range of NixInt`);
      }
      // Nix goes through a float even for integers, and refuses what that would change.
      if (!inRange) {
        throw it.error(
          'eval',
          `Due to a bug ${bugNote} the NixInt argument ${given} caused undefined behavior in previous Nix versions.\n\tFuture Nix versions might implement the correct behavior.`,
        );
      }
      const result = makeInteger(BigInt(rounded))!;
      if (result !== given) {
        throw it.error(
          'eval',
          `Due to a bug ${bugNote} a loss of precision occurred in previous Nix versions because the NixInt argument ${given} was rounded to ${result}.\n\tFuture Nix versions might implement the correct behavior.`,
        );
      }
      return given;
    },
  };
}

function divide(it: Interpreter, first: Slot, second: Slot): Value {
  const a = it.force(first, 0);
  const b = it.force(second, 0);
  const divisor = it.forceFloat(b, 0, 'while evaluating the second operand of the division');
  if (divisor === 0) throw it.error('eval', 'division by zero');
  const context = 'while evaluating the first operand of the division';
  if (a instanceof NixFloat || b instanceof NixFloat) {
    return new NixFloat(it.forceFloat(a, 0, context) / divisor);
  }
  const left = it.forceInteger(a, 0, context);
  const right = b as number | bigint;
  if (typeof left === 'number' && typeof right === 'number') return Math.trunc(left / right) + 0;
  const result = makeInteger(BigInt(left) / BigInt(right));
  if (result === undefined) throw it.error('eval', `integer overflow in dividing ${left} / ${right}`);
  return result;
}

export function arithmeticBuiltins(it: Interpreter): Builtin[] {
  return [
    arithmetic(it, '__add', {
      noun: 'addition',
      gerund: 'adding',
      symbol: '+',
      firstContext: 'while evaluating the first argument of the addition',
      onFloats: (a, b) => a + b,
      onIntegers: (a, b) => a + b,
    }),
    arithmetic(it, '__sub', {
      noun: 'subtraction',
      gerund: 'subtracting',
      symbol: '-',
      firstContext: 'while evaluating the first argument of the subtraction',
      onFloats: (a, b) => a - b,
      onIntegers: (a, b) => a - b,
    }),
    arithmetic(it, '__mul', {
      noun: 'multiplication',
      gerund: 'multiplying',
      symbol: '*',
      firstContext: 'while evaluating the first argument of the multiplication',
      onFloats: (a, b) => a * b,
      onIntegers: (a, b) => a * b,
    }),
    { name: '__div', arity: 2, call: (first, second) => divide(it, first, second) },
    bitwise(it, '__bitAnd', (a, b) => a & b),
    bitwise(it, '__bitOr', (a, b) => a | b),
    bitwise(it, '__bitXor', (a, b) => a ^ b),
    rounding(it, '__ceil', Math.ceil),
    rounding(it, '__floor', Math.floor),
    {
      name: '__lessThan',
      arity: 2,
      call: (first, second) => {
        const a = it.force(first, 0);
        const b = it.force(second, 0);
        return compareValues(it, a, b, '');
      },
    },
  ];
}
