import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectEngine, type Engine, inspectEngineImage, loadImages, saveEngineImages } from './engine.ts';
import { findEngineEndpoint, parseEngineAddress } from './engine-endpoint.ts';
import { exampleImage, exampleTree } from './example-image.ts';
import { output, requiredTool } from './required-tool.ts';

let directory: string;
let socketPath: string;
let server: Server | undefined;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'oci-engine-'));
  socketPath = join(directory, 'engine.sock');
});
afterEach(async () => {
  server?.closeAllConnections();
  await new Promise<void>((resolve) => (server === undefined ? resolve() : server.close(() => resolve())));
  server = undefined;
  rmSync(directory, { recursive: true });
});

/** An engine that answers one request at a time as a test says; the real one is met in archive-tools.test.ts. */
async function listen(
  answer: (request: IncomingMessage, response: ServerResponse) => unknown,
): Promise<void> {
  server = createServer((request, response) => {
    if (request.url === '/version')
      response.end('{"Version":"1","ApiVersion":"1.40","Os":"linux","Arch":"amd64"}');
    else if (request.url === '/info')
      response.end('{"DriverStatus":[["driver-type","io.containerd.snapshotter.v1"]]}');
    // A test that breaks the connection breaks its own reading too.
    else Promise.resolve(answer(request, response)).catch(() => {});
  });
  await new Promise<void>((resolve) => server!.listen(socketPath, resolve));
}

const env = () => ({ DOCKER_HOST: `unix://${socketPath}`, HOME: directory });
const connect = (): Promise<Engine> => connectEngine({ env: env() });
const image = () => exampleImage([exampleTree({ data: 'x'.repeat(3_000_000) })]);
const code = (expected: string) => expect.objectContaining({ code: expected, exitCode: 4 });

describe('connectEngine', () => {
  it('tells the containerd image store', async () => {
    await listen(() => {});
    expect(await connect()).toMatchObject({ product: 'docker', version: '1', imageStore: 'containerd' });
  });

  it('says that there is no engine', async () => {
    await expect(connect()).rejects.toThrowError(code('oci/no-engine'));
    await expect(connect()).rejects.toThrowError('named by DOCKER_HOST');
  });

  it('says that the socket is not for this user', async () => {
    await listen(() => {});
    chmodSync(socketPath, 0o600);
    chmodSync(directory, 0o755);
    // Root may always; become somebody else for the moment.
    const isRoot = process.geteuid!() === 0;
    if (isRoot) process.seteuid!(65534);
    else chmodSync(socketPath, 0);
    try {
      await expect(connect()).rejects.toThrowError(code('oci/engine-permission'));
    } finally {
      if (isRoot) process.seteuid!(0);
    }
  });

  it('says that what answers is no engine', async () => {
    server = createServer((_, response) => response.end('<html>'));
    await new Promise<void>((resolve) => server!.listen(socketPath, resolve));
    await expect(connect()).rejects.toThrowError(code('oci/engine-gone'));
  });
});

describe('an engine behind TLS', () => {
  it('is trusted by its certificate authority only, and knows us by our certificate', async (context) => {
    const openssl = requiredTool(context, 'openssl');
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    const names = ['-subj', '/CN=engine', '-addext', 'subjectAltName=IP:127.0.0.1'];
    const files = ['-keyout', join(directory, 'key.pem'), '-out', join(directory, 'cert.pem')];
    await output(openssl, ['req', '-x509', '-days', '2', ...key, ...names, ...files]);
    const [cert, secret] = ['cert.pem', 'key.pem'].map((file) => readFileSync(join(directory, file)));
    const secure = createSecureServer(
      { cert, key: secret, ca: cert, requestCert: true, rejectUnauthorized: true },
      (_, response) => response.end('{"Version":"1","DriverStatus":[]}'),
    );
    server = secure;
    await new Promise<void>((resolve) => secure.listen(0, '127.0.0.1', resolve));
    const DOCKER_HOST = `tcp://127.0.0.1:${(secure.address() as AddressInfo).port}`;
    const tls = { DOCKER_HOST, DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: directory };
    await expect(connectEngine({ env: tls })).rejects.toThrowError(code('oci/engine-tls'));
    copyFileSync(join(directory, 'cert.pem'), join(directory, 'ca.pem'));
    expect(await connectEngine({ env: tls })).toMatchObject({ imageStore: 'graph-driver' });
    await expect(connectEngine({ env: { DOCKER_HOST } })).rejects.toThrowError(code('oci/engine-gone'));
  });
});

