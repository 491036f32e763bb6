// `trimaran run` and what it stands on, with every runtime that this machine has: an engine, podman, crun, runc, unshare.
import { connect } from 'node:net';
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
import { dockerHost, hasEngine, hasTool } from './workspace.ts';

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
    const run = runImage({ host: bare, image, workDirectory: project.root, command: [], env: [], ports: [] });
    await expect(run).rejects.toMatchObject({
      code: 'run/no-runtime',
      hint: expect.stringContaining('install'),
    });
  });

  it('is told which runtime runs it', async () => {
    const run = await project.trimaran(['run', '--runtime', 'unshare', 'result', '/bin/cat', '/etc/passwd']);
    expect(run.exitCode, run.stderr).toBe(0);
    expect(run.stderr).toContain('running with unshare');
    expect(run.stdout).toContain('root:x:0:0');
  });
});
