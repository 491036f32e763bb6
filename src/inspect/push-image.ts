// Sends an image that can be found here to a registry.
import { join } from 'node:path';
import type { Host } from '../foundation/host.ts';
import { parseReference } from '../oci/reference.ts';
import { type PushedImage, pushImage } from '../oci/registry-push.ts';
import { openRegistries } from '../oci/registry-settings.ts';
import { trimaranRoot } from '../sets/cache-root.ts';
import { openImage } from './open-image.ts';

/** Pushes the image that `name` means to `openImage`. Rejects as `openImage` and `pushImage`. */
export async function pushNamedImage(
  host: Host,
  {
    name,
    reference,
    mountFrom = [],
  }: {
    readonly name: string;
    readonly reference: string;
    /** Repositories of the same registry that may have some of the layers. */
    readonly mountFrom?: readonly string[];
  },
): Promise<PushedImage> {
  const target = parseReference(reference);
  const image = await openImage(host, name);
  return pushImage(openRegistries({ host }), {
    image,
    reference: target,
    mountFrom,
    cacheDirectory: join(trimaranRoot(host), 'layers'),
  });
}
