// The state of one interpreter: modules, machine, expander, and the evaluation of program text one top-level form at
// a time. Definitions may be left pending until somebody needs them.
import { compileTop, topEnv } from './compile.ts';
import { miscError } from './errors.ts';
import { type Classified, Expander, syntaxParameter } from './expand.ts';
import { Expansions, type FileExpansions, type KeptStep, type Step } from './expansions.ts';
import type { SchemeHost } from './host.ts';
import type { IR } from './ir.ts';
import { installMachine, Machine } from './machine.ts';
import { Module, moduleLabel } from './module.ts';
import { Closure, registers } from './procedures.ts';
import { type HashExtension, Reader } from './reader.ts';
import { skimDefinition } from './skim.ts';
import {
  isIdentifier,
  isStxPair,
  placeOf,
  Rib,
  Syntax,
  sameMarks,
  stripSyntax,
  stxCar,
  stxCdr,
  TOP_WRAP,
  wrapValue,
} from './syntax.ts';
import { withTemporariesOf } from './syntax-case.ts';
import { gensymCount, intern, list, Pair, type Sym, UNSPECIFIED, type Value } from './values.ts';
import { writeText } from './write.ts';

/** Which top-level definitions wait until they are used. */
export type Laziness = 'none' | 'functions' | 'all';

/** Fills a module with what TypeScript provides. */
export type ModuleBuilder = (session: Session, module: Module) => void;

export interface EvaluateOptions {
  readonly file: string;
  readonly module?: Module | undefined;
  readonly lazy?: Laziness;
  /** Whether forms know where they stand, as they do unless told otherwise. */
  readonly places?: boolean;
}

/** A text while its forms are evaluated. */
interface SourceText {
  readonly text: string;
  readonly file: string;
  readonly lazy: Laziness;
  readonly places: boolean;
  /** Of the file's name. */
  hash?: string;
  kept: FileExpansions | undefined;
  keptFor: { readonly module: Module; readonly uses: readonly Module[] } | undefined;
}

/** What a form comes to, as it is evaluated; no steps once it turns out that they cannot be kept. */
interface Recorder {
  steps: Step[] | undefined;
  /** Whether a part of the form waits to be evaluated. */
  postponed?: boolean;
  /** Whether the form gives another meaning to a name that it may have used before. */
  redefines?: boolean;
}

function unkept(recorder: Recorder | undefined): void {
  if (recorder !== undefined) recorder.steps = undefined;
}

interface TopContext {
  readonly rib: Rib;
  readonly lazy: Laziness;
  readonly recorder?: Recorder | undefined;
  /** Of a form whose steps have been carried out, when only its macros are wanted: those that it has given so far. */
  readonly macrosOnly?: Set<Sym> | undefined;
}

/** A form in its text, to be read again. */
interface FormPlace {
  readonly source: SourceText;
  readonly start: number;
  readonly end: number;
  readonly line: number;
  readonly column: number;
}

/** One interpreter. */
export class Session {
  readonly host: SchemeHost;
  readonly machine: Machine;
  readonly expander: Expander;
  /** (guile). */
  readonly core: Module;
  readonly modules = new Map<string, Module>();
  /** What modules are made of: TypeScript builders and Scheme texts. */
  readonly builders = new Map<string, ModuleBuilder[]>();
  readonly sources = new Map<
    string,
    { readonly text: string; readonly file: string; readonly lazy: Laziness }
  >();
  readonly extensions = new Map<string, HashExtension>();
  /** Laziness of modules found on the load path. */
  loadLaziness: (label: string) => Laziness = () => 'none';
  currentModule: Module;
  /** The file being loaded. */
  currentFile: string | undefined;
  readonly expansions: Expansions;
  /** Whether an expansion took in another file. */
  readOther = false;
  /** Forms evaluated so far that stand in no text. */
  private nameless = 0;
  /** Modules whose files are being loaded, outermost first. */
  readonly loading: string[] = [];

  constructor(host: SchemeHost) {
    this.host = host;
    this.machine = new Machine(() => (host.elapsed ?? host.now)());
    this.core = new Module([intern('guile')]);
    // Everything in (guile) is public.
    (this.core as { publicInterface: Module }).publicInterface = this.core;
    this.modules.set('guile', this.core);
    this.currentModule = this.core;
    const resolve = (label: string) => this.resolveModule(label.split(' ').map((part) => intern(part)));
    this.expansions = new Expansions(host, {
      find: (label) => this.modules.get(label),
      resolve,
      isLoading: (label) => this.loading.includes(label),
    });
    this.expander = new Expander(
      {
        currentModule: () => this.currentModule,
        apply: (procedure, args) => this.machine.apply(procedure, args),
        evaluate: (ir) => this.run(ir),
      },
      this.core,
    );
  }

