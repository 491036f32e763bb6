// Layers that come from outside, compressed or not, made into uncompressed tars of a cache, named by diffID. What a
// blob is compressed with its first bytes tell: media types are often wrong. gzip and zstd; xz and bzip2 are refused.
import { createHash } from 'node:crypto';
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { createGunzip, type ZlibOptions } from 'node:zlib';
import { Decompress } from 'fzstd';
import { temporaryNameFor } from '../foundation/atomic-file.ts';
import { isTrimaranError, TrimaranError } from '../foundation/error.ts';
import type { Content } from '../foundation/file-tree.ts';
import { readContents, readContentsWhole } from './content-stream.ts';
import type { Sha256Digest } from './descriptor.ts';
import type { Layer } from './layer.ts';
import { cachedLayer, layerFile } from './layer-file.ts';

export type Compression = 'none' | 'gzip' | 'zstd';

/** Uncompressed bytes of one layer that are taken from outside unless more is allowed. */
export const defaultMaximumLayerSize = 32 * 2 ** 30;

/** How a blob is compressed, by its first bytes. Throws `oci/unsupported-compression` for xz and bzip2. */
export async function compressionOf(content: readonly Content[], label: string): Promise<Compression> {
  const head = await readHead(content, 6);
  if (head[0] === 0x1f && head[1] === 0x8b) return 'gzip';
  if (head.length >= 4 && head.readUInt32LE(0) === 0xfd2fb528) return 'zstd';
  const name =
    head.toString('latin1', 0, 6) === '\xfd7zXZ\0'
      ? 'xz'
      : head.toString('latin1', 0, 3) === 'BZh'
        ? 'bzip2'
        : undefined;
  if (name === undefined) return 'none';
  throw new TrimaranError({
    code: 'oci/unsupported-compression',
    message: `${label} is compressed with ${name}, which is not supported`,
    hint: 'save the image again uncompressed, or with gzip or zstd',
    exitCode: 4,
  });
}

async function readHead(content: readonly Content[], length: number): Promise<Buffer> {
  const head: Content[] = [];
  let missing = length;
  for (const part of content) {
    const has = part.kind === 'bytes' ? part.bytes.length : part.length;
    const take = Math.min(missing, has);
    head.push(
      part.kind === 'bytes'
        ? { kind: 'bytes', bytes: part.bytes.subarray(0, take) }
        : { ...part, length: take },
    );
    missing -= take;
    if (missing === 0) break;
  }
  return readContentsWhole(head);
}

function damaged(label: string, cause: unknown): TrimaranError {
  return new TrimaranError({
    code: 'oci/bad-compression',
    message: `${label} is damaged: ${cause instanceof Error ? cause.message : String(cause)}`,
    hint: 'pull or save the image again',
    exitCode: 4,
    cause,
  });
}

async function* gunzipped(chunks: AsyncIterable<Buffer>, label: string): AsyncGenerator<Buffer> {
  const source = Readable.from(chunks, { objectMode: false, highWaterMark: 1 << 20 });
  // Room ahead lets inflating go on in its thread while the last piece is hashed and written.
  const room: ZlibOptions & { readableHighWaterMark: number } = {
    chunkSize: 1 << 18,
    readableHighWaterMark: 1 << 21,
  };
  const gunzip = createGunzip(room);
  let sourceError: unknown;
  source.once('error', (error) => {
    sourceError = error;
    gunzip.destroy(error);
  });
  source.pipe(gunzip);
  try {
    for await (const chunk of gunzip) yield chunk as Buffer;
  } catch (error) {
    if (sourceError !== undefined) throw sourceError;
    if (isTrimaranError(error)) throw error;
    throw damaged(label, error);
  } finally {
    source.destroy();
    gunzip.destroy();
  }
}

async function* unzstandard(chunks: AsyncIterable<Buffer>, label: string): AsyncGenerator<Buffer> {
  let ready: Uint8Array[] = [];
  const decoder = new Decompress((data) => {
    if (data.length > 0) ready.push(data);
  });
  const push = (chunk: Uint8Array, final: boolean) => {
    try {
      decoder.push(chunk, final);
    } catch (error) {
      throw damaged(label, error);
    }
  };
  for await (const chunk of chunks) {
    // Small pieces, so that what one of them unpacks to stays small as well.
    for (let at = 0; at < chunk.length; at += 1 << 16) {
      push(chunk.subarray(at, at + (1 << 16)), false);
      const pieces = ready;
      ready = [];
      for (const data of pieces) yield Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    }
  }
  push(new Uint8Array(0), true);
  for (const data of ready) yield Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}

