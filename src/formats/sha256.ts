// SHA-256 of one text in one call. Evaluators hash texts of some kilobytes by the thousand, and setting up a hash that can
// be added to takes several times as long as hashing them.
import * as crypto from 'node:crypto';
import type { ByteString } from '../foundation/byte-string.ts';

const nonAscii = /[^\x00-\x7f]/;
/** Node 20.12 and later have it. */
const hashWhole: typeof crypto.hash | undefined = crypto.hash;

/** The SHA-256 of a byte string, as 32 bytes. */
export function sha256OfText(text: ByteString): Uint8Array {
  if (hashWhole === undefined) return crypto.createHash('sha256').update(text, 'latin1').digest();
  return hashWhole('sha256', hashable(text), 'buffer');
}

/** The SHA-256 of a byte string, in lower-case hexadecimal. */
export function sha256HexOfText(text: ByteString): string {
  if (hashWhole === undefined) return crypto.createHash('sha256').update(text, 'latin1').digest('hex');
  return hashWhole('sha256', hashable(text), 'hex');
}

/** A string is hashed as UTF-8, which is the same for ASCII only. */
function hashable(text: ByteString): string | Buffer {
  return nonAscii.test(text) ? Buffer.from(text, 'latin1') : text;
}
