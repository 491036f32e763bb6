// When something of the cache was last used, as the time of its file: what nobody has used for long may go.
import { statSync, utimesSync } from 'node:fs';
import { systemErrorCode } from '../foundation/error.ts';

/** Milliseconds. Times are not set anew more often than this, so a time that is older by more means a file that is not used. */
export const useResolution = 10 * 60 * 1000;

/** Milliseconds since 1970; undefined when there is no such file. */
export function lastUse(file: string): number | undefined {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs;
}

/** Says that the file, which need not be there, is being used. In a cache that cannot be written to nothing happens. */
export function noteUse(file: string): void {
  const last = lastUse(file);
  const now = Date.now();
  if (last === undefined || now - last < useResolution) return;
  try {
    utimesSync(file, now / 1000, now / 1000);
  } catch (error) {
    if (systemErrorCode(error) === undefined) throw error;
  }
}
