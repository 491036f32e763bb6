// The main job as the README tells it: a compose service's image from its flake, loaded into a real engine, run by
// docker-compose.

import { spawnSync } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Deployment } from './deployment.ts';
import { hasEngine, hasPackages, hasTool, run, sha256Of, Workspace } from './workspace.ts';

describe.skipIf(!hasPackages)('the example, built from its flake', () => {
  let workspace: Workspace;
  let archive: string;

  beforeAll(async () => {
    workspace = new Workspace();
    const built = await workspace.trimaran(['nix', 'build', '.#docker']);
    expect(built, built.stderr).toMatchObject({ exitCode: 0, stdout: '' });
    archive = realpathSync(join(workspace.example, 'result'));
  }, 300_000);
  afterAll(() => workspace?.remove());

  it('has at most 90 MB of layers with byte code, and 65 MB without', async () => {
    const sizeOf = async (file: string) => {
      const described = await workspace.trimaran(['inspect', '--json', file]);
      expect(described.exitCode, described.stderr).toBe(0);
      return (JSON.parse(described.stdout) as { size: number }).size;
    };
    expect(await sizeOf(archive)).toBeLessThanOrEqual(90e6);
    const plain = await workspace.trimaran([
      ...['nix', 'build', '--impure', '--no-link', '--print-out-paths', '--expr'],
      `let flake = builtins.getFlake "path:${workspace.example}"; pkgs = flake.inputs.nixpkgs.legacyPackages.x86_64-linux;
       in pkgs.dockerTools.buildImage {
         name = "small";
         copyToRoot = pkgs.python3.withPackagesNoByteCode
           (p: with p; [ uvicorn fastapi pyjwt requests-oauthlib itsdangerous asyncpg ]);
       }`,
    ]);
    expect(plain.exitCode, plain.stderr).toBe(0);
    expect(await sizeOf(join(workspace.cache, 'trimaran', plain.stdout.trim()))).toBeLessThanOrEqual(65e6);
  }, 120_000);

  it('is the same bytes in another folder, as another user, with another clock, zone, locale, umask and core count', async () => {
    const other = new Workspace();
    try {
      const script = `umask 077; exec ${process.execPath} --import "data:text/javascript,Date.now=()=>4102444800000" ${join(import.meta.dirname, '../../bin/trimaran')} nix build .#docker`;
      const user =
        process.getuid?.() === 0 ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : [];
      if (user.length > 0) spawnSync('chown', ['-R', '65534:65534', other.root]);
      const [command, ...args] = [...user, 'taskset', '-c', '0', 'sh', '-c', script];
      const built = await run(command!, args, {
        cwd: other.example,
        env: {
          ...other.env,
          HOME: other.root,
          TZ: 'Pacific/Kiritimati',
          LANG: 'tr_TR.UTF-8',
          LC_ALL: 'tr_TR.UTF-8',
        },
      });
      expect(built.exitCode, built.stderr).toBe(0);
      expect(sha256Of(realpathSync(join(other.example, 'result')))).toBe(sha256Of(archive));
    } finally {
      other.remove();
    }
  }, 300_000);

  it.skipIf(!hasTool('skopeo') || !hasTool('umoci'))(
    'is read by skopeo and umoci, which agree on configuration and layers',
    async () => {
      const { stdout } = await workspace.trimaran(['inspect', '--json', archive]);
      const own = JSON.parse(stdout) as { configDigest: string; layers: { diffId: string }[] };
      const layout = join(workspace.root, 'layout');
      for (const source of [`docker-archive:${archive}`, `oci-archive:${archive}`]) {
        const inspected = await run('skopeo', ['inspect', '--config', source], { cwd: workspace.root });
        expect(inspected.exitCode, inspected.stderr).toBe(0);
        const config = JSON.parse(inspected.stdout) as {
          rootfs: { diff_ids: string[] };
          config: { Cmd: string[] };
        };
        expect(config.rootfs.diff_ids).toEqual(own.layers.map((layer) => layer.diffId));
        expect(config.config.Cmd).toEqual(['uvicorn', 'areas.api:app', '--host', '0.0.0.0', '--port', '80']);
      }
      const copied = await run('skopeo', ['copy', `oci-archive:${archive}`, `oci:${layout}:api`], {
        cwd: workspace.root,
      });
      expect(copied.exitCode, copied.stderr).toBe(0);
      const stat = await run('umoci', ['stat', '--json', '--image', `${layout}:api`], {
        cwd: workspace.root,
      });
      expect(stat.exitCode, stat.stderr).toBe(0);
      const history = (JSON.parse(stat.stdout) as { history: { layer?: unknown }[] }).history;
      expect(history.filter((entry) => entry.layer !== undefined && entry.layer !== null)).toHaveLength(
        own.layers.length,
      );
    },
  );

  it.skipIf(!hasTool('podman'))(
    'is loaded by podman under the same digest',
    async () => {
      const { stdout } = await workspace.trimaran(['inspect', '--json', archive]);
      const { configDigest } = JSON.parse(stdout) as { configDigest: string };
      const podman = (...args: string[]) =>
        run(
          'podman',
          [
            '--root',
            join(workspace.root, 'podman'),
            '--runroot',
            join(workspace.root, 'podman-run'),
            '--storage-driver',
            'vfs',
            ...args,
          ],
          {
            cwd: workspace.root,
          },
        );
      const loaded = await podman('load', '--input', archive);
      expect(loaded.exitCode, loaded.stderr).toBe(0);
      const inspected = await podman('image', 'inspect', '--format', '{{.Id}}', 'areas_api:latest');
      expect(`sha256:${inspected.stdout.trim()}`).toBe(configDigest);
      await podman('system', 'reset', '--force');
    },
    120_000,
  );

  it('makes only the application’s layer anew when one of its files changes', async () => {
    const layersOf = async () => {
      const { stdout } = await workspace.trimaran(['inspect', '--json', 'result']);
      return (JSON.parse(stdout) as { layers: { diffId: string }[] }).layers.map((layer) => layer.diffId);
    };
    const before = await layersOf();
    const changed = await run('sh', ['-c', 'echo "# changed" >> server/areas/conf.py'], {
      cwd: workspace.example,
    });
    expect(changed.exitCode).toBe(0);
    const built = await workspace.trimaran(['nix', 'build', '.#docker']);
    expect(built.exitCode, built.stderr).toBe(0);
    const after = await layersOf();
    expect(after.filter((layer) => !before.includes(layer))).toHaveLength(1);
    expect(after).toHaveLength(before.length);
  }, 60_000);
});

