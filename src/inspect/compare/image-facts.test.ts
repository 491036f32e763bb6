import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { fileTree, type TreeEntry } from '../../foundation/file-tree.ts';
import { createImage } from '../../oci/image.ts';
import { writeLayer } from '../../oci/layer-write.ts';
import { examineImage, imagePaths } from './image-facts.ts';
import { readRpmDatabase } from './rpm-database.ts';
import { readRpmHeader } from './rpm-header.ts';

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

const databases = JSON.parse(
  readFileSync(new URL('../../../test/resources/rpm-databases.json', import.meta.url), 'utf8'),
) as Record<'sqlite' | 'berkeley', string>;
const database = (kind: 'sqlite' | 'berkeley') =>
  brotliDecompressSync(Buffer.from(databases[kind], 'base64'));
const binary = (path: string, bytes: Buffer): TreeEntry => ({
  ...(file(path, '') as Extract<TreeEntry, { kind: 'file' }>),
  content: { kind: 'bytes', bytes: Buffer.from(bytes) },
});

/** The same headers in rpm's own form of a database. */
function slots(blobs: readonly Buffer[]): Buffer {
  const pages: Buffer[] = [Buffer.alloc(4096)];
  pages[0]!.write('RpmP', 0, 'latin1');
  pages[0]!.writeUInt32LE(1, 12);
  let at = 4096;
  for (const [index, blob] of blobs.entries()) {
    const slot = 32 + index * 16;
    pages[0]!.write('Slot', slot, 'latin1');
    pages[0]!.writeUInt32LE(index + 1, slot + 4);
    pages[0]!.writeUInt32LE(at / 16, slot + 8);
    const head = Buffer.alloc(16);
    head.write('BlbS', 0, 'latin1');
    head.writeUInt32LE(blob.length, 12);
    pages.push(head, blob, Buffer.alloc((16 - (blob.length % 16)) % 16));
    at += 16 + blob.length + pages.at(-1)!.length;
  }
  return Buffer.concat(pages);
}

it.each([
  ['usr/lib/sysimage/rpm/rpmdb.sqlite', () => database('sqlite')],
  ['var/lib/rpm/Packages', () => database('berkeley')],
  ['usr/lib/sysimage/rpm/Packages.db', () => slots(readRpmDatabase(database('sqlite'))!)],
])('reads what rpm keeps in %s', async (path, bytes) => {
  const made = await image([
    binary(path, bytes()),
    file('usr/share/alpha/f1', '1234'),
    file('usr/share/gamma/f30', '12'),
    file('etc/os-release', `ID=fedora\nVERSION_ID=${path.length}\n`),
  ]);
  const { facts } = await examineImage({ env: { XDG_CACHE_HOME: join(folder, 'cache') } }, made);
  expect(facts.unread).toEqual([]);
  expect(facts.packages).toMatchObject([
    { manager: 'rpm', name: 'alpha', version: '1.2-3', architecture: 'x86_64', size: 4, depends: [] },
    { name: 'beta', version: '2:1.2-3', depends: ['alpha', 'gamma'], licences: ['MIT and GPLv2+'] },
    { name: 'gamma', size: 2, installedSize: 81, homepage: 'https://example.org/gamma', supplier: 'Example' },
  ]);
});

it('names a database of packages that it cannot read', async () => {
  const whole = database('sqlite');
  for (const [at, bytes] of [
    whole.subarray(0, 5000),
    Buffer.from('something else'),
    Buffer.alloc(0),
  ].entries()) {
    const made = await image([binary('var/lib/rpm/rpmdb.sqlite', bytes), file('n', String(at))]);
    const { facts } = await examineImage({ env: { XDG_CACHE_HOME: join(folder, 'cache') } }, made);
    expect(facts).toMatchObject({ packages: [], unread: ['var/lib/rpm/rpmdb.sqlite'] });
  }
});

it('reads databases that are damaged anywhere without an end or a stack trace', () => {
  const wholes = [database('sqlite'), database('berkeley'), slots(readRpmDatabase(database('sqlite'))!)];
  fc.assert(
    fc.property(
      fc.constantFrom(...wholes),
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 40 }),
      fc.boolean(),
      (whole, changes, isNear) => {
        const bytes = Buffer.from(whole);
        for (const [at, value] of changes) bytes[at % (isNear ? 4200 : bytes.length)] = value;
        for (const blob of readRpmDatabase(bytes) ?? []) readRpmHeader(blob)?.texts(1117);
      },
    ),
    { numRuns: 60 },
  );
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
