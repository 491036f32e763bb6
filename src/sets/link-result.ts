// The link that a build leaves beside the recipe, pointing to what it made.
import { lstatSync, readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { temporaryNameFor } from '../foundation/atomic-file.ts';
import { systemErrorCode, TrimaranError } from '../foundation/error.ts';

/**
 * Makes a symbolic link to a result, or points one that is there at it. Throws `result/link-exists` when something else
 * than a link is in the way, `result/link-not-writable`.
 */
export function linkResult(link: string, target: string): void {
  try {
    if (!lstatSync(link).isSymbolicLink()) {
      throw new TrimaranError({
        code: 'result/link-exists',
        message: `cannot make the link ${link}: something else is there`,
        hint: 'move it away, or choose another name',
        exitCode: 4,
      });
    }
    if (readlinkSync(link) === target) return;
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
  }
  const temporary = temporaryNameFor(link);
  try {
    symlinkSync(target, temporary);
    renameSync(temporary, link);
  } catch (cause) {
    rmSync(temporary, { force: true });
    throw new TrimaranError({
      code: 'result/link-not-writable',
      message: `cannot make the link ${link}`,
      hint: 'run the command where you may write',
      cause,
      exitCode: 4,
    });
  }
}
