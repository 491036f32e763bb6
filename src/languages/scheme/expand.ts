// The expander: syntax objects to the core language, with hygiene of psyntax's class (see syntax.ts). Binding
// constructs live in core-forms.ts and syntax-case.ts; this file resolves identifiers, runs macros, and expands bodies.
import { throwError } from './errors.ts';
import { constant, type IR, LocalVariable } from './ir.ts';
import type { Module } from './module.ts';
import { Primitive } from './procedures.ts';
import {
  ANTI_MARK,
  EMPTY_WRAP,
  isIdentifier,
  isStxPair,
  type Label,
  Mark,
  type Marks,
  type Place,
  placeOf,
  Rib,
  SHIFT,
  type Substs,
  Syntax,
  sameMarks,
  stripSyntax,
  stxCar,
  stxCdr,
  stxDatum,
  stxList,
  TOP_WRAP,
  wrapValue,
} from './syntax.ts';
import { arrayToList, intern, list, NIL, Pair, Sym, str, UNSPECIFIED, type Value } from './values.ts';
import { writeText } from './write.ts';

/** What an identifier that is not a variable means: stored as the value of a module's variable, or in a label. */
export class Macro {
  readonly name: string;
  readonly kind: 'core' | 'transformer' | 'parameter';
  /** For core forms. */
  readonly form: CoreForm | undefined;
  /** For transformers: a procedure, or a TypeScript function of the form. */
  transformer: Value;
  /** Whether `set!` of the name is the transformer's to expand. */
  readonly variableTransformer: boolean;
  /** For syntax parameters: what it means now. */
  current: Macro | undefined;
  constructor(options: {
    name: string;
    kind: Macro['kind'];
    form?: CoreForm;
    transformer?: Value;
    variableTransformer?: boolean;
    current?: Macro | undefined;
  }) {
    this.name = options.name;
    this.kind = options.kind;
    this.form = options.form;
    this.transformer = options.transformer;
    this.variableTransformer = options.variableTransformer ?? false;
    this.current = options.current;
  }
}

/** Marks a procedure as handling `set!` too: what `make-variable-transformer` returns. */
export class VariableTransformer {
  readonly procedure: Value;
  constructor(procedure: Value) {
    this.procedure = procedure;
  }
}

/** A core form: `special` ones matter to bodies and the top level, the others are expressions. */
export interface CoreForm {
  readonly special?:
    | 'begin'
    | 'define'
    | 'define-syntax'
    | 'define-syntax-parameter'
    | 'eval-when'
    | 'let-syntax'
    | 'letrec-syntax'
    | 'top-level';
  readonly expand: (expander: Expander, form: Value) => IR;
  /** The name in (guile) of a `top-level` form whose operands are data. */
  readonly name?: string;
  /** For forms that become another form first, wherever they stand. */
  readonly rewrite?: (form: Value) => Value;
}

/** A pattern variable of `syntax-case`. */
export interface PatternVariable {
  readonly variable: LocalVariable;
  readonly depth: number;
}

export type Binding =
  | { readonly type: 'local'; readonly variable: LocalVariable; readonly phase: number }
  | { readonly type: 'macro'; readonly macro: Macro }
  | { readonly type: 'pattern'; readonly pattern: PatternVariable }
  | { readonly type: 'global'; readonly name: Sym; readonly module: Module; readonly isPublic: boolean }
  | { readonly type: 'ellipsis'; readonly id: Syntax };

/** A form whose head is known: macros are expanded away. */
export type Classified =
  | { readonly type: 'expression'; readonly form: Value; readonly head?: Binding }
  | { readonly type: 'core'; readonly form: Value; readonly core: CoreForm };

/** What the expander needs of the interpreter. */
export interface ExpanderHost {
  currentModule(): Module;
  /** Applies a Scheme procedure. */
  apply(procedure: Value, args: readonly Value[]): Value;
  /** Evaluates an expanded expression. */
  evaluate(ir: IR): Value;
}

