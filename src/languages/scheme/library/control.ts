// Control of (guile): application, values, continuations, dynamic state, exceptions, promises, procedures' properties.
import {
  exceptionArgs,
  exceptionFromThrow,
  exceptionKind,
  exceptionTypes,
  isException,
  makeException,
  miscError,
  notAList,
  SchemeError,
  simpleExceptions,
  throwError,
  wrongNumberOfArguments,
  wrongType,
} from '../errors.ts';
import { makePromptTag } from '../machine.ts';
import {
  andThen,
  CAPTURE,
  Closure,
  type Code,
  Continuation,
  finish,
  isProcedure,
  Primitive,
  registers as R,
  StepFrame,
  single,
  tail0,
  tail1,
  tailApply,
} from '../procedures.ts';
import {
  arrayToList,
  Fluid,
  intern,
  Keyword,
  list,
  listToArray,
  MultipleValues,
  NIL,
  Pair,
  Parameter,
  properLength,
  Rec,
  RecordType,
  SPromise,
  Sym,
  str,
  UNSPECIFIED,
  type Value,
} from '../values.ts';
import { type Definer, MANY } from './define.ts';

function defineApplication(d: Definer): void {
  const { machine } = d.session;
  d.tail('apply', 1, MANY, (f, ...args) => {
    if (args.length === 0) return tail0(f);
    const last = args.at(-1);
    if (properLength(last) < 0) throw notAList('apply', last);
    const spread = listToArray(last);
    return tailApply(f, args.length === 1 ? spread : [...args.slice(0, -1), ...spread]);
  });
  d.pure('values', 0, MANY, (...items) => (items.length === 1 ? items[0] : new MultipleValues(items)));
  d.tail('call-with-values', 2, 2, (producer, consumer) => {
    const value = finish(tail0(producer));
    const consume = (result: Value): Value =>
      result instanceof MultipleValues ? tailApply(consumer, result.list) : tail1(consumer, result);
    if (value === CAPTURE) {
      R.frames.push(new StepFrame(consume));
      return CAPTURE;
    }
    return consume(value);
  });
  d.pure('procedure?', 1, 1, isProcedure);
  d.pure('thunk?', 1, 1, (f) =>
    f instanceof Closure
      ? acceptsNone(f.code)
      : f instanceof Primitive
        ? f.min === 0
        : f instanceof Parameter,
  );
  d.control('call-with-current-continuation', 1, 1, (f) => machine.callCc(f));
  d.alias('call/cc', 'call-with-current-continuation');
  d.alias('call-with-escape-continuation', 'call-with-current-continuation');
  d.alias('call/ec', 'call-with-current-continuation');
  d.alias('within-continuation-receiver', 'call-with-current-continuation');
  d.control('dynamic-wind', 3, 3, (before, thunk, after) => machine.dynamicWind(before, thunk, after));
  d.pure('make-prompt-tag', 0, 1, (name = str('prompt')) => makePromptTag(name));
  const defaultTag = makePromptTag(str('default'));
  d.pure('%default-prompt-tag', 0, 0, () => defaultTag);
  d.value(
    'default-prompt-tag',
    new Parameter(new Fluid(defaultTag), new Primitive('values', 1, 1, (x) => x)),
  );
  d.control('call-with-prompt', 3, 3, (tag, thunk, handler) => machine.callWithPrompt(tag, thunk, handler));
  d.control('abort-to-prompt', 1, MANY, (tag, ...args) => machine.abortToPrompt(tag, args));
  d.control('abort-to-prompt*', 2, 2, (tag, args) => machine.abortToPrompt(tag, listToArray(args)));
  d.pure('suspendable-continuation?', 1, 1, () => true);
  d.pure('continuation?', 1, 1, (x) => x instanceof Continuation);
}

function acceptsNone(code: Code): boolean {
  return code.required === 0 || (code.next !== undefined && acceptsNone(code.next));
}

