import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isTrimaranError } from '../foundation/error.ts';
import { bzip2Blocks } from './bzip2.ts';

const hasBzip2 = spawnSync('bzip2', ['--help']).status === 0;
const decode = (data: Uint8Array) => Buffer.concat([...bzip2Blocks(data)]);
const bzip2 = (data: Uint8Array, level: number) =>
  execFileSync('bzip2', ['-c', `-${level}`], { input: data, maxBuffer: 1 << 26 });

describe.skipIf(!hasBzip2 && !process.env.CI)('bzip2 (skipped without the bzip2 program)', () => {
  it('decodes what bzip2 writes', () => {
    const random = Buffer.concat(
      Array.from({ length: 20_000 }, (_, i) => createHash('sha256').update(`${i}`).digest()),
    );
    const words = Buffer.from(Array.from({ length: 60_000 }, (_, i) => `word ${i % 997} `).join(''));
    const runs = Buffer.concat(
      [3, 4, 5, 6, 258, 259, 260, 1000, 1_000_000].map((n) => Buffer.alloc(n, n % 251)),
    );
    for (const plain of [random, words, runs, Buffer.from('a'), Buffer.alloc(4), Buffer.alloc(255)]) {
      for (const level of [1, 9]) expect(decode(bzip2(plain, level)).equals(plain)).toBe(true);
    }
  });

  it('round-trips through bzip2', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(3), fc.integer({ min: 1, max: 600 }))), (runs) => {
        const plain = Buffer.concat(runs.map(([byte, length]) => Buffer.alloc(length, byte)));
        expect(decode(bzip2(plain, 1)).equals(plain)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it('finds damage', () => {
    const plain = Buffer.from('some text that is compressed, some text that is not');
    const small = bzip2(plain, 9);
    let found = 0;
    fc.assert(
      fc.property(fc.nat(small.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const copy = Buffer.from(small);
        copy[at]! ^= change;
        try {
          // Bits that nothing uses may change (the level, codes of unused tables), but not what comes out.
          expect(decode(copy).equals(plain)).toBe(true);
        } catch (error) {
          if (!isTrimaranError(error, 'bzip2/damaged')) throw error;
          found++;
        }
      }),
      { numRuns: 1000 },
    );
    expect(found).toBeGreaterThan(700);
  });
});
