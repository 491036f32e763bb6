// Tar archives, read: whole in memory, as an index of a file on disk, or as a stream of members.
// Names that leave the target are refused (see tar-header.ts for the formats and what is left out).
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { TrimaranError } from '../foundation/error.ts';
import type { Content, TreeEntry } from '../foundation/file-tree.ts';
import { ChunkReader } from './chunk-reader.ts';
import { blockSize, type StreamedFileEntry, TarHeaderReader, type TarReadOptions } from './tar-header.ts';

/** Files are indexed through a window of this many bytes, so small entries need no read of their own. */
const windowSize = 128 * 1024;

const noContent: Content = { kind: 'bytes', bytes: new Uint8Array(0) };

/**
 * The entries of an uncompressed archive, in its order, with contents as parts of `buffer` (no copies). A path may
 * occur twice; `''` is the root. An archive may end without its blocks of zeros, as GNU tar and Go allow.
 *
 * Throws `tar/truncated`, `tar/bad-checksum`, `tar/malformed`, `tar/unsupported-entry` (sparse files and other
 * extensions) and `tar/unsafe-path` (absolute names, `..`, in names and in targets of hard links).
 *
 * @example
 * readTar(buffer).map((entry) => entry.path); // ['usr', 'usr/bin', 'usr/bin/env']
 */
export function readTar(buffer: Buffer, options: TarReadOptions = {}): TreeEntry[] {
  const requests = tarEntries(buffer.length, options, (offset, length) => ({
    kind: 'bytes',
    bytes: buffer.subarray(offset, offset + length),
  }));
  return answered(requests, (offset, length) => buffer.subarray(offset, offset + length));
}

/**
 * The entries of an uncompressed archive on disk, contents as regions of that file: only headers are read. Otherwise as
 * {@link readTar}; rejects also with the system error of a file that cannot be read.
 */
export async function indexTarFile(file: string, options: TarReadOptions = {}): Promise<TreeEntry[]> {
  const handle = await open(file);
  try {
    const { size } = await handle.stat();
    const requests = tarEntries(size, { archive: file, ...options }, regionOf(file));
    let step = requests.next();
    let start = 0;
    let window: Buffer = Buffer.alloc(0);
    while (!step.done) {
      const { offset, length } = step.value;
      if (offset < start || offset + length > start + window.length) {
        const data = Buffer.allocUnsafe(Math.max(length, Math.min(windowSize, size - offset)));
        const { bytesRead } = await handle.read(data, 0, data.length, offset);
        if (bytesRead < length) throw fileShrank(file);
        window = data.subarray(0, bytesRead);
        start = offset;
      }
      step = requests.next(window.subarray(offset - start, offset - start + length));
    }
    return step.value;
  } finally {
    await handle.close();
  }
}

/** {@link indexTarFile}, synchronously. Throws what it rejects with. */
export function indexTarFileSync(file: string, options: TarReadOptions = {}): TreeEntry[] {
  const descriptor = openSync(file, 'r');
  try {
    const { size } = fstatSync(descriptor);
    let start = 0;
    let window: Buffer = Buffer.alloc(0);
    const requests = tarEntries(size, { archive: file, ...options }, regionOf(file));
    return answered(requests, (offset, length) => {
      if (offset < start || offset + length > start + window.length) {
        const data = Buffer.allocUnsafe(Math.max(length, Math.min(windowSize, size - offset)));
        const bytesRead = readSync(descriptor, data, 0, data.length, offset);
        if (bytesRead < length) throw fileShrank(file);
        window = data.subarray(0, bytesRead);
        start = offset;
      }
      return window.subarray(offset - start, offset - start + length);
    });
  } finally {
    closeSync(descriptor);
  }
}

/** A member of a streamed archive. `body` is empty for all but regular files. */
export interface TarMember {
  readonly entry: Exclude<TreeEntry, { kind: 'file' }> | StreamedFileEntry;
  /** Bytes of `body`. */
  readonly size: number;
  /** Contents; to be read before the next member is asked for, or they are skipped. */
  readonly body: AsyncIterable<Buffer>;
}

/**
 * The members of an archive too large for memory, in its order. Throws as {@link readTar}, when it comes to the place;
 * the source is left where the archive's end blocks end.
 */
export async function* readTarStream(
  source: AsyncIterable<Uint8Array>,
  options: TarReadOptions = {},
): AsyncGenerator<TarMember, void, undefined> {
  const reader = new TarHeaderReader(options);
  const chunks = new ChunkReader(source);
  try {
    for (;;) {
      const offset = chunks.position;
      const block = await chunks.take(blockSize);
      if (block === undefined) {
        if (chunks.position !== offset || reader.hasPending) throw reader.truncated();
        return;
      }
      const step = reader.readHeader(block, offset);
      if (step === 'end') return;
      if (step === 'zero-block') continue;
      const { size } = reader;
      const end = chunks.position + size;
      if (step === 'extension') {
        const data = await chunks.take(size);
        if (data === undefined) throw reader.truncated();
        reader.readExtension(data);
      } else {
        const truncated = () => reader.truncated();
        yield { entry: reader.takeEntry(), size, body: chunks.until(end, truncated) };
      }
      await chunks.skipTo(end + paddingOf(size), () => reader.truncated());
    }
  } finally {
    await chunks.close();
  }
}

interface ReadRequest {
  readonly offset: number;
  readonly length: number;
}

/** Asks for the headers it needs and gives the entries, so that one reading serves memory and both ways to files. */
function* tarEntries(
  size: number,
  options: TarReadOptions,
  contentAt: (offset: number, length: number) => Content,
): Generator<ReadRequest, TreeEntry[], Buffer> {
  const reader = new TarHeaderReader(options);
  const entries: TreeEntry[] = [];
  let offset = 0;
  while (offset < size) {
    if (offset + blockSize > size) throw reader.truncated();
    const step = reader.readHeader(yield { offset, length: blockSize }, offset);
    offset += blockSize;
    if (step === 'end') return entries;
    if (step === 'zero-block') continue;
    const length = reader.size;
    if (offset + length > size) throw reader.truncated();
    if (step === 'extension') reader.readExtension(yield { offset, length });
    else entries.push(reader.takeEntry(length === 0 ? noContent : contentAt(offset, length)));
    offset += length + paddingOf(length);
  }
  if (offset > size || reader.hasPending) throw reader.truncated();
  return entries;
}

function answered(
  requests: Generator<ReadRequest, TreeEntry[], Buffer>,
  read: (offset: number, length: number) => Buffer,
): TreeEntry[] {
  let step = requests.next();
  while (!step.done) step = requests.next(read(step.value.offset, step.value.length));
  return step.value;
}

function regionOf(file: string): (offset: number, length: number) => Content {
  return (offset, length) => ({ kind: 'region', file, offset, length });
}

function fileShrank(file: string): TrimaranError {
  return new TrimaranError({
    code: 'tar/truncated',
    message: `${file} became shorter while it was read`,
    hint: 'run the command again',
    exitCode: 4,
  });
}

function paddingOf(size: number): number {
  return -size & (blockSize - 1);
}
