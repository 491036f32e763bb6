// syntax-case, syntax-rules, templates and quasisyntax. Patterns are compiled to matchers, templates to builders,
// both plain TypeScript; the shapes follow R6RS chapter 12 and R7RS section 4.3.2.

import { thunkOf } from './core-forms.ts';
import { isEqual } from './equality.ts';
import {
  type Binding,
  boundEqual,
  type CoreForm,
  type Expander,
  Macro,
  type PatternVariable,
  syntaxError,
} from './expand.ts';
import { constant, type IR, LocalVariable } from './ir.ts';
import { Primitive } from './procedures.ts';
import {
  EMPTY_WRAP,
  isIdentifier,
  isStxPair,
  Mark,
  placeOf,
  Rib,
  Syntax,
  stripSyntax,
  stxCar,
  stxCdr,
  stxDatum,
  stxList,
  TOP_WRAP,
  wrapValue,
} from './syntax.ts';
import { arrayToList, intern, MString, NIL, Pair, Sym, type Value } from './values.ts';
import { writeText } from './write.ts';

const bad = (form: Value, subform?: Value) =>
  syntaxError({ message: 'source expression failed to match any pattern', form, subform });

// Patterns.

/** Adds the values of pattern variables to `out` in order; false when the form does not fit. */
type Matcher = (form: Value, out: Value[]) => boolean;

interface PatternInfo {
  readonly match: Matcher;
  readonly variables: readonly { readonly id: Syntax; readonly depth: number }[];
}

interface PatternContext {
  readonly expander: Expander;
  readonly literals: readonly Syntax[];
  readonly ellipsis: Syntax | undefined;
  readonly variables: { id: Syntax; depth: number }[];
  readonly form: Value;
}

function isEllipsis(context: { expander: Expander; ellipsis: Syntax | undefined }, value: Value): boolean {
  if (!isIdentifier(value)) return false;
  if (context.ellipsis !== undefined) return boundEqual(value, context.ellipsis);
  return value.datum.name === '...' && context.expander.freeEqual(value, context.expander.coreId('...'));
}

function compilePattern(context: PatternContext, pattern: Value, depth: number): Matcher {
  const { expander } = context;
  if (isIdentifier(pattern)) {
    if (context.literals.some((literal) => boundEqual(literal, pattern))) {
      return (form) => isIdentifier(form) && expander.freeEqual(form, pattern);
    }
    if (pattern.datum.name === '_' && expander.freeEqual(pattern, expander.coreId('_'))) return () => true;
    if (isEllipsis(context, pattern)) throw syntaxError({ message: 'misplaced ellipsis', form: pattern });
    if (context.variables.some((other) => boundEqual(other.id, pattern))) {
      throw syntaxError({ message: 'duplicate pattern variable', form: pattern });
    }
    context.variables.push({ id: pattern, depth });
    return (form, out) => {
      out.push(form);
      return true;
    };
  }
  if (isStxPair(pattern)) {
    const rest = stxCdr(pattern);
    if (isStxPair(rest) && isEllipsis(context, stxCar(rest))) {
      return ellipsisMatcher(context, { pattern, after: stxCdr(rest), depth });
    }
    const head = compilePattern(context, stxCar(pattern), depth);
    const tail = compilePattern(context, rest, depth);
    return (form, out) => isStxPair(form) && head(stxCar(form), out) && tail(stxCdr(form), out);
  }
  const datum = stxDatum(pattern);
  if (datum === NIL) return (form) => stxDatum(form) === NIL;
  if (Array.isArray(datum)) {
    const asList = compilePattern(context, vectorAsList(pattern), depth);
    return (form, out) => Array.isArray(stxDatum(form)) && asList(vectorAsList(form), out);
  }
  return (form) => isEqual(stxDatum(form), datum);
}

function vectorAsList(value: Value): Value {
  const items = stxDatum(value) as Value[];
  return arrayToList(
    value instanceof Syntax ? items.map((item) => wrapValue(item, value.wrap, value.module)) : items,
  );
}

