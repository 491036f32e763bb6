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
  // Sets with the same names share the array, so that selections keep finding their attribute at once.
  const added = rightCount * 8 < leftCount ? countAddedFew(left, right) : countAdded(left, right);
  if (added === 0) {
    const { names } = left;
    return new Attrs(names, replaced(left, right), mergedPlaces(names, left, right), position);
  }
  if (leftCount + added === rightCount) return new Attrs(right.names, right.values, right.places, position);
  return merge(left, right, leftCount + added, position);
}

/** How many attributes of the right set the left one lacks. */
function countAdded(left: Attrs, right: Attrs): number {
  const leftNames = left.names;
  const rightNames = right.names;
  let added = 0;
  let i = 0;
  for (let j = 0; j < rightNames.length; j++) {
    const name = rightNames[j]!;
    while (i < leftNames.length && leftNames[i]! < name) i++;
    if (leftNames[i] !== name) added++;
  }
  return added;
}

/** The same for a right set that is much smaller. */
function countAddedFew(left: Attrs, right: Attrs): number {
  let added = 0;
  for (let j = 0; j < right.names.length; j++) if (findAttr(left.names, right.names[j]!) < 0) added++;
  return added;
}

/** The left set's values with the right's, whose names all are the left's too, in their places. */
function replaced(left: Attrs, right: Attrs): Slot[] {
  const values = left.values.slice();
  for (let j = 0; j < right.names.length; j++) {
    values[findAttr(left.names, right.names[j]!)] = right.values[j]!;
  }
  return values;
}

/** Both sets' attributes, of which there are `count`. */
function merge(left: Attrs, right: Attrs, count: number, position: Position): Attrs {
  const leftNames = left.names;
  const rightNames = right.names;
  const leftValues = left.values;
  const rightValues = right.values;
  const leftCount = leftNames.length;
  const rightCount = rightNames.length;
  const names: SymbolId[] = new Array(count);
  const values: Slot[] = new Array(count);
  let i = 0;
  let j = 0;
  for (let at = 0; at < count; at++) {
    const fromRight = j < rightCount && (i >= leftCount || rightNames[j]! <= leftNames[i]!);
    if (!fromRight) {
      names[at] = leftNames[i]!;
      values[at] = leftValues[i++]!;
      continue;
    }
    const name = rightNames[j]!;
    if (leftNames[i] === name) i++;
    names[at] = name;
    values[at] = rightValues[j++]!;
  }
  return new Attrs(names, values, mergedPlaces(names, left, right), position);
}
