// Procedures and the calling convention. A compiled node returns a value, or TAIL (the next call is in the
// registers), or CAPTURE (the native stack is being turned into heap frames; the next call is in the registers and
// starts once the stack is empty). Native recursion is thus only a cache for the topmost part of the continuation:
// tail calls, recursion a million deep and re-entrant continuations need no native stack.
import { throwError, wrongNumberOfArguments, wrongTypeApply } from './errors.ts';
import type { Place } from './syntax.ts';
import { arrayToList, Keyword, list, MultipleValues, Parameter, Rec, str, type Value } from './values.ts';

/** Activation record: captured values at 0, then arguments and local variables. */
export type Env = Value[];
/** A compiled expression. */
export type Node = (env: Env) => Value;

export const TAIL: { readonly tail: true } = { tail: true };
export const CAPTURE: { readonly capture: true } = { capture: true };

/** What remains to be done with a value: one link of a continuation on the heap. */
export abstract class Frame {
  next: Frame | null = null;
  /** Frames from here to the bottom. */
  depth = 0;
  /** Continues with `value`; answers like a {@link Node}. */
  abstract resume(value: Value): Value;
  /** A fresh copy, for a continuation that is spliced elsewhere. */
  clone(): Frame {
    const copy: Frame = Object.create(Object.getPrototypeOf(this));
    return Object.assign(copy, this);
  }
}

/** Code of one lambda clause. */
export class Code {
  body: Node;
  readonly name: Value;
  readonly required: number;
  readonly optional: number;
  readonly rest: boolean;
  readonly keywords: readonly Keyword[] | undefined;
  readonly allowOtherKeys: boolean;
  /** Slots of the activation record. */
  size = 1;
  /** Arity when it is exact and plain, else -1. */
  readonly plain: number;
  /** Native stack this code may take, in nested nodes. */
  weight = 8;
  /** The next clause of a case-lambda. */
  next: Code | undefined;
  /** Names of the parameters, for printing: `(a b #:optional c)` as the expander made it. */
  parameters: Value;
  place: { readonly file: string; readonly line: number; readonly column: number } | undefined;
  documentation: string | undefined;
  constructor(options: {
    body: Node;
    name: Value;
    required: number;
    optional?: number;
    rest?: boolean;
    keywords?: readonly Keyword[];
    allowOtherKeys?: boolean;
  }) {
    this.body = options.body;
    this.name = options.name;
    this.required = options.required;
    this.optional = options.optional ?? 0;
    this.rest = options.rest ?? false;
    this.keywords = options.keywords;
    this.allowOtherKeys = options.allowOtherKeys ?? false;
    this.plain = this.optional === 0 && !this.rest && this.keywords === undefined ? this.required : -1;
  }
}

/** A Scheme procedure. */
export class Closure {
  readonly code: Code;
  captured: Value[];
  name: Value;
  properties: Value = undefined;
  constructor(code: Code, captured: Value[]) {
    this.code = code;
    this.captured = captured;
    this.name = code.name;
  }
}

/** A procedure written in TypeScript. `fn` may answer like a {@link Node}. */
export class Primitive {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly fn: (...args: Value[]) => Value;
  properties: Value = undefined;
  /** Whether `fn` runs only on an empty native stack, through the machine. */
  readonly control: boolean;
  readonly code: Code | undefined;
  setter: Value = undefined;
  /** Whether `fn` never calls a procedure: its result is a value. */
  pure = false;
  constructor(name: string, min: number, max: number, fn: (...args: Value[]) => Value, control = false) {
    this.name = name;
    this.min = min;
    this.max = max;
    this.fn = fn;
    this.control = control;
    this.code = control ? new Code({ body: (env) => fn(...(env as Value[])), name, required: 0 }) : undefined;
  }
}

