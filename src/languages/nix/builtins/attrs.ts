// Builtins on attribute sets and on the arguments of functions.

import type { ByteString } from '../../../foundation/byte-string.ts';
import { positionValue } from '../compile.ts';
import type { Interpreter } from '../interpreter.ts';
import { LazyAttrs, slotOf } from '../lazy-attrs.ts';
import type { Position } from '../positions.ts';
import type { SymbolId } from '../symbols.ts';
import {
  Attrs,
  attrsFromArrays,
  attrsFromEntries,
  DeferredPlaces,
  emptyAttrs,
  findAttr,
  Lambda,
  type List,
  lexicographicOrder,
  maximumPlacesDepth,
  noPlaces,
  type Places,
  PrimOp,
  PrimOpApplication,
  resolvePlaces,
  type Slot,
  type Value,
} from '../values.ts';
import type { Builtin } from './builtin.ts';

/** The positions of some of a set's attributes. */
class PickedPlaces extends DeferredPlaces {
  private readonly places: Places;
  private readonly names: readonly SymbolId[];
  private readonly indexes: readonly number[];
  constructor(places: Places, names: readonly SymbolId[], indexes: readonly number[]) {
    const depth = places instanceof DeferredPlaces ? places.depth + 1 : 1;
    super(depth);
    this.places = depth > maximumPlacesDepth ? resolvePlaces(places) : places;
    this.names = names;
    this.indexes = indexes;
  }
  resolve(): Position[] {
    const positions = resolvePlaces(this.places);
    return this.indexes.map((index) => positions[index]!);
  }
  at(name: SymbolId): Position {
    const { places } = this;
    if (places instanceof DeferredPlaces) return places.at(name);
    return places[this.indexes[findAttr(this.names, name)]!]!;
  }
}

/** The attributes at some indexes. */
function pick(attrs: Attrs, indexes: readonly number[]): Attrs {
  if (indexes.length === attrs.names.length) return attrs;
  if (indexes.length === 0) return emptyAttrs;
  const names: SymbolId[] = new Array(indexes.length);
  const values: Slot[] = new Array(indexes.length);
  for (let i = 0; i < indexes.length; i++) {
    const index = indexes[i]!;
    names[i] = attrs.names[index]!;
    values[i] = attrs.values[index]!;
  }
  return new Attrs(names, values, new PickedPlaces(attrs.places, names, indexes), 0);
}

function intersect(left: Attrs, right: Attrs): Attrs {
  if (right instanceof LazyAttrs) {
    return attrsFromEntries(
      left.names.flatMap((name): [SymbolId, Slot][] => {
        const slot = right.find(name);
        return slot === undefined ? [] : [[name, slot]];
      }),
    );
  }
  const indexes: number[] = [];
  if (left.names.length < right.names.length) {
    for (const name of left.names) {
      const index = findAttr(right.names, name);
      if (index >= 0) indexes.push(index);
    }
  } else {
    for (let index = 0; index < right.names.length; index++) {
      if (findAttr(left.names, right.names[index]!) >= 0) indexes.push(index);
    }
  }
  return pick(right, indexes);
}

function functionArgs(it: Interpreter, slot: Slot): Value {
  const fn = it.force(slot, 0);
  if (fn instanceof PrimOp || fn instanceof PrimOpApplication) return emptyAttrs;
  if (!(fn instanceof Lambda)) throw it.error('type', "'functionArgs' requires a function");
  return attrsFromEntries(
    (fn.code.formals ?? []).map((formal) => [formal.name, formal.hasDefault, formal.position] as const),
  );
}

function listToAttrs(it: Interpreter, slot: Slot): Value {
  const list = it.forceList(slot, 0, 'while evaluating the argument passed to builtins.listToAttrs');
  const { symbols } = it;
  const found = new Set<SymbolId>();
  const names: SymbolId[] = [];
  const pairs: Attrs[] = [];
  const pair = 'in a {name=...; value=...;} pair';
  for (let i = 0; i < list.length; i++) {
    const attrs = it.forceAttrs(
      list[i]!,
      0,
      'while evaluating an element of the list passed to builtins.listToAttrs',
    );
    const index = it.requireAttr(attrs, symbols.name, pair);
    const name = symbols.intern(
      it.forceStringNoContext(
        attrs.values[index]!,
        attrs.positionAt(index),
        'while evaluating the `name` attribute of an element of the list passed to builtins.listToAttrs',
      ),
    );
    // Of two elements with one name the first wins.
    if (found.has(name)) continue;
    found.add(name);
    names.push(name);
    pairs.push(attrs);
  }
  const values: Slot[] = new Array(pairs.length);
  const positions: Position[] = new Array(pairs.length);
  for (let i = 0; i < pairs.length; i++) {
    const attrs = pairs[i]!;
    const index = it.requireAttr(attrs, symbols.value, pair);
    values[i] = attrs.values[index]!;
    positions[i] = attrs.positionAt(index);
  }
  return attrsFromArrays(names, values, positions);
}

function zipAttrsWith(it: Interpreter, fn: Slot, list: Slot): Value {
  it.forceFunction(fn, 0, 'while evaluating the first argument passed to builtins.zipAttrsWith');
  const sets = it.forceList(list, 0, 'while evaluating the second argument passed to builtins.zipAttrsWith');
  const collected = new Map<SymbolId, List>();
  for (const element of sets) {
    const attrs = it.forceAttrs(
      element,
      0,
      'while evaluating a value of the list passed as second argument to builtins.zipAttrsWith',
    );
    for (let i = 0; i < attrs.names.length; i++) {
      const values = collected.get(attrs.names[i]!);
      if (values === undefined) collected.set(attrs.names[i]!, [attrs.values[i]!]);
      else values.push(attrs.values[i]!);
    }
  }
  return attrsFromEntries(
    [...collected].map(
      ([name, values]) => [name, it.suspendCall2(fn, it.symbols.names[name]!, values)] as const,
    ),
  );
}

