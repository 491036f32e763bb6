// Where a cache keeps layers: one uncompressed tar each, named by diffID.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { digestHex, type Sha256Digest } from './descriptor.ts';
import { type Layer, layerOfFile } from './layer.ts';

/** Where {@link writeLayer} keeps the layer of that diffID. */
export function layerFile(directory: string, diffId: Sha256Digest): string {
  return join(directory, `${digestHex(diffId)}.tar`);
}

/** The layer of that diffID when `directory` has it already. */
export async function cachedLayer(directory: string, diffId: Sha256Digest): Promise<Layer | undefined> {
  const file = layerFile(directory, diffId);
  const isThere = statSync(file, { throwIfNoEntry: false })?.isFile() === true;
  return isThere ? layerOfFile(file, { diffId }) : undefined;
}
