// Tells without running git that a working tree is clean: every file has the size, times and inode that the index
// keeps, or else its contents, and the index holds the tree of HEAD. Anything that is not plain sailing gives no answer, and git is asked.
// Source: gitformat-index(5), versions 2 to 4. SHA-256 repositories, split and sparse indexes give no answer.
import { createHash } from 'node:crypto';
import { type BigIntStats, lstatSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type ByteString, toByteString, toFilePath } from '../../../../foundation/byte-string.ts';
import type { Lstat } from '../../../../sets/source-state.ts';
import { systemCode } from '../flake-error.ts';
import type { WorktreeStatus } from './git-worktree.ts';

interface IndexEntry {
  readonly path: ByteString;
  readonly mode: number;
  readonly ino: number;
  readonly size: number;
  readonly oid: string;
  readonly mtime: bigint;
  readonly ctime: bigint;
}

interface GitIndex {
  readonly entries: readonly IndexEntry[];
  /** The tree that the index is, as far as git noted it. */
  readonly tree: string | undefined;
}

const gitlinkMode = 0o160000;
const symlinkMode = 0o120000;
/** Past so many bytes git, which may do it in threads, is asked. */
const hashedSizeLimit = 32 * 2 ** 20;

/**
 * The status of a clean working tree, or undefined when it may be dirty or git has to be asked. `treeOfCommit` knows
 * the trees of commits seen before.
 */
export function readCleanStatus(
  path: string,
  treeOfCommit: (rev: string) => string | undefined,
): WorktreeStatus | undefined {
  const head = readHead(path);
  if (head === undefined) return undefined;
  const tree = treeOfCommit(head.rev);
  if (tree === undefined) return undefined;
  const file = join(path, '.git', 'index');
  const index = readIndex(file);
  if (index === undefined || index.tree !== tree) return undefined;
  const written = lstatSync(file, { bigint: true }).mtimeNs;
  const files = index.entries.filter(({ mode }) => mode !== gitlinkMode);
  const suspects = files.filter((entry) => !isUntouched(lookAt(placeOf(path, entry)), entry, written));
  if (suspects.reduce((total, { size }) => total + size, 0) > hashedSizeLimit) return undefined;
  if (!suspects.every((entry) => hasSameContents(path, entry))) return undefined;
  return {
    headRev: head.rev,
    ...(head.ref === undefined ? {} : { headRef: head.ref }),
    isDirty: false,
    files: files.map((entry) => entry.path).sort(),
    submodules: index.entries.filter(({ mode }) => mode === gitlinkMode).map((entry) => entry.path),
  };
}

/**
 * The tracked files of a working tree in which some are not what the index has, sorted. Undefined when none is, when
 * one is gone, when there are submodules, and when only git can tell. Files are looked at through `lstat`.
 */
export function readModifiedWorktree(path: string, lstat: Lstat): readonly ByteString[] | undefined {
  const file = join(path, '.git', 'index');
  const index = readIndex(file);
  if (index === undefined || index.entries.some(({ mode }) => mode === gitlinkMode)) return undefined;
  const written = lstatSync(file, { bigint: true }).mtimeNs;
  const suspects = index.entries.filter((entry) => {
    const place = placeOf(path, entry);
    return !isUntouched(typeof place === 'string' ? lstat(place) : lookAt(place), entry, written);
  });
  if (!suspects.every((entry) => isFileOrLink(placeOf(path, entry)))) return undefined;
  if (suspects.reduce((total, { size }) => total + size, 0) > hashedSizeLimit) return undefined;
  return suspects.every((entry) => hasSameContents(path, entry))
    ? undefined
    : index.entries.map((entry) => entry.path).sort();
}

/** The tree that the index of a working tree is, where git noted it. */
export function treeOfIndex(path: string): string | undefined {
  return readIndex(join(path, '.git', 'index'))?.tree;
}

function isFileOrLink(place: string | Buffer): boolean {
  const found = lstatSync(place, { throwIfNoEntry: false });
  return found !== undefined && (found.isFile() || found.isSymbolicLink());
}

function placeOf(path: string, entry: IndexEntry): string | Buffer {
  return toFilePath(`${toByteString(path)}/${entry.path}`);
}

function lookAt(place: string | Buffer): BigIntStats | undefined {
  return lstatSync(place, { bigint: true, throwIfNoEntry: false });
}

function isUntouched(stat: BigIntStats | undefined, entry: IndexEntry, written: bigint): boolean {
  return (
    stat !== undefined &&
    hasSameType(stat, entry) &&
    stat.mtimeNs === entry.mtime &&
    stat.ctimeNs === entry.ctime &&
    // A file written in the moment of the index may have been written once more since.
    stat.mtimeNs < written &&
    (stat.ino & 0xffffffffn) === BigInt(entry.ino)
  );
}

function hasSameType(stat: BigIntStats, entry: IndexEntry): boolean {
  if ((stat.size & 0xffffffffn) !== BigInt(entry.size)) return false;
  if (entry.mode === symlinkMode) return stat.isSymbolicLink();
  return stat.isFile() && ((stat.mode & 0o100n) !== 0n) === (entry.mode === 0o100755);
}

