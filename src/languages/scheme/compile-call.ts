// Calls: the general case, and the few arithmetic and list primitives that are worth opening up. An opened call
// checks that the name still has its original value.
import { compileNode, type Scope } from './compile.ts';
import { wrongType } from './errors.ts';
import type { IR } from './ir.ts';
import type { Variable } from './module.ts';
import { add, compare, isNumber, subtract } from './numbers.ts';
import {
  CAPTURE,
  call0,
  call1,
  call2,
  call3,
  callN,
  type Env,
  Frame,
  type Node,
  Primitive,
  registers as R,
  single,
  tail0,
  tail1,
  tail2,
  tail3,
  tailApply,
} from './procedures.ts';
import { MultipleValues, Pair, type Value } from './values.ts';

/** Continues evaluating the operands of a call. */
class OperandsFrame extends Frame {
  private readonly call: Operands;
  private readonly env: Env;
  private readonly done: readonly Value[];
  constructor(call: Operands, env: Env, done: readonly Value[]) {
    super();
    this.call = call;
    this.env = env;
    this.done = done;
  }
  resume(value: Value): Value {
    return evaluateOperands(this.call, this.env, [...this.done, single(value)]);
  }
}

interface Operands {
  readonly nodes: readonly Node[];
  readonly apply: (values: readonly Value[]) => Value;
}

function evaluateOperands(call: Operands, env: Env, values: Value[]): Value {
  const { nodes } = call;
  for (let i = values.length; i < nodes.length; i++) {
    const value = nodes[i]!(env);
    if (value === CAPTURE) {
      R.frames.push(new OperandsFrame(call, env, values));
      return CAPTURE;
    }
    values.push(value instanceof MultipleValues ? value.list[0] : value);
  }
  return call.apply(values);
}

function suspend(call: Operands, env: Env, done: readonly Value[]): Value {
  R.frames.push(new OperandsFrame(call, env, done));
  return CAPTURE;
}

/** Nodes that never capture and never give several values: no checks needed after them. */
function isSimple(ir: IR): boolean {
  return ir.kind === 'constant' || ir.kind === 'local' || ir.kind === 'global' || ir.kind === 'lambda';
}

/** A call of any procedure. */
export function callNode(ir: IR & { kind: 'call' }, scope: Scope, tail: boolean): Node {
  // Operands are compiled once, whoever uses the nodes: twice would be exponential in the depth of nesting.
  const args = ir.args.map((arg) => compileNode(arg, scope, false));
  const { procedure } = ir;
  if (procedure.kind === 'global') {
    const opened = openedCall(ir, { scope, tail, args });
    if (opened !== undefined) return opened;
  }
  return generalCall(ir, { scope, tail, args });
}

interface CallParts {
  readonly scope: Scope;
  readonly tail: boolean;
  readonly args: readonly Node[];
}

