// Environment variables of a derivation, in the order in which its text has them: names and values side by side, which is
// how evaluators come by them. Everybody else sees a map.
import type { ByteString } from '../foundation/byte-string.ts';

/** A map over two arrays, which are not copied. `names` are sorted by byte, none twice. */
export class SortedVariables implements ReadonlyMap<ByteString, ByteString> {
  readonly names: readonly ByteString[];
  readonly texts: readonly ByteString[];

  constructor(names: readonly ByteString[], texts: readonly ByteString[]) {
    this.names = names;
    this.texts = texts;
  }

  get size(): number {
    return this.names.length;
  }

  get(name: ByteString): ByteString | undefined {
    const index = indexOf(this.names, name);
    return this.names[index] === name ? this.texts[index] : undefined;
  }

  has(name: ByteString): boolean {
    return this.names[indexOf(this.names, name)] === name;
  }

  forEach(
    callback: (value: ByteString, name: ByteString, map: ReadonlyMap<ByteString, ByteString>) => void,
  ): void {
    for (let i = 0; i < this.names.length; i++) callback(this.texts[i]!, this.names[i]!, this);
  }

  keys(): MapIterator<ByteString> {
    return this.names.values();
  }

  values(): MapIterator<ByteString> {
    return this.texts.values();
  }

  entries(): MapIterator<[ByteString, ByteString]> {
    return this.names.map((name, i): [ByteString, ByteString] => [name, this.texts[i]!]).values();
  }

  [Symbol.iterator](): MapIterator<[ByteString, ByteString]> {
    return this.entries();
  }
}

/** Where a name is in a sorted array, or belongs. */
function indexOf(names: readonly ByteString[], name: ByteString): number {
  let low = 0;
  let high = names.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (names[middle]! < name) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Gives a variable a value in arrays as {@link SortedVariables} has them; it is put in its place when it is new. */
export function setVariable(
  names: ByteString[],
  texts: ByteString[],
  name: ByteString,
  text: ByteString,
): void {
  const index = indexOf(names, name);
  if (names[index] === name) texts[index] = text;
  else {
    names.splice(index, 0, name);
    texts.splice(index, 0, text);
  }
}