function defineDynamicState(d: Definer): void {
  const { machine } = d.session;
  d.pure('make-fluid', 0, 1, (value = false) => new Fluid(value));
  d.pure('make-unbound-fluid', 0, 0, () => new Fluid(undefined));
  d.pure('make-thread-local-fluid', 0, 1, (value = false) => new Fluid(value));
  d.pure('fluid?', 1, 1, (x) => x instanceof Fluid);
  const fluid = (who: string, x: Value): Fluid => {
    if (!(x instanceof Fluid)) throw wrongType(who, 1, x, 'fluid');
    return x;
  };
  d.pure('fluid-ref', 1, 1, (x) => {
    const value = machine.fluidRef(fluid('fluid-ref', x));
    if (value === undefined) throw miscError('fluid-ref', 'unbound fluid: ~S', [x]);
    return value;
  });
  d.pure('fluid-set!', 2, 2, (x, value) => {
    machine.fluidSet(fluid('fluid-set!', x), value);
    return UNSPECIFIED;
  });
  d.pure('fluid-bound?', 1, 1, (x) => machine.fluidRef(fluid('fluid-bound?', x)) !== undefined);
  d.pure('fluid-unset!', 1, 1, (x) => {
    machine.fluidSet(fluid('fluid-unset!', x), undefined);
    return UNSPECIFIED;
  });
  d.control('with-fluids*', 3, 3, (fluids, values, thunk) =>
    machine.withFluids(listToArray(fluids), listToArray(values), thunk),
  );
  d.control('with-fluid*', 3, 3, (x, value, thunk) => machine.withFluids([x], [value], thunk));
  d.tail('make-parameter', 1, 2, (value, converter) => {
    const convert = converter ?? identity;
    return andThen(
      tail1(convert, value),
      (converted) => new Parameter(new Fluid(single(converted)), convert),
    );
  });
  d.pure(
    'fluid->parameter',
    1,
    2,
    (x, converter = identity) => new Parameter(fluid('fluid->parameter', x), converter),
  );
  d.pure('parameter?', 1, 1, (x) => x instanceof Parameter);
  d.pure('parameter-fluid', 1, 1, (x) => parameter('parameter-fluid', x).fluid);
  d.pure('parameter-converter', 1, 1, (x) => parameter('parameter-converter', x).converter);
  // (%parameterize (list p …) (list v …) thunk): values are converted outside of the new bindings.
  d.tail('%parameterize', 3, 3, (parameters, values, thunk) => {
    const list_ = listToArray(parameters).map((p) => (p instanceof Fluid ? p : parameter('parameterize', p)));
    const given = listToArray(values);
    const convert = (done: readonly Value[]): Value => {
      const at = done.length;
      if (at === list_.length) {
        return tailApply(withParameters, [list_.map((p) => (p instanceof Fluid ? p : p.fluid)), done, thunk]);
      }
      const p = list_[at]!;
      if (p instanceof Fluid) return convert([...done, given[at]]);
      return andThen(tail1(p.converter, given[at]), (value) => convert([...done, single(value)]));
    };
    return convert([]);
  });
  const withParameters = new Primitive(
    '%with-parameters',
    3,
    3,
    (fluids, values, thunk) => machine.withFluids(fluids, values, thunk),
    true,
  );
  d.pure('current-dynamic-state', 0, 0, () => machine.dynamic);
}

const identity = new Primitive('identity', 1, 1, (x) => x);

function parameter(who: string, x: Value): Parameter {
  if (!(x instanceof Parameter)) throw wrongType(who, 1, x, 'parameter');
  return x;
}