/** Consecutive expansions of one form that no sensible macro needs. */
const EXPANSION_LIMIT = 20_000;

/** A syntax error as Guile throws it: `(syntax-error who message place form subform)`. */
export function syntaxError(options: {
  message: string;
  form: Value;
  subform?: Value;
  who?: string | undefined;
}): Error {
  const place = placeOf(options.form) ?? placeOf(options.subform);
  return throwError(
    'syntax-error',
    options.who === undefined ? false : intern(options.who),
    str(options.message),
    place === undefined ? false : placeAlist(place),
    stripSyntax(options.form),
    options.subform === undefined ? false : stripSyntax(options.subform),
  );
}

function placeAlist(place: Place): Value {
  return list(
    new Pair(intern('filename'), str(place.file)),
    new Pair(intern('line'), place.line - 1),
    new Pair(intern('column'), place.column - 1),
  );
}

export class Expander {
  readonly host: ExpanderHost;
  /** How many transformers deep the code being expanded runs. */
  phase = 0;
  /** Rewrites heads that name a macro in another way than by an identifier: `(@ (module) name)`. */
  headRewriter: ((head: Value) => Syntax | undefined) | undefined;
  /** Where (guile) macros' own identifiers are resolved. */
  readonly core: Module;

  constructor(host: ExpanderHost, core: Module) {
    this.host = host;
    this.core = core;
  }

  /** An identifier that means what it means in (guile). */
  coreId(name: string): Syntax {
    return new Syntax(intern(name), TOP_WRAP, this.core);
  }

  /** What an identifier means here. */
  resolve(id: Syntax): Binding {
    const found = findLabel(id);
    if (found === undefined) return this.resolveTop(id.datum, id.module ?? this.host.currentModule());
    if (found instanceof Syntax)
      return this.resolveTop(found.datum, found.module ?? this.host.currentModule());
    return found.binding;
  }

  resolveTop(name: Sym, module: Module): Binding {
    const variable = module.variable(name);
    if (variable !== undefined) {
      if (variable.value === undefined && variable.pendingSyntax) variable.force();
      if (variable.value instanceof Macro) return { type: 'macro', macro: variable.value };
    }
    return { type: 'global', name, module, isPublic: false };
  }

  /** `free-identifier=?`. */
  freeEqual(a: Syntax, b: Syntax): boolean {
    const x = findLabel(a);
    const y = findLabel(b);
    if (x !== undefined && !(x instanceof Syntax)) return x === y;
    if (y !== undefined && !(y instanceof Syntax)) return false;
    const nameA: Sym = x instanceof Syntax ? x.datum : a.datum;
    const nameB: Sym = y instanceof Syntax ? y.datum : b.datum;
    const moduleA = (x instanceof Syntax ? x.module : a.module) ?? this.host.currentModule();
    const moduleB = (y instanceof Syntax ? y.module : b.module) ?? this.host.currentModule();
    if (moduleA === moduleB) {
      if (nameA === nameB) return true;
      const variable = moduleA.variable(nameA);
      return variable !== undefined && variable === moduleB.variable(nameB);
    }
    const variableA = moduleA.variable(nameA);
    const variableB = moduleB.variable(nameB);
    if (variableA !== undefined || variableB !== undefined) return variableA === variableB;
    return nameA === nameB;
  }

  // Macros.

