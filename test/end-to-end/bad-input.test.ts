// What goes wrong on the command line: each case gets an error with a code, a place, a reason and a next step, exit code
// 2, 3 or 4, and leaves the locks as they were. On a tiny archive of our own, served from loopback.
import { cpSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  makeTestKey,
  type TestPackage,
  testDirectory,
  testFile,
  testLink,
} from '../../src/debian/test-archive.ts';
import type { TreeEntry } from '../../src/foundation/file-tree.ts';
import {
  buildToolPackages,
  type CommandResult,
  flakeText,
  type ServedArchive,
  SmallProject,
  serveArchive,
} from './small-project.ts';

const release = 'dists/bookworm/InRelease';

let served: ServedArchive;
beforeAll(async () => {
  served = await serveArchive(
    [
      ...buildToolPackages(),
      { name: 'python3-minimal' },
      { name: 'python3', fields: { Depends: 'python3-minimal' } },
      { name: 'python3-fastapi', fields: { Depends: 'python3' } },
    ],
    { contents: 'usr/lib/python3/dist-packages/fastapi-0.92.dist-info/METADATA python/python3-fastapi\n' },
  );
});
afterAll(() => served?.close());

/** An environment with these arguments besides its name, as an image's contents. */
function environment(given: string): string {
  return flakeText(`name = "x"; copyToRoot = pkgs.buildEnv { name = "r"; ${given} };`);
}

/** What every error has; `place` is a place in a file of the project. */
function expectError(
  result: CommandResult,
  wanted: {
    readonly exitCode: number;
    readonly code: string;
    readonly text?: RegExp;
    readonly place?: RegExp;
  },
): void {
  expect(result.exitCode, result.stderr).toBe(wanted.exitCode);
  expect(result.stderr).toContain(`[${wanted.code}]`);
  expect(result.stderr).toMatch(/^ {2}next: \S/m);
  expect(result.stderr).not.toMatch(/^\s+at .*\(.*:\d+:\d+\)$|node:internal|^bug:/m);
  if (wanted.text !== undefined) expect(result.stderr).toMatch(wanted.text);
  if (wanted.place !== undefined) expect(result.stderr).toMatch(wanted.place);
}

async function inProject<T>(
  flake: string,
  work: (project: SmallProject) => Promise<T>,
  env: Readonly<Record<string, string>> = served.env,
): Promise<T> {
  const project = new SmallProject(env, flake);
  try {
    return await work(project);
  } finally {
    project.remove();
  }
}