function ellipsisMatcher(
  context: PatternContext,
  options: { pattern: Value; after: Value; depth: number },
): Matcher {
  const { pattern, after, depth } = options;
  const before = context.variables.length;
  const element = compilePattern(context, stxCar(pattern), depth + 1);
  const count = context.variables.length - before;
  // What follows the ellipsis: a fixed number of patterns, then a tail.
  const following: Matcher[] = [];
  let rest = after;
  while (isStxPair(rest)) {
    following.push(compilePattern(context, stxCar(rest), depth));
    rest = stxCdr(rest);
  }
  const tail = compilePattern(context, rest, depth);
  return (form, out) => {
    const items: Value[] = [];
    let at = form;
    while (isStxPair(at)) {
      items.push(stxCar(at));
      at = stxCdr(at);
    }
    const repeated = items.length - following.length;
    if (repeated < 0) return false;
    const columns: Value[][] = Array.from({ length: count }, () => []);
    for (let i = 0; i < repeated; i++) {
      const row: Value[] = [];
      if (!element(items[i], row)) return false;
      for (let c = 0; c < count; c++) columns[c]!.push(row[c]);
    }
    for (const column of columns) out.push(column);
    for (let i = 0; i < following.length; i++) {
      if (!following[i]!(items[repeated + i], out)) return false;
    }
    return tail(at, out);
  };
}

function patternOf(options: {
  expander: Expander;
  pattern: Value;
  literals: readonly Syntax[];
  ellipsis: Syntax | undefined;
  form: Value;
}): PatternInfo {
  const variables: { id: Syntax; depth: number }[] = [];
  const context: PatternContext = { ...options, variables };
  const match = compilePattern(context, options.pattern, 0);
  return { match, variables };
}

// Templates.

const constantly =
  (value: Value): Builder =>
  () =>
    value;

/** A template without variables: lists and vectors are plain, only their leaves are syntax objects. */
function exposed(template: Value): Value {
  if (isStxPair(template)) {
    const items: Value[] = [];
    let rest = template;
    while (isStxPair(rest)) {
      items.push(exposed(stxCar(rest)));
      rest = stxCdr(rest);
    }
    return arrayToList(items, exposed(rest));
  }
  const datum = stxDatum(template);
  if (datum === NIL) return NIL;
  if (Array.isArray(datum)) return stxList(vectorAsList(template)).items.map(exposed);
  return template;
}

/** Builds syntax from the values of the variables it refers to. */
type Builder = (values: readonly Value[]) => Value;

interface TemplateContext {
  readonly expander: Expander;
  readonly ellipsis: Syntax | undefined;
  /** What an identifier stands for: an index into the values, with its depth. */
  readonly lookup: (id: Syntax) => { readonly index: number; readonly depth: number } | undefined;
  /** For quasisyntax: expressions whose values are inserted. */
  readonly unsyntax: ((expression: Value) => number) | undefined;
  readonly form: Value;
  level: number;
}

/** What a template refers to, so that an ellipsis knows what to repeat. */
interface Template {
  /** undefined: nothing to insert, the template stands for itself. */
  readonly build: Builder | undefined;
  readonly uses: ReadonlyMap<number, number>;
}

const noUses: ReadonlyMap<number, number> = new Map();

function mergeUses(
  a: ReadonlyMap<number, number>,
  b: ReadonlyMap<number, number>,
): ReadonlyMap<number, number> {
  if (a.size === 0) return b;
  if (b.size === 0) return a;
  const merged = new Map(a);
  for (const [index, depth] of b) merged.set(index, Math.max(depth, merged.get(index) ?? 0));
  return merged;
}

function compileTemplate(context: TemplateContext, template: Value, escaped: boolean): Template {
  if (isIdentifier(template)) {
    const found = context.lookup(template);
    if (found !== undefined) {
      const { index, depth } = found;
      return { build: (values) => values[index], uses: new Map([[index, depth]]) };
    }
    if (!escaped && isEllipsis(context, template))
      throw syntaxError({ message: 'misplaced ellipsis', form: context.form });
    return { build: undefined, uses: noUses };
  }
  if (isStxPair(template)) return pairTemplate(context, template, escaped);
  if (Array.isArray(stxDatum(template))) {
    const inner = compileTemplate(context, vectorAsList(template), escaped);
    if (inner.build === undefined) return { build: undefined, uses: noUses };
    const { build } = inner;
    return { build: (values) => stxList(build(values)).items, uses: inner.uses };
  }
  return { build: undefined, uses: noUses };
}

