// The binding and control forms of (guile), expanded straight to the core language. Shapes and errors follow R7RS
// and Guile's manual; a form that does not fit says so as psyntax does.
import { type Binding, type CoreForm, duplicateOf, type Expander, named, syntaxError } from './expand.ts';
import { type Clause, constant, type IR, LocalVariable } from './ir.ts';
import { promiseOf } from './ir-text.ts';
import {
  isIdentifier,
  isStxPair,
  placeOf,
  Rib,
  Syntax,
  stripKeepingPlaces,
  stripSyntax,
  stxCar,
  stxCdr,
  stxDatum,
  stxList,
  wrapValue,
} from './syntax.ts';
import { arrayToList, Keyword, keyword, MString, NIL, UNSPECIFIED, type Value } from './values.ts';

const bad = (form: Value, subform?: Value) =>
  syntaxError({ message: 'source expression failed to match any pattern', form, subform });

/** Elements of a form that must be a proper list of at least `min` and at most `max` elements. */
function parts(form: Value, min: number, max = Number.POSITIVE_INFINITY): Value[] {
  const { items, tail } = stxList(form);
  if (tail !== NIL || items.length < min || items.length > max) throw bad(form);
  return items;
}

function within(rib: Rib): (value: Value) => Value {
  return (value) => wrapValue(value, { marks: null, substs: { head: rib, tail: null } }, undefined);
}

/** Whether an identifier is the core's `name` (`else`, `=>` …), shadowing respected. */
function isCore(expander: Expander, value: Value, name: string): boolean {
  return isIdentifier(value) && value.datum.name === name && expander.freeEqual(value, expander.coreId(name));
}

function checkDistinct(ids: readonly Syntax[], form: Value, who?: string): void {
  const duplicate = duplicateOf(ids);
  if (duplicate !== undefined) {
    throw syntaxError({ message: 'duplicate bound variable', form, subform: duplicate, who });
  }
}

// Lambda.

function plainClause(
  expander: Expander,
  options: { formals: Value; body: readonly Value[]; form: Value },
): Clause {
  const { formals, body, form } = options;
  const { items, tail } = stxList(formals);
  const ids = [...items];
  let restId: Value;
  if (tail !== NIL) {
    restId = formals;
    while (isStxPair(restId)) restId = stxCdr(restId);
    ids.push(restId);
  }
  for (const id of ids) {
    if (!isIdentifier(id)) throw syntaxError({ message: 'invalid argument list', form, subform: formals });
  }
  const duplicate = duplicateOf(ids);
  if (duplicate !== undefined)
    throw syntaxError({ message: 'duplicate identifier in argument list', form, subform: formals });
  const rib = new Rib();
  const required = items.map((id) => expander.bindLocal(rib, id));
  const rest = restId === undefined ? undefined : expander.bindLocal(rib, restId);
  return {
    required,
    optional: [],
    rest,
    keywords: undefined,
    allowOtherKeys: false,
    defaults: [],
    body: expander.expandBody(body.map(within(rib)), form),
  };
}

