// What sets of packages resolved to, kept between runs: an index is known by its content, so its answers do not change.
import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { writeCacheFile } from '../../foundation/atomic-file.ts';
import { sha256Hex } from '../../foundation/digest.ts';
import { systemErrorCode } from '../../foundation/error.ts';

/** Raised whenever the resolver may answer otherwise. */
const resolverFormat = 4;

export interface ResolutionCache {
  /** Names of the packages that these names resolved to, in order; undefined when that is not known. */
  get(names: readonly string[]): readonly string[] | undefined;
  put(names: readonly string[], packages: readonly string[]): void;
}

/** The cache beside an index's table, whose file name says what it holds. */
export function resolutionCache(indexFile: string): ResolutionCache {
  const directory = join(dirname(dirname(indexFile)), 'resolutions');
  const fileOf = (names: readonly string[]) =>
    join(
      directory,
      `${sha256Hex(Buffer.from(JSON.stringify([resolverFormat, basename(indexFile), names])))}.json`,
    );
  return {
    get(names) {
      try {
        return JSON.parse(readFileSync(fileOf(names), 'utf8')) as readonly string[];
      } catch {
        // Not there, or damaged: resolved anew.
        return undefined;
      }
    },
    put(names, packages) {
      try {
        writeCacheFile(fileOf(names), JSON.stringify(packages));
      } catch (error) {
        // A cache that cannot be written to costs time, not the result.
        if (systemErrorCode(error) === undefined) throw error;
      }
    },
  };
}
