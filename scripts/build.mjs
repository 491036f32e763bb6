// Bundles the command line, the worker entries and the library into dist/ with esbuild. Of the first two each is one
// bundle and a launcher, which keeps byte code between runs (src/cli/launch.ts); start-up time is part of the product.
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
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
  bundle: true,
  platform: 'node',
  target: 'node20',
  sourcemap: false,
  legalComments: 'none',
  logLevel: 'warning',
  loader: { '.nix': 'text', '.scm': 'text', '.asc': 'text', '.sh': 'text', '.css': 'text', '.py': 'text' },
};
const commonJs = {
  ...options,
  format: 'cjs',
  minify: true,
  define: { 'import.meta.dirname': '__dirname', 'import.meta.url': '__fileUrl' },
  logOverride: { 'empty-import-meta': 'error' },
  plugins: [directImports],
};

/** One program as a function of what Node gives a CommonJS module, and the launcher that calls it. */
async function buildProgram(name, entry) {
  const { outputFiles } = await build({
    ...commonJs,
    entryPoints: [entry],
    write: false,
    banner: {
      js: "(function(exports,require,module,__filename,__dirname){const __fileUrl=require('node:url').pathToFileURL(__filename).href;",
    },
    footer: { js: '})' },
  });
  const [{ contents }] = outputFiles;
  const hash = createHash('sha256').update(contents).digest('hex').slice(0, 16);
  await writeFile(join(directory, `${name}.bundle.cjs`), contents);
  await build({
    ...commonJs,
    entryPoints: ['src/cli/launch.ts'],
    outfile: join(directory, `${name}.cjs`),
    define: { ...commonJs.define, bundle: JSON.stringify({ name, hash }) },
  });
}

try {
  await mkdir(directory, { recursive: true });
  await Promise.all(Object.entries(commandEntries).map((program) => buildProgram(...program)));
  await build({
    ...options,
    format: 'esm',
    entryPoints: libraryEntries,
    outdir: directory,
    // Bundled CommonJS libraries call require(); ESM output has none of its own.
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module';const require = __createRequire(import.meta.url);",
    },
  });
  // Aside, not away: what runs from it meanwhile finds its parts for a moment longer.
  await rename('dist', former).catch(() => {});
  await rename(directory, 'dist');
} finally {
  await rm(directory, { recursive: true, force: true });
  await rm(former, { recursive: true, force: true });
}
