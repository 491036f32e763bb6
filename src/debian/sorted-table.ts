// A read-only map on disk from byte-string keys to byte-string values that opens in about a millisecond: keys and
// offsets are read at once and searched in place, values are read when asked for. Written once, atomically.
//
// Layout, little-endian: magic (8 bytes), count u32, length of keys u32, then `count` pairs of u32 (end of key, end
// of value), the keys, the values. Keys are sorted by byte.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { temporaryNameFor } from '../foundation/atomic-file.ts';
import { bufferToByteString, compareBytes, toByteString } from '../foundation/byte-string.ts';
import { TrimaranError } from '../foundation/error.ts';
import { explainNoSpace } from './no-space.ts';

const magic = Buffer.from('TRMTBL1\n');
const headerLength = 16;

export interface SortedTable {
  /** The value of a key, or undefined. */
  get(key: string): string | undefined;
  /** All keys that start with `prefix`, sorted by byte. */
  keys(prefix: string): Iterable<string>;
  close(): void;
}

/** Writes a table; keys and values are text, kept as UTF-8. Rejects with `debian/no-space` and system errors. */
export async function writeSortedTable(file: string, entries: ReadonlyMap<string, string>): Promise<void> {
  const sorted = [...entries]
    .map(([key, value]) => [toByteString(key), value] as const)
    .sort(([a], [b]) => compareBytes(a, b));
  const head = Buffer.alloc(headerLength + sorted.length * 8);
  let keyEnd = 0;
  let valueEnd = 0;
  sorted.forEach(([key, value], index) => {
    keyEnd += key.length;
    valueEnd += Buffer.byteLength(value, 'utf8');
    head.writeUInt32LE(keyEnd, headerLength + index * 8);
    head.writeUInt32LE(valueEnd, headerLength + index * 8 + 4);
  });
  magic.copy(head);
  head.writeUInt32LE(sorted.length, 8);
  head.writeUInt32LE(keyEnd, 12);
  await mkdir(dirname(file), { recursive: true });
  const temporary = temporaryNameFor(file);
  try {
    const handle = await open(temporary, 'wx', 0o644);
    try {
      await handle.appendFile(head);
      // In parts, since a whole table is some 40 MB as text and as much again as bytes.
      for (const column of [0, 1] as const) {
        const encoding = column === 0 ? 'latin1' : 'utf8';
        for (let i = 0; i < sorted.length; i += 2048) {
          const part = sorted.slice(i, i + 2048).map((pair) => pair[column]);
          await handle.appendFile(Buffer.from(part.join(''), encoding));
        }
      }
      await handle.datasync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw explainNoSpace(error, `write ${file}`);
  }
}

/**
 * Opens a table for reading. Throws the system error when the file cannot be opened, and
 * `debian/bad-cache` when it is no table or is cut short.
 */
export function openSortedTable(file: string): SortedTable {
  const descriptor = openSync(file, 'r');
  let head: Buffer;
  let count: number;
  try {
    const size = fstatSync(descriptor).size;
    const header = read(descriptor, 0, Math.min(headerLength, size));
    if (header.length < headerLength || !header.subarray(0, 8).equals(magic)) throw badTable(file);
    count = header.readUInt32LE(8);
    const headLength = count * 8 + header.readUInt32LE(12);
    if (headerLength + headLength > size) throw badTable(file);
    head = read(descriptor, headerLength, headLength);
    const valuesEnd = count === 0 ? 0 : head.readUInt32LE(count * 8 - 4);
    if (headerLength + headLength + valuesEnd !== size) throw badTable(file);
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
  const keysAt = count * 8;
  const valuesAt = headerLength + head.length;
  const keyStart = (index: number) => (index === 0 ? 0 : head.readUInt32LE(index * 8 - 8));
  const keyAt = (index: number) =>
    bufferToByteString(head.subarray(keysAt + keyStart(index), keysAt + head.readUInt32LE(index * 8)));
  /** Index of the first key that is not before `key`. */
  const lowerBound = (key: string): number => {
    let low = 0;
    let high = count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (keyAt(middle) < key) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  return {
    get(key) {
      const bytes = toByteString(key);
      const index = lowerBound(bytes);
      if (index === count || keyAt(index) !== bytes) return undefined;
      const start = index === 0 ? 0 : head.readUInt32LE(index * 8 - 4);
      return read(descriptor, valuesAt + start, head.readUInt32LE(index * 8 + 4) - start).toString('utf8');
    },
    *keys(prefix) {
      const bytes = toByteString(prefix);
      for (let index = lowerBound(bytes); index < count; index++) {
        const key = keyAt(index);
        if (!key.startsWith(bytes)) return;
        yield key;
      }
    },
    close() {
      closeSync(descriptor);
    },
  };
}

function read(descriptor: number, position: number, length: number): Buffer {
  const buffer = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const got = readSync(descriptor, buffer, filled, length - filled, position + filled);
    if (got === 0) break;
    filled += got;
  }
  return buffer.subarray(0, filled);
}

function badTable(file: string): TrimaranError {
  return new TrimaranError({
    code: 'debian/bad-cache',
    message: `${file} is damaged`,
    hint: `remove it; the next run makes it again`,
    exitCode: 4,
  });
}
