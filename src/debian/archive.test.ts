import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { revokeKey } from 'openpgp';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { isTrimaranError } from '../foundation/error.ts';
import { findMirrors, findSnapshot, openArchive } from './archive.ts';
import { archiveRoots } from './archive-roots.ts';
import { makeTestArchive, makeTestKey, type TestArchive, type TestKey } from './test-archive.ts';

let key: TestKey;
let cacheDirectory: string;
beforeAll(async () => {
  key = await makeTestKey();
});
beforeEach(() => {
  cacheDirectory = mkdtempSync(join(tmpdir(), 'archive-'));
});
afterEach(() => rmSync(cacheDirectory, { recursive: true }));

const packages = [{ name: 'a', fields: { Depends: 'b', Provides: 'virtual (= 2)' } }, { name: 'b' }];
const open = (archive: TestArchive, more: Partial<Parameters<typeof openArchive>[0]> = {}) =>
  openArchive({
    host: archive.host,
    cacheDirectory,
    mirrors: [archive.mirror],
    suite: 'testing',
    architecture: 'amd64',
    keys: key.publicKey,
    ...more,
  });
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no error',
    (error: unknown) => (isTrimaranError(error) ? error.code : String(error)),
  );

describe('openArchive', () => {
  it('verifies the release and reads the packages', async () => {
    const archive = await makeTestArchive({ packages, key });
    const opened = await open(archive);
    expect(opened.release).toMatchObject({ suite: 'testing', timestamp: '20260201T000000Z', byHash: true });
    const index = await opened.packages();
    expect([...index.names()]).toEqual(['a', 'b']);
    expect(index.get('a')[0]).toMatchObject({ version: '1.0-1', depends: 'b' });
    expect(index.providers('virtual').map(({ name }) => name)).toEqual(['a']);
    expect(index.get('c')).toEqual([]);
  });

  it('asks for nothing again once a pinned release is in the cache', async () => {
    const archive = await makeTestArchive({ packages, key });
    const first = await open(archive);
    await first.packages();
    const before = archive.requests.length;
    const second = await open(archive, { expectedReleaseSha256: first.release.sha256 });
    expect([...(await second.packages()).names()]).toEqual(['a', 'b']);
    expect(archive.requests.length).toBe(before);
  });

  it('makes a damaged index anew', async () => {
    const archive = await makeTestArchive({ packages, key });
    await (await open(archive)).packages();
    const directory = join(cacheDirectory, 'debian', 'indexes');
    writeFileSync(join(directory, readdirSync(directory)[0]!), 'TRMTBL1\nrubbish');
    expect([...(await (await open(archive)).packages()).names()]).toEqual(['a', 'b']);
  });

  it('refuses a release whose text was changed', async () => {
    const archive = await makeTestArchive({ packages, key });
    const path = 'dists/testing/InRelease';
    const text = archive.files.get(path)!.toString();
    archive.files.set(path, Buffer.from(text.replace('Origin: Test', 'Origin: Evil')));
    expect(await codeOf(open(archive))).toBe('debian/bad-signature');
    archive.files.set(path, Buffer.from('Origin: Test\n'));
    expect(await codeOf(open(archive))).toBe('debian/bad-signature');
    expect(readdirSync(join(cacheDirectory, 'debian', 'releases'))).toEqual([]);
  });

  it('believes the signed part alone', async () => {
    const archive = await makeTestArchive({ packages, key });
    const path = 'dists/testing/InRelease';
    const text = archive.files.get(path)!.toString();
    archive.files.set(path, Buffer.from(`Suite: evil\n\n${text}\nCodename: evil\n`));
    const result = await open(archive).catch((error) => error);
    // Either the frame is refused or what is around the message is ignored; it is never read.
    expect(isTrimaranError(result, 'debian/bad-signature') || result.release.suite === 'testing').toBe(true);
  });

  it('refuses an unknown key and an expired one, by name', async () => {
    const other = await makeTestKey();
    const foreign = await makeTestArchive({ packages, key: other });
    expect(await codeOf(open(foreign))).toBe('debian/unknown-key');
    const short = await makeTestKey(new Date('2026-01-01'), 40 * 86_400);
    const archive = await makeTestArchive({ packages, key: short });
    const later = { ...archive.host, now: () => Date.parse('2026-06-01') };
    expect(await codeOf(open(archive, { keys: short.publicKey, host: later }))).toBe('debian/expired-key');
    // On the pinned day the key was valid.
    const pinned = open(archive, { keys: short.publicKey, host: later, timestamp: '20260202T000000Z' });
    expect((await pinned).release.suite).toBe('testing');
    expect(await codeOf(open(archive, { keys: 'nonsense' }))).toBe('debian/bad-keys');
    const lost = await makeTestKey();
    const { publicKey } = await revokeKey({ key: lost.privateKey, format: 'armored' });
    const revoked = await makeTestArchive({ packages, key: lost });
    expect(await codeOf(open(revoked, { keys: publicKey }))).toBe('debian/revoked-key');
  });

  it('refuses a release past its time, unless it is pinned', async () => {
    const archive = await makeTestArchive({ packages, key, validUntil: new Date('2026-02-08T00:00:00Z') });
    const late = { ...archive.host, now: () => Date.parse('2026-03-01') };
    expect(await codeOf(open(archive, { host: late }))).toBe('debian/release-expired');
    expect((await open(archive, { host: late, timestamp: '20260205T000000Z' })).release.suite).toBe(
      'testing',
    );
  });

  it('refuses an index that was changed, and leaves nothing of it', async () => {
    const archive = await makeTestArchive({ packages, key });
    for (const [path, bytes] of archive.files) {
      if (!/Packages\.gz|by-hash/.test(path)) continue;
      const changed = Buffer.from(bytes);
      changed[changed.length - 10]! ^= 1;
      archive.files.set(path, changed);
    }
    const opened = await open(archive);
    expect(await codeOf(opened.packages())).toBe('download/mismatch');
    expect(readdirSync(join(cacheDirectory, 'debian', 'fetched'))).toEqual([]);
  });

  it('refuses a mirror that answers with another suite', async () => {
    const archive = await makeTestArchive({ packages, key, suite: 'unstable' });
    archive.files.set('dists/testing/InRelease', archive.files.get('dists/unstable/InRelease')!);
    expect(await codeOf(open(archive))).toBe('debian/bad-release');
  });

  it('names what is not there', async () => {
    const archive = await makeTestArchive({ packages, key });
    expect(await codeOf(open(archive, { suite: 'woody' }))).toBe('debian/no-such-suite');
    expect(await codeOf(open(archive, { suite: '../etc' }))).toBe('debian/no-such-suite');
    expect(await codeOf(open(archive, { architecture: 'vax' }))).toBe('debian/unsupported-architecture');
    expect(await codeOf(open(archive, { components: ['games'] }))).toBe('debian/no-such-component');
    expect(await codeOf(open(archive, { mirrors: [] }))).toBe('debian/no-mirror');
    expect(await codeOf(open(archive, { timestamp: 'yesterday' }))).toBe('debian/bad-timestamp');
    expect(await codeOf(open(archive, { timestamp: '20260231T000000Z' }))).toBe('debian/bad-timestamp');
    expect(await codeOf(open(archive, { timestamp: '20990101T000000Z' }))).toBe('debian/bad-timestamp');
  });

  it('goes to the snapshot for a day before the mirror’s release', async () => {
    const archive = await makeTestArchive({ packages, key });
    expect(await codeOf(open(archive, { timestamp: '20260115T000000Z' }))).toBe('debian/release-gone');
    expect(archive.requests).toContain(
      'https://snapshot.debian.org/archive/debian/20260115T000000Z/dists/testing/InRelease',
    );
    const snapshot = 'http://archive.example.org/debian/snapshot';
    for (const [path, bytes] of [...archive.files])
      archive.files.set(`snapshot/20260202T000000Z/${path}`, bytes);
    archive.files.delete('dists/testing/InRelease');
    const opened = await open(archive, { timestamp: '20260202T000000Z', snapshot });
    expect(opened.release.timestamp).toBe('20260201T000000Z');
  });

  it('says that a pinned release is gone', async () => {
    const archive = await makeTestArchive({ packages, key });
    const expectedReleaseSha256 = 'ab'.repeat(32);
    expect(await codeOf(open(archive, { expectedReleaseSha256 }))).toBe('debian/release-gone');
  });

  it('tries the next mirror when one does not answer', async () => {
    const archive = await makeTestArchive({ packages, key });
    const opened = await open(archive, { mirrors: ['http://archive.example.org/elsewhere', archive.mirror] });
    expect(opened.release.suite).toBe('testing');
  });
});

