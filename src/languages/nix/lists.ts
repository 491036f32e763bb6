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
  return joinLists(forced);
}

/** All elements of several lists, as a list of its own. Copied by index: `concat` is slow for short lists. */
export function joinLists(lists: readonly List[]): List {
  let count = 0;
  for (let i = 0; i < lists.length; i++) count += lists[i]!.length;
  // Beyond this V8 would make a table of it.
  if (count > 2 ** 25) return (lists as Slot[][]).flat() as List;
  const all: List = new Array(count);
  let at = 0;
  for (let i = 0; i < lists.length; i++) {
    const list = lists[i]!;
    for (let j = 0; j < list.length; j++) all[at++] = list[j]!;
  }
  return all;
}
