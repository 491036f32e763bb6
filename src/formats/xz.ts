// .xz, decompressed: streams, blocks, LZMA2 chunks and their checksums; the inner loop is lzma-module.ts.
// Source: the .xz file format 1.1. Left out: filters other than LZMA2, refused by name.
import { createHash, type Hash } from 'node:crypto';
import { TrimaranError } from '../foundation/error.ts';
import {
  assembleLzmaModule,
  checksumAt,
  checksumTablesAt,
  inputAt,
  inputSlack,
  type LzmaFunctions,
  windowAt,
  windowSlack,
} from './lzma-module.ts';
import { allocateMemory, compileModule, instantiateModule, type WasmModule } from './wasm-assembler.ts';

/** Largest dictionary that is accepted; `xz -9` has 64 MiB. */
const dictionaryLimit = 256 * 1024 * 1024;
const largestChunk = 2 * 1024 * 1024;
const headerMagic = '\xfd7zXZ\0';
const checkSizes = [0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64];

/** What decompressing asks for (a number of bytes, to be handed in) or gives: bytes, valid until the next step. */
export type XzStep = number | Uint8Array;

/**
 * Decompresses one .xz after another, with memory that is kept between them: about twice the dictionary, 18 MiB for what
 * `xz -6` writes.
 */
export class XzDecoder {
  readonly #memory = allocateMemory(16);
  readonly #functions: LzmaFunctions;
  #bytes: Uint8Array;
  #tables: CheckKind = 'none';

  constructor() {
    this.#functions = instantiateModule<LzmaFunctions>(lzmaModule(), this.#memory);
    this.#bytes = new Uint8Array(this.#memory.buffer);
  }

  /**
   * All of `data`. Throws `xz/damaged`, `xz/unsupported`, and what `tooLarge` gives when more than `limit` bytes come out.
   */
  decode(data: Uint8Array, options: { readonly limit: number; readonly tooLarge: () => Error }): Buffer {
    const size = uncompressedSize(data);
    if (size > options.limit) throw options.tooLarge();
    const result = Buffer.allocUnsafeSlow(size);
    const steps = this.steps();
    let position = 0;
    let written = 0;
    let step = steps.next(empty);
    while (!step.done) {
      const { value } = step;
      if (typeof value === 'number') {
        const piece = data.subarray(position, position + value);
        position += piece.length;
        step = steps.next(piece);
      } else {
        if (written + value.length > size) throw damaged('its index is wrong');
        result.set(value, written);
        written += value.length;
        step = steps.next(empty);
      }
    }
    if (written !== size) throw damaged('its index is wrong');
    return result;
  }

  /**
   * The work, step by step: for each number that comes out, so many bytes go in, fewer only at the source's end.
   * One at a time: the memory is shared.
   */
  *steps(): Generator<XzStep, void, Uint8Array> {
    let head = yield 12;
    do {
      if (head.length < 12) throw damaged('it is cut off');
      const check = parseStreamHeader(head);
      yield* this.#stream(check);
      head = yield 4;
      // Zeros in groups of four may stand between streams and after the last.
      while (head.length === 4 && head.every((byte) => byte === 0)) head = yield 4;
      if (head.length > 0) {
        const rest: Uint8Array = yield 8;
        head = Buffer.concat([head, rest]);
      }
    } while (head.length > 0);
  }

