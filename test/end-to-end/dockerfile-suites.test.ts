// Images of Debian out of registries have apt look into updates and security too: the lock fixes those suites as well, and
// steps get them as they were locked.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  makeTestArchive,
  makeTestKey,
  type TestArchive,
  type TestKey,
} from '../../src/debian/test-archive.ts';
import { sha256Hex } from '../../src/foundation/digest.ts';
import { type Host, silentProgress } from '../../src/foundation/host.ts';
import { exampleImage } from '../../src/oci/example-image.ts';
import { parseReference } from '../../src/oci/reference.ts';
import { pushImage } from '../../src/oci/registry-push.ts';
import { type RegistryServer, startRegistry } from '../../src/oci/registry-server.ts';
import { RegistrySession } from '../../src/oci/registry-session.ts';
import { startPackageProxy } from '../../src/routes/dockerfile/package-proxy.ts';
import { type LockFile, parseLockFile } from '../../src/sets/lock-file.ts';
import { projectRoot, run } from './workspace.ts';

let root: string;
let registry: RegistryServer;
let server: Server;
let key: TestKey;
let mirror: string;
const archives = new Map<string, TestArchive>();

const host = (): Host => ({
  env: { TRIMARAN_DEBIAN_MIRROR: mirror, TRIMARAN_DEBIAN_KEYS: join(root, 'keys.asc') },
  cwd: root,
  fetch,
  now: Date.now,
  run: () => Promise.reject(new Error('no process is needed')),
  which: () => undefined,
  progress: silentProgress,
});

/** Puts a state of security updates in place, with a version of `libssl3`. */
async function publishSecurity(version: string, date: Date): Promise<void> {
  const packages = [{ name: 'libssl3', version, architecture: 'amd64' }];
  const archive = await makeTestArchive({
    suite: 'bookworm-security',
    isSecurity: true,
    key,
    packages,
    date,
  });
  archives.set('/debian-security/dists', archive);
  // The pool keeps what it had.
  const pool = archives.get('/debian-security/pool');
  for (const [path, bytes] of pool?.files ?? []) if (path.startsWith('pool/')) archive.files.set(path, bytes);
  archives.set('/debian-security/pool', archive);
}

function fileAt(path: string): Buffer | undefined {
  const [, area = '', rest = ''] = /^(\/debian(?:-security)?)\/(.*)$/.exec(path) ?? [];
  const suite = /^dists\/([^/]+)\//.exec(rest)?.[1] ?? '';
  const holders = [`${area}/dists`, `${area}/pool`, `${area}/${suite}`].flatMap(
    (name) => archives.get(name) ?? [],
  );
  return [...holders, ...(area === '/debian' ? [archives.get('updates')!, archives.get('main')!] : [])]
    .map(({ files }) => files.get(rest))
    .find((bytes) => bytes !== undefined);
}

function trimaran(...args: string[]) {
  const { env } = host();
  return run(process.execPath, [join(projectRoot, 'bin/trimaran'), ...args], {
    cwd: join(root, 'project'),
    env: {
      ...(env as Record<string, string>),
      XDG_CACHE_HOME: join(root, 'cache'),
      DOCKER_HOST: 'unix:///nowhere/docker.sock',
    },
  });
}

const readLock = (): LockFile => {
  const file = join(root, 'project/trimaran.lock');
  return parseLockFile(readFileSync(file, 'utf8'), file);
};

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'trimaran-suites-'));
  key = await makeTestKey();
  writeFileSync(join(root, 'keys.asc'), key.publicKey);
  const main = [
    { name: 'curl', architecture: 'amd64', fields: { Depends: 'libssl3, tzdata' } },
    { name: 'libssl3', version: '3.0.1-1', architecture: 'amd64' },
    { name: 'tzdata', version: '2024a-0' },
  ];
  archives.set('main', await makeTestArchive({ suite: 'bookworm', key, packages: main }));
  const updates = [{ name: 'tzdata', version: '2026a-0' }];
  archives.set('updates', await makeTestArchive({ suite: 'bookworm-updates', key, packages: updates }));
  await publishSecurity('3.0.1-1+deb12u1', new Date('2026-02-01'));
  server = createServer((request, response) => {
    const file = fileAt(decodeURIComponent(request.url ?? ''));
    response.writeHead(file === undefined ? 404 : 200).end(file);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  mirror = `http://127.0.0.1:${(server.address() as AddressInfo).port}/debian`;
  registry = await startRegistry();
  await pushImage(new RegistrySession({ host: host() }), {
    image: await exampleImage([]),
    reference: parseReference(`${registry.address}/debian:bookworm`),
    cacheDirectory: join(root, 'layers'),
  });
  mkdirSync(join(root, 'project/web'), { recursive: true });
  writeFileSync(join(root, 'project/compose.yaml'), 'services:\n  web:\n    build: web\n');
  const steps = 'RUN apt-get update && apt-get install -y curl libssl3';
  writeFileSync(
    join(root, 'project/web/Dockerfile'),
    `FROM ${registry.address}/debian:bookworm\n${steps}\nCMD ["curl"]\n`,
  );
});
afterAll(async () => {
  await registry?.close();
  server?.close();
  if (root !== undefined) rmSync(root, { recursive: true });
});

