// Where the bundles of worker threads are.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { TrimaranError } from './error.ts';

/**
 * The file to start the worker thread `name` from: beside the running bundle, or in dist/ when run from sources.
 * Throws `cli/not-built` when there is none.
 */
export function bundledWorker(name: string): string {
  const here = import.meta.dirname;
  const file = [join(here, `${name}.cjs`), join(here, '../../dist', `${name}.cjs`)].find(existsSync);
  if (file !== undefined) return file;
  throw new TrimaranError({
    code: 'cli/not-built',
    message: `dist/${name}.cjs is missing`,
    hint: 'run `npm run build`',
    exitCode: 4,
  });
}
