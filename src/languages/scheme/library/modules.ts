// The module system as programs see it: define-module and use-modules with their clauses, and the reflective
// procedures. Follows Guile's manual, "Modules".
import { miscError, unboundVariable, wrongType } from '../errors.ts';
import { type CoreForm, type Expander, Macro, syntaxError } from '../expand.ts';
import type { IR } from '../ir.ts';
import { Module, moduleLabel, Variable } from '../module.ts';
import { tail2, tailApply } from '../procedures.ts';
import type { Session } from '../session.ts';
import {
  isIdentifier,
  Syntax,
  stripSyntax,
  stxDatum,
  stxList,
  TOP_WRAP,
  withSourcePlaces,
} from '../syntax.ts';
import {
  arrayToList,
  intern,
  Keyword,
  list,
  listToArray,
  MString,
  NIL,
  Pair,
  Sym,
  UNSPECIFIED,
  type Value,
} from '../values.ts';
import { displayText } from '../write.ts';
import type { Definer } from './define.ts';

interface UseSpec {
  readonly name: readonly Value[];
  readonly select: readonly (readonly [Sym, Sym])[] | undefined;
  readonly hide: readonly Sym[];
  readonly renamer: (name: Sym) => Sym;
}

const keyName = (value: Value) => (value instanceof Keyword ? value.symbol.name : undefined);

function isName(value: Value): boolean {
  return (
    value instanceof Pair &&
    listToArray(value).every((part) => part instanceof Sym || typeof part === 'number')
  );
}

/** `(a b)` or `((a b) #:select (…) …)`. */
function parseUse(session: Session, spec: Value): UseSpec {
  if (!(spec instanceof Pair)) throw miscError(false, 'invalid module name: ~S', [spec]);
  if (!(spec.car instanceof Pair)) {
    return { name: listToArray(spec), select: undefined, hide: [], renamer: (name) => name };
  }
  let select: [Sym, Sym][] | undefined;
  let hide: Sym[] = [];
  let renamer = (name: Sym): Sym => name;
  const rest = listToArray(spec.cdr);
  for (let i = 0; i < rest.length; i += 2) {
    const value = rest[i + 1];
    switch (keyName(rest[i]) ?? (rest[i] instanceof Sym ? rest[i].name.replace(/^:/, '') : '')) {
      case 'select':
        select = listToArray(value).map((item) =>
          item instanceof Pair ? [item.car, item.cdr] : [item, item],
        );
        break;
      case 'hide':
        hide = listToArray(value);
        break;
      case 'prefix': {
        const inner = renamer;
        renamer = (name) => intern(`${value.name}${inner(name).name}`);
        break;
      }
      case 'renamer': {
        const procedure =
          value instanceof Sym || value instanceof Pair
            ? session.evaluateForm(value, { lazy: 'none' })
            : value;
        renamer = (name) => session.machine.apply(procedure, [name]);
        break;
      }
      case 'version':
        break;
      default:
        throw miscError(false, 'unknown keyword in module use: ~S', [rest[i]]);
    }
  }
  return { name: listToArray(spec.car), select, hide, renamer };
}

/** The interface that a use clause asks for. */
function resolveUse(session: Session, use: UseSpec): Module {
  const whole = session.interfaceOf(use.name);
  if (use.select === undefined && use.hide.length === 0 && use.renamer(intern('x')) === intern('x'))
    return whole;
  const custom = new Module(use.name, 'custom-interface');
  if (use.select !== undefined) {
    for (const [name, external] of use.select) {
      const variable = whole.local(name) ?? session.resolveModule(use.name)?.local(name);
      if (variable === undefined) throw unboundInModule(name, use.name);
      custom.bind(use.renamer(external), variable);
      if (whole.replacements.has(name)) custom.replacements.add(use.renamer(external));
    }
    return custom;
  }
  // Looked up when asked, since a module in a cycle exports more later.
  const hidden = new Set(use.hide);
  const copy = () => {
    for (const [name, variable] of whole.table) {
      if (hidden.has(name)) continue;
      custom.bind(use.renamer(name), variable);
      if (whole.replacements.has(name)) custom.replacements.add(use.renamer(name));
    }
  };
  copy();
  let size = whole.table.size;
  custom.binder = (wanted) => {
    if (whole.table.size === size) return undefined;
    size = whole.table.size;
    copy();
    return custom.table.get(wanted);
  };
  return custom;
}