function defineExceptions(d: Definer): void {
  const { machine } = d.session;
  const checkKey = (who: string, key: Value) => {
    if (!(key instanceof Sym) && key !== true) throw wrongType(who, 1, key);
  };
  d.control('catch', 3, 4, (key, thunk, handler, preUnwind = false) => {
    checkKey('catch', key);
    return machine.catchKey(key, thunk, handler, preUnwind);
  });
  d.control('with-throw-handler', 3, 3, (key, thunk, handler) => {
    checkKey('with-throw-handler', key);
    return machine.withThrowHandler(key, thunk, handler);
  });
  d.control('throw', 1, MANY, (key, ...args) => {
    if (!(key instanceof Sym)) throw wrongType('throw', 1, key, 'symbol');
    return machine.raise(exceptionFromThrow(key, args), { continuable: false });
  });
  d.control('with-exception-handler', 2, MANY, (handler, thunk, ...options) => {
    let unwind = false;
    let type: Value = true;
    for (let i = 0; i < options.length; i += 2) {
      const name = options[i] instanceof Keyword ? options[i].symbol.name : '';
      if (name === 'unwind?') unwind = options[i + 1] !== false;
      else if (name === 'unwind-for-type') type = options[i + 1];
    }
    if (!isProcedure(handler)) throw wrongType('with-exception-handler', 1, handler, 'procedure');
    return unwind ? machine.withUnwindingHandler(handler, thunk, type) : machine.withHandler(handler, thunk);
  });
  d.control('raise-exception', 1, MANY, (exception, ...options) =>
    machine.raise(exception, { continuable: options[0] instanceof Keyword && options[1] !== false }),
  );
  d.control('%raise-continuable', 1, 1, (exception) => machine.raise(exception, { continuable: true }));
  d.pure('make-exception', 0, MANY, (...parts) => makeException(parts));
  d.pure('exception?', 1, 1, isException);
  d.pure('simple-exceptions', 1, 1, (x) => {
    if (!isException(x)) throw miscError('simple-exceptions', 'not a exception', [x]);
    return arrayToList(simpleExceptions(x));
  });
  d.pure('exception-kind', 1, 1, exceptionKind);
  d.pure('exception-args', 1, 1, exceptionArgs);
  d.pure('make-exception-from-throw', 2, 2, (key, args) => exceptionFromThrow(key, listToArray(args)));
  d.pure('make-exception-type', 3, 3, (name, parent, fields) => makeExceptionType(name, parent, fields));
  d.pure('exception-type?', 1, 1, (x) => x instanceof RecordType && x.isA(exceptionTypes['&exception']));
  d.pure(
    'exception-predicate',
    1,
    1,
    (type) =>
      new Primitive('exception-predicate', 1, 1, (x) =>
        simpleExceptions(x).some((part) => part.type.isA(type)),
      ),
  );
  d.pure(
    'exception-accessor',
    2,
    2,
    (type, get) =>
      new Primitive('exception-accessor', 1, 1, (x) => {
        const part = simpleExceptions(x).find((candidate) => candidate.type.isA(type));
        if (part === undefined) throw wrongType(false, 1, x);
        return tail1(get, part);
      }),
  );
  for (const [name, type] of Object.entries(exceptionTypes)) d.value(name, type);
  d.control('error', 1, MANY, (message, ...irritants) =>
    machine.raise(errorObject(message, irritants), { continuable: false }),
  );
  d.pure('scm-error', 5, 5, (key, subr, message, args, data) => {
    throw new SchemeError(exceptionFromThrow(key, [subr, message, args, data]));
  });
  d.pure('%syntax-violation', 3, 4, (who, message, form, subform = false) => {
    throw throwError('syntax-error', who, message, false, form, subform);
  });
  d.pure('exit', 0, 1, (status) => {
    throw throwError('quit', ...(status === undefined ? [] : [status]));
  });
  d.alias('quit', 'exit');
  d.alias('primitive-exit', 'exit');
  d.alias('emergency-exit', 'exit');
}

function makeExceptionType(name: Value, parent: Value, fields: Value): RecordType {
  const names = [...parent.fields, ...listToArray(fields)];
  return new RecordType({
    name,
    fields: names,
    parent,
    immutable: new Set(names.map((_, i) => i)),
    extensible: true,
  });
}

/** What `error` raises: with a symbol first, that is the procedure it speaks of in Guile's format. */
function errorObject(message: Value, irritants: readonly Value[]): Value {
  const format = ['~A', ...irritants.map(() => '~S')].join(' ');
  return exceptionFromThrow(intern('misc-error'), [false, str(format), list(message, ...irritants), false]);
}

