// Bundles the command line, the library and the worker entries into dist/ with esbuild.
// Code is split so that a command loads only what it uses; start-up time is part of the product.
import { rename, rm } from 'node:fs/promises';
import { build } from 'esbuild';
import { entryPoints } from './entry-points.mjs';

// Made beside its place, so that a build that fails or is cut short leaves the old bundle.
const directory = `dist.tmp-${process.pid}`;
await build({
  entryPoints,
  outdir: directory,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  sourcemap: false,
  legalComments: 'none',
  logLevel: 'warning',
  loader: { '.nix': 'text', '.scm': 'text', '.asc': 'text', '.sh': 'text', '.css': 'text', '.py': 'text' },
  // Bundled CommonJS libraries call require(); ESM output has none of its own.
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module';const require = __createRequire(import.meta.url);",
  },
});
await rm('dist', { recursive: true, force: true });
await rename(directory, 'dist');
