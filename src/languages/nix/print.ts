// Values as text: the form of error messages and traces, that of `nix eval`, and that of `nix-instantiate --eval`.
import { splitStorePath } from '../../formats/store-path.ts';
import { type ByteString, toByteString } from '../../foundation/byte-string.ts';
import { coerceToString } from './coerce.ts';
import { ContextBuilder } from './context.ts';
import { NixError, toNixError } from './errors.ts';
import { blackHole, type Interpreter } from './interpreter.ts';
import { locate } from './lazy-attrs.ts';
import { showPosition } from './positions.ts';
import { printAttrName, printSymbol, quoteString } from './print-names.ts';
import { formatFloat } from './show-node.ts';
import {
  Attrs,
  isFunction,
  Lambda,
  lexicographicOrder,
  NixFloat,
  NixPath,
  NixString,
  PrimOp,
  type Slot,
  Thunk,
  type Value,
} from './values.ts';

const open = toByteString('«');
const close = toByteString('»');

interface PrintLimits {
  readonly depth: number;
  readonly attrs: number;
  readonly items: number;
  readonly stringLength: number;
}

const errorLimits: PrintLimits = { depth: 10, attrs: 10, items: 10, stringLength: 1024 };
const infinite = Number.POSITIVE_INFINITY;
const noLimits: PrintLimits = { depth: infinite, attrs: infinite, items: infinite, stringLength: infinite };

/** A value as error messages show it: nothing is evaluated for it, and big things are cut short. */
export function printForError(it: Interpreter, value: Slot): ByteString {
  return new Printer(it, { limits: errorLimits, force: false }).print(value, 0);
}

/** A value as `trace` shows it: nothing is evaluated for it. */
export function printForTrace(it: Interpreter, value: Slot): ByteString {
  return new Printer(it, { limits: noLimits, force: false }).print(value, 0);
}

/**
 * A value as `nix eval` prints it: everything in it is evaluated, derivations are named by their path, and what fails
 * inside of it is shown as `«error: …»`. Throws what evaluating the value itself throws, and stack overflows.
 */
export function printForced(it: Interpreter, value: Slot): ByteString {
  it.force(value, it.positionOf(value));
  return new Printer(it, { limits: noLimits, force: true }).print(value, 0);
}

class Printer {
  private readonly it: Interpreter;
  private readonly limits: PrintLimits;
  private readonly isForcing: boolean;
  private readonly seen = new Set<object>();
  private attrsPrinted = 0;
  private itemsPrinted = 0;

  constructor(it: Interpreter, { limits, force }: { readonly limits: PrintLimits; readonly force: boolean }) {
    this.it = it;
    this.limits = limits;
    this.isForcing = force;
  }

  print(slot: Slot, depth: number): ByteString {
    const { it } = this;
    if (depth > it.settings.maxCallDepth) {
      throw new NixError('stack-overflow', 'stack overflow; max-call-depth exceeded', {
        position: it.positionOf(slot),
      });
    }
    if (this.isForcing) return this.printForced(slot, depth);
    if (slot instanceof Thunk) {
      if (slot.code === null) return this.printValue(slot.value, slot, depth);
      return `${open}${slot.code === blackHole ? 'potential infinite recursion' : 'thunk'}${close}`;
    }
    return this.printValue(slot, slot, depth);
  }

  private printForced(slot: Slot, depth: number): ByteString {
    const { it } = this;
    const calls = it.depth;
    try {
      return this.printValue(it.force(slot, it.positionOf(slot)), slot, depth);
    } catch (thrown) {
      const error = toNixError(thrown);
      if (error.kind === 'stack-overflow') throw error;
      it.depth = calls;
      return `${open}error: ${error.message}${close}`;
    }
  }

  private printValue(value: Value, slot: Slot, depth: number): ByteString {
    if (value === null) return 'null';
    switch (typeof value) {
      case 'boolean':
      case 'number':
      case 'bigint':
        return String(value);
      case 'string':
        return quoteString(value, this.limits.stringLength);
    }
    if (value instanceof NixString) return quoteString(value.text, this.limits.stringLength);
    if (value instanceof NixFloat) return formatFloat(value.value);
    if (value instanceof NixPath) return value.path.replace(/(?<=.)\/$/, '');
    if (value instanceof Attrs) return this.printAttrs(value, depth);
    if (Array.isArray(value)) return this.printList(value, slot, depth);
    if (value instanceof Lambda) {
      const { name, position } = value.code;
      const shown = name < 0 ? '' : ` ${printSymbol(this.it.symbols.names[name]!)}`;
      return `${open}lambda${shown} @ ${showPosition(this.it.positions.resolve(position))}${close}`;
    }
    if (value instanceof PrimOp) return `${open}primop ${value.name}${close}`;
    return `${open}partially applied primop ${value.primOp.name}${close}`;
  }

