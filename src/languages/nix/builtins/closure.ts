// `genericClosure`: everything that can be reached from a set of elements, each key once.
import { compareValues } from '../compare.ts';
import { toNixError } from '../errors.ts';
import type { Interpreter } from '../interpreter.ts';
import { printForError } from '../print.ts';
import { isString, type List, type Slot, textOf, type Value } from '../values.ts';
import type { Builtin } from './builtin.ts';

interface Entry {
  readonly key: Value;
  readonly element: Slot;
}

/** Keys met so far, in order; strings and integers, the common case, are also found without comparing. */
class Keys {
  private readonly it: Interpreter;
  private readonly sorted: Entry[] = [];
  private readonly strings = new Set<string>();
  private readonly numbers = new Set<number | bigint>();

  constructor(it: Interpreter) {
    this.it = it;
  }

  /** Adds a key; false when it is there already. */
  add(entry: Entry): boolean {
    const { key } = entry;
    const { strings, numbers, sorted } = this;
    if (isString(key) && strings.size === sorted.length) {
      const text = textOf(key);
      if (strings.has(text)) return false;
      strings.add(text);
      sorted.push(entry);
      return true;
    }
    if (typeof key === 'number' && numbers.size === sorted.length) {
      if (numbers.has(key)) return false;
      numbers.add(key);
      sorted.push(entry);
      return true;
    }
    return this.insert(entry);
  }

  private insert(entry: Entry): boolean {
    const { sorted } = this;
    const less = (a: Value, b: Value) => compareValues(this.it, a, b, '');
    if (this.strings.size > 0 || this.numbers.size > 0) {
      // Keys of another kind turn up: from here on everything is compared.
      sorted.sort((a, b) => (less(a.key, b.key) ? -1 : 1));
      this.strings.clear();
      this.numbers.clear();
    }
    let low = 0;
    let high = sorted.length;
    // The new key is compared with old ones, in this order; errors show it.
    while (low < high) {
      const middle = (low + high) >> 1;
      if (less(entry.key, sorted[middle]!.key)) high = middle;
      else low = middle + 1;
    }
    const before = sorted[low - 1];
    if (before !== undefined && !less(before.key, entry.key)) return false;
    sorted.splice(low, 0, entry);
    return true;
  }

  /** An element whose key cannot be compared with another key. */
  incomparable(key: Value): Slot | undefined {
    const { depth } = this.it;
    for (const entry of this.sorted) {
      try {
        compareValues(this.it, key, entry.key, '');
      } catch {
        this.it.depth = depth;
        return entry.element;
      }
    }
    return undefined;
  }
}

function genericClosure(it: Interpreter, slot: Slot): Value {
  const { symbols } = it;
  const argument = 'in the attrset passed as argument to builtins.genericClosure';
  const attrs = it.forceAttrs(
    slot,
    0,
    'while evaluating the first argument passed to builtins.genericClosure',
  );
  const startIndex = it.requireAttr(attrs, symbols.intern('startSet'), argument);
  const start = it.forceList(
    attrs.values[startIndex]!,
    0,
    "while evaluating the 'startSet' attribute passed as argument to builtins.genericClosure",
  );
  if (start.length === 0) return start;
  const operatorIndex = it.requireAttr(attrs, symbols.intern('operator'), argument);
  const operator = it.forceFunction(
    attrs.values[operatorIndex]!,
    0,
    "while evaluating the 'operator' attribute passed as argument to builtins.genericClosure",
  );
  const keyName = symbols.intern('key');
  const work: Slot[] = [...start];
  const result: List = [];
  const keys = new Keys(it);
  for (let next = 0; next < work.length; next++) {
    const element = work[next]!;
    const shown = () => printForError(it, element);
    let keySlot: Slot;
    try {
      const elementAttrs = it.forceAttrs(element, 0, '');
      keySlot = elementAttrs.values[it.requireAttr(elementAttrs, keyName, '')]!;
    } catch (thrown) {
      throw toNixError(thrown).addTrace(0, `in genericClosure element ${shown()}`);
    }
    const key = it.force(keySlot, 0);
    let isNew: boolean;
    try {
      isNew = keys.add({ key, element });
    } catch (thrown) {
      const error = toNixError(thrown);
      const other = keys.incomparable(key);
      if (other === undefined) throw error.addTrace(0, `while checking key of element ${shown()}`);
      throw error
        .addTrace(0, `with element ${printForError(it, other)}`)
        .addTrace(0, `while comparing element ${shown()}`);
    }
    if (!isNew) continue;
    result.push(element);
    try {
      const more = it.forceList(
        it.call1(operator, element, 0),
        0,
        'while evaluating the return value of the `operator` passed to builtins.genericClosure',
      );
      for (const added of more) {
        it.force(added, 0);
        work.push(added);
      }
    } catch (thrown) {
      throw toNixError(thrown).addTrace(0, `while calling operator on genericClosure element ${shown()}`);
    }
  }
  return result;
}

export function closureBuiltins(it: Interpreter): Builtin[] {
  return [{ name: '__genericClosure', arity: 1, call: (slot) => genericClosure(it, slot) }];
}
