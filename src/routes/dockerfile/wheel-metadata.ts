// One small file out of a wheel, which is a zip archive: `NAME-VERSION.dist-info/METADATA`. Found by the archive's directory
// at its end, so the rest is not read. Zip64 and encryption are not known. https://pkware.cachefly.net/webdocs/APPNOTE.TXT
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { inflateRawSync } from 'node:zlib';

const longestDirectory = 64 << 20;
const longestMetadata = 4 << 20;
/** The end record with the longest comment. */
const longestEnd = 22 + 0xffff;

/** The text of a wheel's METADATA; undefined where the file is no such archive, or has none. */
export function readWheelMetadata(file: string): string | undefined {
  const handle = openSync(file, 'r');
  try {
    const { size } = fstatSync(handle);
    const read = (position: number, length: number) => {
      if (position < 0 || length < 0 || position + length > size) return undefined;
      const bytes = Buffer.alloc(length);
      return readSync(handle, bytes, 0, length, position) === length ? bytes : undefined;
    };
    const tail = read(Math.max(0, size - longestEnd), Math.min(size, longestEnd));
    const end = tail?.lastIndexOf('PK\x05\x06', undefined, 'latin1') ?? -1;
    if (tail === undefined || end < 0 || end + 22 > tail.length) return undefined;
    const length = tail.readUInt32LE(end + 12);
    const directory = length > longestDirectory ? undefined : read(tail.readUInt32LE(end + 16), length);
    const entry = directory === undefined ? undefined : findMetadata(directory);
    if (entry === undefined || entry.packed > longestMetadata || entry.size > longestMetadata)
      return undefined;
    const head = read(entry.offset, 30);
    if (head === undefined || head.readUInt32LE(0) !== 0x04034b50) return undefined;
    // The names of the entry itself may be longer than those of the directory.
    const start = entry.offset + 30 + head.readUInt16LE(26) + head.readUInt16LE(28);
    const packed = read(start, entry.packed);
    if (packed === undefined) return undefined;
    const bytes = entry.method === 0 ? packed : inflateRawSync(packed, { maxOutputLength: longestMetadata });
    return bytes.toString('utf8');
  } catch (error) {
    // What does not inflate is no archive either.
    if ((error as { code?: unknown }).code === 'ERR_BUFFER_TOO_LARGE' || isInflateError(error))
      return undefined;
    throw error;
  } finally {
    closeSync(handle);
  }
}

function isInflateError(error: unknown): boolean {
  return /^Z_/.test(String((error as { code?: unknown }).code));
}

interface Entry {
  readonly method: number;
  readonly packed: number;
  readonly size: number;
  readonly offset: number;
}

function findMetadata(directory: Buffer): Entry | undefined {
  for (let at = 0; at + 46 <= directory.length && directory.readUInt32LE(at) === 0x02014b50; ) {
    const nameLength = directory.readUInt16LE(at + 28);
    const name = directory.toString('latin1', at + 46, at + 46 + nameLength);
    const method = directory.readUInt16LE(at + 10);
    if (/^[^/]+\.dist-info\/METADATA$/.test(name) && (method === 0 || method === 8)) {
      return {
        method,
        packed: directory.readUInt32LE(at + 20),
        size: directory.readUInt32LE(at + 24),
        offset: directory.readUInt32LE(at + 42),
      };
    }
    at += 46 + nameLength + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
  return undefined;
}
