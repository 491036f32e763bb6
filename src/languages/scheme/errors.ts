// Exceptions: Guile 3's exception objects (records below &exception, compound ones included) and their older form,
// a key with arguments. A SchemeError carries one through JavaScript code to the machine.
import {
  arrayToList,
  intern,
  list,
  listToArray,
  NIL,
  Rec,
  RecordType,
  Sym,
  str,
  type Value,
} from './values.ts';

/** A Scheme exception under way in JavaScript code. `payload` is what handlers get. */
export class SchemeError extends Error {
  readonly payload: Value;
  constructor(payload: Value) {
    super('uncaught Scheme exception');
    this.payload = payload;
    this.name = 'SchemeError';
  }
}
// A stack trace costs more than all else, and nobody reads that of a Scheme exception.
Error.stackTraceLimit = Math.min(Error.stackTraceLimit ?? 10, 10);

function exceptionType(name: string, parent: RecordType | undefined, fields: string[] = []): RecordType {
  const all = [...(parent?.fields ?? []), ...fields.map(intern)];
  return new RecordType({
    name: intern(name),
    fields: all,
    parent,
    immutable: new Set(all.map((_, index) => index)),
    extensible: true,
  });
}

const root = exceptionType('&exception', undefined);
const error = exceptionType('&error', root);
const programmingError = exceptionType('&programming-error', error);
const assertion = exceptionType('&assertion-failure', programmingError);

/** The standard exception types, by the names that (ice-9 exceptions) gives them. */
export const exceptionTypes = {
  '&exception': root,
  '&compound-exception': exceptionType('&compound-exception', root, ['components']),
  '&exception-with-kind-and-args': exceptionType('&exception-with-kind-and-args', root, ['kind', 'args']),
  '&message': exceptionType('&message', root, ['message']),
  '&warning': exceptionType('&warning', root),
  '&error': error,
  '&external-error': exceptionType('&external-error', error),
  '&programming-error': programmingError,
  '&assertion-failure': assertion,
  '&irritants': exceptionType('&irritants', root, ['irritants']),
  '&origin': exceptionType('&origin', root, ['origin']),
  '&non-continuable': exceptionType('&non-continuable', programmingError),
  '&implementation-restriction': exceptionType('&implementation-restriction', programmingError),
  '&lexical': exceptionType('&lexical', programmingError),
  '&syntax': exceptionType('&syntax', programmingError, ['form', 'subform']),
  '&undefined-variable': exceptionType('&undefined-variable', programmingError),
  '&quit-exception': exceptionType('&quit-exception', root, ['code']),
} as const;

const withKindAndArgs = exceptionTypes['&exception-with-kind-and-args'];
const compound = exceptionTypes['&compound-exception'];

/** Whether a value is an exception object. */
export function isException(value: Value): value is Rec {
  return value instanceof Rec && value.type.isA(root);
}

/** The simple exceptions that an exception object is made of. */
export function simpleExceptions(value: Value): Rec[] {
  if (!isException(value)) return [];
  return value.type === compound ? (listToArray(value.fields[0]) as Rec[]) : [value];
}

/** One exception object of several; nested compounds are flattened. */
export function makeException(parts: readonly Value[]): Value {
  const simple = parts.flatMap(simpleExceptions);
  return simple.length === 1 ? simple[0] : new Rec(compound, [arrayToList(simple)]);
}

/** The simple exception of a type within an exception object, or undefined. */
function exceptionPart(value: Value, type: RecordType): Rec | undefined {
  return simpleExceptions(value).find((part) => part.type.isA(type));
}

/** The key that `catch` sees: a symbol. */
export function exceptionKind(value: Value): Value {
  return exceptionPart(value, withKindAndArgs)?.fields[0] ?? intern('%exception');
}

/** The arguments that `catch` hands on: a list. */
export function exceptionArgs(value: Value): Value {
  return exceptionPart(value, withKindAndArgs)?.fields[1] ?? list(value);
}

const make = (name: keyof typeof exceptionTypes, ...fields: Value[]) => new Rec(exceptionTypes[name], fields);

/** What the keys of `throw` stand for; `&error` for all others. */
const typesOfKeys: Readonly<Record<string, keyof typeof exceptionTypes>> = {
  'read-error': '&lexical',
  'unbound-variable': '&undefined-variable',
  'wrong-number-of-args': '&assertion-failure',
  'wrong-type-arg': '&assertion-failure',
  'keyword-argument-error': '&assertion-failure',
  'out-of-range': '&assertion-failure',
  'regular-expression-syntax': '&assertion-failure',
  'program-error': '&assertion-failure',
  'goops-error': '&assertion-failure',
  'null-pointer-error': '&assertion-failure',
  'system-error': '&external-error',
  'host-not-found': '&external-error',
  'getaddrinfo-error': '&external-error',
  'no-data': '&external-error',
  'no-recovery': '&external-error',
  'try-again': '&external-error',
  'stack-overflow': '&implementation-restriction',
  'numerical-overflow': '&implementation-restriction',
  'memory-allocation-error': '&implementation-restriction',
};