  *#stream(check: number): Generator<XzStep, void, Uint8Array> {
    const records: { readonly unpadded: number; readonly size: number }[] = [];
    for (;;) {
      const first = (yield* take(1))[0]!;
      if (first === 0) break;
      const header = yield* take(first * 4 + 3);
      const block = parseBlockHeader(first, header);
      const counted = { compressed: 0, size: 0 };
      yield* this.#block(block, check, counted);
      if (block.size !== undefined && block.size !== counted.size) throw damaged('a block has another size');
      if (block.compressedSize !== undefined && block.compressedSize !== counted.compressed) {
        throw damaged('a block has another size');
      }
      records.push({
        unpadded: first * 4 + 4 + counted.compressed + checkSizes[check]!,
        size: counted.size,
      });
    }
    yield* verifyIndexAndFooter(records, check);
  }

  *#block(
    block: BlockHeader,
    check: number,
    counted: { compressed: number; size: number },
  ): Generator<XzStep, void, Uint8Array> {
    const functions = this.#functions;
    const kind = checkKind(check);
    this.#startCheck(kind);
    const sha256: Hash | undefined = kind === 'sha256' ? createHash('sha256') : undefined;
    const dictionarySize = Math.max(
      4096,
      Math.min(block.dictionarySize, block.size === undefined ? block.dictionarySize : block.size + 16),
    );
    const windowEnd = this.#reserveWindow(dictionarySize);
    let out = windowAt;
    let needsDictionaryReset = true;
    let needsProperties = true;
    let lcAndLp = 0;
    let pbMask = 0;
    for (;;) {
      const control = (yield* take(1))[0]!;
      counted.compressed += 1;
      if (control === 0) break;
      if (control === 1 || control >= 0xe0) {
        needsProperties = true;
        needsDictionaryReset = false;
        out = windowAt;
      } else if (needsDictionaryReset) {
        throw damaged('it refers to bytes that are not there');
      }
      const isCompressed = control >= 0x80;
      if (!isCompressed && control > 2) throw damaged('a chunk is of no known kind');
      const hasProperties = control >= 0xc0;
      const sizes = yield* take(isCompressed ? (hasProperties ? 5 : 4) : 2);
      counted.compressed += sizes.length;
      const low = sizes[0]! * 256 + sizes[1]! + 1;
      const size = isCompressed ? (control & 0x1f) * 65536 + low : low;
      const inputSize = isCompressed ? sizes[2]! * 256 + sizes[3]! + 1 : size;
      if (isCompressed) {
        if (hasProperties) {
          let properties = sizes[4]!;
          if (properties > (4 * 5 + 4) * 9 + 8) throw damaged('a chunk has impossible properties');
          const pb = Math.floor(properties / 45);
          properties -= pb * 45;
          const lp = Math.floor(properties / 9);
          const lc = properties - lp * 9;
          if (lc + lp > 4) throw damaged('a chunk has impossible properties');
          lcAndLp = lc + 16 * lp;
          pbMask = (1 << pb) - 1;
          needsProperties = false;
        } else if (needsProperties) {
          throw damaged('a chunk has no properties');
        }
        if (control >= 0xa0) functions.resetState();
      }
      const input = yield* take(inputSize);
      counted.compressed += inputSize;
      if (out + size > windowEnd) {
        // Positions count modulo 16, so the shift does too.
        const from = (out - dictionarySize) & ~15;
        this.#bytes.copyWithin(windowAt, from, out);
        out -= from - windowAt;
      }
      if (isCompressed) {
        this.#bytes.set(input, inputAt);
        this.#bytes.fill(0, inputAt + inputSize, inputAt + inputSize + inputSlack);
        const inputEnd = inputAt + inputSize;
        if (
          functions.decodeChunk(
            inputAt,
            inputEnd,
            out,
            out + size,
            windowAt,
            dictionarySize,
            lcAndLp,
            pbMask,
          ) !== 1
        ) {
          throw damaged('a chunk does not decode');
        }
      } else {
        this.#bytes.set(input, out);
      }
      const chunk = this.#bytes.subarray(out, out + size);
      if (kind === 'crc32' || kind === 'crc64') functions.checksum(out, out + size);
      else sha256?.update(chunk);
      out += size;
      counted.size += size;
      yield chunk;
    }
    const padding = yield* take(-counted.compressed & 3);
    if (padding.some((byte) => byte !== 0)) throw damaged('its padding is not zero');
    const expected = Buffer.from(yield* take(checkSizes[check]!));
    const found = sha256?.digest() ?? this.#checkValue(checkSizes[check]!);
    if (!expected.equals(found)) throw damaged('its checksum is wrong');
  }

  /** Makes the memory large enough; gives the address past the window. */
  #reserveWindow(dictionarySize: number): number {
    const windowEnd = windowAt + dictionarySize + 16 + Math.max(dictionarySize, largestChunk) + largestChunk;
    const missing = windowEnd + windowSlack - this.#memory.buffer.byteLength;
    if (missing > 0) {
      this.#memory.grow(Math.ceil(missing / 65536));
      this.#bytes = new Uint8Array(this.#memory.buffer);
    }
    return windowEnd;
  }

  #startCheck(kind: CheckKind): void {
    if (kind !== 'crc32' && kind !== 'crc64') return;
    if (this.#tables !== kind) {
      new BigUint64Array(this.#memory.buffer, checksumTablesAt, 8 * 256).set(checksumTables(kind));
      this.#tables = kind;
    }
    // Both start with all ones in their width.
    this.#bytes.fill(0, checksumAt, checksumAt + 8);
    this.#bytes.fill(255, checksumAt, checksumAt + (kind === 'crc32' ? 4 : 8));
  }

  #checkValue(size: number): Buffer {
    return Buffer.from(this.#bytes.slice(checksumAt, checksumAt + size).map((byte) => byte ^ 255));
  }
}

