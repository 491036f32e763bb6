// `==`, and its twin that says what differs, for failed assertions.

import { formatFixed } from './coerce.ts';
import { toNixError } from './errors.ts';
import type { Interpreter } from './interpreter.ts';
import { showType } from './interpreter.ts';
import type { Position } from './positions.ts';
import { printForError } from './print.ts';
import {
  Attrs,
  getAttr,
  isFunction,
  isInteger,
  isString,
  NixFloat,
  NixPath,
  type Slot,
  textOf,
  type Value,
} from './values.ts';

/**
 * Whether two elements (of lists or sets) are equal. They are when they share their slot, even functions; operands of
 * `==` never share one, see {@link equalOperands}.
 */
export function equalValues(it: Interpreter, left: Slot, right: Slot, position: Position): boolean {
  it.enter(position);
  const a = it.force(left, position);
  const b = it.force(right, position);
  const equal = (left === right && typeof left === 'object') || compare(it, a, b, position);
  it.depth--;
  return equal;
}

/** Whether two operands are equal; both are forced already. */
export function equalOperands(it: Interpreter, left: Value, right: Value, position: Position): boolean {
  it.enter(position);
  const equal = compare(it, left, right, position);
  it.depth--;
  return equal;
}

function compare(it: Interpreter, a: Value, b: Value, position: Position): boolean {
  if (typeof a === 'string' && typeof b === 'string') return a === b;
  if (isNumber(a) && isNumber(b)) return numberOf(a) === numberOf(b) && exactlyEqual(a, b);
  if (isString(a)) return isString(b) && textOf(a) === textOf(b);
  if (a === null || typeof a === 'boolean') return a === b;
  if (a instanceof NixPath) return b instanceof NixPath && a.path === b.path;
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false;
    for (let i = 0; i < a.length; i++) if (!equalValues(it, a[i]!, b[i]!, position)) return false;
    return true;
  }
  if (!(a instanceof Attrs) || !(b instanceof Attrs)) return false;
  if (it.isDerivation(a) && it.isDerivation(b)) {
    const first = getAttr(a, it.symbols.outPath);
    const second = getAttr(b, it.symbols.outPath);
    if (first !== undefined && second !== undefined) return equalValues(it, first, second, position);
  }
  if (a.names.length !== b.names.length) return false;
  for (let i = 0; i < a.names.length; i++) {
    if (a.names[i] !== b.names[i] || !equalValues(it, a.values[i]!, b.values[i]!, position)) return false;
  }
  return true;
}

function isNumber(value: Value): value is number | bigint | NixFloat {
  return isInteger(value) || value instanceof NixFloat;
}

function numberOf(value: number | bigint | NixFloat): number {
  return value instanceof NixFloat ? value.value : Number(value);
}

/** Two integers are compared in full; an integer and a float as floats. */
function exactlyEqual(a: number | bigint | NixFloat, b: number | bigint | NixFloat): boolean {
  return a instanceof NixFloat || b instanceof NixFloat || a === b;
}

/** Throws an assertion error that says where two values differ; returns when they do not. */
export function assertEqualOperands(it: Interpreter, left: Value, right: Value, position: Position): void {
  it.enter(position);
  assertEqual(it, left, right, position);
  it.depth--;
}

function assertEqualValues(it: Interpreter, left: Slot, right: Slot, position: Position): void {
  it.enter(position);
  const a = it.force(left, position);
  const b = it.force(right, position);
  if (left !== right || typeof left !== 'object') assertEqual(it, a, b, position);
  it.depth--;
}

function assertEqual(it: Interpreter, a: Value, b: Value, position: Position): void {
  const fail = (message: string): never => {
    throw it.error('assertion', message);
  };
  const shown = (value: Value) => printForError(it, value);
  if (isNumber(a) && isNumber(b)) {
    if (compare(it, a, b, position)) return;
    fail(`${showType(a)} with value '${shown(a)}' is not equal to ${showType(b)} with value '${shown(b)}'`);
  }
  if (typeName(a) !== typeName(b)) {
    fail(`${showType(a)} of value '${shown(a)}' is not equal to ${showType(b)} of value '${shown(b)}'`);
  }
  if (a instanceof NixFloat) {
    fail(`float '${formatFixed(a.value)}' is not equal to float '${formatFixed(numberOf(b as NixFloat))}'`);
  }
  if (Array.isArray(a)) {
    const other = b as Slot[];
    if (a.length !== other.length) {
      fail(
        `list of size '${a.length}' is not equal to list of size '${other.length}', left hand side is '${shown(a)}', right hand side is '${shown(b)}'`,
      );
    }
    for (const [index, element] of a.entries()) {
      try {
        assertEqualValues(it, element, other[index]!, position);
      } catch (thrown) {
        throw toNixError(thrown).addTrace(position, `while comparing list element ${index}`);
      }
    }
    return;
  }
  if (a instanceof Attrs) {
    assertEqualAttrs(it, a, b as Attrs, position);
    return;
  }
  if (isFunction(a)) {
    fail('distinct functions and immediate comparisons of identical functions compare as unequal');
  }
  if (!compare(it, a, b, position)) {
    fail(`${typeName(a)} '${shown(a)}' is not equal to ${typeName(b)} '${shown(b)}'`);
  }
}

function assertEqualAttrs(it: Interpreter, a: Attrs, b: Attrs, position: Position): void {
  const names = it.symbols.names;
  const shown = (value: Value) => printForError(it, value);
  if (it.isDerivation(a) && it.isDerivation(b)) {
    const first = getAttr(a, it.symbols.outPath);
    const second = getAttr(b, it.symbols.outPath);
    if (first !== undefined && second !== undefined) {
      try {
        assertEqualValues(it, first, second, position);
        return;
      } catch (thrown) {
        throw toNixError(thrown).addTrace(
          position,
          "while comparing a derivation by its 'outPath' attribute",
        );
      }
    }
  }
  if (a.names.length !== b.names.length) {
    throw it.error(
      'assertion',
      `attribute names of attribute set '${shown(a)}' differs from attribute set '${shown(b)}'`,
    );
  }
  for (let i = 0; i < a.names.length; i++) {
    const left = a.names[i]!;
    const right = b.names[i]!;
    if (left !== right) {
      const message =
        getAttr(b, left) === undefined
          ? `attribute name '${names[left]}' is contained in '${shown(a)}', but not in '${shown(b)}'`
          : `attribute name '${names[right]}' is missing in '${shown(a)}', but is contained in '${shown(b)}'`;
      throw it.error('assertion', message);
    }
    try {
      assertEqualValues(it, a.values[i]!, b.values[i]!, position);
    } catch (thrown) {
      const error = toNixError(thrown);
      if (b.positionAt(i) !== 0) error.addTrace(b.positionAt(i), 'where right hand side is');
      if (a.positionAt(i) !== 0) error.addTrace(a.positionAt(i), 'where left hand side is');
      throw error.addTrace(position, `while comparing attribute '${names[left]}'`);
    }
  }
}

function typeName(value: Value): string {
  if (isInteger(value)) return 'integer';
  if (value instanceof NixFloat) return 'float';
  if (typeof value === 'boolean') return 'boolean';
  if (isString(value)) return 'string';
  if (value instanceof NixPath) return 'path';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'list';
  return value instanceof Attrs ? 'set' : 'function';
}
