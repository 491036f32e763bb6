import { readFileSync } from 'node:fs';
import { defineConfig } from 'vitest/config';

/** The bundle imports these as text (see scripts/build.mjs); tests must see the same. */
const textFiles = /\.(nix|scm|asc|sh|css|py)$/;

export default defineConfig({
  plugins: [
    {
      name: 'text-files',
      enforce: 'pre',
      load(id) {
        return textFiles.test(id) ? `export default ${JSON.stringify(readFileSync(id, 'utf8'))};` : undefined;
      },
    },
  ],
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    pool: 'forks',
  },
});
