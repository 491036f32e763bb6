// The machine: runs code over a heap of frames, and holds the dynamic state (winders, fluids, handlers).
// Control operators follow Guile's manual: delimited continuations, dynamic-wind, exceptions with handlers that run
// in the context of the raise. One machine evaluates one thing at a time.
import { isTrimaranError } from '../../foundation/error.ts';
import {
  exceptionArgs,
  exceptionFromThrow,
  exceptionKind,
  exceptionTypes,
  isException,
  makeException,
  SchemeError,
  throwError,
  unsupported,
  wrongTypeApply,
} from './errors.ts';
import {
  applyOther,
  CAPTURE,
  Code,
  Continuation,
  type Env,
  Frame,
  registers as R,
  StepFrame,
  TAIL,
  tail0,
  tail1,
  tailApply,
  watch,
} from './procedures.ts';
import type { Place } from './syntax.ts';
import {
  arrayToList,
  type Fluid,
  intern,
  list,
  listToArray,
  MultipleValues,
  NIL,
  Pair,
  Parameter,
  Rec,
  type RecordType,
  str,
  UNSPECIFIED,
  type Value,
} from './values.ts';

/** One entry of the dynamic state; the whole state is the chain from the newest entry. */
type Dynamic = DynamicEntry | null;
interface EntryBase {
  readonly next: Dynamic;
  readonly depth: number;
}
type DynamicEntry = EntryBase &
  (
    | { readonly kind: 'fluid'; readonly fluid: Fluid; readonly box: { value: Value } }
    | { readonly kind: 'winder'; readonly before: Value; readonly after: Value }
    | { readonly kind: 'handler'; readonly handler: Value }
    /** While a handler runs: those from the raise down to its own are out of force. */
    | { readonly kind: 'mask'; readonly until: Dynamic }
    | { readonly kind: 'throw-handler'; readonly key: Value; readonly handler: Value }
    | {
        readonly kind: 'catch';
        readonly matches: (exception: Value) => boolean;
        readonly frame: CatchFrame;
        readonly receive: (exception: Value) => Value;
        readonly preUnwind: Value;
        readonly asThrow: boolean;
      }
  );
type EntryData = DynamicEntry extends infer T
  ? T extends DynamicEntry
    ? Omit<T, 'next' | 'depth'>
    : never
  : never;

/** Restores the dynamic state when a value passes. */
class DynamicFrame extends Frame {
  dynamic: Dynamic;
  private readonly machine: Machine;
  constructor(machine: Machine, dynamic: Dynamic) {
    super();
    this.machine = machine;
    this.dynamic = dynamic;
  }
  resume(value: Value): Value {
    this.machine.dynamic = this.dynamic;
    return value;
  }
}

class CatchFrame extends DynamicFrame {}

class PromptFrame extends DynamicFrame {
  readonly tag: Value;
  readonly handler: Value;
  constructor(machine: Machine, options: { dynamic: Dynamic; tag: Value; handler: Value }) {
    super(machine, options.dynamic);
    this.tag = options.tag;
    this.handler = options.handler;
  }
}

class WindFrame extends DynamicFrame {
  private readonly after: Value;
  private readonly owner: Machine;
  constructor(machine: Machine, options: { dynamic: Dynamic; after: Value }) {
    super(machine, options.dynamic);
    this.owner = machine;
    this.after = options.after;
  }
  override resume(value: Value): Value {
    this.owner.dynamic = this.dynamic;
    this.owner.push(new StepFrame(() => value));
    return tail0(this.after);
  }
}

/** Where native code called back into the machine: the bottom of one run loop. */
class BarrierFrame extends Frame {
  resume(): Value {
    throw new Error('the bottom of a run loop was resumed');
  }
}

/** One activation of the run loop. */
interface Loop {
  alive: boolean;
  readonly bottom: BarrierFrame;
}

