// Guile's language as a library: create an interpreter, give it modules, evaluate text. Knows nothing of Guix.
import { TrimaranError } from '../../foundation/error.ts';
import { didYouMean } from '../../foundation/nearest.ts';
import { unboundPlaces } from './compile.ts';
import { exceptionArgs, exceptionKind, isException, SchemeError } from './errors.ts';
import type { SchemeHost } from './host.ts';
import { defineCore } from './library/core.ts';
import { Definer } from './library/define.ts';
import { simpleFormat } from './library/ports.ts';
import { registerLibraries } from './library/registry.ts';
import { exceptionPlaces, UncaughtException } from './machine.ts';
import type { Module } from './module.ts';
import { Primitive, registers } from './procedures.ts';
import { readErrorToTrimaran } from './reader.ts';
import { type Laziness, Session } from './session.ts';
import {
  arrayToList,
  Flonum,
  intern,
  listToArray,
  MString,
  NIL,
  Pair,
  Sym,
  str,
  UNSPECIFIED,
  type Value,
} from './values.ts';
import { displayText, writeText } from './write.ts';

export interface InterpreterOptions {
  readonly host: SchemeHost;
  /** Which definitions of modules on the load path wait until they are used; by module label (`gnu packages`). */
  readonly lazyModules?: (label: string) => Laziness;
}

export interface EvaluateTextOptions {
  /** The name that errors show. */
  readonly file: string;
  /** Module to evaluate in, as `['guile-user']` (the default). Made when there is none. */
  readonly module?: readonly string[];
  readonly lazy?: Laziness;
  /** Milliseconds after which the program is stopped with `scheme/interrupted`. */
  readonly timeout?: number;
  /** False for text of the caller's own, which errors are not to point into. */
  readonly places?: boolean;
}

/** An interpreter of Guile's language. */
export interface Interpreter {
  /**
   * Provides a module from TypeScript. Functions become procedures (arity from `length`, a rest parameter when
   * wrapped by {@link procedure}); other values are Scheme values as they are. All are exported.
   */
  defineModule(name: readonly string[], exports: Readonly<Record<string, Value>>): void;
  /** Provides a module's Scheme source; it is evaluated when first used. It may also add to a module defined before. */
  addModuleSource(name: readonly string[], text: string, options?: { file?: string; lazy?: Laziness }): void;
  /** Evaluates every form; returns the last value. Throws {@link TrimaranError} `scheme/…`. */
  evaluateText(text: string, options: EvaluateTextOptions): Value;
  /** Evaluates a file of the host. Throws `scheme/no-such-file` and what evaluateText throws. */
  evaluateFile(path: string, options?: Omit<EvaluateTextOptions, 'file'>): Value;
  /** Value of a module's binding, private ones included; undefined when unbound. */
  lookup(module: readonly string[], name: string): Value | undefined;
  callProcedure(procedure: Value, args: readonly Value[]): Value;
  /** Hands expansions made since to the host, for later runs. */
  keepExpansions(): void;
  /** As `write` prints it. */
  write(value: Value): string;
  /** As `display` prints it. */
  display(value: Value): string;
  /** For libraries that need more than this interface. */
  readonly session: Session;
}

/** A procedure in TypeScript with an arity of its own; `max` is Infinity for a rest parameter. */
export function procedure(
  name: string,
  arity: { readonly min: number; readonly max: number },
  fn: (...args: Value[]) => Value,
): Value {
  return new Primitive(name, arity.min, arity.max, fn);
}

/** Creates an interpreter. Cheap enough to make one for each evaluation. */
export function createInterpreter(options: InterpreterOptions): Interpreter {
  const session = new Session(options.host);
  if (options.lazyModules !== undefined) session.loadLaziness = options.lazyModules;
  registerLibraries(session);
  defineCore(session);
  const user = session.makeModule([intern('guile-user')]);
  session.currentModule = user;

  const moduleNamed = (name: readonly string[]): Module => {
    const parts = name.map((part) => intern(part));
    return session.resolveModule(parts) ?? session.makeModule(parts);
  };

  const guarded = <Result>(work: () => Result): Result => {
    session.activate();
    try {
      return work();
    } catch (error) {
      throw toTrimaranError(error);
    }
  };

  const interpreter: Interpreter = {
    session,
    defineModule: (name, exports) => {
      session.addBuilder(name.join(' '), (_, module) => {
        const d = new Definer(session, module);
        for (const [key, value] of Object.entries(exports)) {
          d.value(
            key,
            typeof value === 'function' ? new Primitive(key, value.length, value.length, value) : value,
          );
        }
      });
    },
    addModuleSource: (name, text, sourceOptions) => {
      const label = name.join(' ');
      session.sources.set(label, {
        text,
        file: sourceOptions?.file ?? `${name.join('/')}.scm`,
        lazy: sourceOptions?.lazy ?? 'functions',
      });
    },
    evaluateText: (text, evaluateOptions) =>
      guarded(() => {
        const module = evaluateOptions.module === undefined ? user : moduleNamed(evaluateOptions.module);
        const { timeout } = evaluateOptions;
        session.machine.deadline = timeout === undefined ? undefined : session.machine.now() + timeout;
        try {
          return session.evaluateText(text, {
            file: evaluateOptions.file,
            module,
            lazy: evaluateOptions.lazy ?? 'none',
            places: evaluateOptions.places ?? true,
          });
        } finally {
          session.machine.deadline = undefined;
        }
      }),
    evaluateFile: (path, evaluateOptions) => {
      const data = options.host.readFile(path);
      if (data === undefined) {
        throw new TrimaranError({ code: 'scheme/no-such-file', message: `cannot read ${path}`, exitCode: 3 });
      }
      return interpreter.evaluateText(Buffer.from(data).toString('utf8'), { ...evaluateOptions, file: path });
    },
    lookup: (module, name) => guarded(() => moduleNamed(module).variable(intern(name))?.force()),
    callProcedure: (f, args) =>
      guarded(() => {
        // What the last program did is no place for what goes wrong now.
        if (session.machine.isIdle) registers.place = undefined;
        return session.machine.apply(f, args);
      }),
    keepExpansions: () => session.expansions.keep(),
    write: (value) => guarded(() => writeText(value)),
    display: (value) => guarded(() => displayText(value)),
  };
  return interpreter;
}

