// Decompression of what archives come in: gzip, bzip2, xz, zstd, told by their first bytes. How much comes out is bounded, since
// a few kilobytes can stand for terabytes. Left out: lzip, refused by name; compression.
import { pipeline } from 'node:stream';
import { createGunzip, gunzip } from 'node:zlib';
import { Decompress as ZstdDecoder } from 'fzstd';
import { isTrimaranError, systemErrorCode, TrimaranError } from '../foundation/error.ts';
import { bzip2Blocks } from './bzip2.ts';
import { ChunkReader } from './chunk-reader.ts';
import { XzDecoder } from './xz.ts';

export type CompressionKind = 'none' | 'gzip' | 'bzip2' | 'xz' | 'zstd';

/** How something is decompressed. */
export interface DecompressOptions {
  /** Told by the first bytes when it is not given. */
  readonly kind?: CompressionKind;
  /** Most bytes that may come out. */
  readonly limit: number;
  /** What to call the data in errors. */
  readonly name?: string;
}

const defaultName = 'compressed data';
const noBytes = new Uint8Array(0);

/** The compression that `head`, the first six bytes or more, shows; `none` when it shows no known one. */
export function detectCompression(head: Uint8Array): CompressionKind | 'lzip' {
  const text = Buffer.from(head.buffer, head.byteOffset, Math.min(head.byteLength, 6)).toString('latin1');
  if (text.startsWith('\x1f\x8b')) return 'gzip';
  if (text === '\xfd7zXZ\0') return 'xz';
  if (text.startsWith('\x28\xb5\x2f\xfd')) return 'zstd';
  if (text.startsWith('BZh')) return 'bzip2';
  if (text.startsWith('LZIP')) return 'lzip';
  return 'none';
}

/**
 * All of `data` decompressed. Rejects with `compression/too-large` past the limit, `compression/damaged` (truncation
 * and wrong checksums included), `compression/unsupported`.
 *
 * @example
 * const tar = await decompress(member.data, { limit: 1 << 30 });
 */
export async function decompress(data: Uint8Array, options: DecompressOptions): Promise<Buffer> {
  const kind = options.kind ?? supportedKind(detectCompression(data), options);
  switch (kind) {
    case 'none':
      if (data.length > options.limit) throw tooLarge(options);
      return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    case 'gzip':
      return await gunzipWhole(data, options);
    case 'xz':
      return decodeXz(data, options);
    case 'bzip2':
    case 'zstd': {
      const chunks: Buffer[] = [];
      for await (const chunk of decompressStream(single(data), { ...options, kind })) chunks.push(chunk);
      return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
    }
  }
}

/**
 * `source` decompressed as it comes. Throws as {@link decompress} rejects, once it comes to the place: what was given
 * out before must not be taken for whole.
 */
export async function* decompressStream(
  source: AsyncIterable<Uint8Array>,
  options: DecompressOptions,
): AsyncGenerator<Buffer, void, undefined> {
  const { kind, chunks } = await withKind(source, options);
  let size = 0;
  for await (const chunk of decoded(chunks, kind, options)) {
    size += chunk.length;
    if (size > options.limit) throw tooLarge(options);
    yield chunk;
  }
}

async function withKind(
  source: AsyncIterable<Uint8Array>,
  options: DecompressOptions,
): Promise<{ readonly kind: CompressionKind; readonly chunks: AsyncIterable<Uint8Array> }> {
  if (options.kind !== undefined) return { kind: options.kind, chunks: source };
  const iterator = source[Symbol.asyncIterator]();
  const first: Uint8Array[] = [];
  let length = 0;
  while (length < 6) {
    const next = await iterator.next();
    if (next.done) break;
    first.push(next.value);
    length += next.value.length;
  }
  async function* all(): AsyncGenerator<Uint8Array> {
    try {
      yield* first;
      for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
    } finally {
      await iterator.return?.();
    }
  }
  return { kind: supportedKind(detectCompression(Buffer.concat(first)), options), chunks: all() };
}

async function* decoded(
  source: AsyncIterable<Uint8Array>,
  kind: CompressionKind,
  options: DecompressOptions,
): AsyncGenerator<Buffer, void, undefined> {
  switch (kind) {
    case 'none':
      for await (const chunk of source) yield asBuffer(chunk);
      return;
    case 'gzip':
      yield* gunzipStream(source, options);
      return;
    case 'bzip2':
      yield* bzip2Stream(source, options);
      return;
    case 'xz':
      yield* xzStream(source, options);
      return;
    case 'zstd':
      yield* zstdStream(source, options);
      return;
  }
}

async function gunzipWhole(data: Uint8Array, options: DecompressOptions): Promise<Buffer> {
  return await new Promise((resolve, reject) => {
    gunzip(data, { maxOutputLength: Math.max(1, options.limit) }, (error, result) => {
      if (error === null) resolve(result);
      else if ('code' in error && error.code === 'ERR_BUFFER_TOO_LARGE') reject(tooLarge(options));
      else reject(damaged(options, error));
    });
  });
}

