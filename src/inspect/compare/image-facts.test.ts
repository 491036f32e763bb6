import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { fileTree, type TreeEntry } from '../../foundation/file-tree.ts';
import { createImage } from '../../oci/image.ts';
import { writeLayer } from '../../oci/layer-write.ts';
import { examineImage, imagePaths } from './image-facts.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'trimaran-facts-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const common = { uid: 0, gid: 0, mtime: 1 };
const file = (path: string, text: string, mode = 0o644): TreeEntry => ({
  ...common,
  kind: 'file',
  path,
  mode,
  content: { kind: 'bytes', bytes: Buffer.from(text) },
});
const directory = (path: string, mode = 0o755): TreeEntry => ({ ...common, kind: 'directory', path, mode });

const status = (name: string, more = '') =>
  `Package: ${name}\nStatus: install ok installed\nVersion: 1.0-1\nArchitecture: amd64\n${more}`;

const copyright = `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: alpha

Files: *
Copyright: 2020 somebody
License: GPL-2+

Files: lib/*
Copyright: 2020 somebody
License: Expat

License: GPL-2+
 It is free.
`;

async function image(...layers: TreeEntry[][]) {
  const written = [];
  for (const entries of layers)
    written.push(await writeLayer(fileTree(entries), { directory: folder, comment: 'made here' }));
  return createImage({ platform: { os: 'linux', architecture: 'amd64' }, layers: written, names: ['facts'] });
}

it('tells packages, whose files are whose, and what deserves a look', async () => {
  const made = await image(
    [
      directory('var/lib/dpkg/status.d'),
      file(
        'var/lib/dpkg/status.d/alpha',
        status('alpha', 'Depends: beta-api | nothing, gone\nMaintainer: A <a@b>\n'),
      ),
      file('usr/bin/alpha', '12345'),
      { ...common, kind: 'symlink', path: 'usr/share/doc/alpha', mode: 0o777, target: 'beta' },
      file('usr/share/doc/beta/copyright', copyright),
    ],
    [
      file('var/lib/dpkg/status', `${status('beta', 'Provides: beta-api\n')}\n${status('gamma')}`),
      file('var/lib/dpkg/info/beta.list', '/.\n/lib\n/lib/beta.so\n'),
      file('usr/lib/beta.so', '123'),
      file('usr/lib/__pycache__/x.cpython-311.pyc', 'pyc'),
      file('usr/bin/su', 'root', 0o4755),
      file('usr/bin/sh', 'sh', 0o755),
      directory('tmp', 0o1777),
      directory('open', 0o777),
      file('etc/os-release', 'NAME="x"\nID=debian\nVERSION_ID="12"\n'),
      file(
        'usr/local/lib/python3.11/site-packages/Some_Thing-2.1.dist-info/METADATA',
        'Metadata-Version: 2.1\nName: Some_Thing\nVersion: 2.1\nLicense-Expression: MIT\nRequires-Dist: other; extra == "x"\n\nVersion: no',
      ),
      file(
        'usr/local/lib/python3.11/site-packages/Some_Thing-2.1.dist-info/RECORD',
        'some_thing.py,sha256=x,4\n../../../bin/some,,\n',
      ),
      file('usr/local/lib/python3.11/site-packages/some_thing.py', '1234'),
      file('usr/local/bin/some', '12'),
    ],
  );
  const host = { env: { XDG_CACHE_HOME: join(folder, 'cache') } };
  const { facts } = await examineImage(host, made);
  expect(facts.packages.map((item) => [item.manager, item.name, item.depends])).toEqual([
    ['debian', 'alpha', ['beta']],
    ['debian', 'beta', []],
    ['debian', 'gamma', []],
    ['python', 'Some_Thing', []],
  ]);
  const [alpha, beta, , python] = facts.packages;
  expect(alpha).toMatchObject({ licences: ['Expat', 'GPL-2+'], supplier: 'A <a@b>' });
  expect(Object.keys(alpha!.layers)).toEqual(['0']);
  expect(beta!.layers).toEqual({ 1: 3 + '/.\n/lib\n/lib/beta.so\n'.length });
  expect(python).toMatchObject({ version: '2.1', licences: ['MIT'], files: 4 });
  expect(facts).toMatchObject({
    distribution: 'debian-12',
    setId: ['/usr/bin/su'],
    worldWritable: ['/open'],
    shells: ['/usr/bin/sh'],
  });
  expect(imagePaths(host, made.configDigest)).toContain('usr/bin/alpha');
  // The second time nothing is read but what was kept.
  expect((await examineImage(host, made)).facts).toEqual(facts);
});
