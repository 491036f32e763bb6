// Locking as commands do it: what is written, what is not, and what is said.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseFlakeReference } from './flake-reference.ts';
import { commitAll, git, temporaryFolder, testWorld, writeFiles } from './test-world.ts';

const leaf = '{ outputs = _: { }; }';

describe('the lock of a flake', () => {
  it('is written, told of, and left alone the next time', async () => {
    const root = writeFiles(temporaryFolder(), { 'dep/flake.nix': leaf });
    writeFiles(root, { 'main/flake.nix': `{ inputs.dep.url = "path:${root}/dep"; outputs = _: { }; }` });
    const world = testWorld();
    const reference = parseFlakeReference(`path:${root}/main`);
    const first = await world.session().lockFlake(reference);
    expect(first.written).toBe(join(root, 'main/flake.lock'));
    expect(first.changes).toMatchObject([{ kind: 'added', path: ['dep'] }]);
    expect(world.warnings[0]).toMatch(
      /^creating lock file ".*\/main\/flake.lock": \n• Added input 'dep':\n {4}'path:/,
    );
    const text = readFileSync(first.written!, 'utf8');
    world.warnings.length = 0;
    const second = await world.session().lockFlake(reference);
    expect(second).toMatchObject({ changes: [], forceDirty: false });
    expect(second.written).toBeUndefined();
    expect(world.warnings).toEqual([]);
    expect(readFileSync(first.written!, 'utf8')).toBe(text);
  });

  it('in a repository becomes known to git', async () => {
    const root = writeFiles(temporaryFolder(), { 'dep/flake.nix': leaf });
    writeFiles(root, { 'main/sub/flake.nix': `{ inputs.dep.url = "path:${root}/dep"; outputs = _: { }; }` });
    commitAll(join(root, 'main'));
    const { session } = testWorld();
    const reference = parseFlakeReference(`${root}/main/sub`, { baseDirectory: '/' });
    const { flake } = await session().lockFlake(reference);
    // As in Nix, this run still uses the tree without the new file.
    expect(flake.locked.input).toHaveProperty('rev');
    expect(git(join(root, 'main'), 'status', '--porcelain')).toBe('A sub/flake.lock');
    expect((await session().lockFlake(reference)).flake.locked.input).toHaveProperty('dirtyRev');
  });

  it('is not written when asked so', async () => {
    const root = writeFiles(temporaryFolder(), { 'dep/flake.nix': leaf });
    writeFiles(root, { 'flake.nix': `{ inputs.dep.url = "path:${root}/dep"; outputs = _: { }; }` });
    const world = testWorld();
    const reference = parseFlakeReference(`path:${root}`);
    const outcome = await world.session().lockFlake(reference, { writeLockFile: false });
    expect(outcome.forceDirty).toBe(true);
    expect(existsSync(join(root, 'flake.lock'))).toBe(false);
    expect(world.warnings[0]).toMatch(/^not writing modified lock file of flake 'path:/);
    await expect(world.session().lockFlake(reference, { updateLockFile: false })).rejects.toMatchObject({
      code: 'flake/lock-needs-update',
    });
    const output = join(root, 'elsewhere.lock');
    await world.session().lockFlake(reference, { outputLockFile: output });
    expect(existsSync(output)).toBe(true);
    const fromThere = { referenceLockFile: output, writeLockFile: false };
    expect((await world.session().lockFlake(reference, fromThere)).changes).toEqual([]);
  });

  it('is not written with an input that can change', async () => {
    const root = temporaryFolder();
    writeFiles(root, { 'dep/flake.nix': leaf, 'dep/x': '1' });
    commitAll(join(root, 'dep'));
    writeFiles(root, {
      'dep/x': '2',
      'main/flake.nix': `{ inputs.dep.url = "git+file://${root}/dep"; outputs = _: { }; }`,
    });
    const world = testWorld();
    const reference = parseFlakeReference(`path:${root}/main`);
    const outcome = await world.session().lockFlake(reference);
    expect(outcome.written).toBeUndefined();
    expect(world.warnings.at(-1)).toMatch(
      /^not writing lock file of flake .* because it has an unlocked input/,
    );
    await expect(world.session().lockFlake(reference, { failOnUnlocked: true })).rejects.toMatchObject({
      code: 'flake/unlocked-input',
    });
  });

  it('of a flake elsewhere cannot be written', async () => {
    const root = writeFiles(temporaryFolder(), { 'dep/flake.nix': leaf });
    writeFiles(root, { 'main/flake.nix': `{ inputs.dep.url = "path:${root}/dep"; outputs = _: { }; }` });
    const rev = commitAll(join(root, 'main'));
    git(root, 'clone', '--quiet', '--bare', 'main', 'main.git');
    const reference = parseFlakeReference(`git+file://${root}/main.git?rev=${rev}`);
    await expect(testWorld().session().lockFlake(reference)).rejects.toMatchObject({
      code: 'flake/lock-not-writable',
      hint: expect.stringContaining('--no-write-lock-file'),
    });
  });
});

describe('an input that cannot be had', () => {
  it('is named with its place in the lock, its URL and a way out', async () => {
    const root = writeFiles(temporaryFolder(), {
      'a/flake.nix': '{ inputs.b.url = "git+file:///nonexistent/b"; outputs = _: { }; }',
    });
    writeFiles(root, { 'main/flake.nix': `{ inputs.a.url = "path:${root}/a"; outputs = _: { }; }` });
    const error = await testWorld()
      .session()
      .lockFlake(parseFlakeReference(`path:${root}/main`))
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'flake/not-found',
      message: 'Git repository "/nonexistent/b" does not exist',
      hint: 'use another source for this run: --override-input a/b REFERENCE',
      related: [
        { message: "while updating the flake input 'a/b'" },
        { message: "while updating the flake input 'a'" },
        { message: expect.stringContaining("while updating the lock file of flake 'path:") },
      ],
    });
    expect(existsSync(join(root, 'main/flake.lock'))).toBe(false);
  });

  it('may be one that takes itself in', async () => {
    const root = temporaryFolder();
    writeFiles(root, {
      'a/flake.nix': `{ inputs.b.url = "path:${root}/b"; outputs = _: { }; }`,
      'b/flake.nix': `{ inputs.a.url = "path:${root}/a"; outputs = _: { }; }`,
    });
    await expect(
      testWorld()
        .session()
        .lockFlake(parseFlakeReference(`path:${root}/a`)),
    ).rejects.toMatchObject({
      code: 'flake/circular-import',
      message: `found circular import of flake 'path:${root}/b'`,
    });
  });

  it('may be one that leaves its tree', async () => {
    const root = writeFiles(temporaryFolder(), {
      'main/flake.nix': '{ inputs.b.url = "path:../b"; outputs = _: { }; }',
    });
    await expect(
      testWorld()
        .session()
        .lockFlake(parseFlakeReference(`path:${root}/main`)),
    ).rejects.toMatchObject({
      code: 'flake/relative-path-escapes',
    });
  });
});