describe.concurrent('a recipe that is wrong', () => {
  it.each([false, true])('has a syntax error, shown where the user wrote it (in git: %s)', (git) =>
    inProject(flakeText('name = "x" copyToRoot = 1;'), async (project) => {
      if (git) project.initGit();
      expectError(await project.build(), {
        exitCode: 3,
        code: 'nix/parse',
        text: /unexpected '=', expecting ';'/,
        place: /^ {2}at flake\.nix:7:66\n {2}7 \| .*copyToRoot = 1/m,
      });
    }),
  );

  it.each([
    ['pkgs.helo', 'nix/eval', /'helo' missing/, /did you mean hello\?/],
    ['with pkgs; helo', 'nix/undefined-variable', /undefined variable 'helo'/, /did you mean hello\?/],
    ['pkgs.node', 'nix/eval', /'node' missing/, /did you mean nodejs\?/],
    [
      'with pkgs; fastapi',
      'nix/undefined-variable',
      /'fastapi'/,
      /python3\.withPackages \(p: \[ p\.fastapi \]\)/,
    ],
    ['pkgs.pyhton3', 'nix/eval', /'pyhton3' missing/, /did you mean python3\?/],
    ['pkgs.buildEnv { name = "x"; path = [ ]; }', 'nix/argument', /no argument 'path'/, /did you mean paths/],
  ])('asks for %s and is told the nearest names', (expression, code, text, hint) =>
    inProject(flakeText(`name = "x"; copyToRoot = ${expression};`), async (project) => {
      const result = await project.build();
      expectError(result, { exitCode: 3, code, text, place: /at flake\.nix:7:/ });
      expect(result.stderr).toMatch(hint);
    }),
  );

  it.each(['p.fastpi', 'p.fastapy'])('asks for the Python distribution %s and is told the nearest', (name) =>
    inProject(
      flakeText(`name = "x"; copyToRoot = pkgs.python3.withPackages (p: [ ${name} ]);`),
      async (project) => {
        const result = await project.build();
        expectError(result, { exitCode: 3, code: 'nix/eval', place: /at flake\.nix:7:/ });
        expect(result.stderr).toMatch(/did you mean fastapi\?/i);
      },
    ),
  );

  it('gives an image unknown or too few arguments', async () => {
    await inProject(flakeText('name = "x"; copyToRot = pkgs.hello;'), async (project) => {
      expectError(await project.build(), {
        exitCode: 3,
        code: 'nix/argument',
        text: /buildImage has no argument 'copyToRot'[\s\S]*did you mean copyToRoot\?/,
        place: /at flake\.nix:7:56/,
      });
    });
    await inProject(flakeText('copyToRoot = pkgs.hello;'), async (project) => {
      expectError(await project.build(), {
        exitCode: 3,
        code: 'nix/argument',
        text: /needs the argument 'name'/,
      });
    });
  });

  it.each([
    ['flake.nix', 'flake/not-a-flake', 3],
    ['flake.lock', 'flake/lock-not-readable', 4],
    ['trimaran.lock', 'lock/not-readable', 4],
  ])('has a folder for %s', (name, code, exitCode) =>
    inProject(flakeText('name = "x"; copyToRoot = pkgs.hello;'), async (project) => {
      rmSync(project.file(name), { force: true });
      mkdirSync(project.file(name));
      expectError(await project.build(), { exitCode, code });
    }),
  );

  it('reads a file that git does not track', () =>
    inProject(flakeText('name = import ./name.nix;'), async (project) => {
      project.initGit();
      project.write('name.nix', '"x"');
      expectError(await project.build(), {
        exitCode: 3,
        code: 'nix/other',
        text: /next: run `git add name\.nix`/,
        place: /at flake\.nix:7:/,
      });
    }));

  it.each([
    ['a flake', '[ ]', 'flake/bad-flake', /at flake\.nix:1:1/],
    ['outputs', '{\n  outputs = { self }: [ ];\n}', 'nix/type', /at flake\.nix:2:3/],
    [
      'the system of this machine',
      flakeText('name = "x";').replace('x86_64-linux', '${builtins.currentSystem}'),
      'nix/eval',
      /next: write the system itself/,
    ],
    [
      'a package set',
      flakeText('name = "x";').replace('legacyPackages', 'packages'),
      'nix/eval',
      /next: .*legacyPackages/,
    ],
    [
      'a folder that is not there',
      flakeText('name = "x"; copyToRoot = ./gone;'),
      'nix/eval',
      /path '.*\/project\/gone' does not exist/,
    ],
    ['a name with a tag', flakeText('name = "a:b";'), 'nix/argument', /name is "a:b"[\s\S]*at flake\.nix:7:/],
    [
      'a tag of 129 letters',
      flakeText(`name = "a"; tag = "${'x'.repeat(129)}";`),
      'nix/argument',
      /tag is "x+"/,
    ],
    [
      'a base by its name',
      flakeText('name = "a"; fromImage = "debian:bookworm";'),
      'nix/throw',
      /give an image/,
    ],
    [
      'a base that is no archive',
      flakeText('name = "a"; fromImage = ./flake.nix;'),
      'image/no-such-base',
      /next: give what buildImage/,
    ],
    [
      'a string for packages',
      environment('paths = "hello";'),
      'nix/argument',
      /paths is "hello"[\s\S]*at flake\.nix:7:/,
    ],
    [
      'a string for folders',
      environment('paths = [ ]; pathsToLink = "/bin";'),
      'nix/argument',
      /such as \[ "\/bin" \]/,
    ],
    [
      'a list as text',
      '{ outputs = { self }: { docker = "a" + [ (1 + 1) ]; }; }',
      'nix/type',
      /\[ «thunk» \]/,
    ],
  ])('has a wrong value: %s', (_what, flake, code, text) =>
    inProject(flake, async (project) => expectError(await project.build(), { exitCode: 3, code, text })),
  );

  it('lies in a repository, and there is no git', () =>
    inProject(flakeText(), async (project) => {
      project.initGit();
      const bin = join(project.root, 'bin');
      mkdirSync(bin);
      symlinkSync('/usr/bin/sh', join(bin, 'sh'));
      expectError(await project.build({ env: { PATH: bin } }), {
        exitCode: 4,
        code: 'flake/no-git',
        text: /next: install it/,
      });
    }));

  it('lacks the output that is asked for', () =>
    inProject(flakeText(), async (project) => {
      expectError(await project.trimaran(['nix', 'build', '.#dokcer']), {
        exitCode: 3,
        code: 'nix/no-attribute',
        text: /did you mean docker\? its outputs are docker/,
      });
    }));

  it.each([
    ['let x = x; in x', 'nix/infinite-recursion'],
    ['let f = n: 1 + f (n + 1); in toString (f 0)', 'nix/stack-overflow'],
    ['throw "no way"', 'nix/throw'],
  ])('does not end or throws: %s', (expression, code) =>
    inProject(flakeText(`name = ${expression};`), async (project) => {
      const result = await project.build();
      expectError(result, { exitCode: 3, code, place: /at flake\.nix:7:\d+/ });
      expect(result.stderr.split('\n').length).toBeLessThan(20);
    }),
  );

  it('is said as one JSON object with --json, wrong usage too', () =>
    inProject(flakeText('name = nmae;'), async (project) => {
      const failed = await project.trimaran(['nix', 'build', '--json', '.#docker']);
      expect(failed.exitCode).toBe(3);
      expect(JSON.parse(failed.stdout)).toMatchObject({
        error: {
          code: 'nix/undefined-variable',
          span: { file: project.file('flake.nix'), line: 7, column: 51 },
          hint: expect.any(String),
        },
      });
      const usage = await project.trimaran(['nix', 'build', '--json', '--nosuch']);
      expect(usage.exitCode).toBe(2);
      expect(JSON.parse(usage.stdout)).toMatchObject({ error: { code: 'cli/usage' } });
      expect((await project.trimaran(['nosuch'])).exitCode).toBe(2);
      expect((await project.trimaran(['--help'])).exitCode).toBe(0);
    }));
});