/** The interface of an R6RS or R7RS import set. */
function importSet(session: Session, set: Value): Module {
  const [head, ...rest] = listToArray(set);
  const inner = rest[0];
  const keyword = head instanceof Sym && inner instanceof Pair ? head.name : '';
  const derived = (choose: (name: Sym) => Sym | undefined, all?: readonly Value[]): Module => {
    const from = importSet(session, inner);
    for (const name of all ?? []) if (from.local(name) === undefined) throw unboundInModule(name, from.name);
    const custom = new Module(from.name, 'custom-interface');
    for (const [name, variable] of from.table) {
      const external = choose(name);
      if (external === undefined) continue;
      custom.bind(external, variable);
      if (from.replacements.has(name)) custom.replacements.add(external);
    }
    return custom;
  };
  switch (keyword) {
    case 'only': {
      const wanted = new Set(rest.slice(1));
      return derived((name) => (wanted.has(name) ? name : undefined), rest.slice(1));
    }
    case 'except': {
      const hidden = new Set(rest.slice(1));
      return derived((name) => (hidden.has(name) ? undefined : name));
    }
    case 'prefix':
      return derived((name) => intern(`${rest[1].name}${name.name}`));
    case 'rename': {
      const renamed = new Map(rest.slice(1).map((pair) => listToArray(pair) as [Sym, Sym]));
      return derived((name) => renamed.get(name) ?? name, [...renamed.keys()]);
    }
    case 'library':
      return importSet(session, inner);
  }
  // A version, `(rnrs base (6))`, is not looked at; `(srfi :1)` is Guile's `(srfi srfi-1)`.
  const name = listToArray(set)
    .filter((part) => !(part instanceof Pair) && part !== NIL)
    .map((part, i, parts) => {
      const digits = /^:(\d+)$/.exec(part instanceof Sym ? part.name : '') ?? /^(\d+)$/.exec(String(part));
      return i === 1 && (parts[0] as Sym).name === 'srfi' && digits !== null
        ? intern(`srfi-${digits[1]}`)
        : part;
    });
  return session.interfaceOf(name[0]?.name === 'srfi' ? name.slice(0, 2) : name);
}

function unboundInModule(name: Sym, module: readonly Value[]): Error {
  return miscError(false, "no binding `~A' in module ~A", [name, arrayToList(module)]);
}

/** Exports come as names or as pairs of internal and external name. */
function exportPairs(names: Value): (readonly [Sym, Sym])[] {
  return listToArray(names).map((item) => (item instanceof Pair ? [item.car, item.cdr] : [item, item]));
}

function autoload(session: Session, options: { module: Module; name: Value; bindings: Value }): void {
  const name = listToArray(options.name);
  const placeholder = new Module(name, 'custom-interface');
  const wanted = new Set(listToArray(options.bindings) as Sym[]);
  let loaded: Module | undefined;
  placeholder.binder = (symbol) => {
    if (!wanted.has(symbol)) return undefined;
    loaded ??= session.interfaceOf(name);
    const variable = loaded.local(symbol);
    if (variable === undefined) throw unboundInModule(symbol, name);
    placeholder.bind(symbol, variable);
    return variable;
  };
  options.module.use(placeholder);
}

function defineModule(session: Session, name: Value, clauses: readonly Value[]): Module {
  const parts = listToArray(name);
  const label = moduleLabel(parts);
  const module = session.modules.get(label) ?? session.makeModule(parts);
  if (module.uses.length === 0 && module !== session.core) module.use(session.core);
  session.currentModule = module;
  if (session.currentFile !== undefined) module.filename = session.currentFile;
  exportFirst(module, clauses);
  let pure = false;
  const reexports: { names: (readonly [Sym, Sym])[]; replace: boolean }[] = [];
  for (let i = 0; i < clauses.length; i++) {
    const key =
      keyName(clauses[i]) ??
      (clauses[i] instanceof Sym ? (clauses[i] as Sym).name.replace(/^:/, '') : undefined);
    const value = clauses[i + 1];
    switch (key) {
      case 'use-module':
      case 'use-syntax':
        module.use(resolveUse(session, parseUse(session, value)));
        i++;
        break;
      case 'autoload':
        autoload(session, { module, name: value, bindings: clauses[i + 2] });
        i += 2;
        break;
      case 'export':
      case 'export-syntax':
      case 'replace':
      case 'export-and-replace':
      case 'replace-syntax':
        i++;
        break;
      case 're-export':
      case 're-export-syntax':
        reexports.push({ names: exportPairs(value), replace: false });
        i++;
        break;
      case 're-export-and-replace':
        reexports.push({ names: exportPairs(value), replace: true });
        i++;
        break;
      case 'pure':
        pure = true;
        break;
      case 'no-backtrace':
        break;
      case 'declarative?':
        module.declarative = value !== false;
        i++;
        break;
      case 'duplicates':
      case 'filename':
      case 'version':
        if (key === 'version') module.version = value;
        i++;
        break;
      default:
        throw miscError(false, 'unrecognized define-module argument: ~S', [clauses[i]]);
    }
  }
  if (pure) {
    module.uses = module.uses.filter((use) => use !== session.core);
    module.forgetImports();
  }
  for (const { names, replace } of reexports) reexportNow(module, names, replace);
  return module;
}

