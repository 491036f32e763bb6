// What an image holds, worked out from store paths: packages for its root, ordinary store paths for /nix/store, and
// the links and files that its contents put at the root. Pure reading; layers are made elsewhere.

import type { StorePath } from '../../formats/store-path.ts';
import type { ByteString } from '../../foundation/byte-string.ts';
import { type FileTree, fileTree, type TreeEntry } from '../../foundation/file-tree.ts';
import type { LocalStore } from '../../store/local-store.ts';
import {
  type EnvironmentPackage,
  environmentFile,
  readEnvironment,
  uniteEnvironments,
} from './environment.ts';

export interface ImageContents {
  /** Packages rooted at /, sorted by name. */
  readonly packages: readonly EnvironmentPackage[];
  /** Store paths that lie under the store directory in the image, sorted, references included. */
  readonly storePaths: readonly StorePath[];
  /** Files and links at the root that belong to no package, and the store paths that stand for the root itself. */
  readonly rootTree: FileTree;
}

export interface ImageContentsOptions {
  readonly store: LocalStore;
  /** Store paths whose files come to lie at the root. */
  readonly contents: readonly StorePath[];
  /** Other store paths that must be there: those that the configuration names. */
  readonly references: readonly StorePath[];
  /** Whether ordinary store paths come along at all. */
  readonly includeStorePaths: boolean;
}

/** Folders that are links into /usr on a merged system. */
const mergedFolders = new Set(['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32']);

/** Works out what an image of these store paths holds. Throws `image/…` and `store/…`. */
export function collectImageContents(options: ImageContentsOptions): ImageContents {
  const { store, contents, references, includeStorePaths } = options;
  const closure = store.closure([...contents, ...references]);
  const environments = new Map(
    closure.flatMap((path) => {
      const environment = readEnvironment(store, path);
      return environment === undefined ? [] : [[path, environment] as const];
    }),
  );
  const packages = uniteEnvironments([...environments.values()]);
  // A package's own store paths are at the root already.
  const rooted = new Set(
    [...environments.values()].flatMap((environment) => environment.packages.flatMap(pathsOf)),
  );
  const storePaths = includeStorePaths
    ? closure.filter(
        (path) => !rooted.has(path) && !environments.has(path) && store.info(path).form === 'plain',
      )
    : [];
  const merged = packages.length > 0;
  const root = new Map<ByteString, TreeEntry>();
  for (const path of [...contents, ...environments.keys()]) {
    for (const entry of store.tree(path)) placeAtRoot(root, entry, merged);
  }
  if (includeStorePaths && environments.size > 0) {
    const base = store.storeDirectory.slice(1);
    for (const path of environments.keys()) {
      const entry = {
        kind: 'symlink',
        path: path.slice(1),
        mode: 0o777,
        uid: 0,
        gid: 0,
        mtime: 1,
        target: '/',
      } as const;
      root.set(entry.path, entry);
    }
    for (const folder of [base.split('/')[0]!, base]) root.set(folder, rootFolder(folder));
  }
  return { packages, storePaths, rootTree: fileTree(root.values()) };
}

function pathsOf(item: EnvironmentPackage): StorePath[] {
  return [item.tree, item.control, ...(item.byteCode === undefined ? [] : [item.byteCode])];
}

/** A folder as images have it, whatever the store made of it. */
export function rootFolder(path: ByteString): TreeEntry {
  return { kind: 'directory', path, mode: 0o755, uid: 0, gid: 0, mtime: 1 };
}

/**
 * Puts an entry of a store path at the root; the first to bring a file wins, as with rsync over several sources reversed.
 * On a merged system what is for /bin goes to /usr/bin.
 */
function placeAtRoot(root: Map<ByteString, TreeEntry>, entry: TreeEntry, merged: boolean): void {
  if (entry.path === '' || entry.path === environmentFile || entry.path === 'nix-support') return;
  // An environment's own links to the root would lead to themselves there.
  if (entry.kind === 'symlink' && /^\/(?:usr\/)?[a-z]+$/.test(entry.target)) return;
  const first = entry.path.split('/', 1)[0]!;
  const moved = merged && mergedFolders.has(first);
  if (moved && entry.path === first && entry.kind === 'symlink') return;
  const path = moved ? `usr/${entry.path}` : entry.path;
  if (moved && !root.has('usr')) root.set('usr', rootFolder('usr'));
  if (root.has(path)) return;
  root.set(path, entry.kind === 'directory' ? rootFolder(path) : { ...entry, path, mode: rootMode(entry) });
}

/** Files from the store are read-only for everybody; at the root of an image the owner may write. */
function rootMode(entry: TreeEntry): number {
  return entry.kind === 'file' ? entry.mode | 0o200 : entry.mode;
}