/** Whether the file is the blob that the index names. Filters such as line-end conversion make it another. */
function hasSameContents(path: string, entry: IndexEntry): boolean {
  const place = placeOf(path, entry);
  const stat = lstatSync(place, { bigint: true, throwIfNoEntry: false });
  if (stat === undefined || !hasSameType(stat, entry)) return false;
  const contents = entry.mode === symlinkMode ? readlinkSync(place, 'buffer') : readFileSync(place);
  return createHash('sha1').update(`blob ${contents.length}\0`).update(contents).digest('hex') === entry.oid;
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'latin1');
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return undefined;
  }
}

function readHead(path: string): { readonly rev: string; readonly ref?: string } | undefined {
  const directory = join(path, '.git');
  const head = readText(join(directory, 'HEAD'))?.trim();
  if (head === undefined) return undefined;
  if (isObjectId(head)) return { rev: head };
  const ref = /^ref: (refs\/heads\/[^\0]+)$/.exec(head)?.[1];
  if (ref === undefined || ref.split('/').includes('..')) return undefined;
  const loose = readText(join(directory, ref))?.trim();
  const rev = loose ?? packedRef(readText(join(directory, 'packed-refs')) ?? '', ref);
  return rev !== undefined && isObjectId(rev)
    ? { rev, ref: Buffer.from(ref, 'latin1').toString('utf8') }
    : undefined;
}

function packedRef(text: string, ref: string): string | undefined {
  const end = text.indexOf(` ${ref}\n`);
  return end < 40 ? undefined : text.slice(end - 40, end);
}

function isObjectId(text: string): boolean {
  return /^[0-9a-f]{40}$/.test(text);
}

/** Undefined for an index that this code does not read whole. */
function readIndex(file: string): GitIndex | undefined {
  let data: Buffer;
  try {
    data = readFileSync(file);
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return undefined;
  }
  if (data.length < 32 || data.toString('latin1', 0, 4) !== 'DIRC') return undefined;
  const content = data.subarray(0, data.length - 20);
  const checksum = data.subarray(data.length - 20);
  const isUnchecked = checksum.every((byte) => byte === 0);
  if (!isUnchecked && !createHash('sha1').update(content).digest().equals(checksum)) return undefined;
  try {
    return parseIndex(content);
  } catch (error) {
    // Past the end of the buffer: an index of another form than its header says.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function parseIndex(data: Buffer): GitIndex | undefined {
  const version = data.readUInt32BE(4);
  if (version < 2 || version > 4) return undefined;
  const count = data.readUInt32BE(8);
  const entries: IndexEntry[] = [];
  let offset = 12;
  let previous = '';
  for (let i = 0; i < count; i++) {
    const start = offset;
    const flags = data.readUInt16BE(start + 60);
    offset = start + 62;
    if (flags & 0x4000) {
      // Skip-worktree and intent-to-add make a tree that git has to judge.
      if (version < 3 || data.readUInt16BE(offset) !== 0) return undefined;
      offset += 2;
    }
    // Assume-valid, or one of several versions in a conflict.
    if (flags & 0xb000) return undefined;
    let kept = '';
    if (version === 4) {
      const strip = readOffset(data, offset);
      offset = strip.end;
      kept = previous.slice(0, previous.length - strip.value);
    }
    const end = data.indexOf(0, offset);
    if (end < 0) return undefined;
    const path = kept + data.toString('latin1', offset, end);
    previous = path;
    offset = version === 4 ? end + 1 : start + ((end - start + 8) & ~7);
    entries.push({
      path,
      ctime: timeAt(data, start),
      mtime: timeAt(data, start + 8),
      ino: data.readUInt32BE(start + 20),
      mode: data.readUInt32BE(start + 24),
      size: data.readUInt32BE(start + 36),
      oid: data.toString('hex', start + 40, start + 60),
    });
  }
  const tree = readTreeExtension(data, offset);
  return tree === null ? undefined : { entries, tree };
}

function timeAt(data: Buffer, offset: number): bigint {
  return BigInt(data.readUInt32BE(offset)) * 1_000_000_000n + BigInt(data.readUInt32BE(offset + 4));
}

/** The variable-length number of version 4: like that of pack offsets. */
function readOffset(data: Buffer, start: number): { readonly value: number; readonly end: number } {
  let offset = start;
  let byte = data.readUInt8(offset++);
  let value = byte & 0x7f;
  while (byte & 0x80) {
    byte = data.readUInt8(offset++);
    value = (value + 1) * 128 + (byte & 0x7f);
  }
  return { value, end: offset };
}

/** The root of the cached tree; undefined when it is not noted, null when there is an extension that must be known. */
function readTreeExtension(data: Buffer, start: number): string | undefined | null {
  let tree: string | undefined;
  for (let offset = start; offset + 8 <= data.length; ) {
    const name = data.toString('latin1', offset, offset + 4);
    const end = offset + 8 + data.readUInt32BE(offset + 4);
    if (name === 'TREE') {
      // `<path>NUL<entries> <subtrees>LF<object id>`, the root first and nameless.
      const match = /^\0(\d+) \d+\n/.exec(data.toString('latin1', offset + 8, offset + 40));
      const from = offset + 8 + (match?.[0].length ?? 0);
      if (match !== null) tree = data.toString('hex', from, from + 20);
    } else if (/^[a-z]/.test(name)) return null;
    offset = end;
  }
  return tree;
}
