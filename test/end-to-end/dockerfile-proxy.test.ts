// The proxy that steps of a locked build talk to: the locked release whatever mirror is asked, checked, and from the cache
// once it has been fetched.
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, get, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256Hex } from '../../src/foundation/digest.ts';
import { type Host, silentProgress } from '../../src/foundation/host.ts';
import { type PackageProxy, startPackageProxy } from '../../src/routes/dockerfile/package-proxy.ts';
import { emptyLockFile, type LockFile } from '../../src/sets/lock-file.ts';
import { type ServedArchive, serveArchive } from './small-project.ts';

let root: string;
let served: ServedArchive;
let web: Server;
let webUrl: string;
let proxy: PackageProxy | undefined;
let lock: LockFile;

interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

/** Asks the proxy for a URL, as apt and curl do. */
function ask(url: string): Promise<Answer> {
  const { hostname, port } = new URL(proxy!.url);
  return new Promise((resolve, reject) => {
    get({ hostname, port, path: url, headers: { host: new URL(url).host } }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve({ status: response.statusCode!, body: Buffer.concat(chunks) }));
    }).on('error', reject);
  });
}

async function start(of: LockFile): Promise<void> {
  await proxy?.close();
  const host: Host = {
    env: served.env,
    cwd: root,
    fetch,
    now: Date.now,
    run: () => Promise.reject(new Error('no process is needed')),
    which: () => undefined,
    progress: silentProgress,
  };
  proxy = await startPackageProxy({
    host,
    cacheDirectory: join(root, 'cache'),
    lock: of,
    architecture: 'amd64',
  });
}

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'trimaran-proxy-'));
  served = await serveArchive();
  web = createServer((_request, response) => response.end('from the web'));
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
  webUrl = `http://127.0.0.1:${(web.address() as AddressInfo).port}`;
  const release = served.archive.files.get('dists/bookworm/InRelease')!;
  const date = /^Date: (.*)$/m.exec(release.toString('utf8'))![1]!;
  lock = {
    ...emptyLockFile,
    debian: new Map([
      [
        'bookworm',
        {
          timestamp: new Date(date).toISOString().replace(/[-:]|\.\d+/g, ''),
          releaseSha256: sha256Hex(release),
          components: ['main'],
          architectures: new Map(),
        },
      ],
    ]),
    urls: new Map([
      [`${webUrl}/right`, sha256Hex(Buffer.from('from the web'))],
      [`${webUrl}/wrong`, sha256Hex(Buffer.from('something else'))],
    ]),
  };
  await start(lock);
});
afterAll(async () => {
  await proxy?.close();
  web?.close();
  await served?.close();
  if (root !== undefined) rmSync(root, { recursive: true });
});

describe('the package proxy', () => {
  it('gives the locked release under any mirror’s name, and says what was used', async () => {
    const release = await ask('http://some.mirror.example/debian/dists/bookworm/InRelease');
    expect(release.status).toBe(200);
    expect(sha256Hex(release.body)).toBe(lock.debian.get('bookworm')!.releaseSha256);
    const path = [...served.archive.files.keys()].find((file) => /libhello_.*\.deb$/.test(file))!;
    const pkg = await ask(`http://another.example/archive/debian/20200101T000000Z/${path}`);
    expect(pkg.body.equals(served.archive.files.get(path)!)).toBe(true);
    expect([...proxy!.use.packages.get('bookworm')!.keys()]).toEqual(['libhello']);
    expect(proxy!.use.passed).toEqual([]);
  });

  it('gives indexes by path and by hash', async () => {
    const listed = [...served.archive.files.keys()].find((file) => /binary-amd64\/Packages\.gz$/.test(file))!;
    const bytes = served.archive.files.get(listed)!;
    const plain = await ask(`http://x.example/debian/${listed}`);
    expect(plain.body.equals(bytes)).toBe(true);
    const hashed = `${listed.replace(/[^/]+$/, '')}by-hash/SHA256/${sha256Hex(bytes)}`;
    expect((await ask(`http://x.example/debian/${hashed}`)).body.equals(bytes)).toBe(true);
    expect((await ask('http://x.example/debian/dists/bookworm/main/no-such-file')).status).toBe(404);
  });

  it('lets other plain HTTP through and tells of it, without credentials', async () => {
    expect((await ask(`${webUrl.replace('//', '//user:secret@')}/a?key=hidden`)).body.toString()).toBe(
      'from the web',
    );
    expect(proxy!.use.passed).toHaveLength(1);
    expect(proxy!.use.passed[0]).not.toMatch(/secret|hidden/);
  });

  it('checks downloads that the lock fixes', async () => {
    expect((await ask(`${webUrl}/right`)).body.toString()).toBe('from the web');
    expect((await ask(`${webUrl}/wrong`)).status).toBe(502);
    expect(proxy!.use.failures.join()).toMatch(/expected/);
    expect(proxy!.use.passed).toHaveLength(1);
  });

  it('needs nobody for what it has given before', async () => {
    const path = [...served.archive.files.keys()].find((file) => /libhello_.*\.deb$/.test(file))!;
    const bytes = served.archive.files.get(path)!;
    await served.disconnect();
    await start(lock);
    expect((await ask('http://x.example/debian/dists/bookworm/InRelease')).status).toBe(200);
    expect((await ask(`http://x.example/debian/${path}`)).body.equals(bytes)).toBe(true);
  });
});
