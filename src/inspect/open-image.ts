// Finds an image by what people type: an archive or layout on disk, or a name that an engine or a registry knows.
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { TrimaranError } from '../foundation/error.ts';
import type { Host } from '../foundation/host.ts';
import { readArchive } from '../oci/archive-read.ts';
import { connectEngine, inspectEngineImage, saveEngineImages } from '../oci/engine.ts';
import type { Image } from '../oci/image.ts';
import { readLayout } from '../oci/oci-layout.ts';
import { parseReference } from '../oci/reference.ts';
import { pullImage } from '../oci/registry-pull.ts';
import { openRegistries } from '../oci/registry-settings.ts';
import { trimaranRoot } from '../sets/cache-root.ts';

/**
 * Opens an image: an archive, a layout, an engine's, or with `docker://` or `registry:` before the reference a registry's.
 * Rejects with `inspect/no-such-image`, `oci/…` and system errors.
 */
export async function openImage(host: Host, name: string): Promise<Image> {
  const remote = /^(?:docker:\/\/|registry:)(.+)$/.exec(name)?.[1];
  if (remote !== undefined) return openRemoteImage(host, remote);
  const options = { cacheDirectory: join(trimaranRoot(host), 'layers') };
  const only = (images: readonly Image[]) => {
    if (images[0] !== undefined) return images[0];
    throw new TrimaranError({
      code: 'inspect/no-such-image',
      message: `${name} holds no image`,
      exitCode: 4,
    });
  };
  if (existsSync(name)) {
    return only(
      statSync(name).isDirectory() ? await readLayout(name, options) : await readArchive(name, options),
    );
  }
  if (name.includes('/') && name.endsWith('.tar')) throw noSuchImage(name);
  const engine = await connectEngine(host);
  if ((await inspectEngineImage(engine, name)) === undefined) throw noSuchImage(name);
  const archive = join(trimaranRoot(host), 'saved', `${name.replace(/[^A-Za-z0-9._-]/g, '_')}.tar`);
  await saveEngineImages(engine, { names: [name], file: archive });
  return only(await readArchive(archive, options));
}

async function openRemoteImage(host: Host, reference: string): Promise<Image> {
  const { image } = await pullImage(openRegistries({ host }), {
    reference: parseReference(reference),
    platform: { os: 'linux', architecture: process.arch === 'arm64' ? 'arm64' : 'amd64' },
    cacheDirectory: join(trimaranRoot(host), 'layers'),
  });
  return image;
}

function noSuchImage(name: string): TrimaranError {
  return new TrimaranError({
    code: 'inspect/no-such-image',
    message: `there is no image \`${name}\`: no such file, and the engine does not know it`,
    hint: 'build it with `trimaran build`, or name an archive such as ./result',
    exitCode: 4,
  });
}
