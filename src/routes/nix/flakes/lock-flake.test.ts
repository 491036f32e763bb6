// Locks computed here and by real Nix for the same flakes, byte for byte. Needs `nix` on the PATH (Debian's nix-bin).
// What Nix 2.8 does differently from 2.34 is compared with what 2.34 wrote, in golden/, and with a newer Nix where
// one is on the PATH.
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lutimesSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseFlakeReference } from './flake-reference.ts';
import type { LockCommandOptions } from './flake-session.ts';
import { parseInputPath } from './lock-file.ts';
import { commitAll, temporaryFolder, testWorld, writeFiles } from './test-world.ts';

const version = spawnSync('nix', ['--version'], { encoding: 'utf8' }).stdout?.match(/(\d+)\.(\d+)/);
const hasNix = version !== null && version !== undefined;
const isNew = hasNix && Number(version[1]) === 2 && Number(version[2]) >= 26;

/** What one step asks of both. */
interface Step {
  readonly update?: readonly string[] | 'all';
  readonly override?: Readonly<Record<string, string>>;
  /** Done before the step, to the folder of all flakes. */
  readonly before?: (root: string) => void;
}

interface Case {
  readonly name: string;
  /** flake.nix files by folder; `ROOT` stands for the folder of all flakes. The flake to lock is in `main`. */
  readonly files: Readonly<Record<string, string>>;
  readonly prepare?: (root: string) => void;
  readonly registry?: (root: string) => string;
  readonly steps?: readonly Step[];
  /** Nix 2.8 does otherwise: what 2.34 wrote is in golden/NAME.lock. */
  readonly golden?: string;
}

const leaf = '{ outputs = _: { }; }';

/** Ids of the folders beside `main`. */
const registry = (root: string): string =>
  JSON.stringify({
    version: 2,
    flakes: ['n', 'deep'].map((id) => ({
      from: { type: 'indirect', id },
      to: { type: 'path', path: `${root}/${id}` },
    })),
  });

