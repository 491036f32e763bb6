// Git inputs against real repositories: working trees, commits, and remote ones through `git http-backend`.
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { InputAttributes } from '../input.ts';
import { startServer, type TestServer } from '../test-server.ts';
import { commitAll, git, temporaryFolder, testHost, testWorld, writeFiles } from '../test-world.ts';

/** Names of everything below a folder, sorted; folders end in a slash. */
function listing(folder: string, prefix = ''): string[] {
  return readdirSync(join(folder, prefix), { withFileTypes: true })
    .flatMap((entry) => {
      const path = prefix + entry.name;
      return entry.isDirectory() ? [`${path}/`, ...listing(folder, `${path}/`)] : [path];
    })
    .sort();
}

function local(path: string, more: InputAttributes = {}): InputAttributes {
  return { type: 'git', url: `file://${path}`, ...more };
}

describe('a working tree', () => {
  it('that is clean has its commit', async () => {
    const repo = writeFiles(temporaryFolder(), { 'a/b': 'x', run: '#!/bin/sh' });
    chmodSync(join(repo, 'run'), 0o755);
    symlinkSync('a/b', join(repo, 'link'));
    const rev = commitAll(repo);
    const { session, warnings } = testWorld();
    const { input, physicalPath } = await session().fetcher.fetchTree(local(repo));
    expect(input).toEqual({
      type: 'git',
      url: `file://${repo}`,
      ref: 'refs/heads/main',
      rev,
      revCount: 1,
      lastModified: 1577923200,
      // As Nix 2.34 has it for the same files.
      narHash: 'sha256-xNvhwTM/QV0Kro8UE/DWfVQAR5JPcMNDgo46eIVW9AQ=',
    });
    expect(listing(physicalPath)).toEqual(['a/', 'a/b', 'link', 'run']);
    expect(warnings).toEqual([]);
  });

  it('that is dirty has the tracked files as they are on disk', async () => {
    const repo = writeFiles(temporaryFolder(), {
      kept: '1',
      changed: '1',
      gone: '1',
      'unstaged/x': '1',
      'with space': '1',
    });
    const rev = commitAll(repo);
    writeFiles(repo, { changed: '2', untracked: '1', 'added/x': '1', intended: '1' });
    rmSync(join(repo, 'gone'));
    git(repo, 'add', 'added');
    git(repo, 'add', '--intent-to-add', 'intended');
    git(repo, 'rm', '--quiet', '--cached', 'unstaged/x');
    const { session, warnings } = testWorld();
    const { input, physicalPath } = await session().fetcher.fetchTree(local(repo));
    expect(input).toMatchObject({ dirtyRev: `${rev}-dirty`, dirtyShortRev: `${rev.slice(0, 7)}-dirty` });
    expect(input).not.toHaveProperty('rev');
    expect(listing(physicalPath)).toEqual(['added/', 'added/x', 'changed', 'intended', 'kept', 'with space']);
    expect(readFileSync(join(physicalPath, 'changed'), 'utf8')).toBe('2');
    expect(warnings).toEqual([`Git tree '${repo}' is dirty`]);
    await expect(
      session({ settings: { allowDirty: false } }).fetcher.fetchTree(local(repo)),
    ).rejects.toMatchObject({
      code: 'flake/dirty',
    });
  });

  it('without a commit has no revision', async () => {
    const repo = writeFiles(temporaryFolder(), { a: '1' });
    git(repo, 'init', '--quiet');
    git(repo, 'add', '.');
    const { input } = await testWorld().session().fetcher.fetchTree(local(repo));
    expect(input).toEqual({
      type: 'git',
      url: `file://${repo}`,
      lastModified: 0,
      narHash: expect.stringMatching(/^sha256-/),
    });
  });

  it('leaves out what .gitattributes export-ignores, when asked', async () => {
    const repo = writeFiles(temporaryFolder(), {
      '.gitattributes': 'ignored export-ignore\n/docs export-ignore\n',
      ignored: '1',
      'docs/a': '1',
      'kept/ignored': '1',
      'kept/b': '1',
    });
    const rev = commitAll(repo);
    const { fetcher } = testWorld().session();
    const ofWorktree = await fetcher.fetchTree(local(repo, { exportIgnore: true }));
    const ofCommit = await fetcher.fetchTree(local(repo, { exportIgnore: true, rev }));
    expect(listing(ofWorktree.physicalPath)).toEqual(['.gitattributes', 'kept/', 'kept/b']);
    expect(ofCommit.storePath).toBe(ofWorktree.storePath);
  });
});