export function attrsBuiltins(it: Interpreter): Builtin[] {
  const { symbols } = it;
  const nameArg = (slot: Slot, context: ByteString): SymbolId =>
    symbols.intern(it.forceStringNoContext(slot, 0, context));
  return [
    {
      name: '__attrNames',
      arity: 1,
      call: (set) => {
        const attrs = it.forceAttrs(set, 0, 'while evaluating the argument passed to builtins.attrNames');
        // Sorted by unit, which is by byte here; with a comparator it would be much slower.
        return attrs.names.map((name) => symbols.names[name]!).sort();
      },
    },
    {
      name: '__attrValues',
      arity: 1,
      call: (set) => {
        const attrs = it.forceAttrs(set, 0, 'while evaluating the argument passed to builtins.attrValues');
        return lexicographicOrder(attrs, symbols.names).map((index) => attrs.values[index]!);
      },
    },
    {
      name: '__getAttr',
      arity: 2,
      call: (name, set) => {
        const symbol = nameArg(name, 'while evaluating the first argument passed to builtins.getAttr');
        const attrs = it.forceAttrs(
          set,
          0,
          'while evaluating the second argument passed to builtins.getAttr',
        );
        const slot = slotOf(attrs, symbol);
        if (slot !== undefined) return it.force(slot, 0);
        throw it.missingRequired(symbol, 'in the attribute set under consideration');
      },
    },
    {
      name: '__hasAttr',
      arity: 2,
      call: (name, set) => {
        const symbol = nameArg(name, 'while evaluating the first argument passed to builtins.hasAttr');
        return (
          slotOf(
            it.forceAttrs(set, 0, 'while evaluating the second argument passed to builtins.hasAttr'),
            symbol,
          ) !== undefined
        );
      },
    },
    {
      name: '__unsafeGetAttrPos',
      arity: 2,
      call: (name, set) => {
        const symbol = nameArg(
          name,
          'while evaluating the first argument passed to builtins.unsafeGetAttrPos',
        );
        const attrs = it.forceAttrs(
          set,
          0,
          'while evaluating the second argument passed to builtins.unsafeGetAttrPos',
        );
        const index = findAttr(attrs.names, symbol);
        return index < 0 ? null : positionValue(it, attrs.positionAt(index));
      },
    },
    {
      name: 'removeAttrs',
      arity: 2,
      call: (set, list) => {
        const attrs = it.forceAttrs(
          set,
          0,
          'while evaluating the first argument passed to builtins.removeAttrs',
        );
        const names = it.forceList(
          list,
          0,
          'while evaluating the second argument passed to builtins.removeAttrs',
        );
        const removed = new Set<SymbolId>();
        for (const name of names) {
          const text = it.forceStringNoContext(
            name,
            0,
            'while evaluating the values of the second argument passed to builtins.removeAttrs',
          );
          removed.add(symbols.intern(text));
        }
        const kept: number[] = [];
        for (let i = 0; i < attrs.names.length; i++) if (!removed.has(attrs.names[i]!)) kept.push(i);
        return pick(attrs, kept);
      },
    },
    { name: '__listToAttrs', arity: 1, call: (list) => listToAttrs(it, list) },
    {
      name: '__intersectAttrs',
      arity: 2,
      call: (left, right) => {
        const first = it.forceAttrs(
          left,
          0,
          'while evaluating the first argument passed to builtins.intersectAttrs',
        );
        return intersect(
          first,
          it.forceAttrs(right, 0, 'while evaluating the second argument passed to builtins.intersectAttrs'),
        );
      },
    },
    {
      name: '__catAttrs',
      arity: 2,
      call: (name, list) => {
        const symbol = nameArg(name, 'while evaluating the first argument passed to builtins.catAttrs');
        const sets = it.forceList(
          list,
          0,
          'while evaluating the second argument passed to builtins.catAttrs',
        );
        const result: List = [];
        for (const set of sets) {
          const attrs = it.forceAttrs(
            set,
            0,
            'while evaluating an element in the list passed as second argument to builtins.catAttrs',
          );
          const index = findAttr(attrs.names, symbol);
          if (index >= 0) result.push(attrs.values[index]!);
        }
        return result;
      },
    },
    { name: '__functionArgs', arity: 1, call: (fn) => functionArgs(it, fn) },
    {
      name: '__mapAttrs',
      arity: 2,
      call: (fn, set) => {
        const attrs = it.forceAttrs(
          set,
          0,
          'while evaluating the second argument passed to builtins.mapAttrs',
        );
        const count = attrs.names.length;
        if (count === 0) return emptyAttrs;
        const values: Slot[] = new Array(count);
        for (let i = 0; i < count; i++) {
          values[i] = it.suspendUnforcedCall(fn, symbols.names[attrs.names[i]!]!, attrs.values[i]!);
        }
        return new Attrs(attrs.names, values, noPlaces(count), 0);
      },
    },
    { name: '__zipAttrsWith', arity: 2, call: (fn, list) => zipAttrsWith(it, fn, list) },
  ];
}
