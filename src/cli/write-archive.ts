// An image as a file that people name: it appears whole or not at all, and takes the place of files only.
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Image, isTrimaranError, TrimaranError, writeArchive } from '../index.ts';
import type { CommandContext } from './context.ts';

/** Writes the archive that `--output` names. Rejects with `cli/output` when something else is there, or none can be made. */
export async function writeOutput({ host }: CommandContext, image: Image, name: string): Promise<void> {
  const file = resolve(host.cwd, name);
  const refuse = (reason: string, cause?: unknown) =>
    new TrimaranError({
      code: 'cli/output',
      message: `cannot write ${file}: ${reason}`,
      hint: 'name a file where you may write: `-o FILE.tar`',
      cause,
      exitCode: 4,
    });
  try {
    const existing = statSync(file, { throwIfNoEntry: false });
    if (existing?.isDirectory() === true) throw refuse('it is a folder');
    // A file is renamed into its place, which would take a device away.
    if (existing?.isFile() === false) throw refuse('it is no file but a device or pipe');
    await writeArchive([image], file);
  } catch (error) {
    if (isTrimaranError(error)) throw error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const reason = {
      EACCES: 'you may not write there',
      EPERM: 'you may not write there',
      EROFS: 'its disk is read-only',
      ENOTDIR: 'a file is where its folder would be',
      EEXIST: 'a file is where its folder would be',
      ENAMETOOLONG: 'its name is too long',
      ENOSPC: 'no space is left',
      EDQUOT: 'no space is left',
    }[code];
    throw reason === undefined ? error : refuse(reason, error);
  }
}
