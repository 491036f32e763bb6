// NAR, the archive that Nix and Guix hash and ship: regular files with one executable bit, directories, symlinks.
// Source: the Nix reference manual, protocols/nix-archive. This half writes.
import { lstatSync, readdirSync, readlinkSync } from 'node:fs';
import { type ByteString, fromByteString, toFilePath } from '../foundation/byte-string.ts';
import { type Digest, type HashAlgorithm, startHash } from '../foundation/digest.ts';
import { TrimaranError } from '../foundation/error.ts';
import {
  contentLength,
  type FileEntry,
  type FileTree,
  fileTree,
  type TreeEntry,
} from '../foundation/file-tree.ts';
import { gatherChunks, type Piece } from './byte-pieces.ts';

/** What every entry of a NAR is taken to have: the owner, time and modes of a store object. */
export const narOwner = { uid: 0, gid: 0, mtime: 1 } as const;
export const narFileMode = 0o444;
export const narExecutableMode = 0o555;

/**
 * The NAR of a tree, in chunks of up to half a megabyte; contents in files are read on the way. The root is the entry
 * `''`; directories that are implied by deeper paths may be missing. A file is executable when its owner may
 * execute it, hard links are written as the files they name, and owners, times, other mode bits and extended attributes
 * are left out. With `reuseBuffer` a chunk is valid only until the next is asked for.
 *
 * Throws `nar/unsupported-entry` (devices, fifos, dangling hard links), `nar/bad-tree` for an entry below something
 * that is no directory, and as regions of files do: `archive/content-changed`, system errors.
 */
export function encodeNar(
  tree: FileTree,
  options: { readonly reuseBuffer?: boolean } = {},
): Generator<Buffer, void, undefined> {
  return gatherChunks(narPieces(tree), options);
}

/** Hash (SHA-256 unless told) and size in bytes of a tree's NAR. Throws as {@link encodeNar}. */
export function hashNarOfTree(
  tree: FileTree,
  options: { readonly algorithm?: HashAlgorithm } = {},
): HashedNar {
  const algorithm = options.algorithm ?? 'sha256';
  const hash = startHash(algorithm);
  let size = 0;
  for (const chunk of encodeNar(tree, { reuseBuffer: true })) {
    hash.update(chunk);
    size += chunk.length;
  }
  return { digest: { algorithm, bytes: hash.digest() }, size };
}

/** `narHash` and `narSize`, in Nix's words. */
export interface HashedNar {
  readonly digest: Digest;
  readonly size: number;
}

/** What lies at a path, as `builtins.path` tells its filter. */
type NarFileType = 'regular' | 'directory' | 'symlink' | 'unknown';

/** Decides by path below the root, and type, whether an entry (and what lies below it) belongs; never asked for the root. */
export type NarFilter = (path: ByteString, type: NarFileType) => boolean;

/**
 * Hash and size of the NAR of what lies on disk at `path`, symlinks not followed. Throws as {@link readNarSource}.
 *
 * @example
 * const { digest } = hashPathAsNarSync('/etc/skel', { filter: (path) => !path.startsWith('.git') });
 */
export function hashPathAsNarSync(
  path: ByteString,
  options: { readonly filter?: NarFilter | undefined; readonly algorithm?: HashAlgorithm } = {},
): HashedNar {
  return hashNarOfTree(readNarSource(path, options), options);
}

/**
 * What lies on disk at `path` as a tree for {@link encodeNar}, contents as regions of the files there. Throws
 * `nar/unsupported-entry` for sockets, devices and fifos that the filter lets in, and system errors.
 */
export function readNarSource(
  path: ByteString,
  options: { readonly filter?: NarFilter | undefined } = {},
): FileTree {
  const entries: TreeEntry[] = [];
  const waiting: ByteString[] = [''];
  for (let relative = waiting.pop(); relative !== undefined; relative = waiting.pop()) {
    const full = relative === '' ? path : `${path}/${relative}`;
    const file = toFilePath(full);
    const stat = lstatSync(file);
    const type = stat.isFile()
      ? 'regular'
      : stat.isDirectory()
        ? 'directory'
        : stat.isSymbolicLink()
          ? 'symlink'
          : 'unknown';
    if (relative !== '' && options.filter !== undefined && !options.filter(relative, type)) continue;
    switch (type) {
      case 'regular': {
        const mode = stat.mode & 0o100 ? narExecutableMode : narFileMode;
        const content = { kind: 'region' as const, file, offset: 0, length: stat.size };
        entries.push({ kind: 'file', path: relative, ...narOwner, mode, content });
        break;
      }
      case 'directory':
        entries.push({ kind: 'directory', path: relative, ...narOwner, mode: narExecutableMode });
        // The last is taken first, and a filter is asked in the order of names, each folder with what is in it.
        for (const name of readdirSync(file, 'latin1').sort().reverse())
          waiting.push(relative === '' ? name : `${relative}/${name}`);
        break;
      case 'symlink': {
        const target = readlinkSync(file, 'latin1');
        entries.push({ kind: 'symlink', path: relative, ...narOwner, mode: 0o777, target });
        break;
      }
      case 'unknown':
        throw unsupported(full, 'is neither a file nor a directory nor a symlink');
    }
  }
  return fileTree(entries);
}

