// Pairs and lists of (guile), and the part of SRFI 1 that calls no procedures or is hot.

import { isEqual, isEqv } from '../equality.ts';
import { notAList, outOfRange, throwError, wrongType } from '../errors.ts';
import { add, isNumber, multiply } from '../numbers.ts';
import {
  CAPTURE,
  call1,
  Frame,
  registers,
  single,
  stepping,
  tail1,
  tail2,
  tailApply,
} from '../procedures.ts';
import {
  arrayToList,
  list as listOf,
  listToArray,
  NIL,
  Pair,
  properLength,
  str,
  UNSPECIFIED,
  type Value,
} from '../values.ts';
import { type Definer, MANY } from './define.ts';
import { index } from './numbers.ts';

/** The elements of a list that a procedure was given; wrong-type-arg when it is no proper list. */
export function properList(who: string, value: Value, position: number): Value[] {
  if (properLength(value) < 0) throw wrongType(who, position, value, 'list');
  return listToArray(value);
}

function accessor(path: string): (x: Value) => Value {
  const name = `c${path}r`;
  const steps = [...path].reverse();
  return (x) => {
    let value = x;
    for (const step of steps) {
      if (!(value instanceof Pair)) throw wrongType(name, 1, x);
      value = step === 'a' ? value.car : value.cdr;
    }
    return value;
  };
}

function member(same: (a: Value, b: Value) => boolean, who: string) {
  return (item: Value, list: Value): Value => {
    let rest = list;
    while (rest instanceof Pair) {
      if (same(item, rest.car)) return rest;
      rest = rest.cdr;
    }
    if (rest !== NIL) throw wrongType(who, 2, list, 'list');
    return false;
  };
}

function association(same: (a: Value, b: Value) => boolean, who: string) {
  return (key: Value, list: Value): Value => {
    let rest = list;
    while (rest instanceof Pair) {
      const entry = rest.car;
      if (!(entry instanceof Pair)) throw wrongType(who, 2, list, 'alist');
      if (same(key, entry.car)) return entry;
      rest = rest.cdr;
    }
    if (rest !== NIL) throw wrongType(who, 2, list, 'association list');
    return false;
  };
}

const eq = (a: Value, b: Value) => a === b;

function removeAll(same: (a: Value, b: Value) => boolean, who: string) {
  return (item: Value, list: Value): Value =>
    arrayToList(properList(who, list, 2).filter((x) => !same(x, item)));
}

function appendTwo(a: Value, b: Value, position: number): Value {
  if (a === NIL) return b;
  // Circular lists too.
  if (properLength(a) < 0) throw wrongType('append', position, a, 'list');
  return arrayToList(listToArray(a), b);
}