describe.concurrent('locks', () => {
  let built: SmallProject;
  beforeAll(async () => {
    built = new SmallProject(served.env);
    expect(await built.build()).toMatchObject({ exitCode: 0 });
  });
  afterAll(() => built?.remove());
  const newVersion = (text: string) => text.replace(/version: "?1\.0-1"?/, 'version: "9.9"');
  it.each([
    ['trimaran.lock', 'another version', newVersion, 'lock/mismatch', 3],
    [
      'trimaran.lock',
      'another hash',
      (t: string) => t.replace(/ sha256: .{8}/g, ' sha256: 00000000'),
      'lock/mismatch',
      3,
    ],
    [
      'trimaran.lock',
      'another release',
      (t: string) => t.replace(/release-sha256: .{8}/, 'release-sha256: 00000000'),
      'lock/mismatch',
      3,
    ],
    [
      'flake.lock',
      'another release',
      (t: string) => t.replace(/"release": ".{8}/, '"release": "00000000'),
      'lock/mismatch',
      3,
    ],
    ['trimaran.lock', 'nonsense', () => 'debian: [\n', 'lock/syntax', 3],
    ['trimaran.lock', 'an unknown key', (t: string) => t.replace('size:', 'szie:'), 'lock/unknown-key', 3],
    [
      'trimaran.lock',
      'a wrong value',
      (t: string) => t.replace(/size: \d+/, 'size: many'),
      'lock/invalid',
      3,
    ],
    [
      'trimaran.lock',
      'a newer version',
      (t: string) => t.replace('version: 1\n', 'version: 99\n'),
      'lock/newer-version',
      3,
    ],
    ['flake.lock', 'nonsense', () => '{ "nodes": ', 'flake/bad-json', 3],
    [
      'flake.lock',
      'a newer version',
      (t: string) => t.replace('"version": 7', '"version": 99'),
      'flake/lock-version',
      3,
    ],
    [
      'trimaran.lock',
      'a path that leads out',
      (t: string) => t.replace(/pool\/main\/hello.*/, '../../etc/passwd'),
      'lock/invalid',
      3,
    ],
    [
      'trimaran.lock',
      'another time for its release',
      (t: string) => t.replace(/timestamp: \d{4}/, 'timestamp: 2020'),
      'lock/mismatch',
      3,
    ],
    [
      'flake.lock',
      'another time for its release',
      (t: string) => t.replace(/"timestamp": "\d{4}/, '"timestamp": "2020'),
      'lock/mismatch',
      3,
    ],
    ['trimaran.lock', 'half of itself', (t: string) => t.slice(0, t.length >> 1), 'lock/invalid', 3],
    [
      'trimaran.lock',
      'a conflict of versions',
      (t: string) => `<<<<<<< HEAD\n${t}=======\n${t}>>>>>>> other\n`,
      'lock/merge-conflict',
      3,
    ],
    [
      'trimaran.lock',
      'other needs',
      (t: string) => t.replace('depends: libhello', 'depends: x'),
      'lock/mismatch',
      3,
    ],
    ['flake.lock', 'another suite', (t: string) => t.replace('"bookworm"', '"trixie"'), 'lock/mismatch', 3],
    ['trimaran.lock', 'everything twice', (t: string) => t + t.slice(t.indexOf('\n')), 'lock/syntax', 3],
  ] as const)('%s with %s is refused and left alone', (file, _what, edit, code, exitCode) =>
    inProject(flakeText(), async (project) => {
      // All begin where one build ended.
      for (const name of ['flake.lock', 'trimaran.lock']) project.write(name, built.read(name));
      cpSync(built.cache, project.cache, { recursive: true, verbatimSymlinks: true });
      const edited = edit(project.read(file));
      expect(edited).not.toBe(project.read(file));
      project.write(file, edited);
      expectError(await project.build(), { exitCode, code });
      expect(project.read(file)).toBe(edited);
    }),
  );
});

describe.concurrent('an archive that is wrong', () => {
  const hello = (files: NonNullable<TestPackage['files']>, fields = {}): TestPackage => ({
    name: 'hello',
    files,
    fields,
  });
  const pathOf = (archive: ServedArchive, pattern: RegExp) =>
    [...archive.archive.files.keys()].filter((path) => pattern.test(path));
  const spoil = (pattern: RegExp, change: (bytes: Buffer) => Buffer) => (archive: ServedArchive) => {
    for (const path of pathOf(archive, pattern))
      archive.archive.files.set(path, change(Buffer.from(archive.archive.files.get(path)!)));
  };
  const flip = (bytes: Buffer) =>
    bytes.fill(bytes[bytes.length - 9]! ^ 1, bytes.length - 9, bytes.length - 8);
  const cut = (bytes: Buffer) => bytes.subarray(0, bytes.length >> 1);
  const hardLink = (path: string, target: string): TreeEntry => {
    return { kind: 'hardlink', path, target, mode: 0o644, uid: 0, gid: 0, mtime: 5 };
  };
  const nothing = () => {};
  const middle = (bytes: Buffer) =>
    bytes.fill(bytes[bytes.length >> 1]! ^ 1, bytes.length >> 1, (bytes.length >> 1) + 1);
  const longer = (bytes: Buffer) => Buffer.concat([bytes, Buffer.from('more')]);
  const page = () => Buffer.from('<html>please log in</html>');
  const gone = (pattern: RegExp) => (archive: ServedArchive) => {
    for (const path of pathOf(archive, pattern)) archive.archive.files.delete(path);
  };

  it.each([
    ['lacks a package', spoil(/^$/, cut), [], {}, 'debian/package-gone', 4],
    ['has a tampered .deb', spoil(/hello_1/, flip), [], {}, 'download/mismatch', 4],
    ['has a truncated .deb', spoil(/hello_1/, cut), [], {}, 'download/unreachable', 4],
    ['has a tampered index', spoil(/Packages|by-hash/, flip), [], {}, 'download/mismatch', 4],
    ['has a truncated index', spoil(/Packages|by-hash/, cut), [], {}, 'download/unreachable', 4],
    [
      'has a tampered release file',
      spoil(/InRelease/, (bytes) => Buffer.from(String(bytes).replace('Origin: T', 'Origin: t'))),
      [],
      {},
      'debian/bad-signature',
      4,
    ],
    ['has a truncated release file', spoil(/InRelease/, cut), [], {}, 'debian/bad-signature', 4],
    ['is out of date', nothing, [], { validUntil: new Date('2026-03-01') }, 'debian/release-expired', 4],
    ['has `..` in a .deb', nothing, [hello([testFile('../../evil')])], {}, 'tar/unsafe-path', 4],
    ['has an absolute path in a .deb', nothing, [hello([testFile('/etc/evil')])], {}, 'tar/unsafe-path', 4],
    [
      'has a path through a link',
      nothing,
      [hello([testLink('opt', '/tmp'), testFile('opt/evil')])],
      {},
      'debian/unsafe-entry',
      4,
    ],
    ['has a .deb changed in its middle', spoil(/libhello_/, middle), [], {}, 'download/mismatch', 4],
    ['has a .deb with more at its end', spoil(/hello_1/, longer), [], {}, 'download/mismatch', 4],
    ['has a page where a release should be', spoil(/InRelease/, page), [], {}, 'debian/bad-signature', 4],
    ['has no index any more', gone(/Packages|by-hash/), [], {}, 'debian/index-gone', 4],
    [
      'has a hard link that leads out',
      nothing,
      [hello([hardLink('evil', '../../etc/passwd')])],
      {},
      'tar/unsafe-path',
      4,
    ],
    [
      'has a hard link through a link',
      nothing,
      [hello([testLink('opt', '/etc'), hardLink('evil', 'opt/passwd')])],
      {},
      'debian/unsafe-entry',
      4,
    ],
    [
      'has a link in the place of another package’s folder',
      nothing,
      [hello([testDirectory('usr'), testLink('usr/lib', '/tmp')], { Depends: 'libhello' })],
      {},
      'debian/file-conflict',
      3,
    ],
    [
      'has one file twice in a package',
      nothing,
      [hello([testFile('x', 'a'), testFile('x', 'b')])],
      {},
      'debian/file-conflict',
      4,
    ],
    [
      'has packages that exclude each other',
      nothing,
      [hello([], { Depends: 'libhello', Conflicts: 'libhello' })],
      {},
      'debian/conflict',
      3,
    ],
    [
      'has one file in two packages',
      nothing,
      [
        hello([testFile('etc/x', 'a')], { Depends: 'libhello' }),
        { name: 'libhello', files: [testDirectory('etc'), testFile('etc/x', 'b')] },
      ],
      {},
      'debian/file-conflict',
      3,
    ],
    ['lacks a dependency', nothing, [hello([], { Depends: 'nosuch (>= 3)' })], {}, 'debian/unsatisfiable', 3],
  ] as const)(
    '%s',
    async (what, change, packages, options, code, exitCode) => {
      const archive = await serveArchive(packages, options);
      try {
        change(archive);
        if (what === 'lacks a package') archive.archive.files.delete(pathOf(archive, /hello_1/)[0]!);
        await inProject(
          flakeText(),
          async (project) => {
            const failed = await project.build();
            expectError(failed, { exitCode, code });
            expect(failed.stderr).toMatch(/hello|Packages|InRelease|bookworm/);
            expect(() => project.read('trimaran.lock')).toThrow();
            expect(() => project.read('result')).toThrow();
          },
          archive.env,
        );
      } finally {
        await archive.close();
      }
    },
    60_000,
  );

  it('is signed with a key that is not known, or has expired', async () => {
    const old = await makeTestKey(new Date('2026-01-01'), 86_400 * 40);
    const wrong = await makeTestKey();
    for (const [options, code] of [
      [{ trusted: wrong }, 'debian/unknown-key'],
      [{ key: old }, 'debian/expired-key'],
    ] as const) {
      const archive = await serveArchive([], options);
      try {
        await inProject(
          flakeText(),
          async (project) =>
            expectError(await project.build(), { exitCode: 4, code, text: new RegExp(release) }),
          archive.env,
        );
      } finally {
        await archive.close();
      }
    }
  });

  it('cannot be reached without a network, which is said', () =>
    inProject(
      flakeText(),
      async (project) =>
        expectError(await project.build({ shell: 'exec unshare --user --map-root-user --net "$@"' }), {
          exitCode: 4,
          code: 'download/unreachable',
          text: /next: check the network connection/,
        }),
      { TRIMARAN_DEBIAN_MIRROR: 'http://mirror.example/debian' },
    ));

  it('is not asked with --offline, which does no harm when all is here', async () => {
    const archive = await serveArchive();
    try {
      await inProject(
        flakeText(),
        async (project) => {
          const offline = ['nix', 'build', '--offline', '.#docker'];
          expectError(await project.trimaran(offline), {
            exitCode: 4,
            code: 'download/offline',
            text: /next: run the command again without --offline/,
          });
          expect(archive.archive.requests).toEqual([]);
          expect(await project.build()).toMatchObject({ exitCode: 0 });
          const asked = archive.archive.requests.length;
          expect(await project.trimaran(offline)).toMatchObject({ exitCode: 0 });
          expect(archive.archive.requests).toHaveLength(asked);
        },
        archive.env,
      );
    } finally {
      await archive.close();
    }
  });

  it('has no longer what the lock names', () =>
    inProject(flakeText(), async (project) => {
      expect(await project.build()).toMatchObject({ exitCode: 0 });
      const newer = await serveArchive([{ name: 'hello', version: '2.0-1', files: [testFile('x')] }]);
      try {
        await inProject(
          flakeText(),
          async (other) => {
            for (const name of ['flake.lock', 'trimaran.lock']) other.write(name, project.read(name));
            expectError(await other.build(), {
              exitCode: 4,
              code: 'debian/package-gone',
              text: /hello 1\.0-1 is on no mirror and in no snapshot any more[\s\S]*next: run `trimaran lock --update`/,
            });
            expect(other.read('trimaran.lock')).toBe(project.read('trimaran.lock'));
            // What it says to do next helps, and does no harm where it cannot be done.
            const locks = () => ['flake.lock', 'trimaran.lock'].map((name) => other.read(name));
            const before = locks();
            const nowhere = { env: { TRIMARAN_DEBIAN_MIRROR: 'http://127.0.0.1:9/debian' } };
            expectError(await other.trimaran(['lock', '--update'], nowhere), {
              exitCode: 4,
              code: 'lock/unreachable',
            });
            expect(locks()).toEqual(before);
            const updated = await other.trimaran(['lock', '--update']);
            expect(updated.exitCode, updated.stderr).toBe(0);
            expect(await other.build()).toMatchObject({ exitCode: 0 });
            expect(other.read('trimaran.lock')).toContain('2.0-1');
          },
          newer.env,
        );
      } finally {
        await newer.close();
      }
    }));

  it('is another in each lock, which `trimaran lock --update` mends', () =>
    inProject(flakeText(), async (project) => {
      expect(await project.build()).toMatchObject({ exitCode: 0 });
      const right = project.read('flake.lock');
      project.write('flake.lock', right.replace(/"release": ".{8}/, '"release": "00000000'));
      expectError(await project.trimaran(['lock']), { exitCode: 3, code: 'lock/mismatch' });
      const updated = await project.trimaran(['lock', '--update']);
      expect(updated.exitCode, updated.stderr).toBe(0);
      expect(project.read('flake.lock')).toBe(right);
      expect(await project.build()).toMatchObject({ exitCode: 0 });
    }));

  it('has a mirror whose address is none', () =>
    inProject(
      flakeText(),
      async (project) =>
        expectError(await project.build(), {
          exitCode: 4,
          code: 'debian/bad-mirror',
          text: /`ftp:\/\/mirror\/?` is no address/,
        }),
      { ...served.env, TRIMARAN_DEBIAN_MIRROR: 'ftp://mirror' },
    ));

  it('cannot be reached, which does no harm when all is here', async () => {
    const archive = await serveArchive();
    try {
      const project = new SmallProject(archive.env);
      expect(await project.build()).toMatchObject({ exitCode: 0 });
      const hash = project.resultHash();
      await archive.disconnect();
      expect(await project.build({ env: {} })).toMatchObject({ exitCode: 0 });
      expect(project.resultHash()).toBe(hash);
      project.remove();
      const unlocked = new SmallProject(archive.env);
      expectError(await unlocked.build(), { exitCode: 4, code: 'download/unreachable' });
      unlocked.remove();
    } finally {
      await archive.close();
    }
  });
});

describe.concurrent('a command of a recipe', () => {
  const command = (script: string) =>
    flakeText(`name = "x"; copyToRoot = pkgs.runCommand "broken" { } ''${script}'';`);

  it('fails, and its last lines are shown', () =>
    inProject(command('echo first; nosuchcommand; echo never'), async (project) => {
      expectError(await project.build(), {
        exitCode: 3,
        code: 'store/build-failed',
        text: /first[\s\S]*nosuchcommand: command not found/,
      });
    }));

  it('has no network', () =>
    inProject(
      command(
        `echo hi > /dev/tcp/127.0.0.1/${new URL(served.env.TRIMARAN_DEBIAN_MIRROR!).port}; echo > $out`,
      ),
      async (project) => {
        expectError(await project.build(), {
          exitCode: 3,
          code: 'store/build-failed',
          text: /refused|unreachable/,
        });
      },
    ));

  it('needs a sandbox, and user namespaces are forbidden', () =>
    inProject(command('echo > $out'), async (project) => {
      const refused =
        'exec unshare --user --map-root-user sh -c \'echo 0 > /proc/sys/user/max_user_namespaces; exec "$@"\' sh "$@"';
      expectError(await project.build({ shell: refused }), {
        exitCode: 4,
        code: 'store/no-sandbox',
        text: /no more user namespaces are allowed[\s\S]*next: allow user namespaces: `sysctl -w user\.max_user_namespaces/,
      });
      // With one user alone, all is made as by an ordinary user.
      const alone = await project.trimaran(['nix', 'build', '.#docker'], {
        shell: 'exec unshare --user --map-root-user "$@"',
      });
      expect(alone.exitCode, alone.stderr).toBe(0);
    }));

  it('needs a sandbox that is not here', () =>
    inProject(command('echo > $out'), async (project) => {
      const bin = join(project.root, 'bin');
      mkdirSync(bin);
      for (const name of ['git', 'sh']) symlinkSync(`/usr/bin/${name}`, join(bin, name));
      expectError(await project.build({ env: { PATH: bin } }), { exitCode: 4, code: 'store/no-sandbox' });
    }));
});