/**
 * Bytes that an .xz says it holds: the sum over its streams' indexes, read from the end. Throws `xz/damaged`.
 */
function uncompressedSize(data: Uint8Array): number {
  let total = 0;
  let end = data.length;
  for (;;) {
    while (
      end >= 4 &&
      data[end - 1] === 0 &&
      data[end - 2] === 0 &&
      data[end - 3] === 0 &&
      data[end - 4] === 0
    ) {
      end -= 4;
    }
    if (end < 32) throw damaged('it is cut off');
    const footer = bufferOf(data.subarray(end - 12, end));
    if (footer.toString('latin1', 10) !== 'YZ') throw damaged('it is cut off');
    const indexSize = (footer.readUInt32LE(4) + 1) * 4;
    const indexStart = end - 12 - indexSize;
    if (indexStart < 12) throw damaged('its index is wrong');
    const index = data.subarray(indexStart, end - 12);
    let position = 1;
    const number = () => {
      const parsed = parseNumber(index, position);
      position = parsed.end;
      return parsed.value;
    };
    let packed = 0;
    for (let count = number(); count > 0; count--) {
      const unpadded = number();
      packed += unpadded + (-unpadded & 3);
      total += number();
      if (packed > indexStart || !Number.isSafeInteger(total)) throw damaged('its index is wrong');
    }
    end = indexStart - packed - 12;
    if (end < 0) throw damaged('its index is wrong');
    if (end === 0) return total;
  }
}

function parseStreamHeader(bytes: Uint8Array): number {
  const head = bufferOf(bytes);
  if (head.toString('latin1', 0, 6) !== headerMagic) throw damaged('it does not start as .xz does');
  if (crc32(head.subarray(6, 8)) !== head.readUInt32LE(8)) throw damaged('its header is damaged');
  const check = head[7]!;
  if (head[6] !== 0 || check > 15) throw unsupported('a later version of .xz');
  if (checkKind(check) === undefined) throw unsupported(`checksum ${check}`);
  return check;
}

interface BlockHeader {
  readonly dictionarySize: number;
  readonly size: number | undefined;
  readonly compressedSize: number | undefined;
}

function parseBlockHeader(first: number, rest: Uint8Array): BlockHeader {
  const header = Buffer.concat([Uint8Array.of(first), rest]);
  const end = header.length - 4;
  if (crc32(header.subarray(0, end)) !== header.readUInt32LE(end)) throw damaged('a block header is damaged');
  const body = header.subarray(0, end);
  const flags = body[1]!;
  if (flags & 0x3c) throw unsupported('a later version of .xz');
  let position = 2;
  const number = () => {
    const parsed = parseNumber(body, position);
    position = parsed.end;
    return parsed.value;
  };
  const compressedSize = flags & 0x40 ? number() : undefined;
  const size = flags & 0x80 ? number() : undefined;
  const filters = (flags & 3) + 1;
  const filter = number();
  if (filters > 1 || filter !== 0x21) throw unsupported(`the filter ${filter.toString(16)}`);
  if (number() !== 1) throw damaged('a block header is damaged');
  const bits = body[position++]!;
  if (body.subarray(position).some((byte) => byte !== 0)) throw damaged('a block header is damaged');
  if (!(bits <= 40)) throw damaged('a block header is damaged');
  const dictionarySize = bits === 40 ? 2 ** 32 - 1 : (2 | (bits & 1)) * 2 ** ((bits >> 1) + 11);
  if (dictionarySize > dictionaryLimit && (size === undefined || size > dictionaryLimit)) {
    throw unsupported(`a dictionary of ${dictionarySize / 2 ** 20} MiB`);
  }
  return { dictionarySize, size, compressedSize };
}

