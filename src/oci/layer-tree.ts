// A layer's tar, indexed where it lies: entries with contents as regions or bytes, headers alone read.
import { closeSync, openSync, readSync } from 'node:fs';
import { blockSize, TarHeaderReader } from '../formats/tar-header.ts';
import { tarPadding } from '../formats/tar-write.ts';
import { TrimaranError } from '../foundation/error.ts';
import type { Content, TreeEntry } from '../foundation/file-tree.ts';
import { totalLength } from './content-stream.ts';
import type { Layer } from './layer.ts';

/** Headers stand beside small files, so one read serves many of them. */
const windowSize = 128 * 1024;

/** More entries than any image has; a guard against a tar made to exhaust memory. */
const mostEntries = 5_000_000;

/**
 * The entries of a layer in the order of its tar. A path may occur twice in layers that others made; `''` is the root.
 * Whiteouts are entries like any other. Throws `tar/truncated`, `tar/bad-checksum`, `tar/malformed`,
 * `tar/unsupported-entry`, `tar/unsafe-path` and `oci/layer-too-many-entries`.
 */
export async function layerEntries(layer: Layer): Promise<TreeEntry[]> {
  const size = totalLength(layer.content);
  const bytes = new RandomReader(layer.content);
  // Docker takes absolute names as relative to the root.
  const reader = new TarHeaderReader({ archive: `layer ${layer.diffId}`, absoluteNames: 'strip' });
  const entries: TreeEntry[] = [];
  try {
    let offset = 0;
    while (offset < size) {
      if (offset + blockSize > size) throw reader.truncated();
      const step = reader.readHeader(bytes.read(offset, blockSize), offset);
      offset += blockSize;
      if (step === 'end') return entries;
      if (step === 'zero-block') continue;
      const length = reader.size;
      if (offset + length > size) throw reader.truncated();
      if (step === 'extension') reader.readExtension(bytes.read(offset, length));
      else entries.push(reader.takeEntry(bytes.contentAt(offset, length)));
      if (entries.length > mostEntries) {
        throw new TrimaranError({
          code: 'oci/layer-too-many-entries',
          message: `layer ${layer.diffId} has more than ${mostEntries} entries`,
          hint: 'do not use this image unless you know who made it',
          exitCode: 4,
        });
      }
      offset += length + tarPadding(length);
    }
    if (reader.hasPending) throw reader.truncated();
    return entries;
  } finally {
    bytes.close();
  }
}

/** Reads anywhere in contents that are described as data. */
class RandomReader {
  readonly #parts: { start: number; end: number; content: Content }[] = [];
  #part = 0;
  #window: Buffer = Buffer.alloc(0);
  #windowStart = 0;
  #file: string | Buffer | undefined;
  #descriptor = -1;

  constructor(contents: readonly Content[]) {
    let start = 0;
    for (const content of contents) {
      const length = content.kind === 'bytes' ? content.bytes.length : content.length;
      if (length > 0) this.#parts.push({ start, end: start + length, content });
      start += length;
    }
  }

  /** A buffer that is valid until the next read. The caller has checked that the bytes exist. */
  read(offset: number, length: number): Buffer {
    if (offset < this.#windowStart || offset + length > this.#windowStart + this.#window.length) {
      this.#fill(offset, length);
    }
    const from = offset - this.#windowStart;
    return this.#window.subarray(from, from + length);
  }

  /** The content that is those bytes, without reading them wherever they lie within one part. */
  contentAt(offset: number, length: number): Content {
    if (length === 0) return { kind: 'bytes', bytes: new Uint8Array(0) };
    const { start, end, content } = this.#partAt(offset);
    if (offset + length > end) return { kind: 'bytes', bytes: Buffer.from(this.read(offset, length)) };
    const from = offset - start;
    return content.kind === 'bytes'
      ? { kind: 'bytes', bytes: content.bytes.subarray(from, from + length) }
      : { kind: 'region', file: content.file, offset: content.offset + from, length };
  }

  close(): void {
    if (this.#descriptor >= 0) closeSync(this.#descriptor);
    this.#descriptor = -1;
    this.#file = undefined;
  }

  #partAt(offset: number): { start: number; end: number; content: Content } {
    while (this.#parts[this.#part]!.end <= offset) this.#part++;
    return this.#parts[this.#part]!;
  }

  #fill(offset: number, length: number): void {
    const first = this.#partAt(offset);
    if (first.content.kind === 'bytes' && offset + length <= first.end) {
      const { buffer, byteOffset, byteLength } = first.content.bytes;
      this.#window = Buffer.from(buffer, byteOffset, byteLength);
      this.#windowStart = first.start;
      return;
    }
    // A region is read ahead; a span over several parts is read exactly.
    const ahead = first.content.kind === 'region' ? Math.min(windowSize, first.end - offset) : length;
    const window = Buffer.allocUnsafe(Math.max(length, ahead));
    let filled = 0;
    for (let part = this.#part; filled < window.length; part++) {
      const { start, end, content } = this.#parts[part]!;
      const from = offset + filled - start;
      const count = Math.min(window.length - filled, end - start - from);
      if (content.kind === 'bytes') window.set(content.bytes.subarray(from, from + count), filled);
      else this.#readFile(content.file, window.subarray(filled, filled + count), content.offset + from);
      filled += count;
    }
    this.#window = window;
    this.#windowStart = offset;
  }

  #readFile(file: string | Buffer, into: Buffer, position: number): void {
    if (file !== this.#file) {
      this.close();
      this.#descriptor = openSync(file, 'r');
      this.#file = file;
    }
    for (let done = 0; done < into.length; ) {
      const read = readSync(this.#descriptor, into, done, into.length - done, position + done);
      if (read === 0) {
        throw new TrimaranError({
          code: 'oci/file-too-short',
          message: `${file.toString()} ended at byte ${position + done}: it was shortened while it was being read`,
          hint: 'build or pull the image again',
          exitCode: 4,
        });
      }
      done += read;
    }
  }
}
