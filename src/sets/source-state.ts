// The state of the files that an evaluation read from this machine, as their sizes and times: enough to tell in
// milliseconds that nothing has changed. Light on purpose: this is the path of a build with nothing to do.
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { sha256Hex } from '../foundation/digest.ts';

/** Where a flake's tree lies on this machine, and which of its files count. */
export interface LocalSource {
  readonly directory: string;
  /** Tracked files, relative, for a git repository; undefined when everything in the folder counts. */
  readonly tracked: readonly string[] | undefined;
}

/** A digest of the state of a source and some more files. Files that are not there count as such. */
export function sourceState(source: LocalSource, more: readonly string[]): string {
  const lines: string[] = [];
  if (source.tracked === undefined) walk(source.directory, lines);
  else {
    for (const file of source.tracked) lines.push(stateOf(join(source.directory, file)));
    lines.push(gitState(source.directory));
  }
  for (const file of more) lines.push(stateOf(file));
  return sha256Hex(Buffer.from(lines.join('\n')));
}

/** The state of one file or folder itself, in a line. */
export function stateOf(file: string): string {
  const found = lstatSync(file, { bigint: true, throwIfNoEntry: false });
  return found === undefined
    ? `${file}\0-`
    : `${file}\0${found.mode}\0${found.size}\0${found.mtimeNs}\0${found.ctimeNs}\0${found.ino}`;
}

function walk(directory: string, lines: string[]): void {
  lines.push(stateOf(directory));
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) walk(path, lines);
    else lines.push(stateOf(path));
  }
}

/** What git says besides the files: which are tracked, and the commit. */
function gitState(directory: string): string {
  const { own, shared } = gitFolders(directory);
  const head = readIfThere(join(own, 'HEAD'));
  const ref = /^ref: (\S+)/.exec(head)?.[1];
  return [
    stateOf(join(own, 'index')),
    head,
    ref === undefined ? '' : readIfThere(join(shared, ref)),
    stateOf(join(shared, 'packed-refs')),
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
