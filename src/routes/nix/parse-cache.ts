// Parsed Nix files kept between runs, by the hash of their text: one file each, which appear whole.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeCacheFile } from '../../foundation/atomic-file.ts';
import { systemErrorCode } from '../../foundation/error.ts';
import type { ParseCache } from '../../languages/nix/host.ts';
import type { KnownFiles } from './known-files.ts';

/** A {@link ParseCache} in a folder, which is made when something is first put there. */
export function createParseCache(directory: string, known?: KnownFiles): ParseCache {
  return {
    ...(known === undefined ? {} : { byState: known }),
    get(key) {
      try {
        return readFileSync(join(directory, key));
      } catch (error) {
        if (systemErrorCode(error) === 'ENOENT') return undefined;
        throw error;
      }
    },
    put(key, program) {
      try {
        writeCacheFile(join(directory, key), program);
      } catch (error) {
        // A cache that cannot be written to costs time, not the result.
        if (systemErrorCode(error) === undefined) throw error;
      }
    },
  };
}
