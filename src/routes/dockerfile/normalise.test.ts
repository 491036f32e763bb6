import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { fileTree, type TreeEntry } from '../../foundation/file-tree.ts';
import { readContentsWhole } from '../../oci/content-stream.ts';
import { type ContainerConfig, createImage, type Image } from '../../oci/image.ts';
import { layerEntries } from '../../oci/layer-tree.ts';
import { writeLayer } from '../../oci/layer-write.ts';
import { normaliseImage } from './normalise.ts';

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'trimaran-normalise-'));
});
afterAll(() => rmSync(root, { recursive: true }));

const folder = (path: string, mtime: number): TreeEntry => ({
  kind: 'directory',
  path,
  mode: 0o755,
  uid: 0,
  gid: 0,
  mtime,
});
const file = (path: string, mtime: number): TreeEntry => ({
  ...folder(path, mtime),
  kind: 'file',
  mode: 0o644,
  content: { kind: 'bytes', bytes: Buffer.from(path) },
});

/** An image of layers, each with the step that made it, made normal. */
async function normal(
  steps: readonly (readonly [createdBy: string, entries: TreeEntry[]])[],
  config: ContainerConfig = {},
): Promise<Image> {
  const layers = [];
  for (const [createdBy, entries] of steps)
    layers.push(await writeLayer(fileTree(entries), { directory: join(root, 'raw'), createdBy }));
  const image = createImage({
    platform: { os: 'linux', architecture: 'amd64' },
    layers,
    config,
    names: ['a:1'],
  });
  const options = { epoch: 100, baseLayers: 0, cacheDirectory: join(root, 'layers'), names: ['a:1'] };
  return normaliseImage({
    ...options,
    image,
    restore: (step) => step,
    shells: ['/usr/bin/env bash -euc'],
    argumentValues: new Map([['A', ['b', 'b c']]]),
  });
}

it('gives one image whether WORKDIR made a layer of its own or not', async () => {
  const docker = await normal([
    ['/bin/sh -c #(nop) WORKDIR /app', [folder('app', 500)]],
    ['/bin/sh -c #(nop) COPY file:abc in . ', [folder('app', 600), file('app/x', 600)]],
  ]);
  const buildah = await normal([
    ['/bin/sh -c #(nop) COPY file:abc in . ', [folder('app', 700), file('app/x', 700)]],
  ]);
  expect(docker.configDigest).toBe(buildah.configDigest);
  expect(docker.layers).toHaveLength(1);
});

it('keeps the folder of a last WORKDIR, and leaves out one that a later step removes', async () => {
  const last = await normal([
    ['RUN a', [file('x', 1)]],
    ['WORKDIR /app', [folder('app', 500)]],
  ]);
  expect((await layerEntries(last.layers[1]!)).map(({ path, mtime }) => [path, mtime])).toEqual([
    ['app', 100],
  ]);
  const removed = await normal([
    ['WORKDIR /app', [folder('app', 500)]],
    ['RUN b', [file('.wh.app', 500), file('y', 500)]],
  ]);
  expect((await layerEntries(removed.layers[0]!)).map(({ path }) => path)).toEqual(['y']);
});

it('tells a step in one way, whoever tells it', async () => {
  const steps = {
    'RUN echo a': [
      '/bin/sh -c echo a',
      '|1 A=b c /bin/sh -c echo a',
      'RUN |1 A=b /bin/sh -c echo a # buildkit',
    ],
    'RUN echo "x"': [
      'RUN ["/bin/bash","-euc","echo \\"x\\""]',
      '/bin/bash -euc ["/bin/bash","-euc","echo \\"x\\""]',
      '/bin/bash -euc echo "x"',
      'RUN |2 A=b C=d /bin/bash -euc echo "x" # buildkit',
    ],
    'CMD ["a"]': ['/bin/sh -c #(nop)  CMD ["a"]', '/bin/bash -o pipefail -c #(nop) CMD ["a"]'],
    'COPY /a/': ['/bin/bash -euc #(nop) COPY --chown=33:33file:0 in /a/', 'COPY file:0 in /a/'],
    'RUN cp /m /x': [
      '/bin/sh -c --mount=type=bind,from=a,target=/m --network=none cp /m /x',
      'RUN --mount=type=bind,from=a,target=/m cp /m /x',
      'RUN /bin/sh -c cp /m /x # buildkit',
    ],
    'RUN perl -e 1': [
      '|2 A=b c D=e perl -e 1',
      'RUN |1 A=b perl -e 1 # buildkit',
      'RUN perl -e 1',
      '/usr/bin/env bash -euc perl -e 1',
      '|1 A=b c /usr/bin/env bash -euc perl -e 1',
    ],
    'RUN [ -e /x ]': ['/bin/sh -c [ -e /x ]'],
  };
  for (const [expected, told] of Object.entries(steps))
    for (const step of told) {
      const image = await normal([[step, [file('x', 1)]]]);
      expect(image.layers[0]!.createdBy, step).toBe(expected);
    }
});

