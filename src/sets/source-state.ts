// The state of the files that an evaluation read from this machine, as their sizes and times: enough to tell in
// milliseconds that nothing has changed. Light on purpose: this is the path of a build with nothing to do.
import { type BigIntStats, type Dirent, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type ByteString, toByteString, toFilePath } from '../foundation/byte-string.ts';
import { sha256Hex } from '../foundation/digest.ts';
import { systemErrorCode } from '../foundation/error.ts';

/** Where a flake's tree lies on this machine, and which of its files count. */
export interface LocalSource {
  readonly directory: string;
  /** Tracked files, relative, for a git repository; undefined when everything in the folder counts. */
  readonly tracked: readonly string[] | undefined;
}

/** Looks at a file or folder, links not followed; undefined when there is none. */
export type Lstat = (file: string) => BigIntStats | undefined;

const lstatNow: Lstat = (file) => lstatSync(file, { bigint: true, throwIfNoEntry: false });

/** Looks at each file once: a large repository is looked at from several sides in one run. */
export function lstatOnce(): Lstat {
  const known = new Map<string, BigIntStats | undefined>();
  return (file) => {
    if (!known.has(file)) known.set(file, lstatNow(file));
    return known.get(file);
  };
}

/** A digest of the state of a source and some more files. Files that are not there count as such. */
export function sourceState(source: LocalSource, more: readonly string[], lstat: Lstat = lstatNow): string {
  const lines: string[] = [];
  if (source.tracked === undefined) walk(source.directory, lines, lstat);
  else {
    for (const file of source.tracked) lines.push(stateOf(`${source.directory}/${file}`, lstat));
    lines.push(gitState(source.directory, lstat));
  }
  for (const file of more) lines.push(stateOf(file, lstat));
  return sha256Hex(Buffer.from(lines.join('\n')));
}

/** The state of one file or folder itself, in a line. */
export function stateOf(file: string, lstat: Lstat = lstatNow): string {
  const found = lstat(file);
  return found === undefined
    ? `${file}\0-`
    : `${file}\0${found.mode}\0${found.size}\0${found.mtimeNs}\0${found.ctimeNs}\0${found.ino}`;
}

function walk(directory: string, lines: string[], lstat: Lstat): void {
  lines.push(stateOf(directory, lstat));
  const entries = entriesOf(directory, lines);
  // Names that are no UTF-8 come with this sign in place of what they are.
  if (entries.some(({ name }) => name.includes('\ufffd'))) {
    walkBytes(toByteString(directory), lines);
    return;
  }
  for (const entry of entries) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) walk(path, lines, lstat);
    else lines.push(stateOf(path, lstat));
  }
}

/** The entries of a folder. What cannot be read is a state too: whoever reads the files says what is wrong. */
function entriesOf(directory: string, lines: string[]): Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === undefined) throw error;
    lines.push(code);
    return [];
  }
}

function walkBytes(directory: ByteString, lines: string[]): void {
  for (const entry of readdirSync(toFilePath(directory), { withFileTypes: true, encoding: 'latin1' })) {
    const path = `${directory}/${entry.name}`;
    const found = lstatSync(toFilePath(path), { bigint: true, throwIfNoEntry: false });
    lines.push(stateOf(path, () => found));
    if (entry.isDirectory()) walkBytes(path, lines);
  }
}

/** What git says besides the files: which are tracked, and the commit. */
function gitState(directory: string, lstat: Lstat): string {
  const { own, shared } = gitFolders(directory);
  const head = readIfThere(join(own, 'HEAD'));
  const ref = /^ref: (\S+)/.exec(head)?.[1];
  return [
    stateOf(join(own, 'index'), lstat),
    head,
    ref === undefined ? '' : readIfThere(join(shared, ref)),
    stateOf(join(shared, 'packed-refs'), lstat),
  ].join('\0');
}

/** Where a working tree's own files of git lie, and those that it shares with others of the same repository. */
function gitFolders(directory: string): { readonly own: string; readonly shared: string } {
  const git = join(directory, '.git');
  // A file there says where the folder is: of a submodule, or of one working tree of several.
  const elsewhere = /^gitdir: (.+)/.exec(readIfThere(git))?.[1];
  if (elsewhere === undefined) return { own: git, shared: git };
  const own = resolve(directory, elsewhere);
  const common = readIfThere(join(own, 'commondir')).trim();
  return { own, shared: common === '' ? own : resolve(own, common) };
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
