// Brings an image from a registry: its blobs into the cache, or the whole of it into a file.
import { join } from 'node:path';
import { hostPlatform } from '../compose/host-platform.ts';
import { TrimaranError } from '../foundation/error.ts';
import type { Host } from '../foundation/host.ts';
import type { Platform, Sha256Digest } from '../oci/descriptor.ts';
import { parseReference } from '../oci/reference.ts';
import { fetchImage } from '../oci/registry-fetch.ts';
import type { RemoteImage } from '../oci/registry-image.ts';
import { openRegistries } from '../oci/registry-settings.ts';
import { trimaranRoot } from '../sets/cache-root.ts';

export interface PulledImage {
  /** Of what the reference names: an index where there are several platforms. */
  readonly digest: Sha256Digest;
  readonly manifestDigest: Sha256Digest;
  readonly configDigest: Sha256Digest;
  /** Of its blobs in the registry. */
  readonly bytes: number;
  readonly layers: number;
}

/**
 * Pulls `reference` for a platform (`linux/arm64/v8`; this machine's unless given). Without `output` the blobs are checked
 * and kept as they came, and unpacked once somebody wants their files; an `output` that ends in `.tar` becomes an archive
 * for `docker load`, any other an OCI layout. Rejects with `oci/bad-platform` and as `pullImage` and `copyToLayout`.
 */
export async function pullNamedImage(
  host: Host,
  request: { readonly reference: string; readonly platform?: string; readonly output?: string },
): Promise<PulledImage> {
  const { output } = request;
  const reference = parseReference(request.reference.replace(/^(?:docker:\/\/|registry:)/, ''));
  const platform = parsePlatform(request.platform ?? hostPlatform());
  const cacheDirectory = join(trimaranRoot(host), 'layers');
  const session = openRegistries({ host });
  let remote: RemoteImage;
  // What unpacks and writes images is loaded where it is needed: a pull into the cache is over sooner than that.
  if (output === undefined) remote = await fetchImage(session, { reference, platform, cacheDirectory });
  else if (output.endsWith('.tar')) {
    const { pullImage } = await import('../oci/registry-pull.ts');
    const { writeArchive } = await import('../oci/archive-write.ts');
    const pulled = await pullImage(session, { reference, platform, cacheDirectory });
    await writeArchive([pulled.image], output);
    remote = pulled;
  } else {
    const { copyToLayout } = await import('../oci/registry-copy.ts');
    remote = await copyToLayout(session, { reference, platform, folder: output });
  }
  const { digest, manifestDigest, layers, configDigest } = remote;
  const bytes = layers.reduce((sum, { size }) => sum + size, 0);
  return { digest, manifestDigest, configDigest, bytes, layers: layers.length };
}

function parsePlatform(text: string): Platform {
  const [, os, architecture, variant] = /^([a-z0-9]+)\/([a-z0-9_]+)(?:\/([a-z0-9]+))?$/.exec(text) ?? [];
  if (os !== undefined && architecture !== undefined) {
    return { os, architecture, ...(variant === undefined ? {} : { variant }) };
  }
  throw new TrimaranError({
    code: 'oci/bad-platform',
    message: `\`${text}\` is no platform`,
    hint: 'write it as linux/amd64 or linux/arm64/v8',
    exitCode: 2,
  });
}
