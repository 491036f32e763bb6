// A root file system in the making: the packages' united tree, and over it what is declared. Also the few commands and
// tmpfiles.d(5) lines that make directories and change owners.
import type { ByteString } from '../foundation/byte-string.ts';
import { toByteString } from '../foundation/byte-string.ts';
import type { FileTree, TreeEntry } from '../foundation/file-tree.ts';
import { capabilityAttribute, writeFileCapabilities } from './file-capabilities.ts';
import { mergedPath, packageTime } from './package-tree.ts';
import type { ScriptCommand } from './script-reader.ts';
import { type AccountIds, isMode, readDirectoryWords } from './script-words.ts';

export interface Metadata {
  readonly mode?: number | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
}

/** As many links as Linux follows. */
const maximumLinks = 40;

/** See the head of this file. Paths are relative byte strings unless said otherwise. */
export class RootDraft {
  private readonly base: ReadonlyMap<ByteString, TreeEntry>;
  private readonly sortedBase: FileTree;
  private readonly over = new Map<ByteString, TreeEntry>();

  constructor(base: FileTree) {
    this.sortedBase = base;
    this.base = new Map(base.map((entry) => [entry.path, entry]));
  }

  get(path: ByteString): TreeEntry | undefined {
    return this.over.get(path) ?? this.base.get(path);
  }

  /** Entries whose paths start with `prefix`, sorted; those of the packages alone. */
  below(prefix: ByteString): TreeEntry[] {
    return this.sortedBase.filter((entry) => entry.path.startsWith(prefix));
  }

  /** Entries directly in a directory, declared ones included, sorted. */
  inside(directory: ByteString): TreeEntry[] {
    const isInside = ({ path }: TreeEntry) =>
      path.startsWith(`${directory}/`) && !path.includes('/', directory.length + 1);
    const found = new Map(this.sortedBase.filter(isInside).map((entry) => [entry.path, entry]));
    for (const entry of this.over.values()) if (isInside(entry)) found.set(entry.path, entry);
    return [...found.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  /** What an absolute path leads to, through links of any of its parts and other names of files; undefined for nothing. */
  follow(absolute: ByteString): TreeEntry | undefined {
    const pending = absolute.split('/').reverse();
    let path = '';
    for (let links = 0; pending.length > 0; ) {
      const part = pending.pop()!;
      if (part === '' || part === '.') continue;
      if (part === '..') {
        path = path.slice(0, Math.max(0, path.lastIndexOf('/')));
        continue;
      }
      const next = path === '' ? part : `${path}/${part}`;
      const entry = this.get(next);
      // Directories of what was put may not be entries yet: see changes().
      if (entry?.kind === 'symlink') {
        if (++links > maximumLinks) return undefined;
        pending.push(...entry.target.split('/').reverse());
        if (entry.target.startsWith('/')) path = '';
      } else {
        path = next;
      }
    }
    const found = this.get(path);
    return found?.kind === 'hardlink' ? this.get(found.target) : found;
  }

  /** Absolute paths that match one with stars in its last part, sorted by byte; a path without stars is itself. */
  matching(pattern: string): string[] {
    if (!pattern.includes('*')) return [pattern];
    const slash = pattern.lastIndexOf('/');
    const folder = this.follow(pattern.slice(0, slash));
    if (folder?.kind !== 'directory') return [];
    const parts = pattern
      .slice(slash + 1)
      .split('*')
      .map((part) => part.replace(/[^A-Za-z0-9]/g, '\\$&'));
    const expression = new RegExp(`^(?!\\.)${parts.join('.*')}$`, 's');
    return this.inside(folder.path)
      .map(({ path }) => path.slice(path.lastIndexOf('/') + 1))
      .filter((name) => expression.test(name))
      .sort()
      .map((name) => `/${folder.path}/${name}`);
  }

  put(entry: TreeEntry): void {
    this.over.set(entry.path, entry);
  }

  putLink(path: ByteString, target: ByteString): void {
    this.put({ kind: 'symlink', path, mode: 0o777, uid: 0, gid: 0, mtime: packageTime, target });
  }

  putFile(path: ByteString, text: string | Buffer, metadata: Metadata = {}): void {
    const bytes = typeof text === 'string' ? Buffer.from(text) : text;
    this.put({
      kind: 'file',
      path,
      mode: metadata.mode ?? 0o644,
      uid: metadata.uid ?? 0,
      gid: metadata.gid ?? 0,
      mtime: packageTime,
      content: { kind: 'bytes', bytes },
    });
  }

  /**
   * Where an absolute path of the image lies: as {@link mergedPath} gives it, its parent without symlinks. Undefined for a path
   * that is not absolute and plain, or goes through a link.
   */
  pathOf(absolute: string): ByteString | undefined {
    if (!absolute.startsWith('/')) return undefined;
    const parts = toByteString(absolute)
      .split('/')
      .filter((part) => part !== '' && part !== '.');
    if (parts.length === 0 || parts.includes('..')) return undefined;
    const path = mergedPath(parts.join('/'));
    for (let slash = path.indexOf('/'); slash > 0; slash = path.indexOf('/', slash + 1)) {
      const parent = this.get(path.slice(0, slash));
      if (parent !== undefined && parent.kind !== 'directory') return undefined;
    }
    return path;
  }

  /** The entry at an absolute path, or undefined. */
  resolve(absolute: string): TreeEntry | undefined {
    const path = this.pathOf(absolute);
    return path === undefined ? undefined : this.get(path);
  }

  /** Makes a directory at an absolute path, or changes the one there; anything else there stays as it is. */
  makeDirectory(absolute: string, metadata: Metadata): void {
    const path = this.pathOf(absolute);
    if (path === undefined) return;
    const present = this.get(path);
    if (present !== undefined && present.kind !== 'directory') return;
    this.put({
      kind: 'directory',
      path,
      mode: metadata.mode ?? present?.mode ?? 0o755,
      uid: metadata.uid ?? present?.uid ?? 0,
      gid: metadata.gid ?? present?.gid ?? 0,
      mtime: packageTime,
    });
  }

  /** Changes mode and owner of what is at an absolute path, and with `deep` of all below it. Links stay as they are. */
  change(absolute: string, metadata: Metadata, options: { readonly deep?: boolean } = {}): void {
    const path = this.pathOf(absolute);
    if (path === undefined) return;
    const changed = [path];
    if (options.deep === true) {
      for (const source of [this.base, this.over]) {
        for (const other of source.keys()) if (other.startsWith(`${path}/`)) changed.push(other);
      }
    }
    for (const other of changed) {
      const entry = this.get(other);
      if (entry === undefined || entry.kind === 'symlink' || entry.kind === 'hardlink') continue;
      this.put({
        ...entry,
        mode: metadata.mode ?? entry.mode,
        uid: metadata.uid ?? entry.uid,
        gid: metadata.gid ?? entry.gid,
      });
    }
  }

  /** Gives the file at an absolute path an extended attribute. */
  attach(absolute: string, name: string, value: Uint8Array): void {
    const entry = this.resolve(absolute);
    if (entry?.kind === 'file') this.put({ ...entry, xattrs: new Map(entry.xattrs).set(name, value) });
  }

  /** What was put or changed, with the directories above it. */
  changes(): TreeEntry[] {
    const entries = new Map(this.over);
    for (const path of this.over.keys()) {
      for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1)) {
        const parent = path.slice(0, slash);
        if (entries.has(parent)) break;
        const present = this.base.get(parent);
        entries.set(
          parent,
          present ?? { kind: 'directory', path: parent, mode: 0o755, uid: 0, gid: 0, mtime: packageTime },
        );
      }
    }
    return [...entries.values()];
  }
}

