// In which order GLib's GHashTable, from 2.62 on, gives back the strings that were put in it, which decides the layout of files
// that glib-compile-schemas(1) writes: open addressing, where the hash modulo a prime begins a quadratic search in a power of
// two. Leaves out removing.

const smallest = 3;
/** The largest prime below each power of two. */
const moduli = [
  1, 2, 3, 7, 13, 31, 61, 127, 251, 509, 1021, 2039, 4093, 8191, 16381, 32749, 65521, 131071, 262139, 524287,
  1048573,
];

/** Bernstein's hash of a string's bytes, which are signed: 32 bits. */
export function glibHash(text: string): number {
  let hash = 5381;
  for (const byte of Buffer.from(text)) hash = (Math.imul(hash, 33) + ((byte << 24) >> 24)) >>> 0;
  return hash;
}

interface Node {
  readonly key: string;
  readonly hash: number;
}

/**
 * Distinct strings in the order in which a table gives them that got them in this order. For up to a million.
 *
 * @example
 * glibHashOrder(['b', 'a']); // ['a', 'b']
 */
export function glibHashOrder(keys: Iterable<string>): string[] {
  let shift = smallest;
  let nodes: (Node | undefined)[] = Array.from({ length: 1 << shift });
  let count = 0;
  for (const key of keys) {
    // 0 and 1 mark places without a string.
    const hash = glibHash(key);
    const node = { key, hash: Math.max(hash, 2) };
    nodes[placeFor(node, shift, (index) => nodes[index] !== undefined)] = node;
    count++;
    if (nodes.length > count + Math.floor(count / 16)) continue;
    shift = Math.max(smallest, 32 - Math.clz32(Math.floor(count * 1.333)));
    nodes = rearranged(nodes, shift);
  }
  return nodes.flatMap((node) => (node === undefined ? [] : [node.key]));
}

function placeFor({ hash }: Node, shift: number, isTaken: (index: number) => boolean): number {
  let index = (Math.imul(hash, 11) >>> 0) % moduli[shift]!;
  for (let step = 1; isTaken(index); step++) index = (index + step) & ((1 << shift) - 1);
  return index;
}

/** What growing does in place: a node that takes another's place sends that one on, and who has moved stays. */
function rearranged(old: readonly (Node | undefined)[], shift: number): (Node | undefined)[] {
  const nodes = Array.from({ length: 1 << shift }, (_, index) => old[index]);
  const settled = new Set<number>();
  for (let from = 0; from < old.length; from++) {
    if (settled.has(from)) continue;
    let moving = nodes[from];
    nodes[from] = undefined;
    while (moving !== undefined) {
      const index = placeFor(moving, shift, (place) => settled.has(place));
      settled.add(index);
      const displaced: Node | undefined = nodes[index];
      nodes[index] = moving;
      moving = displaced;
    }
  }
  return nodes;
}
