// Tar archives, written in one canonical form: ustar headers, pax records only where ustar has no room (names past
// 100 bytes, large numbers, extended attributes as SCHILY.xattr), numeric owners alone, two blocks of zeros at the end.
// GNU tar, bsdtar, Docker, Podman, skopeo and umoci read it. Follows POSIX.1-2017, `pax`.
import { createHash, type Hash } from 'node:crypto';
import { closeSync, openSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { type ByteString, fromByteString } from '../foundation/byte-string.ts';
import { TrimaranError } from '../foundation/error.ts';
import { contentLength, type TreeEntry } from '../foundation/file-tree.ts';
import { gatherChunks, type Piece } from './byte-pieces.ts';
import { blockSize } from './tar-header.ts';

/** The two blocks that end an archive. */
export const tarTrailer: Uint8Array = new Uint8Array(2 * blockSize);

/** Bytes of zeros that follow contents of `size` bytes. */
export function tarPadding(size: number): number {
  return -size & (blockSize - 1);
}

/**
 * The header blocks of one entry, pax records included; contents, if any, and {@link tarPadding} follow it. A
 * directory's name gets its slash, the root is `./`. Throws `tar/unwritable` for a number that tar cannot hold.
 */
export function encodeTarHeader(entry: TreeEntry): Buffer {
  const records = paxRecordsOf(entry);
  if (records === undefined) {
    const block = Buffer.alloc(blockSize);
    writeHeader(block, 0, entry);
    return block;
  }
  const recordsSize = records.length + tarPadding(records.length);
  const blocks = Buffer.alloc(blockSize + recordsSize + blockSize);
  const name = `PaxHeaders/${entry.path.slice(entry.path.lastIndexOf('/') + 1)}`;
  writeFields(blocks, 0, {
    name,
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: records.length,
    mtime: 0,
    type: 'x',
    link: '',
    major: 0,
    minor: 0,
  });
  records.copy(blocks, blockSize);
  writeHeader(blocks, blockSize + recordsSize, entry);
  return blocks;
}

/**
 * An archive as chunks of up to half a megabyte, regions of files read on the way (synchronously). Entries are written
 * in the order given, each as it is: sort them first. With `reuseBuffer` a chunk is valid only until the next is
 * asked for. Throws `tar/unwritable`, `archive/content-changed` when a region's file has become shorter, and system
 * errors.
 */
export function encodeTar(
  entries: Iterable<TreeEntry>,
  options: { readonly reuseBuffer?: boolean } = {},
): Generator<Buffer, void, undefined> {
  return gatherChunks(tarPieces(entries), options);
}

function* tarPieces(entries: Iterable<TreeEntry>): Generator<Piece, void, undefined> {
  for (const entry of entries) {
    yield encodeTarHeader(entry);
    if (entry.kind !== 'file') continue;
    const length = contentLength(entry.content);
    if (length === 0) continue;
    yield entry.content;
    yield tarTrailer.subarray(0, tarPadding(length));
  }
  yield tarTrailer;
}

/** What was written: bytes, and their SHA-256 in hexadecimal (a layer's diffID, without its prefix). */
export interface WrittenTar {
  readonly size: number;
  readonly sha256: string;
}

/**
 * Writes an archive to `file`, replacing it, and hashes it on the way. The caller gives a temporary name and renames it
 * (see foundation/atomic-file.ts). Throws as {@link encodeTar}.
 *
 * @example
 * const { sha256 } = writeTarFileSync({ file: temporary, entries: fileTree(entries) });
 */
export function writeTarFileSync(options: {
  readonly file: string;
  readonly entries: Iterable<TreeEntry>;
}): WrittenTar {
  const hash = createHash('sha256');
  let size = 0;
  const descriptor = openSync(options.file, 'w', 0o644);
  try {
    for (const chunk of encodeTar(options.entries, { reuseBuffer: true })) {
      hash.update(chunk);
      for (let done = 0; done < chunk.length; ) done += writeSync(descriptor, chunk, done);
      size += chunk.length;
    }
  } finally {
    closeSync(descriptor);
  }
  return writtenTar(size, hash);
}

/** {@link writeTarFileSync} that lets other work go on while chunks are written. */
export async function writeTarFile(options: {
  readonly file: string;
  readonly entries: Iterable<TreeEntry>;
}): Promise<WrittenTar> {
  const hash = createHash('sha256');
  let size = 0;
  const handle = await open(options.file, 'w', 0o644);
  try {
    for (const chunk of encodeTar(options.entries, { reuseBuffer: true })) {
      hash.update(chunk);
      for (let done = 0; done < chunk.length; ) done += (await handle.write(chunk, done)).bytesWritten;
      size += chunk.length;
    }
  } finally {
    await handle.close();
  }
  return writtenTar(size, hash);
}

function writtenTar(size: number, hash: Hash): WrittenTar {
  return { size, sha256: hash.digest('hex') };
}

interface HeaderFields {
  readonly name: ByteString;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  readonly type: string;
  readonly link: ByteString;
  readonly major: number;
  readonly minor: number;
}

const nameLimit = 100;
/** First numbers too large for a field of seven, or eleven, octal digits. */
const sevenDigits = 0o10000000;
const elevenDigits = 0o100000000000;

const typeFlags: Readonly<Record<TreeEntry['kind'], string>> = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  'character-device': '3',
  'block-device': '4',
  directory: '5',
  fifo: '6',
};

