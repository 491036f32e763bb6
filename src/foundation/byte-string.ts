// Byte strings: JavaScript strings in which each unit is one byte, 0 to 255. Nix strings, file names in archives
// and store texts are bytes, not text; kept this way they sort as Nix and Guix sort (by byte), keep invalid
// UTF-8 intact, and take one byte a character in V8. ASCII looks the same in both forms.

/** A string whose every unit is in 0…255. Convert at the edges with the functions below. */
export type ByteString = string;

const nonAscii = /[^\x00-\x7f]/;

/** Text (UTF-16) to the bytes of its UTF-8 form. Lone surrogates become U+FFFD. */
export function toByteString(text: string): ByteString {
  return nonAscii.test(text) ? Buffer.from(text, 'utf8').toString('latin1') : text;
}

/** Bytes back to text; invalid UTF-8 becomes U+FFFD, so use it for showing, not for storing. */
export function fromByteString(bytes: ByteString): string {
  return nonAscii.test(bytes) ? Buffer.from(bytes, 'latin1').toString('utf8') : bytes;
}

/** A byte string as a Buffer. */
export function byteStringToBuffer(bytes: ByteString): Buffer {
  return Buffer.from(bytes, 'latin1');
}

/** A Buffer or Uint8Array as a byte string. */
export function bufferToByteString(buffer: Uint8Array): ByteString {
  return Buffer.from(buffer.buffer, buffer.byteOffset, buffer.byteLength).toString('latin1');
}

/**
 * A byte string as something `node:fs` opens faithfully: plain text when it is ASCII, else a Buffer.
 */
export function toFilePath(bytes: ByteString): string | Buffer {
  return nonAscii.test(bytes) ? Buffer.from(bytes, 'latin1') : bytes;
}

/** Order of two byte strings by byte: negative, zero or positive. */
export function compareBytes(a: ByteString, b: ByteString): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