describe('a commit', () => {
  it('is named by branch, tag or hash', async () => {
    const repo = writeFiles(temporaryFolder(), { a: '1' });
    const first = commitAll(repo);
    git(repo, 'tag', '--annotate', '--message', 'x', 'v1');
    git(repo, 'branch', 'old');
    writeFiles(repo, { a: '2' });
    const second = commitAll(repo);
    const { fetcher } = testWorld().session();
    const attributesOf = async (more: InputAttributes) => (await fetcher.fetchTree(local(repo, more))).input;
    expect(await attributesOf({ ref: 'old' })).toMatchObject({ ref: 'old', rev: first, revCount: 1 });
    expect(await attributesOf({ ref: 'v1' })).toMatchObject({ ref: 'v1', rev: first });
    expect(await attributesOf({ ref: 'refs/tags/v1' })).toMatchObject({ rev: first });
    expect(await attributesOf({ ref: 'HEAD' })).toMatchObject({ ref: 'HEAD', rev: second, revCount: 2 });
    expect(await attributesOf({ rev: first })).toMatchObject({ ref: 'refs/heads/main', rev: first });
    expect(await attributesOf({ rev: first, shallow: true })).not.toHaveProperty('revCount');
    await expect(attributesOf({ ref: 'nothing' })).rejects.toMatchObject({ code: 'flake/no-such-revision' });
    await expect(attributesOf({ rev: '1'.repeat(40) })).rejects.toMatchObject({
      code: 'flake/no-such-revision',
    });
  });

  it('keeps its blobs as they are stored', async () => {
    const repo = writeFiles(temporaryFolder(), {
      '.gitattributes': '* text eol=crlf\nsubst export-subst\n',
      lines: 'a\nb\n',
      subst: '$Format:%H$',
      'x/../dots': '1',
    });
    const rev = commitAll(repo);
    const { physicalPath } = await testWorld().session().fetcher.fetchTree(local(repo, { rev }));
    expect(readFileSync(join(physicalPath, 'lines'), 'utf8')).toBe('a\nb\n');
    expect(readFileSync(join(physicalPath, 'subst'), 'utf8')).toBe('$Format:%H$');
  });
});

describe('submodules', () => {
  it('are empty folders in a commit, absent in a working tree, whole when asked for', async () => {
    const root = temporaryFolder();
    const inner = writeFiles(join(root, 'inner'), { f: 'hi' });
    commitAll(inner);
    const outer = writeFiles(join(root, 'outer'), { a: '1' });
    git(outer, 'init', '--quiet', '--initial-branch=main');
    git(outer, 'submodule', '--quiet', 'add', '../inner', 'mod/inner');
    const rev = commitAll(outer);
    const { session } = testWorld();
    const files = async (more: InputAttributes) =>
      listing((await session().fetcher.fetchTree(local(outer, more))).physicalPath);
    expect(await files({})).toEqual(['.gitmodules', 'a']);
    expect(await files({ rev })).toEqual(['.gitmodules', 'a', 'mod/', 'mod/inner/']);
    const whole = ['.gitmodules', 'a', 'mod/', 'mod/inner/', 'mod/inner/f'];
    expect(await files({ submodules: true })).toEqual(whole);
    expect(await files({ submodules: true, rev })).toEqual(whole);
    git(outer, 'clone', '--quiet', '--bare', outer, join(root, 'outer.git'));
    const bare = await session().fetcher.fetchTree(local(join(root, 'outer.git'), { submodules: true }));
    expect(listing(bare.physicalPath)).toEqual(whole);
  });
});

