// What the dynamic loader's index wants to know of an ELF file: class, machine, and the names in its dynamic section.
// Little-endian files alone. Specification: the System V ABI's "Object Files" and "Dynamic Linking".
import type { ByteString } from '../foundation/byte-string.ts';

export interface SharedObject {
  /** Word size: 32 or 64. */
  readonly bits: 32 | 64;
  /** `e_machine`: 3 is i386, 62 x86-64, 183 AArch64. */
  readonly machine: number;
  /** `DT_SONAME`. */
  readonly soname?: ByteString;
  /** `DT_NEEDED`, in order. */
  readonly needed: readonly ByteString[];
  /** The program that loads it when it is itself run, as a C library can be. */
  readonly interpreter?: ByteString;
}

/** Gives up to `length` bytes from `offset`, fewer at the end of the file. */
export type ReadBytes = (offset: number, length: number) => Buffer;

/** Longest name that is looked for, as paths are no longer than this. */
const maximumName = 4096;
/** Tables beyond these sizes are no shared object's. */
const maximumSegments = 1024;
const maximumDynamic = 1 << 20;

const segmentLoad = 1;
const segmentDynamic = 2;
const segmentInterpreter = 3;
const dynamicNeeded = 1;
const dynamicStrings = 5;
const dynamicSoname = 14;

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly size: number;
}

/**
 * Reads a shared object's names; undefined for anything else: a text, a program without a dynamic section, a file cut short.
 * Reads the head of the file, its dynamic section, and each name.
 *
 * @example
 * readSharedObject((offset, length) => bytes.subarray(offset, offset + length))?.soname; // 'libz.so.1'
 */
export function readSharedObject(read: ReadBytes): SharedObject | undefined {
  const head = read(0, 1024);
  if (head.length < 52 || head.readUInt32BE(0) !== 0x7f454c46 || head[5] !== 1) return undefined;
  const bits = head[4] === 2 ? 64 : head[4] === 1 ? 32 : undefined;
  const sharedObjectType = 3;
  if (bits === undefined || head.length < (bits === 64 ? 64 : 52)) return undefined;
  if (head.readUInt16LE(16) !== sharedObjectType) return undefined;
  const segments = readSegments(head, bits, read);
  const dynamic = segments?.find(({ type }) => type === segmentDynamic);
  if (segments === undefined || dynamic === undefined || dynamic.size > maximumDynamic) return undefined;
  const entries = readDynamic(read(dynamic.offset, dynamic.size), bits);
  const strings = entries.find(({ tag }) => tag === dynamicStrings);
  const table = strings === undefined ? undefined : offsetOf(strings.value, segments);
  if (table === undefined) return undefined;
  const named = (wanted: number) =>
    entries.flatMap(({ tag, value }) => (tag === wanted ? (readName(read, table + value) ?? []) : []));
  const [soname] = named(dynamicSoname);
  const loader = segments.find(({ type }) => type === segmentInterpreter);
  const interpreter = loader === undefined ? undefined : readName(read, loader.offset);
  return {
    bits,
    machine: head.readUInt16LE(18),
    needed: named(dynamicNeeded),
    ...(soname === undefined ? {} : { soname }),
    ...(interpreter === undefined ? {} : { interpreter }),
  };
}

function readSegments(head: Buffer, bits: 32 | 64, read: ReadBytes): Segment[] | undefined {
  const wide = bits === 64;
  const start = wide ? wideNumber(head, 32) : head.readUInt32LE(28);
  const size = head.readUInt16LE(wide ? 54 : 42);
  const count = head.readUInt16LE(wide ? 56 : 44);
  if (size < (wide ? 56 : 32) || count > maximumSegments || start === undefined) return undefined;
  const end = start + size * count;
  const table = end <= head.length ? head.subarray(start, end) : read(start, size * count);
  if (table.length < size * count) return undefined;
  const segments: Segment[] = [];
  for (let at = 0; at < size * count; at += size) {
    const [offset, address, length] = wide
      ? [wideNumber(table, at + 8), wideNumber(table, at + 16), wideNumber(table, at + 32)]
      : [table.readUInt32LE(at + 4), table.readUInt32LE(at + 8), table.readUInt32LE(at + 16)];
    if (offset === undefined || address === undefined || length === undefined) continue;
    segments.push({ type: table.readUInt32LE(at), offset, address, size: length });
  }
  return segments;
}

function readDynamic(section: Buffer, bits: 32 | 64): { tag: number; value: number }[] {
  const step = bits === 64 ? 16 : 8;
  const entries: { tag: number; value: number }[] = [];
  for (let at = 0; at + step <= section.length; at += step) {
    const tag = bits === 64 ? wideNumber(section, at) : section.readUInt32LE(at);
    const value = bits === 64 ? wideNumber(section, at + 8) : section.readUInt32LE(at + 4);
    if (tag === 0) break;
    if (tag !== undefined && value !== undefined) entries.push({ tag, value });
  }
  return entries;
}

/** Where in the file an address lies. */
function offsetOf(address: number, segments: readonly Segment[]): number | undefined {
  const holder = segments.find(
    (segment) =>
      segment.type === segmentLoad && address >= segment.address && address < segment.address + segment.size,
  );
  return holder === undefined ? undefined : address - holder.address + holder.offset;
}

function readName(read: ReadBytes, offset: number): ByteString | undefined {
  for (const length of [128, maximumName]) {
    const bytes = read(offset, length);
    const end = bytes.indexOf(0);
    if (end >= 0) return bytes.toString('latin1', 0, end);
    if (bytes.length < length) return undefined;
  }
  return undefined;
}

/** A 64-bit number; undefined beyond what a file can be long. */
function wideNumber(bytes: Buffer, at: number): number | undefined {
  const value = bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 2 ** 32;
  return Number.isSafeInteger(value) ? value : undefined;
}