/** Takes up a command that makes directories or changes modes and owners; others are passed over. */
export function applyCommand(draft: RootDraft, command: ScriptCommand, ids: AccountIds): void {
  const [program, ...words] = command;
  const options = words.filter((word) => word.startsWith('-'));
  const rest = words.filter((word) => !word.startsWith('-'));
  const deep = options.some((option) => /^-[a-zA-Z]*R/.test(option) || option === '--recursive');
  const named = (paths: readonly string[]) => paths.flatMap((path) => draft.matching(path));
  switch (program) {
    case 'mkdir': {
      const { mode, paths } = readDirectoryWords(words, ids);
      for (const path of paths) if (draft.resolve(path) === undefined) draft.makeDirectory(path, { mode });
      return;
    }
    case 'install': {
      const { isDirectory, paths, ...metadata } = readDirectoryWords(words, ids);
      if (isDirectory) for (const path of paths) draft.makeDirectory(path, metadata);
      return;
    }
    case 'chown': {
      const [owner, ...paths] = rest;
      const metadata = owner === undefined ? undefined : ownerOf(owner, ids);
      if (metadata !== undefined) for (const path of named(paths)) draft.change(path, metadata, { deep });
      return;
    }
    case 'chgrp': {
      const [group, ...paths] = rest;
      const gid = group === undefined ? undefined : ids.gid(group);
      if (gid !== undefined) for (const path of named(paths)) draft.change(path, { gid }, { deep });
      return;
    }
    case 'chmod': {
      const [mode, ...paths] = rest;
      // A recursive mode would make files executable or directories closed.
      if (mode === undefined || deep) return;
      for (const path of named(paths)) {
        const present = draft.resolve(path);
        const changed = present === undefined ? undefined : changedMode(present, mode);
        if (changed !== undefined && (isMode(mode) || changed !== present?.mode))
          draft.change(path, { mode: changed });
      }
      return;
    }
    case 'setcap': {
      const [capabilities = '', ...paths] = rest;
      const value = writeFileCapabilities(capabilities);
      if (value === undefined) return;
      for (const path of named(paths)) draft.attach(path, capabilityAttribute, value);
      return;
    }
    case 'find': {
      const given = readFoundOwner(words);
      const metadata = given === undefined ? undefined : ownerOf(given.owner, ids);
      if (metadata !== undefined)
        for (const path of given!.paths) draft.change(path, metadata, { deep: true });
      return;
    }
    case 'dpkg-statoverride': {
      const [owner, group, mode, path] = rest;
      if (!options.includes('--add') || path === undefined || !isMode(mode ?? '')) return;
      draft.change(path, { uid: ids.uid(owner!), gid: ids.gid(group!), mode: Number.parseInt(mode!, 8) });
      return;
    }
  }
}