/** Registers of the machine: the pending call, the frames being captured, and the native depth. */
export const registers: {
  code: Code;
  env: Env;
  frames: Frame[];
  depth: number;
  limit: number;
  steps: number;
  /** Where the newest call of the user's program stands. */
  place: Place | undefined;
} = {
  code: new Code({ body: () => false, name: 'none', required: 0 }),
  env: [],
  frames: [],
  depth: 0,
  limit: 1500,
  steps: 0,
  place: undefined,
};
const R = registers;

/** Called every so many calls, so that a machine can stop a program that runs too long. */
export const watch: { tick: (() => void) | undefined } = { tick: undefined };
const TICK = 1 << 16;

/** Runs code to a value (or CAPTURE). */
function run(code: Code, env: Env): Value {
  const depth = R.depth;
  if (depth + code.weight > R.limit) {
    R.code = code;
    R.env = env;
    return CAPTURE;
  }
  R.depth = depth + code.weight;
  let value = code.body(env);
  while (value === TAIL) {
    const next = R.code;
    if (depth + next.weight > R.limit) {
      R.depth = depth;
      return CAPTURE;
    }
    if ((++R.steps & (TICK - 1)) === 0) watch.tick?.();
    R.depth = depth + next.weight;
    value = next.body(R.env);
  }
  R.depth = depth;
  return value;
}

function makeEnv(code: Code, captured: Value[], args: readonly Value[]): Env {
  const env: Env = new Array(code.size);
  env[0] = captured;
  const given = args.length;
  for (let i = 0; i < given; i++) env[i + 1] = args[i];
  for (let i = given + 1; i < code.size; i++) env[i] = undefined;
  return env;
}

function accepts(code: Code, args: readonly Value[]): boolean {
  if (args.length < code.required) return false;
  if (code.rest) return true;
  const positional = code.required + code.optional;
  if (args.length <= positional) return true;
  if (code.keywords === undefined) return false;
  return true;
}

/** Prepares R.code and R.env for applying a closure to any arguments. Throws on a wrong number. */
function enterN(closure: Closure, args: readonly Value[]): void {
  let code: Code | undefined = closure.code;
  while (code !== undefined && !accepts(code, args)) code = code.next;
  if (code === undefined) throw wrongNumberOfArguments(closure);
  R.code = code;
  if (code.plain >= 0) {
    R.env = makeEnv(code, closure.captured, args);
    return;
  }
  const env: Env = new Array(code.size).fill(undefined);
  env[0] = closure.captured;
  let taken = 0;
  let slot = 1;
  while (taken < code.required) env[slot++] = args[taken++];
  for (let i = 0; i < code.optional; i++) {
    // With keywords, a keyword ends the optional arguments.
    if (taken < args.length && !(code.keywords !== undefined && args[taken] instanceof Keyword)) {
      env[slot] = args[taken++];
    }
    slot++;
  }
  if (code.rest) env[slot++] = arrayToList(args.slice(taken));
  if (code.keywords !== undefined) bindKeywords({ closure, code, env, slot, args, taken });
  R.env = env;
}

function bindKeywords(call: {
  closure: Closure;
  code: Code;
  env: Env;
  slot: number;
  args: readonly Value[];
  taken: number;
}): void {
  const { closure, code, env, slot, args } = call;
  const keywords = code.keywords!;
  const fail = (message: string, irritant: Value) =>
    throwError('keyword-argument-error', closure, str(message), arrayToList([]), list(irritant));
  let i = call.taken;
  while (i < args.length) {
    const key = args[i];
    if (!(key instanceof Keyword)) {
      if (code.rest) {
        i++;
        continue;
      }
      throw fail('Invalid keyword', key);
    }
    if (i + 1 >= args.length) {
      if (code.rest && !keywords.includes(key)) break;
      throw fail('Keyword argument has no value', key);
    }
    const index = keywords.indexOf(key);
    if (index >= 0) env[slot + index] = args[i + 1];
    else if (!code.allowOtherKeys) throw fail('Unrecognized keyword', key);
    i += 2;
  }
}

