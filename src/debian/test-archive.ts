// A Debian archive in memory, for tests alone: packages from short descriptions, indexes, a release signed with a key
// made on the spot, and a `fetch` that serves it all without a network.
import { gzipSync } from 'node:zlib';
import { createCleartextMessage, generateKey, type PrivateKey, sign } from 'openpgp';
import { encodeTar } from '../formats/tar-write.ts';
import { sha256Hex } from '../foundation/digest.ts';
import type { TreeEntry } from '../foundation/file-tree.ts';
import { type Host, silentProgress } from '../foundation/host.ts';

export interface TestKey {
  readonly privateKey: PrivateKey;
  readonly publicKey: string;
}

/** An Ed25519 key; `expires` in seconds after `date`. */
export async function makeTestKey(date = new Date('2026-01-01'), expires = 0): Promise<TestKey> {
  const { privateKey, publicKey } = await generateKey({
    type: 'ecc',
    curve: 'ed25519Legacy',
    userIDs: [{ name: 'Test Archive', email: 'test@example.org' }],
    date,
    keyExpirationTime: expires,
    format: 'object',
  });
  return { privateKey, publicKey: publicKey.armor() };
}

export interface TestPackage {
  readonly name: string;
  /** Control fields besides Package, Version and Architecture: `{ Depends: 'b' }`. */
  readonly fields?: Readonly<Record<string, string>>;
  readonly version?: string;
  readonly architecture?: string;
  /** Entries of data.tar; names may be unsafe, since tests need such. */
  readonly files?: readonly TreeEntry[];
  /** Maintainer scripts and other control files by name. */
  readonly control?: Readonly<Record<string, string>>;
}

/** A regular file owned by root. */
export function testFile(path: string, text = path, mode = 0o644): TreeEntry {
  return {
    kind: 'file',
    path,
    mode,
    uid: 0,
    gid: 0,
    mtime: 5,
    content: { kind: 'bytes', bytes: Buffer.from(text) },
  };
}

/** A directory owned by root. */
export function testDirectory(path: string, mode = 0o755): TreeEntry {
  return { kind: 'directory', path, mode, uid: 0, gid: 0, mtime: 5 };
}

/** A symbolic link. */
export function testLink(path: string, target: string): TreeEntry {
  return { kind: 'symlink', path, mode: 0o777, uid: 0, gid: 0, mtime: 5, target };
}

function tarOf(entries: readonly TreeEntry[]): Buffer {
  // Debian's own archives name everything `./…`; dpkg and we strip that.
  return Buffer.concat([...encodeTar(entries)].map((chunk) => Buffer.from(chunk)));
}

function arOf(members: readonly { name: string; data: Buffer }[]): Buffer {
  const parts: Buffer[] = [Buffer.from('!<arch>\n')];
  for (const { name, data } of members) {
    const size = String(data.length);
    parts.push(
      Buffer.from(
        `${name.padEnd(16)}${'0'.padEnd(12)}${'0'.padEnd(6)}${'0'.padEnd(6)}${'100644'.padEnd(8)}${size.padEnd(10)}\`\n`,
      ),
      data,
    );
    if (data.length % 2 === 1) parts.push(Buffer.from('\n'));
  }
  return Buffer.concat(parts);
}

function controlFields(spec: TestPackage): string {
  const fields = {
    Package: spec.name,
    Version: spec.version ?? '1.0-1',
    Architecture: spec.architecture ?? 'all',
    ...spec.fields,
  };
  return Object.entries(fields)
    .map(([name, value]) => `${name}: ${value}\n`)
    .join('');
}

/** The bytes of a .deb. */
export function makeDeb(spec: TestPackage): Buffer {
  const control = [
    testFile('control', controlFields(spec)),
    ...Object.entries(spec.control ?? {}).map(([name, text]) => testFile(name, text, 0o755)),
  ];
  return arOf([
    { name: 'debian-binary', data: Buffer.from('2.0\n') },
    { name: 'control.tar.gz', data: gzipSync(tarOf(control)) },
    { name: 'data.tar.gz', data: gzipSync(tarOf(spec.files ?? [testFile(`usr/share/${spec.name}`)])) },
  ]);
}