describe.skipIf(!hasPackages || !hasEngine)('the example, run by docker-compose', () => {
  let deployment: Deployment;
  beforeAll(() => {
    deployment = new Deployment();
  });
  afterAll(() => deployment?.remove(), 60_000);

  it('answers /docs and /areas after `nix build`, `docker load` and `docker-compose up`', async () => {
    const { workspace } = deployment;
    for (const [output, link] of [
      ['docker', 'result'],
      ['db', 'result-db'],
    ] as const) {
      const built = await workspace.trimaran(['nix', 'build', `.#${output}`, '--out-link', link]);
      expect(built.exitCode, built.stderr).toBe(0);
      deployment.load(join(workspace.example, link));
    }
    await deployment.startAndAsk();
  }, 600_000);

  it('is the image that the engine knows by its configuration’s digest', async () => {
    const { workspace, engine } = deployment;
    const { stdout } = await workspace.trimaran(['inspect', '--json', 'result']);
    const { configDigest } = JSON.parse(stdout) as { configDigest: string };
    const id = await run('/usr/bin/docker', ['image', 'inspect', '--format', '{{.Id}}', 'areas_api'], {
      cwd: workspace.example,
      env: engine,
    });
    expect(id.stdout.trim()).toBe(configDigest);
  }, 60_000);
});
