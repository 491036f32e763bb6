// Two trees compared path by path: what was added, removed and changed, and in which respect.

import type { ByteString } from '../foundation/byte-string.ts';
import { type Content, contentLength, type FileTree, type TreeEntry } from '../foundation/file-tree.ts';
import { readContents } from './content-stream.ts';

/** What can differ between two entries of one path. */
type TreeField = 'kind' | 'mode' | 'owner' | 'mtime' | 'target' | 'device' | 'xattrs' | 'size' | 'content';

export type TreeChange =
  | { readonly change: 'added'; readonly path: ByteString; readonly after: TreeEntry }
  | { readonly change: 'removed'; readonly path: ByteString; readonly before: TreeEntry }
  | {
      readonly change: 'changed';
      readonly path: ByteString;
      readonly before: TreeEntry;
      readonly after: TreeEntry;
      readonly fields: readonly TreeField[];
      /** Offset of the first byte that differs, when contents do. */
      readonly firstDifference?: number;
    };

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

function sameXattrs(a: TreeEntry, b: TreeEntry): boolean {
  const left = a.xattrs ?? new Map<string, Uint8Array>();
  const right = b.xattrs ?? new Map<string, Uint8Array>();
  if (left.size !== right.size) return false;
  for (const [name, value] of left) {
    const other = right.get(name);
    if (other === undefined || !sameBytes(value, other)) return false;
  }
  return true;
}

function sameRegion(a: Content, b: Content): boolean {
  if (a.kind === 'bytes') return b.kind === 'bytes' && a.bytes === b.bytes;
  if (b.kind === 'bytes') return false;
  return a.file.toString() === b.file.toString() && a.offset === b.offset && a.length === b.length;
}

/** Offset of the first byte in which two contents differ, or undefined when they are equal. Throws as `readContents`. */
async function firstDifferenceOf(a: Content, b: Content): Promise<number | undefined> {
  if (sameRegion(a, b)) return undefined;
  const left = readContents([a]);
  const right = readContents([b]);
  let offset = 0;
  try {
    let mine: Buffer = Buffer.alloc(0);
    let other: Buffer = Buffer.alloc(0);
    for (;;) {
      if (mine.length === 0) mine = (await left.next()).value ?? mine;
      if (other.length === 0) other = (await right.next()).value ?? other;
      const length = Math.min(mine.length, other.length);
      if (length === 0) return mine.length === other.length ? undefined : offset;
      if (mine.compare(other, 0, length, 0, length) !== 0) {
        for (let i = 0; ; i++) if (mine[i] !== other[i]) return offset + i;
      }
      offset += length;
      mine = mine.subarray(length);
      other = other.subarray(length);
    }
  } finally {
    await left.return();
    await right.return();
  }
}

async function compareEntries(before: TreeEntry, after: TreeEntry): Promise<TreeChange | undefined> {
  const fields: TreeField[] = [];
  let firstDifference: number | undefined;
  if (before.mode !== after.mode) fields.push('mode');
  if (before.uid !== after.uid || before.gid !== after.gid) fields.push('owner');
  if (before.mtime !== after.mtime) fields.push('mtime');
  if (!sameXattrs(before, after)) fields.push('xattrs');
  if (before.kind !== after.kind) fields.push('kind');
  else if ('target' in before && 'target' in after && before.target !== after.target) fields.push('target');
  else if ('major' in before && 'major' in after) {
    if (before.major !== after.major || before.minor !== after.minor) fields.push('device');
  } else if (before.kind === 'file' && after.kind === 'file') {
    if (contentLength(before.content) !== contentLength(after.content)) fields.push('size');
    firstDifference = await firstDifferenceOf(before.content, after.content);
    if (firstDifference !== undefined) fields.push('content');
  }
  if (fields.length === 0) return undefined;
  const change = { change: 'changed' as const, path: before.path, before, after, fields };
  return firstDifference === undefined ? change : { ...change, firstDifference };
}

/**
 * What turns tree `before` into tree `after`, by path. Reads contents of equal paths unless they are the same region.
 * Throws as `readContents`.
 */
export async function diffTrees(before: FileTree, after: FileTree): Promise<TreeChange[]> {
  const changes: TreeChange[] = [];
  let i = 0;
  let j = 0;
  while (i < before.length || j < after.length) {
    const a = before[i];
    const b = after[j];
    if (b === undefined || (a !== undefined && a.path < b.path)) {
      changes.push({ change: 'removed', path: a!.path, before: a! });
      i++;
    } else if (a === undefined || b.path < a.path) {
      changes.push({ change: 'added', path: b.path, after: b });
      j++;
    } else {
      const change = await compareEntries(a, b);
      if (change !== undefined) changes.push(change);
      i++;
      j++;
    }
  }
  return changes;
}
