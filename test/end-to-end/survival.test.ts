// What a build must survive: being killed, interrupted, run twice at once, a full disk, folders that cannot be written,
// a reader that goes away. Afterwards the same command gives the same bytes.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { removeDiskTree } from '../../src/store/disk-tree.ts';
import {
  buildToolPackages,
  flakeText,
  type ServedArchive,
  SmallProject,
  serveArchive,
} from './small-project.ts';

const isRoot = process.getuid?.() === 0;
/** Runs what follows as somebody who owns nothing. */
const asNobody = 'exec setpriv --reuid=65534 --regid=65534 --clear-groups -- "$@"';

let served: ServedArchive;
/** SHA-256 of the image, built undisturbed. */
let wanted: string;

/** `flake` is the text, or makes it of the project's folder. */
async function inProject(
  work: (project: SmallProject) => Promise<void>,
  flake?: string | ((root: string) => string),
): Promise<void> {
  const project = new SmallProject(served.env, typeof flake === 'string' ? flake : undefined);
  if (typeof flake === 'function') project.write('flake.nix', flake(project.root));
  try {
    await work(project);
  } finally {
    project.remove();
  }
}

beforeAll(async () => {
  served = await serveArchive(buildToolPackages());
  await inProject(async (project) => {
    const built = await project.build();
    expect(built.exitCode, built.stderr).toBe(0);
    wanted = project.resultHash();
  });
});
afterAll(() => served?.close());

/** Twenty-five kills in a project of its own, a build after each; says how far the killed one had come. */
async function killInLane(lane: number): Promise<string[]> {
  const states: string[] = [];
  await inProject(async (project) => {
    const started = Date.now();
    expect((await project.build()).exitCode).toBe(0);
    let whole = Date.now() - started;
    for (let round = 0; states.length < 25 && round < 60; round++) {
      removeDiskTree(project.cache);
      for (const name of ['result', 'flake.lock', 'trimaran.lock'])
        rmSync(project.file(name), { force: true });
      const moment = ((states.length + Math.random()) / 25) * whole;
      const child = project.start(['nix', 'build', '.#docker'], { detached: true });
      const ended = new Promise<NodeJS.Signals | null>((settle) =>
        child.on('close', (_code, signal) => settle(signal)),
      );
      await new Promise((wake) => setTimeout(wake, moment));
      // Once the process alone, once with all that it started.
      if (child.exitCode === null && (round + lane) % 2 === 0) child.kill('SIGKILL');
      else if (child.exitCode === null) process.kill(-child.pid!, 'SIGKILL');
      const isKilled = (await ended) === 'SIGKILL';
      const state = stateOf(project.cache);
      const again = await project.build();
      expect(again.exitCode, `after a kill at ${moment} ms: ${again.stderr}`).toBe(0);
      expect(project.resultHash(), `after a kill at ${moment} ms`).toBe(wanted);
      if (isKilled) states.push(state);
      else whole *= 0.9;
    }
  });
  return states;
}

/** How far a build came. */
function stateOf(cache: string): string {
  const isThere = (name: string) => existsSync(join(cache, 'trimaran', name));
  if (isThere('layers')) return 'made';
  return isThere('debian/debs') ? 'fetched' : 'nothing fetched';
}

/** Processes with a name among their words. */
function runningWith(name: string): string[] {
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid)
    .filter((pid) => {
      try {
        return readFileSync(join('/proc', pid, 'cmdline'), 'latin1').split('\0')[0] === name;
      } catch {
        return false;
      }
    });
}

async function until(isSo: () => boolean): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt++) {
    if (isSo()) return;
    await new Promise((wake) => setTimeout(wake, 50));
  }
  throw new Error('waited for half a minute in vain');
}