async function* gunzipStream(
  source: AsyncIterable<Uint8Array>,
  options: DecompressOptions,
): AsyncGenerator<Buffer, void, undefined> {
  // What goes wrong in either arrives through the decoder.
  const decoder = pipeline(source, createGunzip(), () => {});
  try {
    for await (const chunk of decoder) yield chunk;
  } catch (error) {
    throw systemErrorCode(error)?.startsWith('Z_') ? damaged(options, error) : error;
  }
}

/** Blocks do not start at bytes, so what is compressed is gathered first. */
async function* bzip2Stream(
  source: AsyncIterable<Uint8Array>,
  options: DecompressOptions,
): AsyncGenerator<Buffer, void, undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of source) {
    size += chunk.length;
    if (size > options.limit) throw tooLarge(options);
    chunks.push(chunk);
  }
  try {
    yield* bzip2Blocks(Buffer.concat(chunks));
  } catch (error) {
    throw isTrimaranError(error, 'bzip2/damaged') ? damaged(options, error) : error;
  }
}

async function* zstdStream(
  source: AsyncIterable<Uint8Array>,
  options: DecompressOptions,
): AsyncGenerator<Buffer, void, undefined> {
  let ready: Buffer[] = [];
  // The decoder reuses nothing that it hands out.
  const decoder = new ZstdDecoder((chunk) => {
    if (chunk.length > 0) ready.push(asBuffer(chunk));
  });
  const push = (chunk: Uint8Array, isLast: boolean) => {
    try {
      decoder.push(chunk, isLast);
    } catch (error) {
      throw damaged(options, error);
    }
  };
  const slice = 128 * 1024;
  for await (const chunk of source) {
    // In small steps: one push decodes all that it can before the limit is looked at.
    for (let i = 0; i < chunk.length; i += slice) {
      push(chunk.subarray(i, i + slice), false);
      yield* ready;
      ready = [];
    }
  }
  push(new Uint8Array(0), true);
  yield* ready;
}

async function* xzStream(
  source: AsyncIterable<Uint8Array>,
  options: DecompressOptions,
): AsyncGenerator<Buffer, void, undefined> {
  const decoder = idleXzDecoders.pop() ?? new XzDecoder();
  const chunks = new ChunkReader(source);
  try {
    const steps = decoder.steps();
    const next = (bytes: Uint8Array) => {
      try {
        return steps.next(bytes);
      } catch (error) {
        throw named(options, error);
      }
    };
    let step = next(noBytes);
    while (!step.done) {
      const { value } = step;
      if (typeof value === 'number') {
        step = next(await chunks.upTo(value));
      } else {
        // The decoder writes over its memory.
        yield Buffer.from(value);
        step = next(noBytes);
      }
    }
  } finally {
    idleXzDecoders.push(decoder);
    await chunks.close();
  }
}

/**
 * Decoders with their memory, for the next one who needs one; nothing of what they decoded matters to them. As many as
 * ever worked at once.
 */
const idleXzDecoders: XzDecoder[] = [];

function decodeXz(data: Uint8Array, options: DecompressOptions): Buffer {
  const decoder = idleXzDecoders.pop() ?? new XzDecoder();
  try {
    return decoder.decode(data, { limit: options.limit, tooLarge: () => tooLarge(options) });
  } catch (error) {
    throw named(options, error);
  } finally {
    idleXzDecoders.push(decoder);
  }
}

async function* single(data: Uint8Array): AsyncGenerator<Uint8Array> {
  yield data;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function supportedKind(kind: CompressionKind | 'lzip', options: DecompressOptions): CompressionKind {
  if (kind !== 'lzip') return kind;
  throw new TrimaranError({
    code: 'compression/unsupported',
    message: `${options.name ?? defaultName} is compressed with ${kind}, which is not supported`,
    hint: 'compress it with gzip, bzip2, xz or zstd',
    exitCode: 4,
  });
}

function tooLarge(options: DecompressOptions): TrimaranError {
  return new TrimaranError({
    code: 'compression/too-large',
    message: `${options.name ?? defaultName} decompresses to more than the ${options.limit} bytes it may have`,
    hint: 'check where it comes from',
    exitCode: 4,
  });
}

/** The same for the errors that the .xz decoder gives. */
function named(options: DecompressOptions, error: unknown): unknown {
  if (isTrimaranError(error, 'xz/damaged')) return damaged(options, error);
  if (isTrimaranError(error, 'xz/unsupported')) {
    return new TrimaranError({
      code: 'compression/unsupported',
      message: `${options.name ?? defaultName}: ${error.message}`,
      hint: 'compress it again with plain `xz`',
      exitCode: 4,
      cause: error,
    });
  }
  return error;
}

function damaged(options: DecompressOptions, cause: unknown): TrimaranError {
  return new TrimaranError({
    code: 'compression/damaged',
    message: `${options.name ?? defaultName} is damaged or truncated and cannot be decompressed`,
    hint: 'fetch it again',
    exitCode: 4,
    cause,
  });
}
