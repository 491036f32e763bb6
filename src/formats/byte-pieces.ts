// What archives are written from: pieces in memory and regions of files, gathered into chunks of one size, so that
// hashing and writing make few calls.
import { closeSync, openSync, readSync } from 'node:fs';
import { type ByteString, fromByteString } from '../foundation/byte-string.ts';
import { TrimaranError } from '../foundation/error.ts';
import type { Content } from '../foundation/file-tree.ts';

/** Small enough for a core's cache, large enough to make calls cheap. */
const chunkSize = 512 * 1024;
/** What the first chunk starts with: most trees that are hashed are a patch or a script, and end within it. */
const firstSize = 16 * 1024;

/** Files kept open while their regions are copied. */
const openFilesLimit = 32;

/** A part of an archive: bytes as they are, or a file's contents. */
export type Piece = ByteString | Uint8Array | Content;

/**
 * Chunks of half a megabyte, the last one smaller, reading regions of files synchronously. With `reuseBuffer` a chunk is
 * valid only until the next is asked for. Throws `archive/content-changed` when a region's file has become shorter, and
 * system errors.
 */
export function* gatherChunks(
  pieces: Iterable<Piece>,
  options: { readonly reuseBuffer?: boolean } = {},
): Generator<Buffer, void, undefined> {
  const files = new OpenFiles();
  let chunk = Buffer.allocUnsafeSlow(firstSize);
  let filled = 0;
  const startNext = () => {
    filled = 0;
    if (!options.reuseBuffer) chunk = Buffer.allocUnsafeSlow(chunkSize);
  };
  const makeRoom = (needed: number) => {
    if (filled + needed <= chunk.length || chunk.length === chunkSize) return;
    const whole = Buffer.allocUnsafeSlow(chunkSize);
    chunk.copy(whole, 0, 0, filled);
    chunk = whole;
  };
  try {
    for (const piece of pieces) {
      if (typeof piece === 'string' && filled + piece.length <= chunkSize) {
        makeRoom(piece.length);
        filled += chunk.write(piece, filled, 'latin1');
        continue;
      }
      if (typeof piece === 'object' && 'kind' in piece && piece.kind === 'region') {
        let { offset } = piece;
        const end = offset + piece.length;
        makeRoom(piece.length);
        while (offset < end) {
          if (filled === chunkSize) {
            yield chunk;
            startNext();
          }
          const length = Math.min(chunkSize - filled, end - offset);
          const read = readSync(files.open(piece.file), chunk, filled, length, offset);
          if (read === 0) throw contentChanged(piece.file);
          filled += read;
          offset += read;
        }
        continue;
      }
      const bytes =
        typeof piece === 'string' ? Buffer.from(piece, 'latin1') : 'kind' in piece ? piece.bytes : piece;
      makeRoom(bytes.length);
      for (let taken = 0; taken < bytes.length; ) {
        if (filled === chunkSize) {
          yield chunk;
          startNext();
        }
        const length = Math.min(chunkSize - filled, bytes.length - taken);
        chunk.set(length === bytes.length ? bytes : bytes.subarray(taken, taken + length), filled);
        filled += length;
        taken += length;
      }
    }
    if (filled > 0) yield chunk.subarray(0, filled);
  } finally {
    files.close();
  }
}

function contentChanged(file: string | Buffer): TrimaranError {
  const name = typeof file === 'string' ? file : fromByteString(file.toString('latin1'));
  return new TrimaranError({
    code: 'archive/content-changed',
    message: `${name} became shorter while it was copied`,
    hint: 'run the command again',
    exitCode: 4,
  });
}

/** Descriptors of the files that regions point into, the longest open closed first. */
class OpenFiles {
  readonly #descriptors = new Map<string | Buffer, number>();
  #lastFile: string | Buffer | undefined;
  #lastDescriptor = -1;

  open(file: string | Buffer): number {
    if (file === this.#lastFile) return this.#lastDescriptor;
    let descriptor = this.#descriptors.get(file);
    if (descriptor === undefined) {
      if (this.#descriptors.size >= openFilesLimit) {
        const [oldest, number] = this.#descriptors.entries().next().value!;
        this.#descriptors.delete(oldest);
        closeSync(number);
      }
      descriptor = openSync(file, 'r');
      this.#descriptors.set(file, descriptor);
    }
    this.#lastFile = file;
    this.#lastDescriptor = descriptor;
    return descriptor;
  }

  close(): void {
    for (const descriptor of this.#descriptors.values()) closeSync(descriptor);
    this.#descriptors.clear();
  }
}
