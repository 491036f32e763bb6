// Vectors of (guile) and SRFI 43's that call no procedures.
import { outOfRange, wrongType } from '../errors.ts';
import { arrayToList, UNSPECIFIED, type Value } from '../values.ts';
import { type Definer, MANY } from './define.ts';
import { properList } from './lists.ts';
import { index } from './numbers.ts';

/** A vector that a procedure was given. */
function vector(who: string, x: Value, position = 1): Value[] {
  if (!Array.isArray(x)) throw wrongType(who, position, x, 'vector');
  return x;
}

function range(
  who: string,
  options: { vector: readonly Value[]; start: Value; end: Value; position: number },
): [number, number] {
  const { length } = options.vector;
  const start = options.start === undefined ? 0 : index(who, options.start, options.position);
  if (start > length) throw outOfRange(who, options.position, options.start);
  const end = options.end === undefined ? length : index(who, options.end, options.position + 1);
  if (end > length || end < start) throw outOfRange(who, options.position + 1, options.end);
  return [start, end];
}

/** Vectors of (guile). */
export function defineVectors(d: Definer): void {
  d.pure('vector?', 1, 1, (x) => Array.isArray(x));
  d.pure('make-vector', 1, 2, (n, fill = UNSPECIFIED) => new Array(index('make-vector', n, 1)).fill(fill));
  d.pure('vector', 0, MANY, (...items) => items);
  d.pure('vector-length', 1, 1, (v) => vector('vector-length', v).length);
  d.pure('vector-ref', 2, 2, (v, k) => {
    const items = vector('vector-ref', v);
    if (typeof k !== 'number') throw wrongType('vector-ref', 2, k);
    if (k < 0 || k >= items.length) throw outOfRange('vector-ref', 2, k);
    return items[k];
  });
  d.pure('vector-set!', 3, 3, (v, k, value) => {
    const items = vector('vector-set!', v);
    if (typeof k !== 'number') throw wrongType('vector-set!', 2, k);
    if (k < 0 || k >= items.length) throw outOfRange('vector-set!', 2, k);
    items[k] = value;
    return UNSPECIFIED;
  });
  d.pure('vector->list', 1, 3, (v, start, end) => {
    const items = vector('vector->list', v);
    const [from, to] = range('vector->list', { vector: items, start, end, position: 2 });
    return arrayToList(items.slice(from, to));
  });
  d.pure('list->vector', 1, 1, (items) => properList('list->vector', items, 1));
  d.pure('vector-fill!', 2, 4, (v, value, start, end) => {
    const items = vector('vector-fill!', v);
    const [from, to] = range('vector-fill!', { vector: items, start, end, position: 3 });
    items.fill(value, from, to);
    return UNSPECIFIED;
  });
  d.pure('vector-copy', 1, 3, (v, start, end) => {
    const items = vector('vector-copy', v);
    const [from, to] = range('vector-copy', { vector: items, start, end, position: 2 });
    return items.slice(from, to);
  });
  const copyInto =
    (name: string) => (target: Value, at: Value, source: Value, start?: Value, end?: Value) => {
      const to = vector(name, target);
      const from = vector(name, source, 3);
      const [first, last] = range(name, { vector: from, start, end, position: 4 });
      const offset = index(name, at, 2);
      if (offset + last - first > to.length) throw outOfRange(name, 2, at);
      const piece = from.slice(first, last);
      for (let i = 0; i < piece.length; i++) to[offset + i] = piece[i];
      return UNSPECIFIED;
    };
  d.pure('vector-copy!', 3, 5, copyInto('vector-copy!'));
  d.pure('vector-move-left!', 5, 5, (source, start, end, target, at) =>
    copyInto('vector-move-left!')(target, at, source, start, end),
  );
  d.pure('vector-move-right!', 5, 5, (source, start, end, target, at) =>
    copyInto('vector-move-right!')(target, at, source, start, end),
  );
  d.pure('vector-append', 0, MANY, (...vectors) =>
    vectors.flatMap((v, i) => vector('vector-append', v, i + 1)),
  );
  d.pure('array?', 1, 1, (x) => Array.isArray(x) || x instanceof Uint8Array);
  d.pure('array-length', 1, 1, (x) => x.length);
  d.pure('array-rank', 1, 1, () => 1);
  d.pure('array-ref', 2, 2, (x, k) => {
    if (k >= x.length) throw outOfRange('array-ref', 2, k);
    return x[k];
  });
  d.pure('array-set!', 3, 3, (x, value, k) => {
    x[k] = value;
    return UNSPECIFIED;
  });
}