/** Hook for applying what is neither closure nor primitive: set by the machine for continuations. */
export const applyOther: { hook: (f: Value, args: readonly Value[]) => Value } = {
  hook: (f) => {
    throw wrongTypeApply(f);
  },
};

/** Applies in tail position: answers a value, TAIL or CAPTURE. */
export function tailApply(f: Value, args: readonly Value[]): Value {
  if (f instanceof Closure) {
    enterN(f, args);
    return TAIL;
  }
  if (f instanceof Primitive) {
    if (args.length < f.min || args.length > f.max) throw wrongNumberOfArguments(f);
    if (f.control) {
      R.code = f.code!;
      R.env = args as Value[];
      return CAPTURE;
    }
    return f.fn(...args);
  }
  if (f instanceof Parameter) return applyOther.hook(f, args);
  if (f instanceof Rec && f.type.applicable) return tailApply(f.fields[0], args);
  return applyOther.hook(f, args);
}

export function tail0(f: Value): Value {
  if (f instanceof Closure && f.code.plain === 0) {
    const code = f.code;
    const env = code.size === 1 ? [f.captured] : makeEnv(code, f.captured, []);
    R.code = code;
    R.env = env;
    return TAIL;
  }
  if (f instanceof Primitive && !f.control && f.min === 0) return f.fn();
  return tailApply(f, []);
}

export function tail1(f: Value, a: Value): Value {
  if (f instanceof Closure && f.code.plain === 1) {
    R.code = f.code;
    R.env = env1(f, a);
    return TAIL;
  }
  if (f instanceof Primitive && !f.control && f.min <= 1 && f.max >= 1) return f.fn(a);
  return tailApply(f, [a]);
}

export function tail2(f: Value, a: Value, b: Value): Value {
  if (f instanceof Closure && f.code.plain === 2) {
    R.code = f.code;
    R.env = env2(f, a, b);
    return TAIL;
  }
  if (f instanceof Primitive && !f.control && f.min <= 2 && f.max >= 2) return f.fn(a, b);
  return tailApply(f, [a, b]);
}

export function tail3(f: Value, a: Value, b: Value, c: Value): Value {
  if (f instanceof Closure && f.code.plain === 3) {
    R.code = f.code;
    R.env = env3(f, a, b, c);
    return TAIL;
  }
  if (f instanceof Primitive && !f.control && f.min <= 3 && f.max >= 3) return f.fn(a, b, c);
  return tailApply(f, [a, b, c]);
}

function env1(f: Closure, a: Value): Env {
  switch (f.code.size) {
    case 2:
      return [f.captured, a];
    case 3:
      return [f.captured, a, undefined];
    case 4:
      return [f.captured, a, undefined, undefined];
    case 5:
      return [f.captured, a, undefined, undefined, undefined];
    case 6:
      return [f.captured, a, undefined, undefined, undefined, undefined];
  }
  return makeEnv(f.code, f.captured, [a]);
}

function env2(f: Closure, a: Value, b: Value): Env {
  switch (f.code.size) {
    case 3:
      return [f.captured, a, b];
    case 4:
      return [f.captured, a, b, undefined];
    case 5:
      return [f.captured, a, b, undefined, undefined];
    case 6:
      return [f.captured, a, b, undefined, undefined, undefined];
  }
  return makeEnv(f.code, f.captured, [a, b]);
}

function env3(f: Closure, a: Value, b: Value, c: Value): Env {
  switch (f.code.size) {
    case 4:
      return [f.captured, a, b, c];
    case 5:
      return [f.captured, a, b, c, undefined];
    case 6:
      return [f.captured, a, b, c, undefined, undefined];
  }
  return makeEnv(f.code, f.captured, [a, b, c]);
}

/** Finishes a tail answer: a value or CAPTURE. */
export function finish(value: Value): Value {
  return value === TAIL ? run(R.code, R.env) : value;
}

