// What the index tells agrees with what git says, whatever happens to a working tree.
import { chmodSync, readFileSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { commitAll, git, temporaryFolder, testHost, testWorld, writeFiles } from '../test-world.ts';
import { gitIn } from './git-command.ts';
import { readCleanStatus, treeOfIndex } from './git-index.ts';
import { readWorktreeStatus } from './git-worktree.ts';

function repository(): string {
  const path = writeFiles(temporaryFolder(), { a: '1', 'b/c': '2', 'b-d': '3', 'ü/é': '4', run: '5' });
  chmodSync(join(path, 'run'), 0o755);
  symlinkSync('a', join(path, 'link'));
  commitAll(path);
  return path;
}

const treeOf = (path: string) => (rev: string) => git(path, 'rev-parse', `${rev}^{tree}`);

async function compare(path: string): Promise<boolean> {
  const status = readCleanStatus(path, treeOf(path));
  const truth = await readWorktreeStatus(gitIn(testHost(path), { directory: path }), path);
  if (status === undefined) return false;
  expect(status).toEqual(truth);
  return true;
}

describe('a working tree', () => {
  it('that is clean is known to be', async () => {
    const path = repository();
    expect(await compare(path)).toBe(true);
    expect(treeOfIndex(path)).toBe(git(path, 'rev-parse', 'HEAD^{tree}'));
    // Other times, same contents.
    utimesSync(join(path, 'a'), 5, 5);
    expect(await compare(path)).toBe(true);
    git(path, 'pack-refs', '--all');
    expect(await compare(path)).toBe(true);
    git(path, 'update-index', '--index-version', '4');
    expect(await compare(path)).toBe(true);
    git(path, 'checkout', '--quiet', '--detach');
    expect(await compare(path)).toBe(true);
  });

  const changes: Readonly<Record<string, (path: string) => void>> = {
    'a file changed': (path) => writeFileSync(join(path, 'a'), '7'),
    'a file gone': (path) => rmSync(join(path, 'a')),
    'a file that became a link': (path) => {
      rmSync(join(path, 'a'));
      symlinkSync('b', join(path, 'a'));
    },
    'another executable': (path) => chmodSync(join(path, 'a'), 0o755),
    'a new file staged': (path) => {
      writeFileSync(join(path, 'new'), '');
      git(path, 'add', 'new');
    },
    'a new file announced': (path) => {
      writeFileSync(join(path, 'new'), '');
      git(path, 'add', '--intent-to-add', 'new');
    },
    'a change staged': (path) => {
      writeFileSync(join(path, 'a'), '7');
      git(path, 'add', 'a');
    },
    'a file taken out': (path) => void git(path, 'rm', '--quiet', '--cached', 'a'),
    'a file not looked at': (path) => void git(path, 'update-index', '--assume-unchanged', 'a'),
    'a damaged index': (path) => {
      const file = join(path, '.git/index');
      const data = readFileSync(file);
      data[70]! ^= 1;
      writeFileSync(file, data);
    },
  };
  it.for(Object.entries(changes))('with %s is left to git', ([name, change]) => {
    const path = repository();
    change(path);
    expect(
      readCleanStatus(path, (rev) => treeOf(path)(rev)),
      name,
    ).toBeUndefined();
  });

  it('with a file that only git does not know is clean', async () => {
    const path = repository();
    writeFileSync(join(path, 'untracked'), '');
    expect(await compare(path)).toBe(true);
  });

  it('in no repository, or one of another kind, is left to git', () => {
    expect(readCleanStatus('/nonexistent', () => 'x')).toBeUndefined();
    const path = repository();
    renameSync(join(path, '.git'), join(path, 'real'));
    writeFileSync(join(path, '.git'), `gitdir: ${join(path, 'real')}`);
    expect(readCleanStatus(path, () => 'x')).toBeUndefined();
  });

  it('with an index of random bytes is left to git', () => {
    const path = repository();
    const file = join(path, '.git/index');
    const good = readFileSync(file);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat({ max: good.length }), (bytes, at) => {
        // Zeros at the end mean "not checked", so that damage gets as far as the parser.
        const data = Buffer.concat([good.subarray(0, at), bytes, Buffer.alloc(20)]);
        writeFileSync(file, data);
        readCleanStatus(path, () => git(path, 'rev-parse', 'HEAD^{tree}').slice(0, 0));
        treeOfIndex(path);
      }),
      { numRuns: 50 },
    );
  });
});

it('spares git once a clean tree was seen', async () => {
  const path = repository();
  const world = testWorld();
  const reference = { type: 'git', url: `file://${path}` };
  const first = await world.session().fetcher.fetchTree(reference);
  let runs = 0;
  const real = testHost(world.home);
  const host = {
    ...real,
    run: (options: Parameters<typeof real.run>[0]) => {
      runs++;
      return real.run(options);
    },
  };
  expect(await world.session({ host }).fetcher.fetchTree(reference)).toEqual(first);
  expect(runs).toBe(0);
  writeFileSync(join(path, 'a'), '9');
  expect((await world.session({ host }).fetcher.fetchTree(reference)).input).toHaveProperty('dirtyRev');
  expect(runs).toBeGreaterThan(0);
});
