// What an image holds, worked out from store paths: packages for its root, ordinary store paths for /nix/store, and
// the links and files that its contents put at the root. Pure reading; layers are made elsewhere.

import type { StorePath } from '../../formats/store-path.ts';
import type { ByteString } from '../../foundation/byte-string.ts';
import { type FileTree, fileTree, type TreeEntry } from '../../foundation/file-tree.ts';
import type { LocalStore } from '../../store/local-store.ts';
import { type EnvironmentPackage, readEnvironment, uniteEnvironments } from './environment.ts';

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
const mergedFolders = ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32'];
/** Folders that store paths have and Debian's root has not; in images of packages these are links into /usr, too. */
const linkedFolders = ['include', 'libexec', 'share'];
const foldersOfUsr = new Set([...mergedFolders, ...linkedFolders]);

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
    const tree = store.tree(path);
    for (const entry of environments.has(path) ? withoutOwnLinks(tree) : tree) placeAtRoot(root, entry);
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
  const rootTree = fileTree(root.values());
  return { packages, storePaths, rootTree: merged ? mergeIntoUsr(rootTree) : rootTree };
}

/**
 * The tree as it lies over packages: what it has in /bin, /lib and the like is in /usr, where those lead, and there are links
 * beside Debian's own, so that `${package}/share` is found. Of two entries that come to one place the first stays.
 */
export function mergeIntoUsr(tree: FileTree): FileTree {
  const merged = new Map<ByteString, TreeEntry>();
  for (const entry of tree) {
    const first = entry.path.split('/', 1)[0]!;
    // Such a link would hide the folder that it stands for.
    if (entry.path === first && foldersOfUsr.has(first) && entry.kind !== 'directory') continue;
    const path = foldersOfUsr.has(first) ? `usr/${entry.path}` : entry.path;
    if (path !== entry.path && !merged.has('usr')) merged.set('usr', rootFolder('usr'));
    const target = entry.kind === 'hardlink' && foldersOfUsr.has(entry.target.split('/', 1)[0]!);
    if (!merged.has(path) || path === entry.path)
      merged.set(path, target ? { ...entry, path, target: `usr/${entry.target}` } : { ...entry, path });
  }
  for (const path of linkedFolders)
    merged.set(path, { kind: 'symlink', path, mode: 0o777, uid: 0, gid: 0, mtime: 1, target: `usr/${path}` });
  return fileTree(merged.values());
}

/** The same tree without the links that {@link mergeIntoUsr} makes: commands may want folders there. */
export function withoutRootLinks(tree: FileTree): FileTree {
  return tree.filter(({ kind, path }) => kind !== 'symlink' || !linkedFolders.includes(path));
}

/** What an environment has besides links to its packages' files at the root, which would lead to themselves there. */
function withoutOwnLinks(tree: FileTree): FileTree {
  const isOwn = ({ path, ...entry }: TreeEntry) =>
    entry.kind === 'symlink' && (entry.target === `/${path}` || entry.target === `/usr/${path}`);
  const kept = tree.filter((entry) => !isOwn(entry));
  if (kept.length === tree.length) return tree;
  const foldersWith = (entries: FileTree) =>
    new Set(
      entries.flatMap(({ path }) =>
        [...path.matchAll(/\//g)].map(({ index }) => path.slice(0, index) as ByteString),
      ),
    );
  const [before, after] = [
    foldersWith(tree),
    foldersWith(kept.filter((entry) => entry.kind !== 'directory')),
  ];
  // A folder that held only such links is the packages'; one that was always empty was meant.
  return fileTree(
    kept.filter(
      ({ kind, path }) => kind !== 'directory' || path === '' || after.has(path) || !before.has(path),
    ),
  );
}

function pathsOf(item: EnvironmentPackage): StorePath[] {
  return [item.tree, item.control, ...(item.byteCode === undefined ? [] : [item.byteCode])];
}

/** A folder as images have it, whatever the store made of it. */
export function rootFolder(path: ByteString): TreeEntry {
  return { kind: 'directory', path, mode: 0o755, uid: 0, gid: 0, mtime: 1 };
}

/** Puts an entry of a store path at the root; the first to bring a file wins, as with rsync over several sources reversed. */
function placeAtRoot(root: Map<ByteString, TreeEntry>, entry: TreeEntry): void {
  const { path } = entry;
  if (path === '' || path === 'nix-support' || path.startsWith('nix-support/trimaran-')) return;
  // An environment's own links to the root would lead to themselves there.
  if (entry.kind === 'symlink' && /^\/(?:usr\/)?[a-z]+$/.test(entry.target)) return;
  if (root.has(path)) return;
  root.set(path, entry.kind === 'directory' ? rootFolder(path) : { ...entry, mode: rootMode(entry) });
}

/** Files from the store are read-only for everybody; at the root of an image the owner may write. */
function rootMode(entry: TreeEntry): number {
  return entry.kind === 'file' ? entry.mode | 0o200 : entry.mode;
}
