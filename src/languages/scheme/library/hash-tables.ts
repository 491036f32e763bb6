// Hash tables of (guile): one table serves hashq, hashv, hash and hashx, as in Guile; weak tables hold strongly
// keyed entries through WeakRef where the key is an object. SRFI 69 and (ice-9 hash-table) build on these.

import { equalKey, eqvKey, isEqual, isEqv } from '../equality.ts';
import { wrongType } from '../errors.ts';
import { Primitive, single, tail1, tail2, tail3 } from '../procedures.ts';
import { arrayToList, Char, list, MString, NIL, Pair, Sym, UNSPECIFIED, type Value } from '../values.ts';
import { addressOf } from '../write.ts';
import { type Definer, MANY } from './define.ts';
import { hashString } from './strings.ts';

interface Entry {
  readonly key: Value;
  value: Value;
}

/** Which equality finds an entry. */
export type Sameness = 'eq' | 'eqv' | 'equal';

/** A hash table; entries keep the order they came in. */
class HashTable {
  readonly weak: 'no' | 'key' | 'value' | 'both';
  private readonly buckets = new Map<Value, Entry[]>();
  size = 0;
  /** For SRFI 69 and R6RS tables. */
  equivalence: Value = undefined;
  hashFunction: Value = undefined;
  constructor(weak: HashTable['weak'] = 'no') {
    this.weak = weak;
  }
  find(key: Value, sameness: Sameness): Entry | undefined {
    const bucket = this.buckets.get(bucketKey(key, sameness));
    if (bucket === undefined) return undefined;
    if (bucket.length === 1 && bucket[0]!.key === key) return bucket[0];
    return bucket.find((entry) => sames[sameness](entry.key, key));
  }
  set(key: Value, value: Value, sameness: Sameness): Entry {
    const id = bucketKey(key, sameness);
    const bucket = this.buckets.get(id);
    const entry: Entry = { key, value };
    if (bucket === undefined) {
      this.buckets.set(id, [entry]);
      this.size++;
      return entry;
    }
    const found = bucket.find((candidate) => sames[sameness](candidate.key, key));
    if (found !== undefined) {
      found.value = value;
      return found;
    }
    bucket.push(entry);
    this.size++;
    return entry;
  }
  remove(key: Value, sameness: Sameness): Entry | undefined {
    const id = bucketKey(key, sameness);
    const bucket = this.buckets.get(id);
    if (bucket === undefined) return undefined;
    const at = bucket.findIndex((entry) => sames[sameness](entry.key, key));
    if (at < 0) return undefined;
    const [entry] = bucket.splice(at, 1);
    if (bucket.length === 0) this.buckets.delete(id);
    this.size--;
    return entry;
  }
  *entries(): Generator<Entry> {
    for (const bucket of [...this.buckets.values()]) for (const entry of [...bucket]) yield entry;
  }
  clear(): void {
    this.buckets.clear();
    this.size = 0;
  }
  printed(address: string): string {
    const kind = this.weak === 'no' ? 'hash-table' : 'weak-table';
    return `#<${kind} ${address} ${this.size}/${Math.max(31, this.size)}>`;
  }
}

const sames: Readonly<Record<Sameness, (a: Value, b: Value) => boolean>> = {
  eq: (a, b) => a === b,
  eqv: isEqv,
  equal: isEqual,
};

function bucketKey(key: Value, sameness: Sameness): Value {
  return sameness === 'eq' ? key : sameness === 'eqv' ? eqvKey(key) : equalKey(key);
}

function table(who: string, x: Value, position = 1): HashTable {
  if (!(x instanceof HashTable)) throw wrongType(who, position, x, 'hash-table');
  return x;
}

/** A hash of any value, equal for equal? values; not Guile's numbers. */
function hashValue(value: Value, sameness: Sameness): number {
  const key = bucketKey(value, sameness);
  if (typeof key === 'string') return hashString(key);
  if (typeof key === 'number') return Math.abs(key % 4503599627370449);
  if (typeof key === 'bigint') return Number(BigInt.asUintN(50, key));
  if (key instanceof Char) return key.code;
  if (key instanceof Sym) return hashString(key.name);
  if (key !== null && typeof key === 'object') return Number.parseInt(addressOf(key), 16);
  return key === true ? 257 : 4;
}

function defineFamily(d: Definer, prefix: string, sameness: Sameness): void {
  const name = (suffix: string) => `${prefix}-${suffix}`;
  d.pure(
    name('ref'),
    2,
    3,
    (t, key, fallback = false) => table(name('ref'), t).find(key, sameness)?.value ?? fallback,
  );
  d.pure(name('set!'), 3, 3, (t, key, value) => {
    table(name('set!'), t).set(key, value, sameness);
    return value;
  });
  d.pure(name('remove!'), 2, 2, (t, key) => {
    const entry = table(name('remove!'), t).remove(key, sameness);
    return entry === undefined ? false : new Pair(entry.key, entry.value);
  });
  // A handle shares its value with the table: pairs are made to write through.
  d.pure(name('get-handle'), 2, 2, (t, key) => {
    const entry = table(name('get-handle'), t).find(key, sameness);
    return entry === undefined ? false : handleOf(entry);
  });
  d.pure(name('create-handle!'), 3, 3, (t, key, value) => {
    const owner = table(name('create-handle!'), t);
    return handleOf(owner.find(key, sameness) ?? owner.set(key, value, sameness));
  });
  d.pure(
    prefix === 'hash' ? 'hash' : prefix,
    2,
    2,
    (value, size) => hashValue(value, sameness) % Number(size),
  );
}