  /** Expands macros at the head of a form until something else stands there. */
  classify(start: Value, rib?: Rib): Classified {
    let form = start;
    for (let step = 0; ; step++) {
      const head = isStxPair(form) ? stxCar(form) : form;
      if (!isIdentifier(head)) {
        const rewritten = head !== form && isStxPair(head) ? this.headRewriter?.(head) : undefined;
        if (rewritten === undefined) return { type: 'expression', form };
        form = new Syntax(new Pair(rewritten, stxCdr(form)), EMPTY_WRAP, undefined, placeOf(form));
        continue;
      }
      const binding = this.resolve(head);
      if (binding.type !== 'macro') return { type: 'expression', form, head: binding };
      let macro = binding.macro;
      if (macro.kind === 'parameter') {
        if (macro.current === undefined) throw syntaxError({ message: 'missing syntax parameter', form });
        macro = macro.current;
      }
      if (macro.kind === 'core') {
        if (head === form)
          throw syntaxError({ message: 'source expression failed to match any pattern', form });
        // (set! name value) of a name that is a variable transformer goes to the transformer.
        if (macro.name === 'set!') {
          const transformer = this.setTransformer(form);
          if (transformer !== undefined) {
            form = this.applyMacro(transformer, form, rib);
            continue;
          }
        }
        const core = macro.form!;
        if (core.rewrite !== undefined) {
          form = core.rewrite(form);
          continue;
        }
        return { type: 'core', form, core };
      }
      if (step > EXPANSION_LIMIT) {
        throw syntaxError({
          message: `expansion of macro \`${macro.name}' does not end`,
          form: start,
          who: macro.name,
        });
      }
      form = this.applyMacro(macro, form, rib);
    }
  }

  private setTransformer(form: Value): Macro | undefined {
    const rest = stxCdr(form);
    if (!isStxPair(rest)) return undefined;
    const target = stxCar(rest);
    if (!isIdentifier(target)) return undefined;
    const binding = this.resolve(target);
    if (binding.type !== 'macro') return undefined;
    const macro = binding.macro.kind === 'parameter' ? binding.macro.current : binding.macro;
    return macro?.variableTransformer === true ? macro : undefined;
  }

  private applyMacro(macro: Macro, form: Value, rib: Rib | undefined): Value {
    const place = placeOf(form);
    // The anti-mark tells what was handed in from what the transformer made.
    const input = wrapValue(
      form,
      { marks: { head: ANTI_MARK, tail: null }, substs: { head: SHIFT, tail: null } },
      undefined,
    );
    const output =
      typeof macro.transformer === 'function'
        ? macro.transformer(input, this)
        : macro.transformer instanceof Primitive && !macro.transformer.control
          ? macro.transformer.fn(input)
          : this.host.apply(macro.transformer, [input]);
    if (output === undefined) {
      throw syntaxError({ message: 'source expression failed to match any pattern', form });
    }
    return this.rebuild(output, { mark: new Mark(), rib, place, form });
  }

  private rebuild(
    value: Value,
    step: { mark: Mark; rib: Rib | undefined; place: Place | undefined; form: Value },
  ): Value {
    if (value instanceof Pair) {
      const items: Value[] = [];
      let rest: Value = value;
      while (rest instanceof Pair) {
        items.push(this.rebuild(rest.car, step));
        rest = rest.cdr;
      }
      const whole = arrayToList(items, rest === NIL ? NIL : this.rebuild(rest, step));
      return step.place === undefined ? whole : new Syntax(whole, EMPTY_WRAP, undefined, step.place);
    }
    if (value instanceof Syntax) {
      const { marks, substs } = value.wrap;
      if (marks !== null && marks.head === ANTI_MARK) {
        // Original text: takes the anti-mark and its shift off again.
        const rest = substs?.tail ?? null;
        return new Syntax(
          value.datum,
          { marks: marks.tail, substs: step.rib === undefined ? rest : { head: step.rib, tail: rest } },
          value.module,
          value.place,
        );
      }
      const shifted: Substs = { head: SHIFT, tail: substs };
      return new Syntax(
        value.datum,
        {
          marks: { head: step.mark, tail: marks },
          substs: step.rib === undefined ? shifted : { head: step.rib, tail: shifted },
        },
        value.module,
        value.place ?? step.place,
      );
    }
    if (Array.isArray(value)) return value.map((item) => this.rebuild(item, step));
    if (value instanceof Sym) {
      throw syntaxError({
        message: `encountered raw symbol in macro output (${writeText(value)})`,
        form: step.form,
        subform: value,
      });
    }
    return value;
  }

