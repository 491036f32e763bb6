import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { digestToHex } from '../foundation/digest.ts';
import { isTrimaranError } from '../foundation/error.ts';
import { fileTree, type TreeEntry } from '../foundation/file-tree.ts';
import { hashGitObject, hashTreeAsGit, parseGitCommit, parseGitTree, writeGitTree } from './git-object.ts';
import { readGitPack } from './git-pack.ts';
import { readNarSource } from './nar.ts';
import { makeFixedOutputPath } from './store-path.ts';

const hasGit = spawnSync('git', ['--version']).status === 0;

describe('git objects', () => {
  it('have the names that git gives them', () => {
    const empty = Buffer.alloc(0);
    expect(hashGitObject({ type: 'blob', data: empty })).toBe('e69de29bb2d1d6434b8b29ae775ad8c2e48c5391');
    expect(hashGitObject({ type: 'tree', data: empty })).toBe('4b825dc642cb6eb9a060e54bf8d69288fbee4904');
    expect(digestToHex(hashTreeAsGit([], 'sha1'))).toBe('4b825dc642cb6eb9a060e54bf8d69288fbee4904');
  });

  it('give a tree the store path that Nix 2.34 gives it', () => {
    const owner = { uid: 0, gid: 0, mtime: 1 };
    const file = (path: string, text: string, mode: number): TreeEntry => ({
      kind: 'file',
      path,
      mode,
      ...owner,
      content: { kind: 'bytes', bytes: Buffer.from(text) },
    });
    const tree = fileTree([
      { kind: 'directory', path: '', mode: 0o755, ...owner },
      file('a', 'hi\n', 0o644),
      { kind: 'directory', path: 'empty', mode: 0o755, ...owner },
      { kind: 'symlink', path: 'l', mode: 0o777, ...owner, target: 'a' },
      { kind: 'directory', path: 'sub', mode: 0o755, ...owner },
      file('sub/x', '#!', 0o755),
    ]);
    const digest = hashTreeAsGit(tree, 'sha1');
    expect(makeFixedOutputPath({ name: 'x', method: 'git', digest, storeDirectory: '/nix/store' })).toBe(
      '/nix/store/j8wcx4d3fb1cvjxkbm7srdfy2389ibvl-x',
    );
  });

  it('read back the trees they write', () => {
    const hash = 'e69de29bb2d1d6434b8b29ae775ad8c2e48c5391';
    const tree = writeGitTree([
      { mode: 0o100644, name: 'a.b', hash },
      { mode: 0o40000, name: 'a', hash },
      { mode: 0o100644, name: 'a-b', hash },
    ]);
    expect(parseGitTree(tree).map((entry) => entry.name)).toEqual(['a-b', 'a.b', 'a']);
    expect(writeGitTree(parseGitTree(tree)).equals(tree)).toBe(true);
    for (const name of ['..', '.', '', 'a/b']) {
      expect(() => parseGitTree(writeGitTree([{ mode: 0o100644, name, hash }]))).toThrow(
        expect.objectContaining({ code: 'git/malformed-object' }),
      );
    }
    fc.assert(
      fc.property(fc.uint8Array(), fc.boolean(), (data, isCommit) => {
        try {
          if (isCommit) parseGitCommit(Buffer.from(data));
          else parseGitTree(Buffer.from(data));
        } catch (error) {
          if (!isTrimaranError(error)) throw error;
        }
      }),
    );
  });
});

