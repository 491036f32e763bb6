// Tarballs, files and forges, served on the loopback interface.
import { execFileSync } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { InputAttributes } from '../input.ts';
import { startServer, type TestServer } from '../test-server.ts';
import { temporaryFolder, testWorld, writeFiles } from '../test-world.ts';

const rev = '1234567890123456789012345678901234567890';
/** What `nix hash path` says of the folder. */
const narHash = 'sha256-zO3AqmpFJ9jdKzIrzUGvAkGp6MY8wh9HJCj9cFDOrk8=';

const root = temporaryFolder();
let server: TestServer;
let archive: Buffer;

/** Packs a folder with tar; `options` come before its name. */
function pack(folder: string, ...options: string[]): Buffer {
  const file = join(temporaryFolder(), 'a.tar');
  execFileSync('tar', ['-C', root, '--mtime=2021-05-05 05:05:05Z', '-cf', file, ...options, folder]);
  return readFileSync(file);
}

beforeAll(async () => {
  writeFiles(root, { 'src/flake.nix': '{ outputs = _: { }; }', 'src/run': '#!/bin/sh', 'src/empty/x': '' });
  execFileSync('rm', [join(root, 'src/empty/x')]);
  chmodSync(join(root, 'src/run'), 0o755);
  symlinkSync('run', join(root, 'src/link'));
  archive = pack('src', '--gzip');
  server = await startServer();
});
afterAll(() => server.close());
beforeEach(() => {
  server.answers.clear();
  server.requests.length = 0;
  server.answers.set('/a.tar.gz', (_, response) => response.end(archive));
});

const tarball = (path: string, more: InputAttributes = {}): InputAttributes => ({
  type: 'tarball',
  url: `${server.url}${path}`,
  ...more,
});

