import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { caseFiles, compareFile } from './guile-compare.ts';
import { compareGenerated } from './guile-generated.ts';

const guile = spawnSync('guile', ['--version']).status === 0;
if (!guile && process.env['CI'] === 'true') throw new Error('CI needs guile-3.0 for the conformance cases');

describe.skipIf(!guile)('agreement with Guile (needs the guile command)', () => {
  // The numbers are left to `npm run conformance:guile`.
  it.each(caseFiles.filter((file) => file !== 'guile-numbers.scm'))(
    'on %s',
    (file) => {
      const results = compareFile(import.meta.dirname, file);
      expect(results.length).toBeGreaterThan(100);
      expect(results.filter(({ guile: theirs, ours }) => theirs !== ours)).toEqual([]);
    },
    120_000,
  );

  it('on random programs', () => {
    expect(compareGenerated({ count: 100, seed: 7 }).failures).toEqual([]);
  });
});
