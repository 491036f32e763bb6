// `npm test`: sets up, runs every test, and closes with a line that counts them.
// A test whose tool is missing on this machine is skipped with its reason; with CI=true nothing may be skipped.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureBuild, ensureDependencies, root } from './set-up.mjs';

ensureDependencies();
ensureBuild();
const directory = mkdtempSync(join(tmpdir(), 'trimaran-test-'));
const report = join(directory, 'report.json');
const vitest = spawnSync(
  process.execPath,
  [
    'node_modules/vitest/vitest.mjs',
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile=${report}`,
    ...process.argv.slice(2),
  ],
  { cwd: root, stdio: 'inherit' },
);
let failed = 1;
let passed = 0;
let skipped = 0;
let broken = 0;
try {
  const result = JSON.parse(readFileSync(report, 'utf8'));
  passed = result.numPassedTests;
  failed = result.numFailedTests;
  skipped = result.numPendingTests + result.numTodoTests;
  // A file that cannot be loaded fails without a test that does.
  broken = result.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  ).length;
} catch {
  console.error('error: the test runner left no report');
} finally {
  rmSync(directory, { recursive: true, force: true });
}
const forbidden = process.env.CI === 'true' && skipped > 0;
if (forbidden) console.error('error: tests were skipped, and in CI none may be');
console.log(`${passed} passed, ${failed + broken} failed, ${skipped} skipped`);
process.exit(vitest.status === 0 && failed + broken === 0 && !forbidden ? 0 : 1);