function generalCall(ir: IR & { kind: 'call' }, { scope, tail, args }: CallParts): Node {
  const { place } = ir;
  const f = compileNode(ir.procedure, scope, false);
  const call: Operands = {
    nodes: [f, ...args],
    apply: (values) => {
      if (place !== undefined) R.place = place;
      return tail ? tailApply(values[0], values.slice(1)) : callN(values[0], values.slice(1));
    },
  };
  switch (args.length) {
    case 0: {
      const go = tail ? tail0 : call0;
      return (env) => {
        const procedure = f(env);
        if (procedure === CAPTURE) return suspend(call, env, []);
        if (place !== undefined) R.place = place;
        return go(procedure);
      };
    }
    case 1: {
      const a = args[0]!;
      const go = tail ? tail1 : call1;
      if (isSimple(ir.procedure) && isSimple(ir.args[0]!)) {
        return (env) => {
          const procedure = f(env);
          const x = a(env);
          if (place !== undefined) R.place = place;
          return go(procedure, x);
        };
      }
      return (env) => {
        const procedure = f(env);
        if (procedure === CAPTURE) return suspend(call, env, []);
        const x = a(env);
        if (x === CAPTURE) return suspend(call, env, [procedure]);
        if (place !== undefined) R.place = place;
        return go(procedure, x instanceof MultipleValues ? x.list[0] : x);
      };
    }
    case 2: {
      const a = args[0]!;
      const b = args[1]!;
      const go = tail ? tail2 : call2;
      if (isSimple(ir.procedure) && ir.args.every(isSimple)) {
        return (env) => {
          const procedure = f(env);
          const x = a(env);
          const y = b(env);
          if (place !== undefined) R.place = place;
          return go(procedure, x, y);
        };
      }
      return (env) => {
        const procedure = f(env);
        if (procedure === CAPTURE) return suspend(call, env, []);
        const x = a(env);
        if (x === CAPTURE) return suspend(call, env, [procedure]);
        const y = b(env);
        if (y === CAPTURE) return suspend(call, env, [procedure, single(x)]);
        if (place !== undefined) R.place = place;
        return go(
          procedure,
          x instanceof MultipleValues ? x.list[0] : x,
          y instanceof MultipleValues ? y.list[0] : y,
        );
      };
    }
    case 3: {
      const a = args[0]!;
      const b = args[1]!;
      const c = args[2]!;
      const go = tail ? tail3 : call3;
      return (env) => {
        const procedure = f(env);
        if (procedure === CAPTURE) return suspend(call, env, []);
        const x = single(a(env));
        if (x === CAPTURE) return suspend(call, env, [procedure]);
        const y = single(b(env));
        if (y === CAPTURE) return suspend(call, env, [procedure, x]);
        const z = single(c(env));
        if (z === CAPTURE) return suspend(call, env, [procedure, x, y]);
        if (place !== undefined) R.place = place;
        return go(procedure, x, y, z);
      };
    }
  }
  return (env) => evaluateOperands(call, env, []);
}

type Unary = (x: Value) => Value;
type Binary = (x: Value, y: Value) => Value;

const unary: Readonly<Record<string, Unary>> = {
  car: (x) => {
    if (x instanceof Pair) return x.car;
    throw wrongType('car', 1, x, 'pair');
  },
  cdr: (x) => {
    if (x instanceof Pair) return x.cdr;
    throw wrongType('cdr', 1, x, 'pair');
  },
  not: (x) => x === false,
  'pair?': (x) => x instanceof Pair,
};

const binary: Readonly<Record<string, Binary>> = {
  '+': (x, y) => {
    if (typeof x === 'number' && typeof y === 'number') {
      const sum = x + y;
      if (sum <= 9007199254740991 && sum >= -9007199254740991) return sum;
    }
    return add(x, y);
  },
  '-': (x, y) => {
    if (typeof x === 'number' && typeof y === 'number') {
      const difference = x - y;
      if (difference <= 9007199254740991 && difference >= -9007199254740991) return difference;
    }
    return subtract(x, y);
  },
  'eq?': (x, y) => x === y,
  cons: (x, y) => new Pair(x, y),
};

const comparisons: Readonly<Record<string, { numbers: (x: number, y: number) => boolean }>> = {
  '<': { numbers: (x, y) => x < y },
  '>': { numbers: (x, y) => x > y },
  '=': { numbers: (x, y) => x === y },
  '<=': { numbers: (x, y) => x <= y },
  '>=': { numbers: (x, y) => x >= y },
};