function starClause(
  expander: Expander,
  options: { formals: Value; body: readonly Value[]; form: Value },
): Clause {
  const { formals, body, form } = options;
  const invalid = () => syntaxError({ message: 'invalid argument list', form, subform: formals });
  const spread = stxList(formals);
  const { items } = spread;
  const ribs: Rib[] = [];
  const inScope = (value: Value): Value => ribs.reduce((form_, rib) => within(rib)(form_), value);
  const bind = (id: Value): LocalVariable => {
    if (!isIdentifier(id)) throw invalid();
    const rib = new Rib();
    const variable = expander.bindLocal(rib, id);
    ribs.push(rib);
    return variable;
  };
  const required: LocalVariable[] = [];
  const optional: LocalVariable[] = [];
  const keywords: { key: Keyword; variable: LocalVariable }[] = [];
  const optionalDefaults: IR[] = [];
  const keywordDefaults: IR[] = [];
  let rest: LocalVariable | undefined;
  let allowOtherKeys = false;
  let hasKeywords = false;
  let mode: 'required' | 'optional' | 'key' = 'required';
  const all: Syntax[] = [];
  // A parameter's default sees those before it; the rest parameter's slot comes before the keywords'.
  const pending: { name: Syntax; key: Keyword; init: Value }[] = [];
  let restId: Value;
  for (let i = 0; i < items.length; i++) {
    const item = items[i];
    const datum = stxDatum(item);
    if (datum instanceof Keyword) {
      const name = datum.symbol.name;
      if (name === 'optional') mode = 'optional';
      else if (name === 'key') {
        mode = 'key';
        hasKeywords = true;
      } else if (name === 'allow-other-keys' && hasKeywords) allowOtherKeys = true;
      else if (name === 'rest') {
        restId = items[++i];
      } else throw invalid();
      continue;
    }
    if (mode === 'required') {
      if (!isIdentifier(item)) throw invalid();
      all.push(item);
      required.push(bind(item));
      continue;
    }
    const pieces = isIdentifier(item) ? [item] : stxList(item).items;
    const id = pieces[0];
    if (!isIdentifier(id) || pieces.length > 3) throw invalid();
    all.push(id);
    const init = pieces[1] ?? false;
    if (mode === 'optional') {
      if (pieces.length > 2) throw invalid();
      optionalDefaults.push(expander.expand(inScope(init)));
      optional.push(bind(id));
    } else {
      const key = pieces.length === 3 ? stxDatum(pieces[2]) : keyword(id.datum);
      if (!(key instanceof Keyword)) throw invalid();
      pending.push({ name: id, key, init });
    }
  }
  if (spread.tail !== NIL) {
    restId = formals;
    while (isStxPair(restId)) restId = stxCdr(restId);
  }
  if (restId !== undefined) {
    if (!isIdentifier(restId)) throw invalid();
    all.push(restId);
    rest = bind(restId);
  }
  for (const { name, key, init } of pending) {
    keywordDefaults.push(expander.expand(inScope(init)));
    keywords.push({ key, variable: bind(name) });
  }
  if (duplicateOf(all) !== undefined)
    throw syntaxError({ message: 'duplicate identifier in argument list', form, subform: formals });
  return {
    required,
    optional,
    rest,
    keywords: hasKeywords ? keywords : undefined,
    allowOtherKeys,
    defaults: [...optionalDefaults, ...keywordDefaults],
    body: expander.expandBody(body.map(inScope), form),
  };
}

/** A docstring: a string that other body forms follow. */
function splitDocumentation(body: readonly Value[]): {
  documentation: string | undefined;
  forms: readonly Value[];
} {
  const first = body[0];
  const text = stxDatum(first);
  if (body.length > 1 && text instanceof MString) return { documentation: text.text, forms: body.slice(1) };
  // A vector literal of properties may stand there too.
  if (body.length > 1 && Array.isArray(text)) return { documentation: undefined, forms: body.slice(1) };
  return { documentation: undefined, forms: body };
}

function lambdaForm(makeClause: typeof plainClause): CoreForm {
  return {
    expand: (expander, form) => {
      const items = parts(form, 3);
      const { documentation, forms } = splitDocumentation(items.slice(2));
      const clause = makeClause(expander, { formals: items[1], body: forms, form });
      return { kind: 'lambda', clauses: [clause], name: undefined, place: placeOf(form), documentation };
    },
  };
}

function caseLambdaForm(makeClause: typeof plainClause): CoreForm {
  return {
    expand: (expander, form) => {
      let clauses = parts(form, 1).slice(1);
      const { documentation, forms } = splitDocumentation(clauses);
      clauses = [...forms];
      return {
        kind: 'lambda',
        clauses: clauses.map((clause) => {
          const items = parts(clause, 2);
          return makeClause(expander, { formals: items[0], body: items.slice(1), form });
        }),
        name: undefined,
        place: placeOf(form),
        documentation,
      };
    },
  };
}

// Let and its family.

