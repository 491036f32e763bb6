// The index behind vhashes: versions of one table share a store as long as each extends the newest one; a version
// that branches off copies it.
import { equalKey, eqvKey, isEqual, isEqv } from '../equality.ts';
import type { Module } from '../module.ts';
import type { Session } from '../session.ts';
import { arrayToList, listToArray, NIL, type Pair, type Value } from '../values.ts';
import { Definer } from './define.ts';

interface Link {
  readonly entry: Pair;
  readonly depth: number;
  readonly next: Link | undefined;
}

class Index {
  readonly store: { readonly chains: Map<Value, Link>; size: number };
  readonly size: number;
  constructor(store: Index['store'], size: number) {
    this.store = store;
    this.size = size;
  }
  /** Chains are filed under equal? keys, which serve eq? and eqv? too. */
  *links(key: Value): Generator<Link> {
    for (let link = this.store.chains.get(fileKey(key)); link !== undefined; link = link.next) {
      if (link.depth <= this.size) yield link;
    }
  }
  extend(entry: Pair): Index {
    const store = this.store.size === this.size ? this.store : this.copy();
    const id = fileKey(entry.car);
    store.size = this.size + 1;
    store.chains.set(id, { entry, depth: store.size, next: store.chains.get(id) });
    return new Index(store, store.size);
  }
  private copy(): Index['store'] {
    const chains = new Map<Value, Link>();
    for (const [id, chain] of this.store.chains) {
      const kept: Link[] = [];
      for (let link: Link | undefined = chain; link !== undefined; link = link.next)
        if (link.depth <= this.size) kept.push(link);
      let copied: Link | undefined;
      for (const link of kept.reverse()) copied = { entry: link.entry, depth: link.depth, next: copied };
      if (copied !== undefined) chains.set(id, copied);
    }
    return { chains, size: this.size };
  }
}

const fileKey = (key: Value): Value => equalKey(key);

const sames: Readonly<Record<string, (a: Value, b: Value) => boolean>> = {
  eq: (a, b) => a === b,
  eqv: (a, b) => isEqv(a, b) || eqvKey(a) === eqvKey(b),
  equal: isEqual,
};

/** Procedures that (ice-9 vlist) builds on. */
export function buildVlist(session: Session, module: Module): void {
  const d = new Definer(session, module);
  d.hidden('%persistent-from', 1, 1, (entries) => {
    let index = new Index({ chains: new Map(), size: 0 }, 0);
    for (const entry of listToArray(entries).reverse()) index = index.extend(entry);
    return index;
  });
  d.hidden('%persistent-cons', 4, 4, (index, _key, entry) => (index as Index).extend(entry));
  d.hidden('%persistent-ref', 3, 3, (index, key, kind) => {
    for (const link of (index as Index).links(key))
      if (sames[kind.name]!(link.entry.car, key)) return link.entry;
    return false;
  });
  d.hidden('%persistent-all', 3, 3, (index, key, kind) => {
    const found: Value[] = [];
    for (const link of (index as Index).links(key))
      if (sames[kind.name]!(link.entry.car, key)) found.push(link.entry);
    return found.length === 0 ? NIL : arrayToList(found);
  });
}
