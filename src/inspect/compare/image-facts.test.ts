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

it('reads what Alpine and Node packages say of themselves', async () => {
  const database = `C:Q1abc=
P:musl
V:1.2.5-r0
A:x86_64
T:the musl c library
U:https://musl.libc.org/
L:MIT
o:musl
m:Timo <t@example.org>
p:so:libc.musl-x86_64.so.1=1
F:lib
R:ld-musl-x86_64.so.1

P:busybox-binsh
V:1.36.1-r29
A:x86_64
L:GPL-2.0-only
o:busybox
D:so:libc.musl-x86_64.so.1 nothing>=1
F:bin
R:sh

broken
`;
  const made = await image([
    directory('lib/apk/db'),
    file('lib/apk/db/installed', database),
    file('lib/ld-musl-x86_64.so.1', '12345'),
    file('bin/sh', '1', 0o755),
    file('etc/os-release', 'ID=alpine\nVERSION_ID=3.20.1\n'),
    file(
      'app/node_modules/@scope/one/package.json',
      '{"name":"@scope/one","version":"1.0.0","license":"MIT","dependencies":{"two":"*","gone":"*"}}',
    ),
    file('app/node_modules/@scope/one/index.js', '1234'),
    file('app/node_modules/two/package.json', '{"name":"two","version":"2.0.0"}'),
    file('app/node_modules/@scope/one/node_modules/two/package.json', '{"name":"two","version":"1.0.0"}'),
    file('app/node_modules/broken/package.json', '{'),
    file('app/package.json', '{"name":"app","version":"0.0.1"}'),
    file(
      'usr/share/doc/x/copyright',
      'See /usr/share/common-licenses/GPL-2, and "/usr/share/common-licenses/LGPL-2.1".',
    ),
    file('var/lib/dpkg/status', status('x')),
  ]);
  const { facts } = await examineImage({ env: { XDG_CACHE_HOME: join(folder, 'cache') } }, made);
  expect(
    facts.packages.map(({ manager, name, version, depends }) => [manager, name, version, depends]),
  ).toEqual([
    ['alpine', 'busybox-binsh', '1.36.1-r29', ['musl']],
    ['alpine', 'musl', '1.2.5-r0', []],
    ['debian', 'x', '1.0-1', []],
    ['npm', '@scope/one', '1.0.0', ['two']],
    ['npm', 'two', '1.0.0', []],
  ]);
  const [shell, musl, x, one] = facts.packages;
  expect(shell).toMatchObject({ licences: ['GPL-2.0-only'], source: 'busybox', size: 1, files: 1 });
  expect(musl).toMatchObject({ licences: ['MIT'], supplier: 'Timo <t@example.org>', size: 5 });
  expect(musl).not.toHaveProperty('listed');
  expect(x!.licences).toEqual(['GPL-2', 'LGPL-2.1']);
  expect(one).toMatchObject({ licences: ['MIT'], files: 2 });
  expect(facts.distribution).toBe('alpine-3.20.1');
});