const cases: Case[] = [
  { name: 'no inputs', files: { 'main/flake.nix': leaf } },
  {
    name: 'a flake and a plain tree',
    files: {
      'main/flake.nix':
        '{ inputs.b = { url = "path:ROOT/b"; flake = false; }; inputs.a.url = "path:ROOT/a"; outputs = _: { }; }',
      'a/flake.nix': leaf,
      'b/data': 'x',
    },
  },
  {
    name: 'names that are taken',
    files: {
      'main/flake.nix':
        '{ inputs.z.url = "path:ROOT/z"; inputs.a.url = "path:ROOT/a"; inputs.n.url = "path:ROOT/n2"; outputs = _: { }; }',
      'a/flake.nix': '{ inputs.n.url = "path:ROOT/n"; inputs.root.url = "path:ROOT/n"; outputs = _: { }; }',
      'z/flake.nix': '{ inputs.n.url = "path:ROOT/n"; inputs.n_2.url = "path:ROOT/n"; outputs = _: { }; }',
      'n/flake.nix': leaf,
      'n2/flake.nix': leaf,
    },
  },
  {
    name: 'follows, up and down',
    files: {
      'main/flake.nix': `{ inputs = { a.url = "path:ROOT/a"; a.inputs.n.follows = "n"; n.url = "path:ROOT/n";
        b.follows = "a/deep"; self-again.follows = ""; }; outputs = _: { }; }`,
      'a/flake.nix':
        '{ inputs.n.url = "path:ROOT/n"; inputs.deep.url = "path:ROOT/deep"; inputs.m.follows = "deep/n"; outputs = _: { }; }',
      'deep/flake.nix': '{ inputs.n.url = "path:ROOT/n"; outputs = _: { }; }',
      'n/flake.nix': leaf,
    },
  },
  {
    name: 'an override two levels down',
    golden: 'deep-override',
    files: {
      'main/flake.nix': `{ inputs = { a.url = "path:ROOT/a"; c = { url = "path:ROOT/a"; inputs.deep.inputs.n.follows = "a/n"; }; };
        outputs = _: { }; }`,
      'a/flake.nix': '{ inputs.n.url = "n"; inputs.deep.url = "deep"; outputs = _: { }; }',
      'deep/flake.nix': '{ inputs.n.url = "n"; outputs = _: { }; }',
      'n/flake.nix': leaf,
    },
    registry,
  },
  {
    name: 'an input of an input, by another URL',
    golden: 'nested-url',
    files: {
      'main/flake.nix': `{ inputs.a = { url = "path:ROOT/a"; inputs.n.url = "path:ROOT/n2"; inputs.nothing.follows = "a"; };
        outputs = _: { }; }`,
      'a/flake.nix': '{ inputs.n.url = "n"; outputs = _: { }; }',
      'n2/flake.nix': '{ description = "other"; outputs = _: { }; }',
    },
    registry,
  },
  {
    name: 'a lock that comes with an input',
    files: {
      'main/flake.nix': '{ inputs.a.url = "path:ROOT/a"; outputs = _: { }; }',
      'a/flake.nix': '{ inputs.n.url = "path:ROOT/n"; inputs.k.follows = "n"; outputs = _: { }; }',
      'n/flake.nix': leaf,
      'a/flake.lock': `{ "nodes": { "root": { "inputs": { "k": ["n"], "n": "pinned" } }, "pinned": { "locked": {
        "lastModified": 1, "narHash": "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "path": "/gone", "type": "path" },
        "original": { "path": "ROOT/n", "type": "path" } } }, "root": "root", "version": 7 }`,
    },
  },
  {
    name: 'an input from a repository, by branch and by commit',
    files: {
      'main/flake.nix': leaf,
      'repo/flake.nix': leaf,
      'repo/sub/flake.nix': '{ description = "s"; outputs = _: { }; }',
    },
    prepare(root) {
      const rev = commitAll(join(root, 'repo'));
      writeFiles(root, {
        'main/flake.nix': `{ inputs.a.url = "git+file://${root}/repo?ref=main"; inputs.b.url = "git+file://${root}/repo?ref=main&rev=${rev}";
          inputs.d = { url = "git+file://${root}/repo?ref=main"; flake = false; };
          inputs.e = { type = "git"; url = "file://${root}/repo"; ref = "main"; dir = "sub"; }; outputs = _: { }; }`,
      });
    },
  },
  {
    name: 'a folder of a tree',
    golden: 'folder',
    files: {
      'main/flake.nix': '{ inputs.a.url = "path:ROOT/a?dir=sub/deep"; outputs = _: { }; }',
      'a/sub/deep/flake.nix': '{ inputs.n.url = "n"; outputs = _: { }; }',
      'n/flake.nix': leaf,
    },
    registry,
  },
  {
    name: 'through a registry',
    files: {
      'main/flake.nix': '{ inputs.b.url = "known/main"; outputs = { self, known, b, ... }: { }; }',
      'r/flake.nix': leaf,
      'known/x/flake.nix': leaf,
    },
    prepare: (root) => void commitAll(join(root, 'known')),
    registry: (root) =>
      JSON.stringify({
        version: 2,
        flakes: [
          { from: { type: 'indirect', id: 'known' }, to: { type: 'indirect', id: 'other' }, exact: true },
          { from: { type: 'indirect', id: 'other' }, to: { type: 'path', path: `${root}/r` } },
          {
            from: { type: 'indirect', id: 'known' },
            to: { type: 'git', url: `file://${root}/known`, dir: 'x' },
          },
        ],
      }),
  },
  {
    name: 'tarballs and files on this machine',
    golden: 'tarball',
    files: {
      'main/flake.nix': `{ inputs.a.url = "file://ROOT/a.tar.gz";
        inputs.b = { url = "tarball+file://ROOT/a.tar.gz"; flake = false; };
        inputs.c = { url = "file://ROOT/a/bin/run"; flake = false; };
        inputs.d = { url = "file+file://ROOT/a/bin/run"; flake = false; }; outputs = _: { }; }`,
      'a/flake.nix': leaf,
      'a/bin/run': '#!/bin/sh',
    },
    prepare: packTarball,
  },
  {
    name: 'one input updated, then all',
    files: {
      'main/flake.nix':
        '{ inputs.a.url = "path:ROOT/a"; inputs.b.url = "path:ROOT/b"; inputs.b.inputs.n.follows = "a/n"; outputs = _: { }; }',
      'a/flake.nix': '{ inputs.n.url = "path:ROOT/n"; outputs = _: { }; }',
      'b/flake.nix': '{ inputs.n.url = "path:ROOT/n"; outputs = _: { }; }',
      'n/flake.nix': leaf,
    },
    steps: [
      {},
      {
        before: (root) => {
          for (const name of ['a', 'b', 'n']) writeFiles(root, { [`${name}/new`]: 'x' });
          writeFiles(root, { 'n/flake.nix': '{ description = "n"; outputs = _: { }; }' });
        },
        update: ['a'],
      },
      { update: ['a/n'] },
      { update: 'all' },
    ],
  },
  {
    name: 'flake.nix changed since it was locked',
    files: {
      'main/flake.nix': '{ inputs.a.url = "path:ROOT/a"; inputs.b.url = "path:ROOT/b"; outputs = _: { }; }',
      'a/flake.nix': '{ inputs.n.url = "path:ROOT/n"; outputs = _: { }; }',
      'b/flake.nix': '{ inputs.n.url = "path:ROOT/n"; inputs.m.url = "path:ROOT/n"; outputs = _: { }; }',
      'n/flake.nix': leaf,
    },
    steps: [
      {},
      {
        before: (root) =>
          writeFiles(root, {
            'main/flake.nix': `{ inputs.b.url = "path:${root}/b"; inputs.b.inputs.n.follows = "c"; inputs.c.url = "path:${root}/n"; outputs = _: { }; }`,
          }),
      },
      {
        before: (root) =>
          writeFiles(root, {
            'main/flake.nix': `{ inputs.b.url = "path:${root}/b"; inputs.c.url = "path:${root}/n"; outputs = _: { }; }`,
          }),
      },
    ],
  },
  {
    name: 'inputs overridden from the command line',
    files: {
      'main/flake.nix': '{ inputs.a.url = "path:ROOT/a"; inputs.c.url = "path:ROOT/n"; outputs = _: { }; }',
      'a/flake.nix': '{ inputs.n.url = "path:ROOT/n"; outputs = _: { }; }',
      'a2/flake.nix': '{ inputs.n.url = "path:ROOT/n"; inputs.k.url = "path:ROOT/n"; outputs = _: { }; }',
      'n/flake.nix': leaf,
    },
    steps: [{}, { override: { a: 'path:ROOT/a2' } }, {}, { override: { 'a/n': 'path:ROOT/a2' } }],
  },
  {
    name: 'inputs inside the tree',
    golden: 'relative',
    files: {
      'main/flake.nix': `{ inputs = { a.url = "path:./a"; b = { url = "./data"; flake = false; }; c = { url = ./data; flake = false; };
        d.url = "path:a?dir=deep"; e.url = "path:ROOT/e"; e.inputs.inside.url = "path:./a"; }; outputs = _: { }; }`,
      'main/a/flake.nix': '{ inputs.up.url = "path:../b"; outputs = _: { }; }',
      'main/a/deep/flake.nix': leaf,
      'main/b/flake.nix': leaf,
      'main/data/x': 'x',
      'e/flake.nix': '{ inputs.inside.url = "path:./in"; inputs.in2.url = "path:./in"; outputs = _: { }; }',
      'e/in/flake.nix': leaf,
    },
    steps: [{}, {}, { update: ['a'] }],
  },
];