  // Expressions.

  expand(form: Value): IR {
    return this.expandClassified(this.classify(form));
  }

  expandClassified(classified: Classified): IR {
    const { form } = classified;
    if (classified.type === 'core') return classified.core.expand(this, form);
    const { head } = classified;
    if (isStxPair(form)) return this.expandCall(form);
    if (head !== undefined) return this.reference(form, head);
    const datum = stxDatum(form);
    if (datum === NIL) {
      throw syntaxError({ message: 'unexpected syntax', form });
    }
    return constant(Array.isArray(datum) ? stripSyntax(datum) : datum);
  }

  reference(id: Syntax, binding: Binding): IR {
    switch (binding.type) {
      case 'local':
        if (binding.phase !== this.phase) {
          throw syntaxError({ message: 'identifier out of context', form: id });
        }
        return { kind: 'local', variable: binding.variable };
      case 'global':
        return {
          kind: 'global',
          name: binding.name,
          module: binding.module,
          isPublic: binding.isPublic,
          place: id.place,
        };
      case 'pattern':
        throw syntaxError({
          message: 'reference to pattern variable outside syntax form',
          form: id,
        });
      default:
        throw syntaxError({ message: 'reference to identifier outside its scope', form: id });
    }
  }

  private expandCall(form: Value): IR {
    const { items, tail } = stxList(form);
    if (tail !== NIL) throw syntaxError({ message: 'source expression failed to match any pattern', form });
    const procedure = this.expand(items[0]);
    const args: IR[] = [];
    for (let i = 1; i < items.length; i++) args.push(this.expand(items[i]));
    return { kind: 'call', procedure, args, place: placeOf(form) };
  }

  expandSequence(forms: readonly Value[]): IR {
    if (forms.length === 1) return this.expand(forms[0]);
    return { kind: 'sequence', items: forms.map((form) => this.expand(form)) };
  }

  /** Binds an identifier to a new local variable within a rib. */
  bindLocal(rib: Rib, id: Syntax): LocalVariable {
    const variable = new LocalVariable(id.datum.name);
    const binding: Binding = { type: 'local', variable, phase: this.phase };
    rib.add(id, { binding });
    return variable;
  }

  /** Evaluates the right-hand side of a macro definition. */
  makeMacro(rhs: Value, name: string): Macro {
    return this.makePlainMacro(rhs, name).macro;
  }

  /** The same, and whether the macro is all that comes of it: evaluating a function or a constant does nothing else. */
  makePlainMacro(rhs: Value, name: string): { readonly macro: Macro; readonly isPlain: boolean } {
    // (syntax-rules …) and friends whose value is a TypeScript function come back as such.
    this.phase++;
    let value: Value;
    let ir: IR;
    try {
      ir = this.expand(rhs);
      value = this.host.evaluate(ir);
    } finally {
      this.phase--;
    }
    const isPlain = ir.kind === 'lambda' || ir.kind === 'constant';
    return { macro: this.macroFromValue(value, name, rhs), isPlain };
  }

  macroFromValue(value: Value, name: string, form: Value): Macro {
    if (value instanceof Macro) return value;
    if (value instanceof VariableTransformer) {
      return new Macro({
        name,
        kind: 'transformer',
        transformer: value.procedure,
        variableTransformer: true,
      });
    }
    if (value === false || value === undefined || value === UNSPECIFIED) {
      throw syntaxError({ message: 'nonprocedure transformer', form });
    }
    return new Macro({ name, kind: 'transformer', transformer: value });
  }

  // Bodies.