/** Leaves native code for a frame of an outer run loop. */
class Escape {
  readonly loop: Loop;
  readonly frames: Frame | null;
  readonly action: () => Value;
  constructor(loop: Loop, frames: Frame | null, action: () => Value) {
    this.loop = loop;
    this.frames = frames;
    this.action = action;
  }
}

/** Frames on the heap that no sensible program needs: a recursion without end is stopped while there is memory left. */
const DEEPEST = 10_000_000;

/** Runs Scheme code. */
export class Machine {
  dynamic: Dynamic = null;
  private frames: Frame | null = null;
  private readonly loops: Loop[] = [];
  /** Milliseconds a program may run, checked now and then; none by default. */
  deadline: number | undefined;
  /** Milliseconds since whenever. */
  readonly now: () => number;

  constructor(now: () => number = Date.now) {
    this.now = now;
  }

  /** Whether nothing runs. */
  get isIdle(): boolean {
    return this.loops.length === 0;
  }

  /** Applies a procedure from native code and returns its value; escapes pass as JavaScript exceptions. */
  apply(f: Value, args: readonly Value[]): Value {
    return this.execute(() => tailApply(f, args));
  }

  /** Runs a compiled expression. */
  runCode(code: Code, env: Env): Value {
    return this.execute(() => {
      R.code = code;
      R.env = env;
      return TAIL;
    });
  }

  private execute(start: () => Value): Value {
    const outerFrames = this.frames;
    const outerDynamic = this.dynamic;
    const outerDepth = R.depth;
    const outerPending = R.frames;
    const loop: Loop = { alive: true, bottom: new BarrierFrame() };
    loop.bottom.next = this.frames;
    this.frames = loop.bottom;
    this.loops.push(loop);
    R.frames = [];
    if (this.loops.length === 1) watch.tick = () => this.tick();
    let finished = false;
    try {
      const value = this.loop(loop, start, outerDepth);
      finished = true;
      return value;
    } finally {
      loop.alive = false;
      this.loops.pop();
      if (this.loops.length === 0) watch.tick = undefined;
      R.depth = outerDepth;
      R.frames = outerPending;
      this.frames = outerFrames;
      if (finished || this.loops.length === 0) this.dynamic = outerDynamic;
    }
  }

  private tick(): void {
    if (this.deadline !== undefined && this.now() > this.deadline) {
      this.deadline = undefined;
      throw throwError('interrupted', false, str('the program ran too long'), NIL, false);
    }
  }

  private loop(loop: Loop, start: () => Value, depth: number): Value {
    let step: (() => Value) | undefined = start;
    let value: Value;
    for (;;) {
      try {
        if (step !== undefined) {
          const first: () => Value = step;
          step = undefined;
          value = first();
        }
        for (;;) {
          if (value === TAIL) {
            R.depth = depth;
            if ((++R.steps & 0xffff) === 0) watch.tick?.();
            value = R.code.body(R.env);
          } else if (value === CAPTURE) {
            const captured = R.frames;
            for (let i = captured.length - 1; i >= 0; i--) {
              const frame = captured[i]!;
              frame.next = this.frames;
              frame.depth = (this.frames?.depth ?? 0) + 1;
              this.frames = frame;
            }
            captured.length = 0;
            R.depth = depth;
            if (this.frames !== null && this.frames.depth > DEEPEST) throw stackOverflow();
            value = R.code.body(R.env);
          } else {
            const frame: Frame = this.frames!;
            if (frame === loop.bottom || (frame instanceof BarrierFrame && frame.next === null)) return value;
            this.frames = frame.next;
            R.depth = depth;
            value = frame.resume(value);
          }
        }
      } catch (error) {
        R.frames.length = 0;
        R.depth = depth;
        step = this.recover(loop, error);
      }
    }
  }