function isCoreId(context: TemplateContext, value: Value, name: string): boolean {
  return (
    isIdentifier(value) &&
    value.datum.name === name &&
    context.expander.freeEqual(value, context.expander.coreId(name))
  );
}

function pairTemplate(context: TemplateContext, template: Value, escaped: boolean): Template {
  const head = stxCar(template);
  if (!escaped && isEllipsis(context, head)) {
    const rest = stxCdr(template);
    if (isStxPair(rest) && stxDatum(stxCdr(rest)) === NIL) {
      const inner = compileTemplate(context, stxCar(rest), true);
      // Even what stands for itself loses the escape around it.
      return { build: inner.build ?? constantly(exposed(stxCar(rest))), uses: inner.uses };
    }
    throw syntaxError({ message: 'misplaced ellipsis', form: context.form });
  }
  if (context.unsyntax !== undefined) {
    const inserted = unsyntaxTemplate(context, template, escaped);
    if (inserted !== undefined) return inserted;
  }
  let rest = stxCdr(template);
  let dots = 0;
  if (!escaped) {
    while (isStxPair(rest) && isEllipsis(context, stxCar(rest))) {
      dots++;
      rest = stxCdr(rest);
    }
  }
  const first = compileTemplate(context, head, escaped);
  const tail = compileTemplate(context, rest, escaped);
  if (dots === 0) {
    if (first.build === undefined && tail.build === undefined) return { build: undefined, uses: noUses };
    const buildHead = first.build ?? constantly(exposed(head));
    const buildTail = tail.build ?? constantly(exposed(rest));
    return {
      build: (values) => new Pair(buildHead(values), buildTail(values)),
      uses: mergeUses(first.uses, tail.uses),
    };
  }
  return repeatedTemplate(context, { first, tail, rest, dots });
}

function repeatedTemplate(
  context: TemplateContext,
  options: { first: Template; tail: Template; rest: Value; dots: number },
): Template {
  const { first, tail, rest, dots } = options;
  const repeated = [...first.uses].filter(([, depth]) => depth > 0);
  if (first.build === undefined || repeated.length === 0 || Math.max(...repeated.map(([, d]) => d)) < dots) {
    throw syntaxError({ message: 'extra ellipsis', form: context.form });
  }
  const { build } = first;
  const expandLevel = (
    values: readonly Value[],
    uses: readonly (readonly [number, number])[],
    level: number,
  ): Value[] => {
    if (level === 0) return [build(values)];
    const active = uses.filter(([, depth]) => depth >= level);
    const lengths = active.map(([index]) => (values[index] as Value[]).length);
    const length = Math.max(0, ...lengths);
    if (lengths.some((other) => other !== length)) {
      throw syntaxError({ message: 'ellipsis variables of different lengths', form: context.form });
    }
    const result: Value[] = [];
    const next = active.map(([index, depth]) => [index, depth - 1] as const);
    const others = uses.filter(([, depth]) => depth < level);
    for (let i = 0; i < length; i++) {
      const row = values.slice();
      for (const [index] of active) row[index] = values[index][i];
      for (const item of expandLevel(row, [...next, ...others], level - 1)) result.push(item);
    }
    return result;
  };
  const buildTail = tail.build ?? constantly(exposed(rest));
  const inner = new Map(repeated.map(([index, depth]) => [index, Math.max(0, depth - dots)]));
  const plain = new Map([...first.uses].filter(([, depth]) => depth === 0));
  return {
    build: (values) => arrayToList(expandLevel(values, repeated, dots), buildTail(values)),
    uses: mergeUses(mergeUses(inner, plain), tail.uses),
  };
}

