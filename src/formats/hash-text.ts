// Hashes as Nix and Guix write them: base 16, Nix's base 32, base 64, with `algorithm:` before them or not, and SRI
// (`algorithm-base64`). Source: the Nix reference manual, `nix hash`; https://www.w3.org/TR/SRI/. BLAKE3 is left out.
import { type ByteString, fromByteString } from '../foundation/byte-string.ts';
import { type Digest, digestLength, type HashAlgorithm } from '../foundation/digest.ts';
import { TrimaranError } from '../foundation/error.ts';
import { nixBase32Length, parseNixBase32, writeNixBase32 } from './nix-base32.ts';

export type HashFormat = 'base16' | 'nix32' | 'base64' | 'sri';

/** The algorithm of that name. Throws `hash/unknown-algorithm`. */
export function parseHashAlgorithm(name: ByteString): HashAlgorithm {
  if (Object.hasOwn(digestLength, name)) return name as HashAlgorithm;
  throw new TrimaranError({
    code: 'hash/unknown-algorithm',
    message: `unknown hash algorithm '${fromByteString(name)}'`,
    hint: 'use md5, sha1, sha256 or sha512',
  });
}

/**
 * Reads a hash in any of the forms above; which one is told by prefix and length, as Nix tells it. `algorithm` is
 * needed when the text does not name one, and must agree when it does.
 *
 * Throws `hash/unknown-algorithm`, `hash/missing-algorithm`, `hash/wrong-algorithm`, `hash/malformed`.
 *
 * @example
 * parseHash('sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=').algorithm; // 'sha256'
 */
export function parseHash(
  text: ByteString,
  options: { readonly algorithm?: HashAlgorithm | undefined } = {},
): Digest {
  let separator = text.indexOf(':');
  const isSri = separator < 0 && text.includes('-');
  if (isSri) separator = text.indexOf('-');
  const named = separator < 0 ? undefined : parseHashAlgorithm(text.slice(0, separator));
  const algorithm = named ?? options.algorithm;
  if (algorithm === undefined) {
    throw new TrimaranError({
      code: 'hash/missing-algorithm',
      message: `hash '${fromByteString(text)}' does not include a type, nor is the type otherwise known from context`,
      hint: 'write it as `sha256:…` or `sha256-…`',
    });
  }
  if (options.algorithm !== undefined && algorithm !== options.algorithm) {
    throw new TrimaranError({
      code: 'hash/wrong-algorithm',
      message: `hash '${fromByteString(text)}' should have type '${options.algorithm}'`,
    });
  }
  const rest = text.slice(separator + 1);
  const bytes = isSri ? parseBase64(rest) : parseByLength(rest, algorithm);
  if (bytes === undefined || bytes.length !== digestLength[algorithm]) {
    throw new TrimaranError({
      code: 'hash/malformed',
      message: isHashLength(rest.length, algorithm)
        ? `hash '${fromByteString(text)}' has an invalid character`
        : `hash '${fromByteString(text)}' has wrong length for hash algorithm '${algorithm}'`,
      hint: `write the whole hash, as \`trimaran nix hash file --type ${algorithm} FILE\` prints it`,
    });
  }
  return { algorithm, bytes };
}

/** A digest in one form; only `sri` names its algorithm. */
export function writeHash(digest: Digest, format: HashFormat): ByteString {
  switch (format) {
    case 'base16':
      return bufferOf(digest).toString('hex');
    case 'nix32':
      return writeNixBase32(digest.bytes);
    case 'base64':
      return bufferOf(digest).toString('base64');
    case 'sri':
      return `${digest.algorithm}-${bufferOf(digest).toString('base64')}`;
  }
}

/** A digest as `algorithm:digits`, as store paths, narinfos and lock files of old have it. */
export function writePrefixedHash(digest: Digest, format: Exclude<HashFormat, 'sri'>): ByteString {
  return `${digest.algorithm}:${writeHash(digest, format)}`;
}

/** Bytes folded to `length` by exclusive or: how the hash in a store path is shortened. */
export function compressHash(bytes: Uint8Array, length: number): Uint8Array {
  const folded = new Uint8Array(length);
  for (let i = 0; i < bytes.length; i++) folded[i % length]! ^= bytes[i]!;
  return folded;
}

function bufferOf({ bytes }: Digest): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function base64Length(byteLength: number): number {
  return Math.ceil(byteLength / 3) * 4;
}

function isHashLength(length: number, algorithm: HashAlgorithm): boolean {
  const size = digestLength[algorithm];
  return length === size * 2 || length === nixBase32Length(size) || length === base64Length(size);
}

function parseByLength(text: ByteString, algorithm: HashAlgorithm): Uint8Array | undefined {
  const size = digestLength[algorithm];
  switch (text.length) {
    case size * 2:
      return /^[0-9a-fA-F]*$/.test(text) ? Buffer.from(text, 'hex') : undefined;
    case nixBase32Length(size):
      return parseNixBase32(text);
    case base64Length(size):
      return parseBase64(text);
    default:
      return undefined;
  }
}

/** Base 64 as Nix takes it: padding may be missing. */
function parseBase64(text: ByteString): Uint8Array | undefined {
  return /^[A-Za-z0-9+/]*={0,2}$/.test(text) ? Buffer.from(text, 'base64') : undefined;
}
