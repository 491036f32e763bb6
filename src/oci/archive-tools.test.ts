// What other tools read in our archives: skopeo, umoci, Podman and a Docker engine must all see the same image.
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readArchive } from './archive-read.ts';
import { writeArchive } from './archive-write.ts';
import {
  connectEngine,
  inspectEngineImage,
  loadImages,
  readEngineImage,
  removeEngineImage,
  saveEngineImages,
  tagEngineImage,
} from './engine.ts';
import { exampleImage, exampleTree } from './example-image.ts';
import { createImage, diffIds, type Image } from './image.ts';
import { layerOfTree } from './layer-write.ts';
import { writeLayout } from './oci-layout.ts';
import { parseReference } from './reference.ts';
import { output, requiredTool, requiredVariable } from './required-tool.ts';

let directory: string;
let archive: string;
let image: Image;
const name = `trimaran-test-${process.pid}`;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'oci-tools-'));
  archive = join(directory, 'image.tar');
  image = await exampleImage(
    [
      exampleTree({ 'etc/': '', 'etc/os-release': 'ID=example\n', 'etc/link': '-> os-release' }),
      exampleTree({ 'srv/': '', 'srv/data': 'x'.repeat(2_000_000), 'srv/same': '=> srv/data' }),
    ],
    { names: [`${name}:1`, name] },
  );
  await writeArchive([image], archive);
});
afterAll(() => rmSync(directory, { recursive: true }));

interface SkopeoConfig {
  rootfs: { diff_ids: string[] };
}

describe('an archive of ours', () => {
  it.for(['docker-archive', 'oci-archive'])('is read by skopeo as %s', async (transport, context) => {
    const skopeo = requiredTool(context, 'skopeo');
    const source = `${transport}:${archive}${transport === 'oci-archive' ? ':1' : `:${name}:1`}`;
    const config = await output(skopeo, ['inspect', '--config', '--raw', source]);
    expect(Buffer.from(config).equals(image.configBytes)).toBe(true);
    // Copying reads and checks every layer.
    const target = join(directory, `skopeo-${transport}`);
    await output(skopeo, ['copy', '--insecure-policy', source, `dir:${target}`]);
    const manifest = JSON.parse(readFileSync(join(target, 'manifest.json'), 'utf8'));
    expect(manifest.config.digest).toBe(image.configDigest);
    expect((JSON.parse(config) as SkopeoConfig).rootfs.diff_ids).toEqual(diffIds(image));
  });

  it('is read by umoci as an OCI layout', async (context) => {
    const umoci = requiredTool(context, 'umoci');
    const layout = join(directory, 'umoci');
    await writeLayout([image], layout);
    expect((await output(umoci, ['ls', '--layout', layout])).trim().split('\n').sort()).toEqual([
      '1',
      'latest',
    ]);
    const stat = JSON.parse(await output(umoci, ['stat', '--json', '--image', `${layout}:1`]));
    const layers = stat.history.map((entry: { layer: { digest: string } }) => entry.layer.digest);
    expect(layers).toEqual(diffIds(image));
    const bundle = join(directory, 'bundle');
    await output(umoci, ['unpack', '--rootless', '--image', `${layout}:1`, bundle]);
    expect(readFileSync(join(bundle, 'rootfs/srv/same'), 'utf8')).toHaveLength(2_000_000);
  });

  it('is loaded by Podman', async (context) => {
    const podman = requiredTool(context, 'podman');
    const storage = ['--root', join(directory, 'podman'), '--runroot', join(directory, 'podman-run')];
    const run = (...args: string[]) => output(podman, [...storage, '--storage-driver', 'vfs', ...args]);
    await run('load', '-i', archive);
    const [read] = JSON.parse(await run('image', 'inspect', `localhost/${name}:1`));
    expect(`sha256:${read.Id}`).toBe(image.configDigest);
    expect(read.RootFS.Layers).toEqual(diffIds(image));
    await run('rmi', '--all', '--force');
  });

  it('is loaded by the Docker CLI', async (context) => {
    const docker = requiredTool(context, 'docker');
    const host = requiredVariable(context, 'TRIMARAN_TEST_DOCKER_HOST');
    const run = (...args: string[]) => output(docker, ['-H', host, ...args]);
    await run('load', '-i', archive);
    const [read] = JSON.parse(await run('image', 'inspect', `${name}:1`));
    expect(read.Id).toBe(image.configDigest);
    expect(read.RootFS.Layers).toEqual(diffIds(image));
    await run('rmi', `${name}:1`, `${name}:latest`);
  });
});

