// Reading and copying bytes that are described as data (foundation's Content): the engine below archives, layers and
// uploads. Everything goes through large buffers, so that thousands of small pieces cost few system calls.
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { startHash } from '../foundation/digest.ts';
import { TrimaranError } from '../foundation/error.ts';
import { type Content, contentLength } from '../foundation/file-tree.ts';
import type { Sha256Digest } from './descriptor.ts';

/** Fits the second-level cache: measured faster than both 64 KiB and 8 MiB for copies within the page cache. */
const bufferSize = 1 << 20;

/** Regions from this size on are read in the thread pool; its round trips cost more than smaller ones do. */
const asynchronousFrom = 256 << 10;

/** Bytes hashed before other work gets its turn. */
const hashTurn = 16 << 20;

/** Number of bytes of all contents together. */
export function totalLength(contents: readonly Content[]): number {
  let total = 0;
  for (const content of contents) total += contentLength(content);
  return total;
}

function shortFile(file: string | Buffer, offset: number): TrimaranError {
  return new TrimaranError({
    code: 'oci/file-too-short',
    message: `${file.toString()} ended at byte ${offset}: it was shortened while it was being read`,
    hint: 'build the image again',
    exitCode: 4,
  });
}

/** The file that regions are being read from; the next region is often in the same one. */
class OpenFile {
  #file: string | Buffer | undefined;
  #descriptor = -1;

  /** Reads some bytes of a region, at least one. */
  read(file: string | Buffer, position: number, into: Buffer): number {
    if (file !== this.#file) {
      this.close();
      this.#descriptor = openSync(file, 'r');
      this.#file = file;
    }
    const read = readSync(this.#descriptor, into, 0, into.length, position);
    if (read === 0) throw shortFile(file, position);
    return read;
  }

  close(): void {
    if (this.#descriptor >= 0) closeSync(this.#descriptor);
    this.#descriptor = -1;
    this.#file = undefined;
  }
}

/** The bytes of `contents` in one buffer that is filled again and again: a chunk is good until the next is asked for. */
function* chunksOf(contents: Iterable<Content>): Generator<Buffer, void, undefined> {
  const buffer = Buffer.allocUnsafeSlow(bufferSize);
  const source = new OpenFile();
  let filled = 0;
  try {
    for (const content of contents) {
      const length = contentLength(content);
      for (let done = 0; done < length; ) {
        if (filled === bufferSize) {
          yield buffer;
          filled = 0;
        }
        const room = buffer.subarray(filled, filled + Math.min(bufferSize - filled, length - done));
        let taken = room.length;
        if (content.kind === 'bytes') room.set(content.bytes.subarray(done, done + taken));
        else taken = source.read(content.file, content.offset + done, room);
        filled += taken;
        done += taken;
      }
    }
    if (filled > 0) yield buffer.subarray(0, filled);
  } finally {
    source.close();
  }
}

/**
 * The bytes of `contents`, one after the other, in chunks of at most 1 MiB. Each chunk is the reader's to keep.
 * Throws `oci/file-too-short`, or the system's error when a file cannot be read.
 */
export async function* readContents(contents: readonly Content[]): AsyncGenerator<Buffer, void, undefined> {
  let small: Content[] = [];
  let smallLength = 0;
  const gathered = () => {
    const chunks = [...chunksOf(small)].map((chunk) => Buffer.from(chunk));
    small = [];
    smallLength = 0;
    return chunks;
  };
  for (const content of contents) {
    const length = contentLength(content);
    if (length < asynchronousFrom) {
      small.push(content);
      smallLength += length;
      if (smallLength >= bufferSize - asynchronousFrom) yield* gathered();
      continue;
    }
    yield* gathered();
    if (content.kind === 'bytes') {
      const { buffer, byteOffset } = content.bytes;
      for (let at = 0; at < length; at += bufferSize) {
        yield Buffer.from(buffer, byteOffset + at, Math.min(bufferSize, length - at));
      }
      continue;
    }
    const handle = await open(content.file, 'r');
    try {
      for (let done = 0; done < length; ) {
        const chunk = Buffer.allocUnsafeSlow(Math.min(bufferSize, length - done));
        const { bytesRead } = await handle.read(chunk, 0, chunk.length, content.offset + done);
        if (bytesRead === 0) throw shortFile(content.file, content.offset + done);
        done += bytesRead;
        yield bytesRead === chunk.length ? chunk : chunk.subarray(0, bytesRead);
      }
    } finally {
      await handle.close();
    }
  }
  yield* gathered();
}

/** Small files as one buffer; callers bound the size first. Throws as {@link readContents} does. */
export async function readContentsWhole(contents: readonly Content[]): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of readContents(contents)) chunks.push(chunk);
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
}

/** SHA-256 of the bytes of `contents`. Throws as {@link readContents} does. */
export async function digestOfContents(contents: readonly Content[]): Promise<Sha256Digest> {
  const hash = startHash('sha256');
  let turn = 0;
  for (const chunk of chunksOf(contents)) {
    hash.update(chunk);
    turn += chunk.length;
    if (turn < hashTurn) continue;
    turn = 0;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return `sha256:${hash.digest('hex')}`;
}

/**
 * Appends the bytes of `contents` to the open file `target`. Synchronous on purpose: within the page cache the copy
 * is shorter than the thread pool's round trips. Throws `oci/file-too-short` or the system's error.
 */
export function copyContentsSync(contents: Iterable<Content>, target: number): void {
  for (const chunk of chunksOf(contents)) {
    for (let done = 0; done < chunk.length; ) done += writeSync(target, chunk, done, chunk.length - done);
  }
}
