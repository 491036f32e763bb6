import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Host, type ProcessOptions, silentProgress } from '../foundation/host.ts';
import { httpReader } from '../foundation/http-read.ts';
import { canonicalJson } from './canonical-json.ts';
import { readContentsWhole } from './content-stream.ts';
import { mediaTypes } from './descriptor.ts';
import { exampleImage, exampleTree } from './example-image.ts';
import { diffIds, type Image } from './image.ts';
import { readLayout } from './oci-layout.ts';
import { parseReference } from './reference.ts';
import { copyToLayout } from './registry-copy.ts';
import { fetchImage } from './registry-fetch.ts';
import { fetchRemoteImage, resolveReference } from './registry-image.ts';
import { pullImage } from './registry-pull.ts';
import { pushImage } from './registry-push.ts';
import { type RegistryServer, type RegistryServerOptions, startRegistry } from './registry-server.ts';
import { parseChallenge, type RegistryOptions, RegistrySession } from './registry-session.ts';

let directory: string;
const servers: RegistryServer[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'oci-registry-'));
});
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
  rmSync(directory, { recursive: true });
});

async function start(options: RegistryServerOptions = {}): Promise<RegistryServer> {
  const server = await startRegistry(options);
  servers.push(server);
  return server;
}

const ran: ProcessOptions[] = [];
function host(answer = ''): RegistryOptions['host'] {
  const run: Host['run'] = async (options) => {
    ran.push(options);
    return {
      exitCode: answer === '' ? 1 : 0,
      stdout: Buffer.from(answer || 'credentials not found in native keychain'),
      stderr: Buffer.alloc(0),
    };
  };
  const env = { DOCKER_CONFIG: join(directory, 'docker') };
  return { fetch, read: httpReader(), env, run, progress: silentProgress };
}

function login(registry: RegistryServer, user = 'user', password = 'secret'): void {
  writeConfig({
    auths: { [registry.address]: { auth: Buffer.from(`${user}:${password}`).toString('base64') } },
  });
}

function writeConfig(config: unknown): void {
  mkdirSync(join(directory, 'docker'), { recursive: true });
  writeFileSync(join(directory, 'docker/config.json'), JSON.stringify(config));
}

const open = (options: Partial<RegistryOptions> = {}) =>
  new RegistrySession({ host: host(), retryDelay: 1, longestWait: 50, ...options });
const platform = { os: 'linux', architecture: 'amd64' };
const cache = (name = 'cache') => join(directory, name);
const example = () =>
  exampleImage([
    exampleTree({ 'a/': '', 'a/b': 'x'.repeat(500_000) }),
    exampleTree({ c: String(Math.PI).repeat(20_000) }),
  ]);
const at = (registry: RegistryServer, name: string) => parseReference(`${registry.address}/${name}`);
const push = async (registry: RegistryServer, name: string, image?: Image, session = open()) =>
  pushImage(session, {
    image: image ?? (await example()),
    reference: at(registry, name),
    cacheDirectory: cache('gzip'),
  });
const pull = (registry: RegistryServer, name: string, session = open()) =>
  pullImage(session, { reference: at(registry, name), platform, cacheDirectory: cache() });
const code = (expected: string) => expect.objectContaining({ code: expected });

