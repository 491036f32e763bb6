// Layers compressed with gzip for registries, kept by diffID. What identifies a layer is its diffID, never the compressed
// form, which other versions of zlib write otherwise; keeping it lets pushes from one machine agree.
import { createHash } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryNameFor, writeCacheFile } from '../foundation/atomic-file.ts';
import { systemErrorCode } from '../foundation/error.ts';
import type { LayerBlob } from './archive-write.ts';
import { digestHex, mediaTypes, parseSha256Digest, type Sha256Digest } from './descriptor.ts';
import { gzipBlocks } from './gzip.ts';
import { type Layer, openLayer } from './layer.ts';

interface CacheRecord {
  readonly digest: Sha256Digest;
  readonly size: number;
}

async function readRecord(file: string, blob: string): Promise<CacheRecord | undefined> {
  try {
    const value = JSON.parse(await readFile(file, 'utf8')) as { digest?: unknown; size?: unknown };
    const digest = parseSha256Digest(value.digest);
    const { size } = await stat(blob);
    // A blob that was cut short is made again.
    return digest !== undefined && value.size === size ? { digest, size } : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * A layer as a gzip blob in `directory`, compressed unless it was before. Throws as `readContents`, or the system's error.
 *
 * @example
 * const { descriptor } = await compressLayer(layer, { directory: '/cache/compressed' });
 */
export async function compressLayer(
  layer: Layer,
  { directory, onBytes }: { readonly directory: string; readonly onBytes?: (count: number) => void },
): Promise<LayerBlob> {
  const blob = join(directory, `${digestHex(layer.diffId)}.tar.gz`);
  const recordFile = `${blob}.json`;
  let record = await readRecord(recordFile, blob);
  if (record === undefined) {
    await mkdir(directory, { recursive: true });
    const temporary = temporaryNameFor(blob);
    const hash = createHash('sha256');
    let size = 0;
    try {
      const handle = await open(temporary, 'wx', 0o644);
      try {
        for await (const chunk of gzipBlocks(counted(openLayer(layer), onBytes))) {
          hash.update(chunk);
          for (let done = 0; done < chunk.length; ) done += (await handle.write(chunk, done)).bytesWritten;
          size += chunk.length;
        }
      } finally {
        await handle.close();
      }
      await rename(temporary, blob);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    record = { digest: `sha256:${hash.digest('hex')}`, size };
    writeCacheFile(recordFile, JSON.stringify(record));
  }
  return {
    descriptor: { mediaType: mediaTypes.ociLayerGzip, ...record },
    content: [{ kind: 'region', file: blob, offset: 0, length: record.size }],
  };
}

async function* counted(
  chunks: AsyncIterable<Buffer>,
  onBytes: ((count: number) => void) | undefined,
): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    yield chunk;
    onBytes?.(chunk.length);
  }
}