function* verifyIndexAndFooter(
  records: readonly { readonly unpadded: number; readonly size: number }[],
  check: number,
): Generator<XzStep, void, Uint8Array> {
  // What the index must be follows from the blocks, so it is written and compared rather than read.
  const index = [0, ...writtenNumber(records.length)];
  for (const { unpadded, size } of records) index.push(...writtenNumber(unpadded), ...writtenNumber(size));
  while (index.length % 4 !== 0) index.push(0);
  const expected = Buffer.alloc(index.length + 4 + 12);
  expected.set(index);
  expected.writeUInt32LE(crc32(Buffer.from(index)), index.length);
  const footer = expected.subarray(index.length + 4);
  footer.writeUInt32LE((index.length + 4) / 4 - 1, 4);
  footer[9] = check;
  footer.writeUInt32LE(crc32(footer.subarray(4, 10)), 0);
  footer.write('YZ', 10, 'latin1');
  const found = yield* take(expected.length - 1);
  if (!bufferOf(found).equals(expected.subarray(1))) throw damaged('its index is wrong');
}

function* take(length: number): Generator<XzStep, Uint8Array, Uint8Array> {
  if (length === 0) return empty;
  const bytes = yield length;
  if (bytes.length < length) throw damaged('it is cut off');
  return bytes;
}

/** A number of up to nine bytes, seven bits each, the lowest first. */
function parseNumber(bytes: Uint8Array, start: number): { readonly value: number; readonly end: number } {
  let value = 0;
  for (let i = 0; i < 9; i++) {
    const byte = bytes[start + i];
    if (byte === undefined || (byte === 0 && i > 0)) break;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return { value, end: start + i + 1 };
  }
  throw damaged('it has a bad number');
}

function writtenNumber(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 128) | 0x80);
    rest = Math.floor(rest / 128);
  }
  return [...bytes, rest];
}

const empty = new Uint8Array(0);

type CheckKind = 'none' | 'crc32' | 'crc64' | 'sha256';

function checkKind(check: number): CheckKind {
  return ({ 0: 'none', 1: 'crc32', 4: 'crc64', 10: 'sha256' } as const)[check] as CheckKind;
}

const crc32Table = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value >>> 0;
});

/** CRC-32 of headers; contents go through the faster one in lzma-module.ts. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ crc32Table[(crc ^ byte) & 255]!;
  return ~crc >>> 0;
}

/** Table k maps a byte to its share of the checksum when k more bytes follow it. */
function checksumTables(kind: 'crc32' | 'crc64'): BigUint64Array {
  const polynomial = kind === 'crc32' ? 0xedb88320n : 0xc96c5795d7870f42n;
  const tables = new BigUint64Array(8 * 256);
  for (let index = 0; index < 256; index++) {
    let value = BigInt(index);
    for (let bit = 0; bit < 8; bit++) value = value & 1n ? (value >> 1n) ^ polynomial : value >> 1n;
    tables[index] = value;
  }
  for (let index = 256; index < tables.length; index++) {
    const previous = tables[index - 256]!;
    tables[index] = (previous >> 8n) ^ tables[Number(previous & 255n)]!;
  }
  return tables;
}

let assembled: WasmModule | undefined;

/** Assembled and compiled once: it is code, the same for all. */
function lzmaModule(): WasmModule {
  assembled ??= compileModule(assembleLzmaModule());
  return assembled;
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function damaged(what: string): TrimaranError {
  return new TrimaranError({ code: 'xz/damaged', message: `not a sound .xz: ${what}`, exitCode: 4 });
}

function unsupported(what: string): TrimaranError {
  return new TrimaranError({
    code: 'xz/unsupported',
    message: `.xz with ${what} is not supported`,
    exitCode: 4,
  });
}
