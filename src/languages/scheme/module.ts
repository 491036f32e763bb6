// Modules: named tables of variables, the interfaces they use, and where an unbound name is looked for.
// Follows Guile's manual, "Modules"; a variable may be pending, its definition evaluated on first use.
import { intern, type Sym, type Value } from './values.ts';

/** A module's variable. `value` is undefined while unbound. */
export class Variable {
  value: Value;
  readonly name: Sym | undefined;
  /** Evaluates the definition that gives the value; dropped once it ran. */
  pending: (() => void) | undefined;
  /** Whether the pending definition is one of syntax. */
  pendingSyntax = false;
  constructor(name: Sym | undefined, value?: Value) {
    this.name = name;
    this.value = value;
  }
  /** Whether it is bound, or will be once somebody asks. */
  get isThere(): boolean {
    return this.value !== undefined || this.pending !== undefined;
  }
  /** The value, after evaluating a pending definition; undefined when unbound. */
  force(): Value {
    if (this.value === undefined && this.pending !== undefined) {
      const pending = this.pending;
      this.pending = undefined;
      pending();
    }
    return this.value;
  }
}

let counter = 0;

/** A Guile module, or the interface of one. */
export class Module {
  /** Parts of the name: `(ice-9 match)`. */
  name: readonly Value[];
  readonly table = new Map<Sym, Variable>();
  uses: Module[] = [];
  /** What the module exports; interfaces have none. */
  readonly publicInterface: Module | undefined;
  readonly kind: 'directory' | 'interface' | 'custom-interface';
  readonly id = ++counter;
  /** Finds names that the table has not: autoloads. */
  binder: ((name: Sym) => Variable | undefined) | undefined;
  /** Exported names that replace core bindings without a warning. */
  readonly replacements = new Set<Sym>();
  declarative = true;
  filename: string | undefined;
  version: Value = false;
  /** Read-syntax and reader options that the file asked for. */
  transformer: Value = false;
  /** Names re-exported from used modules, until they are bound there. */
  readonly pendingExports = new Map<Sym, Sym>();
  private readonly imported = new Map<Sym, Variable>();

  constructor(name: readonly Value[], kind: Module['kind'] = 'directory') {
    this.name = name;
    this.kind = kind;
    this.publicInterface = kind === 'directory' ? new Module(name, 'interface') : undefined;
  }

  /** `a b` for module (a b). */
  get label(): string {
    return moduleLabel(this.name);
  }

  /** This module's own variable of a name. */
  local(name: Sym): Variable | undefined {
    return this.table.get(name) ?? this.binder?.(name);
  }

  /** The variable that a name stands for here: own first, then imported. */
  variable(name: Sym): Variable | undefined {
    const own = this.local(name);
    if (own !== undefined) return own;
    const known = this.imported.get(name);
    if (known !== undefined) return known;
    // Later uses come first; an interface that replaces a name wins over one that merely has it.
    let found: Variable | undefined;
    for (let i = this.uses.length - 1; i >= 0; i--) {
      const candidate = this.uses[i]!.variable(name);
      if (candidate === undefined) continue;
      if (this.uses[i]!.replacements.has(name)) {
        found = candidate;
        break;
      }
      found ??= candidate;
    }
    if (found !== undefined) this.imported.set(name, found);
    return found;
  }

  /** This module's own variable, made when there is none. */
  ensure(name: Sym): Variable {
    let variable = this.local(name);
    if (variable === undefined) {
      variable = new Variable(name);
      this.table.set(name, variable);
      this.imported.delete(name);
    }
    return variable;
  }

  define(name: Sym | string, value: Value): void {
    const variable = this.ensure(typeof name === 'string' ? intern(name) : name);
    variable.pending = undefined;
    variable.value = value;
  }

  /** Binds a name to an existing variable. */
  bind(name: Sym, variable: Variable): void {
    this.table.set(name, variable);
    this.imported.delete(name);
  }

  use(interfaceModule: Module): void {
    if (this.uses.includes(interfaceModule)) return;
    this.uses = [...this.uses, interfaceModule];
    this.imported.clear();
  }

  /** Exports names; `[name, external name]` renames. */
  export(names: Iterable<Sym | readonly [Sym, Sym]>, replace = false): void {
    for (const entry of names) {
      const [internal, external] = Array.isArray(entry)
        ? (entry as [Sym, Sym])
        : [entry as Sym, entry as Sym];
      const variable = this.local(internal) ?? this.ensure(internal);
      this.publicInterface?.bind(external, variable);
      if (replace) this.publicInterface?.replacements.add(external);
    }
  }

  /** Exports imported names. Returns the first that is not bound, or undefined. */
  reexport(names: Iterable<readonly [Sym, Sym]>, replace = false): Sym | undefined {
    for (const [internal, external] of names) {
      const variable = this.variable(internal);
      if (variable === undefined) return internal;
      this.publicInterface?.bind(external, variable);
      if (replace) this.publicInterface?.replacements.add(external);
    }
    return undefined;
  }

  /** Every name that can be seen here, for "did you mean". */
  *visibleNames(): Generator<string> {
    for (const name of this.table.keys()) yield name.name;
    for (const use of this.uses) yield* use.visibleNames();
  }

  forgetImports(): void {
    this.imported.clear();
  }
}

/** A module name as one string, the key of the module table: `ice-9 match`. */
export function moduleLabel(name: readonly Value[]): string {
  return name.map((part) => (typeof part === 'object' && part !== null ? part.name : String(part))).join(' ');
}