describe.skipIf(!hasGit && !process.env.CI)('git packs (skipped without git)', () => {
  let directory: string;
  let source: string;
  const env = {
    PATH: process.env.PATH,
    HOME: '/nonexistent',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_AUTHOR_NAME: 'A',
    GIT_AUTHOR_EMAIL: 'a@example.org',
    GIT_AUTHOR_DATE: '1600000000 +0200',
    GIT_COMMITTER_NAME: 'A',
    GIT_COMMITTER_EMAIL: 'a@example.org',
    GIT_COMMITTER_DATE: '1600000001 +0200',
  };
  const git = (args: string[], input = '') =>
    execFileSync('git', args, { cwd: source, env, input, maxBuffer: 1 << 26 });
  const pack = (...args: string[]) =>
    git(['pack-objects', '--stdout', ...args], git(['rev-list', '--objects', 'HEAD']).toString());

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'trimaran-git-'));
    source = join(directory, 'source');
    mkdirSync(join(source, 'lib'), { recursive: true });
    git(['init', '-q', '-b', 'main']);
    for (let version = 0; version < 6; version++) {
      const lines = Array.from({ length: 4000 }, (_, i) => `line ${i === version * 100 ? 'changed' : i}\n`);
      writeFileSync(join(source, 'lib/large.txt'), lines.join(''));
      writeFileSync(join(source, 'lib-x'), `version ${version}`);
      writeFileSync(join(source, 'run'), '#!/bin/sh\n');
      chmodSync(join(source, 'run'), 0o755);
      if (version === 0) symlinkSync('lib/large.txt', join(source, 'link'));
      git(['add', '-A']);
      git(['commit', '-q', '-m', `version ${version}`]);
    }
    git(['tag', '-a', '-m', 'a tag', 'v1']);
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it.each([[['--delta-base-offset']], [['--no-delta-base-offset']], [['--window=0']]])(
    'are read with %s',
    (args) => {
      const objects = readGitPack(pack(...args));
      const expected = git(['rev-list', '--objects', 'HEAD']).toString().trim().split('\n');
      expect([...objects.hashes].sort()).toEqual(expected.map((line) => line.slice(0, 40)).sort());
      for (const hash of objects.hashes) {
        const object = objects.read(hash)!;
        expect(hashGitObject(object)).toBe(hash);
        expect(git(['cat-file', object.type, hash]).equals(object.data)).toBe(true);
      }
      expect(objects.read('0'.repeat(40))).toBeUndefined();
      const head = git(['rev-parse', 'HEAD']).toString().trim();
      const commit = parseGitCommit(objects.read(head)!.data);
      expect(commit.committerTime).toBe(1600000001);
      expect(commit.parents).toEqual([git(['rev-parse', 'HEAD~']).toString().trim()]);
      expect(
        parseGitTree(objects.read(commit.tree)!.data).map(({ mode, name }) => [mode.toString(8), name]),
      ).toEqual([
        ['100644', 'lib-x'],
        ['40000', 'lib'],
        ['120000', 'link'],
        ['100755', 'run'],
      ]);
      const worktree = readNarSource(source, { filter: (path) => path !== '.git' });
      expect(digestToHex(hashTreeAsGit(worktree, 'sha1'))).toBe(commit.tree);
    },
  );

  it('are completed from what is there when they are thin', () => {
    const thin = git(
      ['pack-objects', '--stdout', '--thin', '--revs', '--no-delta-base-offset'],
      'HEAD\n^HEAD~\n',
    );
    expect(() => readGitPack(thin)).toThrow(expect.objectContaining({ code: 'git/missing-base' }));
    const all = readGitPack(pack());
    const objects = readGitPack(thin, { findBase: (hash) => all.read(hash) });
    for (const hash of objects.hashes) expect(objects.read(hash)).toEqual(all.read(hash));
  });

  it('refuse damage', () => {
    const whole = pack();
    expect(() => readGitPack(whole, { objectLimit: 1000 })).toThrow(
      expect.objectContaining({ code: 'git/too-large' }),
    );
    const malformed = expect.objectContaining({ code: 'git/malformed-pack' });
    for (const length of [0, 10, 40, whole.length - 1])
      expect(() => readGitPack(whole.subarray(0, length))).toThrow(malformed);
    fc.assert(
      fc.property(fc.nat(whole.length - 33), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const copy = Buffer.from(whole);
        copy[12 + at]! ^= change;
        expect(() => readGitPack(copy)).toThrow(malformed);
        // With its checksum put right the damage is found deeper, or does no harm to the format.
        createHash('sha1')
          .update(copy.subarray(0, -20))
          .digest()
          .copy(copy, copy.length - 20);
        try {
          readGitPack(copy);
        } catch (error) {
          if (!isTrimaranError(error)) throw error;
        }
      }),
      { numRuns: 100 },
    );
  });
});
