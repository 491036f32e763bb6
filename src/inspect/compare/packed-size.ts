// How many bytes an image takes in a registry: its layers with gzip. Counted once for each layer.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { writeCacheFile } from '../../foundation/atomic-file.ts';
import type { Host } from '../../foundation/host.ts';
import type { Image } from '../../oci/image.ts';
import { type Layer, openLayer } from '../../oci/layer.ts';
import { trimaranRoot } from '../../sets/cache-root.ts';

export async function packedSize(host: Pick<Host, 'env'>, image: Image): Promise<number> {
  const sizes = await Promise.all(image.layers.map((layer) => layerSize(host, layer)));
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function layerSize(host: Pick<Host, 'env'>, layer: Layer): Promise<number> {
  const file = join(trimaranRoot(host), 'facts', 'layers', `${layer.diffId.slice(7)}.gzip-size`);
  if (existsSync(file)) {
    const known = Number(readFileSync(file, 'utf8'));
    if (known > 0) return known;
  }
  let size = 0;
  await pipeline(Readable.from(openLayer(layer)), createGzip(), async (packed: AsyncIterable<Buffer>) => {
    for await (const chunk of packed) size += chunk.length;
  });
  writeCacheFile(file, String(size));
  return size;
}