export function call0(f: Value): Value {
  if (f instanceof Closure && f.code.plain === 0) {
    return run(f.code, f.code.size === 1 ? [f.captured] : makeEnv(f.code, f.captured, []));
  }
  return finish(tail0(f));
}

/** Calls from native code: a value, or CAPTURE (then push a frame and return CAPTURE). */
export function call1(f: Value, a: Value): Value {
  if (f instanceof Closure && f.code.plain === 1) return run(f.code, env1(f, a));
  return finish(tail1(f, a));
}

export function call2(f: Value, a: Value, b: Value): Value {
  if (f instanceof Closure && f.code.plain === 2) return run(f.code, env2(f, a, b));
  return finish(tail2(f, a, b));
}

export function call3(f: Value, a: Value, b: Value, c: Value): Value {
  if (f instanceof Closure && f.code.plain === 3) return run(f.code, env3(f, a, b, c));
  return finish(tail3(f, a, b, c));
}

export function callN(f: Value, args: readonly Value[]): Value {
  return finish(tailApply(f, args));
}

/** A continuation step written as a function of the value. */
export class StepFrame extends Frame {
  private readonly step: (value: Value) => Value;
  constructor(step: (value: Value) => Value) {
    super();
    this.step = step;
  }
  resume(value: Value): Value {
    return this.step(value);
  }
}

/** Runs `step` on the result of `answer` (a value, TAIL or CAPTURE), now or after the capture. */
export function andThen(answer: Value, step: (value: Value) => Value): Value {
  const value = finish(answer);
  if (value === CAPTURE) {
    R.frames.push(new StepFrame(step));
    return CAPTURE;
  }
  return step(value);
}

class GeneratorFrame extends Frame {
  private readonly generator: Generator<Value, Value, Value>;
  private used = false;
  constructor(generator: Generator<Value, Value, Value>) {
    super();
    this.generator = generator;
  }
  resume(value: Value): Value {
    if (this.used) {
      throw throwError(
        'unsupported',
        false,
        str('not supported: continuing twice within a library procedure'),
        arrayToList([]),
        false,
      );
    }
    this.used = true;
    return drive(this.generator, value);
  }
}

function drive(generator: Generator<Value, Value, Value>, first: Value): Value {
  let value = first;
  for (;;) {
    const step = generator.next(value);
    if (step.done === true) return step.value;
    value = finish(step.value);
    if (value === CAPTURE) {
      R.frames.push(new GeneratorFrame(generator));
      return CAPTURE;
    }
  }
}

/**
 * A library procedure that calls Scheme procedures, written as a generator: it yields tail answers
 * (`yield tail1(f, x)`) and gets their values. May be interrupted by captures, and resumed once.
 */
export function stepping(
  body: (...args: Value[]) => Generator<Value, Value, Value>,
): (...args: Value[]) => Value {
  return (...args) => drive(body(...args), undefined);
}

/** The first of several values; what a context of one value sees. */
export function single(value: Value): Value {
  return value instanceof MultipleValues ? value.list[0] : value;
}

/** Whether a value can be applied. */
export function isProcedure(value: Value): boolean {
  return (
    value instanceof Closure ||
    value instanceof Primitive ||
    value instanceof Parameter ||
    value instanceof Continuation ||
    (value instanceof Rec && value.type.applicable)
  );
}

/** A captured continuation: frames, and the dynamic state they belong to. */
export class Continuation {
  readonly frames: Frame | null;
  readonly dynamic: Value;
  readonly loop: Value;
  /** For a delimited one: where it ends. */
  readonly prompt: { readonly frame: Frame; readonly dynamic: Value } | undefined;
  constructor(options: {
    frames: Frame | null;
    dynamic: Value;
    loop: Value;
    prompt?: { readonly frame: Frame; readonly dynamic: Value };
  }) {
    this.frames = options.frames;
    this.dynamic = options.dynamic;
    this.loop = options.loop;
    this.prompt = options.prompt;
  }
}