/** A string as NAR has it: its length in eight bytes, the bytes, zeros up to a multiple of eight. */
function narString(text: ByteString): ByteString {
  return narNumber(text.length) + text + zeros(text.length);
}

function narNumber(value: number): ByteString {
  let text = '';
  for (let rest = value, i = 0; i < 8; i++, rest = Math.floor(rest / 256))
    text += String.fromCharCode(rest % 256);
  return text;
}

function zeros(length: number): ByteString {
  return '\0\0\0\0\0\0\0'.slice(0, -length & 7);
}

const strings = (...texts: ByteString[]) => texts.map(narString).join('');
const magic = strings('nix-archive-1');
const closeParen = strings(')');
const openEntry = strings('entry', '(', 'name');
const node = strings('node');
const regular = strings('(', 'type', 'regular', 'contents');
const executable = strings('(', 'type', 'regular', 'executable', '', 'contents');
const directory = strings('(', 'type', 'directory');
const symlink = strings('(', 'type', 'symlink', 'target');

function* narPieces(tree: FileTree): Generator<Piece, void, undefined> {
  const files = new Map<ByteString, TreeEntry>();
  if (tree.some((entry) => entry.kind === 'hardlink')) for (const entry of tree) files.set(entry.path, entry);
  // In a NAR a directory's contents come before its longer-named neighbours: `/` sorts below every byte of a name.
  const keyed = tree.map((entry) => ({ key: entry.path.replaceAll('/', '\0'), entry }));
  keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));

  yield magic;
  // The directories that are open, as paths with a slash; the first one is the root.
  const open: ByteString[] = [];
  const first = keyed[0]?.entry;
  if (first === undefined || first.path !== '') {
    yield directory;
    open.push('');
  }
  let leaf: ByteString | undefined;
  for (const { entry } of keyed) {
    const { path } = entry;
    let text = '';
    if (path !== '') {
      while (open.length > 0 && !path.startsWith(open.at(-1)!)) {
        open.pop();
        text += closeParen + closeParen;
      }
      if (open.length === 0 || (leaf !== undefined && path.startsWith(leaf))) throw badTree(path);
      for (;;) {
        const start = open.at(-1)!.length;
        const slash = path.indexOf('/', start);
        const name = path.slice(start, slash < 0 ? undefined : slash);
        if (name === '' || name === '.' || name === '..') throw badTree(path);
        text += openEntry + narString(name) + node;
        if (slash < 0) break;
        text += directory;
        open.push(path.slice(0, slash + 1));
      }
    }
    leaf = entry.kind === 'directory' ? undefined : `${path}/`;
    // The parenthesis that closes the entry, around the node's own.
    const end = path === '' ? closeParen : closeParen + closeParen;
    switch (entry.kind) {
      case 'directory':
        yield text + directory;
        open.push(path === '' ? '' : `${path}/`);
        break;
      case 'symlink':
        yield text + symlink + narString(entry.target) + end;
        break;
      default: {
        const { mode, content } = fileBehind(entry, files);
        const length = contentLength(content);
        yield text + (mode & 0o100 ? executable : regular) + narNumber(length);
        yield content;
        yield zeros(length) + end;
      }
    }
  }
  yield (closeParen + closeParen).repeat(Math.max(0, open.length - 1)) + (open.length > 0 ? closeParen : '');
}

function fileBehind(entry: TreeEntry, files: ReadonlyMap<ByteString, TreeEntry>): FileEntry {
  let current: TreeEntry | undefined = entry;
  for (let hops = 0; current?.kind === 'hardlink' && hops < 40; hops++) current = files.get(current.target);
  if (current?.kind === 'file') return current;
  throw unsupported(
    entry.path,
    entry.kind === 'hardlink'
      ? `is a hard link to no file`
      : `is a ${entry.kind.replace('-', ' ')}, which NAR cannot hold`,
  );
}

function unsupported(path: ByteString, what: string): TrimaranError {
  return new TrimaranError({
    code: 'nar/unsupported-entry',
    message: `${JSON.stringify(fromByteString(path))} ${what}`,
    hint: 'leave it out of the source',
  });
}

function badTree(path: ByteString): TrimaranError {
  return new TrimaranError({
    code: 'nar/bad-tree',
    message: `${JSON.stringify(fromByteString(path))} lies below something that is no directory, or has a bad name`,
  });
}
