import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Digest,
  digestLength,
  digestOf,
  digestsEqual,
  type HashAlgorithm,
} from '../foundation/digest.ts';
import { isTrimaranError } from '../foundation/error.ts';
import { compressHash, type HashFormat, parseHash, writeHash, writePrefixedHash } from './hash-text.ts';
import { nixBase32Length, parseNixBase32, writeNixBase32 } from './nix-base32.ts';

const hasNix = spawnSync('nix-hash', ['--version']).status === 0;
const formats: HashFormat[] = ['base16', 'nix32', 'base64', 'sri'];
const digests: fc.Arbitrary<Digest> = fc
  .constantFrom<HashAlgorithm>('md5', 'sha1', 'sha256', 'sha512')
  .chain((algorithm) =>
    fc
      .uint8Array({ minLength: digestLength[algorithm], maxLength: digestLength[algorithm] })
      .map((bytes) => ({ algorithm, bytes })),
  );

describe('nix base 32', () => {
  it('reads back what it writes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70 }), (bytes) => {
        const text = writeNixBase32(bytes);
        expect(text.length).toBe(nixBase32Length(bytes.length));
        expect(parseNixBase32(text)).toEqual(bytes);
      }),
    );
  });

  it('reads any text as bytes that write the same, or as nothing', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...'0123456789abcdfgz', 'e', 'é'), maxLength: 12 }),
        (text) => {
          const bytes = parseNixBase32(text);
          if (bytes !== undefined) expect(writeNixBase32(bytes)).toBe(text);
        },
      ),
    );
    expect(parseNixBase32('e')).toBeUndefined();
    expect(parseNixBase32('zz')).toBeUndefined();
  });
});

describe('hash text', () => {
  it('knows the digests of nothing as Nix writes them', () => {
    const empty = (algorithm: HashAlgorithm) => digestOf(algorithm, '');
    expect(writeHash(empty('md5'), 'nix32')).toBe('3y8bwfr609h3lh9ch0izcqq7fl');
    expect(writeHash(empty('sha1'), 'nix32')).toBe('143xibwh31h9bvxzalr0sjvbbvpa6ffs');
    expect(writeHash(empty('sha256'), 'nix32')).toBe('0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73');
    expect(writeHash(empty('sha256'), 'sri')).toBe('sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=');
    expect(writePrefixedHash(empty('sha1'), 'base16')).toBe('sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709');
  });

  it('reads every form back, with and without the algorithm', () => {
    fc.assert(
      fc.property(digests, fc.constantFrom(...formats), (digest, format) => {
        const { algorithm } = digest;
        const text = writeHash(digest, format);
        expect(digestsEqual(parseHash(text, { algorithm }), digest)).toBe(true);
        const whole = format === 'sri' ? text : writePrefixedHash(digest, format);
        expect(digestsEqual(parseHash(whole), digest)).toBe(true);
      }),
    );
    expect(
      digestsEqual(parseHash('sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU'), digestOf('sha256', '')),
    ).toBe(true);
  });

  it.each([
    ['1234', {}, 'hash/missing-algorithm'],
    ['sha256:1234', {}, 'hash/malformed'],
    ['sha256-1234', {}, 'hash/malformed'],
    [`sha256:${'g'.repeat(64)}`, {}, 'hash/malformed'],
    [`sha256:${'e'.repeat(52)}`, {}, 'hash/malformed'],
    [`sha256:${'z'.repeat(52)}`, {}, 'hash/malformed'],
    ['sha3:1234', {}, 'hash/unknown-algorithm'],
    ['toString:1234', {}, 'hash/unknown-algorithm'],
    [`md5:${'0'.repeat(32)}`, { algorithm: 'sha1' }, 'hash/wrong-algorithm'],
  ] as const)('refuses %s', (text, options, code) => {
    expect(() => parseHash(text, options)).toThrow(expect.objectContaining({ code }));
  });

  it('meets random text with a digest or its own error', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.option(fc.constantFrom('sha256', 'md5'), { nil: undefined }),
        (text, algorithm) => {
          try {
            parseHash(text, { algorithm: algorithm as HashAlgorithm | undefined });
          } catch (error) {
            if (!isTrimaranError(error)) throw error;
          }
        },
      ),
    );
  });

  it('folds a hash', () => {
    expect(compressHash(Uint8Array.of(1, 2, 4, 8, 16), 2)).toEqual(Uint8Array.of(1 ^ 4 ^ 16, 2 ^ 8));
  });

  it.skipIf(!hasNix && !process.env.CI)('agrees with nix-hash (skipped without Nix)', () => {
    for (const algorithm of ['md5', 'sha1', 'sha256', 'sha512'] as const) {
      const digest = digestOf(algorithm, `trimaran ${algorithm}`);
      const convert = (flag: string, text: string) =>
        spawnSync('nix-hash', ['--type', algorithm, flag, text], { encoding: 'utf8' }).stdout.trim();
      expect(convert('--to-base32', writeHash(digest, 'base16'))).toBe(writeHash(digest, 'nix32'));
      expect(convert('--to-base16', writeHash(digest, 'nix32'))).toBe(writeHash(digest, 'base16'));
      expect(convert('--to-base16', writeHash(digest, 'base64'))).toBe(writeHash(digest, 'base16'));
    }
  });
});
