// Nix's own base 32: digits without e, o, t and u, the last byte's bits first, no padding.
// Source: the Nix reference manual, "Nix32 encoding" under protocols/store-path.
import type { ByteString } from '../foundation/byte-string.ts';

const digits = '0123456789abcdfghijklmnpqrsvwxyz';

const digitCodes = Uint8Array.from(digits, (digit) => digit.charCodeAt(0));

const digitValues = new Uint8Array(256).fill(255);
for (let i = 0; i < digits.length; i++) digitValues[digits.charCodeAt(i)] = i;

/** Digits that `byteLength` bytes take. */
export function nixBase32Length(byteLength: number): number {
  return Math.ceil((byteLength * 8) / 5);
}

/**
 * Bytes in Nix's base 32.
 *
 * @example
 * writeNixBase32(Uint8Array.of(0xff, 0x00)); // '007z'
 */
export function writeNixBase32(bytes: Uint8Array): ByteString {
  const length = nixBase32Length(bytes.length);
  const codes: number[] = new Array(length);
  for (let n = 0; n < length; n++) {
    const bit = (length - 1 - n) * 5;
    const index = bit >> 3;
    const pair = bytes[index]! | ((bytes[index + 1] ?? 0) << 8);
    codes[n] = digitCodes[(pair >> (bit & 7)) & 31]!;
  }
  return String.fromCharCode(...codes);
}

/** The bytes behind Nix's base 32, or undefined when a digit is wrong, or bits are left over that are not zero. */
export function parseNixBase32(text: ByteString): Uint8Array | undefined {
  const length = Math.floor((text.length * 5) / 8);
  const bytes = new Uint8Array(length + 1);
  for (let n = 0; n < text.length; n++) {
    const digit = digitValues[text.charCodeAt(text.length - 1 - n)];
    if (digit === undefined || digit === 255) return undefined;
    const bit = n * 5;
    const pair = digit << (bit & 7);
    bytes[bit >> 3]! |= pair & 255;
    if (pair > 255) {
      if ((bit >> 3) + 1 > length) return undefined;
      bytes[(bit >> 3) + 1]! |= pair >> 8;
    }
  }
  return bytes[length] === 0 && nixBase32Length(length) === text.length
    ? bytes.subarray(0, length)
    : undefined;
}
