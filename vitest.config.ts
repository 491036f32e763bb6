import { readFileSync } from 'node:fs';
import { defineConfig } from 'vitest/config';

/** The bundle imports these as text (see scripts/build.mjs); tests must see the same. */
const textFiles = /\.(nix|scm|asc|sh|css|py)$/;

const asText = {
  name: 'text-files',
  enforce: 'pre' as const,
  load(id: string) {
    return textFiles.test(id) ? `export default ${JSON.stringify(readFileSync(id, 'utf8'))};` : undefined;
  },
};

const common = { testTimeout: 60_000, hookTimeout: 120_000, pool: 'forks' as const, maxConcurrency: 3 };

export default defineConfig({
  test: {
    projects: [
      {
        plugins: [asText],
        test: {
          ...common,
          name: 'unit',
          include: ['src/**/*.test.ts', 'test/*.test.ts', 'test/{conformance,golden,fuzz}/**/*.test.ts'],
          sequence: { groupOrder: 0 },
        },
      },
      {
        plugins: [asText],
        test: {
          ...common,
          name: 'end-to-end',
          include: ['test/end-to-end/**/*.test.ts'],
          // They share the machine's ports and its engine.
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