function bindings(form: Value, clauses: Value): { ids: Syntax[]; inits: Value[] } {
  const { items, tail } = stxList(clauses);
  if (tail !== NIL) throw bad(form);
  const ids: Syntax[] = [];
  const inits: Value[] = [];
  for (const clause of items) {
    const { items: pair, tail: end } = stxList(clause);
    if (end !== NIL || pair.length !== 2 || !isIdentifier(pair[0])) throw bad(form);
    ids.push(pair[0]);
    inits.push(pair[1]);
  }
  return { ids, inits };
}

function letForm(expander: Expander, form: Value): IR {
  const items = parts(form, 3);
  if (isIdentifier(items[1])) return namedLet(expander, form, items);
  const { ids, inits } = bindings(form, items[1]);
  checkDistinct(ids, form);
  const values = inits.map((init, index) => named(expander.expand(init), ids[index]!.datum.name));
  const rib = new Rib();
  const variables = ids.map((id) => expander.bindLocal(rib, id));
  const body = expander.expandBody(items.slice(2).map(within(rib)), form);
  return { kind: 'let', variables, inits: values, body };
}

function namedLet(expander: Expander, form: Value, items: readonly Value[]): IR {
  if (items.length < 4) throw bad(form);
  const { ids, inits } = bindings(form, items[2]);
  checkDistinct(ids, form);
  const args = inits.map((init) => expander.expand(init));
  const loopRib = new Rib();
  const loop = expander.bindLocal(loopRib, items[1]);
  const rib = new Rib();
  const required = ids.map((id) => expander.bindLocal(rib, id));
  const scope = (value: Value) => within(rib)(within(loopRib)(value));
  const clause: Clause = {
    required,
    optional: [],
    rest: undefined,
    keywords: undefined,
    allowOtherKeys: false,
    defaults: [],
    body: expander.expandBody(items.slice(3).map(scope), form),
  };
  const lambda: IR = {
    kind: 'lambda',
    clauses: [clause],
    name: loop.name,
    place: placeOf(form),
    documentation: undefined,
  };
  return {
    kind: 'letrec',
    variables: [loop],
    inits: [lambda],
    body: { kind: 'call', procedure: { kind: 'local', variable: loop }, args, place: placeOf(form) },
  };
}

function letStarForm(expander: Expander, form: Value): IR {
  const items = parts(form, 3);
  const { ids, inits } = bindings(form, items[1]);
  if (ids.length === 0) return expander.expandBody(items.slice(2), form);
  const ribs: Rib[] = [];
  const scope = (value: Value) => ribs.reduce((inner, rib) => within(rib)(inner), value);
  const variables: LocalVariable[] = [];
  const values: IR[] = [];
  ids.forEach((id, index) => {
    values.push(named(expander.expand(scope(inits[index])), id.datum.name));
    const rib = new Rib();
    variables.push(expander.bindLocal(rib, scope(id)));
    ribs.push(rib);
  });
  let body = expander.expandBody(items.slice(2).map(scope), form);
  for (let i = ids.length - 1; i >= 0; i--) {
    body = { kind: 'let', variables: [variables[i]!], inits: [values[i]!], body };
  }
  return body;
}

function letrecForm(expander: Expander, form: Value): IR {
  const items = parts(form, 3);
  const { ids, inits } = bindings(form, items[1]);
  checkDistinct(ids, form);
  const rib = new Rib();
  const variables = ids.map((id) => expander.bindLocal(rib, id));
  const values = inits.map((init, index) =>
    named(expander.expand(within(rib)(init)), ids[index]!.datum.name),
  );
  const body = expander.expandBody(items.slice(2).map(within(rib)), form);
  if (ids.length === 0) return body;
  return { kind: 'letrec', variables, inits: values, body };
}

// Conditionals.

const falseIR = constant(false);
const unspecifiedIR = constant(UNSPECIFIED);

