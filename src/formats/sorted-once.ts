// Names and paths as store texts have them: sorted by byte, each once.
import type { ByteString } from '../foundation/byte-string.ts';

/** Strings sorted, each once. An array that is so already is given back as it is. */
export function sortedOnce<T extends ByteString>(strings: Iterable<T>): readonly T[] {
  const list = Array.isArray(strings) ? (strings as readonly T[]) : [...strings];
  for (let i = 1; i < list.length; i++) if (list[i - 1]! >= list[i]!) return [...new Set(list)].sort();
  return list;
}
