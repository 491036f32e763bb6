// A git working tree as Nix sees it: the files that git tracks, with the contents they have on disk, whether or not
// they are committed.
import { lstatSync, readlinkSync } from 'node:fs';
import { type ByteString, toByteString, toFilePath } from '../../../../foundation/byte-string.ts';
import type { FileTree, TreeEntry } from '../../../../foundation/file-tree.ts';
import { flakeError } from '../flake-error.ts';
import { type GitCommand, lastLine, ownershipHint } from './git-command.ts';
import { withDirectories } from './git-tree.ts';

/** What git knows of a working tree. */
export interface WorktreeStatus {
  /** The commit that HEAD is at; absent before the first one. */
  readonly headRev?: string;
  /** The full name of the branch, `refs/heads/main`; absent when HEAD is detached. */
  readonly headRef?: string;
  readonly isDirty: boolean;
  /** Tracked files that exist, sorted by byte; submodules left out. */
  readonly files: readonly ByteString[];
  readonly submodules: readonly ByteString[];
}

/** Asks git about the working tree at `path`. Throws `flake/git-failed`. */
export async function readWorktreeStatus(git: GitCommand, path: string): Promise<WorktreeStatus> {
  const [status, listing] = await Promise.all([
    output(git, [
      ...['status', '--porcelain=v2', '--branch', '-z', '--untracked-files=no'],
      ...['--ignore-submodules=all', '--no-renames'],
    ]),
    output(git, ['ls-files', '-z', '--stage', '--full-name']),
  ]).catch((error: unknown) => {
    throw error;
  });
  let headRev: string | undefined;
  let branch: string | undefined;
  let isDirty = false;
  const deleted = new Set<ByteString>();
  for (const line of status.split('\0')) {
    if (line.startsWith('# branch.oid ')) headRev = line.slice('# branch.oid '.length);
    else if (line.startsWith('# branch.head ')) branch = line.slice('# branch.head '.length);
    else if (/^[12u] /.test(line)) {
      isDirty = true;
      const fields = line.split(' ');
      const before = line.startsWith('u') ? 10 : 8;
      if (fields[1]?.[1] === 'D') deleted.add(fields.slice(before).join(' '));
    }
  }
  const files = new Set<ByteString>();
  const submodules = new Set<ByteString>();
  for (const line of listing.split('\0')) {
    const tab = line.indexOf('\t');
    if (tab < 0) continue;
    const file = line.slice(tab + 1);
    if (line.startsWith('160000')) submodules.add(file);
    else if (!deleted.has(file)) files.add(file);
  }
  if (headRev === '(initial)') headRev = undefined;
  const isDetached = branch === undefined || branch === '(detached)';
  return {
    ...(headRev === undefined ? {} : { headRev }),
    ...(isDetached ? {} : { headRef: `refs/heads/${branch}` }),
    isDirty,
    files: [...files].filter((file) => existsIn(path, file)).sort(),
    submodules: [...submodules].sort(),
  };
}

async function output(git: GitCommand, args: readonly string[]): Promise<ByteString> {
  const chunks: Buffer[] = [];
  const result = await git.run(args, { onStdout: (chunk) => chunks.push(chunk) });
  if (result.exitCode !== 0)
    throw flakeError('git-failed', `git ${args[0]} failed: ${lastLine(result.stderr)}`, {
      hint: ownershipHint(result.stderr),
      exitCode: 4,
    });
  return Buffer.concat(chunks).toString('latin1');
}

function existsIn(path: string, file: ByteString): boolean {
  return lstatSync(placeOf(path, file), { throwIfNoEntry: false }) !== undefined;
}

function placeOf(path: string, file: ByteString): string | Buffer {
  return toFilePath(`${toByteString(path)}/${file}`);
}

/** The tracked files of a working tree; of submodules there is no trace, not even a folder, unlike in a commit's tree. */
export function worktreeTree(path: string, status: WorktreeStatus): FileTree {
  const entries: TreeEntry[] = [];
  for (const file of status.files) {
    const place = placeOf(path, file);
    const stat = lstatSync(place);
    const common = { path: file, uid: 0, gid: 0, mtime: 1 };
    if (stat.isSymbolicLink())
      entries.push({ ...common, kind: 'symlink', mode: 0o777, target: readlinkSync(place, 'latin1') });
    else if (stat.isFile())
      entries.push({
        ...common,
        kind: 'file',
        mode: stat.mode & 0o100 ? 0o555 : 0o444,
        content: { kind: 'region', file: place, offset: 0, length: stat.size },
      });
  }
  return withDirectories(entries);
}