/** Binds a value to a fresh variable for `use`. */
function letTemporary(name: string, init: IR, use: (variable: IR) => IR): IR {
  const variable = new LocalVariable(name);
  return { kind: 'let', variables: [variable], inits: [init], body: use({ kind: 'local', variable }) };
}

function orIR(items: readonly IR[]): IR {
  if (items.length === 0) return falseIR;
  if (items.length === 1) return items[0]!;
  return letTemporary('t', items[0]!, (t) => ({ kind: 'if', test: t, yes: t, no: orIR(items.slice(1)) }));
}

function condForm(expander: Expander, form: Value): IR {
  const clauses = parts(form, 2).slice(1);
  let result: IR = unspecifiedIR;
  const steps = clauses.map((clause, index) => {
    const items = parts(clause, 1);
    if (isCore(expander, items[0], 'else') && index === clauses.length - 1) {
      if (items.length < 2) throw bad(form);
      const body = expander.expandSequence(items.slice(1));
      return () => body;
    }
    if (items.length === 1) {
      const test = expander.expand(items[0]);
      return (rest: IR) => letTemporary('t', test, (t) => ({ kind: 'if', test: t, yes: t, no: rest }));
    }
    if (items.length === 3 && isCore(expander, items[1], '=>')) {
      const test = expander.expand(items[0]);
      const receiver = expander.expand(items[2]);
      return (rest: IR) =>
        letTemporary('t', test, (t) => ({
          kind: 'if',
          test: t,
          yes: { kind: 'call', procedure: receiver, args: [t], place: placeOf(clause) },
          no: rest,
        }));
    }
    if (items.length === 4 && isCore(expander, items[2], '=>')) {
      // SRFI 61: (generator guard => receiver).
      return srfi61Clause(expander, items, clause);
    }
    const test = expander.expand(items[0]);
    const yes = expander.expandSequence(items.slice(1));
    return (rest: IR): IR => ({ kind: 'if', test, yes, no: rest });
  });
  for (const step of steps.reverse()) result = step(result);
  return result;
}

function srfi61Clause(expander: Expander, items: readonly Value[], clause: Value): (rest: IR) => IR {
  const generator = expander.expand(items[0]);
  const guard = expander.expand(items[1]);
  const receiver = expander.expand(items[3]);
  const apply = (procedure: IR, values: IR): IR => ({
    kind: 'call',
    procedure: globalOf(expander, 'apply'),
    args: [procedure, values],
    place: placeOf(clause),
  });
  return (rest) => {
    const values = new LocalVariable('values');
    const consumer: Clause = {
      required: [],
      optional: [],
      rest: values,
      keywords: undefined,
      allowOtherKeys: false,
      defaults: [],
      body: {
        kind: 'if',
        test: apply(guard, { kind: 'local', variable: values }),
        yes: apply(receiver, { kind: 'local', variable: values }),
        no: rest,
      },
    };
    return {
      kind: 'call',
      procedure: globalOf(expander, 'call-with-values'),
      args: [
        thunkOf(generator),
        { kind: 'lambda', clauses: [consumer], name: undefined, place: undefined, documentation: undefined },
      ],
      place: placeOf(clause),
    };
  };
}

/** (lambda () body). */
export function thunkOf(body: IR, name?: string): IR {
  const clause: Clause = {
    required: [],
    optional: [],
    rest: undefined,
    keywords: undefined,
    allowOtherKeys: false,
    defaults: [],
    body,
  };
  return { kind: 'lambda', clauses: [clause], name, place: undefined, documentation: undefined };
}

/** A reference to a core procedure. */
function globalOf(expander: Expander, name: string): IR {
  return {
    kind: 'global',
    name: expander.coreId(name).datum,
    module: expander.core,
    isPublic: false,
    place: undefined,
  };
}

const callIR = (procedure: IR, ...args: IR[]): IR => ({ kind: 'call', procedure, args, place: undefined });