describe('suites of Debian that add to a release', () => {
  it('are locked with it, each package where it comes from', async () => {
    const ended = await trimaran('lock');
    expect(ended.exitCode, ended.stderr).toBe(0);
    const { debian, unpinned } = readLock();
    const versions = [...debian].map(([suite, { architectures }]) => [
      suite,
      [...(architectures.get('amd64')?.packages ?? [])].map(([name, { version }]) => `${name} ${version}`),
    ]);
    expect(Object.fromEntries(versions)).toEqual({
      bookworm: ['curl 1.0-1'],
      'bookworm-security': ['libssl3 3.0.1-1+deb12u1'],
      'bookworm-updates': ['tzdata 2026a-0'],
    });
    expect(unpinned).toEqual([]);
    const audit = await trimaran('audit');
    expect(audit.stdout).toContain('3 of 3 inputs are pinned');
  });

  it('are given to steps as they were locked, whatever the mirror has by then', async () => {
    const lock = readLock();
    const before = archives.get('/debian-security/dists')!.files.get('dists/bookworm-security/InRelease')!;
    const proxy = await startPackageProxy({
      host: host(),
      cacheDirectory: join(root, 'cache/trimaran'),
      lock,
      architecture: 'amd64',
    });
    try {
      const ask = (path: string) => fetch(`${proxy.url}${path}`);
      const first = await ask('/debian-security/dists/bookworm-security/InRelease');
      expect(Buffer.from(await first.arrayBuffer())).toEqual(before);
      await publishSecurity('3.0.1-1+deb12u2', new Date('2026-03-01'));
      const release = await ask('/debian-security/dists/bookworm-security/InRelease');
      expect(sha256Hex(Buffer.from(await release.arrayBuffer()))).toBe(sha256Hex(before));
      expect(lock.debian.get('bookworm-security')?.releaseSha256).toBe(sha256Hex(before));
      const deb = await ask('/debian-security/pool/main/libssl3_3.0.1-1+deb12u1_amd64.deb');
      expect(deb.status).toBe(200);
      expect(proxy.use.passed).toEqual([]);
      expect([...proxy.use.packages.get('bookworm-security')!.keys()]).toEqual(['libssl3']);
    } finally {
      await proxy.close();
    }
  });

  it('stay until the release is to be updated, and are written into Dockerfiles', async () => {
    const again = await trimaran('lock');
    expect(again.exitCode, again.stderr).toBe(0);
    const versionOf = () =>
      readLock().debian.get('bookworm-security')!.architectures.get('amd64')!.packages.get('libssl3')!
        .version;
    expect(versionOf()).toBe('3.0.1-1+deb12u1');
    const updated = await trimaran('lock', '--update', 'bookworm', '--write');
    expect(updated.exitCode, updated.stderr).toBe(0);
    expect(versionOf()).toBe('3.0.1-1+deb12u2');
    expect(readFileSync(join(root, 'project/web/Dockerfile'), 'utf8')).toContain(
      'install -y curl=1.0-1 libssl3=3.0.1-1+deb12u2\n',
    );
  });

  it('leave packages open where they cannot be had', async () => {
    rmSync(join(root, 'project/trimaran.lock'));
    const held = archives.get('/debian-security/dists')!;
    const inRelease = held.files.get('dists/bookworm-security/InRelease')!;
    held.files.delete('dists/bookworm-security/InRelease');
    writeFileSync(
      join(root, 'project/web/Dockerfile'),
      `FROM ${registry.address}/debian:bookworm\nRUN apt-get install -y curl\nCMD ["curl"]\n`,
    );
    const ended = await trimaran('lock');
    held.files.set('dists/bookworm-security/InRelease', inRelease);
    expect(ended.exitCode, ended.stderr).toBe(0);
    expect(readLock().unpinned).toMatchObject([
      { what: 'the apt suite bookworm-security', where: 'web/Dockerfile:2' },
    ]);
    const audit = await trimaran('audit');
    expect(audit.stdout).toContain('[apt-unpinned]');
  });
});
