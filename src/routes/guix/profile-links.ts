// What a profile links to: whole folders where one of its sources has them, what is in them where several do. One source is
// the environment of Debian packages, with thousands of files of which a profile links to a few dozen; which they are is
// kept between runs.
import { join } from 'node:path';
import type { StorePath } from '../../formats/store-path.ts';
import { type ByteString, toByteString } from '../../foundation/byte-string.ts';
import { sha256Hex } from '../../foundation/digest.ts';
import type { FileTree, TreeEntry } from '../../foundation/file-tree.ts';
import { readEnvironment } from '../../sets/image/environment.ts';
import { keepRecording, loadRecording } from '../../sets/recording-file.ts';
import type { LocalStore } from '../../store/local-store.ts';

/** Raised whenever the same environment may be linked to in another way. */
const linksFormat = 1;

/** A package that lies in the store. */
export interface LinkSource {
  /** Its path, with a slash. */
  readonly prefix: string;
  readonly tree: FileTree;
}

/** What an environment gives to a profile. */
interface EnvironmentLinks {
  /** Paths in order, each with whether it is a folder of the profile's own rather than a link. */
  readonly links: readonly (readonly [path: ByteString, isFolder: boolean])[];
  /** Those folders of the other sources that the environment has as well. */
  readonly shared: readonly ByteString[];
  /** Those of the wanted paths that are there. */
  readonly present: readonly ByteString[];
}

/**
 * The entries of a profile, and which of the `wanted` paths any source has. The environment comes first: where two have a
 * file of the same name, its own counts. Throws `store/…`, `image/…`.
 */
export function linkTrees(options: {
  readonly store: LocalStore;
  readonly environment: StorePath | false;
  readonly sources: readonly LinkSource[];
  readonly wanted: ReadonlySet<ByteString>;
}): { readonly entries: Map<ByteString, TreeEntry>; readonly present: ReadonlySet<ByteString> } {
  const { store, environment, sources, wanted } = options;
  const owners = new Map<ByteString, number>();
  const present = new Set<ByteString>();
  for (const { tree } of sources) {
    for (const { path, kind } of tree) {
      if (path === '') continue;
      if (wanted.has(path)) present.add(path);
      if (kind === 'directory') owners.set(path, (owners.get(path) ?? 0) + 1);
    }
  }
  const entries = new Map<ByteString, TreeEntry>([['', folder('')]]);
  if (environment !== false) {
    const kept = environmentLinks({ store, environment, folders: new Set(owners.keys()), wanted });
    for (const [path, isFolder] of kept.links) {
      entries.set(path, isFolder ? folder(path) : link(path, `/usr/${path}`));
    }
    for (const path of kept.shared) owners.set(path, owners.get(path)! + 1);
    for (const path of kept.present) present.add(path);
  }
  for (const { prefix, tree } of sources) {
    for (const { path, kind } of tree) {
      if (path === '' || entries.has(path) || !isInFolder(path, (parent) => isFolderIn(entries, parent)))
        continue;
      const isFolder = kind === 'directory' && (isOwn(path) || owners.get(path)! > 1);
      entries.set(path, isFolder ? folder(path) : link(path, `${toByteString(prefix)}${path}`));
    }
  }
  if (!entries.has('etc')) entries.set('etc', folder('etc'));
  return { entries, present };
}

/** What an environment gives beside sources with these `folders`; looked up where it is known. */
function environmentLinks(options: {
  readonly store: LocalStore;
  readonly environment: StorePath;
  readonly folders: ReadonlySet<ByteString>;
  readonly wanted: ReadonlySet<ByteString>;
}): EnvironmentLinks {
  const { store, environment, folders, wanted } = options;
  const key = JSON.stringify([linksFormat, environment, [...folders].sort(), [...wanted].sort()]);
  const file = join(store.root, 'environments', `links-${sha256Hex(Buffer.from(key))}.json`);
  const kept = loadRecording<EnvironmentLinks>(file);
  if (kept !== undefined) return kept;
  const packages = readEnvironment(store, environment)?.packages ?? [];
  const links = linksOf(
    packages.map((item) => store.tree(item.tree)),
    folders,
    wanted,
  );
  keepRecording(file, links);
  return links;
}

function linksOf(
  trees: readonly FileTree[],
  folders: ReadonlySet<ByteString>,
  wanted: ReadonlySet<ByteString>,
): EnvironmentLinks {
  const own = new Set<ByteString>();
  const present = new Set<ByteString>();
  const paths: ByteString[] = [];
  for (const entry of trees.flat()) {
    const path = belowUsr(entry.path);
    if (path === undefined || path === '') continue;
    paths.push(path);
    if (wanted.has(path)) present.add(path);
    if (entry.kind === 'directory') own.add(path);
  }
  const links = new Map<ByteString, boolean>();
  for (const path of paths) {
    if (links.has(path) || !isInFolder(path, (parent) => links.get(parent) === true)) continue;
    // One tree may have a link where another has the folder.
    links.set(path, own.has(path) && (isOwn(path) || folders.has(path)));
  }
  return {
    links: [...links],
    shared: [...folders].filter((path) => own.has(path)),
    present: [...present],
  };
}

/** What packages have below /usr: Debian merges /bin and its like with it. */
function belowUsr(path: ByteString): ByteString | undefined {
  if (path.startsWith('usr/')) return path.slice(4);
  return /^(bin|sbin|lib)\//.test(path) ? path : undefined;
}

/** `etc` gets files of the profile's own. */
function isOwn(path: ByteString): boolean {
  return path === 'etc';
}

/** Whether a path lies at the root or in a folder of the profile's own. */
function isInFolder(path: ByteString, isFolder: (parent: ByteString) => boolean): boolean {
  const slash = path.lastIndexOf('/');
  return slash <= 0 || isFolder(path.slice(0, slash));
}

function isFolderIn(entries: ReadonlyMap<ByteString, TreeEntry>, path: ByteString): boolean {
  return entries.get(path)?.kind === 'directory';
}

function folder(path: ByteString): TreeEntry {
  return { kind: 'directory', path, mode: 0o555, uid: 0, gid: 0, mtime: 1 };
}

function link(path: ByteString, target: ByteString): TreeEntry {
  return { kind: 'symlink', path, mode: 0o777, uid: 0, gid: 0, mtime: 1, target };
}