function caseForm(expander: Expander, form: Value): IR {
  const items = parts(form, 2);
  const clauses = items.slice(2);
  const key = expander.expand(items[1]);
  return letTemporary('key', key, (t) => {
    let result: IR = unspecifiedIR;
    const steps = clauses.map((clause, index) => {
      const pieces = parts(clause, 2);
      const isElse = isCore(expander, pieces[0], 'else') && index === clauses.length - 1;
      const arrow = pieces.length === 3 && isCore(expander, pieces[1], '=>');
      const body = arrow ? callIR(expander.expand(pieces[2]), t) : expander.expandSequence(pieces.slice(1));
      if (isElse) return () => body;
      const { items: data, tail } = stxList(pieces[0]);
      if (tail !== NIL) throw bad(form);
      const plain = data.map(stripSyntax);
      const test = callIR(
        globalOf(expander, plain.length === 1 ? 'eqv?' : 'memv'),
        t,
        constant(plain.length === 1 ? plain[0] : arrayToList(plain)),
      );
      return (rest: IR): IR => ({ kind: 'if', test, yes: body, no: rest });
    });
    for (const step of steps.reverse()) result = step(result);
    return result;
  });
}

function doForm(expander: Expander, form: Value): IR {
  const items = parts(form, 3);
  const specs = stxList(items[1]).items.map((spec) => {
    const pieces = parts(spec, 2, 3);
    if (!isIdentifier(pieces[0])) throw bad(form);
    return { id: pieces[0], init: expander.expand(pieces[1]), step: pieces[2] as Value };
  });
  const rib = new Rib();
  const required = specs.map(({ id }) => expander.bindLocal(rib, id));
  const scope = within(rib);
  const exit = parts(items[2], 1).map(scope);
  const test = expander.expand(exit[0]);
  const result = exit.length === 1 ? unspecifiedIR : expander.expandSequence(exit.slice(1));
  const loop = new LocalVariable('do-loop');
  const again: IR = {
    kind: 'call',
    procedure: { kind: 'local', variable: loop },
    args: specs.map(({ step }, index) =>
      step === undefined ? { kind: 'local', variable: required[index]! } : expander.expand(scope(step)),
    ),
    place: undefined,
  };
  const commands = items.slice(3).map((command) => expander.expand(scope(command)));
  const lambda: IR = {
    kind: 'lambda',
    clauses: [
      {
        required,
        optional: [],
        rest: undefined,
        keywords: undefined,
        allowOtherKeys: false,
        defaults: [],
        body: {
          kind: 'if',
          test,
          yes: result,
          no: commands.length === 0 ? again : { kind: 'sequence', items: [...commands, again] },
        },
      },
    ],
    name: 'do-loop',
    place: placeOf(form),
    documentation: undefined,
  };
  return {
    kind: 'letrec',
    variables: [loop],
    inits: [lambda],
    body: {
      kind: 'call',
      procedure: { kind: 'local', variable: loop },
      args: specs.map(({ init }) => init),
      place: undefined,
    },
  };
}

// Assignment.

function setForm(expander: Expander, form: Value): IR {
  const items = parts(form, 3, 3);
  const target = items[1];
  if (isStxPair(target)) {
    // (set! (getter arg …) value), as SRFI 17.
    const { items: call, tail } = stxList(target);
    if (tail !== NIL) throw bad(form);
    if (isCore(expander, call[0], '@') || isCore(expander, call[0], '@@')) {
      const variable = expander.expand(target);
      if (variable.kind === 'native') return variable;
      if (variable.kind !== 'global') throw bad(form);
      const { name, module } = variable;
      return { kind: 'set-global', name, module, value: expander.expand(items[2]) };
    }
    const setter = callIR(globalOf(expander, 'setter'), expander.expand(call[0]));
    return callIR(setter, ...call.slice(1).map((arg) => expander.expand(arg)), expander.expand(items[2]));
  }
  if (!isIdentifier(target)) throw bad(form);
  const binding: Binding = expander.resolve(target);
  switch (binding.type) {
    case 'local':
      binding.variable.assigned = true;
      return {
        kind: 'set-local',
        variable: binding.variable,
        value: named(expander.expand(items[2]), binding.variable.name),
      };
    case 'global':
      return {
        kind: 'set-global',
        name: binding.name,
        module: binding.module,
        value: expander.expand(items[2]),
      };
    default:
      throw bad(form);
  }
}

