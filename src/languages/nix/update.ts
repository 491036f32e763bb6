// `a // b` on sorted arrays. Most updates put a small set over a big one; those copy the big one's arrays whole.
import type { Position } from './positions.ts';
import type { SymbolId } from './symbols.ts';
import { Attrs, findAttr, type Slot } from './values.ts';

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
  const indexes: number[] = [];
  for (const name of right.names) {
    const index = findAttr(left.names, name);
    if (index < 0) return undefined;
    indexes.push(index);
  }
  const values = left.values.slice();
  const positions = left.positions.slice();
  for (let i = 0; i < indexes.length; i++) {
    values[indexes[i]!] = right.values[i]!;
    positions[indexes[i]!] = right.positions[i]!;
  }
  return new Attrs(left.names, values, positions, position);
}

function merge(left: Attrs, right: Attrs, position: Position): Attrs {
  const leftNames = left.names;
  const rightNames = right.names;
  const leftCount = leftNames.length;
  const rightCount = rightNames.length;
  const names: SymbolId[] = [];
  const values: Slot[] = [];
  const positions: Position[] = [];
  let i = 0;
  let j = 0;
  while (i < leftCount && j < rightCount) {
    const a = leftNames[i]!;
    const b = rightNames[j]!;
    if (a < b) {
      names.push(a);
      values.push(left.values[i]!);
      positions.push(left.positions[i]!);
      i++;
    } else {
      names.push(b);
      values.push(right.values[j]!);
      positions.push(right.positions[j]!);
      j++;
      if (a === b) i++;
    }
  }
  for (; i < leftCount; i++) {
    names.push(leftNames[i]!);
    values.push(left.values[i]!);
    positions.push(left.positions[i]!);
  }
  for (; j < rightCount; j++) {
    names.push(rightNames[j]!);
    values.push(right.values[j]!);
    positions.push(right.positions[j]!);
  }
  // Sets with the same names share the array, so that selections keep finding their attribute at once.
  const shared = names.length === leftCount ? leftNames : names.length === rightCount ? rightNames : names;
  return new Attrs(shared, values, positions, position);
}