  /** Expands the forms of a body: definitions and expressions in any order, as letrec*. */
  expandBody(forms: readonly Value[], whole: Value): IR {
    if (forms.length === 0) throw syntaxError({ message: 'no expressions in body', form: whole });
    const rib = new Rib();
    const addRib = (value: Value): Value =>
      wrapValue(value, { marks: null, substs: { head: rib, tail: null } }, undefined);
    let queue: { item: Value; next: unknown } | null = null;
    const unshift = (items: readonly Value[]) => {
      for (let i = items.length - 1; i >= 0; i--) queue = { item: items[i], next: queue };
    };
    unshift(forms.map(addRib));
    const bound: Syntax[] = [];
    const steps: { variable: LocalVariable | undefined; rhs: () => IR }[] = [];
    let lastDefinition = -1;
    const declare = (id: Value, form: Value) => {
      if (!isIdentifier(id)) throw syntaxError({ message: 'invalid define', form });
      if (bound.some((other) => boundEqual(other, id))) {
        throw syntaxError({ message: 'duplicate definition', form: whole, subform: id });
      }
      bound.push(id);
    };
    while (queue !== null) {
      const entry: { item: Value; next: unknown } = queue;
      queue = entry.next as typeof queue;
      const classified = this.classify(entry.item, rib);
      const { form } = classified;
      const special = classified.type === 'core' ? classified.core.special : undefined;
      switch (special) {
        case 'define': {
          const { id, rhs } = this.parseDefine(form);
          declare(id, form);
          const variable = this.bindLocal(rib, id);
          lastDefinition = steps.length;
          steps.push({ variable, rhs: () => named(rhs(), variable.name) });
          break;
        }
        case 'define-syntax':
        case 'define-syntax-parameter': {
          const { id, rhs } = this.parseDefineSyntax(form);
          declare(id, form);
          const label: Label = { binding: undefined };
          rib.add(id, label);
          const macro = this.makeMacro(rhs, id.datum.name);
          label.binding = {
            type: 'macro',
            macro: special === 'define-syntax' ? macro : syntaxParameter(id.datum.name, macro),
          } satisfies Binding;
          lastDefinition = Math.max(lastDefinition, -1);
          break;
        }
        case 'begin':
          unshift(this.formsOf(form, 1));
          break;
        case 'eval-when':
          if (this.evalWhenApplies(form)) unshift(this.formsOf(form, 2));
          break;
        case 'let-syntax':
        case 'letrec-syntax':
          unshift(this.localSyntax(form, special === 'letrec-syntax'));
          break;
        default: {
          const phase = this.phase;
          steps.push({
            variable: undefined,
            rhs: () => {
              if (phase !== this.phase) throw new Error('a body was expanded at two phases');
              return this.expandClassified(classified);
            },
          });
        }
      }
    }
    if (steps.length === 0 || lastDefinition === steps.length - 1) {
      throw syntaxError({ message: 'no expressions in body', form: whole });
    }
    const irs = steps.map((step) => step.rhs());
    const trailing = irs.slice(lastDefinition + 1);
    const body: IR = trailing.length === 1 ? trailing[0]! : { kind: 'sequence', items: trailing };
    if (lastDefinition < 0) return body;
    return {
      kind: 'letrec',
      variables: steps.slice(0, lastDefinition + 1).map((step) => step.variable),
      inits: irs.slice(0, lastDefinition + 1),
      body,
    };
  }

  /** Elements of a form from an index on; the form must be a proper list. */
  formsOf(form: Value, from: number): Value[] {
    const { items, tail } = stxList(form);
    if (tail !== NIL) throw syntaxError({ message: 'source expression failed to match any pattern', form });
    return items.slice(from);
  }

  parseDefine(form: Value): { id: Syntax; rhs: () => IR } {
    const { items, tail } = stxList(form);
    const target = items[1];
    if (tail !== NIL || items.length < 2) {
      throw syntaxError({ message: 'source expression failed to match any pattern', form });
    }
    if (isIdentifier(target)) {
      if (items.length === 2) return { id: target, rhs: () => constant(UNSPECIFIED) };
      if (items.length === 3) return { id: target, rhs: () => this.expand(items[2]) };
    } else if (isStxPair(target) && items.length > 2) {
      const id = stxCar(target);
      if (isIdentifier(id)) {
        const lambda = new Syntax(
          new Pair(this.coreId('lambda'), new Pair(stxCdr(target), stxCdr(stxCdr(form)))),
          EMPTY_WRAP,
          undefined,
          placeOf(form),
        );
        return { id, rhs: () => this.expand(lambda) };
      }
    }
    throw syntaxError({ message: 'source expression failed to match any pattern', form });
  }

