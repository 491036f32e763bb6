// The link that a build leaves beside the recipe, pointing to what it made.
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  type Stats,
  symlinkSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { temporaryNameFor } from '../foundation/atomic-file.ts';
import { sha256Hex } from '../foundation/digest.ts';
import { systemErrorCode, TrimaranError } from '../foundation/error.ts';
import { keepRecording } from './recording-file.ts';

/**
 * Makes a symbolic link to a result, or points one that is there at it, and notes it in the cache whose root is `root`. Throws
 * `result/link-exists` when something else than a link is in the way, `result/link-not-writable`.
 */
export function linkResult(
  link: string,
  { target, root }: { readonly target: string; readonly root: string },
): void {
  noteRoot(root, link);
  const existing = lookAt(link);
  if (existing !== undefined && !existing.isSymbolicLink()) {
    throw new TrimaranError({
      code: 'result/link-exists',
      message: `cannot make the link ${link}: a ${existing.isDirectory() ? 'folder' : 'file'} is there`,
      hint: 'move it away, or name another place: `-o PATH`',
      exitCode: 4,
    });
  }
  if (existing !== undefined && readlinkSync(link) === target) return;
  const temporary = temporaryNameFor(link);
  try {
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(target, temporary);
    renameSync(temporary, link);
  } catch (cause) {
    if (lookAt(temporary) !== undefined) rmSync(temporary);
    throw new TrimaranError({
      code: 'result/link-not-writable',
      message: `cannot make the link ${link}: ${reasons[systemErrorCode(cause) ?? ''] ?? 'the system refuses it'}`,
      hint: 'run the command where you may write, or name another place: `-o PATH`',
      cause,
      exitCode: 4,
    });
  }
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'you may not write there',
  EPERM: 'you may not write there',
  EROFS: 'its disk is read-only',
  ENOSPC: 'no space is left',
  ENOENT: 'its folder cannot be made',
  ENOTDIR: 'a file is where its folder would be',
  EEXIST: 'a file is where its folder would be',
  ENAMETOOLONG: 'its name is too long',
};

/** What is at a path. Whatever hinders looking hinders making the link too, which is told then. */
function lookAt(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch (error) {
    if (systemErrorCode(error) === undefined) throw error;
    return undefined;
  }
}

/**
 * Where a cache notes the links that lead into it, a recording of the link's path each: what they lead to is not garbage. In a
 * cache that cannot be written to nothing is noted, and nothing deleted.
 */
export function rootsFolder(root: string): string {
  return join(root, 'roots');
}

function noteRoot(root: string, link: string): void {
  const file = join(rootsFolder(root), `${sha256Hex(Buffer.from(link))}.json`);
  if (!existsSync(file)) keepRecording(file, link);
}