function defineBasics(d: Definer): void {
  d.pure('cons', 2, 2, (a, b) => new Pair(a, b));
  for (let length = 1; length <= 4; length++) {
    for (let bits = 0; bits < 1 << length; bits++) {
      const path = Array.from({ length }, (_, i) => ((bits >> i) & 1 ? 'd' : 'a')).join('');
      d.pure(
        `c${path}r`,
        1,
        1,
        length === 1
          ? (x) => {
              if (!(x instanceof Pair)) throw wrongType(`c${path}r`, 1, x, 'pair');
              return path === 'a' ? x.car : x.cdr;
            }
          : accessor(path),
      );
    }
  }
  d.pure('set-car!', 2, 2, (pair, value) => {
    if (!(pair instanceof Pair)) throw wrongType('set-car!', 1, pair, 'pair');
    pair.car = value;
    return UNSPECIFIED;
  });
  d.pure('set-cdr!', 2, 2, (pair, value) => {
    if (!(pair instanceof Pair)) throw wrongType('set-cdr!', 1, pair, 'pair');
    pair.cdr = value;
    return UNSPECIFIED;
  });
  d.pure('pair?', 1, 1, (x) => x instanceof Pair);
  d.pure('null?', 1, 1, (x) => x === NIL);
  d.pure('list?', 1, 1, (x) => properLength(x) >= 0);
  d.pure('list', 0, MANY, (...items) => arrayToList(items));
  d.pure('cons*', 1, MANY, (...items) => arrayToList(items.slice(0, -1), items.at(-1)));
  d.pure('make-list', 1, 2, (n, fill = UNSPECIFIED) =>
    arrayToList(new Array(index('make-list', n, 1)).fill(fill)),
  );
  d.pure('length', 1, 1, (x) => {
    const length = properLength(x);
    if (length < 0) throw wrongType('length', 1, x);
    return length;
  });
  d.pure('length+', 1, 1, (x) => {
    const length = properLength(x);
    if (length < 0 && !isCircular(x)) throw wrongType('length+', 1, x, 'proper or circular list');
    return length < 0 ? false : length;
  });
  d.pure('append', 0, MANY, (...lists) => {
    if (lists.length === 0) return NIL;
    let result = lists.at(-1);
    for (let i = lists.length - 2; i >= 0; i--) result = appendTwo(lists[i], result, i + 1);
    return result;
  });
  d.pure('append!', 0, MANY, (...lists) => {
    let result: Value = NIL;
    for (let i = lists.length - 1; i >= 0; i--) {
      const list = lists[i];
      if (list === NIL) continue;
      if (!(list instanceof Pair)) {
        if (i === lists.length - 1) {
          result = list;
          continue;
        }
        throw wrongType('append!', i + 1, list, 'pair');
      }
      if (result !== NIL || i < lists.length - 1) {
        let last = list;
        while (last.cdr instanceof Pair) last = last.cdr;
        if (i < lists.length - 1) last.cdr = result;
      }
      result = list;
    }
    return result;
  });
  const reverseOnto = (who: string, list: Value, tail: Value): Value => {
    let result = tail;
    let rest = list;
    while (rest instanceof Pair) {
      result = new Pair(rest.car, result);
      rest = rest.cdr;
    }
    if (rest !== NIL) throw wrongType(who, 1, list);
    return result;
  };
  d.pure('reverse', 1, 1, (list) => {
    if (properLength(list) < 0) throw wrongType('reverse', 1, list);
    return reverseOnto('reverse', list, NIL);
  });
  d.pure('reverse!', 1, 2, (list, tail = NIL) => reverseOnto('reverse!', list, tail));
  d.pure('append-reverse', 2, 2, (list, tail) => reverseOnto('append-reverse', list, tail));
  d.pure('append-reverse!', 2, 2, (list, tail) => reverseOnto('append-reverse!', list, tail));
  d.pure('list-tail', 2, 2, (list, k) => {
    let rest = list;
    for (let i = index('list-tail', k, 2); i > 0; i--) {
      if (!(rest instanceof Pair)) throw wrongType('list-tail', 1, rest, 'pair');
      rest = rest.cdr;
    }
    return rest;
  });
  d.alias('list-cdr-ref', 'list-tail');
  d.pure('list-head', 2, 2, (list, k) => {
    const items: Value[] = [];
    let rest = list;
    for (let i = index('list-head', k, 2); i > 0; i--) {
      if (!(rest instanceof Pair)) throw wrongType('list-head', 1, rest, 'pair');
      items.push(rest.car);
      rest = rest.cdr;
    }
    return arrayToList(items);
  });
  d.pure('list-ref', 2, 2, (list, k) => {
    if (list !== NIL && !(list instanceof Pair)) throw wrongType('list-ref', 1, list, 'list');
    let rest = list;
    for (let i = index('list-ref', k, 2); i > 0; i--) {
      if (!(rest instanceof Pair)) throw outOfRange('list-ref', 2, k);
      rest = rest.cdr;
    }
    if (!(rest instanceof Pair)) throw outOfRange('list-ref', 2, k);
    return rest.car;
  });
  d.pure('list-set!', 3, 3, (list, k, value) => {
    let rest = list;
    for (let i = index('list-set!', k, 2); i > 0 && rest instanceof Pair; i--) rest = rest.cdr;
    if (list !== NIL && !(list instanceof Pair)) throw wrongType('list-set!', 1, list, 'list');
    if (!(rest instanceof Pair)) throw outOfRange('list-set!', 2, k);
    rest.car = value;
    return value;
  });
  d.pure('last-pair', 1, 1, (list) => {
    if (list !== NIL && !(list instanceof Pair)) throw wrongType('last-pair', 1, list, 'pair');
    let rest = list;
    while (rest instanceof Pair && rest.cdr instanceof Pair) rest = rest.cdr;
    return rest;
  });
  d.pure('list-copy', 1, 1, (list) => {
    if (properLength(list) < 0) throw wrongType('list-copy', 1, list, 'list');
    return arrayToList(listToArray(list));
  });
  d.pure('list-index-of', 2, 2, (list, item) => listToArray(list).indexOf(item));
  d.pure('iota', 1, 3, (n, start = 0, step = 1) => {
    if (typeof n !== 'number' || n < 0) throw wrongType('iota', 1, n, 'exact non-negative integer');
    const count = n;
    if (!isNumber(start)) throw wrongType('iota', 2, start);
    return arrayToList(Array.from({ length: count }, (_, i) => add(start, multiply(i, step))));
  });
}