// Quotation.

function quasi(expander: Expander, template: Value, depth: number): IR | undefined {
  // undefined: the template is constant.
  if (isStxPair(template)) {
    const head = stxCar(template);
    if (isCore(expander, head, 'unquote')) {
      const args = stxList(stxCdr(template)).items;
      if (depth === 0) {
        if (args.length !== 1)
          throw syntaxError({ message: 'source expression failed to match any pattern', form: template });
        return expander.expand(args[0]);
      }
      return nested(expander, template, depth - 1);
    }
    if (isCore(expander, head, 'quasiquote')) return nested(expander, template, depth + 1);
    if (isStxPair(head)) {
      const inner = stxCar(head);
      const isUnquote = isCore(expander, inner, 'unquote');
      if (isUnquote || isCore(expander, inner, 'unquote-splicing')) {
        if (depth === 0) {
          const args = stxList(stxCdr(head)).items.map((arg) => expander.expand(arg));
          const rest = quasi(expander, stxCdr(template), depth) ?? constant(stripSyntax(stxCdr(template)));
          if (isUnquote) {
            if (args.length === 1) return callIR(globalOf(expander, 'cons'), args[0]!, rest);
            return callIR(globalOf(expander, 'cons*'), ...args, rest);
          }
          if (rest.kind === 'constant' && rest.value === NIL && args.length === 1) return args[0]!;
          return callIR(globalOf(expander, 'append'), ...args, rest);
        }
        if (!isUnquote) {
          const head_ = nested(expander, head, depth - 1);
          const rest = quasi(expander, stxCdr(template), depth);
          return joinQuasi(expander, { template, head: head_, rest });
        }
      }
    }
    return joinQuasi(expander, {
      template,
      head: quasi(expander, head, depth),
      rest: quasi(expander, stxCdr(template), depth),
    });
  }
  const datum = stxDatum(template);
  if (Array.isArray(datum)) {
    const asList = arrayToList(
      datum.map((item) =>
        template instanceof Syntax ? wrapValue(item, template.wrap, template.module) : item,
      ),
    );
    const inner = quasi(expander, asList, depth);
    return inner === undefined ? undefined : callIR(globalOf(expander, 'list->vector'), inner);
  }
  return undefined;
}

function nested(expander: Expander, template: Value, depth: number): IR | undefined {
  return joinQuasi(expander, {
    template,
    head: undefined,
    rest: quasi(expander, stxCdr(template), depth),
  });
}

function joinQuasi(
  expander: Expander,
  options: { template: Value; head: IR | undefined; rest: IR | undefined },
): IR | undefined {
  const { template, head, rest } = options;
  if (head === undefined && rest === undefined) return undefined;
  return callIR(
    globalOf(expander, 'cons'),
    head ?? constant(stripSyntax(stxCar(template))),
    rest ?? constant(stripSyntax(stxCdr(template))),
  );
}

// Promises.

function delayForm(expander: Expander, form: Value): IR {
  const [, body] = parts(form, 2, 2);
  return { kind: 'native', fn: promiseOf, args: [thunkOf(expander.expand(body))] };
}

const expression = (expand: CoreForm['expand']): CoreForm => ({ expand });

function definitionOutOfPlace(special: NonNullable<CoreForm['special']>): CoreForm {
  return {
    special,
    expand: (_, form) => {
      throw syntaxError({
        message: 'definition in expression context, where definitions are not allowed,',
        form,
      });
    },
  };
}

function spliceForm(special: 'let-syntax' | 'letrec-syntax'): CoreForm {
  return {
    special,
    expand: (expander, form) =>
      expander.expandBody(expander.localSyntax(form, special === 'letrec-syntax'), form),
  };
}

