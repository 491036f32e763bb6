// `<`: the order of numbers, strings, paths and lists.
import type { ByteString } from '../../foundation/byte-string.ts';
import { equalValues } from './equality.ts';
import { toNixError } from './errors.ts';
import { type Interpreter, showType } from './interpreter.ts';
import { printForError } from './print.ts';
import { Attrs, isFunction, isInteger, isString, NixFloat, NixPath, textOf, type Value } from './values.ts';

/** Whether `left` comes before `right`; both are forced already. */
export function compareValues(it: Interpreter, left: Value, right: Value, context: ByteString): boolean {
  try {
    if (isInteger(left)) {
      if (isInteger(right)) return left < right;
      if (right instanceof NixFloat) return Number(left) < right.value;
    } else if (left instanceof NixFloat) {
      if (right instanceof NixFloat) return left.value < right.value;
      if (isInteger(right)) return left.value < Number(right);
    } else if (isString(left)) {
      if (isString(right)) return examined(it, textOf(left)) < examined(it, textOf(right));
    } else if (left instanceof NixPath) {
      if (right instanceof NixPath) return examined(it, left.path) < examined(it, right.path);
    } else if (Array.isArray(left) && Array.isArray(right)) {
      for (let i = 0; ; i++) {
        if (i === right.length) return false;
        if (i === left.length) return true;
        const a = left[i]!;
        const b = right[i]!;
        if (!equalValues(it, a, b, 0)) {
          return compareValues(it, it.force(a, 0), it.force(b, 0), 'while comparing two list elements');
        }
      }
    }
    const types = `cannot compare ${showType(left)} with ${showType(right)}`;
    const values = `${printForError(it, left)} and ${printForError(it, right)}`;
    throw it.error(
      'eval',
      sameType(left, right)
        ? `${types}; values of that type are incomparable (values are ${values})`
        : `${types}; values are ${values}`,
    );
  } catch (thrown) {
    if (context === '') throw thrown;
    throw toNixError(thrown).addTrace(0, context);
  }
}

/** A text whose bytes decide the order. */
function examined(it: Interpreter, text: ByteString): ByteString {
  it.settings.examine?.(text);
  return text;
}

/** Of the values that cannot be ordered, whether two are of one type. */
function sameType(left: Value, right: Value): boolean {
  if (typeof left === 'boolean' || left === null) return typeof left === typeof right;
  if (left instanceof Attrs) return right instanceof Attrs;
  return isFunction(left) && isFunction(right);
}
