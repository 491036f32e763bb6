// Cryptographic digests as values: algorithm and bytes. Encodings that belong to a format
// (nix-base32, SRI as Nix reads it) live in formats/.
import { createHash, type Hash } from 'node:crypto';
import { type ByteString, byteStringToBuffer } from './byte-string.ts';

export type HashAlgorithm = 'md5' | 'sha1' | 'sha256' | 'sha512';

/** Length of each algorithm's digest, in bytes. */
export const digestLength: Readonly<Record<HashAlgorithm, number>> = {
  md5: 16,
  sha1: 20,
  sha256: 32,
  sha512: 64,
};

export interface Digest {
  readonly algorithm: HashAlgorithm;
  readonly bytes: Uint8Array;
}

/** Digest of a byte string or of bytes. */
export function digestOf(algorithm: HashAlgorithm, data: ByteString | Uint8Array): Digest {
  const bytes = typeof data === 'string' ? byteStringToBuffer(data) : data;
  return { algorithm, bytes: createHash(algorithm).update(bytes).digest() };
}

/** Lower-case hexadecimal SHA-256 of a byte string or of bytes. */
export function sha256Hex(data: ByteString | Uint8Array): string {
  return createHash('sha256')
    .update(typeof data === 'string' ? byteStringToBuffer(data) : data)
    .digest('hex');
}

/** An incremental hash; `update` it with chunks, then `digest`. */
export function startHash(algorithm: HashAlgorithm): Hash {
  return createHash(algorithm);
}

/** Lower-case hexadecimal of a digest's bytes. */
export function digestToHex(digest: Digest): string {
  return Buffer.from(digest.bytes).toString('hex');
}

/** Whether two digests have one algorithm and the same bytes. */
export function digestsEqual(a: Digest, b: Digest): boolean {
  return a.algorithm === b.algorithm && Buffer.compare(a.bytes, b.bytes) === 0;
}