function defineSearching(d: Definer): void {
  d.pure('memq', 2, 2, member(eq, 'memq'));
  d.pure('memv', 2, 2, member(isEqv, 'memv'));
  d.pure('%member', 2, 2, member(isEqual, 'member'));
  d.pure('assq', 2, 2, association(eq, 'assq'));
  d.pure('assv', 2, 2, association(isEqv, 'assv'));
  d.pure('%assoc', 2, 2, association(isEqual, 'assoc'));
  d.pure('delq', 2, 2, removeAll(eq, 'delq'));
  d.pure('delv', 2, 2, removeAll(isEqv, 'delv'));
  d.pure('%delete', 2, 2, removeAll(isEqual, 'delete'));
  d.pure('delq!', 2, 2, removeAll(eq, 'delq!'));
  d.pure('delv!', 2, 2, removeAll(isEqv, 'delv!'));
  d.pure('delete!', 2, 2, removeAll(isEqual, 'delete!'));
  d.pure('delq1!', 2, 2, (item, list) => {
    const items = listToArray(list);
    const at = items.indexOf(item);
    return at < 0 ? list : arrayToList([...items.slice(0, at), ...items.slice(at + 1)]);
  });
  const kinds = [
    ['q', eq],
    ['v', isEqv],
    ['oc', isEqual],
  ] as const;
  for (const [suffix, same] of kinds) {
    const name = suffix === 'oc' ? 'assoc' : `ass${suffix}`;
    const find = association(same, name);
    // Guile's alist-ref procedures skip what is no pair.
    const lenient = (list: Value, key: Value): Pair | undefined => {
      let rest = list;
      while (rest instanceof Pair) {
        if (rest.car instanceof Pair && same(key, rest.car.car)) return rest.car;
        rest = rest.cdr;
      }
      return undefined;
    };
    d.pure(`${name}-ref`, 2, 2, (list, key) => lenient(list, key)?.cdr ?? false);
    d.pure(`${name}-set!`, 3, 3, (list, key, value) => {
      const entry = lenient(list, key);
      if (entry === undefined) return new Pair(new Pair(key, value), list);
      entry.cdr = value;
      return list;
    });
    d.pure(`${name}-remove!`, 2, 2, (list, key) => {
      const entry = find(key, list);
      return entry === false ? list : arrayToList(listToArray(list).filter((item) => item !== entry));
    });
  }
  d.pure('acons', 3, 3, (key, value, list) => new Pair(new Pair(key, value), list));
}

// Hot loops over one list, written out so that a capture resumes them.

class MapFrame extends Frame {
  private readonly f: Value;
  private readonly rest: Value;
  private readonly done: readonly Value[];
  constructor(f: Value, rest: Value, done: readonly Value[]) {
    super();
    this.f = f;
    this.rest = rest;
    this.done = done;
  }
  resume(value: Value): Value {
    return mapFrom(this.f, this.rest, [...this.done, single(value)]);
  }
}

function mapFrom(f: Value, list: Value, done: Value[]): Value {
  let rest = list;
  while (rest instanceof Pair) {
    const value = call1(f, rest.car);
    if (value === CAPTURE) {
      registers.frames.push(new MapFrame(f, rest.cdr, done));
      return CAPTURE;
    }
    done.push(single(value));
    rest = rest.cdr;
  }
  return arrayToList(done);
}

class ForEachFrame extends Frame {
  private readonly f: Value;
  private readonly rest: Value;
  constructor(f: Value, rest: Value) {
    super();
    this.f = f;
    this.rest = rest;
  }
  resume(): Value {
    return forEachFrom(this.f, this.rest);
  }
}

