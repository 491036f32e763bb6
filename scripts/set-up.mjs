// What every script of a fresh clone needs first: dependencies as the lock file pins them, and the bundle.
// Uses Node.js alone, since nothing is installed yet when it runs.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

export const root = resolve(import.meta.dirname, '..');

/** Runs a command in the project's folder, its output shown; ends this process when it fails. */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options });
  if (result.error !== undefined) {
    console.error(`error: cannot run ${command}: ${result.error.message}`);
    process.exit(4);
  }
  if (result.status !== 0) process.exit(result.status ?? 1);
}

function digest(files) {
  const hash = createHash('sha256');
  for (const file of files.toSorted()) hash.update(`${file}\0`).update(readFileSync(join(root, file)));
  return hash.digest('hex');
}

function recorded(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

/** Installs the dependencies unless those of this very package-lock.json are installed. */
export function ensureDependencies() {
  const stamp = join(root, 'node_modules/.trimaran-lock');
  const wanted = digest(['package-lock.json']);
  if (recorded(stamp) === wanted) return;
  console.error('Installing dependencies …');
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
  writeFileSync(stamp, wanted);
}

/** Bundles dist/ unless it was made from these very sources. */
export function ensureBuild() {
  const sources = readdirSync(join(root, 'src'), { recursive: true })
    .map((file) => join('src', file))
    .filter((file) => !file.endsWith('.test.ts') && statSync(join(root, file)).isFile());
  const stamp = join(root, 'dist/.sources');
  const wanted = digest([...sources, 'scripts/build.mjs', 'scripts/entry-points.mjs', 'package-lock.json']);
  if (recorded(stamp) === wanted) return;
  console.error('Building …');
  run(process.execPath, ['scripts/build.mjs']);
  writeFileSync(stamp, wanted);
}