function unsyntaxTemplate(context: TemplateContext, template: Value, escaped: boolean): Template | undefined {
  const head = stxCar(template);
  if (isCoreId(context, head, 'unsyntax')) {
    const args = stxList(stxCdr(template)).items;
    if (context.level === 0 && args.length === 1) {
      const index = context.unsyntax!(args[0]);
      return { build: (values) => values[index], uses: noUses };
    }
    return nestedTemplate(context, template, { escaped, by: -1 });
  }
  if (isCoreId(context, head, 'quasisyntax')) return nestedTemplate(context, template, { escaped, by: 1 });
  if (!isStxPair(head)) return undefined;
  const inner = stxCar(head);
  const splicing = isCoreId(context, inner, 'unsyntax-splicing');
  const several = isCoreId(context, inner, 'unsyntax');
  const args = stxList(stxCdr(head)).items;
  if (context.level > 0 || (!splicing && !(several && args.length !== 1))) return undefined;
  const indexes = args.map((arg) => context.unsyntax!(arg));
  const rest = stxCdr(template);
  const tail = compileTemplate(context, rest, escaped);
  const buildTail = tail.build ?? constantly(exposed(rest));
  return {
    build: (values) => {
      const items = splicing
        ? indexes.flatMap((index) => stxList(values[index]).items)
        : indexes.map((index) => values[index]);
      return arrayToList(items, buildTail(values));
    },
    uses: tail.uses,
  };
}

function nestedTemplate(
  context: TemplateContext,
  template: Value,
  options: { escaped: boolean; by: number },
): Template {
  context.level += options.by;
  const rest = stxCdr(template);
  const tail = compileTemplate(context, rest, options.escaped);
  context.level -= options.by;
  if (tail.build === undefined) return { build: undefined, uses: noUses };
  const { build } = tail;
  const head = stxCar(template);
  return { build: (values) => new Pair(head, build(values)), uses: tail.uses };
}

/** The ellipsis in force where a template stands: `...` or what with-ellipsis bound. */
function ellipsisAt(expander: Expander, form: Value): Syntax | undefined {
  const id = form instanceof Syntax ? new Syntax(ELLIPSIS_KEY, form.wrap, form.module) : undefined;
  if (id === undefined) return undefined;
  const binding = expander.resolve(id);
  return binding.type === 'ellipsis' ? binding.id : undefined;
}

const ELLIPSIS_KEY = new Sym('ellipsis in force', false);

function syntaxForm(expander: Expander, form: Value, quasi: boolean): IR {
  const { items, tail } = stxList(form);
  if (tail !== NIL || items.length !== 2) throw bad(form);
  const args: IR[] = [];
  const indexes = new Map<LocalVariable, number>();
  const context: TemplateContext = {
    expander,
    ellipsis: ellipsisAt(expander, stxCar(form)),
    lookup: (id) => {
      const binding = expander.resolve(id);
      if (binding.type !== 'pattern') return undefined;
      const { variable, depth } = binding.pattern;
      let index = indexes.get(variable);
      if (index === undefined) {
        index = args.push({ kind: 'local', variable }) - 1;
        indexes.set(variable, index);
      }
      return { index, depth };
    },
    unsyntax: quasi ? (expression) => args.push(expander.expand(expression)) - 1 : undefined,
    form,
    level: 0,
  };
  const template = compileTemplate(context, items[1], false);
  if (template.build === undefined) return constant(exposed(items[1]));
  for (const [, depth] of template.uses) {
    if (depth > 0) throw syntaxError({ message: 'missing ellipsis', form });
  }
  const { build } = template;
  return { kind: 'native', fn: (...values) => build(values), args };
}

// syntax-case.

function syntaxCaseForm(expander: Expander, form: Value): IR {
  const { items, tail } = stxList(form);
  if (tail !== NIL || items.length < 3) throw bad(form);
  const literals = stxList(items[2]).items;
  for (const literal of literals) {
    if (!isIdentifier(literal) || isEllipsis({ expander, ellipsis: undefined }, literal)) {
      throw syntaxError({ message: 'invalid literals list', form });
    }
  }
  const ellipsis = ellipsisAt(expander, stxCar(form));
  const subject = new LocalVariable('subject');
  const subjectIR: IR = { kind: 'local', variable: subject };
  let result: IR = {
    kind: 'native',
    fn: (value) => {
      throw syntaxError({ message: 'source expression failed to match any pattern', form: value });
    },
    args: [subjectIR],
  };
  for (const clause of items.slice(3).reverse()) {
    result = syntaxCaseClause(expander, {
      clause,
      literals: literals as Syntax[],
      ellipsis,
      subject: subjectIR,
      rest: result,
      form,
    });
  }
  return { kind: 'let', variables: [subject], inits: [expander.expand(items[1])], body: result };
}

