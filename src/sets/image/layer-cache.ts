// Layers made of immutable store paths are made once and kept: a file per layer, found again by what it is made of.
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { writeCacheFile } from '../../foundation/atomic-file.ts';
import { sha256Hex } from '../../foundation/digest.ts';
import { isTrimaranError, systemErrorCode } from '../../foundation/error.ts';
import type { FileTree } from '../../foundation/file-tree.ts';
import { parseSha256Digest, type Sha256Digest } from '../../oci/descriptor.ts';
import type { Layer } from '../../oci/layer.ts';
import { layerFile } from '../../oci/layer-file.ts';
import { writeLayer } from '../../oci/layer-write.ts';
import { noteUse } from '../../store/last-use.ts';

/** Raised whenever the same ingredients would make other bytes. */
const cacheFormat = 1;

export interface CachedLayerOptions {
  /** The cache's folder. */
  readonly directory: string;
  /** Everything that the layer's bytes depend on: what it is, and store paths. */
  readonly ingredients: readonly string[];
  readonly comment?: string;
  /** Makes the layer's tree; called only when it is not in the cache. */
  readonly tree: () => FileTree | Promise<FileTree>;
}

/** The layer of these ingredients, from the cache or made now. Throws what `tree` throws, and system errors. */
export async function cachedLayer(options: CachedLayerOptions): Promise<Layer> {
  const key = sha256Hex(Buffer.from(JSON.stringify([cacheFormat, ...options.ingredients])));
  const keys = join(options.directory, 'by-ingredients');
  const notes = options.comment === undefined ? {} : { comment: options.comment };
  const known = readKey(join(keys, key));
  if (known !== undefined) {
    const file = layerFile(options.directory, known);
    const size = sizeOf(file);
    if (size !== undefined) {
      noteUse(join(keys, key));
      return { diffId: known, size, content: [{ kind: 'region', file, offset: 0, length: size }], ...notes };
    }
  }
  const layer = await writeLayer(await options.tree(), { directory: options.directory, ...notes });
  writeCacheFile(join(keys, key), layer.diffId);
  return layer;
}

function readKey(file: string): Sha256Digest | undefined {
  try {
    return parseSha256Digest(readFileSync(file, 'utf8'));
  } catch (error) {
    // Not there, or cut short by a power failure: made anew.
    if (systemErrorCode(error) === 'ENOENT' || isTrimaranError(error)) return undefined;
    throw error;
  }
}

function sizeOf(file: string): number | undefined {
  try {
    return statSync(file).size;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
