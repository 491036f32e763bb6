// bzip2, decompressed: old source tarballs and old NARs have it. Follows the format as bzip2 1.0 writes it; randomised
// blocks, which nothing has written since 1999, are refused.
import { TrimaranError } from '../foundation/error.ts';

const blockMagic = 0x314159265359;
const endMagic = 0x177245385090;
const groupSize = 50;
const longestCode = 20;

/** The blocks of all streams in `data`, decompressed one by one, each at most 900 kB. Throws `bzip2/damaged`. */
export function* bzip2Blocks(data: Uint8Array): Generator<Buffer, void, undefined> {
  const bits = new BitReader(data);
  do {
    if (bits.read(8) !== 0x42 || bits.read(8) !== 0x5a || bits.read(8) !== 0x68) throw damaged('no header');
    const level = bits.read(8) - 0x30;
    if (level < 1 || level > 9) throw damaged('a bad header');
    const links = new Uint32Array(level * 100_000);
    let combined = 0;
    for (;;) {
      const magic = bits.read(24) * 2 ** 24 + bits.read(24);
      const expected = (bits.read(16) * 65536 + bits.read(16)) >>> 0;
      if (magic === endMagic) {
        if (expected !== combined) throw damaged('a wrong checksum');
        break;
      }
      if (magic !== blockMagic) throw damaged('a block that does not start as one');
      const { length, origin } = readBlock(bits, links);
      const { bytes, checksum } = restoreBlock(links, length, origin);
      if (checksum !== expected) throw damaged('a wrong checksum');
      combined = (((combined << 1) | (combined >>> 31)) ^ checksum) >>> 0;
      yield bytes;
    }
    bits.alignToByte();
  } while (!bits.atEnd);
}

/** Reads Huffman codes, move-to-front and runs into the low bytes of `symbols`. */
function readBlock(
  bits: BitReader,
  symbols: Uint32Array,
): { readonly length: number; readonly origin: number } {
  if (bits.read(1) !== 0) throw damaged('a randomised block, which is not supported');
  const origin = bits.read(24);
  const front = readUsedBytes(bits);
  const symbolCount = front.length + 2;
  const tableCount = bits.read(3);
  const selectorCount = bits.read(15);
  if (tableCount < 2 || tableCount > 6 || selectorCount === 0) throw damaged('bad tables');
  const selectors = readSelectors(bits, selectorCount, tableCount);
  const tables = Array.from({ length: tableCount }, () => readTable(bits, symbolCount));

  const endOfBlock = symbolCount - 1;
  let length = 0;
  let run = 0;
  let runWeight = 1;
  for (let group = 0; ; group++) {
    const selector = selectors[group];
    if (selector === undefined) throw damaged('too few tables');
    const table = tables[selector]!;
    for (let i = 0; i < groupSize; i++) {
      const symbol = readSymbol(bits, table);
      if (symbol <= 1) {
        // Runs are numbers in base two with digits 1 and 2.
        run += runWeight << symbol;
        runWeight *= 2;
        if (run > symbols.length - length) throw damaged('a block that is too long');
        continue;
      }
      if (run > 0) {
        symbols.fill(front[0]!, length, length + run);
        length += run;
        run = 0;
        runWeight = 1;
      }
      if (symbol === endOfBlock) {
        if (origin >= length) throw damaged('a bad block');
        return { length, origin };
      }
      if (length >= symbols.length) throw damaged('a block that is too long');
      const byte = front[symbol - 1]!;
      front.copyWithin(1, 0, symbol - 1);
      front[0] = byte;
      symbols[length++] = byte;
    }
  }
}

function readUsedBytes(bits: BitReader): Uint8Array {
  const used: number[] = [];
  const groups = bits.read(16);
  for (let high = 0; high < 16; high++) {
    if (!(groups & (0x8000 >> high))) continue;
    const lows = bits.read(16);
    for (let low = 0; low < 16; low++) if (lows & (0x8000 >> low)) used.push(high * 16 + low);
  }
  if (used.length === 0) throw damaged('a block without bytes');
  return Uint8Array.from(used);
}

function readSelectors(bits: BitReader, count: number, tableCount: number): Uint8Array {
  const selectors = new Uint8Array(count);
  const order = [0, 1, 2, 3, 4, 5];
  for (let i = 0; i < count; i++) {
    let position = 0;
    while (bits.read(1) === 1) if (++position >= tableCount) throw damaged('bad tables');
    const [table] = order.splice(position, 1) as [number];
    order.unshift(table);
    selectors[i] = table;
  }
  return selectors;
}

/** Canonical Huffman codes, by length: the last code of each, and where its symbols are. */
interface HuffmanTable {
  readonly shortest: number;
  readonly lastCode: Int32Array;
  readonly offset: Int32Array;
  readonly symbols: Uint16Array;
}

