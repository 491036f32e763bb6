import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { exampleTree } from '../../oci/example-image.ts';
import { createImage } from '../../oci/image.ts';
import { writeLayer } from '../../oci/layer-write.ts';
import { compareBuilds } from './difference.ts';

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'trimaran-difference-'));
});
afterAll(() => rmSync(root, { recursive: true }));

async function imageOf(files: Record<string, string>) {
  const layer = await writeLayer(exampleTree(files), { directory: root });
  return createImage({ platform: { os: 'linux', architecture: 'amd64' }, layers: [layer], names: ['a:1'] });
}

it('names the file, the bytes and the likely cause, of names as well', async () => {
  const one = await imageOf({
    'etc/built': 'at 1795351279\n',
    'opt/app-20261122/x': 'same',
    'srv/9f86d081884c7d65': '',
    same: 'same',
  });
  const other = await imageOf({
    'etc/built': 'at 1795351301\n',
    'opt/app-20261123/x': 'same',
    'srv/2c26b46b68ffc68f': '',
    same: 'same',
  });
  const found = await compareBuilds([one, other], []);
  expect(found!.layers).toEqual([0]);
  expect(found!.files.map(({ path, change, cause }) => `${change} ${path}: ${cause}`).sort()).toEqual([
    'added opt/app-20261123/x: unknown',
    'added opt/app-20261123: timestamp',
    'added srv/2c26b46b68ffc68f: random',
    'changed etc/built: timestamp',
    'removed opt/app-20261122/x: unknown',
    'removed opt/app-20261122: timestamp',
    'removed srv/9f86d081884c7d65: random',
  ]);
  expect(found!.files.find(({ path }) => path === 'etc/built')).toMatchObject({
    offset: 10,
    before: Buffer.from('279\n').toString('hex'),
    after: Buffer.from('301\n').toString('hex'),
  });
  expect(await compareBuilds([one, one], [])).toBeUndefined();
});