describe.concurrent('a build', () => {
  it('is killed at fifty random moments, and gives the same image after each', async () => {
    const lanes = await Promise.all([0, 1].map((lane) => killInLane(lane)));
    const states = lanes.flat();
    expect(states.length).toBe(50);
    // The moments are spread over the whole build, or this would say little.
    for (const state of ['nothing fetched', 'fetched', 'made'])
      expect(states.filter((other) => other === state).length, state).toBeGreaterThan(0);
  }, 240_000);

  it(
    'is killed while a command of the recipe runs, and leaves nobody running',
    () =>
      inProject(
        async (project) => {
          for (const [index, delay] of [10, 150, 400].entries()) {
            const child = project.start(['nix', 'build', '.#docker'], { detached: true });
            const ended = new Promise((settle) => child.on('close', settle));
            await until(() => runningWith(`until-${project.root}`).length > 0);
            await new Promise((wake) => setTimeout(wake, delay));
            if (index % 2 === 0) child.kill('SIGKILL');
            else process.kill(-child.pid!, 'SIGKILL');
            await ended;
            await until(() => runningWith(`until-${project.root}`).length === 0);
          }
          project.write('flake.nix', project.read('flake.nix').replace('/bin/sleep 30', '/bin/sleep 0'));
          const built = await project.build();
          expect(built.exitCode, built.stderr).toBe(0);
          // What the killed ones staged is gone with them.
          expect(readdirSync(join(project.cache, 'trimaran/staging')).length).toBeLessThan(3);
        },
        (root) =>
          flakeText(`name = "x"; copyToRoot = pkgs.runCommand "slow" { } ''
        (exec -a until-${root} /bin/sleep 30)
        mkdir $out
      '';`),
      ),
    60_000,
  );

  it(
    'runs four times at once, and with two other images beside',
    () =>
      inProject(
        async (project) => {
          const results = await Promise.all(
            ['a', 'a', 'b', 'c'].map((name, index) =>
              project.trimaran(['nix', 'build', `.#${name}`, '-o', `result-${index}`]),
            ),
          );
          for (const result of results) expect(result.exitCode, result.stderr).toBe(0);
          expect(project.resultHash('result-0')).toBe(project.resultHash('result-1'));
          const before = [0, 2, 3].map((index) => project.resultHash(`result-${index}`));
          expect(new Set(before).size).toBe(3);
          removeDiskTree(project.cache);
          for (const [index, name] of [
            [0, 'a'],
            [2, 'b'],
            [3, 'c'],
          ] as const)
            expect(
              (await project.trimaran(['nix', 'build', `.#${name}`, '-o', `result-${index}`])).exitCode,
            ).toBe(0);
          expect([0, 2, 3].map((index) => project.resultHash(`result-${index}`))).toEqual(before);
        },
        flakeText().replace(
          /docker = .*\n/,
          ['a', 'b', 'c']
            .map(
              (name) =>
                `${name} = pkgs.dockerTools.buildImage { name = "${name}"; copyToRoot = pkgs.hello; };`,
            )
            .join('\n'),
        ),
      ),
    60_000,
  );

  it('ends with 130 when interrupted, and is done the next time', () =>
    inProject(async (project) => {
      for (const delay of [0, 100]) {
        removeDiskTree(project.cache);
        const child = project.start(['nix', 'build', '.#docker']);
        const ended = new Promise<number | null>((settle) => child.on('close', settle));
        // It listens to signals once it works.
        await until(() => existsSync(join(project.cache, 'trimaran')));
        await new Promise((wake) => setTimeout(wake, delay));
        child.kill('SIGINT');
        expect(await ended).toBe(130);
      }
      const built = await project.build();
      expect(built.exitCode, built.stderr).toBe(0);
      expect(project.resultHash()).toBe(wanted);
    }));

  it.skipIf(!isRoot)(
    'meets a full disk, says so, leaves nothing half-made, and is done when there is room',
    () =>
      inProject(async (project) => {
        mkdirSync(project.cache);
        for (const size of ['200k', '1500k']) {
          expect(
            spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', project.cache]).status,
          ).toBe(0);
          try {
            const failed = await project.build();
            expect(failed.exitCode, failed.stderr).toBe(4);
            expect(failed.stderr).toMatch(/\[[a-z]+\/no-space\]/);
            expect(failed.stderr).toMatch(/next: \S/);
            expect(existsSync(project.file('result'))).toBe(false);
            expect(existsSync(project.file('trimaran.lock'))).toBe(false);
            spawnSync('mount', ['-o', 'remount,size=100m', project.cache]);
            const built = await project.build();
            expect(built.exitCode, built.stderr).toBe(0);
            expect(project.resultHash()).toBe(wanted);
          } finally {
            spawnSync('umount', [project.cache]);
          }
          spawnSync('rm', [project.file('result'), project.file('trimaran.lock')]);
        }
      }),
    60_000,
  );

  it('meets a limit on the size of files', () =>
    inProject(async (project) => {
      for (const blocks of [4, 100, 600]) {
        const failed = await project.build({ shell: `trap '' XFSZ; ulimit -f ${blocks}; exec "$@"` });
        expect(failed.exitCode, failed.stderr).toBe(4);
        expect(failed.stderr).toMatch(/\[[a-z]+\/no-space\]/);
        expect(existsSync(project.file('result'))).toBe(false);
      }
      expect((await project.build()).exitCode).toBe(0);
      expect(project.resultHash()).toBe(wanted);
    }));
});