export interface TestArchiveOptions {
  readonly packages: readonly TestPackage[];
  readonly key: TestKey;
  readonly suite?: string;
  readonly date?: Date;
  readonly validUntil?: Date;
  /** Written as Debian's archive of security updates is: other names of components, and an index that is not there. */
  readonly isSecurity?: boolean;
  /** Text of the Contents index for `all`. */
  readonly contents?: string;
}

export interface TestArchive {
  /** Files by path below the root; change them to spoil the archive. */
  readonly files: Map<string, Buffer>;
  /** Paths asked for, in order. */
  readonly requests: string[];
  /** What to give `openArchive` as a mirror. */
  readonly mirror: string;
  readonly fetch: typeof fetch;
  readonly host: Pick<Host, 'fetch' | 'now' | 'progress'>;
}

/** Builds, signs and serves an archive for amd64. */
export async function makeTestArchive(options: TestArchiveOptions): Promise<TestArchive> {
  const files = new Map<string, Buffer>();
  const suite = options.suite ?? 'testing';
  const date = options.date ?? new Date('2026-02-01T00:00:00Z');
  const stanzas = options.packages.map((spec) => {
    const deb = makeDeb(spec);
    const filename = `pool/main/${spec.name}_${(spec.version ?? '1.0-1').replace(/^\d+:/, '')}_${spec.architecture ?? 'all'}.deb`;
    files.set(filename, deb);
    return `${controlFields(spec)}Filename: ${filename}\nSize: ${deb.length}\nSHA256: ${sha256Hex(deb)}\n`;
  });
  const indexes: Record<string, Buffer> = { 'main/binary-amd64/Packages': Buffer.from(stanzas.join('\n')) };
  if (options.contents !== undefined) indexes['main/Contents-all'] = Buffer.from(options.contents);
  const listed: string[] = [];
  for (const [path, plain] of Object.entries(indexes)) {
    const packed = gzipSync(plain);
    listed.push(` ${sha256Hex(plain)} ${plain.length} ${path}`);
    listed.push(` ${sha256Hex(packed)} ${packed.length} ${path}.gz`);
    files.set(`dists/${suite}/${path}.gz`, packed);
    const folder = path.slice(0, path.lastIndexOf('/'));
    files.set(`dists/${suite}/${folder}/by-hash/SHA256/${sha256Hex(packed)}`, packed);
  }
  if (options.isSecurity === true) listed.push(` ${sha256Hex('')} 0 main/binary-all/Packages`);
  const text = [
    'Origin: Test',
    `Suite: ${suite}`,
    `Codename: ${suite}`,
    `Date: ${date.toUTCString()}`,
    ...(options.validUntil === undefined ? [] : [`Valid-Until: ${options.validUntil.toUTCString()}`]),
    'Acquire-By-Hash: yes',
    options.isSecurity === true ? 'Architectures: amd64' : 'Architectures: all amd64',
    options.isSecurity === true ? 'Components: updates/main' : 'Components: main',
    'SHA256:',
    ...listed,
    '',
  ].join('\n');
  const message = await createCleartextMessage({ text });
  const signed = await sign({ message, signingKeys: options.key.privateKey, date });
  files.set(`dists/${suite}/InRelease`, Buffer.from(signed));
  const requests: string[] = [];
  const mirror = 'http://archive.example.org/debian';
  const serve: typeof fetch = async (input, init) => {
    const url = String(input);
    const path = decodeURIComponent(url.startsWith(`${mirror}/`) ? url.slice(mirror.length + 1) : url);
    requests.push(path);
    const file = files.get(path);
    if (file === undefined) return new Response('gone', { status: 404 });
    const start = Number(/^bytes=(\d+)-/.exec(new Headers(init?.headers).get('range') ?? '')?.[1] ?? 0);
    return new Response(new Uint8Array(file.subarray(start)), { status: start > 0 ? 206 : 200 });
  };
  return {
    files,
    requests,
    mirror,
    fetch: serve,
    host: { fetch: serve, now: () => date.getTime() + 3_600_000, progress: silentProgress },
  };
}