describe('a tarball', () => {
  it('is unpacked without its top folder', async () => {
    const { input, physicalPath, storePath } = await testWorld()
      .session()
      .fetcher.fetchTree(tarball('/a.tar.gz'));
    expect(input).toEqual({ ...tarball('/a.tar.gz'), lastModified: 1620191105, narHash });
    expect(storePath).toMatch(/^\/nix\/store\/[0-9a-z]{32}-source$/);
    expect(readdirSync(physicalPath).sort()).toEqual(['empty', 'flake.nix', 'link', 'run']);
    expect(statSync(join(physicalPath, 'run')).mode & 0o777).toBe(0o555);
  });

  it('comes in the usual compressions, and with or without one top folder', async () => {
    const { fetcher } = testWorld().session();
    const forms = { 'a.tar': [], 'a.tar.xz': ['--xz'], 'a.tar.zst': ['--zstd'] };
    for (const [name, options] of Object.entries(forms)) {
      server.answers.set(`/${name}`, (_, response) => response.end(pack('src', ...options)));
      expect((await fetcher.fetchTree(tarball(`/${name}`))).input.narHash).toBe(narHash);
    }
    server.answers.set('/two.tar', (_, response) => response.end(pack('src/run', 'src/flake.nix')));
    server.answers.set('/flat.tar', (_, response) => response.end(pack('.', '--transform=s,^./src,.,')));
    const two = await fetcher.fetchTree(tarball('/two.tar'));
    expect(readdirSync(two.physicalPath).sort()).toEqual(['flake.nix', 'run']);
    expect((await fetcher.fetchTree(tarball('/flat.tar'))).input.narHash).toBe(narHash);
  });

  it('that is fixed by the server is locked there', async () => {
    server.answers.set('/latest.tar.gz', (_, response) =>
      response
        .writeHead(302, {
          location: '/a.tar.gz',
          link: `<${server.url}/fixed.tar.gz?rev=${rev}&revCount=7>; rel="immutable"`,
        })
        .end(),
    );
    const { input } = await testWorld().session().fetcher.fetchTree(tarball('/latest.tar.gz'));
    expect(input).toEqual({
      ...tarball('/fixed.tar.gz'),
      rev,
      revCount: 7,
      lastModified: 1620191105,
      narHash,
    });
  });

  it('is asked for again only after a while, and then by its ETag', async () => {
    server.answers.set('/e.tar.gz', (request, response) => {
      response.setHeader('etag', '"1"');
      if (request.headers['if-none-match'] === '"1"') response.writeHead(304).end();
      else response.end(archive);
    });
    const { session } = testWorld();
    const first = await session().fetcher.fetchTree(tarball('/e.tar.gz'));
    await session().fetcher.fetchTree(tarball('/e.tar.gz'));
    expect(server.requests.length).toBe(1);
    const again = await session({ settings: { tarballTtl: 0 } }).fetcher.fetchTree(tarball('/e.tar.gz'));
    expect(server.requests.map(({ headers }) => headers['if-none-match'])).toEqual([undefined, '"1"']);
    expect(again).toEqual(first);
  });

  it('is not asked for at all when the network is not to be used', async () => {
    const { session } = testWorld();
    const offline = { settings: { isOffline: true } };
    await expect(session(offline).fetcher.fetchTree(tarball('/a.tar.gz'))).rejects.toMatchObject({
      code: 'flake/offline',
      hint: expect.stringContaining('--offline'),
    });
    const first = await session().fetcher.fetchTree(tarball('/a.tar.gz'));
    expect(await session(offline).fetcher.fetchTree(tarball('/a.tar.gz'))).toEqual(first);
    expect(server.requests.length).toBe(1);
  });

  it('is checked against its hash before anybody uses it', async () => {
    const { fetcher } = testWorld().session();
    const wrong = 'sha256-AmQXVDSYS6vNizlknDJwh1aOypYr5X7aCCIWWk1J1Ls=';
    for (const final of [false, true])
      await expect(
        fetcher.fetchTree(tarball('/a.tar.gz', { narHash: wrong }), { final }),
      ).rejects.toMatchObject({
        code: 'flake/nar-hash-mismatch',
        message: `NAR hash mismatch in input '${server.url}/a.tar.gz?narHash=${encodeURIComponent(wrong)}', expected '${wrong}' but got '${narHash}'`,
      });
    await expect(
      fetcher.fetchTree(tarball('/a.tar.gz', { narHash, lastModified: 1620191105 }), { final: true }),
    ).resolves.toMatchObject({ input: { narHash } });
    await expect(fetcher.fetchTree(tarball('/a.tar.gz', { narHash: 'sha1-x' }))).rejects.toMatchObject({
      code: 'flake/bad-attribute',
    });
  });

  it('that a lock names is not fetched when it is here', async () => {
    const { session } = testWorld();
    const { input } = await session().fetcher.fetchTree(tarball('/a.tar.gz'));
    const elsewhere = { ...input, url: `${server.url}/gone.tar.gz` };
    const { fetcher } = session();
    expect(fetcher.storedTree(elsewhere)?.input.narHash).toBe(narHash);
    expect((await fetcher.fetchTree(elsewhere, { final: true })).input).toEqual(elsewhere);
    expect(fetcher.storedTree({ ...input, narHash: '' })).toBeUndefined();
  });

  it('that is damaged, hostile or of another kind is refused', async () => {
    const { fetcher } = testWorld().session();
    const evil = pack('src/flake.nix', '--transform=s,src,../../up,');
    const underLink = Buffer.concat([
      pack('src/link', '--transform=s,src/link,a,').subarray(0, 512),
      pack('src/run', '--transform=s,src/run,a/b,'),
    ]);
    const files: readonly (readonly [string, Buffer, string])[] = [
      ['/cut.tar.gz', archive.subarray(0, archive.length >> 1), 'flake/bad-archive'],
      ['/short.tar', pack('src').subarray(0, 1400), 'flake/bad-archive'],
      [
        '/text.tar.gz',
        Buffer.from('<html>not an archive, but longer than a header</html>'.repeat(20)),
        'flake/bad-archive',
      ],
      ['/evil.tar', evil, 'flake/bad-archive'],
      ['/under-link.tar', underLink, 'flake/bad-archive'],
      ['/a.zip', Buffer.from('PK\x03\x04 and more', 'latin1'), 'flake/unsupported-archive'],
      ['/a.tar.bz2', Buffer.from('BZh91AY&SY'), 'flake/unsupported-archive'],
    ];
    for (const [path, bytes, code] of files) {
      server.answers.set(path, (_, response) => response.end(bytes));
      await expect(fetcher.fetchTree(tarball(path)), path).rejects.toMatchObject({ code });
    }
  });

  it('that cannot be had is named with its URL', async () => {
    const { fetcher } = testWorld().session();
    server.answers.set('/loop', (_, response) => response.writeHead(302, { location: '/loop' }).end());
    server.answers.set('/broken', (request) => request.socket.destroy());
    await expect(fetcher.fetchTree(tarball('/nothing.tar.gz'))).rejects.toMatchObject({
      code: 'flake/fetch-failed',
      message: `unable to download '${server.url}/nothing.tar.gz': HTTP error 404`,
      exitCode: 4,
    });
    await expect(fetcher.fetchTree(tarball('/loop'))).rejects.toMatchObject({
      message: /too many redirects/,
    });
    await expect(fetcher.fetchTree(tarball('/broken'))).rejects.toMatchObject({ code: 'flake/fetch-failed' });
    expect(server.requests.filter(({ path }) => path === '/broken').length).toBe(3);
    await expect(
      fetcher.fetchTree({ type: 'tarball', url: 'file:///nonexistent.tar' }),
    ).rejects.toMatchObject({
      code: 'flake/not-found',
    });
    await expect(fetcher.fetchTree({ type: 'tarball', url: `file://${root}` })).rejects.toMatchObject({
      message: `tarball '${root}' is a directory, not a file`,
    });
    await expect(fetcher.fetchTree({ type: 'tarball', url: 'ftp://host/x' })).rejects.toMatchObject({
      code: 'flake/unsupported',
    });
  });
});