/** The core forms by name; syntax-case.ts has those about syntax. */
export const coreForms: Readonly<Record<string, CoreForm>> = {
  quote: expression((_, form) => {
    const quoted = parts(form, 2, 2)[1];
    return constant(placeOf(quoted) === undefined ? stripSyntax(quoted) : stripKeepingPlaces(quoted));
  }),
  if: expression((expander, form) => {
    const items = parts(form, 3, 4);
    return {
      kind: 'if',
      test: expander.expand(items[1]),
      yes: expander.expand(items[2]),
      no: items.length === 4 ? expander.expand(items[3]) : unspecifiedIR,
    };
  }),
  lambda: lambdaForm(plainClause),
  'lambda*': lambdaForm(starClause),
  'case-lambda': caseLambdaForm(plainClause),
  'case-lambda*': caseLambdaForm(starClause),
  let: expression(letForm),
  'let*': expression(letStarForm),
  letrec: expression(letrecForm),
  'letrec*': expression(letrecForm),
  and: expression((expander, form) => {
    const items = parts(form, 1)
      .slice(1)
      .map((item) => expander.expand(item));
    if (items.length === 0) return constant(true);
    return items.reduceRight((rest, item) => ({ kind: 'if', test: item, yes: rest, no: falseIR }));
  }),
  or: expression((expander, form) =>
    orIR(
      parts(form, 1)
        .slice(1)
        .map((item) => expander.expand(item)),
    ),
  ),
  cond: expression(condForm),
  case: expression(caseForm),
  when: expression((expander, form) => {
    const items = parts(form, 3);
    return {
      kind: 'if',
      test: expander.expand(items[1]),
      yes: expander.expandSequence(items.slice(2)),
      no: unspecifiedIR,
    };
  }),
  unless: expression((expander, form) => {
    const items = parts(form, 3);
    return {
      kind: 'if',
      test: expander.expand(items[1]),
      yes: unspecifiedIR,
      no: expander.expandSequence(items.slice(2)),
    };
  }),
  do: expression(doForm),
  'set!': expression(setForm),
  quasiquote: expression((expander, form) => {
    const [, template] = parts(form, 2, 2);
    return quasi(expander, template, 0) ?? constant(stripSyntax(template));
  }),
  delay: expression(delayForm),
  'make-promise-lazy': expression(delayForm),
  begin: {
    special: 'begin',
    expand: (expander, form) => {
      const items = parts(form, 1).slice(1);
      if (items.length === 0) throw syntaxError({ message: 'sequence of zero expressions', form });
      return expander.expandSequence(items);
    },
  },
  'eval-when': {
    special: 'eval-when',
    expand: (expander, form) =>
      expander.evalWhenApplies(form) ? expander.expandSequence(expander.formsOf(form, 2)) : unspecifiedIR,
  },
  define: definitionOutOfPlace('define'),
  'define-syntax': definitionOutOfPlace('define-syntax'),
  'define-syntax-parameter': definitionOutOfPlace('define-syntax-parameter'),
  'let-syntax': spliceForm('let-syntax'),
  'letrec-syntax': spliceForm('letrec-syntax'),
  'syntax-parameterize': expression((expander, form) => {
    const items = parts(form, 3);
    const changes = stxList(items[1]).items.map((clause) => {
      const [id, rhs] = parts(clause, 2, 2);
      if (!isIdentifier(id)) throw bad(form);
      const binding = expander.resolve(id);
      if (binding.type !== 'macro' || binding.macro.kind !== 'parameter') {
        throw syntaxError({ message: 'invalid syntax parameter', form, subform: id });
      }
      return { parameter: binding.macro, macro: expander.makeMacro(rhs, id.datum.name) };
    });
    const saved = changes.map(({ parameter }) => parameter.current);
    for (const { parameter, macro } of changes) parameter.current = macro;
    try {
      // The body is expanded whole here, so the meaning can be changed for just that time.
      return expander.expandBody(items.slice(2), form);
    } finally {
      changes.forEach(({ parameter }, index) => {
        parameter.current = saved[index];
      });
    }
  }),
};