function typedParts(key: Value, args: readonly Value[]): Rec[] {
  const [subr, message, details, form, subform] = args;
  const name = key instanceof Sym ? key.name : '';
  if (name === 'syntax-error' && args.length >= 5)
    return [make('&syntax', form, subform), make('&origin', subr), make('&message', message)];
  const code = typeof subr === 'number' ? subr : subr === false ? 1 : 0;
  const type = name === 'quit' ? make('&quit-exception', code) : make(typesOfKeys[name] ?? '&error');
  return args.length < 3
    ? [type, make('&irritants', arrayToList(args))]
    : [type, make('&origin', subr), make('&message', message), make('&irritants', details)];
}

/** The exception object that `(throw key arg …)` raises. */
export function exceptionFromThrow(key: Value, args: readonly Value[]): Value {
  const kind = make('&exception-with-kind-and-args', key, arrayToList(args));
  // An exception that was taken apart by `catch` and is thrown again becomes itself.
  if (key?.name === '%exception' && args.length === 1 && isException(args[0])) return args[0];
  return makeException([...typedParts(key, args), kind]);
}

/** A SchemeError for `(throw key arg …)`. */
export function throwError(key: string, ...args: Value[]): SchemeError {
  return new SchemeError(exceptionFromThrow(intern(key), args));
}

const ofMachine = new Set(['car', 'cdr', 'vector-ref', 'vector-set!', 'vector-length', 'string-length']);

/** Wrong type of the argument at `position` (from 1) of the procedure `who`. */
export function wrongType(
  who: string | false,
  position: number,
  value: Value,
  expecting?: string,
): SchemeError {
  // Guile's virtual machine spells the position out; its C procedures leave it to the message's arguments.
  const spelled = typeof who === 'string' && ofMachine.has(who);
  const what = expecting === undefined ? '' : ` (expecting ${spelled ? expecting : '~A'})`;
  const details = expecting === undefined ? [position, value] : [position, str(expecting), value];
  return throwError(
    'wrong-type-arg',
    who === false ? false : str(who),
    str(`Wrong type argument in position ${spelled ? position : '~A'}${what}: ~S`),
    spelled ? list(value) : list(...details),
    list(value),
  );
}

export function outOfRange(who: string | false, position: number, value: Value): SchemeError {
  const spelled = typeof who === 'string' && ofMachine.has(who);
  return throwError(
    'out-of-range',
    who === false ? false : str(who),
    str(`Argument ${spelled ? position : '~A'} out of range: ~S`),
    spelled ? list(value) : list(position, value),
    list(value),
  );
}

/** Wrong type where Guile tells no position. */
export function wrongTypeExpecting(who: string, expecting: string, value: Value): SchemeError {
  return throwError(
    'wrong-type-arg',
    str(who),
    str('Wrong type (expecting ~A): ~S'),
    list(str(expecting), value),
    list(value),
  );
}

/** A list was needed to call a procedure with, or with each item of. */
export function notAList(who: 'apply' | 'map' | 'for-each', value: Value): SchemeError {
  return who === 'apply'
    ? throwError('wrong-type-arg', str(who), str('Apply to non-list: ~S'), list(value), list(value))
    : throwError('wrong-type-arg', str(who), str('Not a list: ~S'), list(value), false);
}

/** An index of a string that is not between two others; Guile names no procedure then. */
export function notBetween(low: number, high: number, value: Value): SchemeError {
  return high < low
    ? throwError('out-of-range', false, str('Value out of range: ~S'), list(value), list(value))
    : throwError(
        'out-of-range',
        false,
        str('Value out of range ~S to< ~S: ~S'),
        list(low, high, value),
        list(value),
      );
}

export function numericalOverflow(who: string): SchemeError {
  return throwError('numerical-overflow', str(who), str('Numerical overflow'), false, false);
}

/** What `(error message irritant …)` raises. */
export function miscError(
  who: string | false,
  message: string,
  irritants: readonly Value[] = [],
): SchemeError {
  return throwError(
    'misc-error',
    who === false ? false : str(who),
    str(message),
    arrayToList(irritants),
    false,
  );
}

/** A feature of Guile that this implementation has not: refused by name. */
export function unsupported(what: string): SchemeError {
  return throwError('unsupported', false, str(`not supported: ${what}`), NIL, false);
}

export function unboundVariable(name: string): SchemeError {
  return throwError('unbound-variable', false, str('Unbound variable: ~S'), list(intern(name)), false);
}

export function wrongNumberOfArguments(procedure: Value): SchemeError {
  return throwError(
    'wrong-number-of-args',
    false,
    str('Wrong number of arguments to ~A'),
    list(procedure),
    false,
  );
}

export function wrongTypeApply(value: Value): SchemeError {
  return throwError('wrong-type-arg', false, str('Wrong type to apply: ~S'), list(value), list(value));
}
