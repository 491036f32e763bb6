import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeTar } from '../formats/tar-write.ts';
import { isTrimaranError } from '../foundation/error.ts';
import { readArchive } from './archive-read.ts';
import { archiveContents, writeArchive } from './archive-write.ts';
import { readContentsWhole, totalLength } from './content-stream.ts';
import { exampleImage, exampleTree } from './example-image.ts';
import { createImage, type Image } from './image.ts';
import { layerOfFile, openLayer } from './layer.ts';
import { compressLayer } from './layer-compression.ts';
import { writeLayer } from './layer-write.ts';
import { readLayout, writeLayout } from './oci-layout.ts';

let directory: string;
let cacheDirectory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'oci-archive-'));
  cacheDirectory = join(directory, 'cache');
});
afterEach(() => rmSync(directory, { recursive: true }));

const trees = () => [
  exampleTree({ 'etc/': '', 'etc/os-release': 'ID=example\n' }),
  exampleTree({ 'bin/': '', 'bin/app': 'x'.repeat(100_000) }),
];

function identity(image: Image | undefined) {
  return (
    image && {
      config: image.configDigest,
      layers: image.layers.map((layer) => layer.diffId),
      names: image.names,
    }
  );
}

function tarOf(files: Readonly<Record<string, string | Buffer>>): Buffer {
  const entries = Object.entries(files).map(([path, content]) =>
    typeof content === 'string' && content.startsWith('-> ')
      ? ({ kind: 'symlink', path, mode: 0o777, uid: 0, gid: 0, mtime: 1, target: content.slice(3) } as const)
      : ({
          kind: 'file',
          path,
          mode: 0o644,
          uid: 0,
          gid: 0,
          mtime: 1,
          content: { kind: 'bytes', bytes: Buffer.from(content as Buffer) },
        } as const),
  );
  return Buffer.concat([...encodeTar(entries)]);
}

async function layerBytes(image: Image, index: number): Promise<Buffer> {
  return readContentsWhole(image.layers[index]!.content);
}

describe('writeArchive', () => {
  it('writes the same bytes each time, and leaves nothing beside them', async () => {
    const image = await exampleImage(trees());
    await writeArchive([image], join(directory, 'one.tar'));
    await writeArchive([await exampleImage(trees())], join(directory, 'two.tar'));
    const one = readFileSync(join(directory, 'one.tar'));
    expect(readFileSync(join(directory, 'two.tar')).equals(one)).toBe(true);
    expect(one.length).toBe(totalLength(archiveContents([image])));
    expect(createHash('sha256').update(one).digest('hex')).toBe(
      createHash('sha256')
        .update(await readContentsWhole(archiveContents([image])))
        .digest('hex'),
    );
    expect(readdirSync(directory).sort()).toEqual(['one.tar', 'two.tar']);
  });

  it('stores a layer once that two images share', async () => {
    const one = await exampleImage(trees(), { names: ['one'] });
    const two = await exampleImage(trees(), { names: ['two'], config: { Cmd: ['other'] } });
    const file = join(directory, 'both.tar');
    await writeArchive([one, two], file);
    expect(readFileSync(file).length).toBeLessThan(1.5 * totalLength(archiveContents([one])));
    const images = await readArchive(file, { cacheDirectory });
    expect(images.map(identity)).toEqual([identity(one), identity(two)]);
  });

  it('copies layers that lie in files', async () => {
    const layer = await writeLayer(trees()[1]!, { directory: cacheDirectory });
    expect(await layerOfFile(join(cacheDirectory, `${layer.diffId.slice(7)}.tar`))).toEqual(layer);
    const image = createImage({
      platform: { os: 'linux', architecture: 'arm64' },
      layers: [layer],
      names: ['a'],
    });
    const file = join(directory, 'image.tar');
    await writeArchive([image], file);
    expect((await readArchive(file, { cacheDirectory })).map(identity)).toEqual([identity(image)]);
  });

  it('gzips the whole, or single layers', async () => {
    const image = await exampleImage(trees());
    const whole = join(directory, 'whole.tar.gz');
    await writeArchive([image], whole, { compression: 'gzip' });
    expect(gunzipSync(readFileSync(whole)).equals(await readContentsWhole(archiveContents([image])))).toBe(
      true,
    );
    const blobs = await Promise.all(
      image.layers.map((layer) => compressLayer(layer, { directory: join(directory, 'gzip') })),
    );
    const layerBlobs = new Map(image.layers.map((layer, i) => [layer.diffId, blobs[i]!]));
    const file = join(directory, 'layers.tar');
    await writeArchive([image], file, { layerBlobs });
    expect(readFileSync(file).length).toBeLessThan(20_000);
    expect((await readArchive(file, { cacheDirectory })).map(identity)).toEqual([identity(image)]);
  });

  it('fails and leaves nothing when a layer was shortened', async () => {
    const layer = await writeLayer(trees()[1]!, { directory: cacheDirectory });
    truncateSync(join(cacheDirectory, `${layer.diffId.slice(7)}.tar`), 1000);
    const image = createImage({ platform: { os: 'linux', architecture: 'amd64' }, layers: [layer] });
    const file = join(directory, 'image.tar');
    await expect(writeArchive([image], file)).rejects.toThrowError(
      expect.objectContaining({ code: 'oci/file-too-short' }),
    );
    expect(readdirSync(directory)).toEqual(['cache']);
  });
});

