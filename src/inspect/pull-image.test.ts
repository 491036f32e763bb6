import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Host, silentProgress } from '../foundation/host.ts';
import { readArchive } from '../oci/archive-read.ts';
import { exampleImage, exampleTree } from '../oci/example-image.ts';
import { diffIds, type Image } from '../oci/image.ts';
import { readLayout } from '../oci/oci-layout.ts';
import { parseReference } from '../oci/reference.ts';
import { pushImage } from '../oci/registry-push.ts';
import { type RegistryServer, startRegistry } from '../oci/registry-server.ts';
import { openRegistries } from '../oci/registry-settings.ts';
import { openImage } from './open-image.ts';
import { pullNamedImage } from './pull-image.ts';

let directory: string;
let registry: RegistryServer;
let image: Image;
let host: Host;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'pull-'));
  registry = await startRegistry({});
  host = {
    env: { DOCKER_CONFIG: directory, XDG_CACHE_HOME: join(directory, 'cache') },
    cwd: directory,
    fetch,
    now: Date.now,
    run: async () => ({ exitCode: 1, stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) }),
    which: () => undefined,
    progress: silentProgress,
  };
  image = await exampleImage([exampleTree({ 'a/': '', 'a/b': 'x'.repeat(100_000) })]);
  const reference = parseReference(`${registry.address}/team/app:1`);
  await pushImage(openRegistries({ host }), { image, reference, cacheDirectory: join(directory, 'gzip') });
});
afterEach(async () => {
  await registry.close();
  rmSync(directory, { recursive: true });
});

const pull = (output?: string, platform = 'linux/amd64') =>
  pullNamedImage(host, {
    reference: `docker://${registry.address}/team/app:1`,
    platform,
    ...(output === undefined ? {} : { output: join(directory, output) }),
  });

it('keeps an image in the cache, for those that open it', async () => {
  const pulled = await pull();
  expect(pulled).toMatchObject({ configDigest: image.configDigest, layers: 1 });
  const before = registry.requests.length;
  const opened = await openImage(host, `docker://${registry.address}/team/app:1`);
  expect(diffIds(opened)).toEqual(diffIds(image));
  const layer = registry.requests
    .slice(before)
    .filter((line) => line.includes('/blobs/') && !line.includes(image.configDigest));
  expect(layer).toEqual([]);
});

it('writes an archive, or a layout whose manifest is the registry’s own', async () => {
  const options = { cacheDirectory: join(directory, 'read') };
  const { manifestDigest } = await pull('app.tar');
  const [archived] = await readArchive(join(directory, 'app.tar'), options);
  expect(archived!.configDigest).toBe(image.configDigest);
  expect((await pull('layout')).manifestDigest).toBe(manifestDigest);
  const [laid] = await readLayout(join(directory, 'layout'), options);
  expect(diffIds(laid!)).toEqual(diffIds(image));
  await expect(pull('layout')).rejects.toMatchObject({ code: 'oci/layout-exists' });
});

it('refuses what is no platform, and one that the image is not for', async () => {
  await expect(pull('x.tar', 'amd64')).rejects.toMatchObject({ code: 'oci/bad-platform', exitCode: 2 });
  await expect(pull('x.tar', 'linux/s390x')).rejects.toMatchObject({ code: 'oci/no-such-platform' });
  expect(existsSync(join(directory, 'x.tar'))).toBe(false);
});