/** The uncompressed bytes of a blob. Throws `oci/bad-compression`, `oci/unsupported-compression`, as `readContents`. */
async function* uncompressed(content: readonly Content[], label: string): AsyncGenerator<Buffer> {
  const chunks = readContents(content);
  switch (await compressionOf(content, label)) {
    case 'gzip':
      return yield* gunzipped(chunks, label);
    case 'zstd':
      return yield* unzstandard(chunks, label);
    case 'none':
      return yield* chunks;
  }
}

export interface UnpackOptions {
  /** Where layers are kept, each as the hexadecimal digits of its diffID and `.tar`. */
  readonly directory: string;
  /** What the uncompressed bytes must be. */
  readonly diffId: Sha256Digest;
  /** What to call the blob in errors. */
  readonly label: string;
  /** In bytes; {@link defaultMaximumLayerSize} unless given. */
  readonly maximumSize?: number;
}

/**
 * Unpacks a blob into the cache, whole or not at all, unless its layer is there already. Throws `oci/diff-id-mismatch`,
 * `oci/layer-too-large`, and as {@link uncompressed}.
 */
export async function unpackLayer(content: readonly Content[], options: UnpackOptions): Promise<Layer> {
  const { directory, diffId, label, maximumSize = defaultMaximumLayerSize } = options;
  const cached = await cachedLayer(directory, diffId);
  if (cached !== undefined) return cached;
  await mkdir(directory, { recursive: true });
  const file = layerFile(directory, diffId);
  const temporary = temporaryNameFor(file);
  const hash = createHash('sha256');
  let size = 0;
  try {
    const handle = await open(temporary, 'wx', 0o644);
    try {
      let writing = Promise.resolve();
      for await (const chunk of uncompressed(content, label)) {
        size += chunk.length;
        if (size > maximumSize) throw tooLarge(label, maximumSize);
        // One piece is written while the next is hashed.
        await writing;
        writing = writeAll(handle, chunk);
        writing.catch(() => {});
        hash.update(chunk);
      }
      await writing;
    } finally {
      await handle.close();
    }
    const actual: Sha256Digest = `sha256:${hash.digest('hex')}`;
    if (actual !== diffId) throw diffIdMismatch(label, { expected: diffId, actual });
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  return { diffId, size, content: [{ kind: 'region', file, offset: 0, length: size }] };
}

/** The error for a layer whose uncompressed bytes are not those that the configuration names. */
export function diffIdMismatch(
  label: string,
  { expected, actual }: { readonly expected: Sha256Digest; readonly actual: Sha256Digest },
): TrimaranError {
  return new TrimaranError({
    code: 'oci/diff-id-mismatch',
    message: `${label} holds ${actual}, but its configuration names ${expected}`,
    hint: 'the image was damaged or changed on its way; pull or save it again',
    exitCode: 4,
  });
}

function tooLarge(label: string, maximumSize: number): TrimaranError {
  return new TrimaranError({
    code: 'oci/layer-too-large',
    message: `${label} unpacks to more than the ${maximumSize} bytes that are allowed`,
    hint: 'do not use this image unless you know who made it',
    exitCode: 4,
  });
}

async function writeAll(handle: FileHandle, chunk: Buffer): Promise<void> {
  for (let done = 0; done < chunk.length; ) {
    done += (await handle.write(chunk, done, chunk.length - done)).bytesWritten;
  }
}

/** Uncompresses a whole file into `directory` under a unique name that the caller removes. Throws as {@link uncompressed}. */
export async function uncompressToTemporary(
  content: readonly Content[],
  {
    directory,
    label,
    maximumSize,
  }: { readonly directory: string; readonly label: string; readonly maximumSize: number },
): Promise<string> {
  await mkdir(directory, { recursive: true });
  const temporary = temporaryNameFor(join(directory, 'archive'));
  const handle = await open(temporary, 'wx', 0o644);
  try {
    let size = 0;
    for await (const chunk of uncompressed(content, label)) {
      size += chunk.length;
      if (size > maximumSize) throw tooLarge(label, maximumSize);
      await writeAll(handle, chunk);
    }
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  } finally {
    await handle.close();
  }
  return temporary;
}
