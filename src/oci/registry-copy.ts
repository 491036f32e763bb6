// An image out of a registry as an OCI layout, its blobs as they came: each checked against its digest, none unpacked. The
// manifest is the registry's own, so the image keeps its digest.
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  containerdNameAnnotation,
  type Descriptor,
  digestHex,
  mediaTypes,
  type Platform,
  refNameAnnotation,
} from './descriptor.ts';
import { layoutAppears } from './oci-layout.ts';
import { type Reference, writeReference } from './reference.ts';
import { downloadBlobs, fetchRemoteImage, onceEach, type RemoteImage } from './registry-image.ts';
import type { RegistrySession } from './registry-session.ts';

/**
 * Copies the image of a platform into `folder`, which appears whole or not at all, and must not exist yet or be empty.
 * Throws `oci/layout-exists`, and what `fetchRemoteImage` and `downloadBlob` throw. `readLayout` reads it.
 *
 * @example
 * await copyToLayout(session, { reference: parseReference('debian:bookworm'), platform, folder: 'debian' });
 */
export async function copyToLayout(
  session: RegistrySession,
  options: { readonly reference: Reference; readonly platform: Platform; readonly folder: string },
): Promise<RemoteImage> {
  const remote = await fetchRemoteImage(session, options);
  await layoutAppears(options.folder, async (temporary) => {
    const blobs = join(temporary, 'blobs', 'sha256');
    await mkdir(blobs, { recursive: true });
    await downloadBlobs(session, {
      remote,
      verb: 'copying',
      blobs: onceEach(remote.layers.map((descriptor) => ({ descriptor }))),
      directory: blobs,
      take: ({ descriptor }, file) => rename(file, join(blobs, digestHex(descriptor.digest))),
    });
    const { config, mediaType } = JSON.parse(remote.manifestBytes.toString('utf8')) as {
      config: Descriptor;
      mediaType?: string;
    };
    await writeFile(join(blobs, digestHex(config.digest)), remote.configBytes);
    await writeFile(join(blobs, digestHex(remote.manifestDigest)), remote.manifestBytes);
    const { tag } = remote.reference;
    const names =
      tag === undefined
        ? {}
        : { [refNameAnnotation]: tag, [containerdNameAnnotation]: writeReference(remote.reference) };
    const entry = {
      mediaType: mediaType ?? mediaTypes.ociManifest,
      digest: remote.manifestDigest,
      size: remote.manifestBytes.length,
      platform: options.platform,
      annotations: names,
    };
    const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [entry] };
    await writeFile(join(temporary, 'index.json'), JSON.stringify(index));
    await writeFile(join(temporary, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  });
  return remote;
}