describe('loadImages', () => {
  it('streams the archive and reads the names', async () => {
    let received = 0;
    await listen(async (request, response) => {
      for await (const chunk of request) received += (chunk as Buffer).length;
      response.end('{"stream":"Loaded image: example:1\\n"}\n');
    });
    const loaded = await loadImages(await connect(), [await image()]);
    expect(loaded).toEqual({ names: ['example:1'], bytesSent: received, layersSkipped: 0 });
  });

  it('reads the error that comes after status 200', async () => {
    await listen(async (request, response) => {
      for await (const _ of request);
      response.end('{"stream":"x"}\n{"errorDetail":{"message":"no space left"},"error":"no space left"}\n');
    });
    await expect(loadImages(await connect(), [await image()])).rejects.toThrowError(code('oci/engine-error'));
  });

  it('reads an error that comes before the archive is sent', async () => {
    await listen((_, response) => {
      response.statusCode = 500;
      response.end('{"message":"read-only file system"}');
    });
    await expect(loadImages(await connect(), [await image()])).rejects.toThrowError('read-only file system');
  });

  it.each([0, 100_000])('notices that the engine goes away after %i bytes', async (limit) => {
    await listen(async (request) => {
      let received = 0;
      for await (const chunk of request) {
        received += (chunk as Buffer).length;
        if (received > limit) request.socket.destroy();
      }
    });
    await expect(loadImages(await connect(), [await image()])).rejects.toThrowError(code('oci/engine-gone'));
  });

  it('notices that the engine goes away while it reports', async () => {
    await listen(async (request, response) => {
      for await (const _ of request);
      response.write('{"stream":"Load');
      setTimeout(() => request.socket.destroy(), 20);
    });
    await expect(loadImages(await connect(), [await image()])).rejects.toThrowError(code('oci/engine-gone'));
  });
});

describe('saveEngineImages', () => {
  it('keeps nothing of an archive that breaks off', async () => {
    await listen((_, response) => {
      response.write(Buffer.alloc(100_000));
      setTimeout(() => response.destroy(), 20);
    });
    const file = join(directory, 'out/saved.tar');
    await expect(saveEngineImages(await connect(), { names: ['a'], file })).rejects.toThrowError(
      code('oci/engine-gone'),
    );
    expect(readdirSync(join(directory, 'out'))).toEqual([]);
  });
});

describe('inspectEngineImage', () => {
  it('has nothing for an image that is not there', async () => {
    await listen((_, response) => {
      response.statusCode = 404;
      response.end('{"message":"No such image"}');
    });
    expect(await inspectEngineImage(await connect(), 'a')).toBeUndefined();
  });
});

describe('findEngineEndpoint', () => {
  it.each([
    ['unix:///run/x.sock', { kind: 'unix', socketPath: '/run/x.sock' }],
    ['tcp://127.0.0.1', { kind: 'tcp', hostname: '127.0.0.1', port: 2375 }],
    ['tcp://[::1]:99', { kind: 'tcp', hostname: '::1', port: 99 }],
    ['https://h', { kind: 'tcp', hostname: 'h', port: 2376, tls: { verify: true } }],
  ])('reads %s', async (DOCKER_HOST, expected) => {
    expect(await findEngineEndpoint({ env: { DOCKER_HOST } })).toMatchObject(expected);
  });

  it.each([
    'ssh://me@host',
    'npipe:////./pipe/docker_engine',
    'fd://',
    'x',
    'unix://relative',
    'tcp://a:b@h',
  ])('refuses %s by name', (address) => {
    expect(() => parseEngineAddress(address, 'DOCKER_HOST')).toThrowError(
      code('oci/unsupported-engine-address'),
    );
  });

  it('takes certificates from DOCKER_CERT_PATH', async () => {
    writeFileSync(join(directory, 'ca.pem'), 'CA');
    const base = { DOCKER_HOST: 'tcp://h', DOCKER_CERT_PATH: directory, DOCKER_TLS_VERIFY: '1' };
    expect(await findEngineEndpoint({ env: base })).toMatchObject({ port: 2376, tls: { verify: true } });
    writeFileSync(join(directory, 'key.pem'), 'KEY');
    await expect(findEngineEndpoint({ env: base })).rejects.toThrowError(code('oci/engine-tls'));
  });

  it('follows the current context, and DOCKER_CONTEXT before it', async () => {
    const context = (name: string, host: string) => {
      const folder = join(directory, 'contexts/meta', createHash('sha256').update(name).digest('hex'));
      mkdirSync(folder, { recursive: true });
      writeFileSync(
        join(folder, 'meta.json'),
        JSON.stringify({ Name: name, Endpoints: { docker: { Host: host } } }),
      );
    };
    context('one', 'unix:///one.sock');
    context('two', 'unix:///two.sock');
    writeFileSync(join(directory, 'config.json'), '{"currentContext":"one"}');
    const base = { DOCKER_CONFIG: directory };
    expect(await findEngineEndpoint({ env: base })).toMatchObject({
      socketPath: '/one.sock',
      source: 'context one',
    });
    expect(await findEngineEndpoint({ env: { ...base, DOCKER_CONTEXT: 'two' } })).toMatchObject({
      socketPath: '/two.sock',
    });
    await expect(findEngineEndpoint({ env: { ...base, DOCKER_CONTEXT: 'three' } })).rejects.toThrowError(
      code('oci/bad-engine-context'),
    );
    writeFileSync(join(directory, 'config.json'), '{"auths": {"secret');
    await expect(findEngineEndpoint({ env: base })).rejects.toThrowError(code('oci/bad-docker-config'));
  });
});