  /** What to do after a JavaScript exception reached the run loop. */
  private recover(loop: Loop, error: unknown): () => Value {
    if (error instanceof Escape) {
      if (error.loop !== loop) throw error;
      return () => {
        this.frames = error.frames;
        return error.action();
      };
    }
    if (error instanceof SchemeError) {
      if (error.payload === undefined) throw error;
      return () => this.raise(error.payload, { continuable: false });
    }
    if (isSystemError(error)) {
      // The host's own failures: what Guile calls a system error.
      const payload = exceptionFromThrow(intern('system-error'), [
        str(error.syscall),
        str('~A'),
        list(str(systemMessage(error.message))),
        list(-error.errno),
      ]);
      return () => this.raise(payload, { continuable: false });
    }
    if (error instanceof RangeError && /call stack/i.test(error.message)) {
      const { payload } = stackOverflow();
      return () => this.raise(payload, { continuable: false });
    }
    if (error instanceof RangeError) {
      // A string, an array or an integer longer than there can be.
      const { payload } = throwError('out-of-memory', false, str('Memory exhausted'), NIL, false);
      return () => this.raise(payload, { continuable: false });
    }
    if (error instanceof TypeError) {
      // A library procedure was given something it looked into without asking: that is a type error of the program.
      const { payload } = throwError('wrong-type-arg', false, str('Wrong type argument'), NIL, false);
      return () => this.raise(payload, { continuable: false });
    }
    throw isTrimaranError(error) && error.span === undefined && R.place !== undefined
      ? error.with({ span: R.place })
      : error;
  }

  /** Pushes a continuation frame; only control primitives and run-loop steps may. */
  push(frame: Frame): void {
    frame.next = this.frames;
    frame.depth = (this.frames?.depth ?? 0) + 1;
    if (frame.depth > DEEPEST) throw stackOverflow();
    this.frames = frame;
  }

  private extend(data: EntryData): void {
    const next = this.dynamic;
    this.dynamic = { ...data, next, depth: (next?.depth ?? 0) + 1 } as DynamicEntry;
  }

  // Fluids and parameters.

  private fluidBox(fluid: Fluid): { value: Value } {
    for (let entry = this.dynamic; entry !== null; entry = entry.next) {
      if (entry.kind === 'fluid' && entry.fluid === fluid) return entry.box;
    }
    return fluid;
  }
  fluidRef(fluid: Fluid): Value {
    return this.fluidBox(fluid).value;
  }
  fluidSet(fluid: Fluid, value: Value): void {
    this.fluidBox(fluid).value = value;
  }

  /** Control: binds fluids around a thunk. */
  withFluids(fluids: readonly Fluid[], values: readonly Value[], thunk: Value): Value {
    this.push(new DynamicFrame(this, this.dynamic));
    fluids.forEach((fluid, index) => {
      this.extend({ kind: 'fluid', fluid, box: { value: values[index] } });
    });
    return tail0(thunk);
  }

  // Winding.

  /** Control. */
  dynamicWind(before: Value, thunk: Value, after: Value): Value {
    this.push(
      new StepFrame(() => {
        this.push(new WindFrame(this, { dynamic: this.dynamic, after }));
        this.extend({ kind: 'winder', before, after });
        return tail0(thunk);
      }),
    );
    return tail0(before);
  }

  /** Control: leaves and enters winders until `target` is the dynamic state, then `action`. */
  private rewind(target: Dynamic, action: () => Value): Value {
    for (;;) {
      const current = this.dynamic;
      if (current === target) return action();
      const common = commonTail(current, target);
      if (current !== common) {
        this.dynamic = current!.next;
        if (current!.kind === 'winder') {
          this.push(new StepFrame(() => this.rewind(target, action)));
          return tail0(current!.after);
        }
        continue;
      }
      // Enter from the outside in: the entry of the target just above the common part.
      let entry = target!;
      while (entry.next !== common) entry = entry.next!;
      if (entry.kind === 'winder') {
        this.push(
          new StepFrame(() => {
            this.dynamic = entry;
            return this.rewind(target, action);
          }),
        );
        return tail0(entry.before);
      }
      this.dynamic = entry;
    }
  }

  private currentLoop(): Loop {
    return this.loops[this.loops.length - 1]!;
  }

