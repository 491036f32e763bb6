// Runs a TypeScript program of the project: bundles it into a temporary file with esbuild, then executes it.
// Usage: node scripts/run-ts.mjs FILE.ts [ARG …]
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { build } from 'esbuild';

const [file, ...args] = process.argv.slice(2);
if (file === undefined) {
  console.error('usage: node scripts/run-ts.mjs FILE.ts [ARG …]');
  process.exit(2);
}
mkdirSync('node_modules/.cache', { recursive: true });
const directory = mkdtempSync('node_modules/.cache/run-');
try {
  const outfile = join(directory, `${basename(file, '.ts')}.mjs`);
  await build({
    entryPoints: [file],
    outfile,
    bundle: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    target: 'node20',
    sourcemap: 'inline',
    logLevel: 'warning',
    loader: { '.nix': 'text', '.scm': 'text', '.asc': 'text', '.sh': 'text', '.css': 'text', '.py': 'text' },
  });
  const run = spawnSync(process.execPath, ['--enable-source-maps', outfile, ...args], { stdio: 'inherit' });
  process.exitCode = run.status ?? 1;
} finally {
  rmSync(directory, { recursive: true, force: true });
}
