// The dynamic loader's index of libraries, /etc/ld.so.cache, as glibc's ldconfig writes it since 2.32: the format
// `glibc-ld.so.cache1.1` with extensions. Left out: the older format beside it, which only loaders before 2.2 need, and
// what a library asks of processor and kernel.
import type { ByteString } from '../foundation/byte-string.ts';

export interface LoaderCacheEntry {
  /** What programs ask for: `libz.so.1`. */
  readonly name: ByteString;
  /** Where it is: `/lib/x86_64-linux-gnu/libz.so.1`. */
  readonly path: ByteString;
  /** Kind and word size, as `FLAG_…` of glibc's ldconfig.h. */
  readonly flags: number;
  /** The folder below `glibc-hwcaps` that the library lies in. */
  readonly capability?: ByteString;
}

export interface LoaderCache {
  /** In the order of the folders in which they were found. */
  readonly entries: readonly LoaderCacheEntry[];
  /** Every folder below a `glibc-hwcaps`, with libraries or without. */
  readonly capabilities?: readonly ByteString[];
  /** Which program wrote it: `ldconfig (Debian GLIBC 2.36-9) stable release version 2.36`. */
  readonly generator: ByteString;
}

const headerSize = 48;
const entrySize = 24;
const sectionSize = 16;
/** An entry's `hwcap` is an index of the extension's names where this bit is set. */
const namedCapability = 2 ** 30;
const extensionMagic = 0xeaa42174;
const littleEndian = 2;

/** The bytes of an index. The same entries give the same bytes, in whatever order the folders were listed. */
export function writeLoaderCache({ entries, capabilities = [], generator }: LoaderCache): Buffer {
  const used = [...new Set(entries.flatMap(({ capability }) => capability ?? []))].sort();
  const strings = tailMerged(
    new Set([...capabilities, ...used, ...entries.flatMap(({ name, path }) => [name, path])]),
  );
  const base = headerSize + entries.length * entrySize;
  const extension = Math.ceil((base + strings.bytes.length) / 4) * 4;
  const sections = used.length === 0 ? 1 : 2;
  const names = extension + 8 + sections * sectionSize;
  const generated = names + used.length * 4;
  const bytes = Buffer.alloc(generated + generator.length);
  bytes.write('glibc-ld.so.cache1.1', 'latin1');
  bytes.writeUInt32LE(entries.length, 20);
  bytes.writeUInt32LE(strings.bytes.length, 24);
  bytes[28] = littleEndian;
  bytes.writeUInt32LE(extension, 32);
  // A stable sort: libraries of one name stay in the order of their folders.
  [...entries].sort(compareEntries).forEach(({ name, path, flags, capability }, index) => {
    const at = headerSize + index * entrySize;
    bytes.writeInt32LE(flags, at);
    bytes.writeUInt32LE(base + strings.offsets.get(name)!, at + 4);
    bytes.writeUInt32LE(base + strings.offsets.get(path)!, at + 8);
    if (capability === undefined) return;
    bytes.writeUInt32LE(used.indexOf(capability), at + 16);
    bytes.writeUInt32LE(namedCapability, at + 20);
  });
  strings.bytes.copy(bytes, base);
  bytes.writeUInt32LE(extensionMagic, extension);
  bytes.writeUInt32LE(sections, extension + 4);
  bytes.writeUInt32LE(generated, extension + 16);
  bytes.writeUInt32LE(generator.length, extension + 20);
  if (used.length > 0) {
    const section = extension + 8 + sectionSize;
    bytes.writeUInt32LE(1, section);
    bytes.writeUInt32LE(names, section + 8);
    bytes.writeUInt32LE(used.length * 4, section + 12);
    used.forEach((name, index) => {
      bytes.writeUInt32LE(base + strings.offsets.get(name)!, names + index * 4);
    });
  }
  bytes.write(generator, generated, 'latin1');
  return bytes;
}

/** Later names first, which is what the loader's search by halves expects; of one name those for a processor first. */
function compareEntries(a: LoaderCacheEntry, b: LoaderCacheEntry): number {
  const byName = compareLibraryNames(b.name, a.name) || b.flags - a.flags;
  if (byName !== 0 || a.capability === b.capability) return byName;
  if (a.capability === undefined) return 1;
  return b.capability === undefined || a.capability < b.capability ? -1 : 1;
}

/** As the loader compares names: runs of digits by their value, and before any other character's turn they come after it. */
export function compareLibraryNames(a: ByteString, b: ByteString): number {
  let i = 0;
  let j = 0;
  while (i < a.length) {
    const first = digitsAt(a, i);
    const second = digitsAt(b, j);
    if (first !== '' && second !== '') {
      if (Number(first) !== Number(second)) return Number(first) - Number(second);
      i += first.length;
      j += second.length;
    } else if (first !== '') {
      return 1;
    } else if (second !== '') {
      return -1;
    } else {
      const difference = a.charCodeAt(i) - (j < b.length ? b.charCodeAt(j) : 0);
      if (difference !== 0) return difference;
      i++;
      j++;
    }
  }
  return j < b.length ? -1 : 0;
}

function digitsAt(text: ByteString, start: number): string {
  let end = start;
  while (end < text.length && text.charCodeAt(end) >= 48 && text.charCodeAt(end) <= 57) end++;
  return text.slice(start, end);
}

/** Strings one after another, each ended by a zero byte; what ends another shares its bytes. */
function tailMerged(strings: ReadonlySet<ByteString>): {
  bytes: Buffer;
  offsets: ReadonlyMap<ByteString, number>;
} {
  const offsets = new Map<ByteString, number>();
  const kept: ByteString[] = [];
  let length = 0;
  let previous: { text: ByteString; offset: number } | undefined;
  for (const text of [...strings].sort(compareFromEnd)) {
    const isTail = previous?.text.endsWith(text) === true;
    const offset = isTail ? previous!.offset + previous!.text.length - text.length : length;
    if (!isTail) {
      kept.push(text);
      length += text.length + 1;
    }
    offsets.set(text, offset);
    previous = { text, offset };
  }
  return { bytes: Buffer.from(kept.map((text) => `${text}\0`).join(''), 'latin1'), offsets };
}

/** By the last byte first, descending, longer strings before their tails. */
function compareFromEnd(a: ByteString, b: ByteString): number {
  for (let i = 1; i <= a.length && i <= b.length; i++) {
    const difference = b.charCodeAt(b.length - i) - a.charCodeAt(a.length - i);
    if (difference !== 0) return difference;
  }
  return b.length - a.length;
}