  /** Continues at `frames`, which belong to `loop`, with the dynamic state `dynamic`. */
  private jump(place: { frames: Frame | null; loop: Loop; dynamic: Dynamic }, action: () => Value): Value {
    return this.rewind(place.dynamic, () => {
      if (place.loop === this.currentLoop()) {
        this.frames = place.frames;
        return action();
      }
      if (!place.loop.alive && this.loops.length === 1 && place.loop.bottom.next === null) {
        // A continuation of an earlier top-level form: what follows it is what follows the present form.
        this.frames = place.frames;
        return action();
      }
      if (!place.loop.alive) throw unsupported('continuing in a library procedure that has ended');
      throw new Escape(place.loop, place.frames, action);
    });
  }

  /** Control. */
  callCc(f: Value): Value {
    return tail1(
      f,
      new Continuation({ frames: this.frames, dynamic: this.dynamic, loop: this.currentLoop() }),
    );
  }

  /** Control: applies a continuation. */
  resumeContinuation(k: Continuation, args: readonly Value[]): Value {
    const value = args.length === 1 ? args[0] : new MultipleValues(args);
    if (k.prompt === undefined) {
      return this.jump({ frames: k.frames, loop: k.loop, dynamic: k.dynamic }, () => value);
    }
    return this.compose(k, value);
  }

  /** Puts a copy of a delimited continuation on top of the present one. */
  private compose(k: Continuation, value: Value): Value {
    const { frame: bottom, dynamic: base } = k.prompt!;
    if (k.loop === undefined) throw unsupported('re-entering a library procedure that calls back');
    // Dynamic entries made since the prompt, rebased on the present state.
    const moved = new Map<Dynamic, Dynamic>([[base, this.dynamic]]);
    const catchFrames: { old: CatchFrame; made: CatchFrame }[] = [];
    const frames: Frame[] = [];
    for (let frame = k.frames; frame !== bottom; frame = frame!.next) {
      const copy = frame!.clone();
      if (frame instanceof CatchFrame) catchFrames.push({ old: frame, made: copy as CatchFrame });
      frames.push(copy);
    }
    const rebase = (entry: Dynamic): Dynamic => {
      const chain: DynamicEntry[] = [];
      let at = entry;
      while (!moved.has(at)) {
        if (at === null) return entry;
        chain.push(at);
        at = at.next;
      }
      let result = moved.get(at)!;
      for (const old of chain.reverse()) {
        const made = { ...old, next: result, depth: (result?.depth ?? 0) + 1 } as DynamicEntry;
        if (made.kind === 'catch') {
          const pair = catchFrames.find((candidate) => candidate.old === made.frame);
          if (pair !== undefined) (made as { frame: CatchFrame }).frame = pair.made;
        }
        moved.set(old, made);
        result = made;
      }
      return result;
    };
    for (const frame of frames) {
      if (frame instanceof DynamicFrame) frame.dynamic = rebase(frame.dynamic);
    }
    const target = rebase(k.dynamic);
    return this.rewind(target, () => {
      for (let i = frames.length - 1; i >= 0; i--) this.push(frames[i]!);
      return value;
    });
  }

  // Prompts.

  /** Control. */
  callWithPrompt(tag: Value, thunk: Value, handler: Value): Value {
    this.push(new PromptFrame(this, { dynamic: this.dynamic, tag, handler }));
    return tail0(thunk);
  }

  /** Control. */
  abortToPrompt(tag: Value, args: readonly Value[]): Value {
    let crossed = false;
    let frame = this.frames;
    let level = this.loops.length - 1;
    while (frame !== null && !(frame instanceof PromptFrame && frame.tag === tag)) {
      if (frame instanceof BarrierFrame) {
        crossed = true;
        level--;
      }
      frame = frame.next;
    }
    if (frame === null) {
      throw throwError('misc-error', str('abort'), str('Abort to unknown prompt'), arrayToList([tag]), false);
    }
    const prompt = frame;
    const k = new Continuation({
      frames: this.frames,
      dynamic: this.dynamic,
      loop: crossed ? undefined : this.currentLoop(),
      prompt: { frame: prompt, dynamic: prompt.dynamic },
    });
    const loop = this.loops[level]!;
    return this.jump({ frames: prompt.next, loop, dynamic: prompt.dynamic }, () =>
      tailApply(prompt.handler, [k, ...args]),
    );
  }

