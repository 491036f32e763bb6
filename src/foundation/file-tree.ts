// A file tree as data: what archives hold, what layers are made of, what a store path contains.
// Contents are not loaded; an entry says where its bytes lie. Paths are relative byte strings without a leading
// or trailing slash; the root, when present, is ''. Nothing here touches a disk.
import type { ByteString } from './byte-string.ts';

/** Where a regular file's bytes are: in memory, or a region of a file on the host. */
export type Content =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | {
      readonly kind: 'region';
      readonly file: string | Buffer;
      readonly offset: number;
      readonly length: number;
    };

interface EntryBase {
  readonly path: ByteString;
  /** Permission bits, set-id and sticky bits included: 0o7777 at most. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since 1970. */
  readonly mtime: number;
  /** Extended attributes by full name (`security.capability`). */
  readonly xattrs?: ReadonlyMap<string, Uint8Array>;
}

export interface FileEntry extends EntryBase {
  readonly kind: 'file';
  readonly content: Content;
}
export interface DirectoryEntry extends EntryBase {
  readonly kind: 'directory';
}
export interface SymlinkEntry extends EntryBase {
  readonly kind: 'symlink';
  readonly target: ByteString;
}
/** Another name of a file of the same tree; `target` is that file's path. */
export interface HardLinkEntry extends EntryBase {
  readonly kind: 'hardlink';
  readonly target: ByteString;
}
export interface DeviceEntry extends EntryBase {
  readonly kind: 'character-device' | 'block-device';
  readonly major: number;
  readonly minor: number;
}
export interface FifoEntry extends EntryBase {
  readonly kind: 'fifo';
}

export type TreeEntry = FileEntry | DirectoryEntry | SymlinkEntry | HardLinkEntry | DeviceEntry | FifoEntry;

/** Entries sorted by path (by byte), each path once. */
export type FileTree = readonly TreeEntry[];

/** Number of content bytes of a regular file. */
export function contentLength(content: Content): number {
  return content.kind === 'bytes' ? content.bytes.length : content.length;
}

/** Entries sorted by byte into a {@link FileTree}. Throws a plain Error when a path occurs twice. */
export function fileTree(entries: Iterable<TreeEntry>): FileTree {
  const sorted = [...entries].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  for (let i = 1; i < sorted.length; i++) {
    if (sorted[i]!.path === sorted[i - 1]!.path) throw new Error(`path twice in a tree: ${sorted[i]!.path}`);
  }
  return sorted;
}