  private elided(count: number, one: string, many: string): ByteString {
    return `${open}${count} ${count === 1 ? one : many} elided${close}`;
  }

  private printAttrs(attrs: Attrs, depth: number): ByteString {
    if (this.seen.has(attrs)) return `${open}repeated${close}`;
    this.seen.add(attrs);
    if (this.isForcing && this.it.isDerivation(attrs)) return this.printDerivation(attrs);
    if (depth >= this.limits.depth) return '{ ... }';
    const names = this.it.symbols.names;
    let order = lexicographicOrder(attrs, names);
    if (this.limits.attrs !== infinite) {
      // What says most about a set comes first when it will be cut short.
      const isImportant = (index: number) => /^_?type$/.test(names[attrs.names[index]!]!);
      order = [...order.filter(isImportant), ...order.filter((index) => !isImportant(index))];
    }
    let out = '{';
    let printed = 0;
    for (const index of order) {
      out += ' ';
      if (this.attrsPrinted >= this.limits.attrs) {
        out += this.elided(order.length - printed, 'attribute', 'attributes');
        break;
      }
      out += `${printAttrName(names[attrs.names[index]!]!)} = ${this.print(attrs.values[index]!, depth + 1)};`;
      this.attrsPrinted++;
      printed++;
    }
    return `${out} }`;
  }

  private printDerivation(attrs: Attrs): ByteString {
    const { it } = this;
    const drvPath = locate(attrs, it.symbols.drvPath);
    if (drvPath === undefined) return `${open}derivation${close}`;
    const path = coerceToString(it, drvPath.slot, new ContextBuilder(), {
      position: drvPath.position,
      errorContext: 'while evaluating the drvPath of a derivation',
      copyToStore: false,
    });
    if (splitStorePath(path, it.host.storeDirectory)?.rest !== '') {
      throw it.error('eval', `path '${path}' is not in the Nix store`);
    }
    return `${open}derivation ${path}${close}`;
  }

  private printList(list: readonly Slot[], slot: Slot, depth: number): ByteString {
    if (list.length > 0) {
      if (this.seen.has(slot as object)) return `${open}repeated${close}`;
      this.seen.add(slot as object);
    }
    if (depth >= this.limits.depth) return '[ ... ]';
    let out = '[';
    for (const [index, element] of list.entries()) {
      out += ' ';
      if (this.itemsPrinted >= this.limits.items) {
        out += this.elided(list.length - index, 'item', 'items');
        break;
      }
      out += this.print(element, depth + 1);
      this.itemsPrinted++;
    }
    return `${out} ]`;
  }
}

/**
 * A value as `nix-instantiate --eval` prints it: what is not evaluated yet is `<CODE>`, functions are `<LAMBDA>`.
 * For `--strict`, force it deeply first.
 */
export function printValue(it: Interpreter, slot: Slot): ByteString {
  const seen = new Set<object>();
  const names = it.symbols.names;
  const print = (item: Slot, depth: number): ByteString => {
    if (depth > it.settings.maxCallDepth) {
      throw new NixError('stack-overflow', 'stack overflow; max-call-depth exceeded', {
        position: it.positionOf(item),
      });
    }
    let value: Value;
    if (item instanceof Thunk) {
      if (item.code !== null) {
        return item.code === blackHole ? `${open}potential infinite recursion${close}` : '<CODE>';
      }
      value = item.value;
    } else value = item;
    if (value instanceof Attrs) {
      if (value.names.length > 0) {
        if (seen.has(value)) return `${open}repeated${close}`;
        seen.add(value);
      }
      let out = '{ ';
      for (const index of lexicographicOrder(value, names)) {
        out += `${printSymbol(names[value.names[index]!]!)} = ${print(value.values[index]!, depth + 1)}; `;
      }
      return `${out}}`;
    }
    if (Array.isArray(value)) {
      if (value.length > 0) {
        if (seen.has(item as object)) return `${open}repeated${close}`;
        seen.add(item as object);
      }
      return `[ ${value.map((element) => `${print(element, depth + 1)} `).join('')}]`;
    }
    if (value instanceof Lambda) return '<LAMBDA>';
    if (value instanceof PrimOp) return '<PRIMOP>';
    if (isFunction(value)) return '<PRIMOP-APP>';
    if (value instanceof NixString) return quoteString(value.text);
    if (typeof value === 'string') return quoteString(value);
    if (value instanceof NixFloat) return formatFloat(value.value);
    if (value instanceof NixPath) return value.path.replace(/(?<=.)\/$/, '');
    return String(value);
  };
  return print(slot, 0);
}