  /** Whether a prompt of this tag is in the present continuation. */
  hasPrompt(tag: Value): boolean {
    for (let frame = this.frames; frame !== null; frame = frame.next) {
      if (frame instanceof PromptFrame && frame.tag === tag) return true;
    }
    return false;
  }

  // Exceptions.

  /** Control: `catch`. `key` is #t for all. */
  catchKey(key: Value, thunk: Value, handler: Value, preUnwind: Value): Value {
    const frame = new CatchFrame(this, this.dynamic);
    this.push(frame);
    this.extend({
      kind: 'catch',
      matches: (exception) => key === true || exceptionKind(exception) === key,
      frame,
      receive: (exception) =>
        tailApply(handler, [exceptionKind(exception), ...listToArray(exceptionArgs(exception))]),
      preUnwind,
      asThrow: true,
    });
    return tail0(thunk);
  }

  /** Control: `with-throw-handler`. */
  withThrowHandler(key: Value, thunk: Value, handler: Value): Value {
    this.push(new DynamicFrame(this, this.dynamic));
    this.extend({ kind: 'throw-handler', key, handler });
    return tail0(thunk);
  }

  /** Control: `with-exception-handler` without unwinding. */
  withHandler(handler: Value, thunk: Value): Value {
    this.push(new DynamicFrame(this, this.dynamic));
    this.extend({ kind: 'handler', handler });
    return tail0(thunk);
  }

  /** Control: `with-exception-handler` with `#:unwind? #t`; `type` is #t for all, a record type, or a key. */
  withUnwindingHandler(handler: Value, thunk: Value, type: Value): Value {
    const frame = new CatchFrame(this, this.dynamic);
    this.push(frame);
    this.extend({
      kind: 'catch',
      matches: (exception) => exceptionHasType(exception, type),
      frame,
      receive: (exception) => tail1(handler, exception),
      preUnwind: false,
      asThrow: false,
    });
    return tail0(thunk);
  }

  /** Control: raises; answers like a node. */
  raise(exception: Value, options: { continuable: boolean }): Value {
    notePlace(exception);
    return this.raiseFrom(this.dynamic, exception, options);
  }

  private raiseFrom(from: Dynamic, exception: Value, options: { continuable: boolean }): Value {
    const here = this.dynamic;
    let at = from;
    while (at !== null) {
      const entry: DynamicEntry = at;
      const outer: Dynamic = entry.kind === 'mask' ? entry.until : entry.next;
      at = outer;
      switch (entry.kind) {
        case 'handler': {
          const { handler } = entry;
          this.push(
            new StepFrame((value) => {
              this.dynamic = here;
              if (options.continuable) return value;
              // A handler must not return to a raise; that is an error of its own, seen by the outer handlers.
              return this.raiseFrom(outer, exceptionFromThrow(intern('%exception'), [nonContinuable()]), {
                continuable: false,
              });
            }),
          );
          this.extend({ kind: 'mask', until: outer });
          return tail1(handler, exception);
        }
        case 'throw-handler': {
          if (entry.key !== true && exceptionKind(exception) !== entry.key) break;
          this.push(
            new StepFrame(() => {
              this.dynamic = here;
              return this.raiseFrom(outer, exception, options);
            }),
          );
          this.extend({ kind: 'mask', until: outer });
          return tailApply(entry.handler, [
            exceptionKind(exception),
            ...listToArray(exceptionArgs(exception)),
          ]);
        }
        case 'catch': {
          if (!entry.matches(exception)) break;
          const target = entry;
          const leave = () => this.leaveTo(target, exception);
          if (target.preUnwind === false) return leave();
          this.push(
            new StepFrame(() => {
              this.dynamic = here;
              return leave();
            }),
          );
          this.extend({ kind: 'mask', until: outer });
          return tailApply(target.preUnwind, [
            exceptionKind(exception),
            ...listToArray(exceptionArgs(exception)),
          ]);
        }
      }
    }
    throw new UncaughtException(exception);
  }