function syntaxCaseClause(
  expander: Expander,
  options: {
    clause: Value;
    literals: readonly Syntax[];
    ellipsis: Syntax | undefined;
    subject: IR;
    rest: IR;
    form: Value;
  },
): IR {
  const { clause, subject, rest } = options;
  const { items: pieces, tail } = stxList(clause);
  if (tail !== NIL || pieces.length < 2 || pieces.length > 3)
    throw syntaxError({ message: 'invalid clause', form: options.form, subform: clause });
  const info = patternOf({
    expander,
    pattern: pieces[0],
    literals: options.literals,
    ellipsis: options.ellipsis,
    form: options.form,
  });
  const { match } = info;
  const matched = new LocalVariable('matched');
  const matchedIR: IR = { kind: 'local', variable: matched };
  const { variables, scope } = bindPattern(info);
  const inits = variables.map(
    (_, index): IR => ({ kind: 'native', fn: (values) => values[index], args: [matchedIR] }),
  );
  const matchIR: IR = {
    kind: 'native',
    fn: (value) => {
      const out: Value[] = [];
      return match(value, out) ? out : false;
    },
    args: [subject],
  };
  const inClause = (body: IR): IR =>
    variables.length === 0 ? body : { kind: 'let', variables, inits, body };
  if (pieces.length === 2) {
    return {
      kind: 'let',
      variables: [matched],
      inits: [matchIR],
      body: { kind: 'if', test: matchedIR, yes: inClause(expander.expand(scope(pieces[1]))), no: rest },
    };
  }
  // A fender that fails goes on as a pattern that does not match does: the rest is needed twice.
  const next = new LocalVariable('next');
  const goOn: IR = { kind: 'call', procedure: { kind: 'local', variable: next }, args: [], place: undefined };
  return {
    kind: 'let',
    variables: [next],
    inits: [thunkOf(rest)],
    body: {
      kind: 'let',
      variables: [matched],
      inits: [matchIR],
      body: {
        kind: 'if',
        test: matchedIR,
        yes: inClause({
          kind: 'if',
          test: expander.expand(scope(pieces[1])),
          yes: expander.expand(scope(pieces[2])),
          no: goOn,
        }),
        no: goOn,
      },
    },
  };
}

function bindPattern(info: PatternInfo): { variables: LocalVariable[]; scope: (value: Value) => Value } {
  const rib = new Rib();
  const variables = info.variables.map(({ id, depth }) => {
    const variable = new LocalVariable(id.datum.name);
    const pattern: PatternVariable = { variable, depth };
    rib.add(id, { binding: { type: 'pattern', pattern } satisfies Binding });
    return variable;
  });
  return {
    variables,
    scope: (value) => wrapValue(value, { marks: null, substs: { head: rib, tail: null } }, undefined),
  };
}

// syntax-rules.

/** A transformer of these rules, in TypeScript throughout. */
function syntaxRulesForm(expander: Expander, form: Value): IR {
  const { items, tail } = stxList(form);
  if (tail !== NIL || items.length < 2) throw bad(form);
  let at = 1;
  let ellipsis: Syntax | undefined = ellipsisAt(expander, stxCar(form));
  if (isIdentifier(items[1])) {
    ellipsis = items[1];
    at = 2;
  }
  const { items: literals, tail: literalsTail } = stxList(items[at]);
  if (literalsTail !== NIL || literals.some((literal) => !isIdentifier(literal))) throw bad(form);
  let clauses = items.slice(at + 1);
  if (stxDatum(clauses[0]) instanceof MString) clauses = clauses.slice(1);
  const rules = clauses.map((clause) =>
    ruleOf(expander, { clause, literals: literals as Syntax[], ellipsis, form }),
  );
  return constant(makeRulesTransformer(rules));
}