describe('findMirrors', () => {
  it('prefers the flag, the environment, the lock, then the host’s sources', async () => {
    const aptDirectory = join(cacheDirectory, 'apt');
    mkdirSync(join(aptDirectory, 'sources.list.d'), { recursive: true });
    writeFileSync(
      join(aptDirectory, 'sources.list'),
      '# deb http://no/ bookworm main\ndeb [arch=amd64] http://one.example/debian/ trixie main\ndeb cdrom:x bookworm main\n',
    );
    writeFileSync(
      join(aptDirectory, 'sources.list.d', 'a.sources'),
      'Types: deb deb-src\nURIs: http://two.example/debian\nSuites: bookworm bookworm-updates\nComponents: main\n\n' +
        'Types: deb\nEnabled: no\nURIs: http://three.example/debian\nSuites: bookworm\nComponents: main\n\n' +
        'Types: deb\nURIs: http://four.example/debian-security\nSuites: bookworm-security\nComponents: main\n',
    );
    const find = (more: object) => findMirrors({ env: {}, suite: 'bookworm', aptDirectory, ...more });
    expect(await find({})).toEqual(['http://two.example/debian', 'http://one.example/debian']);
    expect(await find({ locked: ['http://l'] })).toEqual(['http://l']);
    const env = { TRIMARAN_DEBIAN_MIRROR: 'http://x/ http://y' };
    expect(await find({ env, locked: ['http://l'] })).toEqual(['http://x', 'http://y']);
    expect(await find({ env, flag: 'http://f/' })).toEqual(['http://f']);
    expect(await find({ aptDirectory: '/nonexistent' })).toEqual([]);
    // Updates are in the release's archive, security has one of its own beside it.
    const updates = { suite: 'bookworm-updates' };
    expect(await find(updates)).toEqual(['http://two.example/debian', 'http://one.example/debian']);
    const security = { suite: 'bookworm-security' };
    expect(await find(security)).toEqual([
      'http://four.example/debian-security',
      'http://one.example/debian-security',
      'http://two.example/debian-security',
    ]);
    const mirror = { TRIMARAN_DEBIAN_MIRROR: 'http://x/debian http://y' };
    expect(await find({ ...security, env: mirror })).toEqual([
      'http://x/debian-security',
      'http://y',
      'http://x/debian',
    ]);
  });

  it('knows where snapshots of a suite are kept', () => {
    expect(findSnapshot({}, 'bookworm-updates')).toBe('https://snapshot.debian.org/archive/debian');
    expect(findSnapshot({}, 'bookworm-security')).toBe('https://snapshot.debian.org/archive/debian-security');
    expect(findSnapshot({ TRIMARAN_DEBIAN_SNAPSHOT: 'http://s/debian/' }, 'bookworm')).toBe(
      'http://s/debian',
    );
  });
});

describe('archiveRoots', () => {
  it('ends with the snapshots of a pinned day and shortly after', () => {
    expect(
      archiveRoots({ mirrors: ['http://m'], timestamp: '20260201T200000Z', snapshot: 'http://s/' }),
    ).toEqual([
      'http://m',
      'http://s/20260201T200000Z',
      'http://s/20260202T020000Z',
      'http://s/20260202T200000Z',
    ]);
  });
});
