// What goes wrong while recipes are compared: each failure has its say in its own column, with a code and a next step,
// the others stand, and the exit code tells which kind it was. On tiny packages of our own.
import { mkdirSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hostPrograms, type ServedArchive, SmallProject, serveArchive } from './small-project.ts';
import { hasTool } from './workspace.ts';

interface Column {
  readonly kind: string;
  readonly image?: unknown;
  readonly problem?: { readonly code: string; readonly message: string; readonly exitCode: number };
  readonly probe?: { readonly answers: boolean; readonly code?: string; readonly reason?: string };
}
interface Comparison {
  readonly service: string;
  readonly columns: readonly Column[];
  readonly problem?: { readonly code: string };
  readonly note?: string;
}

/** Flake of an image that runs a line of bash. */
function flake(name: string, script: string): string {
  return `{
  inputs.nixpkgs.url = "debian:bookworm";
  outputs = { self, nixpkgs }: let
    pkgs = nixpkgs.legacyPackages.x86_64-linux;
  in {
    web = pkgs.dockerTools.buildImage {
      name = "${name}";
      config.Cmd = [ "bash" "-c" ${JSON.stringify(script)} ];
      copyToRoot = pkgs.buildEnv { name = "root"; paths = [ pkgs.tools ]; };
    };
  };
}
`;
}

const composeFile = (port = 8000, more = '') => `services:
  web:
    image: web
    build: web
    ports: ["${port}:80"]
${more}`;

let served: ServedArchive;
let project: SmallProject;
beforeAll(async () => {
  served = await serveArchive([hostPrograms('tools', ['bash', 'sleep'])]);
});
afterAll(() => served?.close());
beforeEach(() => {
  project = new SmallProject(served.env, flake('web', 'sleep 60'));
  mkdirSync(project.file('web'));
  project.write('web/Dockerfile', 'FROM scratch\nCOPY Dockerfile /\nCMD ["/x"]\n');
  project.write('docker-compose.yml', composeFile());
});
afterEach(() => project.remove());

/** Compares; without an engine unless one is given. */
async function compare(args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) {
  const noEngine = { DOCKER_HOST: `unix://${project.root}/no.sock`, PATH: `${project.root}/bin` };
  const ended = await project.trimaran(['compare', ...args], { env: { ...noEngine, ...env } });
  expect(ended.stderr).not.toMatch(/^\s+at .*\(.*:\d+:\d+\)$|node:internal|trimaran\/bug/m);
  return ended;
}
async function compareJson(args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) {
  const ended = await compare([...args, '--json'], env);
  return { ...ended, comparisons: JSON.parse(ended.stdout) as Comparison[] };
}

describe('a column by itself', () => {
  it('says that nothing here builds Dockerfiles, which is no failure while another stands', async () => {
    const { exitCode, comparisons } = await compareJson();
    expect(comparisons[0]!.columns).toMatchObject([
      { kind: 'dockerfile', problem: { code: 'dockerfile/no-builder', exitCode: 4 } },
      { kind: 'nix', image: {} },
    ]);
    expect(exitCode).toBe(0);
    const shown = await compare();
    expect(shown.stdout).toMatch(/built here +no: nothing here can build/);
    expect(shown.stdout).toContain('[dockerfile/no-builder]');
    project.write('flake.nix', flake('other', 'true'));
    const alone = await compareJson();
    expect(alone.comparisons[0]!.columns).toMatchObject([{ problem: { code: 'dockerfile/no-builder' } }]);
    expect(alone.exitCode).toBe(4);
  }, 60_000);

  it('says which recipe is wrong, with exit code 3', async () => {
    project.write('web/Dockerfile', 'FROM scratch\nFETCH x\n');
    const { exitCode, comparisons } = await compareJson();
    expect(comparisons[0]!.columns).toMatchObject([
      { problem: { code: 'dockerfile/unknown-instruction' } },
      { kind: 'nix', image: {} },
    ]);
    expect(exitCode).toBe(3);
  }, 60_000);

  it('says that the engine went away in the middle, with exit code 4', async () => {
    const engine = await engineThatDies(join(project.root, 'engine.sock'));
    try {
      const { exitCode, comparisons } = await compareJson([], {
        DOCKER_HOST: `unix://${project.root}/engine.sock`,
      });
      expect(engine.builds()).toBe(1);
      expect(comparisons[0]!.columns).toMatchObject([
        { kind: 'dockerfile', problem: { code: 'oci/engine-gone', exitCode: 4 } },
        { kind: 'nix', image: {} },
      ]);
      expect(exitCode).toBe(4);
    } finally {
      await engine.close();
    }
  }, 60_000);
});

describe('a service', () => {
  it('without a recipe says so, and the others stand', async () => {
    project.write('docker-compose.yml', composeFile(8000, '  cache:\n    image: cache\n'));
    const { exitCode, comparisons } = await compareJson(['cache', 'web']);
    expect(comparisons.map(({ service, problem }) => [service, problem?.code])).toEqual([
      ['web', undefined],
      ['cache', 'compose/no-recipe'],
    ]);
    expect(exitCode).toBe(3);
    const page = await compare(['cache', 'web', '--html', 'out.html', '--markdown']);
    expect(page.stdout).toContain('`cache` has no recipe'.replaceAll('`', '\\`'));
    expect(project.read('out.html')).toContain('has no recipe');
    const alone = await compare(['cache']);
    expect(alone).toMatchObject({ exitCode: 3, stdout: '' });
    expect(alone.stderr).toContain('compose/no-recipe');
    expect(await compare(['nobody'])).toMatchObject({ exitCode: 2, stdout: '' });
    const sets = await compare(['cache', '--sets', 'debian:bookworm']);
    expect(sets).toMatchObject({ exitCode: 3, stdout: '' });
    expect(sets.stderr).toContain('has no flake');
  }, 60_000);

  it('with one recipe has one column, and is told how to get another', async () => {
    project.write('docker-compose.yml', 'services:\n  web:\n    image: web\n');
    const { exitCode, comparisons } = await compareJson();
    expect(comparisons[0]!.columns.map(({ kind }) => kind)).toEqual(['nix']);
    expect(comparisons[0]!.note).toContain('trimaran convert web --to dockerfile');
    expect(exitCode).toBe(0);
    expect((await compare()).stdout).toContain('one recipe only');
  }, 60_000);
});