describe('push and pull', () => {
  it('brings an image there and back', async () => {
    const registry = await start();
    const image = await example();
    const pushed = await push(registry, 'team/app:1', image);
    expect(pushed.blobs).toEqual({ sent: 3, mounted: 0, present: 0 });
    const pulled = await pull(registry, 'team/app:1');
    expect(pulled.digest).toBe(pushed.digest);
    expect(pulled.image.configDigest).toBe(image.configDigest);
    expect(diffIds(pulled.image)).toEqual(diffIds(image));
    expect(pulled.image.names).toEqual([at(registry, 'team/app:1')]);
    for (const [i, layer] of image.layers.entries()) {
      const bytes = await readContentsWhole(pulled.image.layers[i]!.content);
      expect(bytes.equals(await readContentsWhole(layer.content))).toBe(true);
    }
    expect(readdirSync(join(cache(), 'download'))).toEqual([]);
    const byDigest = await pull(registry, `team/app@${pushed.digest}`);
    expect(byDigest.image.configDigest).toBe(image.configDigest);
    expect(byDigest.image.names).toEqual([]);
  });

  it('sends only blobs that are missing, and fetches only layers that the cache lacks', async () => {
    const registry = await start();
    await push(registry, 'app:1');
    const again = await push(registry, 'app:2');
    expect(again).toMatchObject({ bytesSent: 0, blobs: { sent: 0, mounted: 0, present: 3 } });
    await pull(registry, 'app:1');
    const before = registry.requests.length;
    await pull(registry, 'app:2');
    expect(registry.requests.slice(before).filter((line) => line.includes('/blobs/'))).toHaveLength(1);
  });

  it('mounts blobs from another repository', async () => {
    const registry = await start();
    const image = await example();
    await push(registry, 'base:1', image);
    const options = { image, reference: at(registry, 'app'), cacheDirectory: cache('gzip') };
    const pushed = await pushImage(open(), { ...options, mountFrom: ['nothing', 'base'] });
    expect(pushed).toMatchObject({ bytesSent: 0, blobs: { sent: 0, mounted: 3 } });
    const other = { ...options, reference: at(registry, 'other'), mountFrom: ['nothing'] };
    expect(await pushImage(open(), other)).toMatchObject({ blobs: { sent: 3, mounted: 0 } });
    expect((await pull(registry, 'app')).image.configDigest).toBe(image.configDigest);
  });

  it('uploads in chunks, and without compression', async () => {
    const registry = await start();
    const image = await example();
    registry.inject({ method: 'PATCH', status: 503 });
    const options = { image, reference: at(registry, 'app'), cacheDirectory: cache('gzip') };
    await pushImage(open(), { ...options, compression: 'none', chunkSize: 100_000 });
    expect(registry.requests.filter((line) => line.startsWith('PATCH')).length).toBeGreaterThan(7);
    const pulled = await pull(registry, 'app');
    expect(pulled.image.configDigest).toBe(image.configDigest);
    expect(pulled.layers.map((layer) => layer.mediaType)).toEqual([mediaTypes.ociLayer, mediaTypes.ociLayer]);
  });

  it('chooses from an index by platform, and resolves it to pin', async () => {
    const registry = await start();
    const arm = await exampleImage([exampleTree({ arm: '1' })], {
      platform: { os: 'linux', architecture: 'arm64' },
    });
    const amd = await example();
    const platforms = [
      {
        platform: { os: 'linux', architecture: 'arm64', variant: 'v8' },
        digest: (await push(registry, 'app:arm', arm)).digest,
      },
      { platform, digest: (await push(registry, 'app:amd', amd)).digest },
    ];
    const manifests = [
      ...platforms.map((entry) => ({ mediaType: mediaTypes.ociManifest, size: 1, ...entry })),
      {
        mediaType: mediaTypes.ociManifest,
        size: 1,
        digest: platforms[0]!.digest,
        platform: { os: 'unknown', architecture: 'unknown' },
      },
    ];
    const index = canonicalJson({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests });
    const response = await fetch(`http://${registry.address}/v2/app/manifests/all`, {
      method: 'PUT',
      headers: { 'content-type': mediaTypes.ociIndex },
      body: new Uint8Array(index),
    });
    const digest = response.headers.get('docker-content-digest');
    expect(await resolveReference(open(), at(registry, 'app:all'))).toEqual({
      digest,
      kind: 'index',
      platforms,
    });
    const pulled = await pull(registry, 'app:all');
    expect(pulled).toMatchObject({ digest, manifestDigest: platforms[1]!.digest });
    expect(pulled.image.configDigest).toBe(amd.configDigest);
    const options = { reference: at(registry, 'app:all'), platform: { os: 'linux', architecture: 'arm64' } };
    expect((await fetchRemoteImage(open(), options)).config.architecture).toBe('arm64');
    await expect(
      fetchRemoteImage(open(), { ...options, platform: { os: 'linux', architecture: 's390x' } }),
    ).rejects.toThrowError(expect.objectContaining({ hint: 'it has linux/amd64, linux/arm64/v8' }));
  });
});

