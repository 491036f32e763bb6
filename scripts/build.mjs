// Bundles the command line, the library and the worker entries into dist/ with esbuild.
// Code is split so that a command loads only what it uses; start-up time is part of the product.
import { readFile, rename, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { build } from 'esbuild';
import { commandEntries, libraryEntries } from './entry-points.mjs';

/** Name exported by src/index.ts to the module it comes from. */
async function publicExports() {
  const text = await readFile('src/index.ts', 'utf8');
  const modules = new Map();
  for (const [, names, module] of text.matchAll(/export (?:type )?\{([^}]*)\} from '([^']+)'/g)) {
    for (const name of names.split(','))
      modules.set(name.replace(/^\s*type\s+/, '').trim(), resolve('src', module));
  }
  return modules;
}

/**
 * The command line imports everything from the public API, and a bundler would load all of that for any part of it.
 * So its imports are led to the modules that the names come from.
 */
const directImports = {
  name: 'direct-imports',
  async setup(bundle) {
    const modules = await publicExports();
    bundle.onLoad({ filter: /\/src\/cli\/[^/]+\.ts$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      const contents = text.replace(/import \{([^}]*)\} from '\.\.\/index\.ts';/g, (_, names) =>
        names
          .split(',')
          .map((name) => name.trim())
          .filter((name) => name !== '' && !name.startsWith('type '))
          .map((name) => {
            const module = modules.get(name.split(' ')[0]);
            if (module === undefined) throw new Error(`${path}: src/index.ts does not export ${name}`);
            return `import { ${name} } from ${JSON.stringify(module)};`;
          })
          .join(' '),
      );
      return { contents, loader: 'ts' };
    });
  },
};

// Made beside its place, so that a build that fails or is cut short leaves the old bundle.
const directory = `dist.tmp-${process.pid}`;
const former = `${directory}.old`;
const options = {
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
};
try {
  // Half of a short command's time is reading code, and short code is read sooner.
  await build({ ...options, entryPoints: commandEntries, plugins: [directImports], minify: true });
  await build({ ...options, entryPoints: libraryEntries });
  // Aside, not away: what runs from it meanwhile finds its parts for a moment longer.
  await rename('dist', former).catch(() => {});
  await rename(directory, 'dist');
} finally {
  await rm(directory, { recursive: true, force: true });
  await rm(former, { recursive: true, force: true });
}