  /** Makes this interpreter the one that runs; interpreters take turns. */
  activate(): void {
    installMachine(this.machine);
  }

  run(ir: IR): Value {
    const code = compileTop(ir);
    return this.machine.runCode(code, topEnv(code));
  }

  // Modules.

  addBuilder(label: string, builder: ModuleBuilder): void {
    const list_ = this.builders.get(label);
    if (list_ === undefined) this.builders.set(label, [builder]);
    else list_.push(builder);
  }

  /** A module that uses (guile), registered under its name. */
  makeModule(name: readonly Value[]): Module {
    const module = new Module(name);
    module.use(this.core);
    this.modules.set(moduleLabel(name), module);
    return module;
  }

  /** The module of this name, loaded when need be; undefined when there is no code for it. */
  resolveModule(name: readonly Value[], options: { load: boolean } = { load: true }): Module | undefined {
    const label = moduleLabel(name);
    const known = this.modules.get(label);
    if (known !== undefined || !options.load) return known;
    const builders = this.builders.get(label);
    const source = this.sources.get(label);
    if (builders !== undefined) {
      const module = this.makeModule(name);
      const before = this.currentModule;
      for (const builder of builders) builder(this, module);
      this.currentModule = before;
    }
    if (source !== undefined) {
      // A person sees errors where their own program called a library, not inside of it.
      this.load(label, { text: source.text, file: source.file, lazy: source.lazy, name, places: false });
    } else if (builders === undefined) {
      const found = this.findOnLoadPath(name);
      if (found === undefined) return undefined;
      this.load(label, { ...found, lazy: this.loadLaziness(label), name, places: true });
    }
    return this.modules.get(label);
  }

  private load(
    label: string,
    source: { text: string; file: string; lazy: Laziness; name: readonly Value[]; places: boolean },
  ): void {
    const saved = { module: this.currentModule, file: this.currentFile };
    this.loading.push(label);
    this.expansions.sawText(label, source.text);
    this.currentModule = this.modules.get('guile-user') ?? this.core;
    this.currentFile = source.file;
    try {
      this.evaluateText(source.text, { file: source.file, lazy: source.lazy, places: source.places });
    } catch (error) {
      this.modules.delete(label);
      throw error;
    } finally {
      this.loading.pop();
      this.currentModule = saved.module;
      this.currentFile = saved.file;
    }
  }

  private findOnLoadPath(name: readonly Value[]): { text: string; file: string } | undefined {
    const relative = `${name.map((part) => (part as Sym).name ?? String(part)).join('/')}.scm`;
    if (relative.split('/').some((part) => part === '..' || part === '')) return undefined;
    for (const directory of this.host.loadPath) {
      const file = `${directory.replace(/\/$/, '')}/${relative}`;
      const data = this.host.readFile(file);
      if (data !== undefined) return { text: Buffer.from(data).toString('utf8'), file };
    }
    return undefined;
  }

  /** The public interface of a module, loaded when need be. Throws `misc-error` when there is no such module. */
  interfaceOf(name: readonly Value[]): Module {
    const module = this.resolveModule(name);
    if (module?.publicInterface === undefined) {
      throw miscError(false, 'no code for module ~S', [list(...name)]);
    }
    return module.publicInterface;
  }

  // Evaluation.

  /** Evaluates all forms of a text; returns the last value. */
  evaluateText(text: string, options: EvaluateOptions): Value {
    const saved = this.currentModule;
    if (options.module !== undefined) this.currentModule = options.module;
    try {
      const places = options.places ?? true;
      const { file } = options;
      const reader = new Reader(text, { file, syntax: true, places, extensions: this.extensions });
      const lazy = options.lazy ?? 'none';
      const source: SourceText = { text, file, lazy, places, kept: undefined, keptFor: undefined };
      let value: Value = UNSPECIFIED;
      for (;;) {
        if (lazy !== 'none' && this.postponeText(reader, source)) continue;
        const start = reader.skipToDatum();
        if (start === undefined) return value;
        const kept = this.keptFor(source)?.find(start, { late: lazy === 'functions' });
        if (kept !== undefined) {
          const place = reader.place();
          if (places) registers.place = place;
          reader.advanceTo(kept.end);
          const { line, column } = place;
          value = this.carryOut(kept.steps, { source, start, end: kept.end, line, column });
          continue;
        }
        const form = reader.read();
        if (places) registers.place = placeOf(form);
        value = this.evaluateNew(form, { source, start, end: reader.position, lazy });
      }
    } finally {
      if (options.module !== undefined) this.currentModule = saved;
    }
  }

