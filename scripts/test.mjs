// `npm test`: sets up, runs every test, and closes with a line that counts them.
// A test whose tool is missing on this machine is skipped with its reason; with CI=true nothing may be skipped.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureBuild, ensureDependencies, root } from './set-up.mjs';

ensureDependencies();
ensureBuild();
const debianCache = fetchPackages();
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
  {
    cwd: root,
    stdio: 'inherit',
    env: {
      ...process.env,
      ...(debianCache === undefined ? {} : { TRIMARAN_TEST_DEBIAN_CACHE: debianCache }),
    },
  },
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

/**
 * Fetches the packages that the example's recipes install, once, so that tests find them without talking to anybody. Gives
 * the folder they are in, or undefined where no mirror can be reached.
 */
function fetchPackages() {
  const cache = join(root, 'node_modules/.cache/trimaran-test');
  const host = process.env.TRIMARAN_TEST_DOCKER_HOST;
  const trimaran = (...args) =>
    spawnSync(process.execPath, [join(root, 'bin/trimaran'), ...args], {
      cwd: join(root, 'examples/areas'),
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, XDG_CACHE_HOME: cache, ...(host === undefined ? {} : { DOCKER_HOST: host }) },
    }).status === 0;
  const folder = join(cache, 'trimaran/debian');
  if (!trimaran('nix', 'build', '--no-link', 'path:.#docker', 'path:.#db')) {
    console.error('The packages of the example cannot be fetched; tests that need them are skipped.');
    return undefined;
  }
  // All names of Python distributions, which only recipes ask for that misspell one or have no lock.
  const names = `(builtins.getFlake "path:${root}/examples/areas").inputs.nixpkgs.legacyPackages.\${builtins.currentSystem}.python3Packages`;
  if (!trimaran('nix', 'eval', '--impure', '--expr', `builtins.length (builtins.attrNames ${names})`))
    return undefined;
  // What apt asks for inside a build is known only by building.
  if (host !== undefined && !existsSync(join(folder, 'apt'))) {
    console.error('Fetching what the example’s Dockerfiles install …');
    const bases = ['debian:bookworm', 'debian:bookworm-slim'].every((name) =>
      trimaran('base', name, '-o', join(cache, 'base.tar')),
    );
    const recipe = ['--recipe', 'dockerfile', '--engine', 'docker', '--no-cache', '--no-load'];
    if (!bases || !trimaran('build', ...recipe)) {
      console.error('Those cannot be fetched; tests that build Dockerfiles are skipped.');
      rmSync(join(folder, 'apt'), { recursive: true, force: true });
    }
  }
  return folder;
}
