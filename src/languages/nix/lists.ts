// Concatenating lists.
import type { ByteString } from '../../foundation/byte-string.ts';
import type { Interpreter } from './interpreter.ts';
import type { Position } from './positions.ts';
import { emptyList, type List, type Slot } from './values.ts';

/** All elements of several lists; when only one has any, that list itself. */
export function concatLists(
  it: Interpreter,
  lists: readonly Slot[],
  position: Position,
  context: ByteString,
): List {
  let nonEmpty: List = emptyList;
  let nonEmptyCount = 0;
  const forced: List[] = new Array(lists.length);
  for (let i = 0; i < lists.length; i++) {
    const list = it.forceList(lists[i]!, position, context);
    forced[i] = list;
    if (list.length > 0) {
      nonEmpty = list;
      nonEmptyCount++;
    }
  }
  if (nonEmptyCount <= 1) return nonEmpty;
  if (forced.length === 2) return forced[0]!.concat(forced[1]!);
  return ([] as List).concat(...forced);
}