  parseDefineSyntax(form: Value): { id: Syntax; rhs: Value } {
    const { items, tail } = stxList(form);
    if (tail === NIL && items.length === 3 && isIdentifier(items[1])) return { id: items[1], rhs: items[2] };
    // (define-syntax (name x) body …) is a transformer in short form.
    if (tail === NIL && items.length > 2 && isStxPair(items[1]) && isIdentifier(stxCar(items[1]))) {
      const lambda = new Pair(this.coreId('lambda'), new Pair(stxCdr(items[1]), arrayToList(items.slice(2))));
      return { id: stxCar(items[1]), rhs: lambda };
    }
    throw syntaxError({ message: 'source expression failed to match any pattern', form });
  }

  evalWhenApplies(form: Value): boolean {
    const { items } = stxList(form);
    if (items.length < 2)
      throw syntaxError({ message: 'source expression failed to match any pattern', form });
    return stxList(items[1]).items.some((situation) => {
      const name = stxDatum(situation)?.name;
      return name === 'eval' || name === 'load' || name === 'expand';
    });
  }

  /** Body forms of let-syntax or letrec-syntax, within its scope. */
  localSyntax(form: Value, recursive: boolean): Value[] {
    const { items, tail } = stxList(form);
    if (tail !== NIL || items.length < 3) {
      throw syntaxError({ message: 'source expression failed to match any pattern', form });
    }
    const rib = new Rib();
    const within = (value: Value): Value =>
      wrapValue(value, { marks: null, substs: { head: rib, tail: null } }, undefined);
    const entries = stxList(items[1]).items.map((clause) => {
      const parts = stxList(clause).items;
      if (parts.length !== 2 || !isIdentifier(parts[0]))
        throw syntaxError({ message: 'bad let-syntax', form });
      const label: Label = { binding: undefined };
      rib.add(parts[0], label);
      return { label, name: parts[0].datum.name as string, rhs: parts[1] };
    });
    for (const { label, name, rhs } of entries) {
      const macro = this.makeMacro(recursive ? within(rhs) : rhs, name);
      label.binding = { type: 'macro', macro } satisfies Binding;
    }
    return items.slice(2).map(within);
  }
}

/** The syntax parameter whose default meaning is `macro`. */
export function syntaxParameter(name: string, macro: Macro): Macro {
  return new Macro({ name, kind: 'parameter', current: macro });
}

/** `bound-identifier=?`. */
export function boundEqual(a: Syntax, b: Syntax): boolean {
  return a.datum === b.datum && sameMarks(a.wrap.marks, b.wrap.marks);
}

/** Whether identifiers repeat. */
export function duplicateOf(ids: readonly Syntax[]): Syntax | undefined {
  const byName = new Map<Sym, Syntax[]>();
  for (const id of ids) {
    const same = byName.get(id.datum);
    if (same === undefined) byName.set(id.datum, [id]);
    else if (same.some((other) => boundEqual(other, id))) return id;
    else same.push(id);
  }
  return undefined;
}

function findLabel(id: Syntax): Label | Syntax | undefined {
  let marks: Marks | null = id.wrap.marks;
  for (let at = id.wrap.substs; at !== null; at = at.tail) {
    if (at.head instanceof Rib) {
      const label = at.head.find(id.datum, marks);
      if (label !== undefined) return label;
    } else {
      marks = marks?.tail ?? null;
    }
  }
  return undefined;
}

/** Gives a lambda the name it is bound to. */
export function named(ir: IR, name: string): IR {
  if (ir.kind === 'lambda' && ir.name === undefined) ir.name = name;
  return ir;
}
