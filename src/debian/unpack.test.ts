import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { indexTarFileSync } from '../formats/tar-read.ts';
import { sha256Hex } from '../foundation/digest.ts';
import { silentProgress } from '../foundation/host.ts';
import { readDebControl } from './deb.ts';
import { makeDeb, type TestPackage, testDirectory, testFile, testLink } from './test-archive.ts';
import { unpackDebs } from './unpack.ts';
import type { UnpackJob } from './unpack-deb.ts';

let workers: string;
let worker: string;
let directory: string;
beforeAll(async () => {
  workers = mkdtempSync(join(tmpdir(), 'worker-'));
  worker = join(workers, 'unpack-worker.mjs');
  await build({
    entryPoints: [join(import.meta.dirname, 'unpack-worker.ts')],
    outfile: worker,
    bundle: true,
    format: 'esm',
    platform: 'node',
    banner: { js: "import { createRequire as c } from 'node:module';const require = c(import.meta.url);" },
  });
});
afterAll(() => rmSync(workers, { recursive: true }));
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'unpack-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const host = { progress: silentProgress };

function jobFor(bytes: Buffer, name: string): UnpackJob {
  const file = join(directory, `${name}.deb`);
  writeFileSync(file, bytes);
  return {
    file,
    expected: { size: bytes.length, sha256: sha256Hex(bytes) },
    target: join(directory, 'out', `${name}.tar`),
  };
}
const job = (spec: TestPackage) => jobFor(makeDeb(spec), spec.name);
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no error',
    (error: unknown) => (error as { code?: string }).code,
  );
const left = () => (existsSync(join(directory, 'out')) ? readdirSync(join(directory, 'out')) : []);

const packages: TestPackage[] = [
  {
    name: 'a',
    files: [testDirectory('usr'), testFile('usr/bin/a', 'text', 0o4755), testLink('usr/bin/b', 'a')],
    control: { postinst: '#!/bin/sh\n' },
  },
  { name: 'b', fields: { Depends: 'a', Description: 'short\n long' } },
  { name: 'c', files: [testFile('lib/c', 'x'.repeat(100_000))] },
];

