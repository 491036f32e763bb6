// Evaluates a value and everything in it.
import { toNixError } from './errors.ts';
import type { Interpreter } from './interpreter.ts';
import { Attrs, type Slot } from './values.ts';

/** Forces a slot deeply; shared and cyclic parts are visited once. */
export function forceDeep(it: Interpreter, start: Slot): void {
  const seen = new Set<unknown>();
  const visit = (slot: Slot): void => {
    it.enter(it.positionOf(slot));
    visitOnce(slot);
    it.depth--;
  };
  const visitOnce = (slot: Slot): void => {
    const isObject = typeof slot === 'object' && slot !== null;
    if (isObject) {
      if (seen.has(slot)) return;
      seen.add(slot);
    }
    const value = it.force(slot, it.positionOf(slot));
    if (value instanceof Attrs) {
      if (value !== slot) {
        if (seen.has(value)) return;
        seen.add(value);
      }
      for (let i = 0; i < value.names.length; i++) {
        try {
          visit(value.values[i]!);
        } catch (thrown) {
          const name = it.symbols.names[value.names[i]!];
          throw toNixError(thrown).addTrace(value.positionAt(i), `while evaluating the attribute '${name}'`);
        }
      }
    } else if (Array.isArray(value)) {
      if (value !== slot) {
        if (seen.has(value)) return;
        seen.add(value);
      }
      for (const [index, element] of value.entries()) {
        try {
          visit(element);
        } catch (thrown) {
          throw toNixError(thrown).addTrace(0, `while evaluating list element at index ${index}`);
        }
      }
    }
  };
  visit(start);
}