interface Rule {
  readonly match: Matcher;
  readonly build: Builder;
  /** Whether its template is (syntax-error MESSAGE …). */
  readonly isError: boolean;
}

/** The error of such a template, which speaks of the macro's use. */
function errorOfRule(built: Value, input: Value): Error {
  const { items } = stxList(stxCdr(built));
  const [message, ...details] = items.map(stripSyntax);
  const keyword = stripSyntax(stxCar(input));
  return syntaxError({
    message: [(message as MString).text, ...details.map((item) => writeText(item))].join(' '),
    form: input,
    who: keyword instanceof Sym ? keyword.name : undefined,
  });
}

function makeRulesTransformer(rules: readonly Rule[]): Primitive {
  return new Primitive('syntax-rules-transformer', 1, 1, (input) => {
    const args = isStxPair(input) ? stxCdr(input) : undefined;
    for (const rule of rules) {
      const out: Value[] = [];
      if (args === undefined || !rule.match(args, out)) continue;
      const built = rule.build(out);
      if (rule.isError) throw errorOfRule(built, input);
      return built;
    }
    throw bad(input);
  });
}

function ruleOf(
  expander: Expander,
  options: { clause: Value; literals: readonly Syntax[]; ellipsis: Syntax | undefined; form: Value },
): Rule {
  const { clause, form } = options;
  const { items: pieces, tail } = stxList(clause);
  if (tail !== NIL || pieces.length !== 2) throw bad(form, clause);
  // The keyword's position matches anything.
  const pattern = stxCdr(pieces[0]);
  const info = patternOf({ expander, pattern, literals: options.literals, ellipsis: options.ellipsis, form });
  const context: TemplateContext = {
    expander,
    ellipsis: options.ellipsis,
    lookup: (id) => {
      const index = info.variables.findIndex((variable) => boundEqual(variable.id, id));
      return index < 0 ? undefined : { index, depth: info.variables[index]!.depth };
    },
    unsyntax: undefined,
    form,
    level: 0,
  };
  const template = compileTemplate(context, pieces[1], false);
  for (const [, depth] of template.uses) {
    if (depth > 0) throw syntaxError({ message: 'missing ellipsis', form });
  }
  const [head, message] = stxList(pieces[1]).items;
  const isError =
    isIdentifier(head) &&
    (stripSyntax(head) as Sym).name === 'syntax-error' &&
    stripSyntax(message) instanceof MString;
  return { match: info.match, build: template.build ?? constantly(exposed(pieces[1])), isError };
}

function withSyntaxForm(expander: Expander, form: Value): IR {
  const { items, tail } = stxList(form);
  if (tail !== NIL || items.length < 3) throw bad(form);
  const clauses = stxList(items[1]).items.map((clause) => {
    const pieces = stxList(clause).items;
    if (pieces.length !== 2) throw bad(form);
    return pieces;
  });
  const ellipsis = ellipsisAt(expander, stxCar(form));
  const info = patternOf({
    expander,
    pattern: arrayToList(clauses.map(([pattern]) => pattern)),
    literals: [],
    ellipsis,
    form,
  });
  const matched = new LocalVariable('matched');
  const matchedIR: IR = { kind: 'local', variable: matched };
  const { variables, scope } = bindPattern(info);
  const { match } = info;
  const matchIR: IR = {
    kind: 'native',
    fn: (...values) => {
      const out: Value[] = [];
      if (match(arrayToList(values), out)) return out;
      throw syntaxError({
        message: 'source expression failed to match any pattern',
        form: arrayToList(values),
      });
    },
    args: clauses.map(([, value]) => expander.expand(value)),
  };
  const body = expander.expandBody(items.slice(2).map(scope), form);
  return {
    kind: 'let',
    variables: [matched],
    inits: [matchIR],
    body:
      variables.length === 0
        ? body
        : {
            kind: 'let',
            variables,
            inits: variables.map(
              (_, index): IR => ({ kind: 'native', fn: (values) => values[index], args: [matchedIR] }),
            ),
            body,
          },
  };
}

