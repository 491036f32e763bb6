import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parseHash } from '../formats/hash-text.ts';
import { encodeNar } from '../formats/nar.ts';
import { type CacheKey, type NarInfo, signNarInfo, writeNarInfo } from '../formats/narinfo.ts';
import { isStorePath, type StorePath, storePathHash } from '../formats/store-path.ts';
import { digestOf } from '../foundation/digest.ts';
import { type Host, silentProgress } from '../foundation/host.ts';
import { type BinaryCacheOptions, binaryCache, nixosCache } from './binary-cache.ts';
import { removeDiskTree } from './disk-tree.ts';
import { LocalStore } from './local-store.ts';
import { Realiser } from './realise.ts';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const key: CacheKey = { name: 'test-1', key: privateKey };
const publicText = `test-1:${publicKey.export({ format: 'der', type: 'spki' }).subarray(12).toString('base64')}`;

let folder: string;
let source: LocalStore;
let store: LocalStore;
let notes: string[];
let server: Server;
let base: string;
let files: Map<string, Buffer>;
let requests: string[];
let failures: number;

beforeAll(async () => {
  server = createServer((request, response) => {
    requests.push(request.url!);
    const file = files.get(request.url!.slice(1));
    if (failures > 0) {
      failures--;
      response.writeHead(503).end();
    } else if (file === undefined) response.writeHead(404).end();
    else response.end(file);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'trimaran-cache-'));
  source = new LocalStore({ root: join(folder, 'source'), storeDirectory: '/nix/store' });
  store = new LocalStore({ root: join(folder, 'store'), storeDirectory: '/nix/store' });
  notes = [];
  requests = [];
  failures = 0;
  files = new Map([['nix-cache-info', Buffer.from('StoreDir: /nix/store\nPriority: 40\n')]]);
});
afterEach(() => removeDiskTree(folder));

function host(): Host {
  return {
    env: {},
    cwd: folder,
    fetch,
    now: Date.now,
    run: () => Promise.reject(new Error('no processes here')),
    which: () => undefined,
    progress: { ...silentProgress, note: (message) => notes.push(message) },
  };
}

/** Puts a path of the source store into the served cache; returns its description. */
function serve(path: StorePath, compression: 'none' | 'gzip' = 'gzip', by: CacheKey = key): NarInfo {
  const nar = Buffer.concat([...encodeNar(source.tree(path))]);
  const file = compression === 'gzip' ? gzipSync(nar) : nar;
  const { narHash, narSize } = source.narOf(path);
  const url = `nar/${storePathHash(path)}.nar`;
  files.set(url, file);
  const info: NarInfo = {
    storePath: path,
    url,
    compression,
    fileHash: digestOf('sha256', file),
    fileSize: file.length,
    narHash: parseHash(narHash),
    narSize,
    references: source.info(path).references,
    deriver: undefined,
    signatures: [],
    contentAddress: source.info(path).contentAddress,
  };
  describeAs(signNarInfo(info, by));
  return info;
}

function describeAs(info: NarInfo): void {
  files.set(`${storePathHash(info.storePath)}.narinfo`, Buffer.from(writeNarInfo(info), 'latin1'));
}

const cache = (options: Partial<BinaryCacheOptions> = {}) =>
  binaryCache({ host: host(), store, url: base, trustedKeys: [publicText], ...options });
const realiser = (options: Partial<BinaryCacheOptions> = {}) =>
  new Realiser({ store, host: host(), substituters: [cache(options)] });

/** A folder that refers to a text. */
function sample(): { readonly path: StorePath; readonly leaf: StorePath } {
  const leaf = source.addText({ name: 'leaf', text: 'leaf' });
  const content = join(folder, 'content');
  mkdirSync(join(content, 'bin'), { recursive: true });
  writeFileSync(join(content, 'bin/run'), `#!${leaf}\n`, { mode: 0o755 });
  return {
    path: source.addPath({ source: content, name: 'sample', method: 'nar', references: [leaf] }),
    leaf,
  };
}