  /** Kept expansions for a text, as they are with what the present module uses. */
  private keptFor(source: SourceText): FileExpansions | undefined {
    if (!this.expansions.enabled) return undefined;
    const module = this.currentModule;
    const { keptFor } = source;
    if (keptFor === undefined || keptFor.module !== module || keptFor.uses !== module.uses) {
      source.keptFor = { module, uses: module.uses };
      // Before a module says what it uses there is nothing worth keeping.
      source.kept =
        module === this.core || module.uses.length > 1
          ? this.expansions.open({ text: source.text, file: source.file, module })
          : undefined;
    }
    return source.kept;
  }

  /** Evaluates a form that was just read, and keeps what it became. */
  private evaluateNew(
    form: Value,
    options: { source: SourceText; start: number; end: number; lazy: Laziness },
  ): Value {
    const kept = this.keptFor(options.source);
    const recorder: Recorder | undefined = kept === undefined ? undefined : { steps: [] };
    const symbols = gensymCount();
    const value = this.evaluateForm(form, {
      lazy: options.lazy,
      formName: formName(options),
      ...(recorder === undefined ? {} : { recorder }),
    });
    if (this.readOther) {
      // What other files say is not in the key.
      this.readOther = false;
      unkept(recorder);
    }
    if (recorder !== undefined && !recorder.postponed) {
      const givesMacros = recorder.steps?.some(({ kind }) => kind === 'syntax') === true;
      // Macros are had by expanding the form once more, and it has to come to the same then.
      if (givesMacros && (recorder.redefines === true || gensymCount() !== symbols)) unkept(recorder);
      kept!.add({ start: options.start, end: options.end, steps: recorder.steps });
    }
    return value;
  }

  private carryOut(steps: readonly KeptStep[], form: FormPlace): Value {
    let value: Value = UNSPECIFIED;
    for (const step of steps) {
      if (step.kind === 'define') {
        this.define(intern(step.name), this.run(step.ir));
        value = UNSPECIFIED;
      } else if (step.kind === 'syntax') {
        this.leavePending({ keyword: 'define-syntax', name: intern(step.name) }, () =>
          this.expandAgain(form),
        );
        value = UNSPECIFIED;
      } else if (step.kind === 'function') {
        const name = intern(step.name);
        this.leavePending({ keyword: 'define', name }, () => {
          let ir: IR;
          try {
            ir = step.read();
          } catch {
            return this.expandAgain(form);
          }
          this.define(name, this.run(ir));
        });
        value = UNSPECIFIED;
      } else if (step.kind === 'form') {
        value = this.evaluateForm(new Pair(this.expander.coreId(step.name), step.operands));
      } else value = this.run(step.ir);
    }
    return value;
  }

  /** Reads a form whose steps have been carried out, for what they left out: its macros. */
  private expandAgain(form: FormPlace): void {
    const { source, start, end, line, column } = form;
    const reader = new Reader(
      source.text.slice(start, end),
      { file: source.file, syntax: true, places: source.places, extensions: this.extensions },
      { line, column },
    );
    const rib = new Rib();
    const wrap = { marks: TOP_WRAP.marks, substs: { head: rib, tail: null } };
    const whole = wrapValue(reader.read(), wrap, this.currentModule);
    withTemporariesOf(formName(form), () => this.top(whole, { rib, lazy: 'none', macrosOnly: new Set() }));
  }

  /** Evaluates one datum or syntax object as a top-level form. */
  evaluateForm(
    form: Value,
    options: { lazy: Laziness; module?: Module; recorder?: Recorder; formName?: string } = { lazy: 'none' },
  ): Value {
    const saved = this.currentModule;
    const name = options.formName ?? `${++this.nameless}`;
    if (options.module !== undefined) this.currentModule = options.module;
    try {
      const rib = new Rib();
      const wrap = { marks: TOP_WRAP.marks, substs: { head: rib, tail: null } };
      const whole = wrapValue(form, wrap, this.currentModule);
      const { lazy, recorder } = options;
      return withTemporariesOf(name, () => this.top(whole, { rib, lazy, recorder }));
    } finally {
      if (options.module !== undefined) this.currentModule = saved;
    }
  }

