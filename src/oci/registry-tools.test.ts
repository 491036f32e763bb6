// Our client against the reference registry, and skopeo against our own: each must see what the other put there.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { silentProgress } from '../foundation/host.ts';
import { readArchive } from './archive-read.ts';
import { writeArchive } from './archive-write.ts';
import { exampleImage, exampleTree } from './example-image.ts';
import { diffIds, type Image } from './image.ts';
import { parseReference } from './reference.ts';
import { resolveReference } from './registry-image.ts';
import { startRegistryProcess } from './registry-process.ts';
import { pullImage } from './registry-pull.ts';
import { pushImage } from './registry-push.ts';
import { startRegistry } from './registry-server.ts';
import { RegistrySession } from './registry-session.ts';
import { output, requiredTool } from './required-tool.ts';

let directory: string;
let image: Image;
const stops: (() => Promise<void>)[] = [];
const platform = { os: 'linux', architecture: 'amd64' };

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'oci-registry-tools-'));
  const text = (seed: number) => Array.from({ length: 300_000 }, (_, i) => (i * seed) % 97).join(' ');
  image = await exampleImage([exampleTree({ a: text(31) }), exampleTree({ b: text(57), 'c/': '' })]);
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});
afterAll(() => rmSync(directory, { recursive: true }));

const session = () =>
  new RegistrySession({
    host: {
      fetch,
      env: { DOCKER_CONFIG: directory },
      run: async () => ({ exitCode: 1, stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) }),
      progress: silentProgress,
    },
  });

interface Context {
  skip(note?: string): void;
  readonly task: { readonly id: string };
}

async function registryOf(kind: string, context: Context): Promise<string> {
  if (kind === 'our registry') {
    const server = await startRegistry();
    stops.push(() => server.close());
    return server.address;
  }
  const folder = join(directory, `registry-${context.task.id}`);
  const server = await startRegistryProcess(requiredTool(context, 'docker-registry'), folder);
  stops.push(() => server.stop());
  return server.address;
}

describe.each(['our registry', 'docker-registry'])('%s', (kind) => {
  it('takes a push of ours, which skopeo reads', async (context) => {
    const skopeo = requiredTool(context, 'skopeo');
    const address = await registryOf(kind, context);
    const reference = parseReference(`${address}/team/app:1`);
    const pushed = await pushImage(session(), { image, reference, cacheDirectory: join(directory, 'gzip') });
    const source = `docker://${address}/team/app:1`;
    const flags = ['--tls-verify=false'];
    expect(JSON.parse(await output(skopeo, ['inspect', ...flags, source])).Digest).toBe(pushed.digest);
    expect(await output(skopeo, ['inspect', '--raw', '--config', ...flags, source])).toBe(
      image.configBytes.toString(),
    );
    const file = join(directory, `${context.task.id}.tar`);
    await output(skopeo, [
      'copy',
      '--insecure-policy',
      '--src-tls-verify=false',
      source,
      `oci-archive:${file}:a:1`,
    ]);
    const [read] = await readArchive(file, { cacheDirectory: join(directory, `cache-${context.task.id}`) });
    expect(read!.configDigest).toBe(image.configDigest);
    expect(diffIds(read!)).toEqual(diffIds(image));
  });

  it('gives us what skopeo pushed', async (context) => {
    const skopeo = requiredTool(context, 'skopeo');
    const address = await registryOf(kind, context);
    const file = join(directory, `${context.task.id}.tar`);
    await writeArchive([image], file);
    const target = `docker://${address}/app:2`;
    await output(skopeo, [
      'copy',
      '--insecure-policy',
      '--dest-tls-verify=false',
      `oci-archive:${file}:1`,
      target,
    ]);
    const reference = parseReference(`${address}/app:2`);
    const cacheDirectory = join(directory, `cache-${context.task.id}`);
    const pulled = await pullImage(session(), { reference, platform, cacheDirectory });
    expect(pulled.image.configDigest).toBe(image.configDigest);
    expect(diffIds(pulled.image)).toEqual(diffIds(image));
    expect((await resolveReference(session(), reference)).digest).toBe(pulled.digest);
  });

  it('takes chunks, mounts, and pushes of nothing new', async (context) => {
    const address = await registryOf(kind, context);
    const push = (name: string, options = {}) =>
      pushImage(session(), {
        image,
        reference: parseReference(`${address}/${name}`),
        cacheDirectory: join(directory, 'gzip'),
        ...options,
      });
    const first = await push('one', { chunkSize: 50_000 });
    expect(first.blobs).toEqual({ sent: 3, mounted: 0, present: 0 });
    expect(await push('one:again')).toMatchObject({ digest: first.digest, blobs: { present: 3 } });
    expect(await push('two', { mountFrom: ['one'] })).toMatchObject({ bytesSent: 0, blobs: { mounted: 3 } });
    expect((await push('three', { compression: 'none' })).digest).not.toBe(first.digest);
  });

  it('says that an image is not there', async (context) => {
    const address = await registryOf(kind, context);
    const reference = parseReference(`${address}/nothing`);
    await expect(
      pullImage(session(), { reference, platform, cacheDirectory: join(directory, 'none') }),
    ).rejects.toThrowError(expect.objectContaining({ code: 'oci/registry-not-found' }));
  });
});