it('leaves out what engines and the build itself lay into a stage', async () => {
  const settings = '.trimaran-apt-3f1c';
  const plain = await normal([['RUN a', [folder('run', 1), file('x', 500)]]]);
  const touched = await normal([
    ['COPY a b', [folder(settings, 1), file(`${settings}/apt.conf`, 1)]],
    ['RUN a', [folder('run', 700), file('run/.containerenv', 700), file('x', 600)]],
    ['RUN b', [file(`.wh.${settings}`, 600)]],
  ]);
  expect(touched.configDigest).toBe(plain.configDigest);
  const copied = await normal([['COPY a b', [folder('out', 1), file(`out/${settings}/apt.conf`, 1)]]]);
  expect((await layerEntries(copied.layers[0]!)).map(({ path }) => path)).toEqual(['out']);
});

it('names each port of a range', async () => {
  const image = await normal([['RUN a', [file('x', 1)]]], {
    ExposedPorts: { '80/tcp': {}, '100-102/tcp': {}, '7-8/udp': {} },
  });
  expect(Object.keys(image.config.config!.ExposedPorts!).sort()).toEqual([
    '100/tcp',
    '101/tcp',
    '102/tcp',
    '7/udp',
    '8/udp',
    '80/tcp',
  ]);
});

it('leaves out logs and caches of a whole system that was copied below a folder, and nothing that is only like one', async () => {
  const image = await normal([
    [
      'COPY --from=x / /sub',
      [
        folder('sub', 1),
        file('sub/var/lib/dpkg/status', 1),
        file('sub/var/log/apt/history.log', 500),
        file('sub/var/cache/ldconfig/aux-cache', 500),
        file('sub/etc/passwd-', 500),
        folder('sub/etc', 1),
        file('sub/etc/hostname', 1),
        {
          ...file('sub/etc/hosts', 1),
          kind: 'file',
          content: { kind: 'bytes', bytes: new Uint8Array(0) },
        },
        {
          ...file('sub/etc/shadow', 1),
          kind: 'file',
          content: { kind: 'bytes', bytes: Buffer.from('root:*:19999:0:99999:7:::\n') },
        },
        file('srv/var/log/apt/history.log', 1),
      ],
    ],
  ]);
  const entries = await layerEntries(image.layers[0]!);
  expect(entries.filter(({ kind }) => kind === 'file').map(({ path }) => path)).toEqual([
    'srv/var/log/apt/history.log',
    'sub/etc/hostname',
    'sub/etc/shadow',
    'sub/var/lib/dpkg/status',
  ]);
  expect(entries.find(({ path }) => path === 'sub/etc')!.mtime).toBe(100);
  const shadow = entries.find(({ path }) => path === 'sub/etc/shadow');
  if (shadow?.kind !== 'file') throw new Error('no file');
  expect(String(await readContentsWhole([shadow.content]))).toBe('root:*:0:0:99999:7:::\n');
});

it('keeps a folder that was there before a step mounted something over it', async () => {
  const base = ['RUN a', [folder('var', 1), folder('var/cache', 1), file('var/cache/x', 1)]] as const;
  const image = await normal([
    [base[0], [...base[1]]],
    [
      '/bin/sh -c --mount=type=cache,target=/var/cache/ --mount=type=tmpfs,dst=/none make',
      [file('var/.wh.cache', 500), file('y', 1)],
    ],
    ['/bin/sh -c rm -r /var/cache', [file('var/.wh.cache', 500)]],
  ]);
  const paths = await Promise.all(
    image.layers.map(async (layer) => (await layerEntries(layer)).map(({ path }) => path)),
  );
  expect(paths.slice(1)).toEqual([['y'], ['var', 'var/.wh.cache']]);
});