function nameOf(entry: TreeEntry): ByteString {
  if (entry.kind !== 'directory') return entry.path;
  return entry.path === '' ? './' : `${entry.path}/`;
}

function linkOf(entry: TreeEntry): ByteString {
  return entry.kind === 'symlink' || entry.kind === 'hardlink' ? entry.target : '';
}

function sizeOf(entry: TreeEntry): number {
  return entry.kind === 'file' ? contentLength(entry.content) : 0;
}

/** Records for what the ustar header cannot hold, in one fixed order; undefined when it holds everything. */
function paxRecordsOf(entry: TreeEntry): Buffer | undefined {
  const records: Buffer[] = [];
  const add = (key: string, value: ByteString | Uint8Array) => records.push(paxRecord(key, value));
  const name = nameOf(entry);
  const link = linkOf(entry);
  const size = sizeOf(entry);
  const mtime = Math.floor(entry.mtime);
  if (name.length > nameLimit) add('path', name);
  if (link.length > nameLimit) add('linkpath', link);
  if (size >= elevenDigits) add('size', String(size));
  if (entry.uid >= sevenDigits) add('uid', String(entry.uid));
  if (entry.gid >= sevenDigits) add('gid', String(entry.gid));
  if (mtime < 0 || mtime >= elevenDigits) add('mtime', String(mtime));
  if (entry.xattrs !== undefined) {
    const names = [...entry.xattrs.keys()].sort();
    for (const key of names) add(`SCHILY.xattr.${key}`, entry.xattrs.get(key)!);
  }
  return records.length === 0 ? undefined : Buffer.concat(records);
}

/** `length key=value\n`, where the length counts its own digits. */
function paxRecord(key: string, value: ByteString | Uint8Array): Buffer {
  const rest = 3 + key.length + value.length;
  let length = rest + String(rest).length;
  // One more digit may carry into another.
  if (rest + String(length).length !== length) length = rest + String(length).length;
  const record = Buffer.allocUnsafe(length);
  const start = record.write(`${length} ${key}=`, 0, 'latin1');
  if (typeof value === 'string') record.write(value, start, 'latin1');
  else record.set(value, start);
  record[length - 1] = 0x0a;
  return record;
}

function writeHeader(target: Buffer, at: number, entry: TreeEntry): void {
  const isDevice = entry.kind === 'character-device' || entry.kind === 'block-device';
  const mtime = Math.floor(entry.mtime);
  const size = sizeOf(entry);
  for (const number of isDevice ? [entry.mode, entry.major, entry.minor] : [entry.mode]) {
    if (!(number >= 0 && number < sevenDigits)) throw unwritable(entry, number);
  }
  for (const number of [entry.uid, entry.gid, size, Math.abs(mtime)]) {
    if (!(number >= 0 && Number.isSafeInteger(number))) throw unwritable(entry, number);
  }
  // What does not fit has a pax record; the field then holds what readers without pax can best use.
  writeFields(target, at, {
    name: nameOf(entry),
    mode: entry.mode,
    uid: entry.uid < sevenDigits ? entry.uid : 0,
    gid: entry.gid < sevenDigits ? entry.gid : 0,
    size: size < elevenDigits ? size : 0,
    mtime: mtime >= 0 && mtime < elevenDigits ? mtime : 0,
    type: typeFlags[entry.kind],
    link: linkOf(entry),
    major: isDevice ? entry.major : 0,
    minor: isDevice ? entry.minor : 0,
  });
}

/** Fills a block of zeros at `at`. Names are cut to their field. */
function writeFields(target: Buffer, at: number, fields: HeaderFields): void {
  target.write(fields.name.length > nameLimit ? fields.name.slice(0, nameLimit) : fields.name, at, 'latin1');
  writeOctal(target, at + 100, 7, fields.mode);
  writeOctal(target, at + 108, 7, fields.uid);
  writeOctal(target, at + 116, 7, fields.gid);
  writeOctal(target, at + 124, 11, fields.size);
  writeOctal(target, at + 136, 11, fields.mtime);
  target[at + 156] = fields.type.charCodeAt(0);
  if (fields.link !== '') {
    const link = fields.link.length > nameLimit ? fields.link.slice(0, nameLimit) : fields.link;
    target.write(link, at + 157, 'latin1');
  }
  target.write('ustar\x0000', at + 257, 'latin1');
  writeOctal(target, at + 329, 7, fields.major);
  writeOctal(target, at + 337, 7, fields.minor);
  target.fill(0x20, at + 148, at + 156);
  let sum = 0;
  for (let i = at; i < at + blockSize; i++) sum += target[i]!;
  writeOctal(target, at + 148, 6, sum);
  target[at + 154] = 0;
}

function writeOctal(target: Buffer, at: number, digits: number, value: number): void {
  let rest = value;
  for (let i = at + digits - 1; i >= at; i--) {
    target[i] = 0x30 + (rest % 8);
    rest = Math.floor(rest / 8);
  }
}

function unwritable(entry: TreeEntry, number: number): TrimaranError {
  return new TrimaranError({
    code: 'tar/unwritable',
    message: `tar cannot hold the number ${number} of ${JSON.stringify(fromByteString(entry.path))}`,
    hint: 'check the owner, mode, time and device numbers of that entry',
  });
}
