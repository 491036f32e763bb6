// A commit of a git repository as a file tree: blobs as they are stored, no line-end conversion, no export-subst.
// Blobs are written to one scratch file, of which the tree's contents are regions.
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryNameFor } from '../../../../foundation/atomic-file.ts';
import type { ByteString } from '../../../../foundation/byte-string.ts';
import { type FileTree, fileTree, type TreeEntry } from '../../../../foundation/file-tree.ts';
import { flakeError } from '../flake-error.ts';
import type { GitCommand } from './git-command.ts';

/** A submodule's place in a tree, and the commit it is at. */
export interface Gitlink {
  readonly path: ByteString;
  readonly rev: string;
}

/** A commit's tree; call `dispose` once its contents are no longer needed. */
export interface CommitTree {
  /** Submodules are empty folders in it. */
  readonly tree: FileTree;
  readonly gitlinks: readonly Gitlink[];
  dispose(): void;
}

interface ListedBlob {
  readonly mode: string;
  readonly oid: string;
  readonly size: number;
  readonly path: ByteString;
}

/**
 * Reads the tree of a commit. `scratch` is a folder on disk for the contents. Throws `flake/git-failed`.
 */
export async function readCommitTree(
  git: GitCommand,
  rev: string,
  options: { readonly scratch: string },
): Promise<CommitTree> {
  await mkdir(options.scratch, { recursive: true });
  const listing = await collect(git, ['ls-tree', '-r', '-z', '-l', '--full-tree', rev]);
  const blobs: ListedBlob[] = [];
  const gitlinks: Gitlink[] = [];
  for (const line of listing.toString('latin1').split('\0')) {
    if (line === '') continue;
    const match = /^([0-7]{6}) (\w+) ([0-9a-f]+) +(\d+|-)\t(.*)$/s.exec(line);
    if (match === null)
      throw flakeError('git-failed', 'git ls-tree said something unexpected', { exitCode: 4 });
    const [, mode, type, oid, size, path] = match;
    if (type === 'commit') gitlinks.push({ path: path!, rev: oid! });
    else blobs.push({ mode: mode!, oid: oid!, size: Number(size), path: path! });
  }
  const file = temporaryNameFor(join(options.scratch, 'blobs'));
  const dispose = () => rmSync(file, { force: true });
  try {
    const places = await writeBlobs(git, blobs, file);
    const entries: TreeEntry[] = gitlinks.map(({ path }) => directoryEntry(path));
    const targets = new Map<string, Buffer>();
    const links = blobs.filter(({ mode }) => mode === '120000');
    await readBlobs(git, links, (blob, content) => targets.set(blob.oid, content));
    for (const blob of blobs) {
      const common = { path: blob.path, uid: 0, gid: 0, mtime: 1 };
      if (blob.mode === '120000')
        entries.push({
          ...common,
          kind: 'symlink',
          mode: 0o777,
          target: targets.get(blob.oid)!.toString('latin1'),
        });
      else
        entries.push({
          ...common,
          kind: 'file',
          mode: blob.mode === '100755' ? 0o555 : 0o444,
          content: { kind: 'region', file, offset: places.get(blob.oid)!, length: blob.size },
        });
    }
    return { tree: withDirectories(entries), gitlinks, dispose };
  } catch (error) {
    dispose();
    throw error;
  }
}

async function collect(git: GitCommand, args: readonly string[]): Promise<Buffer> {
  const chunks: Buffer[] = [];
  await git.text(args, { onStdout: (chunk) => chunks.push(chunk) });
  return Buffer.concat(chunks);
}

/** Writes blobs one after another as `cat-file --batch` gives them; offsets of their contents by object id. */
async function writeBlobs(
  git: GitCommand,
  blobs: readonly ListedBlob[],
  file: string,
): Promise<ReadonlyMap<string, number>> {
  const places = new Map<string, number>();
  const wanted: ListedBlob[] = [];
  let offset = 0;
  for (const blob of blobs) {
    if (places.has(blob.oid)) continue;
    // Each is preceded by `<oid> blob <size>\n` and followed by `\n`.
    const start = offset + `${blob.oid} blob ${blob.size}\n`.length;
    places.set(blob.oid, start);
    wanted.push(blob);
    offset = start + blob.size + 1;
  }
  const descriptor = openSync(file, 'w', 0o600);
  try {
    let written = 0;
    await git.text(['cat-file', '--batch', '--buffer'], {
      input: Buffer.from(wanted.map((blob) => `${blob.oid}\n`).join('')),
      onStdout: (chunk) => {
        for (let start = 0; start < chunk.length; )
          start += writeSync(descriptor, chunk, start, chunk.length - start);
        written += chunk.length;
      },
    });
    if (written !== offset)
      throw flakeError('git-failed', 'the git repository lacks objects of this commit', {
        hint: 'fetch it whole (git fetch --unshallow), or name another revision',
        exitCode: 4,
      });
    return places;
  } finally {
    closeSync(descriptor);
  }
}

async function readBlobs(
  git: GitCommand,
  blobs: readonly ListedBlob[],
  use: (blob: ListedBlob, content: Buffer) => void,
): Promise<void> {
  if (blobs.length === 0) return;
  const chunks: Buffer[] = [];
  await git.text(['cat-file', '--batch', '--buffer'], {
    input: Buffer.from(blobs.map((blob) => `${blob.oid}\n`).join('')),
    onStdout: (chunk) => chunks.push(chunk),
  });
  const data = Buffer.concat(chunks);
  let offset = 0;
  for (const blob of blobs) {
    const start = data.indexOf(0x0a, offset) + 1;
    use(blob, data.subarray(start, start + blob.size));
    offset = start + blob.size + 1;
  }
}

function directoryEntry(path: ByteString): TreeEntry {
  return { kind: 'directory', path, mode: 0o555, uid: 0, gid: 0, mtime: 1 };
}

/** The entries with every folder on their way, the root included, sorted. */
export function withDirectories(entries: readonly TreeEntry[]): FileTree {
  const known = new Set(entries.map((entry) => entry.path));
  const result = [...entries];
  const add = (path: ByteString) => {
    if (known.has(path)) return;
    known.add(path);
    result.push(directoryEntry(path));
  };
  for (const { path } of entries)
    for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1))
      add(path.slice(0, slash));
  add('');
  return fileTree(result);
}
