// Where the bundled worker threads are.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TrimaranError } from '../../foundation/error.ts';

/** A bundled worker: beside the bundle, or in dist/ when run from sources. Throws `guix/not-built`. */
export function workerFile(name: string): URL {
  const beside = new URL(`./${name}.js`, import.meta.url);
  if (existsSync(fileURLToPath(beside))) return beside;
  const built = join(import.meta.dirname, `../../../dist/${name}.js`);
  if (existsSync(built)) return new URL(`file://${built}`);
  throw new TrimaranError({
    code: 'guix/not-built',
    message: 'the evaluator is not built',
    hint: 'run `npm run build`',
    exitCode: 4,
  });
}