function forEachFrom(f: Value, list: Value): Value {
  let rest = list;
  while (rest instanceof Pair) {
    if (call1(f, rest.car) === CAPTURE) {
      registers.frames.push(new ForEachFrame(f, rest.cdr));
      return CAPTURE;
    }
    rest = rest.cdr;
  }
  return UNSPECIFIED;
}

/** Throws where (guile)'s own `map` and `for-each` do: all lists are proper and equally long. */
function checkEqualLists(who: 'map' | 'for-each', lists: readonly Value[]): void {
  const [first, ...others] = lists.map((list) => {
    const length = properLength(list);
    if (length < 0) throw notAList(who, list);
    return length;
  });
  const at = others.findIndex((length) => length !== first);
  if (at < 0) return;
  const odd = listOf(lists[at + 1]);
  throw throwError('wrong-type-arg', str(who), str('List of wrong length: ~S'), odd, false);
}

/** As SRFI 1 has it: the shortest list counts, and one of them must end. */
function checkSomeList(who: 'map' | 'for-each', lists: readonly Value[]): void {
  if (lists.length === 1) {
    if (properLength(lists[0]) >= 0) return;
    throw throwError('wrong-type-arg', str(who), str('Wrong type argument: ~S'), listOf(lists[0]), false);
  }
  let someEnds = false;
  for (const each of lists) {
    if (properLength(each) >= 0) someEnds = true;
    else if (!isCircular(each)) throw wrongType('length+', 1, each, 'proper or circular list');
  }
  if (someEnds) return;
  const message = 'Args do not contain a proper (finite) list: ~S';
  throw throwError('wrong-type-arg', str(who), str(message), listOf(listOf(...lists)), false);
}

function isCircular(list: Value): boolean {
  let rest = list;
  let slow = list;
  for (let i = 0; rest instanceof Pair; i++) {
    rest = rest.cdr;
    if (i % 2 === 1) slow = slow.cdr;
    if (rest === slow && i > 0) return true;
  }
  return false;
}

/** Rows of several lists, until the shortest ends. */
function* rows(lists: readonly Value[]): Generator<Value[]> {
  const rests = [...lists];
  while (rests.every((rest) => rest instanceof Pair)) {
    yield rests.map((rest) => rest.car);
    for (let i = 0; i < rests.length; i++) rests[i] = rests[i]!.cdr;
  }
}

type CheckLists = (who: 'map' | 'for-each', lists: readonly Value[]) => void;

/** `map`, `map-in-order` and `for-each`. */
function defineMapping(d: Definer, check: CheckLists): void {
  const mapSeveral = stepping(function* (f: Value, ...lists: Value[]) {
    const result: Value[] = [];
    for (const row of rows(lists)) result.push(single(yield tailApply(f, row)));
    return arrayToList(result);
  });
  const forEachSeveral = stepping(function* (f: Value, ...lists: Value[]) {
    for (const row of rows(lists)) yield tailApply(f, row);
    return UNSPECIFIED;
  });
  d.tail('map', 2, MANY, (f, list, ...more) => {
    check('map', [list, ...more]);
    if (more.length === 0) return list === NIL ? NIL : mapFrom(f, list, []);
    return mapSeveral(f, list, ...more);
  });
  d.alias('map-in-order', 'map');
  d.tail('for-each', 2, MANY, (f, list, ...more) => {
    check('for-each', [list, ...more]);
    return more.length === 0 ? forEachFrom(f, list) : forEachSeveral(f, list, ...more);
  });
}

/** What SRFI 1 has in place of procedures of (guile) with the same names. */
export function defineSrfiLists(d: Definer): void {
  defineMapping(d, checkSomeList);
  d.pure('list-copy', 1, 1, (list) => {
    const items: Value[] = [];
    let rest = list;
    for (; rest instanceof Pair; rest = rest.cdr) items.push(rest.car);
    return arrayToList(items, rest);
  });
}

