// Finds entries by logical path inside store objects of either form, through symlinks, without letting the host's
// own files in: an absolute link target means a logical path, never one of this machine.
import { lstatSync, readdirSync, readlinkSync } from 'node:fs';
import { parseStorePath, type StorePath } from '../formats/store-path.ts';
import { type ByteString, fromByteString, toByteString, toFilePath } from '../foundation/byte-string.ts';
import { systemErrorCode, TrimaranError } from '../foundation/error.ts';
import type { FileTree, TreeEntry } from '../foundation/file-tree.ts';

/** Links followed in one look-up before it is called a loop, as in Linux. */
const linkLimit = 40;

/** The entries of one object. Paths are relative, `''` is the object itself. */
export interface ObjectEntries {
  /** Undefined when there is nothing; links are not followed; hard links appear as the file they name. */
  entry(path: ByteString): TreeEntry | undefined;
  /** Names in a folder, sorted. */
  names(path: ByteString): readonly ByteString[];
}

/** Entries of a plain object, looked up on disk. `base` is its physical path. */
export function plainEntries(base: string): ObjectEntries {
  const bytes = toByteString(base);
  const fileOf = (path: ByteString) => toFilePath(path === '' ? bytes : `${bytes}/${path}`);
  return {
    entry(path) {
      const file = fileOf(path);
      const common = { path, mode: 0o444, uid: 0, gid: 0, mtime: 1 };
      try {
        const stat = lstatSync(file);
        if (stat.isDirectory()) return { ...common, kind: 'directory', mode: 0o555 };
        if (stat.isSymbolicLink()) {
          return { ...common, kind: 'symlink', mode: 0o777, target: readlinkSync(file, 'latin1') };
        }
        return {
          ...common,
          kind: 'file',
          mode: stat.mode & 0o100 ? 0o555 : 0o444,
          content: { kind: 'region', file, offset: 0, length: stat.size },
        };
      } catch (error) {
        const code = systemErrorCode(error);
        if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENAMETOOLONG') return undefined;
        throw error;
      }
    },
    names: (path) => readdirSync(fileOf(path), 'latin1').sort(),
  };
}

/** Entries of a tree held in memory. Folders that it implies but does not list are there too. */
export function treeEntries(tree: FileTree): ObjectEntries {
  const entries = new Map<ByteString, TreeEntry>();
  const children = new Map<ByteString, ByteString[]>([['', []]]);
  const ensureFolder = (path: ByteString) => {
    if (children.has(path)) return;
    children.set(path, []);
    if (!entries.has(path)) {
      entries.set(path, { kind: 'directory', path, mode: 0o755, uid: 0, gid: 0, mtime: 1 });
      addToParent(path);
    }
  };
  const addToParent = (path: ByteString) => {
    if (path === '') return;
    const slash = path.lastIndexOf('/');
    const parent = slash < 0 ? '' : path.slice(0, slash);
    ensureFolder(parent);
    children.get(parent)!.push(path.slice(slash + 1));
  };
  for (const entry of tree) {
    if (entries.has(entry.path)) continue;
    entries.set(entry.path, entry);
    addToParent(entry.path);
  }
  if (!entries.has(''))
    entries.set('', { kind: 'directory', path: '', mode: 0o755, uid: 0, gid: 0, mtime: 1 });
  return {
    entry(path) {
      const entry = entries.get(path);
      if (entry?.kind !== 'hardlink') return entry;
      const target = entries.get(entry.target);
      return target === undefined ? undefined : { ...target, path };
    },
    names: (path) => [...(children.get(path) ?? [])].sort(),
  };
}

/** What a logical path leads to: the path without links on the way, and its entry if there is one. */
export interface Located {
  readonly path: ByteString;
  readonly entry: TreeEntry | undefined;
}

export interface LocateOptions {
  /** Absolute logical path in the store directory; `.` and `..` are taken literally by their meaning. */
  readonly path: ByteString;
  readonly storeDirectory: string;
  /** The entries of a valid object; throws for others. */
  readonly object: (path: StorePath) => ObjectEntries;
  /** Whether a link in the last place is followed too. */
  readonly follow: boolean;
}

/**
 * Follows a logical path. Throws `store/outside-store` when it, or a link on the way, leaves the store directory, and
 * `store/link-loop`.
 */
export function locate(options: LocateOptions): Located {
  const { storeDirectory } = options;
  let pending = componentsOf(options.path, storeDirectory, options.path);
  const done: ByteString[] = [];
  let entries: ObjectEntries | undefined;
  let entry: TreeEntry | undefined;
  let links = 0;
  while (pending.length > 0) {
    const name = pending.shift()!;
    if (name === '..') {
      if (done.length === 0) throw outside(options.path, storeDirectory);
      done.pop();
      entry = done.length === 0 ? undefined : entries!.entry(done.slice(1).join('/'));
      continue;
    }
    if (done.length === 0)
      entries = options.object(parseStorePath(`${storeDirectory}/${name}`, storeDirectory));
    else if (entry?.kind !== 'directory') {
      return { path: logical(storeDirectory, [...done, name, ...pending]), entry: undefined };
    }
    done.push(name);
    entry = entries!.entry(done.slice(1).join('/'));
    if (entry?.kind !== 'symlink' || (pending.length === 0 && !options.follow)) continue;
    if (++links > linkLimit) throw loop(options.path);
    if (entry.target.startsWith('/')) {
      pending = [...componentsOf(entry.target, storeDirectory, options.path), ...pending];
      done.length = 0;
      entry = undefined;
    } else {
      done.pop();
      pending = [...splitPath(entry.target), ...pending];
      // A link that is the object itself points beside other objects.
      if (done.length > 0) entry = entries!.entry(done.slice(1).join('/'));
    }
  }
  if (done.length === 0) throw outside(options.path, storeDirectory);
  return { path: logical(storeDirectory, done), entry };
}

function logical(storeDirectory: string, components: readonly ByteString[]): ByteString {
  return `${storeDirectory}/${components.join('/')}`;
}

function splitPath(path: ByteString): ByteString[] {
  return path.split('/').filter((name) => name !== '' && name !== '.');
}

function componentsOf(path: ByteString, storeDirectory: string, asked: ByteString): ByteString[] {
  if (!path.startsWith(`${storeDirectory}/`)) throw outside(asked, storeDirectory, path);
  return splitPath(path.slice(storeDirectory.length));
}

function outside(asked: ByteString, storeDirectory: string, target?: ByteString): TrimaranError {
  const leads = target === undefined || target === asked ? 'lies' : `leads to ${fromByteString(target)},`;
  return new TrimaranError({
    code: 'store/outside-store',
    message: `${fromByteString(asked)} ${leads} outside ${storeDirectory}`,
    hint: 'only store paths can be read here',
  });
}

function loop(path: ByteString): TrimaranError {
  return new TrimaranError({
    code: 'store/link-loop',
    message: `too many symbolic links on the way to ${fromByteString(path)}`,
  });
}