describe('archives of other tools', () => {
  it.for(['docker-archive', 'oci-archive'])(
    'are read as skopeo writes them, %s',
    async (transport, context) => {
      const skopeo = requiredTool(context, 'skopeo');
      const file = join(directory, `by-skopeo-${transport}.tar`);
      const source = `docker-archive:${archive}:${name}:1`;
      await output(skopeo, ['copy', '--insecure-policy', source, `${transport}:${file}:localhost/again:2`]);
      const [read] = await readArchive(file, { cacheDirectory: join(directory, `cache-${transport}`) });
      expect(read!.configDigest).toBe(image.configDigest);
      expect(diffIds(read!)).toEqual(diffIds(image));
      expect(read!.names).toEqual([parseReference('localhost/again:2')]);
    },
  );

  it.for(['gzip', 'zstd'])('are read with layers in %s', async (format, context) => {
    const skopeo = requiredTool(context, 'skopeo');
    const file = join(directory, `${format}.tar`);
    const options = ['--insecure-policy', '--dest-compress', '--dest-compress-format', format];
    await output(skopeo, [
      'copy',
      ...options,
      `docker-archive:${archive}:${name}:1`,
      `oci-archive:${file}:x:1`,
    ]);
    const [read] = await readArchive(file, { cacheDirectory: join(directory, `cache-${format}`) });
    expect(read!.configDigest).toBe(image.configDigest);
    expect(diffIds(read!)).toEqual(diffIds(image));
  });
});

describe('a Docker engine', () => {
  it('loads, tags, saves and removes images, and is sent only the layers it lacks', async (context) => {
    const DOCKER_HOST = requiredVariable(context, 'TRIMARAN_TEST_DOCKER_HOST');
    const engine = await connectEngine({ env: { DOCKER_HOST } });
    expect(engine.product).toBe('docker');
    const first = await loadImages(engine, [image]);
    expect(first.names).toEqual([`${name}:1`, `${name}:latest`]);
    expect(await inspectEngineImage(engine, `${name}:1`)).toMatchObject({
      id: image.configDigest,
      diffIds: diffIds(image),
      architecture: 'amd64',
    });
    expect(await loadImages(engine, [image])).toMatchObject({ bytesSent: 0 });

    const layer = await layerOfTree(exampleTree({ 'srv/new': 'y' }));
    const next = createImage({
      platform: { os: 'linux', architecture: 'amd64' },
      layers: [...image.layers, layer],
      names: [`${name}:2`],
    });
    const second = await loadImages(engine, [next]);
    expect(second.layersSkipped).toBe(2);
    expect(second.bytesSent).toBeLessThan(20_000);
    expect(await inspectEngineImage(engine, `${name}:2`)).toMatchObject({ id: next.configDigest });

    const cacheDirectory = join(directory, 'cache-saved');
    const saved = await readEngineImage(engine, { name: `${name}:2`, cacheDirectory });
    expect(saved.configDigest).toBe(next.configDigest);
    expect(saved.names).toEqual(next.names);
    expect(readdirSync(cacheDirectory).sort()).toEqual(
      next.layers.map((l) => `${l.diffId.slice(7)}.tar`).sort(),
    );

    await tagEngineImage(engine, { image: `${name}:2`, name: parseReference(`${name}:3`) });
    expect([...(await inspectEngineImage(engine, `${name}:3`))!.names].sort()).toEqual([
      `${name}:2`,
      `${name}:3`,
    ]);
    for (const tag of ['1', 'latest', '2', '3']) await removeEngineImage(engine, `${name}:${tag}`);
    expect(await inspectEngineImage(engine, `${name}:1`)).toBeUndefined();
    await expect(removeEngineImage(engine, `${name}:1`)).rejects.toThrowError(
      expect.objectContaining({ code: 'oci/engine-no-image' }),
    );
  });
});

describe('Podman’s service', () => {
  it('loads, inspects and saves images as Docker does', async (context) => {
    const podman = requiredTool(context, 'podman');
    const socket = join(directory, 'podman.sock');
    const storage = ['--root', join(directory, 'service'), '--runroot', join(directory, 'service-run')];
    const args = [
      ...storage,
      '--storage-driver',
      'vfs',
      'system',
      'service',
      '--time',
      '0',
      `unix://${socket}`,
    ];
    const child = spawn(podman, args, { stdio: 'ignore' });
    const ended = new Promise((resolve) => child.once('close', resolve));
    try {
      const env = { DOCKER_HOST: `unix://${socket}` };
      let engine = await connectEngine({ env }).catch(() => undefined);
      for (let attempt = 0; engine === undefined && attempt < 100; attempt++) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        engine = await connectEngine({ env }).catch(() => undefined);
      }
      expect(engine).toMatchObject({ product: 'podman', imageStore: 'podman' });
      const loaded = await loadImages(engine!, [image]);
      expect(loaded.names).toContain(`localhost/${name}:1`);
      expect(await inspectEngineImage(engine!, `localhost/${name}:1`)).toMatchObject({
        id: image.configDigest,
        diffIds: diffIds(image),
      });
      const file = join(directory, 'by-podman.tar');
      await saveEngineImages(engine!, { names: [`localhost/${name}:1`], file });
      const [saved] = await readArchive(file, { cacheDirectory: join(directory, 'cache-podman') });
      expect(saved!.configDigest).toBe(image.configDigest);
      for (const tag of ['1', 'latest']) await removeEngineImage(engine!, `localhost/${name}:${tag}`);
      expect(await inspectEngineImage(engine!, `localhost/${name}:1`)).toBeUndefined();
    } finally {
      child.kill();
      await ended;
    }
  });
});
