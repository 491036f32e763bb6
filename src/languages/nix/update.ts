// `a // b` on sorted arrays. Most updates put a small set over a big one; those copy the big one's arrays whole.
import type { Position } from './positions.ts';
import type { SymbolId } from './symbols.ts';
import { Attrs, DeferredPlaces, findAttr, type Places, resolvePlaces, type Slot } from './values.ts';

/** Positions of a merged set: those of the right set's attributes, else of the left's. */
class MergedPlaces extends DeferredPlaces {
  private readonly names: readonly SymbolId[];
  private readonly left: { readonly names: readonly SymbolId[]; readonly places: Places };
  private readonly right: { readonly names: readonly SymbolId[]; readonly places: Places };

  constructor(names: readonly SymbolId[], left: Attrs, right: Attrs, depth: number) {
    super(depth);
    this.names = names;
    // The sets themselves are not kept, for their values would be kept with them.
    this.left = { names: left.names, places: left.places };
    this.right = { names: right.names, places: right.places };
  }

  resolve(): Position[] {
    const { left, right } = this;
    const leftPositions = resolvePlaces(left.places);
    const rightPositions = resolvePlaces(right.places);
    let i = 0;
    let j = 0;
    return this.names.map((name) => {
      const inLeft = left.names[i] === name;
      const inRight = right.names[j] === name;
      const position = inRight ? rightPositions[j]! : leftPositions[i]!;
      if (inLeft) i++;
      if (inRight) j++;
      return position;
    });
  }
}

/** Beyond this, positions are worked out at once: a long chain of updates must not keep all its names. */
const maximumDepth = 8;

function mergedPlaces(names: readonly SymbolId[], left: Attrs, right: Attrs): Places {
  const depth = 1 + Math.max(depthOf(left.places), depthOf(right.places));
  const places = new MergedPlaces(names, left, right, depth);
  return depth > maximumDepth ? places.resolve() : places;
}

function depthOf(places: Places): number {
  return places instanceof DeferredPlaces ? places.depth : 0;
}

/** The attributes of both, the right one's first. */
export function updateAttrs(left: Attrs, right: Attrs, position: Position): Attrs {
  const leftCount = left.names.length;
  if (leftCount === 0) return right;
  const rightCount = right.names.length;
  if (rightCount === 0) return left;
  if (left.names === right.names) return right;
  if (rightCount * 8 < leftCount) {
    const replaced = replaceAll(left, right, position);
    if (replaced !== undefined) return replaced;
  }
  return merge(left, right, position);
}

/** The update when every attribute of the right set is one of the left's too, else undefined. */
function replaceAll(left: Attrs, right: Attrs, position: Position): Attrs | undefined {
  const { names } = right;
  const indexes: number[] = [];
  for (let i = 0; i < names.length; i++) {
    const index = findAttr(left.names, names[i]!);
    if (index < 0) return undefined;
    indexes.push(index);
  }
  const values = left.values.slice();
  for (let i = 0; i < indexes.length; i++) values[indexes[i]!] = right.values[i]!;
  return new Attrs(left.names, values, mergedPlaces(left.names, left, right), position);
}

/** How many names two sorted lists have in common. */
function commonCount(left: readonly SymbolId[], right: readonly SymbolId[]): number {
  let common = 0;
  let i = 0;
  let j = 0;
  while (i < left.length && j < right.length) {
    const a = left[i]!;
    const b = right[j]!;
    if (a <= b) i++;
    if (b <= a) j++;
    if (a === b) common++;
  }
  return common;
}

function merge(left: Attrs, right: Attrs, position: Position): Attrs {
  const leftNames = left.names;
  const rightNames = right.names;
  const leftValues = left.values;
  const rightValues = right.values;
  const leftCount = leftNames.length;
  const rightCount = rightNames.length;
  const count = leftCount + rightCount - commonCount(leftNames, rightNames);
  // Sets with the same names share the array, so that selections keep finding their attribute at once.
  const shared = count === leftCount ? leftNames : count === rightCount ? rightNames : undefined;
  const names: SymbolId[] = shared === undefined ? new Array(count) : [];
  const values: Slot[] = new Array(count);
  let i = 0;
  let j = 0;
  for (let at = 0; at < count; at++) {
    const a = i < leftCount ? leftNames[i]! : Number.POSITIVE_INFINITY;
    const b = j < rightCount ? rightNames[j]! : Number.POSITIVE_INFINITY;
    if (a < b) {
      if (shared === undefined) names[at] = a;
      values[at] = leftValues[i]!;
      i++;
    } else {
      if (shared === undefined) names[at] = b;
      values[at] = rightValues[j]!;
      j++;
      if (a === b) i++;
    }
  }
  const all = shared ?? names;
  return new Attrs(all, values, mergedPlaces(all, left, right), position);
}