/** Exports come before imports: modules that use each other in a circle find them. */
function exportFirst(module: Module, clauses: readonly Value[]): void {
  clauses.forEach((clause, i) => {
    switch (keyName(clause)) {
      case 'export':
      case 'export-syntax':
        module.export(exportPairs(clauses[i + 1]));
        break;
      case 'replace':
      case 'export-and-replace':
      case 'replace-syntax':
        module.export(exportPairs(clauses[i + 1]), true);
        break;
    }
  });
}

function reexportNow(module: Module, names: (readonly [Sym, Sym])[], replace: boolean): void {
  const missing = module.reexport(names, replace);
  if (missing !== undefined) throw miscError(false, 'Undefined variable: ~S', [missing]);
}

/** A form whose effect happens when it is evaluated at top level; its arguments are data. */
function topLevel(effect: (items: readonly Value[], form: Value, expander: Expander) => Value): CoreForm {
  return {
    special: 'top-level',
    expand: (expander, form): IR => {
      const { items, tail } = stxList(form);
      if (tail !== NIL) throw syntaxError({ message: 'source expression failed to match any pattern', form });
      return { kind: 'native', fn: () => effect(items.slice(1), form, expander), args: [] };
    },
  };
}

function moduleForms(session: Session): Record<string, CoreForm> {
  const data = (items: readonly Value[]) => items.map(stripSyntax);
  const use = (items: readonly Value[]) => {
    for (const spec of data(items)) session.currentModule.use(resolveUse(session, parseUse(session, spec)));
    return UNSPECIFIED;
  };
  const exporting = (replace: boolean) =>
    topLevel((items) => {
      session.currentModule.export(exportPairs(arrayToList(data(items))), replace);
      return UNSPECIFIED;
    });
  const reexporting = (replace: boolean) =>
    topLevel((items) => {
      reexportNow(session.currentModule, exportPairs(arrayToList(data(items))), replace);
      return UNSPECIFIED;
    });
  const reference = (isPublic: boolean): CoreForm => ({
    expand: (_, form): IR => {
      const { items } = stxList(form);
      if (items.length !== 3)
        throw syntaxError({ message: 'source expression failed to match any pattern', form });
      const name = listToArray(stripSyntax(items[1]));
      const symbol = stripSyntax(items[2]) as Sym;
      const whole = session.resolveModule(name);
      if (whole === undefined) {
        // As in Guile, a program that never gets here does without the module.
        return {
          kind: 'native',
          fn: () => {
            throw miscError(false, 'no code for module ~S', [arrayToList(name)]);
          },
          args: [],
        };
      }
      const module = isPublic ? (whole.publicInterface ?? whole) : whole;
      const variable = module.variable(symbol);
      if (variable?.pendingSyntax === true) variable.force();
      if (variable?.value instanceof Macro) {
        throw syntaxError({ message: 'a macro cannot be used through `@` here', form });
      }
      return { kind: 'global', name: symbol, module, isPublic, place: undefined };
    },
  });
  const forms: Record<string, CoreForm> = {
    'define-module': topLevel((items) => {
      const [name, ...clauses] = data(items);
      if (!isName(name)) throw miscError(false, 'invalid module name: ~S', [name]);
      defineModule(session, name, clauses);
      return session.currentModule;
    }),
    'use-modules': topLevel(use),
    import: topLevel((items) => {
      for (const set of data(items)) session.currentModule.use(importSet(session, set));
      return UNSPECIFIED;
    }),
    'use-syntax': topLevel(use),
    export: exporting(false),
    'export-syntax': exporting(false),
    'export!': exporting(true),
    're-export': reexporting(false),
    're-export-syntax': reexporting(false),
    're-export-and-replace!': reexporting(true),
    '@': reference(true),
    '@@': reference(false),
  };
  return Object.fromEntries(
    Object.entries(forms).map(([name, form]) => [
      name,
      form.special === 'top-level' ? { ...form, name } : form,
    ]),
  );
}

