// GVDB, the file of tables that GSettings and dconf read: a hash table whose items are values of GVariant, lists of other items,
// or tables again. Laid out byte for byte as GLib's own writer does on machines of little endian.
import { glibHash, glibHashOrder } from './glib-hash-order.ts';
import { type Variant, writeVariant } from './variant.ts';

/** What a name of a table stands for. The name `''` lists all those names that do not start with a full stop. */
export type GvdbItem =
  | { readonly kind: 'value'; readonly value: Variant }
  | { readonly kind: 'table'; readonly table: GvdbTable };

/** Items by name, in the order in which a program would have put them in. */
export type GvdbTable = ReadonlyMap<string, GvdbItem>;

const headerSize = 24;
const itemSize = 24;
const noParent = 0xffffffff;
/** Shift of a Bloom filter without words, in the topmost five bits. */
const bloomHeader = (5 << 27) >>> 0;

/**
 * The bytes of a file with this table at its root. Its order of names decides their order in the file, not what a reader finds.
 *
 * @example
 * writeGvdb(new Map([['a', { kind: 'value', value: { type: 's', data: 'x' } }]]));
 */
export function writeGvdb(table: GvdbTable): Buffer {
  const file: Layout = { chunks: [], size: headerSize };
  const root = addTable(file, table);
  const bytes = Buffer.alloc(file.size);
  bytes.write('GVariant', 'latin1');
  bytes.writeUInt32LE(root.start, 16);
  bytes.writeUInt32LE(root.end, 20);
  for (const { offset, bytes: chunk } of file.chunks) chunk.copy(bytes, offset);
  return bytes;
}

interface Layout {
  readonly chunks: { readonly offset: number; readonly bytes: Buffer }[];
  size: number;
}

interface Extent {
  readonly start: number;
  readonly end: number;
}

function add(file: Layout, bytes: Buffer, alignment: number): Extent {
  const start = Math.ceil(file.size / alignment) * alignment;
  file.chunks.push({ offset: start, bytes });
  file.size = start + bytes.length;
  return { start, end: file.size };
}

function addTable(file: Layout, table: GvdbTable): Extent {
  const buckets: string[][] = Array.from({ length: table.size + 1 }, () => []);
  // Each goes to the front of its bucket.
  for (const name of glibHashOrder(['', ...table.keys()])) {
    buckets[glibHash(name) % buckets.length]!.unshift(name);
  }
  const names = buckets.flat();
  const index = new Map(names.map((name, at) => [name, at]));
  const listed = [...table.keys()].filter((name) => !name.startsWith('.'));
  listed.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const itemsAt = 8 + 4 * buckets.length;
  const bytes = Buffer.alloc(itemsAt + itemSize * names.length);
  const extent = add(file, bytes, 4);
  bytes.writeUInt32LE(bloomHeader, 0);
  bytes.writeUInt32LE(buckets.length, 4);
  let before = 0;
  buckets.forEach((bucket, at) => {
    bytes.writeUInt32LE(before, 8 + 4 * at);
    before += bucket.length;
  });
  names.forEach((name, at) => {
    const item = itemsAt + itemSize * at;
    const isListed = name !== '' && !name.startsWith('.');
    bytes.writeUInt32LE(glibHash(name), item);
    bytes.writeUInt32LE(isListed ? index.get('')! : noParent, item + 4);
    const key = add(file, Buffer.from(name), 1);
    bytes.writeUInt32LE(key.start, item + 8);
    bytes.writeUInt16LE((key.end - key.start) & 0xffff, item + 12);
    const added = name === '' ? addList(file, listed, index) : addItem(file, table.get(name)!);
    if (added === undefined) return;
    bytes.write(added.letter, item + 14, 'latin1');
    bytes.writeUInt32LE(added.start, item + 16);
    bytes.writeUInt32LE(added.end, item + 20);
  });
  return extent;
}

function addList(file: Layout, names: readonly string[], index: ReadonlyMap<string, number>) {
  if (names.length === 0) return undefined;
  const bytes = Buffer.alloc(4 * names.length);
  names.forEach((name, at) => void bytes.writeUInt32LE(index.get(name)!, 4 * at));
  return { letter: 'L', ...add(file, bytes, 4) };
}

function addItem(file: Layout, item: GvdbItem) {
  if (item.kind === 'table') return { letter: 'H', ...addTable(file, item.table) };
  return { letter: 'v', ...add(file, writeVariant({ type: 'v', children: [item.value] }), 8) };
}
