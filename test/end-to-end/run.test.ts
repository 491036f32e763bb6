// `trimaran run` and what it stands on, with every runtime that this machine has: an engine, podman, crun, runc, unshare.
import { mkdirSync, readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { constants } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { realHost } from '../../src/cli/host.ts';
import { type Runtime, runImage } from '../../src/containers/run-image.ts';
import { type Host, silentProgress } from '../../src/foundation/host.ts';
import { openImage } from '../../src/index.ts';
import {
  buildToolPackages,
  flakeText,
  type ServedArchive,
  SmallProject,
  serveArchive,
} from './small-project.ts';
import { dockerHost, hasEngine, hasTool, run } from './workspace.ts';

let served: ServedArchive;
let project: SmallProject;
const notes: string[] = [];

beforeAll(async () => {
  served = await serveArchive(buildToolPackages());
  project = new SmallProject(
    served.env,
    flakeText('name = "runs"; copyToRoot = pkgs.bash; config.Cmd = [ "/bin/bash" "-c" "exit 7" ];'),
  );
  const built = await project.build();
  expect(built.exitCode, built.stderr).toBe(0);
  mkdirSync(join(project.cache, 'trimaran/containers'), { recursive: true });
});
afterAll(async () => {
  project?.remove();
  await served?.close();
});

function host(env: Readonly<Record<string, string>> = {}): Host {
  const real = realHost({ ...silentProgress, note: (text) => void notes.push(text) });
  return {
    ...real,
    env: { ...real.env, ...(dockerHost === undefined ? {} : { DOCKER_HOST: dockerHost }), ...env },
  };
}

async function start(among: readonly Runtime[], options: { ports?: number[]; command?: string[] } = {}) {
  return runImage({
    host: host(),
    image: await openImage(host(), project.file('result')),
    workDirectory: join(project.root, 'containers'),
    among,
    command: options.command ?? [],
    env: [],
    ports: (options.ports ?? []).map((container) => ({ address: '127.0.0.1', host: 0, container })),
    output: 'ignore',
  });
}

describe('a container', () => {
  it.skipIf(!hasEngine)('of an engine ends with its command’s exit code', async () => {
    process.env.DOCKER_HOST ??= dockerHost;
    const container = await start(['docker']);
    expect(await container.exited).toBe(7);
    await container.stop();
  });

  it.skipIf(!hasEngine)('of an engine tells which port it got where any would do', async () => {
    process.env.DOCKER_HOST ??= dockerHost;
    const container = await start(['docker'], {
      ports: [80],
      command: ['/bin/bash', '-c', 'trap "exit 3" TERM; sleep 30 & wait'],
    });
    try {
      expect(container.ports[0]).toBeGreaterThan(1023);
      await new Promise<void>((resolve, reject) => {
        const socket = connect(container.ports[0]!, '127.0.0.1', () => {
          socket.destroy();
          resolve();
        });
        socket.on('error', reject);
      });
    } finally {
      await container.stop();
    }
    expect(await container.exited).toBe(3);
  });

  // Inside another container podman and crun may well not work; then another runtime does, and each is named.
  it.skipIf(!hasTool('podman'))(
    'runs elsewhere where podman or crun cannot run it, which is said',
    async () => {
      const tried = (['podman', 'crun', 'runc', 'unshare'] as const).filter((name) => hasTool(name));
      notes.length = 0;
      const container = await start(tried);
      expect(await container.exited).toBe(7);
      await container.stop();
      const failed = tried.slice(0, tried.indexOf(container.runtime as (typeof tried)[number]));
      expect(notes.length).toBe(failed.length);
      for (const [index, name] of failed.entries()) {
        expect(notes[index]).toContain(name);
        expect(notes[index]).toContain(`trying ${tried[index + 1]}`);
      }
    },
  );

  it('without any runtime is refused', async () => {
    const bare = { ...host(), which: () => undefined };
    const image = await openImage(bare, project.file('result'));
    const running = runImage({
      host: bare,
      image,
      workDirectory: project.root,
      command: [],
      env: [],
      ports: [],
    });
    await expect(running).rejects.toMatchObject({
      code: 'run/no-runtime',
      hint: expect.stringContaining('install'),
    });
  });

  it('is told which runtime runs it', async () => {
    const ended = await project.trimaran([
      'run',
      '--runtime',
      'unshare',
      'result',
      '/bin/cat',
      '/etc/passwd',
    ]);
    expect(ended.exitCode, ended.stderr).toBe(0);
    expect(ended.stderr).toContain('running with unshare');
    expect(ended.stdout).toContain('root:x:0:0');
  });

  const plain = ['runc', 'unshare'].filter(hasTool);
  it.each(hasEngine ? ['docker', ...plain] : plain)(
    'of %s leaves nothing when it is interrupted while it starts, or afterwards',
    async (runtime) => {
      const mark = `${40_000 + Math.floor(Math.random() * 50_000)}`;
      const env = dockerHost === undefined ? {} : { DOCKER_HOST: dockerHost };
      // The first is over before there is anything to end, the last comes when it runs.
      for (const [after, signal, code] of [
        [150, 'SIGINT', 130],
        [300, 'SIGTERM', 143],
        [450, 'SIGHUP', 129],
        [2500, 'SIGINT', 130],
      ] as const) {
        const child = project.start(
          [
            'run',
            '--runtime',
            runtime,
            'result',
            '/bin/bash',
            '-c',
            `trap 'exit 0' TERM; sleep ${mark} & wait`,
          ],
          { env, detached: true },
        );
        child.stdout.resume();
        child.stderr.resume();
        // As a shell would give it: the first moments of a program are the system's.
        const ended = new Promise((resolve) =>
          child.once('close', (code, by) => resolve(code ?? 128 + constants.signals[by!])),
        );
        await new Promise((resolve) => setTimeout(resolve, after));
        child.kill(signal);
        expect(await ended).toBe(code);
        expect(readdirSync(join(project.cache, 'trimaran/containers'))).toEqual([]);
        const listed = await run('ps', ['-eo', 'args'], { cwd: project.directory });
        expect(listed.stdout.split('\n').filter((line) => line.endsWith(`sleep ${mark}`))).toEqual([]);
        if (runtime !== 'docker') continue;
        const made = await run('docker', ['ps', '--all', '--no-trunc'], { cwd: project.directory, env });
        expect(made.stdout).not.toContain(mark);
      }
    },
  );
});