/** (@ (module) macro) at the head of a form means that macro: rewritten to an identifier of that module. */
function throughAt(session: Session, expander: Expander, head: Value): Syntax | undefined {
  const { items } = stxList(head);
  if (items.length !== 3 || !isIdentifier(items[0])) return undefined;
  const name = items[0].datum.name;
  if (name !== '@' && name !== '@@') return undefined;
  if (!expander.freeEqual(items[0], expander.coreId(name))) return undefined;
  const whole = session.resolveModule(listToArray(stripSyntax(items[1])));
  if (whole === undefined) return undefined;
  const module = name === '@' ? whole.publicInterface! : whole;
  const variable = module.variable(stxDatum(items[2]));
  if (variable?.pendingSyntax === true) variable.force();
  return variable?.value instanceof Macro ? new Syntax(stxDatum(items[2]), TOP_WRAP, module) : undefined;
}

function toModule(session: Session, value: Value): Module {
  if (value instanceof Module) return value;
  if (value === undefined || value === false) return session.currentModule;
  throw wrongType('module-ref', 1, value, 'module');
}

function defineReflection(d: Definer): void {
  const { session } = d;
  d.pure('current-module', 0, 0, () => session.currentModule);
  d.pure('set-current-module', 1, 1, (module) => {
    const before = session.currentModule;
    session.currentModule = module;
    return before;
  });
  d.pure('module?', 1, 1, (x) => x instanceof Module);
  const resolve = (name: Value): Module => {
    const parts = listToArray(name);
    return session.resolveModule(parts) ?? session.makeModule(parts);
  };
  d.tail('resolve-module', 1, MANY, (name, autoload_ = true, ...rest) => {
    const parts = listToArray(name);
    const options = [autoload_, ...rest];
    const ensureAt = options.findIndex((option) => keyName(option) === 'ensure');
    const ensure = ensureAt < 0 ? true : options[ensureAt + 1] !== false;
    return session.resolveModule(parts) ?? (ensure ? resolve(name) : false);
  });
  d.tail('resolve-interface', 1, MANY, (name, ...rest) =>
    resolveUse(session, parseUse(session, rest.length === 0 ? name : new Pair(name, arrayToList(rest)))),
  );
  d.tail('module-use!', 2, 2, (module, used) => {
    module.use(used);
    return UNSPECIFIED;
  });
  d.pure('module-uses', 1, 1, (module) => arrayToList([...toModule(session, module).uses].reverse()));
  d.pure('module-name', 1, 1, (module) => arrayToList(module.name));
  d.pure('module-filename', 1, 1, (module) =>
    module.filename === undefined ? false : new MString(module.filename),
  );
  d.pure('module-public-interface', 1, 1, (module) => module.publicInterface ?? false);
  d.pure('module-variable', 2, 2, (module, name) => toModule(session, module).variable(name) ?? false);
  d.pure('module-local-variable', 2, 2, (module, name) => toModule(session, module).local(name) ?? false);
  d.tail('module-ref', 2, 3, (module, name, fallback) => {
    const value = toModule(session, module).variable(name)?.force();
    if (value !== undefined) return value;
    if (fallback !== undefined) return fallback;
    throw miscError('module-ref', 'No variable named ~S in ~S', [name, module]);
  });
  d.pure(
    'module-bound?',
    2,
    2,
    (module, name) => toModule(session, module).variable(name)?.force() !== undefined,
  );
  d.pure('module-defined?', 2, 2, (module, name) => toModule(session, module).variable(name) !== undefined);
  d.pure('module-define!', 3, 3, (module, name, value) => {
    toModule(session, module).define(name, value);
    return UNSPECIFIED;
  });
  d.pure('module-set!', 3, 3, (module, name, value) => {
    const variable = toModule(session, module).variable(name);
    if (variable === undefined) throw unboundVariable(name.name);
    variable.value = value;
    return UNSPECIFIED;
  });
  d.pure('module-add!', 3, 3, (module, name, variable) => {
    module.bind(name, variable);
    return UNSPECIFIED;
  });
  d.pure('module-ensure-local-variable!', 2, 2, (module, name) => module.ensure(name));
  const replacing = (rest: readonly Value[]) => keyName(rest[0]) === 'replace?' && rest[1] !== false;
  d.pure('module-export!', 2, 4, (module, names, ...rest) => {
    module.export(exportPairs(names), replacing(rest));
    return UNSPECIFIED;
  });
  d.pure('module-re-export!', 2, MANY, (module, names, ...rest) => {
    reexportNow(module, exportPairs(names), replacing(rest));
    return UNSPECIFIED;
  });
  d.pure('module-autoload!', 3, MANY, (module, name, bindings) => {
    autoload(session, { module, name, bindings });
    return UNSPECIFIED;
  });
  d.pure('beautify-user-module!', 1, 1, (module) => {
    module.use(session.core);
    return UNSPECIFIED;
  });
  d.pure('set-module-name!', 2, 2, (module, name) => {
    module.name = listToArray(name);
    session.modules.set(moduleLabel(module.name), module);
    return UNSPECIFIED;
  });
  d.pure('make-fresh-user-module', 0, 0, () => {
    const module = new Module([intern(`user-${++freshModules}`)]);
    module.use(session.core);
    return module;
  });
  d.pure('make-module', 0, 3, () => new Module([intern(`module-${++freshModules}`)]));
  d.steps('module-for-each', 2, 2, function* (f, module) {
    for (const [name, variable] of [...module.table]) yield tail2(f, name, variable);
    return UNSPECIFIED;
  });
  d.steps('module-map', 2, 2, function* (f, module) {
    const result: Value[] = [];
    for (const [name, variable] of [...module.table]) result.push(yield tail2(f, name, variable));
    return arrayToList(result);
  });
  d.pure('nested-ref', 2, 2, (_, names) => session.modules.get(moduleLabel(listToArray(names))) ?? false);
  d.pure('module-generate-unique-id!', 1, 1, (module) => module.id);
  d.pure('module-kind', 1, 1, (module) => intern(module.kind));
  d.pure('make-variable', 1, 1, (value) => new Variable(undefined, value));
  d.pure('make-undefined-variable', 0, 0, () => new Variable(undefined));
  d.pure('variable?', 1, 1, (x) => x instanceof Variable);
  d.tail('variable-ref', 1, 1, (x) => {
    if (!(x instanceof Variable)) throw wrongType('variable-ref', 1, x, 'variable');
    const value = x.force();
    if (value === undefined) throw miscError('variable-ref', 'variable is unbound: ~S', [x]);
    return value;
  });
  d.pure('variable-set!', 2, 2, (x, value) => {
    x.value = value;
    return UNSPECIFIED;
  });
  d.pure('variable-bound?', 1, 1, (x) => x.force() !== undefined);
  d.pure('variable-unset!', 1, 1, (x) => {
    x.value = undefined;
    return UNSPECIFIED;
  });
  d.pure('defined?', 1, 2, (name, module) => toModule(session, module).variable(name)?.force() !== undefined);
  d.pure('macro?', 1, 1, (x) => x instanceof Macro);
  d.pure('macro-name', 1, 1, (x) => intern(x.name));
  d.pure('macro-transformer', 1, 1, (x) => x.transformer ?? false);
  d.tail('eval', 2, 2, (form, module) => {
    const target = toModule(session, module);
    return session.evaluateForm(withSourcePlaces(form), { lazy: 'none', module: target });
  });
  d.tail('primitive-eval', 1, 1, (form) => session.evaluateForm(withSourcePlaces(form)));
  d.tail('load-from-text', 2, 2, (text, file) => session.evaluateText(text.text, { file: file.text }));
  d.tail('load', 1, 2, (file) => loadFile(session, displayText(file)));
  d.alias('primitive-load', 'load');
  d.steps('save-module-excursion', 1, 1, function* (thunk) {
    const saved = session.currentModule;
    const value = yield tailApply(thunk, []);
    session.currentModule = saved;
    return value;
  });
}

let freshModules = 0;
const MANY = Number.POSITIVE_INFINITY;

function loadFile(session: Session, file: string): Value {
  const data = session.host.readFile(file);
  if (data === undefined) throw miscError('load', 'cannot open file ~S', [new MString(file)]);
  const saved = session.currentFile;
  session.currentFile = file;
  try {
    return session.evaluateText(Buffer.from(data).toString('utf8'), { file });
  } finally {
    session.currentFile = saved;
  }
}

/** Module forms and reflection of (guile). */
export function defineModules(d: Definer): void {
  const { session } = d;
  for (const [name, form] of Object.entries(moduleForms(session))) {
    d.value(name, new Macro({ name, kind: 'core', form }));
  }
  session.expander.headRewriter = (head) => throughAt(session, session.expander, head);
  defineReflection(d);
  d.value('%load-path', arrayToList(session.host.loadPath.map((path) => new MString(path))));
  d.value('%load-extensions', list(new MString('.scm'), new MString('')));
  d.value('the-root-module', session.core);
  d.value('the-scm-module', session.core);
}