function withEllipsisForm(expander: Expander, form: Value): IR {
  const { items } = stxList(form);
  if (items.length < 3 || !isIdentifier(items[1])) throw bad(form);
  const rib = new Rib();
  const key = new Syntax(ELLIPSIS_KEY, items[1].wrap, items[1].module);
  const scope = (value: Value) =>
    wrapValue(value, { marks: null, substs: { head: rib, tail: null } }, undefined);
  rib.add(key, { binding: { type: 'ellipsis', id: scope(items[1]) } satisfies Binding });
  return expander.expandBody(items.slice(2).map(scope), form);
}

/** (identifier-syntax …): a transformer for uses of a bare name. */
function identifierSyntaxForm(expander: Expander, form: Value): IR {
  const { items } = stxList(form);
  if (items.length === 2) {
    const template = items[1];
    return constant(
      new Primitive('identifier-syntax', 1, 1, (input) =>
        isIdentifier(input) ? template : new Pair(template, stxCdr(input)),
      ),
    );
  }
  if (items.length !== 3) throw bad(form);
  // ((id e1) ((set! id2 v) e2)): the second clause is a rule of its own.
  const [, getter] = stxList(items[1]).items;
  const setterParts = stxList(items[2]).items;
  const rule = ruleOf(expander, {
    clause: arrayToList([setterParts[0], setterParts[1]]),
    literals: [],
    ellipsis: undefined,
    form,
  });
  const setBang = expander.coreId('set!');
  return constant(
    new Macro({
      name: 'identifier-syntax',
      kind: 'transformer',
      variableTransformer: true,
      transformer: (input: Value) => {
        if (isIdentifier(input)) return getter;
        const head = stxCar(input);
        if (isIdentifier(head) && expander.freeEqual(head, setBang)) {
          const out: Value[] = [];
          return rule.match(stxCdr(input), out) ? rule.build(out) : undefined;
        }
        return new Pair(getter, stxCdr(input));
      },
    }),
  );
}

const expression = (expand: CoreForm['expand']): CoreForm => ({ expand });

/** The core forms about syntax. */
export const syntaxForms: Readonly<Record<string, CoreForm>> = {
  syntax: expression((expander, form) => syntaxForm(expander, form, false)),
  quasisyntax: expression((expander, form) => syntaxForm(expander, form, true)),
  'syntax-case': expression(syntaxCaseForm),
  'syntax-rules': expression(syntaxRulesForm),
  'with-syntax': expression(withSyntaxForm),
  'with-ellipsis': expression(withEllipsisForm),
  'identifier-syntax': expression(identifierSyntaxForm),
};

/** Fresh identifiers, one for each element of a syntactic list. */
export function generateTemporaries(value: Value): Value {
  const { items } = stxList(value);
  const mark = new Mark();
  return arrayToList(
    items.map(
      (_, index) =>
        new Syntax(intern(`t-${temporaries.of}${++temporaries.made}-${index}`), {
          marks: { head: mark, tail: TOP_WRAP.marks },
          substs: null,
        }),
    ),
  );
}

let temporaries = { of: '', made: 0 };

/**
 * Does `work`, the expansion of one top-level form. The temporaries that its macros generate have names that follow from
 * `form`, so that expanding it again gives the same, whatever was expanded in between.
 */
export function withTemporariesOf<Result>(form: string, work: () => Result): Result {
  const before = temporaries;
  temporaries = { of: `${form}-`, made: 0 };
  try {
    return work();
  } finally {
    temporaries = before;
  }
}

/** `datum->syntax`: the datum with an identifier's context. */
export function datumToSyntax(id: Syntax, datum: Value, place = placeOf(id)): Value {
  if (datum instanceof Syntax) return datum;
  if (datum instanceof Pair || datum instanceof Sym || Array.isArray(datum)) {
    return new Syntax(datum, id.wrap, id.module, place);
  }
  return new Syntax(datum, EMPTY_WRAP, id.module, place);
}
