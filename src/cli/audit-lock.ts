// The lock that `trimaran audit --lock` names; loaded only for that.
import { readLockFile, TrimaranError } from '../index.ts';

/** Reads it. Throws `cli/no-lock` and `lock/…`. */
export function lockAt(file: string) {
  const lock = readLockFile(file);
  if (lock !== undefined) return lock;
  throw new TrimaranError({
    code: 'cli/no-lock',
    message: `there is no lock ${file}`,
    hint: 'write one with `trimaran lock`, or leave --lock out',
    exitCode: 2,
  });
}