describe('debian inputs', () => {
  it('are fixed by what the archive says, without a tree', async () => {
    const root = writeFiles(temporaryFolder(), {
      'flake.nix': '{ inputs.nixpkgs.url = "debian:bookworm"; outputs = _: { }; }',
    });
    const { session } = testWorld();
    const { written } = await session().lockFlake(parseFlakeReference(`path:${root}`));
    expect(JSON.parse(readFileSync(written!, 'utf8'))).toMatchObject({
      nodes: {
        nixpkgs: {
          locked: { suite: 'bookworm', timestamp: '20261101T000000Z', type: 'debian' },
          original: { suite: 'bookworm', type: 'debian' },
        },
      },
    });
    expect((await session().lockFlake(parseFlakeReference(`path:${root}`))).changes).toEqual([]);
  });

  it('can stand in for another input', async () => {
    const root = writeFiles(temporaryFolder(), { 'flake.nix': '{ outputs = { self, nixpkgs }: { }; }' });
    const outcome = await testWorld()
      .session()
      .lockFlake(parseFlakeReference(`path:${root}`), {
        writeLockFile: false,
        overrides: [{ path: ['nixpkgs'], reference: parseFlakeReference('debian:bookworm') }],
      });
    expect(outcome.lock.root.inputs.get('nixpkgs')).toMatchObject({
      node: {
        locked: { input: { type: 'debian' } },
        original: { input: { type: 'indirect', id: 'nixpkgs' } },
      },
    });
  });
});