it('keeps a single file as it is', async () => {
  server.answers.set('/data', (_, response) => response.end('hi'));
  const { input, physicalPath } = await testWorld()
    .session()
    .fetcher.fetchTree({ type: 'file', url: `${server.url}/data` });
  expect(readFileSync(physicalPath, 'utf8')).toBe('hi');
  expect(input.narHash).toBe('sha256-IlLUt4yU6Mes5OMxe3i9/mS8jjlwpk620vfCpEPAw/w=');
});

describe('credentials', () => {
  const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;

  it('come from the URL or from netrc, for their host only, and are never shown', async () => {
    const other = await startServer();
    server.answers.set('/moved', (_, response) =>
      response.writeHead(302, { location: `${other.url}/x` }).end(),
    );
    const world = testWorld();
    writeFiles(world.home, {
      'etc/netrc':
        '# comment\nmachine elsewhere login no password no\nmachine 127.0.0.1\n login me\n password s3cret\n',
    });
    const { fetcher } = world.session();
    await fetcher.fetchTree(tarball('/a.tar.gz'));
    expect(server.requests[0]?.headers.authorization).toBe(basic('me:s3cret'));
    const withUser = `${server.url.replace('//', '//u:p%40ss@')}/a.tar.gz`;
    await fetcher.fetchTree({ type: 'tarball', url: withUser });
    expect(server.requests[1]?.headers.authorization).toBe(basic('u:p@ss'));
    const failing = fetcher.fetchTree({
      type: 'tarball',
      url: `${server.url.replace('//', '//u:p%40ss@')}/none`,
    });
    await expect(failing).rejects.toMatchObject({ message: expect.not.stringMatching(/p%40ss|p@ss/) });
    await other.close();
  });

  it('of access-tokens go to forges, the longest match first', async () => {
    const world = testWorld({
      TRIMARAN_FORGES: `api.github.com=${server.url}/gh github.com=${server.url}/gh gitlab.com=${server.url} gl.example.org=${server.url}/gl`,
      NIX_CONFIG:
        'access-tokens = github.com=general github.com/org=special gitlab.com=PAT:pat\nextra-access-tokens = gl.example.org=OAuth2:oauth',
    });
    const { fetcher } = world.session();
    server.answers.set(`/gh/repos/o/r/tarball/${rev}`, (_, response) => response.end(archive));
    server.answers.set(`/gh/repos/org/r/tarball/${rev}`, (_, response) => response.end(archive));
    server.answers.set('/api/v4/projects/o%2Fr/repository/archive.tar.gz', (_, response) =>
      response.end(archive),
    );
    server.answers.set('/gl/api/v4/projects/o%2Fr/repository/archive.tar.gz', (_, response) =>
      response.end(archive),
    );
    await fetcher.fetchTree({ type: 'github', owner: 'o', repo: 'r', rev });
    await fetcher.fetchTree({ type: 'github', owner: 'org', repo: 'r', rev });
    await fetcher.fetchTree({ type: 'gitlab', owner: 'o', repo: 'r', rev });
    await fetcher.fetchTree({ type: 'gitlab', owner: 'o', repo: 'r', rev, host: 'gl.example.org' });
    expect(server.requests.map(({ headers }) => headers.authorization ?? headers['private-token'])).toEqual([
      'token general',
      'token special',
      'pat',
      'Bearer oauth',
    ]);
    await expect(
      fetcher.fetchTree({ type: 'github', owner: 'org', repo: 'none', rev }),
    ).rejects.toMatchObject({
      message: expect.not.stringContaining('special'),
      hint: expect.stringContaining('access-tokens'),
    });
  });
});

