// The blobs of an image into the cache, as compressed as they are in the registry; what the cache has is not fetched.
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { type Descriptor, digestHex, type Platform, type Sha256Digest } from './descriptor.ts';
import type { Layer } from './layer.ts';
import { cachedLayer } from './layer-file.ts';
import type { Reference } from './reference.ts';
import { downloadBlobs, fetchRemoteImage, onceEach, type RemoteImage } from './registry-image.ts';
import type { RegistrySession } from './registry-session.ts';

/** What of an image the cache lacks, by diffID; and what it has. */
export async function compareWithCache(remote: RemoteImage, cacheDirectory: string) {
  const diffIds = remote.config.rootfs.diff_ids;
  const wanted = new Map<Sha256Digest, Descriptor>(diffIds.map((diffId, i) => [diffId, remote.layers[i]!]));
  const found = new Map<Sha256Digest, Layer>();
  for (const diffId of wanted.keys()) {
    const layer = await cachedLayer(cacheDirectory, diffId);
    if (layer !== undefined) found.set(diffId, layer);
  }
  const missing = [...wanted].filter(([diffId]) => !found.has(diffId));
  return { found, missing: missing.map(([diffId, descriptor]) => ({ diffId, descriptor })) };
}

export interface FetchOptions {
  readonly reference: Reference;
  readonly platform: Platform;
  /** Where layers are kept; shared by everything that makes or reads them. */
  readonly cacheDirectory: string;
}

/** Where a blob is kept, as compressed as it came, until its layer is wanted. */
export function keptBlob(cacheDirectory: string, digest: Sha256Digest): string {
  return join(cacheDirectory, 'blobs', digestHex(digest));
}

/**
 * Brings the blobs of an image into the cache, each checked against its digest and none unpacked: `pullImage` then
 * needs the network for the manifest alone. Throws as `pullImage`, except for unpacking.
 */
export async function fetchImage(session: RegistrySession, options: FetchOptions): Promise<RemoteImage> {
  const { cacheDirectory } = options;
  const remote = await fetchRemoteImage(session, options);
  const { missing } = await compareWithCache(remote, cacheDirectory);
  mkdirSync(join(cacheDirectory, 'blobs'), { recursive: true });
  await downloadBlobs(session, {
    remote,
    verb: 'pulling',
    blobs: onceEach(missing).filter(
      ({ descriptor }) => !existsSync(keptBlob(cacheDirectory, descriptor.digest)),
    ),
    directory: join(cacheDirectory, 'download'),
    take: async ({ descriptor }, file) => renameSync(file, keptBlob(cacheDirectory, descriptor.digest)),
  });
  return remote;
}