describe('unpackDebs', () => {
  it('makes canonical tars with an index that fits them', async () => {
    const [a, b] = await unpackDebs({ host, threads: 0, jobs: packages.map(job) });
    expect(a!.tree.map(({ path }) => path)).toEqual([
      'usr',
      'usr/bin',
      'usr/bin/a',
      'usr/bin/b',
      'var',
      'var/lib',
      'var/lib/dpkg',
      'var/lib/dpkg/status.d',
      'var/lib/dpkg/status.d/a',
    ]);
    for (const made of [a!, b!]) {
      const bytes = readFileSync(made.target);
      expect(sha256Hex(bytes)).toBe(made.sha256);
      expect(bytes.length).toBe(made.size);
      expect(indexTarFileSync(made.target)).toEqual(made.tree);
    }
    expect(a!.control.scripts).toEqual({ postinst: '#!/bin/sh\n' });
    const status = b!.tree.at(-1)!;
    const content = status.kind === 'file' && status.content.kind === 'region' ? status.content : undefined;
    const text = readFileSync(b!.target)
      .subarray(content!.offset, content!.offset + content!.length)
      .toString();
    expect(text).toContain('Package: b\nVersion: 1.0-1\n');
    expect(text).toContain('Description: short\n long\n');
    expect(text).toContain('Status: install ok installed\n');
  });

  it('gives the same bytes in threads', async () => {
    const inProcess = await unpackDebs({ host, threads: 0, jobs: packages.map(job) });
    const threaded = await unpackDebs({ host, threads: 2, worker, jobs: packages.map(job) });
    expect(threaded).toEqual(inProcess);
  });

  it('brings a refusal out of a thread, and leaves nothing', async () => {
    const bad = job({ name: 'bad', files: [testFile('../etc/passwd')] });
    const error = await unpackDebs({ host, threads: 1, worker, jobs: [bad] }).catch((caught) => caught);
    expect(error).toMatchObject({ name: 'TrimaranError', code: 'tar/unsafe-path', exitCode: 4 });
    expect(left()).toEqual([]);
  });

  it('unpacks by way of a file past the bound of memory, to the same tree', async () => {
    const big = { name: 'big', files: [testFile('usr/big', 'x'.repeat(30 << 20))] };
    const [made] = await unpackDebs({ host, threads: 0, jobs: [job(big)] });
    expect(made!.size).toBeGreaterThan(30 << 20);
    expect(indexTarFileSync(made!.target)).toEqual(made!.tree);
    expect(left()).toEqual(['big.tar']);
  });

  it('refuses a .deb that was changed, cut short, or is too long, before it is parsed', async () => {
    const good = job(packages[0]!);
    const bytes = readFileSync(good.file);
    const changed = Buffer.from(bytes);
    changed[100]! ^= 1;
    for (const damaged of [changed, bytes.subarray(0, -1), Buffer.concat([bytes, bytes])]) {
      writeFileSync(good.file, damaged);
      expect(await codeOf(unpackDebs({ host, threads: 0, jobs: [good] }))).toBe('debian/bad-deb');
      expect(await codeOf(readDebControl(good.file, good.expected))).toBe('debian/bad-deb');
    }
    expect(left()).toEqual([]);
  });

  it('refuses what has the right hash and is no .deb, by name', async () => {
    const bytes = makeDeb(packages[0]!);
    expect(
      await codeOf(unpackDebs({ host, threads: 0, jobs: [jobFor(Buffer.from('hello, world'), 'x')] })),
    ).toBe('ar/malformed');
    const renamed = Buffer.from(bytes.toString('latin1').replace('data.tar.gz', 'date.tar.gz'), 'latin1');
    expect(await codeOf(unpackDebs({ host, threads: 0, jobs: [jobFor(renamed, 'x')] }))).toBe(
      'debian/malformed-deb',
    );
    const cut = bytes.subarray(0, bytes.length - 20);
    expect(await codeOf(unpackDebs({ host, threads: 0, jobs: [jobFor(cut, 'x')] }))).toBe('ar/truncated');
  });

  it('refuses entries that leave the target', async () => {
    const unsafe = (files: TestPackage['files']) =>
      codeOf(unpackDebs({ host, threads: 0, jobs: [job({ name: 'x', files: files! })] }));
    expect(await unsafe([testFile('../x')])).toBe('tar/unsafe-path');
    expect(await unsafe([testFile('/etc/x')])).toBe('tar/unsafe-path');
    expect(await unsafe([testLink('usr/x', '/etc'), testFile('usr/x/passwd')])).toBe('debian/unsafe-entry');
    expect(left()).toEqual([]);
  });

  it('refuses more than the archive said would come out', async () => {
    const bomb = {
      ...job({ name: 'bomb', files: [testFile('usr/x', '0'.repeat(80 << 20))] }),
      installedSize: 4,
    };
    expect(await codeOf(unpackDebs({ host, threads: 0, jobs: [bomb] }))).toBe('compression/too-large');
    expect(left()).toEqual([]);
  });
});

const dpkgDeb = spawnSync('dpkg-deb', ['--version']).status === 0;

describe('against dpkg-deb', () => {
  it.skipIf(!dpkgDeb)(
    'unpacks what dpkg-deb builds, with each compression (skipped where dpkg-deb is missing)',
    async () => {
      const root = join(directory, 'root');
      mkdirSync(join(root, 'DEBIAN'), { recursive: true });
      mkdirSync(join(root, 'usr/lib/x'), { recursive: true });
      writeFileSync(
        join(root, 'DEBIAN/control'),
        'Package: x\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b.c>\nDescription: d\n',
      );
      writeFileSync(join(root, 'usr/lib/x/data'), 'z'.repeat(5000));
      const sums = new Set<string>();
      for (const compression of ['xz', 'gzip', 'zstd']) {
        const file = join(directory, `${compression}.deb`);
        const run = spawnSync('dpkg-deb', [`-Z${compression}`, '--root-owner-group', '-b', root, file]);
        expect(run.status).toBe(0);
        const made = await unpackDebs({ host, threads: 0, jobs: [jobFor(readFileSync(file), compression)] });
        sums.add(made[0]!.sha256);
        expect(made[0]!.tree.map(({ path }) => path)).toContain('usr/lib/x/data');
      }
      expect(sums.size).toBe(1);
    },
  );
});
