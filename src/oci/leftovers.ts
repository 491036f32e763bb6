// Temporary files of processes that were killed: named by `temporaryNameFor`, so that the owner's pid is known.
import { readdirSync, rmSync } from 'node:fs';
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
export function leftoversIn(directory: string, prefix = ''): string[] {
  let names: string[];
  try {
    names = readdirSync(directory);
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
export function removeLeftovers(directory: string): void {
  for (const name of leftoversIn(directory)) rmSync(join(directory, name), { force: true });
}
