// Runs Guix's own test files as they are, from a checkout of Guix: each in a thread of its own, with Guix's real modules
// and test machinery loaded from there. What is not in a checkout comes from guile-guix-modules.ts.
import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { GuixTestResult } from './guile-guix-file.ts';

/** Files that need no daemon, no network and no programs of Guix. */
const pureTests = [
  'base16',
  'base32',
  'base64',
  'combinators',
  'sets',
  'glob',
  'records',
  'monads',
  'search-paths',
  'read-print',
  'cpio',
  'nar',
  'uuid',
  'cve',
];

/** What a thread is asked for. */
export type GuixTask =
  | { readonly checkout: string; readonly file: string }
  | { readonly checkout: string; readonly packageName: string };

/** Milliseconds that one file may take. */
const timeLimit = 300_000;

/** The checkout's root: `directory` may be that or its tests folder. */
function rootOf(directory: string): string | undefined {
  return [directory, dirname(directory), ...subfolders(directory)].find(
    (candidate) => existsSync(join(candidate, 'tests')) && existsSync(join(candidate, 'guix')),
  );
}

function subfolders(directory: string): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(directory, entry.name));
}

function runInThread<Result>(
  program: string,
  request: GuixTask,
  failed: (problem: string) => Result,
): Promise<Result> {
  return new Promise((settle) => {
    const worker = new Worker(program, {
      workerData: request,
      resourceLimits: { stackSizeMb: 256, maxOldGenerationSizeMb: 3500 },
      stdout: false,
    });
    let done = false;
    const finish = (result: Result) => {
      if (done) return;
      done = true;
      clearTimeout(timer);
      void worker.terminate();
      settle(result);
    };
    const timer = setTimeout(() => finish(failed(`not done after ${timeLimit / 1000} s`)), timeLimit);
    worker.on('message', (result: Result) => finish(result));
    worker.on('error', (error) => finish(failed(error.message)));
    worker.on('exit', (code) => finish(failed(`the thread ended with code ${code}`)));
  });
}

const notRun = (problem: string): GuixTestResult => ({
  passed: 0,
  failed: 0,
  skipped: 0,
  failures: [],
  problem,
});

/** Prints the derivations of packages, to be compared with `guix build -d --no-grafts`. Returns 1 without a checkout. */
export async function printDerivations(options: {
  readonly directory: string;
  readonly names: readonly string[];
  readonly program: string;
}): Promise<number> {
  const checkout = rootOf(resolve(options.directory));
  if (checkout === undefined) return noCheckout(options.directory);
  for (const name of options.names) {
    const made = await runInThread(options.program, { checkout, packageName: name }, (problem) => problem);
    console.log(`${name}: ${made}`);
  }
  return 0;
}

function noCheckout(directory: string): number {
  console.error(`${directory}: no checkout of Guix: it has no folders tests/ and guix/`);
  return 1;
}

/**
 * Runs test files of a checkout, `names` or those known to be pure, and prints `N passed, N failed` for each. A file
 * that cannot be loaded counts as one failure. Returns how many failed. `program` is the bundle that its threads run.
 */
export async function runGuixTests(options: {
  readonly directory: string;
  readonly names: readonly string[];
  readonly program: string;
}): Promise<number> {
  const checkout = rootOf(resolve(options.directory));
  if (checkout === undefined) return noCheckout(options.directory);
  const total = { passed: 0, failed: 0 };
  for (const given of options.names.length > 0 ? options.names : pureTests) {
    const name = basename(given, '.scm');
    const file = join(checkout, 'tests', `${name}.scm`);
    const start = performance.now();
    const result: GuixTestResult = existsSync(file)
      ? await runInThread(options.program, { checkout, file }, notRun)
      : notRun('no such test file');
    const failed = result.failed + (result.problem === undefined ? 0 : 1);
    total.passed += result.passed;
    total.failed += failed;
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    const skipped = result.skipped > 0 ? `, ${result.skipped} skipped` : '';
    console.log(`${name}: ${result.passed} passed, ${failed} failed${skipped} (${seconds} s)`);
    if (result.problem !== undefined) console.log(`  ${result.problem.replaceAll('\n', '\n  ')}`);
    for (const failure of result.failures) console.log(`  FAIL ${failure}`);
  }
  console.log(`${total.passed} passed, ${total.failed} failed`);
  return total.failed;
}