it('deletes what is not needed, and makes it again alike', () =>
  inProject(async (project) => {
    const age = () => {
      for (const folder of ['info', 'layers', 'layers/by-ingredients', 'archives', 'builds', 'values']) {
        const files = join(project.cache, 'trimaran', folder);
        for (const name of existsSync(files) ? readdirSync(files) : [])
          utimesSync(join(files, name), 1e6, 1e6);
      }
    };
    const collect = async () => {
      age();
      const { exitCode, stdout, stderr } = await project.trimaran(['gc', '--unused-for', '1d', '--json']);
      expect(exitCode, stderr).toBe(0);
      return (JSON.parse(stdout) as { readonly objects: { readonly count: number } }).objects.count;
    };
    const objects = () => readdirSync(join(project.cache, 'trimaran/info')).length;
    expect((await project.build()).exitCode).toBe(0);
    await collect();
    // The link holds the image and what it is built from.
    expect(project.resultHash()).toBe(wanted);
    const kept = objects();
    expect(kept).toBeGreaterThan(3);
    expect((await project.build()).exitCode).toBe(0);
    expect(project.resultHash()).toBe(wanted);
    await collect();
    expect(objects()).toBe(kept);
    rmSync(project.file('result'));
    expect(await collect()).toBe(kept);
    expect(objects()).toBe(0);
    expect((await project.build()).exitCode).toBe(0);
    expect(project.resultHash()).toBe(wanted);
  }));

describe.concurrent('surroundings that refuse', () => {
  it.skipIf(!isRoot)('a project that cannot be written to', () =>
    inProject(async (project) => {
      mkdirSync(project.cache, { mode: 0o777 });
      chmodSync(project.cache, 0o777);
      chmodSync(project.root, 0o755);
      const locked = await project.build({ shell: asNobody });
      expect(locked.exitCode, locked.stderr).toBe(4);
      expect(locked.stderr).toContain('[flake/lock-not-writable]');
      const linked = await project.trimaran(['nix', 'build', '.#docker', '--no-write-lock-file'], {
        shell: asNobody,
      });
      expect(linked.exitCode, linked.stderr).toBe(4);
      expect(linked.stderr).toMatch(/\/link-not-writable\][\s\S]*next: \S/);
      expect(readdirSync(project.directory)).toEqual(['flake.nix']);
    }),
  );

  it.skipIf(!isRoot)('a home without permissions', () =>
    inProject(async (project) => {
      chmodSync(project.root, 0o755);
      mkdirSync(join(project.root, 'home'), { mode: 0o700 });
      const failed = await project.build({
        shell: `unset XDG_CACHE_HOME; ${asNobody}`,
        env: { HOME: join(project.root, 'home') },
      });
      expect(failed.exitCode, failed.stderr).toBe(4);
      expect(failed.stderr).toMatch(/permission denied \[cache\/unusable\][\s\S]*next: set XDG_CACHE_HOME/);
    }),
  );

  it('a cache that is a file, or where no folder can be', () =>
    inProject(async (project) => {
      writeFileSync(project.cache, '');
      for (const cache of [project.cache, '/proc/nosuch/cache']) {
        const failed = await project.build({ env: { XDG_CACHE_HOME: cache } });
        expect(failed.exitCode, failed.stderr).toBe(4);
        expect(failed.stderr).toContain('[cache/unusable]');
      }
      spawnSync('rm', [project.cache]);
    }));

  it('a reader that goes away, and an output that is full', () =>
    inProject(async (project) => {
      const long = ['nix', 'eval', '--json', '--expr', 'builtins.genList (x: x) 100000'];
      for (const reader of ['head -c 10', 'true']) {
        const ended = await project.trimaran(long, { shell: `"$@" | ${reader}; exit "\${PIPESTATUS[0]}"` });
        expect(ended).toMatchObject({ exitCode: 0, stderr: '' });
      }
      const full = await project.trimaran(long, { shell: 'exec "$@" > /dev/full' });
      expect(full.exitCode).toBe(4);
      expect(full.stderr).toContain('[cli/output]');
    }));
});