function openedCall(ir: IR & { kind: 'call' }, parts: CallParts): Node | undefined {
  const { place } = ir;
  const procedure = ir.procedure as IR & { kind: 'global' };
  const variable: Variable | undefined = procedure.module.variable(procedure.name);
  const original = variable?.value;
  if (variable === undefined || !(original instanceof Primitive) || original.control) return undefined;
  const count = ir.args.length;
  if (count < 1 || count > 2) return undefined;
  const operation = openedOperation(original, count);
  if (operation === undefined) return undefined;
  const general = generalCall(ir, parts);
  const a = parts.args[0]!;
  if (count === 1) {
    const one = operation as Unary;
    const call: Operands = { nodes: [a], apply: (values) => one(values[0]) };
    return (env) => {
      if (variable.value !== original) return general(env);
      const x = a(env);
      if (x === CAPTURE) return suspend(call, env, []);
      if (place !== undefined) R.place = place;
      return one(x instanceof MultipleValues ? x.list[0] : x);
    };
  }
  const two = operation as Binary;
  const b = parts.args[1]!;
  const call: Operands = { nodes: [a, b], apply: (values) => two(values[0], values[1]) };
  const second = ir.args[1]!;
  if (second.kind === 'constant') {
    const { value } = second;
    const make = constantOperation(original.name, value);
    if (make !== undefined) {
      return (env) => {
        if (variable.value !== original) return general(env);
        const x = a(env);
        if (x === CAPTURE) return suspend(call, env, []);
        if (place !== undefined) R.place = place;
        return make(x);
      };
    }
  }
  return (env) => {
    if (variable.value !== original) return general(env);
    const x = a(env);
    if (x === CAPTURE) return suspend(call, env, []);
    const y = b(env);
    if (y === CAPTURE) return suspend(call, env, [single(x)]);
    if (place !== undefined) R.place = place;
    return two(x instanceof MultipleValues ? x.list[0] : x, y instanceof MultipleValues ? y.list[0] : y);
  };
}

/** An operation whose second operand is a small integer known in advance. */
function constantOperation(name: string, constant: Value): Unary | undefined {
  if (typeof constant !== 'number') return undefined;
  const k = constant;
  switch (name) {
    case '+':
      return (x) => (typeof x === 'number' && Number.isSafeInteger(x + k) ? x + k : add(single(x), k));
    case '-':
      return (x) => (typeof x === 'number' && Number.isSafeInteger(x - k) ? x - k : subtract(single(x), k));
    case '<':
      return (x) => (typeof x === 'number' ? x < k : slowCompare('<', single(x), k));
    case '=':
      return (x) => (typeof x === 'number' ? x === k : slowCompare('=', single(x), k));
    case '>':
      return (x) => (typeof x === 'number' ? x > k : slowCompare('>', single(x), k));
  }
  return undefined;
}

function slowCompare(name: string, x: Value, y: Value): boolean {
  checkReals(name, x, y);
  const order = compare(x, y);
  return comparisons[name]!.numbers(order, 0);
}

function checkReals(name: string, x: Value, y: Value): void {
  if (!isNumber(x)) throw wrongType(name, 1, x);
  if (!isNumber(y)) throw wrongType(name, 2, y);
}

function openedOperation(primitive: Primitive, count: number): Unary | Binary | undefined {
  const { name } = primitive;
  if (count === 1) {
    const own = unary[name];
    if (own !== undefined) return own;
    return primitive.min <= 1 && primitive.max >= 1 && primitive.pure ? (primitive.fn as Unary) : undefined;
  }
  const own = binary[name];
  if (own !== undefined) return own;
  const comparison = comparisons[name];
  if (comparison !== undefined) {
    const { numbers } = comparison;
    return (x, y) =>
      typeof x === 'number' && typeof y === 'number' ? numbers(x, y) : slowCompare(name, x, y);
  }
  return primitive.min <= 2 && primitive.max >= 2 && primitive.pure ? (primitive.fn as Binary) : undefined;
}

/** Applies a TypeScript function that calls no Scheme. */
export function nativeNode(fn: (...args: Value[]) => Value, args: readonly Node[]): Node {
  const call: Operands = { nodes: args, apply: (values) => fn(...values) };
  return (env) => evaluateOperands(call, env, []);
}