  private leaveTo(entry: DynamicEntry & { kind: 'catch' }, exception: Value): Value {
    // The loop that owns the catch frame: count the barriers above it.
    let level = this.loops.length - 1;
    let frame = this.frames;
    while (frame !== null && frame !== entry.frame) {
      if (frame instanceof BarrierFrame) level--;
      frame = frame.next;
    }
    if (frame === null) throw new UncaughtException(exception);
    return this.jump(
      { frames: entry.frame.next, loop: this.loops[level]!, dynamic: entry.frame.dynamic },
      () => entry.receive(exception),
    );
  }
}

function stackOverflow(): SchemeError {
  return throwError('stack-overflow', false, str('Stack overflow'), false, false);
}

function isSystemError(error: unknown): error is Error & { errno: number; syscall: string } {
  return error instanceof Error && 'errno' in error && typeof error.errno === 'number' && 'syscall' in error;
}

/** `no such file or directory` of `ENOENT: no such file or directory, open '/x'`, with a capital. */
function systemMessage(message: string): string {
  const text = /^E\w+: ([^,]*)/.exec(message)?.[1] ?? message;
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Where the user's program was when an exception was first raised, by the exception object. */
export const exceptionPlaces = new WeakMap<object, Place>();

function notePlace(exception: Value): void {
  if (R.place === undefined || exception === null || typeof exception !== 'object') return;
  if (!exceptionPlaces.has(exception)) exceptionPlaces.set(exception, R.place);
}

/** No handler took the exception: leaves all run loops. */
export class UncaughtException extends Error {
  readonly payload: Value;
  constructor(payload: Value) {
    super('uncaught exception');
    this.payload = payload;
  }
}

function nonContinuable(): Value {
  return makeException([new Rec(exceptionTypes['&non-continuable'], [])]);
}

function exceptionHasType(exception: Value, type: Value): boolean {
  if (type === true) return true;
  if (typeof type === 'object' && type !== null && 'isA' in type) {
    if (!isException(exception)) return false;
    const parts =
      exception.type === exceptionTypes['&compound-exception']
        ? listToArray(exception.fields[0])
        : [exception];
    return parts.some((part: Rec) => part.type.isA(type as RecordType));
  }
  return exceptionKind(exception) === type;
}

function commonTail(a: Dynamic, b: Dynamic): Dynamic {
  let x = a;
  let y = b;
  while (x !== y) {
    if ((x?.depth ?? 0) > (y?.depth ?? 0)) x = x!.next;
    else if ((y?.depth ?? 0) > (x?.depth ?? 0)) y = y!.next;
    else {
      x = x!.next;
      y = y!.next;
    }
  }
  return x;
}

/** Connects applying parameters and continuations to a machine; call once per machine use. */
export function installMachine(machine: Machine): void {
  applyOther.hook = (f, args) => {
    if (f instanceof Parameter) {
      if (args.length === 0) return machine.fluidRef(f.fluid);
      if (args.length === 1) {
        machine.fluidSet(f.fluid, machine.apply(f.converter, args));
        return UNSPECIFIED;
      }
    }
    if (f instanceof Continuation) {
      R.code = new Code({ body: () => machine.resumeContinuation(f, args), name: false, required: 0 });
      R.env = [];
      return CAPTURE;
    }
    throw wrongTypeApply(f);
  };
}

/** A fresh prompt tag. */
export function makePromptTag(name: Value): Value {
  return new Pair(name, NIL);
}