function defineHigherOrder(d: Definer): void {
  defineMapping(d, checkEqualLists);
  d.steps('and-map', 2, 2, function* (f, list) {
    let value: Value = true;
    for (const item of listToArray(list)) {
      value = yield tail1(f, item);
      if (value === false) return false;
    }
    return value;
  });
  d.steps('or-map', 2, 2, function* (f, list) {
    for (const item of listToArray(list)) {
      const value = yield tail1(f, item);
      if (value !== false) return value;
    }
    return false;
  });
  d.steps('filter', 2, 2, function* (f, list) {
    const kept: Value[] = [];
    for (const item of properList('filter', list, 2)) if ((yield tail1(f, item)) !== false) kept.push(item);
    return arrayToList(kept);
  });
  d.alias('filter!', 'filter');
  d.steps('member', 2, 3, function* (item, list, same) {
    if (same === undefined) return member(isEqual, 'member')(item, list);
    let rest = list;
    while (rest instanceof Pair) {
      if ((yield tail2(same, item, rest.car)) !== false) return rest;
      rest = rest.cdr;
    }
    return false;
  });
  d.steps('assoc', 2, 3, function* (key, list, same) {
    if (same === undefined) return list instanceof Pair ? association(isEqual, 'assoc')(key, list) : false;
    for (const entry of listToArray(list)) {
      if ((yield tail2(same, key, (entry as Pair).car)) !== false) return entry;
    }
    return false;
  });
  d.steps('delete', 2, 3, function* (item, list, same) {
    if (same === undefined) return removeAll(isEqual, 'delete')(item, list);
    const kept: Value[] = [];
    for (const other of properList('delete', list, 2))
      if ((yield tail2(same, item, other)) === false) kept.push(other);
    return arrayToList(kept);
  });
  defineSorting(d);
}

/** Stable merge sort; the comparison is a Scheme procedure. */
function* mergeSort(items: Value[], less: Value): Generator<Value, Value[], Value> {
  if (items.length < 2) return items;
  const middle = items.length >> 1;
  const left: Value[] = yield* mergeSort(items.slice(0, middle), less);
  const right: Value[] = yield* mergeSort(items.slice(middle), less);
  return yield* mergeArrays(left, right, less);
}

function* mergeArrays(
  left: readonly Value[],
  right: readonly Value[],
  less: Value,
): Generator<Value, Value[], Value> {
  const merged: Value[] = [];
  let i = 0;
  let j = 0;
  while (i < left.length && j < right.length) {
    if ((yield tail2(less, right[j], left[i])) !== false) merged.push(right[j++]);
    else merged.push(left[i++]);
  }
  while (i < left.length) merged.push(left[i++]);
  while (j < right.length) merged.push(right[j++]);
  return merged;
}

function defineSorting(d: Definer): void {
  for (const name of ['sort', 'sort!', 'stable-sort', 'stable-sort!', 'sort-list', 'sort-list!']) {
    d.steps(name, 2, 2, function* (items, less) {
      if (Array.isArray(items)) {
        const sorted: Value[] = yield* mergeSort([...items], less);
        if (!name.endsWith('!')) return sorted;
        for (let i = 0; i < sorted.length; i++) items[i] = sorted[i];
        return items;
      }
      return arrayToList(yield* mergeSort(properList(name, items, 1), less));
    });
  }
  d.steps('merge', 3, 3, function* (a, b, less) {
    return arrayToList(yield* mergeArrays(listToArray(a), listToArray(b), less));
  });
  d.alias('merge!', 'merge');
  d.steps('sorted?', 2, 2, function* (items, less) {
    const array = Array.isArray(items) ? items : listToArray(items);
    for (let i = 1; i < array.length; i++)
      if ((yield tail2(less, array[i], array[i - 1])) !== false) return false;
    return true;
  });
}

/** Pairs and lists of (guile). */
export function defineLists(d: Definer): void {
  defineBasics(d);
  defineSearching(d);
  defineHigherOrder(d);
  d.pure('eq?', 0, MANY, (...args) => args.every((arg, i) => i === 0 || args[i - 1] === arg));
  d.pure('eqv?', 0, MANY, (...args) => args.every((arg, i) => i === 0 || isEqv(args[i - 1], arg)));
  d.pure('equal?', 0, MANY, (...args) => args.every((arg, i) => i === 0 || isEqual(args[i - 1], arg)));
  d.pure('not', 1, 1, (x) => x === false);
  d.pure('boolean?', 1, 1, (x) => typeof x === 'boolean');
}