function definePromises(d: Definer): void {
  d.pure('promise?', 1, 1, (x) => x instanceof SPromise);
  d.pure('make-promise', 1, 1, (value) =>
    value instanceof SPromise ? value : new SPromise({ done: true, value }),
  );
  const force = (promise: Value): Value => {
    if (!(promise instanceof SPromise)) throw wrongType('force', 1, promise, 'promise');
    if (promise.state.done) return promise.state.value;
    return andThen(tail0(promise.state.value), (result) => {
      if (promise.state.done) return promise.state.value;
      promise.state.done = true;
      promise.state.value = result;
      return result;
    });
  };
  d.tail('force', 1, 1, force);
}

function defineProcedures(d: Definer): void {
  d.pure('procedure-name', 1, 1, (f) =>
    f instanceof Closure ? (f.name ?? false) : f instanceof Primitive ? intern(f.name) : false,
  );
  d.pure('procedure-documentation', 1, 1, (f) =>
    f instanceof Closure && f.code.documentation !== undefined ? str(f.code.documentation) : false,
  );
  const properties = (f: Value): Value => {
    const own = f.properties ?? NIL;
    const named =
      f instanceof Closure && f.name !== false && f.name !== undefined
        ? new Pair(new Pair(intern('name'), f.name), own)
        : own;
    return named;
  };
  d.pure('procedure-properties', 1, 1, properties);
  d.pure('procedure-property', 2, 2, (f, key) => {
    const found = listToArray(properties(f)).find((entry) => entry.car === key);
    return found === undefined ? false : found.cdr;
  });
  d.pure('set-procedure-property!', 3, 3, (f, key, value) => {
    if (key === intern('name') && f instanceof Closure) f.name = value;
    else f.properties = new Pair(new Pair(key, value), f.properties ?? NIL);
    return UNSPECIFIED;
  });
  d.pure('set-procedure-properties!', 2, 2, (f, alist) => {
    f.properties = alist;
    return UNSPECIFIED;
  });
  d.pure('procedure-minimum-arity', 1, 1, (f) => {
    if (f instanceof Closure) return list(f.code.required, f.code.optional, f.code.rest);
    if (f instanceof Primitive) return list(f.min, f.max === MANY ? 0 : f.max - f.min, f.max === MANY);
    return false;
  });
  d.pure('procedure-source', 1, 1, () => false);
  d.pure('make-procedure-with-setter', 2, 2, (getter, setter) => {
    const f = new Primitive('procedure-with-setter', 0, MANY, (...args) => tailApply(getter, args));
    f.setter = setter;
    return f;
  });
  d.pure('procedure-with-setter?', 1, 1, (f) => f instanceof Primitive && f.setter !== undefined);
  d.pure('setter', 1, 1, (f) => {
    if (f instanceof Primitive && f.setter !== undefined) return f.setter;
    const known = f instanceof Primitive ? standardSetters[f.name] : undefined;
    const setter = known === undefined ? undefined : d.module.variable(intern(known))?.force();
    if (setter === undefined) throw miscError('setter', 'no setter for ~S', [f]);
    return setter;
  });
  d.pure('procedure', 1, 1, (f) => f);
  d.pure('wrong-number-of-args', 1, 1, (f) => {
    throw wrongNumberOfArguments(f);
  });
  d.pure('primitive-make-property', 1, 1, () => new Rec(exceptionTypes['&exception'], []));
}

const standardSetters: Readonly<Record<string, string>> = {
  car: 'set-car!',
  cdr: 'set-cdr!',
  'vector-ref': 'vector-set!',
  'string-ref': 'string-set!',
  'hash-ref': 'hash-set!',
  'hashq-ref': 'hashq-set!',
  'list-ref': 'list-set!',
};

/** Control of (guile). */
export function defineControl(d: Definer): void {
  defineApplication(d);
  defineDynamicState(d);
  defineExceptions(d);
  definePromises(d);
  defineProcedures(d);
  d.value('*unspecified*', UNSPECIFIED);
  d.pure('unspecified?', 1, 1, (x) => x === UNSPECIFIED);
}
