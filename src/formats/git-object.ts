// Git's objects: their hashes, trees and commits, and the git hash of a file tree (Nix's `outputHashMode = "git"`).
// Source: gitformat-loose(5), "Git Objects" in the Pro Git book; both SHA-1 and SHA-256 object names.
import { createHash } from 'node:crypto';
import { type ByteString, fromByteString } from '../foundation/byte-string.ts';
import type { Digest } from '../foundation/digest.ts';
import { TrimaranError } from '../foundation/error.ts';
import { contentLength, type FileTree, type TreeEntry } from '../foundation/file-tree.ts';
import { gatherChunks } from './byte-pieces.ts';

export type GitObjectType = 'commit' | 'tree' | 'blob' | 'tag';
export type GitHashAlgorithm = 'sha1' | 'sha256';

/** An object's bytes without the header that its name is taken with. */
export interface GitObject {
  readonly type: GitObjectType;
  readonly data: Buffer;
}

/** The name of an object: lower-case hexadecimal. */
export function hashGitObject(object: GitObject, algorithm: GitHashAlgorithm = 'sha1'): string {
  return createHash(algorithm)
    .update(`${object.type} ${object.data.length}\0`)
    .update(object.data)
    .digest('hex');
}

/** An entry of a tree object. */
export interface GitTreeEntry {
  /** 0o100644, 0o100755, 0o120000 (symlink), 0o40000 (tree), 0o160000 (submodule). */
  readonly mode: number;
  readonly name: ByteString;
  readonly hash: string;
}

/** The entries of a tree object, in its order. Throws `git/malformed-object`, names like `..` included. */
export function parseGitTree(data: Buffer, algorithm: GitHashAlgorithm = 'sha1'): GitTreeEntry[] {
  const hashLength = algorithm === 'sha1' ? 20 : 32;
  const entries: GitTreeEntry[] = [];
  let offset = 0;
  while (offset < data.length) {
    const zero = data.indexOf(0, offset);
    const head = data.toString('latin1', offset, zero < 0 ? offset : zero);
    const space = head.indexOf(' ');
    const end = zero + 1 + hashLength;
    if (zero < 0 || !/^[0-7]{5,6}$/.test(head.slice(0, Math.max(0, space))) || end > data.length) {
      throw malformed('a tree is damaged');
    }
    const name = head.slice(space + 1);
    if (name === '' || name === '.' || name === '..' || name.includes('/')) {
      throw malformed(`a tree has the impossible name ${JSON.stringify(fromByteString(name))}`);
    }
    entries.push({
      mode: Number.parseInt(head.slice(0, space), 8),
      name,
      hash: data.toString('hex', zero + 1, end),
    });
    offset = end;
  }
  return entries;
}

/** A tree object's bytes; entries in any order. */
export function writeGitTree(entries: readonly GitTreeEntry[]): Buffer {
  // Trees sort as if their names ended in a slash.
  const key = (entry: GitTreeEntry) => (entry.mode === 0o40000 ? `${entry.name}/` : entry.name);
  const sorted = [...entries].sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
  return Buffer.concat(
    sorted.flatMap(({ mode, name, hash }) => [
      Buffer.from(`${mode.toString(8)} ${name}\0`, 'latin1'),
      Buffer.from(hash, 'hex'),
    ]),
  );
}

export interface GitCommit {
  readonly tree: string;
  readonly parents: readonly string[];
  /** Seconds since 1970, the committer's: `lastModified` of a flake. */
  readonly committerTime: number;
}

/** What a commit says of its tree, parents and time. Throws `git/malformed-object`. */
export function parseGitCommit(data: Buffer): GitCommit {
  const text = data.toString('latin1');
  const end = text.indexOf('\n\n');
  const lines = (end < 0 ? text : text.slice(0, end)).split('\n');
  const values = (name: string) =>
    lines.filter((line) => line.startsWith(`${name} `)).map((line) => line.slice(name.length + 1));
  const isHash = (value: string | undefined) =>
    value !== undefined && /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(value);
  const [tree] = values('tree');
  const parents = values('parent');
  const time = /> (-?[0-9]+) [+-][0-9]{4}$/.exec(values('committer')[0] ?? '')?.[1];
  if (!isHash(tree) || !parents.every(isHash) || time === undefined) throw malformed('a commit is damaged');
  return { tree: tree!, parents, committerTime: Number(time) };
}

/**
 * The git name of a file tree: of its tree object, or of its blob when it is one file. As in git, a folder without files is
 * there all the same (Nix keeps it), and a file is executable when its owner may execute it. Throws
 * `git/unsupported-entry` for what git cannot hold, and what reading contents throws.
 */
export function hashTreeAsGit(tree: FileTree, algorithm: GitHashAlgorithm): Digest {
  const folders = new Map<ByteString, GitTreeEntry[]>();
  const names = new Map<ByteString, TreeEntry>(tree.map((entry) => [entry.path, entry]));
  const folder = (path: ByteString) => {
    let entries = folders.get(path);
    if (entries === undefined) {
      entries = [];
      folders.set(path, entries);
      if (path !== '') folder(parentOf(path));
    }
    return entries;
  };
  for (const entry of tree) {
    if (entry.kind === 'directory') {
      folder(entry.path);
      continue;
    }
    const { mode, hash } = hashLeaf(entry, names, algorithm);
    if (entry.path === '') return { algorithm, bytes: Buffer.from(hash, 'hex') };
    folder(parentOf(entry.path)).push({
      mode,
      name: entry.path.slice(entry.path.lastIndexOf('/') + 1),
      hash,
    });
  }
  folder('');
  let hash = '';
  // Deepest first: a folder's path is longer than its parent's.
  for (const path of [...folders.keys()].sort((a, b) => b.length - a.length)) {
    hash = hashGitObject({ type: 'tree', data: writeGitTree(folders.get(path)!) }, algorithm);
    if (path !== '') {
      folders.get(parentOf(path))!.push({ mode: 0o40000, name: path.slice(path.lastIndexOf('/') + 1), hash });
    }
  }
  return { algorithm, bytes: Buffer.from(hash, 'hex') };
}

function parentOf(path: ByteString): ByteString {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

function hashLeaf(
  entry: TreeEntry,
  names: ReadonlyMap<ByteString, TreeEntry>,
  algorithm: GitHashAlgorithm,
): { readonly mode: number; readonly hash: string } {
  if (entry.kind === 'symlink') {
    const data = Buffer.from(entry.target, 'latin1');
    return { mode: 0o120000, hash: hashGitObject({ type: 'blob', data }, algorithm) };
  }
  const file = entry.kind === 'hardlink' ? names.get(entry.target) : entry;
  if (file?.kind !== 'file') {
    throw new TrimaranError({
      code: 'git/unsupported-entry',
      message: `${JSON.stringify(fromByteString(entry.path))} is neither a file nor a folder nor a symlink`,
    });
  }
  const hash = createHash(algorithm).update(`blob ${contentLength(file.content)}\0`);
  for (const chunk of gatherChunks([file.content], { reuseBuffer: true })) hash.update(chunk);
  return { mode: file.mode & 0o100 ? 0o100755 : 0o100644, hash: hash.digest('hex') };
}

function malformed(what: string): TrimaranError {
  return new TrimaranError({
    code: 'git/malformed-object',
    message: `not a sound git object: ${what}`,
    hint: 'fetch the repository again',
    exitCode: 4,
  });
}