/** The mode of an entry after chmod(1) with octal digits or `g+rw,o-x`; undefined for other words. */
function changedMode(entry: TreeEntry, words: string): number | undefined {
  if (isMode(words)) return Number.parseInt(words, 8);
  let { mode } = entry;
  for (const word of words.split(',')) {
    const [, who = '', sign, letters = ''] = /^([ugoa]*)([-+=])([rwxXst]*)$/.exec(word) ?? [];
    if (sign === undefined) return undefined;
    const of = (letter: string) => who === '' || who.includes('a') || who.includes(letter);
    const isOpen = entry.kind === 'directory' || (mode & 0o111) !== 0;
    const each =
      (letters.includes('r') ? 4 : 0) +
      (letters.includes('w') ? 2 : 0) +
      (letters.includes('x') || (letters.includes('X') && isOpen) ? 1 : 0);
    const identity = (letter: string, bit: number) => (of(letter) && letters.includes('s') ? bit : 0);
    const bits =
      (of('u') ? each << 6 : 0) +
      (of('g') ? each << 3 : 0) +
      (of('o') ? each : 0) +
      identity('u', 0o4000) +
      identity('g', 0o2000) +
      (letters.includes('t') ? 0o1000 : 0);
    const replaced = (of('u') ? 0o700 : 0) + (of('g') ? 0o070 : 0) + (of('o') ? 0o007 : 0);
    if (sign === '=') mode &= ~replaced;
    mode = sign === '-' ? mode & ~bits : mode | bits;
  }
  // Set-user-ID is what scripts fall back to where files cannot have capabilities.
  return entry.xattrs?.has(capabilityAttribute) === true ? mode & ~0o4000 : mode;
}

/**
 * Where `find PATH… | xargs chown OWNER` gives all files to somebody, and to whom; a search that asks for more than whose
 * files are is passed over.
 */
function readFoundOwner(words: readonly string[]): { owner: string; paths: readonly string[] } | undefined {
  const pipe = words.indexOf('|');
  const tests = words.slice(0, pipe);
  const paths = tests.slice(
    0,
    tests.findIndex((word) => !word.startsWith('/')),
  );
  const known = new Set(['!', '-or', '-o', '-uid', '-gid', '-user', '-group', '-print0', '-print', '']);
  const isPlain = tests.slice(paths.length).every((word) => known.has(word) || /^[a-z0-9_-]+$/i.test(word));
  const asked = tests.filter((word) => word.startsWith('-') && !known.has(word));
  const chown = words.indexOf('chown', pipe);
  const owner = words[chown + 1];
  if (pipe < 0 || chown < 0 || owner === undefined || chown + 2 !== words.length) return undefined;
  return isPlain && asked.length === 0 && paths.length > 0 ? { owner, paths } : undefined;
}

function ownerOf(owner: string, ids: AccountIds): Metadata | undefined {
  const [user = '', given] = owner.split(/[:.]/);
  // `user:` means the user's own group too, which bears the name where scripts make both.
  const group = given === '' && ids.gid(user) !== undefined ? user : given;
  const uid = user === '' ? undefined : ids.uid(user);
  const gid = group === undefined || group === '' ? undefined : ids.gid(group);
  if ((user !== '' && uid === undefined) || (group !== undefined && group !== '' && gid === undefined))
    return undefined;
  return { uid, gid };
}

/** Takes up the lines of a tmpfiles.d file that make directories and links; specifiers (`%…`) and other types are passed over. */
export function applyTmpfiles(draft: RootDraft, text: string, ids: AccountIds): void {
  for (const line of text.split('\n')) {
    if (line.startsWith('#') || line.trim() === '') continue;
    const [type = '', path = '', mode = '-', user = '-', group = '-', , argument] = line.trim().split(/\s+/);
    if (path.includes('%') || argument?.includes('%')) continue;
    const kind = type.replace(/[!+=^~$-]/g, '');
    if (/^[dDvqQ]$/.test(kind)) {
      const digits = mode.replace(/^[~:]+/, '');
      draft.makeDirectory(path, {
        mode: isMode(digits) ? Number.parseInt(digits, 8) : 0o755,
        uid: user === '-' ? 0 : ids.uid(user.replace(/^:/, '')),
        gid: group === '-' ? 0 : ids.gid(group.replace(/^:/, '')),
      });
    } else if (kind === 'L' && argument !== undefined && argument !== '-') {
      const at = draft.pathOf(path);
      if (at !== undefined && draft.get(at) === undefined) draft.putLink(at, toByteString(argument));
    }
  }
}