/** The error that a person sees for whatever left the machine. */
function toTrimaranError(error: unknown): unknown {
  if (error instanceof TrimaranError) return error;
  if (error instanceof RangeError && /call stack/i.test(error.message)) {
    return new TrimaranError({
      code: 'scheme/nested-too-deeply',
      message: 'the program text or a macro nests too deeply',
    });
  }
  const payload =
    error instanceof UncaughtException || error instanceof SchemeError ? error.payload : undefined;
  if (payload === undefined) return error;
  return exceptionToTrimaran(payload);
}

function exceptionToTrimaran(payload: Value): TrimaranError {
  const read = payload !== null && typeof payload === 'object' ? readErrorToTrimaran(payload) : undefined;
  if (read !== undefined) return read;
  if (!isException(payload)) {
    return new TrimaranError({
      code: 'scheme/exception',
      message: `uncaught exception: ${writeText(payload)}`,
      span: typeof payload === 'object' && payload !== null ? exceptionPlaces.get(payload) : undefined,
      cause: new SchemeError(payload),
    });
  }
  const kind: string = exceptionKind(payload).name;
  const args = listToArray(exceptionArgs(payload));
  const message = messageOf(kind, args, payload);
  const unbound = unboundPlaces.get(payload);
  const span = (unbound?.place ??
    spanFromArgs(kind, args) ??
    exceptionPlaces.get(payload)) as TrimaranError['span'];
  const code = {
    'unbound-variable': 'scheme/unbound-variable',
    'wrong-type-arg': 'scheme/wrong-type',
    'wrong-number-of-args': 'scheme/wrong-number-of-arguments',
    'syntax-error': 'scheme/syntax-error',
    'out-of-range': 'scheme/out-of-range',
    'read-error': 'scheme/read-error',
    interrupted: 'scheme/interrupted',
    unsupported: 'scheme/unsupported',
    'stack-overflow': 'scheme/stack-overflow',
    'out-of-memory': 'scheme/out-of-memory',
    quit: 'scheme/quit',
    'misc-error': 'scheme/error',
  }[kind];
  const hint =
    unbound === undefined ? undefined : didYouMean(unbound.name, new Set(unbound.module.visibleNames()));
  return new TrimaranError({
    code: code ?? 'scheme/exception',
    message,
    span,
    ...(hint === undefined ? {} : { hint }),
    cause: new SchemeError(payload),
  });
}

function spanFromArgs(kind: string, args: readonly Value[]): TrimaranError['span'] {
  if (kind !== 'syntax-error' || !(args[2] instanceof Pair)) return undefined;
  const found = new Map(listToArray(args[2]).map((pair) => [pair.car.name, pair.cdr]));
  return {
    file: displayText(found.get('filename')),
    line: found.get('line') + 1,
    column: found.get('column') + 1,
  };
}

/** Guile's wording of an exception. */
function messageOf(kind: string, args: readonly Value[], payload: Value): string {
  const [who, message, irritants] = args;
  if (kind === 'syntax-error' && message instanceof MString) {
    const form = args[3] === undefined || args[3] === false ? '' : ` in form ${writeText(args[3])}`;
    const subform =
      args[4] === undefined || args[4] === false
        ? ''
        : ` in subform ${writeText(args[4])} of ${writeText(args[3])}`;
    const prefix = who instanceof Sym ? `${who.name}: ` : '';
    return `Syntax error: ${prefix}${message.text}${subform === '' ? form : subform}`;
  }
  if (kind === '%exception') return `uncaught exception: ${writeText(payload)}`;
  if (message instanceof MString && args.length === 4) {
    const text = formatted(message.text, irritants);
    return who === false || who === undefined ? text : `In procedure ${displayText(who)}: ${text}`;
  }
  return `Throw to key \`${kind}' with args \`${writeText(arrayToList(args))}'.`;
}

function formatted(template: string, irritants: Value): string {
  try {
    return simpleFormat(template, irritants instanceof Pair ? listToArray(irritants) : []);
  } catch {
    return template;
  }
}

/** A JavaScript value as a Scheme value: strings, numbers, booleans, null (), arrays as lists. */
export function toScheme(value: unknown): Value {
  if (typeof value === 'string') return str(value);
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value : new Flonum(value);
  if (value === undefined) return UNSPECIFIED;
  if (value === null) return NIL;
  if (Array.isArray(value)) return arrayToList(value.map(toScheme));
  return value;
}

/** A Scheme value as a JavaScript value: strings and symbols as strings, proper lists and vectors as arrays. */
export function fromScheme(value: Value): unknown {
  if (value instanceof MString) return value.text;
  if (value instanceof Sym) return value.name;
  if (value instanceof Flonum) return value.value;
  if (value === NIL) return [];
  if (value instanceof Pair) return listToArray(value).map(fromScheme);
  if (Array.isArray(value)) return value.map(fromScheme);
  return value;
}
