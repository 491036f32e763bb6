// Temporary files of processes that were killed: named by `temporaryNameFor`, so that the owner's pid is known.
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { systemErrorCode } from '../foundation/error.ts';

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemErrorCode(error) !== 'ESRCH';
  }
}

/** Names in `directory` that start with `prefix` and are temporary files of processes that are no more. */
export async function leftoversIn(directory: string, prefix = ''): Promise<string[]> {
  let names: string[];
  try {
    names = await readdir(directory);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return [];
    throw error;
  }
  return names.filter((name) => {
    const pid = /\.tmp-(\d{1,10})-[0-9a-f]+$/.exec(name)?.[1];
    return pid !== undefined && name.startsWith(prefix) && !isAlive(Number(pid));
  });
}

/** Removes the temporary files that killed processes left in `directory`. */
export async function removeLeftovers(directory: string): Promise<void> {
  for (const name of await leftoversIn(directory)) await rm(join(directory, name), { force: true });
}
