// SHA-256 of one text in one call. Evaluators hash texts of some kilobytes by the thousand, and setting up a hash that can
// be added to takes several times as long as hashing them.
import * as crypto from 'node:crypto';
import type { ByteString } from '../foundation/byte-string.ts';

type HashWhole = typeof crypto.hash;

const nonAscii = /[^\x00-\x7f]/;
/** Looked up when first needed: reading the library is a good part of a short command. */
let hashWhole: HashWhole | undefined;

/** The SHA-256 of a byte string, as 32 bytes. */
export function sha256OfText(text: ByteString): Uint8Array {
  hashWhole ??= findHashWhole();
  return hashWhole('sha256', hashable(text), 'buffer');
}

/** The SHA-256 of a byte string, in lower-case hexadecimal. */
export function sha256HexOfText(text: ByteString): string {
  hashWhole ??= findHashWhole();
  return hashWhole('sha256', hashable(text), 'hex');
}

/** Node 20.12 and later have it. */
function findHashWhole(): HashWhole {
  const { hash } = crypto;
  if (hash !== undefined) return hash;
  return ((algorithm: string, data: string | Buffer, form: 'hex' | 'buffer') => {
    const given = crypto.createHash(algorithm).update(data);
    return form === 'hex' ? given.digest('hex') : given.digest();
  }) as HashWhole;
}

/** A string is hashed as UTF-8, which is the same for ASCII only. */
function hashable(text: ByteString): string | Buffer {
  return nonAscii.test(text) ? Buffer.from(text, 'latin1') : text;
}