describe('fetchImage', () => {
  it('keeps blobs as they came, and unpacks them without asking again', async () => {
    const registry = await start();
    const image = await example();
    const pushed = await push(registry, 'app:1', image);
    const options = { reference: at(registry, 'app:1'), platform, cacheDirectory: cache() };
    const fetched = await fetchImage(open(), options);
    expect(fetched).toMatchObject({ digest: pushed.digest, configDigest: image.configDigest });
    expect(readdirSync(join(cache(), 'blobs')).sort()).toEqual(
      fetched.layers.map(({ digest }) => digest.slice(7)).sort(),
    );
    const before = registry.requests.length;
    await fetchImage(open(), options);
    const pulled = await pull(registry, 'app:1');
    expect(registry.requests.slice(before).filter((line) => line.includes('/blobs/'))).toEqual([
      `GET /v2/app/blobs/${image.configDigest}`,
      `GET /v2/app/blobs/${image.configDigest}`,
    ]);
    expect(diffIds(pulled.image)).toEqual(diffIds(image));
    // What was unpacked is not kept twice, and what is unpacked is not fetched.
    expect(readdirSync(join(cache(), 'blobs'))).toEqual([]);
    await fetchImage(open(), options);
    expect(readdirSync(join(cache(), 'blobs'))).toEqual([]);
  });

  it('fetches a kept blob again that was damaged since', async () => {
    const registry = await start();
    await push(registry, 'app:1');
    const options = { reference: at(registry, 'app:1'), platform, cacheDirectory: cache() };
    const [blob] = (await fetchImage(open(), options)).layers;
    writeFileSync(join(cache(), 'blobs', blob!.digest.slice(7)), 'x'.repeat(blob!.size));
    expect((await pull(registry, 'app:1')).image.layers).toHaveLength(2);
  });
});

describe('redirects', () => {
  it('are told where a registry on loopback only redirects', async () => {
    const server = createServer((_, response) => response.writeHead(302, { location: '/v2/' }).end());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = server.address() as AddressInfo;
      const reference = parseReference(`127.0.0.1:${port}/a:1`);
      await expect(fetchRemoteImage(open(), { reference, platform })).rejects.toThrowError(
        code('oci/registry-redirect'),
      );
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });

  it.each(['file:///etc/passwd', '/v2/app/manifests/1'])('to %s end at once', async (location) => {
    const registry = await start();
    registry.inject({ path: /manifests/, status: 307, times: 99, headers: { location } });
    const before = registry.requests.length;
    await expect(pull(registry, 'app:1')).rejects.toThrowError(code('oci/registry-redirect'));
    expect(registry.requests.length - before).toBeLessThan(24);
  });

  it('are followed, and credentials stay behind', async () => {
    const registry = await start({ auth: { kind: 'basic', user: 'user', password: 'secret' } });
    login(registry);
    const image = await example();
    await push(registry, 'app:1', image);
    const seen: (string | undefined)[] = [];
    const store = createServer(async (request, response) => {
      seen.push(request.headers.authorization);
      const answer = await fetch(`http://${registry.address}${request.url}`, {
        headers: { authorization: `Basic ${Buffer.from('user:secret').toString('base64')}` },
      });
      response.end(Buffer.from(await answer.arrayBuffer()));
    });
    await new Promise<void>((resolve) => store.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = store.address() as AddressInfo;
      registry.inject({
        path: /blobs/,
        status: 307,
        headers: { location: `http://127.0.0.1:${port}/v2/app/blobs/${image.configDigest}` },
      });
      const remote = await fetchRemoteImage(open(), { reference: at(registry, 'app:1'), platform });
      expect(remote.configDigest).toBe(image.configDigest);
      expect(seen).toEqual([undefined]);
      registry.inject({ path: /blobs/, status: 302, headers: { location: 'ftp://127.0.0.1/x' }, times: 9 });
      await expect(
        fetchRemoteImage(open(), { reference: at(registry, 'app:1'), platform }),
      ).rejects.toThrowError(code('oci/registry-redirect'));
    } finally {
      store.close();
    }
  });
});

