// The headers in rpm's databases, in the three forms that rpm has had: a table of SQLite (https://sqlite.org/fileformat2.html),
// rpm's own `ndb`, and a hash of Berkeley DB. Pages that a write-ahead log holds are not looked at.

/** Headers of a database, by what its first bytes say it is; undefined for a form that is none of the three. */
export function readRpmDatabase(bytes: Buffer): Buffer[] | undefined {
  try {
    if (bytes.toString('latin1', 0, 16) === 'SQLite format 3\0') return sqliteBlobs(bytes, 'Packages');
    if (bytes.toString('latin1', 0, 4) === 'RpmP') return slotBlobs(bytes);
    if (bytes.length > 512 && bytes.readUInt32LE(12) === 0x00061561) return hashBlobs(bytes);
    return undefined;
  } catch (error) {
    // A read past the end: the file is cut off, or no such database after all.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

type Value = number | string | Buffer | null;

/** The blobs of a table's rows. */
function sqliteBlobs(file: Buffer, table: string): Buffer[] {
  const written = file.readUInt16BE(16);
  const pageSize = written === 1 ? 65536 : written;
  const reader = new SqliteReader(file, pageSize, pageSize - file[20]!);
  for (const [type, name, , root] of reader.rows(1))
    if (type === 'table' && name === table && typeof root === 'number')
      return [...reader.rows(root)].flatMap((row) =>
        row.filter((value): value is Buffer => value instanceof Buffer),
      );
  return [];
}

class SqliteReader {
  readonly #file: Buffer;
  readonly #pageSize: number;
  /** Bytes of a page without what it keeps for others. */
  readonly #usable: number;
  readonly #seen = new Set<number>();

  constructor(file: Buffer, pageSize: number, usable: number) {
    this.#file = file;
    this.#pageSize = pageSize;
    this.#usable = usable;
  }

  /** Rows of a table in their order. A page is read once: a tree that is a ring ends. */
  *rows(root: number): Generator<readonly Value[]> {
    if (root < 1 || this.#seen.has(root)) return;
    this.#seen.add(root);
    const page = this.#page(root);
    const at = root === 1 ? 100 : 0;
    const kind = page[at];
    const count = page.readUInt16BE(at + 3);
    const pointers = at + (kind === 5 ? 12 : 8);
    for (let index = 0; index < count; index++) {
      const cell = page.readUInt16BE(pointers + index * 2);
      if (kind === 5) yield* this.rows(page.readUInt32BE(cell));
      else if (kind === 13) yield readRecord(this.#payload(page, cell));
    }
    if (kind === 5) yield* this.rows(page.readUInt32BE(at + 8));
  }

  #page(number: number): Buffer {
    const start = (number - 1) * this.#pageSize;
    if (start + this.#pageSize > this.#file.length) throw new RangeError('a page past the end');
    return this.#file.subarray(start, start + this.#pageSize);
  }

  /** The payload of a cell, with the pages that it overflows to. */
  #payload(page: Buffer, cell: number): Buffer {
    const [length, afterLength] = varint(page, cell);
    const [, start] = varint(page, afterLength);
    if (length > this.#file.length) throw new RangeError('a payload larger than the file');
    const most = this.#usable - 35;
    if (length <= most) return page.subarray(start, start + length);
    const least = Math.floor(((this.#usable - 12) * 32) / 255) - 23;
    const fitting = least + ((length - least) % (this.#usable - 4));
    const local = fitting <= most ? fitting : least;
    const parts = [page.subarray(start, start + local)];
    let left = length - local;
    for (let next = page.readUInt32BE(start + local); next !== 0 && left > 0; ) {
      const overflow = this.#page(next);
      const part = overflow.subarray(4, 4 + Math.min(left, this.#usable - 4));
      parts.push(part);
      left -= part.length;
      next = overflow.readUInt32BE(0);
    }
    return Buffer.concat(parts);
  }
}

/** A number of SQLite's, and where it ends. */
function varint(bytes: Buffer, start: number): [value: number, end: number] {
  let value = 0;
  for (let at = start; at < start + 8; at++) {
    const byte = bytes.readUInt8(at);
    value = value * 128 + (byte & 0x7f);
    if (byte < 0x80) return [value, at + 1];
  }
  return [value * 256 + bytes.readUInt8(start + 8), start + 9];
}

function readRecord(payload: Buffer): Value[] {
  const [headerEnd, first] = varint(payload, 0);
  const values: Value[] = [];
  let at = first;
  for (let data = headerEnd; at < headerEnd; ) {
    const [type, next] = varint(payload, at);
    at = next;
    const length = type >= 12 ? Math.floor((type - 12) / 2) : [0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0][type]!;
    const bytes = payload.subarray(data, data + length);
    data += length;
    if (type >= 12) values.push(type % 2 === 0 ? bytes : bytes.toString('utf8'));
    else if (type >= 1 && type <= 5) values.push(bytes.readIntBE(0, length));
    else values.push(type === 8 ? 0 : type === 9 ? 1 : null);
  }
  return values;
}

/** `ndb`: pages of slots, each of which says where its blob begins, counted in blocks of 16 bytes. */
function slotBlobs(file: Buffer): Buffer[] {
  const end = Math.min(file.readUInt32LE(12) * 4096, file.length);
  const blobs: Buffer[] = [];
  for (let at = 32; at + 16 <= end; at += 16) {
    if (file.toString('latin1', at, at + 4) !== 'Slot' || file.readUInt32LE(at + 4) === 0) continue;
    const start = file.readUInt32LE(at + 8) * 16;
    if (file.toString('latin1', start, start + 4) !== 'BlbS') continue;
    blobs.push(file.subarray(start + 16, start + 16 + file.readUInt32LE(start + 12)));
  }
  return blobs;
}

/** Berkeley DB: pairs of key and value on pages of a hash; values too large for one are chains of pages. */
function hashBlobs(file: Buffer): Buffer[] {
  const pageSize = file.readUInt32LE(20);
  const blobs: Buffer[] = [];
  if (pageSize < 512 || pageSize > 65536) return blobs;
  for (let start = pageSize; start + pageSize <= file.length; start += pageSize) {
    const page = file.subarray(start, start + pageSize);
    // Hash pages, sorted or not.
    if (page[25] !== 13 && page[25] !== 2) continue;
    const count = page.readUInt16LE(20);
    for (let index = 1; index < count; index += 2) {
      const at = page.readUInt16LE(26 + index * 2);
      if (page[at] === 3)
        blobs.push(
          overflowChain(file, pageSize, {
            first: page.readUInt32LE(at + 4),
            length: page.readUInt32LE(at + 8),
          }),
        );
      else if (page[at] === 1) {
        const before = page.readUInt16LE(26 + (index - 1) * 2);
        blobs.push(page.subarray(at + 1, before));
      }
    }
  }
  return blobs;
}

function overflowChain(
  file: Buffer,
  pageSize: number,
  { first, length }: { readonly first: number; readonly length: number },
): Buffer {
  if (length > file.length) throw new RangeError('a value larger than the file');
  const parts: Buffer[] = [];
  let left = length;
  for (let next = first; next !== 0 && left > 0; ) {
    const page = file.subarray(next * pageSize, (next + 1) * pageSize);
    const part = page.subarray(26, 26 + Math.min(left, page.readUInt16LE(22)));
    if (part.length === 0) break;
    parts.push(part);
    left -= part.length;
    next = page.readUInt32LE(16);
  }
  return Buffer.concat(parts);
}
