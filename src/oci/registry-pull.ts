// Images out of a registry, unpacked into a cache of layers.
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Image, imageOfConfigBytes } from './image.ts';
import { cachedLayer, layerFile } from './layer-file.ts';
import { unpackLayer } from './layer-unpack.ts';
import { removeLeftovers } from './leftovers.ts';
import { writeFamiliarReference } from './reference.ts';
import { compareWithCache, type FetchOptions, keptBlob } from './registry-fetch.ts';
import { downloadBlobs, fetchRemoteImage, type RemoteImage } from './registry-image.ts';
import type { RegistrySession } from './registry-session.ts';

interface PullOptions extends FetchOptions {
  /** Uncompressed bytes that one layer may have. */
  readonly maximumLayerSize?: number;
}

/**
 * Pulls an image for a platform into a cache of layers, which are uncompressed and named by diffID.
 *
 * Throws the errors of registry-errors.ts, `oci/digest-mismatch`, `oci/registry-truncated`, `oci/no-such-platform`,
 * `oci/bad-manifest`, `oci/bad-config`, `oci/unsupported-manifest`, `oci/unsupported-layer`, and what `unpackLayer` throws.
 *
 * @example
 * const session = new RegistrySession({ host });
 * const reference = parseReference('debian:bookworm');
 * const { image, digest } = await pullImage(session, { reference, platform, cacheDirectory });
 */
export async function pullImage(
  session: RegistrySession,
  options: PullOptions,
): Promise<RemoteImage & { readonly image: Image }> {
  const { cacheDirectory } = options;
  const remote = await fetchRemoteImage(session, options);
  const label = writeFamiliarReference(remote.reference);
  const diffIds = remote.config.rootfs.diff_ids;
  removeLeftovers(cacheDirectory);
  const { found, missing } = await compareWithCache(remote, cacheDirectory);
  await downloadBlobs(session, {
    remote,
    verb: 'pulling',
    blobs: missing,
    directory: join(cacheDirectory, 'download'),
    keptAt: ({ digest }) => keptBlob(cacheDirectory, digest),
    take: async ({ diffId, descriptor }, file) => {
      try {
        if (descriptor.digest === diffId) {
          // It is uncompressed already, and its digest was just checked.
          await rename(file, layerFile(cacheDirectory, diffId));
          found.set(diffId, (await cachedLayer(cacheDirectory, diffId))!);
          return;
        }
        const content = [{ kind: 'region' as const, file, offset: 0, length: descriptor.size }];
        const layer = await unpackLayer(content, {
          directory: cacheDirectory,
          diffId,
          label: `the blob ${descriptor.digest} of ${label}`,
          ...(options.maximumLayerSize === undefined ? {} : { maximumSize: options.maximumLayerSize }),
        });
        found.set(diffId, layer);
      } finally {
        await rm(file, { force: true });
      }
    },
  });
  const layers = diffIds.map((diffId) => found.get(diffId)!);
  const { digest: _, ...name } = remote.reference;
  const names = name.tag === undefined ? [] : [name];
  return { ...remote, image: imageOfConfigBytes(remote.configBytes, { layers, names }) };
}
