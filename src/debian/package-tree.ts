// The tree that a package's files make in an image: merged /usr, sorted, each needed directory once, one modification
// time, and without what slim images leave out (dpkg's path-exclude rules of Debian's slim images).
import type { ByteString } from '../foundation/byte-string.ts';
import { TrimaranError } from '../foundation/error.ts';
import { type FileEntry, type FileTree, fileTree, type TreeEntry } from '../foundation/file-tree.ts';

/** What to keep of a package. All are left out by default, as slim images do. */
export interface KeepOptions {
  /** `/usr/share/doc`, info files and the like; copyright files are always kept. */
  readonly docs?: boolean;
  /** Translations of messages below `/usr/share/locale`. */
  readonly locales?: boolean;
  /** Manual pages. */
  readonly man?: boolean;
}

/** Directories of the root that are symlinks to the same name below `usr` where /usr is merged. */
export const mergedDirectories: readonly string[] = [
  'bin',
  'lib',
  'lib32',
  'lib64',
  'libo32',
  'libx32',
  'sbin',
];

/** One second past 1970: zero means "unset" to some readers. */
export const packageTime = 1;

const mergedPattern = /^(?:bin|lib|lib32|lib64|libo32|libx32|sbin)\//;
/** Where `/var/run` and `/var/lock` have pointed since before Debian 7. */
const runPattern = /^var\/(run|lock)\//;
/** Directories that are symlinks of the root, which is not a package's to make. */
const rootLinks: ReadonlySet<ByteString> = new Set([...mergedDirectories, 'var/run', 'var/lock']);

/** A path as it is where the root's links lead: `bin/sh` is `usr/bin/sh`, `var/run/x` is `run/x`. */
export function mergedPath(path: ByteString): ByteString {
  if (mergedPattern.test(path)) return `usr/${path}`;
  return path.replace(runPattern, (_, name: string) => (name === 'run' ? 'run/' : 'run/lock/'));
}

function isLeftOut(path: ByteString, kind: TreeEntry['kind'], keep: KeepOptions): boolean {
  if (!path.startsWith('usr/share/')) return false;
  const rest = path.slice('usr/share/'.length);
  if (keep.docs !== true) {
    if (/^(?:info|groff|linda|lintian|doc-base|bug)(?:\/|$)/.test(rest)) return true;
    if (rest === 'doc' || rest.startsWith('doc/')) {
      // `doc/NAME` may be a link to the documents, and so the copyright, of another package.
      return !(/^doc\/[^/]+\/copyright$/.test(rest) || (kind === 'symlink' && /^doc\/[^/]+$/.test(rest)));
    }
  }
  if (keep.man !== true && /^man(?:\/|$)/.test(rest)) return true;
  return keep.locales !== true && /^locale(?:\/|$)/.test(rest) && rest !== 'locale/locale.alias';
}

/**
 * The tree of a package from the entries of its data archive. `extra` entries come on top. Contents are not copied.
 *
 * Throws `debian/unsafe-entry` when an entry lies below a symlink of the same package, or a hard link points to
 * nothing, and `debian/file-conflict` when two entries have one path.
 */
export function packageTree(options: {
  /** Names the package in errors. */
  readonly name: string;
  readonly entries: readonly TreeEntry[];
  readonly keep?: KeepOptions;
  readonly extra?: readonly TreeEntry[];
}): FileTree {
  const { name, keep = {} } = options;
  const byPath = new Map<ByteString, TreeEntry>();
  const leftOut = new Map<ByteString, FileEntry>();
  const links: { path: ByteString; target: ByteString; entry: TreeEntry }[] = [];
  for (const original of options.entries) {
    const path = mergedPath(original.path);
    if (path === '' || (original.kind === 'directory' && rootLinks.has(path))) continue;
    if (isLeftOut(path, original.kind, keep)) {
      if (original.kind === 'file') leftOut.set(path, original);
      continue;
    }
    const entry: TreeEntry = { ...original, path, mtime: packageTime };
    const present = byPath.get(path);
    if (present !== undefined && !(present.kind === 'directory' && entry.kind === 'directory')) {
      throw new TrimaranError({
        code: 'debian/file-conflict',
        message: `the package ${name} has /${path} twice`,
        hint: 'do without the package, or pin a release with another version of it: `debian:SUITE/TIMESTAMP`',
        exitCode: 4,
      });
    }
    if (entry.kind === 'hardlink') links.push({ path, target: mergedPath(entry.target), entry });
    byPath.set(path, entry);
  }
  for (const entry of options.extra ?? []) byPath.set(entry.path, entry);
  canonicalLinks(name, byPath, links, leftOut);
  addParents(byPath);
  refuseThroughSymlinks(name, byPath);
  return fileTree(byPath.values());
}

/** Of the names of one file the first in order holds the contents, and the others link to it. */
function canonicalLinks(
  name: string,
  byPath: Map<ByteString, TreeEntry>,
  links: readonly { path: ByteString; target: ByteString; entry: TreeEntry }[],
  leftOut: ReadonlyMap<ByteString, FileEntry>,
): void {
  const groups = new Map<FileEntry, ByteString[]>();
  const targets = new Map(links.map(({ path, target }) => [path, target]));
  for (const { path } of links) {
    let target = path;
    // Links of links, at most as many as there are links.
    for (let i = 0; i <= links.length; i++) {
      const next = targets.get(target);
      if (next === undefined) break;
      target = next;
    }
    const present = byPath.get(target);
    const file = present?.kind === 'file' ? present : leftOut.get(target);
    if (file === undefined) {
      throw new TrimaranError({
        code: 'debian/unsafe-entry',
        message: `the package ${name} has the hard link /${path} to /${target}, which is no file of it`,
        hint: 'do without the package, or pin a release with another version of it: `debian:SUITE/TIMESTAMP`',
        exitCode: 4,
      });
    }
    const group = groups.get(file);
    if (group === undefined) groups.set(file, [...(present === file ? [target] : []), path]);
    else group.push(path);
  }
  for (const [file, paths] of groups) {
    const [first, ...others] = paths.sort();
    byPath.set(first!, { ...file, path: first!, mtime: packageTime });
    for (const path of others) {
      const { mode, uid, gid } = file;
      byPath.set(path, { kind: 'hardlink', path, mode, uid, gid, mtime: packageTime, target: first! });
    }
  }
}

function addParents(byPath: Map<ByteString, TreeEntry>): void {
  for (const path of [...byPath.keys()]) {
    for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1)) {
      const parent = path.slice(0, slash);
      if (byPath.has(parent)) break;
      byPath.set(parent, {
        kind: 'directory',
        path: parent,
        mode: 0o755,
        uid: 0,
        gid: 0,
        mtime: packageTime,
      });
    }
  }
}

function refuseThroughSymlinks(name: string, byPath: ReadonlyMap<ByteString, TreeEntry>): void {
  for (const path of byPath.keys()) {
    const slash = path.lastIndexOf('/');
    const parent = slash < 0 ? undefined : byPath.get(path.slice(0, slash));
    if (parent === undefined || parent.kind === 'directory') continue;
    throw new TrimaranError({
      code: 'debian/unsafe-entry',
      message: `the package ${name} has /${path} below /${parent.path}, which is a ${parent.kind}`,
      hint: 'do without the package, or pin a release with another version of it: `debian:SUITE/TIMESTAMP`',
      exitCode: 4,
    });
  }
}