describe('binary cache', () => {
  it.each(['none', 'gzip'] as const)(
    'gives a path with all that it refers to, compressed with %s',
    async (compression) => {
      const { path, leaf } = sample();
      serve(path, compression);
      serve(leaf, compression);
      await realiser().ensurePath(path);
      expect(store.info(path)).toEqual({ ...source.info(path), ...source.narOf(path) });
      expect(store.readFile(`${path}/bin/run`).toString()).toBe(`#!${leaf}\n`);
      expect(store.lstat(`${path}/bin/run`)?.mode).toBe(0o555);
      expect(store.isValid(leaf)).toBe(true);
      expect(requests.filter((url) => url.startsWith('/nar/'))).toHaveLength(2);
      expect(readdirSync(join(store.root, 'downloads'))).toEqual([]);
    },
  );

  it('downloads nothing of a closure that it lacks a part of', async () => {
    const { path } = sample();
    serve(path);
    await expect(realiser().ensurePath(path)).rejects.toMatchObject({ code: 'store/missing-input' });
    expect(requests.filter((url) => url.startsWith('/nar/'))).toEqual([]);
  });

  it('is not believed without a trusted signature', async () => {
    const { leaf } = sample();
    const stranger = { name: 'test-1', key: generateKeyPairSync('ed25519').privateKey };
    serve(leaf, 'gzip', stranger);
    await expect(realiser().ensurePath(leaf)).rejects.toMatchObject({ code: 'store/missing-input' });
    expect(notes).toEqual([`ignoring ${leaf} of ${base}: no trusted key has signed it`]);
  });

  it('is not believed about what was signed otherwise', async () => {
    const { leaf } = sample();
    const info = signNarInfo(serve(leaf), key);
    describeAs({ ...info, references: [leaf] });
    await expect(realiser().ensurePath(leaf)).rejects.toMatchObject({ code: 'store/missing-input' });
  });

  it('cannot slip in another archive, whatever its own hash', async () => {
    const { leaf } = sample();
    const info = serve(leaf, 'none');
    for (const change of ['tampered', 'longer'] as const) {
      const nar = Buffer.concat([...encodeNar(source.tree(leaf))]);
      const file =
        change === 'tampered'
          ? Buffer.from(nar.toString('latin1').replace('leaf', 'loaf'))
          : Buffer.concat([nar, nar]);
      files.set(info.url, file);
      describeAs(signNarInfo({ ...info, fileHash: digestOf('sha256', file), fileSize: file.length }, key));
      await expect(realiser().ensurePath(leaf)).rejects.toMatchObject({
        code: change === 'tampered' ? 'store/damaged-substitute' : 'compression/too-large',
      });
      expect(store.isValid(leaf)).toBe(false);
    }
    expect(readdirSync(join(store.root, 'downloads'))).toEqual([]);
  });

  it('is asked again when it is busy, and given up in the end', async () => {
    const { leaf } = sample();
    serve(leaf);
    failures = 2;
    await realiser().ensurePath(leaf);
    failures = 100;
    await expect(cache().query(leaf)).rejects.toMatchObject({ code: 'store/cache-unreachable', exitCode: 4 });
    await expect(cache({ url: 'http://user:secret@127.0.0.1:9' }).query(leaf)).rejects.toMatchObject({
      code: 'store/cache-unreachable',
      message: expect.not.stringContaining('secret'),
    });
  });

  it('must be one, for the same store directory', async () => {
    const { leaf } = sample();
    files.set('nix-cache-info', Buffer.from('StoreDir: /other\n'));
    await expect(cache().query(leaf)).rejects.toMatchObject({ code: 'store/other-store-directory' });
    files.set('nix-cache-info', Buffer.from('StoreDir: /gnu/store\n'));
    await expect(cache().query(leaf)).rejects.toMatchObject({ code: 'store/unsupported-cache' });
    files.delete('nix-cache-info');
    await expect(cache().query(leaf)).rejects.toMatchObject({ code: 'store/not-a-cache' });
    expect(() => cache({ url: 's3://bucket' })).toThrowError(
      expect.objectContaining({ code: 'store/unsupported-url' }),
    );
  });

  it('of nixpkgs has a key that can be read', () => {
    const { url, key: trusted } = nixosCache;
    expect(cache({ url: `${url}/`, trustedKeys: [trusted] }).name).toBe('https://cache.nixos.org');
  });

  it('says which compression it cannot undo', async () => {
    const { leaf } = sample();
    describeAs(signNarInfo({ ...serve(leaf, 'none'), compression: 'bzip2' }, key));
    await expect(realiser().ensurePath(leaf)).rejects.toMatchObject({
      code: 'store/unsupported-cache',
      message: expect.stringContaining('bzip2'),
    });
  });
});

const hasNix = (() => {
  try {
    execFileSync('nix', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return process.env.CI !== undefined;
  }
})();

describe.skipIf(!hasNix)('a cache made by Nix itself (needs nix)', () => {
  it.each(['xz', 'none'])('is read, compressed with %s', async (compression) => {
    const nix = (args: string[]) =>
      execFileSync('nix', ['--extra-experimental-features', 'nix-command', ...args], {
        encoding: 'utf8',
        env: { ...process.env, HOME: folder, NIX_REMOTE: '' },
      }).trim();
    const content = join(folder, 'content');
    mkdirSync(join(content, 'deep/er'), { recursive: true });
    writeFileSync(join(content, 'deep/er/file'), 'x'.repeat(100_000));
    writeFileSync(join(content, 'run'), '#!/bin/sh\n', { mode: 0o755 });
    const nixStore = join(folder, 'nix-store');
    const path = nix(['store', 'add-path', '--store', nixStore, '--name', 'made-by-nix', content]);
    expect(isStorePath(path)).toBe(true);
    const secret = join(folder, 'secret');
    writeFileSync(secret, nix(['key', 'generate-secret', '--key-name', 'nix-test']));
    const trusted = execFileSync(
      'nix',
      ['--extra-experimental-features', 'nix-command', 'key', 'convert-secret-to-public'],
      {
        input: readFileSync(secret),
        encoding: 'utf8',
      },
    ).trim();
    const target = `file://${folder}/nix-cache`;
    nix([
      'copy',
      '--store',
      nixStore,
      '--to',
      `${target}?secret-key=${secret}&compression=${compression}`,
      path,
    ]);
    await realiser({ url: target, trustedKeys: [trusted] }).ensurePath(path as StorePath);
    expect(store.narOf(path as StorePath).narHash).toMatch(/^sha256:/);
    expect(store.addPath({ source: content, name: 'made-by-nix', method: 'nar' })).toBe(path);
    expect(store.lstat(`${path}/run`)?.mode).toBe(0o555);
  });
});