function readTable(bits: BitReader, symbolCount: number): HuffmanTable {
  const lengths = new Uint8Array(symbolCount);
  let length = bits.read(5);
  for (let symbol = 0; symbol < symbolCount; symbol++) {
    for (;;) {
      if (length < 1 || length > longestCode) throw damaged('bad tables');
      if (bits.read(1) === 0) break;
      length += bits.read(1) === 0 ? 1 : -1;
    }
    lengths[symbol] = length;
  }
  const lastCode = new Int32Array(longestCode + 2).fill(-1);
  const offset = new Int32Array(longestCode + 2);
  const symbols: number[] = [];
  let code = 0;
  for (let size = 1; size <= longestCode; size++) {
    offset[size] = symbols.length - code;
    for (let symbol = 0; symbol < symbolCount; symbol++) {
      if (lengths[symbol] !== size) continue;
      symbols.push(symbol);
      code++;
    }
    lastCode[size] = code - 1;
    code *= 2;
  }
  return { shortest: Math.min(...lengths), lastCode, offset, symbols: Uint16Array.from(symbols) };
}

function readSymbol(bits: BitReader, table: HuffmanTable): number {
  let length = table.shortest;
  let code = bits.read(length);
  while (code > table.lastCode[length]!) {
    if (++length > longestCode) throw damaged('a bad code');
    code = code * 2 + bits.read(1);
  }
  const symbol = table.symbols[code + table.offset[length]!];
  if (symbol === undefined) throw damaged('a bad code');
  return symbol;
}

/** Undoes the Burrows–Wheeler transform and the first run-length step. */
function restoreBlock(
  links: Uint32Array,
  length: number,
  origin: number,
): { readonly bytes: Buffer; readonly checksum: number } {
  const starts = new Uint32Array(257);
  for (let i = 0; i < length; i++) starts[(links[i]! & 255) + 1]!++;
  for (let byte = 0; byte < 256; byte++) starts[byte + 1]! += starts[byte]!;
  // The low byte of an entry stays the symbol; the upper 24 bits become the link to the next one.
  for (let i = 0; i < length; i++) {
    const target = starts[links[i]! & 255]!++;
    links[target]! |= i << 8;
  }
  let result = Buffer.allocUnsafe(length * 2 + 256);
  let written = 0;
  let crc = 0xffffffff;
  let position = links[origin]! >>> 8;
  let previous = -1;
  let repeated = 0;
  for (let i = 0; i < length; i++) {
    const entry = links[position]!;
    const byte = entry & 255;
    position = entry >>> 8;
    // Four equal bytes are followed by how many more there are.
    const count = repeated === 4 ? byte : 1;
    const value = repeated === 4 ? previous : byte;
    if (repeated === 4) repeated = 0;
    else repeated = byte === previous ? repeated + 1 : 1;
    previous = repeated === 0 ? -1 : byte;
    if (written + count > result.length) {
      const larger = Buffer.allocUnsafe(result.length * 2);
      result.copy(larger);
      result = larger;
    }
    for (let n = 0; n < count; n++) {
      result[written++] = value;
      crc = (crc << 8) ^ crcTable[(crc >>> 24) ^ value]!;
    }
  }
  return { bytes: result.subarray(0, written), checksum: ~crc >>> 0 };
}

/** CRC-32 with the highest bit first, unlike everybody else's. */
const crcTable = Int32Array.from({ length: 256 }, (_, index) => {
  let value = index << 24;
  for (let bit = 0; bit < 8; bit++) value = value < 0 ? (value << 1) ^ 0x04c11db7 : value << 1;
  return value;
});

class BitReader {
  readonly #data: Uint8Array;
  #position = 0;
  #held = 0;
  #count = 0;

  constructor(data: Uint8Array) {
    this.#data = data;
  }

  /** Up to 24 bits, the highest first. */
  read(count: number): number {
    while (this.#count < count) {
      const byte = this.#data[this.#position++];
      if (byte === undefined) throw damaged('no end');
      this.#held = ((this.#held & 0xffffff) << 8) | byte;
      this.#count += 8;
    }
    this.#count -= count;
    return (this.#held >>> this.#count) & ((1 << count) - 1);
  }

  alignToByte(): void {
    this.#count -= this.#count % 8;
  }

  get atEnd(): boolean {
    return this.#position - this.#count / 8 >= this.#data.length;
  }
}

function damaged(what: string): TrimaranError {
  return new TrimaranError({
    code: 'bzip2/damaged',
    message: `not a sound bzip2 file: it has ${what}`,
    exitCode: 4,
  });
}
