// A local flake's tree as it is now: the files that count, where they lie on the disk.
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { NarFilter } from '../../formats/nar.ts';
import {
  type ByteString,
  bufferToByteString,
  toByteString,
  toFilePath,
} from '../../foundation/byte-string.ts';
import { sha256Hex } from '../../foundation/digest.ts';
import type { Lstat } from '../../sets/source-state.ts';
import { readModifiedWorktree } from './flakes/fetchers/git-index.ts';
import { type Observation, observed } from './recording.ts';

export interface WorkingTree {
  /** The folder that the tree is. */
  readonly directory: string;
  /** What an observation of this kind is now. */
  readonly state: (kind: Observation['kind'], path: ByteString) => ByteString;
  /** Which files below a path count; undefined for all. */
  readonly filter: (path: ByteString) => NarFilter | undefined;
}

/** A folder of which everything counts. */
export function folderTree(directory: string): WorkingTree {
  return treeOver(directory, undefined);
}

/**
 * The tracked files of a git repository with changes that are not committed. Undefined when there are none, and when
 * only git can tell.
 */
export function modifiedGitTree(
  directory: string,
  lstat: Lstat,
): { readonly tree: WorkingTree; readonly files: readonly ByteString[] } | undefined {
  const files = readModifiedWorktree(directory, lstat);
  return files === undefined ? undefined : { files, tree: treeOver(directory, trackedPaths(files)) };
}

/** Files, and the folders that they lie in. */
function trackedPaths(files: readonly ByteString[]): ReadonlySet<ByteString> {
  const paths = new Set<ByteString>(['']);
  for (const file of files) {
    for (let at = file.indexOf('/'); at >= 0; at = file.indexOf('/', at + 1)) paths.add(file.slice(0, at));
    paths.add(file);
  }
  return paths;
}

function treeOver(directory: string, tracked: ReadonlySet<ByteString> | undefined): WorkingTree {
  const root = toByteString(directory);
  const place = (path: ByteString) => toFilePath(path === '' ? root : `${root}/${path}`);
  const counts = (path: ByteString) => tracked === undefined || tracked.has(path);
  const below = (folder: ByteString, name: ByteString) => (folder === '' ? name : `${folder}/${name}`);
  const typeOf = (path: ByteString) => {
    const found = counts(path) ? lstatSync(place(path), { throwIfNoEntry: false }) : undefined;
    if (found === undefined) return undefined;
    if (found.isDirectory()) return 'directory';
    if (found.isSymbolicLink()) return 'symlink';
    return found.isFile() ? 'regular' : 'unknown';
  };
  const look = (kind: Observation['kind'], path: ByteString): string | string[] | undefined => {
    switch (kind) {
      case 'type':
        return typeOf(path);
      case 'text':
        return sha256Hex(readFileSync(place(path)));
      case 'target':
        return bufferToByteString(readlinkSync(place(path), { encoding: 'buffer' }));
      case 'names':
        return readdirSync(place(path), { encoding: 'buffer' })
          .map((name) => bufferToByteString(name))
          .filter((name) => counts(below(path, name)))
          .map((name) => `${typeOf(below(path, name))} ${name}`);
    }
  };
  return {
    directory,
    state: (kind, path) => observed(kind, look(kind, path)),
    filter: (path) => (tracked === undefined ? undefined : (inside) => counts(below(path, inside))),
  };
}