describe('a remote repository', () => {
  const root = temporaryFolder();
  let server: TestServer;
  let first: string;
  let second: string;
  beforeAll(async () => {
    const repo = writeFiles(join(root, 'work'), { a: '1' });
    first = commitAll(repo);
    writeFiles(repo, { a: '2' });
    second = commitAll(repo);
    git(root, 'clone', '--quiet', '--bare', repo, 'repo.git');
    server = await startServer({ gitRoot: root });
  });
  afterAll(() => server.close());
  const remote = (more: InputAttributes = {}): InputAttributes => ({
    type: 'git',
    url: `${server.url}/git/repo.git`,
    ...more,
  });

  it('is fetched at its default branch, and not asked again for a while', async () => {
    const { session } = testWorld();
    const { input } = await session().fetcher.fetchTree(remote());
    expect(input).toMatchObject({
      ref: 'refs/heads/main',
      rev: second,
      revCount: 2,
      lastModified: 1577923200,
    });
    const before = server.requests.length;
    expect((await session().fetcher.fetchTree(remote())).input).toEqual(input);
    expect(server.requests.length).toBe(before);
    const updated = await session({ settings: { tarballTtl: 0 } }).fetcher.fetchTree(remote());
    expect(updated.input).toEqual(input);
    expect(server.requests.length).toBeGreaterThan(before);
  });

  it('gives any commit, and is shallow when asked', async () => {
    const { session } = testWorld();
    const { fetcher } = session();
    expect((await fetcher.fetchTree(remote({ rev: first }))).input).toMatchObject({
      rev: first,
      revCount: 1,
    });
    const shallow = await fetcher.fetchTree(remote({ shallow: true, rev: first }));
    expect(shallow.input).not.toHaveProperty('revCount');
    expect((await fetcher.fetchTree(remote({ allRefs: true }))).input).toMatchObject({ rev: second });
    await expect(fetcher.fetchTree(remote({ rev: '2'.repeat(40) }))).rejects.toMatchObject({
      code: 'flake/no-such-revision',
      message: expect.stringContaining(
        `Cannot find Git revision '${'2'.repeat(40)}' in ref 'refs/heads/main'`,
      ),
    });
    await expect(fetcher.fetchTree(remote({ ref: 'gone' }))).rejects.toMatchObject({
      code: 'flake/fetch-failed',
    });
  });

  it('that is not there, or hangs up, is named', async () => {
    const { fetcher } = testWorld().session();
    await expect(
      fetcher.fetchTree({ type: 'git', url: `${server.url}/git/nothing.git` }),
    ).rejects.toMatchObject({
      code: 'flake/fetch-failed',
      message: expect.stringContaining(`Failed to fetch git repository '${server.url}/git/nothing.git'`),
      exitCode: 4,
    });
    const rude = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => rude.listen(0, '127.0.0.1', resolve));
    const { port } = rude.address() as { port: number };
    await expect(
      fetcher.fetchTree({ type: 'git', url: `http://user:secret@127.0.0.1:${port}/x` }),
    ).rejects.toMatchObject({
      code: 'flake/fetch-failed',
      message: expect.not.stringContaining('secret'),
    });
    rude.close();
  });

  it('goes on with what it has when the server is gone', async () => {
    const own = await startServer({ gitRoot: root });
    const input = { type: 'git', url: `${own.url}/git/repo.git` };
    const world = testWorld();
    await world.session().fetcher.fetchTree(input);
    await own.close();
    const again = await world.session({ settings: { tarballTtl: 0 } }).fetcher.fetchTree(input);
    expect(again.input.rev).toBe(second);
    expect(world.warnings.join()).toMatch(/using expired cached ref/);
    expect(world.warnings.join()).toMatch(/continuing with the most recent version/);
  });

  it('is taken as it was when the network is not to be used', async () => {
    const { session } = testWorld();
    const offline = { settings: { isOffline: true } };
    await expect(session(offline).fetcher.fetchTree(remote())).rejects.toMatchObject({
      code: 'flake/offline',
    });
    await session().fetcher.fetchTree(remote());
    const before = server.requests.length;
    expect((await session(offline).fetcher.fetchTree(remote())).input.rev).toBe(second);
    expect((await session(offline).fetcher.fetchTree(remote({ rev: first }))).input.rev).toBe(first);
    expect(server.requests.length).toBe(before);
  });

  it('is fetched once by two at the same time', async () => {
    const { session } = testWorld();
    const [a, b] = await Promise.all([
      session().fetcher.fetchTree(remote()),
      session().fetcher.fetchTree(remote()),
    ]);
    expect(a).toEqual(b);
  });
});

describe('what is not supported', () => {
  it('is refused by name', async () => {
    const repo = writeFiles(temporaryFolder(), { a: '1' });
    commitAll(repo);
    const { fetcher } = testWorld().session();
    const refused: readonly (readonly [InputAttributes, RegExp])[] = [
      [{ lfs: true }, /Git LFS/],
      [{ verifyCommit: true }, /verifying commit signatures/],
      [{ exportIgnore: true, submodules: true }, /exportIgnore and submodules together/],
    ];
    for (const [more, message] of refused)
      await expect(fetcher.fetchTree(local(repo, more))).rejects.toMatchObject({
        code: 'flake/unsupported',
        message: expect.stringMatching(message),
        hint: expect.any(String),
      });
  });

  it('includes machines without git', async () => {
    const repo = writeFiles(temporaryFolder(), { a: '1' });
    commitAll(repo);
    const world = testWorld();
    const host = { ...testHost(world.home), which: () => undefined };
    await expect(world.session({ host }).fetcher.fetchTree(local(repo))).rejects.toMatchObject({
      code: 'flake/no-git',
      hint: expect.stringContaining('apt-get install git'),
    });
  });
});

it('names a folder that is not there, and one that is no repository', async () => {
  const { fetcher } = testWorld().session();
  await expect(fetcher.fetchTree(local('/nonexistent/x'))).rejects.toMatchObject({ code: 'flake/not-found' });
  const empty = temporaryFolder();
  mkdirSync(join(empty, '.git'));
  await expect(fetcher.fetchTree(local(empty))).rejects.toMatchObject({ code: 'flake/git-failed' });
  expect(existsSync(empty)).toBe(true);
});