function packTarball(root: string): void {
  chmodSync(join(root, 'a/bin/run'), 0o755);
  symlinkSync('bin/run', join(root, 'a/link'));
  execFileSync('tar', ['-C', root, '-czf', join(root, 'a.tar.gz'), '--mtime=2021-05-05 05:05:05Z', 'a']);
}

/** Gives everything below a folder one time, which becomes `lastModified` of path inputs. */
function setTimes(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true }))
    if (entry.isDirectory()) setTimes(join(folder, entry.name));
    else lutimesSync(join(folder, entry.name), 1600000000, 1600000000);
  utimesSync(folder, 1600000000, 1600000000);
}

function replaceRoot(root: string, files: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(files).map(([name, text]) => [name, text.replaceAll('ROOT', root)]),
  );
}

function lockWithNix(root: string, home: string, step: Step): void {
  const updates = step.update === undefined || step.update === 'all' ? [] : step.update;
  const isUpdate = step.update === 'all' || (isNew && updates.length > 0);
  const args = [
    ...['--extra-experimental-features', 'nix-command flakes', 'flake', isUpdate ? 'update' : 'lock'],
    ...(isUpdate && isNew ? [...updates, '--flake', `path:${root}/main`] : [`path:${root}/main`]),
    ...(isNew ? [] : updates.flatMap((name) => ['--update-input', name])),
    ...Object.entries(step.override ?? {}).flatMap(([path, reference]) => [
      '--override-input',
      path,
      reference.replaceAll('ROOT', root),
    ]),
    ...['--option', 'flake-registry', join(root, 'registry.json'), '--option', 'tarball-ttl', '0'],
    ...['--store', join(home, 'nix-store'), '--option', 'substituters', ''],
  ];
  const result = spawnSync('nix', args, {
    encoding: 'utf8',
    env: { ...process.env, HOME: home, XDG_CACHE_HOME: join(home, '.cache') },
  });
  if (result.status !== 0) throw new Error(result.stderr);
}