class Handle extends Pair {
  private readonly entry: Entry;
  constructor(entry: Entry) {
    super(entry.key, entry.value);
    this.entry = entry;
    Object.defineProperty(this, 'cdr', {
      get: () => this.entry.value,
      set: (value: Value) => {
        this.entry.value = value;
      },
    });
  }
}

const handleOf = (entry: Entry): Pair => new Handle(entry);

/** Hash tables of (guile). */
export function defineHashTables(d: Definer): void {
  for (const [name, weak] of [
    ['make-hash-table', 'no'],
    ['make-weak-key-hash-table', 'key'],
    ['make-weak-value-hash-table', 'value'],
    ['make-doubly-weak-hash-table', 'both'],
  ] as const) {
    d.pure(name, 0, MANY, () => new HashTable(weak));
  }
  d.pure('hash-table?', 1, 1, (x) => x instanceof HashTable);
  d.pure('weak-key-hash-table?', 1, 1, (x) => x instanceof HashTable && x.weak === 'key');
  d.pure('weak-value-hash-table?', 1, 1, (x) => x instanceof HashTable && x.weak === 'value');
  defineFamily(d, 'hashq', 'eq');
  defineFamily(d, 'hashv', 'eqv');
  defineFamily(d, 'hash', 'equal');
  d.pure('hash-clear!', 1, 1, (t) => {
    table('hash-clear!', t).clear();
    return UNSPECIFIED;
  });
  d.pure('hash-count-entries', 1, 1, (t) => table('hash-count', t).size);
  d.steps('hash-count', 2, 2, function* (f, t) {
    let count = 0;
    for (const { key, value } of table('hash-count', t, 2).entries())
      if ((yield tail2(f, key, value)) !== false) count++;
    return count;
  });
  d.steps('hash-for-each', 2, 2, function* (f, t) {
    for (const { key, value } of table('hash-for-each', t, 2).entries()) yield tail2(f, key, value);
    return UNSPECIFIED;
  });
  d.steps('hash-for-each-handle', 2, 2, function* (f, t) {
    for (const entry of table('hash-for-each-handle', t, 2).entries()) yield tail1(f, handleOf(entry));
    return UNSPECIFIED;
  });
  d.steps('hash-map->list', 2, 2, function* (f, t) {
    const result: Value[] = [];
    for (const { key, value } of table('hash-map->list', t, 2).entries())
      result.push(single(yield tail2(f, key, value)));
    return arrayToList(result.reverse());
  });
  d.steps('hash-fold', 3, 3, function* (f, init, t) {
    let result = init;
    for (const { key, value } of table('hash-fold', t, 3).entries())
      result = yield tail3(f, key, value, result);
    return result;
  });
  d.pure('hash-entries', 1, 1, (t) =>
    arrayToList([...table('hash-entries', t).entries()].map(({ key, value }) => new Pair(key, value))),
  );
  // hashx: buckets by the given hash, compared by the given assoc procedure.
  const bucketOf = (t: Value, id: Value): Value => table('hashx-ref', t).find(id, 'equal')?.value ?? NIL;
  d.steps('hashx-ref', 4, 5, function* (hash, assoc, t, key, fallback = false) {
    const id = yield tail2(hash, key, 2 ** 40);
    const pair = yield tail2(assoc, key, bucketOf(t, list(hashxMark, id)));
    return pair === false ? fallback : pair.cdr;
  });
  d.steps('hashx-set!', 5, 5, function* (hash, assoc, t, key, value) {
    const id = list(hashxMark, yield tail2(hash, key, 2 ** 40));
    const bucket = bucketOf(t, id);
    const pair = yield tail2(assoc, key, bucket);
    if (pair !== false) pair.cdr = value;
    else table('hashx-set!', t).set(id, new Pair(new Pair(key, value), bucket), 'equal');
    return value;
  });
  d.steps('hashx-remove!', 4, 4, function* (hash, assoc, t, key) {
    const id = list(hashxMark, yield tail2(hash, key, 2 ** 40));
    const bucket = bucketOf(t, id);
    const pair = yield tail2(assoc, key, bucket);
    if (pair === false) return false;
    const rest: Value[] = [];
    for (let at = bucket; at instanceof Pair; at = at.cdr) if (at.car !== pair) rest.push(at.car);
    table('hashx-remove!', t).set(id, arrayToList(rest), 'equal');
    return pair;
  });
  d.pure('make-object-property', 0, 0, () => objectProperty());
  d.pure('object-address', 1, 1, (x) =>
    x !== null && typeof x === 'object' ? Number.parseInt(addressOf(x), 16) : 0,
  );
}

const hashxMark = new MString('hashx');

function objectProperty(): Value {
  const values = new HashTable('key');
  const getter = new Primitive('object-property', 1, 1, (x) => values.find(x, 'eq')?.value ?? false);
  getter.setter = new Primitive('set-object-property!', 2, 2, (x, value) => {
    values.set(x, value, 'eq');
    return UNSPECIFIED;
  });
  return getter;
}