describe('package sets', () => {
  it('get a column each, and one that cannot be had says why', async () => {
    const { exitCode, comparisons } = await compareJson(['--sets', 'debian:bookworm,debian:trixie']);
    expect(comparisons[0]!.columns).toMatchObject([
      { kind: 'nix', set: 'debian:bookworm', image: {} },
      { kind: 'nix', set: 'debian:trixie', problem: { code: 'debian/no-such-suite', exitCode: 3 } },
    ]);
    expect(exitCode).toBe(3);
    const release = '20260201T000000Z';
    const both = await compareJson(['--sets', `debian:bookworm,debian:bookworm/${release}`]);
    expect(both.comparisons[0]!.columns).toMatchObject([{ image: {} }, { image: {} }]);
    expect(both.exitCode).toBe(0);
    const page = await compare(['--sets', 'debian:bookworm,debian:trixie', '--html', 'sets.html']);
    expect(page.exitCode).toBe(3);
    expect(project.read('sets.html')).toContain('debian:trixie');
  }, 60_000);
});

describe('a report', () => {
  it('that cannot be written is refused by name', async () => {
    const ended = await compare(['--html', 'no/where/out.html']);
    expect(ended.exitCode).toBe(4);
    expect(ended.stderr).toContain('cli/cannot-write');
  }, 60_000);
});

describe.skipIf(!hasTool('unshare'))('a probe', () => {
  const probe = (port: number, ...args: string[]) =>
    compareJson(['--probe', `http://:${port}/`, ...args], { PATH: process.env.PATH ?? '' });
  const probeOf = ({ comparisons }: { comparisons: Comparison[] }) =>
    comparisons[0]!.columns.find(({ kind }) => kind === 'nix')?.probe;

  beforeEach(() =>
    project.write('docker-compose.yml', 'services:\n  web:\n    image: web\n    ports: ["8000:80"]\n'),
  );

  it('of an image that ends says with what', async () => {
    project.write('flake.nix', flake('web', 'exit 7'));
    const result = await probe(8000);
    expect(probeOf(result)).toEqual({
      answers: false,
      code: 'compare/ended',
      reason: 'it ended with exit code 7',
    });
    expect(result.exitCode).toBe(1);
  }, 60_000);

  it('of an image whose program is not there says that it does not start', async () => {
    project.write('flake.nix', flake('web', 'true').replace('"bash" "-c"', '"/no/such/program"'));
    const result = await probe(8000);
    expect(probeOf(result)).toMatchObject({
      answers: false,
      code: expect.stringMatching(/^(?:run|compare)\//),
    });
    expect(probeOf(result)?.reason).toMatch(/did not start|ended with exit code 12[67]/);
    expect(result.exitCode).toBe(1);
  }, 60_000);

  it('that nobody answers ends when its time is over, whatever holds the port on this machine', async () => {
    const other = createServer((_request, response) => response.end('somebody else'));
    await new Promise<void>((listening) => other.listen(0, '127.0.0.1', listening));
    const { port } = other.address() as AddressInfo;
    try {
      project.write('docker-compose.yml', `services:\n  web:\n    image: web\n    ports: ["${port}:80"]\n`);
      const started = performance.now();
      const result = await probe(port, '--probe-timeout', '2');
      expect(probeOf(result)).toEqual({
        answers: false,
        code: 'compare/no-answer',
        reason: expect.stringMatching(/^no 200 within 2 s: nothing listens$/),
      });
      expect(result.exitCode).toBe(1);
      expect(performance.now() - started).toBeLessThan(40_000);
    } finally {
      await new Promise((closed) => other.close(closed));
    }
    const wrong = await compare(['--probe', 'http://:1/', '--probe-timeout', 'soon']);
    expect(wrong.exitCode).toBe(2);
    expect(wrong.stderr).toContain('compare/bad-timeout');
  }, 60_000);
});

/** An engine of version 20.10 as far as a build: it begins, and is gone. */
async function engineThatDies(socket: string): Promise<{ builds(): number; close(): Promise<void> }> {
  let builds = 0;
  const server: Server = createServer((request, response) => {
    const json = (value: object) => response.end(JSON.stringify(value));
    if (request.url === '/version')
      json({ Version: '20.10.24', ApiVersion: '1.41', Os: 'linux', Arch: 'amd64', Components: [] });
    else if (request.url === '/info') json({ DriverStatus: [] });
    else if (request.url?.startsWith('/build') === true) {
      builds++;
      request.resume();
      response.write(`${JSON.stringify({ stream: 'Step 1/3 : FROM scratch\n' })}\n`);
      setTimeout(() => response.socket?.destroy(), 100);
    } else {
      response.statusCode = 404;
      json({ message: 'no such thing' });
    }
  });
  await new Promise<void>((listening) => server.listen(socket, listening));
  return {
    builds: () => builds,
    close: async () => {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}
