// Sends an image that can be found here to a registry.
import { join } from 'node:path';
import type { Host } from '../foundation/host.ts';
import { parseReference } from '../oci/reference.ts';
import { type PushedImage, pushImage } from '../oci/registry-push.ts';
import { RegistrySession } from '../oci/registry-session.ts';
import { trimaranRoot } from '../sets/cache-root.ts';
import { openImage } from './open-image.ts';

/** Pushes the image that `name` means to `openImage`. Rejects as `openImage` and `pushImage`. */
export async function pushNamedImage(
  host: Host,
  { name, reference }: { readonly name: string; readonly reference: string },
): Promise<PushedImage> {
  const target = parseReference(reference);
  const image = await openImage(host, name);
  return pushImage(new RegistrySession({ host }), {
    image,
    reference: target,
    cacheDirectory: join(trimaranRoot(host), 'layers'),
  });
}
