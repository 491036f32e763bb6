// The proxy that steps of a locked build talk to: the locked release whatever mirror is asked, checked, and from the cache
// once it has been fetched.
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, get, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256Hex } from '../../src/foundation/digest.ts';
import { type Host, silentProgress } from '../../src/foundation/host.ts';
import { findMoved } from '../../src/inspect/audit/online.ts';
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
    // A connection kept would be one to the proxy of the test before, which had the same port.
    get({ hostname, port, path: url, headers: { host: new URL(url).host }, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve({ status: response.statusCode!, body: Buffer.concat(chunks) }));
    }).on('error', reject);
  });
}

function makeHost(env: Record<string, string> = {}): Host {
  return {
    env: { ...served.env, ...env },
    cwd: root,
    fetch,
    now: Date.now,
    run: () => Promise.reject(new Error('no process is needed')),
    which: () => undefined,
    progress: silentProgress,
  };
}

async function start(of: LockFile, env: Record<string, string> = {}): Promise<void> {
  await proxy?.close();
  proxy = await startPackageProxy({
    host: makeHost(env),
    cacheDirectory: join(root, 'cache'),
    lock: of,
    architecture: 'amd64',
    python: of.pip.get('Dockerfile') ?? new Map(),
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

  it('tells of a suite that the lock does not have', async () => {
    await start({ ...lock, debian: new Map() });
    const url = 'http://a.example/debian/dists/bookworm/InRelease';
    expect((await ask(url)).status).toBe(200);
    expect((await ask(url)).status).toBe(200);
    expect(proxy!.use.passed).toEqual(['the apt suite bookworm']);
    await start(lock);
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
    const own = `http://trimaran.invalid/url/${sha256Hex(Buffer.from('from the web'))}`;
    expect((await ask(`${own}/right`)).body.toString()).toBe('from the web');
    expect((await ask(`http://trimaran.invalid/url/${'e'.repeat(64)}/x`)).status).toBe(404);
    expect((await ask(`${webUrl}/wrong`)).status).toBe(502);
    expect(proxy!.use.failures.join()).toMatch(/expected/);
    expect(proxy!.use.passed).toHaveLength(1);
  });

  it('tunnels to other hosts over TLS, and tells where to', async () => {
    const { hostname, port } = new URL(proxy!.url);
    const target = new URL(webUrl).host;
    const socket = connect({ host: hostname, port: Number(port) });
    socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`);
    const chunks: Buffer[] = [];
    for await (const chunk of socket) {
      chunks.push(chunk as Buffer);
      if (chunks.length === 1) socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    }
    const said = Buffer.concat(chunks).toString();
    expect(said).toMatch(/^HTTP\/1\.1 200 [\s\S]*from the web/);
    expect(proxy!.use.passed.at(-1)).toBe(`https://${target}`);
    for (const bad of ['nonsense', '127.0.0.1:99999', '127.0.0.1:9']) {
      const refused = connect({ host: hostname, port: Number(port) });
      refused.write(`CONNECT ${bad} HTTP/1.1\r\nHost: x\r\n\r\n`);
      let answer = '';
      for await (const chunk of refused) answer += String(chunk);
      expect(answer).toMatch(/^HTTP\/1\.1 (?:400|502) /);
    }
  });

  it('answers apt’s own HTTPS with the locked release, and hands on what is no mirror of Debian', async () => {
    const { hostname, port } = new URL(proxy!.url);
    const askInside = async (url: string, user = 'apt') => {
      const { host, pathname } = new URL(url);
      const socket = connect({ host: hostname, port: Number(port) });
      const login = Buffer.from(`${user}:`).toString('base64');
      socket.write(`CONNECT ${host}:443 HTTP/1.1\r\nProxy-Authorization: Basic ${login}\r\n\r\n`);
      const first = await new Promise<string>((resolve) =>
        socket.once('data', (chunk) => resolve(String(chunk))),
      );
      if (!first.includes(' 200 ')) return first;
      const trust = { ca: proxy!.certificate, checkServerIdentity: () => undefined };
      const inside = connectTls({ socket, ...trust });
      inside.write(`GET ${pathname} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
      const chunks: Buffer[] = [];
      for await (const chunk of inside) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks).toString('latin1');
    };
    const release = await askInside('https://deb.example.org/debian/dists/bookworm/InRelease');
    expect(release).toMatch(/^HTTP\/1\.1 200 /);
    expect(sha256Hex(Buffer.from(release.split('\r\n\r\n')[1]!, 'latin1'))).toBe(
      lock.debian.get('bookworm')!.releaseSha256,
    );
    const before = proxy!.use.passed.length;
    const other = 'https://trimaran-no-such-host.invalid/linux/packages/dists/bookworm/InRelease';
    expect(await askInside(other)).toMatch(/^HTTP\/1\.1 502 /);
    expect(proxy!.use.passed.slice(before)).toEqual([other]);
    // Who is not apt gets a tunnel, which trusts nobody new.
    expect(await askInside('https://trimaran-no-such-host.invalid/x', 'other')).toMatch(/^HTTP\/1\.1 502 /);
  });

  it('gives pip the locked versions, checks their files, and tells of distributions that are not locked', async () => {
    const wheel = Buffer.from('a wheel');
    const served = new Map<string, string | Buffer>([
      [
        '/simple/a/',
        '{"files": [{"filename": "a-1.0-py3-none-any.whl", "url": "../../w/a-1.0-py3-none-any.whl", "hashes": {"sha256": "HASH"}}, {"filename": "a-2.0-py3-none-any.whl", "url": "../../w/a-2.0-py3-none-any.whl", "hashes": {"sha256": "OTHER"}}]}',
      ],
      ['/simple/b/', `<a href="../../w/b-1.0.tar.gz#sha256=${'c'.repeat(64)}">b-1.0.tar.gz</a>`],
      ['/w/a-1.0-py3-none-any.whl', wheel],
    ]);
    const sha256 = sha256Hex(wheel);
    served.set(
      '/simple/a/',
      String(served.get('/simple/a/')).replace('HASH', sha256).replace('OTHER', 'd'.repeat(64)),
    );
    const index = createServer((request, response) => {
      const body = served.get(request.url ?? '');
      if (body === undefined) response.writeHead(404).end();
      else response.end(body);
    });
    await new Promise<void>((resolve) => index.listen(0, '127.0.0.1', resolve));
    const indexUrl = `http://127.0.0.1:${(index.address() as AddressInfo).port}/simple`;
    const pip = new Map([
      ['Dockerfile', new Map([['A>=1', { version: '1.0', hashes: [`sha256:${sha256}`] }]])],
    ]);
    try {
      await start({ ...lock, pip }, { PIP_INDEX_URL: indexUrl });
      const at = 'http://trimaran.invalid/pip';
      expect((await ask(`${at}/constraints.txt`)).body.toString()).toBe('a==1.0\n');
      const page = (await ask(`${at}/simple/a/`)).body.toString();
      expect([...page.matchAll(/href="([^"]*)"/g)].map((match) => match[1])).toEqual([
        `/pip/files/${sha256}/a-1.0-py3-none-any.whl#sha256=${sha256}`,
      ]);
      expect(proxy!.use.passed).toEqual([]);
      expect((await ask(`${at}/simple/b/`)).body.toString()).toContain('/w/b-1.0.tar.gz');
      expect(proxy!.use.passed).toEqual(['pip install b']);
      // Other bytes under the name are not given out.
      served.set('/w/a-1.0-py3-none-any.whl', Buffer.from('another wheel'));
      const file = `${at}/files/${sha256}/a-1.0-py3-none-any.whl`;
      expect((await ask(file)).status).toBe(502);
      served.set('/w/a-1.0-py3-none-any.whl', wheel);
      expect((await ask(file)).body.equals(wheel)).toBe(true);
      expect((await ask(`${at}/files/${'d'.repeat(64)}/a-2.0-py3-none-any.whl`)).status).toBe(404);
    } finally {
      index.closeAllConnections();
      index.close();
    }
    await start(lock);
  });

  it('lets an audit see whether the release has moved', async () => {
    const ask = async (of: LockFile) => {
      const options = { cacheDirectory: join(root, 'audit'), directory: root, files: [] };
      return findMoved({ host: makeHost(), lock: { ...of, urls: new Map() }, ...options });
    };
    expect(await ask(lock)).toMatchObject({ moved: 0, unreachable: 0, states: [{ kind: 'debian' }] });
    const suite = { ...lock.debian.get('bookworm')!, releaseSha256: 'a'.repeat(64) };
    const other = await ask({ ...lock, debian: new Map([['bookworm', suite]]) });
    expect(other).toMatchObject({
      moved: 1,
      states: [{ moved: true, update: 'trimaran lock --update bookworm' }],
    });
  });

  it('needs nobody for what it has given before', async () => {
    const path = [...served.archive.files.keys()].find((file) => /libhello_.*\.deb$/.test(file))!;
    const bytes = served.archive.files.get(path)!;
    await served.disconnect();
    await start(lock);
    expect((await ask('http://x.example/debian/dists/bookworm/InRelease')).status).toBe(200);
    expect((await ask(`http://x.example/debian/${path}`)).body.equals(bytes)).toBe(true);
    const options = { cacheDirectory: join(root, 'audit'), directory: root, files: [] };
    const report = await findMoved({ host: makeHost(), lock: { ...lock, urls: new Map() }, ...options });
    expect(report.states).toMatchObject([{ moved: false, failure: { code: 'download/unreachable' } }]);
  });
});