  private top(form: Value, context: TopContext): Value {
    const { expander } = this;
    const { recorder } = context;
    // What is to be kept is expanded whole: next time its functions wait as text.
    const mayWait = context.lazy === 'all' || (context.lazy === 'functions' && recorder?.steps === undefined);
    if (mayWait && this.postpone(form, context)) {
      if (recorder !== undefined) recorder.postponed = true;
      return UNSPECIFIED;
    }
    const classified: Classified = expander.classify(form, context.rib);
    if (classified.type === 'core') {
      switch (classified.core.special) {
        case 'begin':
          return this.topAll(expander.formsOf(classified.form, 1), context);
        case 'eval-when':
          return expander.evalWhenApplies(classified.form)
            ? this.topAll(expander.formsOf(classified.form, 2), context)
            : UNSPECIFIED;
        case 'let-syntax':
        case 'letrec-syntax':
          return this.topAll(
            expander.localSyntax(classified.form, classified.core.special === 'letrec-syntax'),
            context,
          );
        case 'define':
          return this.topDefine(classified.form, context);
        case 'define-syntax':
        case 'define-syntax-parameter':
          return this.topDefineSyntax(classified.form, context, classified.core.special);
      }
    }
    if (context.macrosOnly !== undefined) return UNSPECIFIED;
    const ir = expander.expandClassified(classified);
    if (classified.type === 'core' && classified.core.special === 'top-level') {
      const { name } = classified.core;
      if (name === undefined) unkept(recorder);
      else recorder?.steps?.push({ kind: 'form', name, operands: stripSyntax(stxCdr(classified.form)) });
    } else recorder?.steps?.push({ kind: 'run', ir });
    return this.run(ir);
  }

  private topAll(forms: readonly Value[], context: TopContext): Value {
    let value: Value = UNSPECIFIED;
    for (const form of forms) value = this.top(form, context);
    return value;
  }

  /** The name a top-level definition binds: what a macro introduced is renamed, as in Guile. */
  private topName(id: Syntax, form: Value, rib: Rib): Sym {
    if (sameMarks(id.wrap.marks, TOP_WRAP.marks)) {
      // A rib of an earlier definition may rename it still.
      return id.datum;
    }
    const name = intern(`${id.datum.name}-${hashText(writeText(stripSyntax(form))).toString(16)}`);
    rib.add(id, new Syntax(name, TOP_WRAP, this.currentModule));
    return name;
  }

  private topDefine(form: Value, context: TopContext): Value {
    const { id, rhs } = this.expander.parseDefine(form);
    const name = this.topName(id, form, context.rib);
    if (context.macrosOnly !== undefined && this.currentModule.local(name)?.isThere === true)
      return UNSPECIFIED;
    this.noteRedefinition(name, context);
    const ir = nameLambda(rhs(), name.name);
    context.recorder?.steps?.push({ kind: 'define', name: name.name, ir });
    this.define(name, this.run(ir));
    return UNSPECIFIED;
  }

  private define(name: Sym, value: Value): void {
    const single =
      value !== null && typeof value === 'object' && 'list' in value && Array.isArray(value.list)
        ? value.list[0]
        : value;
    if (single instanceof Closure && (single.name === false || single.name === undefined)) single.name = name;
    this.currentModule.define(name, single);
  }

  private topDefineSyntax(
    form: Value,
    context: TopContext,
    special: 'define-syntax' | 'define-syntax-parameter',
  ): Value {
    const { id, rhs } = this.expander.parseDefineSyntax(form);
    const name = this.topName(id, form, context.rib);
    const module = this.currentModule;
    const { macrosOnly, recorder } = context;
    if (macrosOnly !== undefined) {
      // Something else has been made of the name since.
      if (module.local(name)?.value !== undefined && !macrosOnly.has(name)) return UNSPECIFIED;
      macrosOnly.add(name);
    }
    this.noteRedefinition(name, context);
    const { macro, isPlain } = this.expander.makePlainMacro(rhs, name.name);
    if (isPlain) recorder?.steps?.push({ kind: 'syntax', name: name.name });
    else unkept(recorder);
    module.define(name, special === 'define-syntax' ? macro : syntaxParameter(name.name, macro));
    return UNSPECIFIED;
  }

  /** Notes a definition of what meant something before: a part of the same form may have used it with that meaning. */
  private noteRedefinition(name: Sym, { recorder }: TopContext): void {
    if (recorder?.steps === undefined) return;
    const isMacro = this.expander.resolveTop(name, this.currentModule).type === 'macro';
    const isNamed = recorder.steps.some((step) => step.kind !== 'run' && step.name === name.name);
    if (isMacro || isNamed) recorder.redefines = true;
  }

