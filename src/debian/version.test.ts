import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareVersions, versionSatisfies } from './version.ts';

/** Ascending; neighbours marked with = are equal. */
const ordered = [
  '0~~',
  '0~~a',
  '0~',
  '0',
  '0a',
  '0+',
  '0.1',
  '1.0~beta1~svn1245-1',
  '1.0~beta1-1',
  '1.0~rc1-1',
  '1.0-1',
  '1.0-1+b1',
  '1.0-1+deb12u1',
  '1.0-2',
  '1.0-10',
  '1.0a-1',
  '1.0+dfsg-1',
  '1.0.1-1',
  '1.10-1',
  '9999999999999999999999-1',
  '10000000000000000000000-1',
  '1:0',
  '2:0~',
];

const dpkg = spawnSync('dpkg', ['--version']).status === 0;

describe('compareVersions', () => {
  it('orders a list that Policy and practice agree on', () => {
    for (let i = 0; i < ordered.length; i++) {
      for (let j = 0; j < ordered.length; j++) {
        expect(Math.sign(compareVersions(ordered[i]!, ordered[j]!))).toBe(Math.sign(i - j));
      }
    }
  });

  it('takes leading zeros, a missing epoch and a zero revision for nothing', () => {
    expect(compareVersions('1.01-1', '1.1-01')).toBe(0);
    expect(compareVersions('0:1.0', '1.0')).toBe(0);
    expect(compareVersions('1.0', '1.0-0')).toBe(0);
  });

  it('is antisymmetric for arbitrary text', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (a, b) => {
        expect(Math.sign(compareVersions(a, b))).toBe(0 - Math.sign(compareVersions(b, a)));
      }),
    );
  });

  it('knows the operators of relationships', () => {
    expect(versionSatisfies('2.36-9', '>=', '2.34')).toBe(true);
    expect(versionSatisfies('2.36-9', '<<', '2.36-9')).toBe(false);
    expect(versionSatisfies('2.36-9', '<=', '2.36-9')).toBe(true);
    expect(versionSatisfies('2.36-9', '=', '2.36-9')).toBe(true);
    expect(versionSatisfies('2.36-9+b1', '>>', '2.36-9')).toBe(true);
  });

  it.skipIf(!dpkg)('agrees with dpkg --compare-versions (skipped where dpkg is missing)', () => {
    const part = fc.stringMatching(/^[0-9][0-9a-zA-Z.+~]{0,6}$/);
    const version = fc
      .tuple(fc.option(fc.nat(3)), part, fc.option(fc.stringMatching(/^[0-9a-z.+~]{1,4}$/)))
      .map(([epoch, upstream, revision]) =>
        [epoch === null ? '' : `${epoch}:`, upstream, revision === null ? '' : `-${revision}`].join(''),
      );
    const pairs = fc.sample(fc.tuple(version, version), { numRuns: 400, seed: 7 });
    // One shell for all pairs: a process for each would take minutes.
    const script =
      'while read -r a b; do dpkg --compare-versions "$a" lt "$b" && echo -1 || { dpkg --compare-versions "$a" eq "$b" && echo 0 || echo 1; }; done';
    const run = spawnSync('sh', ['-c', script], {
      input: pairs.map((pair) => `${pair.join(' ')}\n`).join(''),
    });
    const expected = run.stdout.toString().trim().split('\n').map(Number);
    expect(pairs.map(([a, b]) => Math.sign(compareVersions(a, b)))).toEqual(expected);
  });
});
