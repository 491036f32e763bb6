// The hot parts of SRFI 1 in TypeScript; the rest is in modules/srfi-1.scm.
import { equalKey, isEqual } from '../equality.ts';
import type { Module } from '../module.ts';
import { CAPTURE, call2, Frame, registers } from '../procedures.ts';
import type { Session } from '../session.ts';
import { arrayToList, listToArray, Pair, type Value } from '../values.ts';
import { Definer } from './define.ts';
import { defineSrfiLists } from './lists.ts';

class FoldFrame extends Frame {
  private readonly f: Value;
  private readonly rest: Value;
  constructor(f: Value, rest: Value) {
    super();
    this.f = f;
    this.rest = rest;
  }
  resume(value: Value): Value {
    return fold(this.f, value, this.rest);
  }
}

function fold(f: Value, init: Value, list: Value): Value {
  let result = init;
  let rest = list;
  while (rest instanceof Pair) {
    result = call2(f, rest.car, result);
    if (result === CAPTURE) {
      registers.frames.push(new FoldFrame(f, rest.cdr));
      return CAPTURE;
    }
    rest = rest.cdr;
  }
  return result;
}

/** Procedures that modules/srfi-1.scm builds on. */
export function buildSrfi1(session: Session, module: Module): void {
  const d = new Definer(session, module);
  defineSrfiLists(d);
  d.hidden('%fold', 3, 3, fold);
  d.hidden('%delete-duplicates', 2, 2, (items, kind) => {
    const seen = new Map<Value, Value[]>();
    const kept: Value[] = [];
    for (const item of listToArray(items)) {
      const key = kind.name === 'eq' ? item : equalKey(item);
      const bucket = seen.get(key);
      if (bucket === undefined) seen.set(key, [item]);
      else if (kind.name === 'eq' || bucket.some((other) => isEqual(other, item))) continue;
      else bucket.push(item);
      kept.push(item);
    }
    return arrayToList(kept);
  });
}