  /** As {@link postpone}, for a definition that has not even been read. */
  private postponeText(reader: Reader, source: SourceText): boolean {
    const start = reader.skipToDatum();
    if (start === undefined) return false;
    const found = skimDefinition(reader.text, start);
    if (found === undefined) return false;
    const isSyntax = isSyntaxKeyword(found.keyword);
    if (!isSyntax && !found.isFunction && source.lazy !== 'all') return false;
    const module = this.currentModule;
    // Whatever the module means by `define` must be the core's, unless its file is trusted to hold plain definitions:
    // Guix has a `define-public` of its own.
    const keyword = this.core.local(intern(found.keyword));
    if (keyword?.force() === undefined) return false;
    if (source.lazy !== 'all' && module.variable(intern(found.keyword)) !== keyword) return false;
    const { line, column } = reader.place();
    reader.advanceTo(found.end);
    const text = reader.text.slice(start, found.end);
    this.leavePending({ keyword: found.keyword, name: intern(found.name) }, () => {
      const kept = isSyntax ? undefined : this.keptFor(source)?.find(start, { late: false });
      if (kept !== undefined) {
        this.carryOut(kept.steps, { source, start, end: found.end, line, column });
        return;
      }
      const part = new Reader(
        text,
        { file: source.file, syntax: true, places: source.places, extensions: this.extensions },
        { line, column },
      );
      this.evaluateNew(part.read(), { source, start, end: found.end, lazy: 'none' });
    });
    return true;
  }

  /** Makes a variable of the current module whose definition `define` carries out, in that module, when it is needed. */
  private leavePending(
    { keyword, name }: { readonly keyword: string; readonly name: Sym },
    define: () => void,
  ): void {
    const module = this.currentModule;
    const variable = module.ensure(name);
    variable.value = undefined;
    variable.pendingSyntax = isSyntaxKeyword(keyword);
    variable.pending = () => {
      const saved = this.currentModule;
      this.currentModule = module;
      try {
        define();
      } finally {
        this.currentModule = saved;
      }
    };
    if (keyword.endsWith('-public')) module.export([name]);
  }

  /** Leaves a definition pending when it may wait; false when it must be evaluated now. */
  private postpone(form: Value, context: TopContext): boolean {
    if (!isStxPair(form)) return false;
    const head = stxCar(form);
    if (!isIdentifier(head)) return false;
    const binding = this.expander.resolve(head);
    if (binding.type !== 'macro' || this.core.local(head.datum)?.value !== binding.macro) return false;
    const rest = stxCdr(form);
    if (!isStxPair(rest)) return false;
    const target = stxCar(rest);
    const isFunction = isStxPair(target);
    let id = target;
    while (isStxPair(id)) id = stxCar(id);
    if (!isIdentifier(id) || !sameMarks(id.wrap.marks, TOP_WRAP.marks)) return false;
    switch (head.datum.name) {
      case 'define':
      case 'define-public':
        if (!isFunction && context.lazy !== 'all' && !isLambda(rest)) return false;
        break;
      case 'define*':
      case 'define*-public':
      case 'define-syntax':
      case 'define-syntax-rule':
        break;
      default:
        return false;
    }
    const formName = `${++this.nameless}`;
    this.leavePending({ keyword: head.datum.name, name: id.datum }, () =>
      withTemporariesOf(formName, () => this.top(form, { rib: context.rib, lazy: 'none' })),
    );
    return true;
  }
}

function isSyntaxKeyword(keyword: string): boolean {
  return keyword === 'define-syntax' || keyword === 'define-syntax-rule';
}

function isLambda(rest: Value): boolean {
  const value = stxCdr(rest);
  if (!isStxPair(value) || !isStxPair(stxCar(value))) return false;
  const head = stxCar(stxCar(value));
  return isIdentifier(head) && /^(case-)?lambda\*?$/.test(head.datum.name);
}

function nameLambda(ir: IR, name: string): IR {
  if (ir.kind === 'lambda') ir.name ??= name;
  return ir;
}

/** A name for a form of a text, for the names of its temporaries. */
function formName({ source, start }: { readonly source: SourceText; readonly start: number }): string {
  source.hash ??= hashText(source.file).toString(36);
  return `${source.hash}-${start}`;
}

/** FNV-1a over UTF-16 units, 52 bits or so: stable between runs. */
function hashText(text: string): number {
  let low = 0x811c9dc5;
  let high = 0x1234567;
  for (let i = 0; i < text.length; i++) {
    low = Math.imul(low ^ text.charCodeAt(i), 0x01000193) >>> 0;
    high = Math.imul(high ^ text.charCodeAt(i), 0x01000197) >>> 0;
  }
  return low * 0x100000 + (high & 0xfffff);
}