describe('forges', () => {
  const world = () =>
    testWorld({
      TRIMARAN_FORGES: `api.github.com=${server.url}/api github.com=${server.url} gitlab.com=${server.url} git.sr.ht=${server.url} gh.example.org=${server.url}/enterprise`,
    });
  const json = (value: unknown) => (_: unknown, response: { end(text: string): unknown }) =>
    response.end(JSON.stringify(value));

  it('github: a branch by its interface, a commit by its archive', async () => {
    server.answers.set('/api/repos/o/r/commits/HEAD', json({ sha: rev, commit: { tree: { sha: rev } } }));
    server.answers.set(`/o/r/archive/${rev}.tar.gz`, (_, response) => response.end(archive));
    const { session } = world();
    const { input } = await session().fetcher.fetchTree({ type: 'github', owner: 'o', repo: 'r' });
    expect(input).toEqual({ type: 'github', owner: 'o', repo: 'r', rev, lastModified: 1620191105, narHash });
    // The archive of a commit does not change, so it is not asked for again.
    await session({ settings: { tarballTtl: 0 } }).fetcher.fetchTree({
      type: 'github',
      owner: 'o',
      repo: 'r',
      rev,
    });
    expect(server.requests.length).toBe(2);
    server.answers.set('/enterprise/api/v3/repos/o/r/commits/b', json({ sha: rev }));
    server.answers.set(`/enterprise/api/v3/repos/o/r/tarball/${rev}`, (_, response) => response.end(archive));
    const enterprise = { type: 'github', owner: 'o', repo: 'r', ref: 'b', host: 'gh.example.org' };
    const { ref: _ref, ...rest } = enterprise;
    expect((await session().fetcher.fetchTree(enterprise)).input).toMatchObject({ ...rest, rev });
    server.answers.set('/api/repos/o/r/commits/odd', json({ message: 'what?' }));
    await expect(
      session().fetcher.fetchTree({ type: 'github', owner: 'o', repo: 'r', ref: 'odd' }),
    ).rejects.toMatchObject({ message: /answered something unexpected for 'github:o\/r\/odd'/ });
  });

  it('gitlab: groups inside groups', async () => {
    server.answers.set('/api/v4/projects/g%2Fsub%2Fr/repository/commits', json([{ id: rev }]));
    server.answers.set('/api/v4/projects/g%2Fsub%2Fr/repository/archive.tar.gz', (_, response) =>
      response.end(archive),
    );
    server.answers.set('/api/v4/projects/o%2Fempty/repository/commits', json([]));
    const { fetcher } = world().session();
    const { input } = await fetcher.fetchTree({ type: 'gitlab', owner: 'g/sub', repo: 'r', ref: 'main' });
    expect(input).toMatchObject({ rev, narHash });
    expect(server.requests.map(({ path }) => path.replace(/^[^?]*/, ''))).toEqual([
      '?ref_name=main',
      `?sha=${rev}`,
    ]);
    await expect(fetcher.fetchTree({ type: 'gitlab', owner: 'o', repo: 'empty' })).rejects.toMatchObject({
      code: 'flake/no-such-revision',
    });
  });

  it('sourcehut: by what it serves to git', async () => {
    server.answers.set('/~o/r/HEAD', (_, response) => response.end('ref: refs/heads/main\n'));
    server.answers.set('/~o/r/info/refs', (_, response) =>
      response.end(`${'0'.repeat(40)}\trefs/heads/x\n${rev}\trefs/heads/main\n${rev}\trefs/tags/v1\n`),
    );
    server.answers.set(`/~o/r/archive/${rev}.tar.gz`, (_, response) => response.end(archive));
    const { fetcher } = world().session();
    const input = { type: 'sourcehut', owner: '~o', repo: 'r' };
    expect((await fetcher.fetchTree(input)).input).toMatchObject({ rev, narHash });
    expect((await fetcher.fetchTree({ ...input, ref: 'v1' })).input).toMatchObject({ rev });
    await expect(fetcher.fetchTree({ ...input, ref: 'v2' })).rejects.toMatchObject({
      code: 'flake/no-such-revision',
      message: "in 'sourcehut:~o/r/v2', couldn't find ref 'v2'",
    });
  });
});

it('refuses what cannot be fetched, by name', async () => {
  const { fetcher } = testWorld().session();
  const refused = {
    hg: { type: 'hg', url: 'https://x/y' },
    indirect: { type: 'indirect', id: 'x' },
    odd: { type: 'odd' },
  };
  for (const input of Object.values(refused))
    await expect(async () => fetcher.fetchTree(input)).rejects.toMatchObject({ code: 'flake/unsupported' });
});
