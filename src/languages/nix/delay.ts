// How an expression is put off: what stands in a list, a set or a variable for one that nobody has evaluated yet. Data and
// one function over it, not a function each: that takes a third of the memory, and the one function is soon optimised.
import type { Code, Env, LambdaCode, Slot } from './values.ts';
import { Lambda, Thunk } from './values.ts';

const asThunk = 0;
const asConstant = 1;
const asVariable = 2;
const asLambda = 3;

/** A way to put an expression off; made by the functions below. */
export class Delay {
  readonly kind: number;
  /** Of a thunk, or of the thunk that stands for a variable which has no value yet. */
  readonly code: Code | null;
  readonly value: Slot | LambdaCode;
  /** Where a variable is. */
  readonly level: number;
  readonly slot: number;

  constructor(kind: number, code: Code | null, value: Slot | LambdaCode, level: number, slot: number) {
    this.kind = kind;
    this.code = code;
    this.value = value;
    this.level = level;
    this.slot = slot;
  }
}

export function delayAsThunk(code: Code): Delay {
  return new Delay(asThunk, code, null, 0, 0);
}

/** What needs no evaluation: constants, and the evaluator's own variables. */
export function delayAsConstant(value: Slot): Delay {
  return new Delay(asConstant, null, value, 0, 0);
}

/** The slot of a variable; `code` evaluates it, for when its scope is only being set up. */
export function delayAsVariable(code: Code, level: number, slot: number): Delay {
  return new Delay(asVariable, code, null, level, slot);
}

/** A function, made at once. */
export function delayAsLambda(code: LambdaCode): Delay {
  return new Delay(asLambda, null, code, 0, 0);
}

/** The slot that stands for an expression in an environment. Evaluates nothing. */
export function suspend(delay: Delay, env: Env): Slot {
  switch (delay.kind) {
    case asThunk:
      return new Thunk(delay.code!, env);
    case asVariable: {
      let at = env;
      for (let level = delay.level; level > 0; level--) at = at[0];
      const slot: Slot | undefined = at[delay.slot];
      return slot === undefined ? new Thunk(delay.code!, env) : slot;
    }
    case asLambda:
      return new Lambda(delay.value as LambdaCode, env);
    default:
      return delay.value as Slot;
  }
}