describe('copyToLayout', () => {
  const copy = (registry: RegistryServer, name: string, folder = cache('layout')) =>
    copyToLayout(open(), { reference: at(registry, name), platform, folder });

  it('keeps the blobs and the manifest as they are there', async () => {
    const registry = await start();
    const image = await example();
    const { digest } = await push(registry, 'app:1', image);
    const { manifestDigest } = await copy(registry, 'app:1');
    expect(manifestDigest).toBe(digest);
    expect(readdirSync(cache('layout')).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
    expect(readdirSync(cache('layout/blobs/sha256'))).toHaveLength(4);
    const [read] = await readLayout(cache('layout'), { cacheDirectory: cache() });
    expect(read!.configDigest).toBe(image.configDigest);
    expect(read!.names).toEqual([at(registry, 'app:1')]);
  });

  it('leaves nothing behind when a blob is wrong, and no folder replaced', async () => {
    const registry = await start();
    await push(registry, 'app:1');
    registry.inject({ path: /blobs/, corrupt: true, times: 50 });
    await expect(copy(registry, 'app:1')).rejects.toThrow(code('oci/digest-mismatch'));
    expect(readdirSync(directory).filter((name) => name.startsWith('layout'))).toEqual([]);
    const other = await start();
    await push(other, 'app:1');
    mkdirSync(cache('layout/mine'), { recursive: true });
    await expect(copy(other, 'app:1')).rejects.toThrow(code('oci/layout-exists'));
    expect(readdirSync(cache('layout'))).toEqual(['mine']);
  });
});

describe('faults', () => {
  it('goes on with a blob where the connection broke', async () => {
    const registry = await start();
    const image = await example();
    const { digest } = await push(registry, 'app', image);
    const { layers } = await fetchRemoteImage(open(), { reference: at(registry, 'app'), platform });
    registry.inject({ method: 'GET', path: /blobs/, cutAfter: 100 }); // The configuration.
    registry.inject({ method: 'GET', path: new RegExp(layers[1]!.digest), cutAfter: 100, times: 2 });
    const pulled = await pull(registry, 'app');
    expect(pulled).toMatchObject({ digest, image: { configDigest: image.configDigest } });
    expect(
      registry.requests.filter((line) => line.includes(layers[1]!.digest) && line.startsWith('GET')),
    ).toHaveLength(3);
  });

  it('goes on in the next run, and says that it can', async () => {
    const registry = await start();
    const image = await exampleImage([
      exampleTree({ a: Array.from({ length: 40_000 }, (_, i) => i * i).join() }),
    ]);
    await push(registry, 'app', image);
    const blob = (await fetchRemoteImage(open(), { reference: at(registry, 'app'), platform })).layers[0]!;
    const path = new RegExp(blob.digest);
    registry.inject({ path, cutAfter: 50_000 });
    registry.inject({ path, cutAfter: 0, times: 20 });
    await expect(pull(registry, 'app')).rejects.toThrowError(code('oci/registry-truncated'));
    expect(readdirSync(join(cache(), 'download'))).toEqual([`${blob.digest.slice(7)}.partial`]);

    const healthy = await start();
    await push(healthy, 'app', image);
    const pulled = await pull(healthy, 'app');
    expect(pulled.image.configDigest).toBe(image.configDigest);
    expect(readdirSync(join(cache(), 'download'))).toEqual([]);
  });

  it('goes on with what a killed process left, and sweeps up after it', async () => {
    const registry = await start();
    const image = await example();
    await push(registry, 'app', image);
    const { layers } = await fetchRemoteImage(open(), { reference: at(registry, 'app'), platform });
    const [hex] = layers.map((layer) => layer.digest.slice(7));
    const response = await fetch(`http://${registry.address}/v2/app/blobs/sha256:${hex}`);
    const bytes = Buffer.from(await response.arrayBuffer());
    mkdirSync(join(cache(), 'download'), { recursive: true });
    // No process has so large a pid.
    writeFileSync(join(cache(), 'download', `${hex}.tmp-4194999-abcdef`), bytes);
    writeFileSync(join(cache(), `${'0'.repeat(64)}.tar.tmp-4194999-abcdef`), 'x');
    const before = registry.requests.length;
    await pull(registry, 'app');
    expect(registry.requests.slice(before).join()).not.toContain(hex);
    expect(readdirSync(join(cache(), 'download'))).toEqual([]);
    expect(readdirSync(cache()).filter((name) => name.includes('.tmp-'))).toEqual([]);
  });

  it('takes no image for another platform, index or not', async () => {
    const registry = await start();
    await push(registry, 'app', await exampleImage([], { platform: { os: 'linux', architecture: 'arm64' } }));
    await expect(pull(registry, 'app')).rejects.toThrowError(
      expect.objectContaining({ code: 'oci/no-such-platform', hint: 'it has linux/arm64' }),
    );
  });

  it('starts again when the registry continues elsewhere', async () => {
    const registry = await start();
    const pushed = await push(registry, 'app');
    const { layers } = await fetchRemoteImage(open(), { reference: at(registry, 'app'), platform });
    registry.inject({ path: new RegExp(`blobs/${layers[0]!.digest}`), cutAfter: 100 });
    const reader = httpReader();
    const read: typeof reader = (url, request) => {
      const { range, ...headers } = request.headers;
      return reader(url, { ...request, headers: { ...headers, ...(range && { range: 'bytes=3-' }) } });
    };
    await expect(pull(registry, 'app', open({ host: { ...host(), read } }))).resolves.toMatchObject({
      manifestDigest: pushed.digest,
    });
  });

  it('starts again when what was left is not what it should be', async () => {
    const registry = await start();
    const pushed = await push(registry, 'app');
    const remote = await fetchRemoteImage(open(), { reference: at(registry, 'app'), platform });
    mkdirSync(join(cache(), 'download'), { recursive: true });
    for (const { digest } of remote.layers) {
      writeFileSync(join(cache(), 'download', `${digest.slice(7)}.partial`), 'wrong');
    }
    expect((await pull(registry, 'app')).manifestDigest).toBe(pushed.digest);
  });

  it.each<[string, Parameters<RegistryServer['inject']>[0], string]>([
    ['403', { status: 403, path: /manifests/, times: 9 }, 'oci/registry-forbidden'],
    ['404', { status: 404, path: /manifests/, times: 9 }, 'oci/registry-not-found'],
    [
      '429',
      { status: 429, path: /manifests/, times: 9, headers: { 'retry-after': '3600' } },
      'oci/registry-too-many-requests',
    ],
    ['500', { status: 500, path: /manifests/, times: 9 }, 'oci/registry-unavailable'],
    ['418', { status: 418, path: /manifests/, times: 9 }, 'oci/registry-error'],
    ['a changed manifest', { corrupt: true, path: /manifests/, times: 9 }, 'oci/digest-mismatch'],
    ['a truncated manifest', { cutAfter: 10, path: /manifests/, times: 9 }, 'oci/registry-truncated'],
    ['a changed blob', { corrupt: true, path: /blobs/, times: 9 }, 'oci/digest-mismatch'],
    ['a truncated blob', { cutAfter: 0, path: /blobs/, times: 40 }, 'oci/registry-truncated'],
    ['a missing blob', { status: 404, path: /blobs/, times: 9 }, 'oci/registry-not-found'],
  ])('says %s by its code, and keeps nothing that is wrong', async (_, fault, expected) => {
    const registry = await start();
    await push(registry, 'app');
    registry.inject(fault);
    const failure = expect.objectContaining({ code: expected, exitCode: 4, hint: expect.any(String) });
    await expect(pull(registry, 'app')).rejects.toThrowError(failure);
  });

  it('does not wait for longer than it may', async () => {
    const registry = await start();
    registry.inject({ status: 429, path: /manifests/, times: 9, headers: { 'retry-after': '3600' } });
    const before = registry.requests.filter((line) => line.includes('manifests')).length;
    await expect(pull(registry, 'app')).rejects.toThrowError(code('oci/registry-too-many-requests'));
    expect(registry.requests.filter((line) => line.includes('manifests')).length - before).toBe(1);
  });

  it('asks again after 429 and 503', async () => {
    const registry = await start();
    await push(registry, 'app');
    registry.inject({ status: 429, path: /manifests/, headers: { 'retry-after': '0' } });
    registry.inject({
      status: 503,
      path: /manifests/,
      headers: { 'retry-after': 'Thu, 01 Jan 1970 00:00:00 GMT' },
    });
    registry.inject({ status: 500, path: /blobs/, times: 2 });
    await pull(registry, 'app');
  });

  it.each([
    { method: 'PUT', path: /uploads/, cutAfter: 10 },
    { method: 'PUT', path: /uploads/, status: 503 },
    { method: 'PUT', path: /uploads/, status: 404 },
    { method: 'POST', path: /uploads/, status: 502 },
    { method: 'HEAD', path: /blobs/, status: 500 },
  ])('pushes through %j', async (fault) => {
    const registry = await start();
    registry.inject(fault);
    const image = await example();
    await push(registry, 'app', image);
    expect((await pull(registry, 'app')).image.configDigest).toBe(image.configDigest);
  });

  it('says that nobody is there, and that an image is not', async () => {
    const registry = await start();
    await expect(pull(registry, 'nothing')).rejects.toThrowError(code('oci/registry-not-found'));
    await registry.close();
    servers.length = 0;
    await expect(pull(registry, 'nothing')).rejects.toThrowError(code('oci/registry-unreachable'));
  });

  it('reads from a mirror first, and from the registry when the mirror fails', async () => {
    const registry = await start();
    const mirror = await start();
    await push(registry, 'app');
    await push(mirror, 'app');
    const mirrors = { [registry.address]: [`http://${mirror.address}`] };
    const before = registry.requests.length;
    await pull(registry, 'app', open({ mirrors }));
    expect(registry.requests.slice(before).filter((line) => !line.endsWith('/v2/'))).toEqual([]);
    rmSync(cache(), { recursive: true });
    mirror.inject({ corrupt: true, path: /blobs/, times: 99 });
    await pull(registry, 'app', open({ mirrors }));
    await expect(
      pull(registry, 'app', open({ mirrors: { [registry.address]: ['::'] } })),
    ).rejects.toThrowError(code('oci/bad-mirror'));
  });

  it('speaks no plain HTTP to others unless told by name', async () => {
    const mirrors = { 'example.invalid': ['http://mirror.example.invalid'] };
    const options = { reference: parseReference('example.invalid/app'), platform };
    await expect(fetchRemoteImage(open({ mirrors }), options)).rejects.toThrowError(
      code('oci/registry-insecure'),
    );
    const asked: string[] = [];
    const recording: typeof fetch = async (input) => {
      asked.push(String(input));
      return new Response('', { status: 403 });
    };
    const session = (insecure: string[]) =>
      open({ host: { ...host(), fetch: recording, read: undefined }, insecure });
    await expect(fetchRemoteImage(session([]), options)).rejects.toThrowError(code('oci/registry-forbidden'));
    await expect(fetchRemoteImage(session(['example.invalid']), options)).rejects.toThrowError();
    expect(asked).toEqual([
      'https://example.invalid/v2/app/manifests/latest',
      'http://example.invalid/v2/app/manifests/latest',
    ]);
  });
});

describe('credentials', () => {
  it.each(['basic', 'bearer'] as const)('gives %s what it asks for', async (kind) => {
    const registry = await start({ auth: { kind, user: 'user', password: 'secret' } });
    await expect(push(registry, 'app')).rejects.toThrowError(code('oci/registry-unauthorized'));
    login(registry);
    const image = await example();
    await push(registry, 'app', image);
    expect((await pull(registry, 'app')).image.configDigest).toBe(image.configDigest);
    login(registry, 'user', 'wrong-password');
    const failure: unknown = await pull(registry, 'app').catch((error) => error);
    expect(failure).toMatchObject({
      code: 'oci/registry-unauthorized',
      message: expect.stringContaining('does not accept the user and password'),
    });
    expect(JSON.stringify(failure) + String(failure)).not.toContain('wrong-password');
  });

  it('gets a new token when the old one has expired', async () => {
    const registry = await start({ auth: { kind: 'bearer', user: 'user', password: 'secret' } });
    login(registry);
    const session = open();
    await push(registry, 'app', undefined, session);
    registry.expireTokens();
    await push(registry, 'app:2', undefined, session);
    await pull(registry, 'app:2', session);
    expect(registry.requests.filter((line) => line.startsWith('GET /token')).length).toBeGreaterThanOrEqual(
      3,
    );
  });

  it('says that a registry refuses its own token', async () => {
    const registry = await start({
      auth: { kind: 'bearer', user: 'user', password: 'secret', tokenLifetime: 0 },
    });
    login(registry);
    await expect(push(registry, 'app')).rejects.toThrowError(code('oci/registry-token-rejected'));
  });

  it('asks a credential helper, and gives it nothing but the name', async () => {
    const registry = await start({ auth: { kind: 'basic', user: 'user', password: 'secret' } });
    writeConfig({ credHelpers: { [registry.address]: 'test' } });
    ran.length = 0;
    const answer = JSON.stringify({ ServerURL: registry.address, Username: 'user', Secret: 'secret' });
    await push(registry, 'app', undefined, open({ host: host(answer) }));
    expect(ran).toHaveLength(1);
    expect(ran[0]).toMatchObject({
      command: 'docker-credential-test',
      args: ['get'],
      input: Buffer.from(registry.address),
    });
    await expect(push(registry, 'app')).rejects.toThrowError(code('oci/registry-unauthorized'));
    await expect(
      push(registry, 'app', undefined, open({ host: host('nonsense secret') })),
    ).rejects.toThrowError(code('oci/credential-helper-failed'));
    writeConfig({ credsStore: '../evil' });
    await expect(push(registry, 'app')).rejects.toThrowError(code('oci/credential-helper-failed'));
  });

  it('changes an identity token into an access token', async () => {
    const requests: { url: string; body: string | undefined; authorization: string | null }[] = [];
    const answering: typeof fetch = async (input, init) => {
      const url = String(input);
      const headers = new Headers(init?.headers);
      requests.push({ url, body: init?.body?.toString(), authorization: headers.get('authorization') });
      if (url.startsWith('https://auth.example.invalid/')) return Response.json({ access_token: 'fresh' });
      if (headers.get('authorization') === 'Bearer fresh') return new Response('', { status: 403 });
      const challenge = 'Bearer realm="https://auth.example.invalid/token",service="r"';
      return new Response('', { status: 401, headers: { 'www-authenticate': challenge } });
    };
    writeConfig({ auths: { 'example.invalid': { identitytoken: 'long-lived' } } });
    const session = open({ host: { ...host(), fetch: answering, read: undefined } });
    const options = { reference: parseReference('example.invalid/app'), platform };
    await expect(fetchRemoteImage(session, options)).rejects.toThrowError(code('oci/registry-forbidden'));
    expect(requests[1]!.body).toContain('refresh_token=long-lived');
    expect(requests[2]!.authorization).toBe('Bearer fresh');
  });

  it('reads challenges as servers write them', () => {
    expect(
      parseChallenge('Bearer realm="https://a/b?c,d",service="x y",scope="repository:a:pull,push"'),
    ).toEqual({
      scheme: 'bearer',
      parameters: { realm: 'https://a/b?c,d', service: 'x y', scope: 'repository:a:pull,push' },
    });
    expect(parseChallenge('Basic realm="r", Bearer realm="https://a"')).toMatchObject({ scheme: 'bearer' });
    expect(parseChallenge('BASIC realm=r')).toEqual({ scheme: 'basic', parameters: { realm: 'r' } });
    expect(parseChallenge('Negotiate')).toBeUndefined();
    expect(parseChallenge('')).toBeUndefined();
  });
});