function optionsOf(root: string, step: Step): LockCommandOptions {
  return {
    recreate: step.update === 'all',
    updates: step.update === undefined || step.update === 'all' ? [] : step.update.map(parseInputPath),
    overrides: Object.entries(step.override ?? {}).map(([path, reference]) => ({
      path: parseInputPath(path),
      reference: parseFlakeReference(reference.replaceAll('ROOT', root)),
    })),
  };
}

describe.skipIf(!hasNix && process.env.CI !== 'true')('lock files equal to Nix’s', () => {
  it('has Nix to compare with', () => expect(hasNix).toBe(true));
  it.for(cases)('$name', async ({ files, prepare, registry, steps = [{}], golden }) => {
    const root = temporaryFolder();
    const world = testWorld();
    writeFiles(root, replaceRoot(root, files));
    prepare?.(root);
    setTimes(root);
    writeFiles(root, { 'registry.json': registry?.(root) ?? '{ "version": 2, "flakes": [] }' });
    for (const step of steps) {
      step.before?.(root);
      const lock = join(root, 'main/flake.lock');
      const before = existsSync(lock) ? readFileSync(lock) : undefined;
      const isCompared = golden === undefined || isNew;
      if (isCompared) lockWithNix(root, world.home, step);
      const theirs = existsSync(lock) ? readFileSync(lock, 'utf8') : undefined;
      if (before === undefined) rmSync(lock, { force: true });
      else writeFiles(root, { 'main/flake.lock': before.toString() });
      const session = world.session({
        settings: { flakeRegistry: join(root, 'registry.json'), tarballTtl: 0 },
      });
      await session.lockFlake(parseFlakeReference(`path:${root}/main`), optionsOf(root, step));
      const ours = existsSync(lock) ? readFileSync(lock, 'utf8') : undefined;
      if (isCompared) expect(ours).toBe(theirs);
      if (golden !== undefined)
        await expect(ours?.replaceAll(root, '/ROOT')).toMatchFileSnapshot(`golden/${golden}.lock`);
    }
    rmSync(root, { recursive: true });
  });
});
