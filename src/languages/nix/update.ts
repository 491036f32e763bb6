// `a // b` on sorted arrays. Most updates put a small set over a big one; those copy the big one's arrays whole.
import type { Position } from './positions.ts';
import type { SymbolId } from './symbols.ts';
import {
  Attrs,
  DeferredPlaces,
  findAttr,
  maximumPlacesDepth,
  type Places,
  resolvePlaces,
  type Slot,
} from './values.ts';

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

  at(name: SymbolId): Position {
    const inRight = findAttr(this.right.names, name);
    const { names, places } = inRight < 0 ? this.left : this.right;
    if (places instanceof DeferredPlaces) return places.at(name);
    return places[inRight < 0 ? findAttr(names, name) : inRight]!;
  }
}

function mergedPlaces(names: readonly SymbolId[], left: Attrs, right: Attrs): Places {
  const depth = 1 + Math.max(depthOf(left.places), depthOf(right.places));
  const places = new MergedPlaces(names, left, right, depth);
  return depth > maximumPlacesDepth ? places.resolve() : places;
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

function merge(left: Attrs, right: Attrs, position: Position): Attrs {
  const leftNames = left.names;
  const rightNames = right.names;
  const leftValues = left.values;
  const rightValues = right.values;
  const leftCount = leftNames.length;
  const rightCount = rightNames.length;
  const names: SymbolId[] = new Array(leftCount + rightCount);
  const values: Slot[] = new Array(leftCount + rightCount);
  let i = 0;
  let j = 0;
  let count = 0;
  while (i < leftCount && j < rightCount) {
    const a = leftNames[i]!;
    const b = rightNames[j]!;
    if (a < b) {
      names[count] = a;
      values[count++] = leftValues[i++]!;
    } else {
      names[count] = b;
      values[count++] = rightValues[j++]!;
      if (a === b) i++;
    }
  }
  while (i < leftCount) {
    names[count] = leftNames[i]!;
    values[count++] = leftValues[i++]!;
  }
  while (j < rightCount) {
    names[count] = rightNames[j]!;
    values[count++] = rightValues[j++]!;
  }
  values.length = count;
  // Sets with the same names share the array, so that selections keep finding their attribute at once.
  const all = count === leftCount ? leftNames : count === rightCount ? rightNames : names;
  if (all === names) names.length = count;
  return new Attrs(all, values, mergedPlaces(all, left, right), position);
}