describe('readArchive', () => {
  it('reads what writeArchive wrote, layers in place', async () => {
    const image = await exampleImage(trees(), { names: ['localhost:5000/team/app:1', 'app'] });
    const file = join(directory, 'image.tar');
    await writeArchive([image], file);
    const [read] = await readArchive(file, { cacheDirectory });
    expect(identity(read)).toEqual(identity(image));
    expect(read!.layers[0]!.content).toMatchObject([{ kind: 'region', file }]);
    const chunks: Buffer[] = [];
    for await (const chunk of openLayer(read!.layers[1]!)) chunks.push(chunk);
    expect(Buffer.concat(chunks).equals(await layerBytes(image, 1))).toBe(true);
  });

  it('copies layers when asked, and takes a gzipped archive', async () => {
    const image = await exampleImage(trees());
    const file = join(directory, 'image.tar.gz');
    writeFileSync(file, gzipSync(await readContentsWhole(archiveContents([image]))));
    const [read] = await readArchive(file, { cacheDirectory });
    expect(identity(read)).toEqual(identity(image));
    expect(readdirSync(cacheDirectory).sort()).toEqual(
      image.layers.map((l) => `${l.diffId.slice(7)}.tar`).sort(),
    );
    rmSync(file);
    expect((await layerBytes(read!, 1)).equals(await layerBytes(image, 1))).toBe(true);
  });

  it('reads an archive as Docker wrote it before 25, links between layers included', async () => {
    const image = await exampleImage([...trees(), trees()[0]!]);
    const config = `${image.configDigest.slice(7)}.json`;
    const file = join(directory, 'image.tar');
    writeFileSync(
      file,
      tarOf({
        'aaa/VERSION': '1.0',
        'aaa/json': '{}',
        'aaa/layer.tar': await layerBytes(image, 0),
        'bbb/layer.tar': gzipSync(await layerBytes(image, 1)),
        'ccc/layer.tar': '-> ../aaa/layer.tar',
        [config]: image.configBytes,
        'manifest.json': JSON.stringify([
          {
            Config: config,
            RepoTags: ['example:1'],
            Layers: ['aaa/layer.tar', 'bbb/layer.tar', 'ccc/layer.tar'],
          },
        ]),
        repositories: '{}',
      }),
    );
    expect(identity((await readArchive(file, { cacheDirectory }))[0])).toEqual(identity(image));
  });

  it('reads an OCI archive without manifest.json', async () => {
    const image = await exampleImage(trees());
    await writeLayout([image], join(directory, 'layout'));
    const files: Record<string, Buffer> = {};
    for (const name of readdirSync(join(directory, 'layout'), { recursive: true, withFileTypes: true })) {
      if (!name.isFile()) continue;
      const path = join(name.parentPath, name.name);
      files[path.slice(join(directory, 'layout').length + 1)] = readFileSync(path);
    }
    const file = join(directory, 'oci.tar');
    writeFileSync(file, tarOf(files));
    expect(identity((await readArchive(file, { cacheDirectory }))[0])).toEqual(identity(image));
  });

  it('chooses by platform, and says which there are', async () => {
    const file = join(directory, 'image.tar');
    const arm = await exampleImage(trees(), { platform: { os: 'linux', architecture: 'arm64' } });
    await writeArchive([await exampleImage(trees()), arm], file);
    const options = { cacheDirectory, platform: { os: 'linux', architecture: 'arm64' } };
    expect((await readArchive(file, options)).map(identity)).toEqual([identity(arm)]);
    const other = { cacheDirectory, platform: { os: 'linux', architecture: 's390x' } };
    await expect(readArchive(file, other)).rejects.toThrowError(
      expect.objectContaining({ code: 'oci/no-such-platform', hint: 'it has linux/amd64, linux/arm64' }),
    );
  });

  it.each<[string, string, (image: Image) => Promise<Record<string, string | Buffer>>]>([
    ['nothing known', 'oci/bad-archive', async () => ({ x: '1' })],
    ['an ancient archive', 'oci/bad-archive', async () => ({ repositories: '{}' })],
    ['a manifest that is not JSON', 'oci/bad-archive', async () => ({ 'manifest.json': '{' })],
    ['no images', 'oci/bad-archive', async () => ({ 'manifest.json': '[]' })],
    ['no config', 'oci/bad-archive', async () => ({ 'manifest.json': '[{"Config":"c","Layers":[]}]' })],
    [
      'a config that leaves the archive',
      'oci/bad-archive',
      async () => ({ 'manifest.json': '[{"Config":"../../../etc/passwd","Layers":[]}]' }),
    ],
    [
      'a damaged config',
      'oci/digest-mismatch',
      async (image) => {
        const name = `${image.configDigest.slice(7)}.json`;
        return { 'manifest.json': JSON.stringify([{ Config: name, Layers: ['a', 'b'] }]), [name]: '{}' };
      },
    ],
    [
      'a wrong layer',
      'oci/diff-id-mismatch',
      async (image) => ({
        'manifest.json': '[{"Config":"c","Layers":["a","b"]}]',
        c: image.configBytes,
        a: await layerBytes(image, 1),
        b: await layerBytes(image, 1),
      }),
    ],
    [
      'a damaged gzip',
      'oci/bad-compression',
      async (image) => ({
        'manifest.json': '[{"Config":"c","Layers":["a","a"]}]',
        c: image.configBytes,
        a: gzipSync(await layerBytes(image, 0)).subarray(0, 60),
      }),
    ],
    [
      'xz',
      'oci/unsupported-compression',
      async (image) => ({
        'manifest.json': '[{"Config":"c","Layers":["a","a"]}]',
        c: image.configBytes,
        a: Buffer.from('\xfd7zXZ\0', 'latin1'),
      }),
    ],
    [
      'a link that turns in circles',
      'oci/bad-archive',
      async () => ({ 'manifest.json': '-> manifest.json' }),
    ],
    ['a wrong schema', 'oci/bad-manifest', async () => ({ 'index.json': '{"schemaVersion":3}' })],
    ['schema 1', 'oci/unsupported-manifest', async () => ({ 'index.json': '{"schemaVersion":1}' })],
  ])('refuses %s', async (_, code, files) => {
    const file = join(directory, 'image.tar');
    writeFileSync(file, tarOf(await files(await exampleImage(trees()))));
    await expect(readArchive(file, { cacheDirectory })).rejects.toThrowError(
      expect.objectContaining({ code }),
    );
  });

  it('refuses a layer that unpacks to more than is allowed, and keeps none of it', async () => {
    const image = await exampleImage([exampleTree({ zeros: '\0'.repeat(1 << 20) })]);
    const file = join(directory, 'image.tar');
    const layer = gzipSync(await layerBytes(image, 0));
    writeFileSync(
      file,
      tarOf({ 'manifest.json': '[{"Config":"c","Layers":["a"]}]', c: image.configBytes, a: layer }),
    );
    await expect(readArchive(file, { cacheDirectory, maximumLayerSize: 1000 })).rejects.toThrowError(
      expect.objectContaining({ code: 'oci/layer-too-large' }),
    );
    expect(readdirSync(cacheDirectory)).toEqual([]);
  });

  it('never fails but with its own errors, however the archive is damaged', async () => {
    const whole = await readContentsWhole(archiveContents([await exampleImage(trees())]));
    const file = join(directory, 'image.tar');
    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: whole.length - 1 }),
        fc.nat({ max: 255 }),
        fc.boolean(),
        async (at, byte, cut) => {
          const damaged = Buffer.from(cut ? whole.subarray(0, at) : whole);
          if (!cut) damaged[at] = byte;
          writeFileSync(file, damaged);
          try {
            await readArchive(file, { cacheDirectory });
          } catch (error) {
            if (!isTrimaranError(error)) throw error;
          }
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('OCI layout folders', () => {
  it('are read back', async () => {
    const image = await exampleImage(trees(), { names: ['a:1', 'a:2'] });
    const folder = join(directory, 'layout');
    await writeLayout([image], folder);
    expect((await readLayout(folder, { cacheDirectory })).map(identity)).toEqual([identity(image)]);
    expect(readdirSync(folder).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
  });

  it('are not written over', async () => {
    const folder = join(directory, 'layout');
    await writeLayout([await exampleImage(trees())], folder);
    await expect(writeLayout([await exampleImage([])], folder)).rejects.toThrowError(
      expect.objectContaining({ code: 'oci/layout-exists' }),
    );
    expect(readdirSync(directory)).toEqual(['layout']);
  });

  it('say which blob was damaged', async () => {
    const image = await exampleImage(trees());
    const folder = join(directory, 'layout');
    await writeLayout([image], folder);
    writeFileSync(join(folder, 'blobs/sha256', image.configDigest.slice(7)), '{}');
    await expect(readLayout(folder, { cacheDirectory })).rejects.toThrowError(
      expect.objectContaining({ code: 'oci/digest-mismatch' }),
    );
  });
});
