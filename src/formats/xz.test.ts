import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isTrimaranError } from '../foundation/error.ts';
import { XzDecoder } from './xz.ts';

const hasXz = spawnSync('xz', ['--version']).status === 0;
const decoder = new XzDecoder();
const tooLarge = () => new Error('too large');
const decode = (data: Uint8Array, limit = 1 << 27) => decoder.decode(data, { limit, tooLarge });
const xz = (data: Uint8Array, ...args: string[]) =>
  execFileSync('xz', ['-c', ...args], { input: data, maxBuffer: 1 << 27 });

/** Bytes that repeat themselves now and then, the same in every run. */
function mixture(size: number, seed: string): Buffer {
  const parts: Buffer[] = [];
  let length = 0;
  let digest = createHash('sha256').update(seed).digest();
  while (length < size) {
    digest = createHash('sha256').update(digest).digest();
    const from = parts[digest[1]! % Math.max(1, parts.length)];
    const part =
      digest[0]! < 90 || from === undefined
        ? digest.subarray(0, 1 + (digest[2]! % 32))
        : digest[0]! < 120
          ? Buffer.alloc(digest[3]! * 3, digest[4])
          : digest[0]! < 200
            ? from
            : Buffer.from(`${digest[2]! * 1000} lines of text, of which some are alike\n`);
    parts.push(part);
    length += part.length;
  }
  return Buffer.concat(parts).subarray(0, size);
}

describe.skipIf(!hasXz && !process.env.CI)('xz (skipped without the xz program)', () => {
  const data = mixture(600_000, 'a');
  const executable = Buffer.concat([
    execFileSync('cat', [process.execPath], { maxBuffer: 1 << 28 }).subarray(0, 1 << 20),
  ]);

  it.each([
    ['-0'],
    ['-6'],
    ['-9e'],
    ['--check=none'],
    ['--check=crc32'],
    ['--check=sha256'],
    ['--block-size=100000'],
    ['--lzma2=preset=6,lc=0,lp=0,pb=0'],
    ['--lzma2=preset=6,lc=0,lp=4,pb=4'],
    ['--lzma2=preset=6,lc=4,lp=0,pb=1'],
    ['--lzma2=preset=6,lc=1,lp=3,pb=3'],
    ['--lzma2=preset=1,dict=4KiB,nice=273'],
    ['--lzma2=preset=1,dict=98304'],
    ['-T2', '--block-size=65536'],
  ])('decodes what `xz %s %s` writes', (...args) => {
    const options = args.filter((arg) => arg !== undefined);
    for (const plain of [data, executable]) {
      expect(decode(xz(plain, ...options)).equals(plain)).toBe(true);
    }
  });

  it('decodes data that does not compress, and long runs', () => {
    const random = Buffer.concat(
      Array.from({ length: 30_000 }, (_, i) => createHash('sha256').update(`${i}`).digest()),
    );
    const runs = Buffer.concat([
      random.subarray(0, 70_000),
      Buffer.alloc(5_000_000),
      random,
      Buffer.alloc(9, 'ab'),
    ]);
    for (const plain of [random, runs]) expect(decode(xz(plain)).equals(plain)).toBe(true);
  });

  it('keeps its dictionary over more than its window', () => {
    const block = mixture(700_000, 'b');
    const plain = Buffer.concat(
      Array.from({ length: 40 }, (_, i) => Buffer.concat([Buffer.from(`part ${i}`), block])),
    );
    expect(decode(xz(plain, '--lzma2=preset=1,dict=1MiB')).equals(plain)).toBe(true);
    expect(decode(xz(plain, '-1')).equals(plain)).toBe(true);
  });

  it('round-trips through xz', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 })), fc.nat(9), (parts, level) => {
        const plain = Buffer.concat([...parts, ...parts.slice(0, 3), ...parts]);
        expect(decode(xz(plain, `-${level}`)).equals(plain)).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  it('reads streams one after another, with padding', () => {
    const parts = [
      xz(data),
      xz(Buffer.alloc(0)),
      Buffer.alloc(8),
      xz(executable, '--check=crc32'),
      Buffer.alloc(4),
    ];
    expect(decode(Buffer.concat(parts)).equals(Buffer.concat([data, executable]))).toBe(true);
    expect(() => decode(Buffer.concat([xz(data), Buffer.alloc(3)]))).toThrow(
      expect.objectContaining({ code: 'xz/damaged' }),
    );
  });

  it('refuses filters by name, and sizes beyond the limit', () => {
    expect(() => decode(xz(executable, '--x86', '--lzma2'))).toThrow(
      expect.objectContaining({ code: 'xz/unsupported', message: expect.stringContaining('filter') }),
    );
    expect(() => decode(xz(data), data.length - 1)).toThrow('too large');
    expect(decode(xz(data), data.length).length).toBe(data.length);
  });

  it('finds every changed byte', () => {
    const small = xz(data.subarray(0, 3000));
    for (let at = 0; at < small.length; at++) {
      const copy = Buffer.from(small);
      copy[at]! ^= 1 << (at % 8);
      expect(() => decode(copy), `byte ${at}`).toThrow(
        expect.objectContaining({ code: expect.stringMatching(/^xz\/(damaged|unsupported)$/) }),
      );
    }
  });

  it('stays within its memory whatever a chunk says', () => {
    const large = xz(data.subarray(0, 200_000), '--check=none');
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(large.length - 100), fc.nat(255)), { minLength: 1 }),
        (changes) => {
          const copy = Buffer.from(large);
          for (const [at, value] of changes) copy[24 + at] = value;
          try {
            decode(copy);
          } catch (error) {
            if (!isTrimaranError(error)) throw error;
          }
        },
      ),
      { numRuns: 500 },
    );
    expect(decode(large).equals(data.subarray(0, 200_000))).toBe(true);
  });
});
