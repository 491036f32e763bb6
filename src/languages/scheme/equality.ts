// eqv? and equal?, and keys by which hash tables find equal objects.

import { numberToText } from './number-text.ts';
import { isNumber, numbersEqv } from './numbers.ts';
import { Syntax } from './syntax.ts';
import { Flonum, MString, Pair, Ratnum, Rec, type Value } from './values.ts';

export function isEqv(a: Value, b: Value): boolean {
  return a === b || (typeof a === 'object' && isNumber(a) && isNumber(b) && numbersEqv(a, b));
}

/** Structural equality. Deep lists are walked in a loop, deep trees by a stack on the heap. */
export function isEqual(a: Value, b: Value): boolean {
  if (a === b) return true;
  const work: [Value, Value][] = [[a, b]];
  for (let pair = work.pop(); pair !== undefined; pair = work.pop()) {
    let [x, y] = pair;
    while (x instanceof Pair && y instanceof Pair && x !== y) {
      if (x.car instanceof Pair && y.car instanceof Pair) work.push([x.car, y.car]);
      else if (!leafEqual(x.car, y.car, work)) return false;
      x = x.cdr;
      y = y.cdr;
    }
    if (x !== y && !leafEqual(x, y, work)) return false;
  }
  return true;
}

function leafEqual(x: Value, y: Value, work: [Value, Value][]): boolean {
  if (x === y) return true;
  if (x instanceof MString) return y instanceof MString && x.text === y.text;
  if (x instanceof Flonum || x instanceof Ratnum) return numbersEqv(x, y);
  if (Array.isArray(x)) {
    if (!Array.isArray(y) || x.length !== y.length) return false;
    for (let i = 0; i < x.length; i++) work.push([x[i], y[i]]);
    return true;
  }
  if (x instanceof Uint8Array) {
    return y instanceof Uint8Array && Buffer.compare(x, y) === 0;
  }
  if (x instanceof Rec) {
    if (!(y instanceof Rec) || x.type !== y.type) return false;
    for (let i = 0; i < x.fields.length; i++) work.push([x.fields[i], y.fields[i]]);
    return true;
  }
  if (x instanceof Syntax) {
    if (!(y instanceof Syntax) || x.module !== y.module) return false;
    work.push([x.datum, y.datum]);
    return true;
  }
  return false;
}

/** A key for a JavaScript Map such that eqv? objects, and only they, have one key. */
export function eqvKey(value: Value): Value {
  if (value instanceof Flonum) return `f${Object.is(value.value, -0) ? '-0' : value.value}`;
  if (value instanceof Ratnum) return `r${numberToText(value)}`;
  return value;
}

/** A key such that equal? objects have one key; unequal ones may share it when it starts with `*`. */
export function equalKey(value: Value): Value {
  if (value instanceof MString) return `s${value.text}`;
  if (
    value instanceof Pair ||
    Array.isArray(value) ||
    value instanceof Uint8Array ||
    value instanceof Rec ||
    value instanceof Syntax
  ) {
    return `*${shape(value, 4)}`;
  }
  return eqvKey(value);
}

function shape(value: Value, budget: number): string {
  if (value instanceof Pair) {
    let text = '(';
    let rest: Value = value;
    for (let i = 0; i < 5 && rest instanceof Pair; i++) {
      text += `${budget > 0 ? shape(rest.car, budget - 1) : '?'} `;
      rest = rest.cdr;
    }
    return text;
  }
  if (Array.isArray(value))
    return `#${value.length}${budget > 0 && value.length > 0 ? shape(value[0], budget - 1) : ''}`;
  if (value instanceof Uint8Array) return `u${value.length},${value.subarray(0, 32).join()}`;
  if (value instanceof Rec)
    return `R${value.type.name.name}${
      budget > 0
        ? value.fields
            .slice(0, 3)
            .map((field) => shape(field, budget - 2))
            .join()
        : ''
    }`;
  if (value instanceof MString) return JSON.stringify(value.text);
  if (value instanceof Syntax) return `S${shape(value.datum, budget)}`;
  if (
    typeof value === 'number' ||
    typeof value === 'bigint' ||
    value instanceof Flonum ||
    value instanceof Ratnum
  )
    return numberToText(value);
  if (typeof value === 'boolean') return value ? '#t' : '#f';
  return value !== null && typeof value === 'object' && typeof value.name === 'string' ? value.name : '?';
}
