import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openArchive } from './archive.ts';
import { ensureContentsTable, openContentsNames } from './contents-names.ts';
import { debPath, fetchDebs } from './fetch-debs.ts';
import type { PackageRecord } from './package-index.ts';
import { makeTestArchive, makeTestKey, type TestArchive, type TestKey } from './test-archive.ts';

let key: TestKey;
let cacheDirectory: string;
let archive: TestArchive;
let records: PackageRecord[];
beforeAll(async () => {
  key = await makeTestKey();
});
beforeEach(async () => {
  cacheDirectory = mkdtempSync(join(tmpdir(), 'fetch-'));
  archive = await makeTestArchive({
    key,
    packages: [{ name: 'a' }, { name: 'b', version: '1:2.0-1' }],
    contents:
      'usr/bin/a tool\tutils/b,utils/c\nusr/bin/uvicorn  web/uvicorn\nsbin/x\tadmin/x\n' +
      'usr/lib/python3/dist-packages/PyJWT-2.6.0.egg-info/PKG-INFO python/python3-jwt\n' +
      'usr/lib/python3/dist-packages/Zope.Interface-5.5-py3.11.egg-info python/zi,python/python3-zi\n' +
      'usr/lib/python3/dist-packages/a/b/c-1.dist-info/x python/other\n' +
      'usr/lib/python3/dist-packages/bare.egg-info python/bare\n',
  });
  const opened = await openArchive({
    host: archive.host,
    cacheDirectory,
    mirrors: [archive.mirror],
    suite: 'testing',
    architecture: 'amd64',
    keys: key.publicKey,
  });
  const index = await opened.packages();
  records = ['a', 'b'].map((name) => index.get(name)[0]!);
});
afterEach(() => rmSync(cacheDirectory, { recursive: true }));

const fetchAll = (more: object = {}) =>
  fetchDebs({ host: archive.host, cacheDirectory, packages: records, mirrors: [archive.mirror], ...more });
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no error',
    (error: unknown) => (error as { code?: string }).code,
  );

describe('fetchDebs', () => {
  it('fetches once', async () => {
    const paths = await fetchAll();
    expect(readFileSync(paths[0]!).length).toBe(records[0]!.size);
    const before = archive.requests.length;
    expect(await fetchAll({ mirrors: [] })).toEqual(paths);
    expect(archive.requests.length).toBe(before);
  });

  it('refuses a changed .deb, and keeps what was right', async () => {
    archive.files.set(records[0]!.filename, Buffer.alloc(records[0]!.size));
    expect(await codeOf(fetchAll({ connections: 1 }))).toBe('download/mismatch');
    archive.files.set(records[0]!.filename, archive.files.get(records[1]!.filename)!);
    expect(await codeOf(fetchAll())).toMatch(/^download\/(?:mismatch|unreachable)$/);
  });

  it('continues one that was cut short', async () => {
    const whole = archive.files.get(records[0]!.filename)!;
    await fetchAll();
    const path = debPath(cacheDirectory, records[0]!);
    rmSync(path);
    writeFileSync(`${path}.partial`, whole.subarray(0, 50));
    await fetchAll();
    expect(readFileSync(path).equals(whole)).toBe(true);
  });

  it('asks the next mirror, then the snapshot of the day', async () => {
    archive.files.delete(records[0]!.filename);
    expect(await codeOf(fetchAll())).toBe('debian/package-gone');
    const deb = await makeTestArchive({ key, packages: [{ name: 'a' }] });
    const snapshot = `${archive.mirror}/snapshot`;
    archive.files.set(
      `snapshot/20260201T060000Z/${records[0]!.filename}`,
      deb.files.get(records[0]!.filename)!,
    );
    expect(await codeOf(fetchAll({ timestamp: '20260201T000000Z', snapshot }))).toBe('no error');
    expect(
      await codeOf(
        fetchDebs({
          host: archive.host,
          cacheDirectory,
          packages: [{ ...records[0]!, sha256: '0'.repeat(64) }],
          mirrors: [],
        }),
      ),
    ).toBe('debian/no-mirror');
  });
});

describe('contents names', () => {
  it('finds distributions by their info folders and commands by their paths', async () => {
    const opened = await openArchive({
      host: archive.host,
      cacheDirectory,
      mirrors: [archive.mirror],
      suite: 'testing',
      architecture: 'amd64',
      keys: key.publicKey,
    });
    const names = openContentsNames(await ensureContentsTable(opened, cacheDirectory));
    expect(names.pythonNames()).toEqual(['bare', 'pyjwt', 'zope-interface']);
    expect(names.pythonPackage('pyjwt')).toBe('python3-jwt');
    expect(names.pythonPackage('zope-interface')).toBe('python3-zi');
    expect(names.pythonPackage('flask')).toBeUndefined();
    expect(names.commandPackages('uvicorn')).toEqual(['uvicorn']);
    expect(names.commandPackages('a tool')).toEqual(['b', 'c']);
    expect(names.commandPackages('x')).toEqual(['x']);
    expect(names.commandPackages('none')).toEqual([]);
    names.close();
    const before = archive.requests.length;
    await ensureContentsTable(opened, cacheDirectory);
    expect(archive.requests.length).toBe(before);
  });
});
