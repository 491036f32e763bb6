// The example from its Dockerfiles, on a base made of Debian packages: built by real engines, each package from the
// locked release, nothing from the network.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { answerOf, dockerHost, hasEngine, hasPackages, hasTool, run, Workspace } from './workspace.ts';

const cache = process.env.TRIMARAN_TEST_DEBIAN_CACHE;
/** Whether what apt asks for has been fetched too: release files and packages that only Dockerfiles install. */
const hasAptFiles = process.env.CI === 'true' || (cache !== undefined && existsSync(join(cache, 'apt')));

interface Built {
  readonly configDigest: string;
  readonly archive: string;
}

describe.skipIf(!hasPackages || !hasEngine || !hasAptFiles)('the example, built from its Dockerfiles', () => {
  let workspace: Workspace;
  const env = { DOCKER_HOST: dockerHost ?? '' };

  async function build(service: string, engine: string): Promise<Built> {
    const args = ['build', '-p', 'areas', '--recipe', 'dockerfile', '--engine', engine];
    const ended = await workspace.trimaran([...args, '--no-cache', '--no-load', '--json', service], { env });
    expect(ended.exitCode, ended.stderr).toBe(0);
    return (JSON.parse(ended.stdout) as Built[])[0]!;
  }

  beforeAll(() => {
    workspace = new Workspace();
  });
  afterAll(() => workspace?.remove());

  it('gives the same image by docker and by buildah, each from nothing', async () => {
    const docker = await build('api', 'docker');
    const described = await workspace.trimaran(['inspect', '--json', docker.archive]);
    const { layers, config } = JSON.parse(described.stdout) as {
      layers: unknown[];
      config: { Cmd: string[]; WorkingDir: string };
    };
    expect(layers).toHaveLength(3);
    expect(config).toMatchObject({
      Cmd: ['uvicorn', 'areas.api:app', '--host', '0.0.0.0', '--port', '80'],
      WorkingDir: '/app',
    });
    if (hasTool('buildah')) expect((await build('api', 'buildah')).configDigest).toBe(docker.configDigest);
    else expect((await build('api', 'docker')).configDigest).toBe(docker.configDigest);
  }, 900_000);

  it('answers /docs', async () => {
    const built = await workspace.trimaran(
      ['build', '-p', 'areas', '--recipe', 'dockerfile', '--engine', 'docker', 'api'],
      { env },
    );
    expect(built.exitCode, built.stderr).toBe(0);
    const docker = (...args: string[]) => run('/usr/bin/docker', args, { cwd: workspace.root, env });
    const started = await docker('run', '--rm', '-d', '-p', '127.0.0.1::80', 'areas_api');
    expect(started.exitCode, started.stderr).toBe(0);
    const container = started.stdout.trim();
    try {
      const port = await docker('port', container, '80');
      expect(await answerOf(`http://${port.stdout.trim()}/docs`)).toContain('swagger-ui');
    } finally {
      await docker('rm', '-f', container);
    }
  }, 600_000);

  it('names the file and the cause when a step makes other bytes each time', async () => {
    const project = join(workspace.root, 'drifting');
    mkdirSync(join(project, 'web'), { recursive: true });
    writeFileSync(join(project, 'docker-compose.yml'), 'services:\n  web:\n    build: web\n');
    writeFileSync(
      join(project, 'web/Dockerfile'),
      'FROM debian:bookworm\nRUN date > /built; head -c 20 /dev/urandom > /random; echo same > /same\n',
    );
    writeFileSync(join(project, 'trimaran.lock'), await lockedRelease());
    const ended = await workspace.trimaran(['verify', '--engine', 'docker', '--json'], { cwd: project, env });
    expect(ended.exitCode, ended.stderr).toBe(1);
    const [web] = JSON.parse(ended.stdout) as {
      difference: { files: { path: string; cause: string }[]; config: string[] };
    }[];
    expect(web!.difference.config).toEqual([]);
    expect(web!.difference.files.map(({ path, cause }) => `${path} ${cause}`)).toEqual([
      'built timestamp',
      'random random',
    ]);
  }, 600_000);

  it('builds here-documents alike where the builder knows none, and remembers the build', async () => {
    const project = join(workspace.root, 'written');
    mkdirSync(join(project, 'web'), { recursive: true });
    writeFileSync(
      join(project, 'docker-compose.yml'),
      'services:\n  web:\n    build: { context: web, args: { WHO: me } }\n',
    );
    writeFileSync(join(project, 'web/file'), 'one\n');
    writeFileSync(
      join(project, 'web/Dockerfile'),
      `# syntax=docker/dockerfile:1
FROM debian:bookworm AS build
ARG WHO
RUN <<EOF
set -e
mkdir /out
echo "$WHO" > /out/by
EOF
FROM debian:bookworm
WORKDIR /srv
COPY --from=build --link /out .
COPY <<-"A" <<B file /srv/
	as $WHO
	A
for \${PATH}
B
SHELL ["/bin/bash", "-euc"]
RUN cat <<'X' > /srv/run
$HOME
X
ENV VERSION=1.2.3
ENV MAJOR=\${VERSION%%.*} OTHER=\${UNSET-none}
COPY file /srv/v\${MAJOR}-\${VERSION#*.}
EXPOSE 8000-8001
CMD cat /srv/by
`,
    );
    writeFileSync(join(project, 'trimaran.lock'), await lockedRelease());
    const make = async (...args: string[]) => {
      const command = ['build', '--no-load', '--json', '--recipe', 'dockerfile', ...args];
      const ended = await workspace.trimaran(command, { cwd: project, env });
      expect(ended.exitCode, ended.stderr).toBe(0);
      return (JSON.parse(ended.stdout) as Built[])[0]!;
    };
    const first = await make('--engine', 'docker', '--no-cache');
    if (hasTool('buildah'))
      expect((await make('--engine', 'buildah', '--no-cache')).configDigest).toBe(first.configDigest);
    const diff = await workspace.trimaran(['inspect', '--json', first.archive]);
    const { layers } = JSON.parse(diff.stdout) as { layers: unknown[] };
    expect(layers.length).toBeGreaterThanOrEqual(4);
    const start = performance.now();
    expect(await make('--engine', 'docker')).toEqual(first);
    const remembered = performance.now() - start;
    writeFileSync(join(project, 'web/file'), 'two\n');
    const changed = performance.now();
    expect((await make('--engine', 'docker')).configDigest).not.toBe(first.configDigest);
    expect(remembered).toBeLessThan(performance.now() - changed);
    writeFileSync(join(project, 'web/file'), 'one\n');
    expect((await make('--engine', 'docker', '--no-cache')).configDigest).toBe(first.configDigest);
  }, 600_000);

  it('takes inherited ARGs, other shells, exec forms and names in capitals alike', async () => {
    const project = join(workspace.root, 'inherited');
    mkdirSync(join(project, 'web'), { recursive: true });
    writeFileSync(join(project, 'docker-compose.yml'), 'services:\n  web:\n    build: web\n');
    writeFileSync(
      join(project, 'web/Dockerfile'),
      `FROM debian:bookworm AS Base
ARG MESSAGE="two words" KEPT=k
RUN ["perl", "-e", "open(F, '>/a'); print F $ENV{MESSAGE}"]
FROM Base AS Next
ARG KEPT
ENV FROM_ARG=$MESSAGE
SHELL ["/usr/bin/env", "bash", "-euc"]
RUN echo "$MESSAGE $KEPT" > /b; [[ -f /a ]]
FROM debian:bookworm
ARG SOURCE_DATE_EPOCH
COPY --from=Next /a /b /from/
COPY --from=Base / /whole
SHELL ["/usr/bin/perl", "-e"]
RUN open(F, ">/time"); print F $ENV{SOURCE_DATE_EPOCH} > 1
`,
    );
    writeFileSync(join(project, 'trimaran.lock'), await lockedRelease());
    const built: (Built & { readonly kind: string })[] = [];
    for (const kind of hasTool('buildah') ? ['docker', 'buildah'] : ['docker', 'docker']) {
      const command = ['build', '--no-load', '--no-cache', '--json', '--recipe', 'dockerfile'];
      const ended = await workspace.trimaran([...command, '--engine', kind], { cwd: project, env });
      expect(ended.exitCode, ended.stderr).toBe(0);
      built.push({ ...(JSON.parse(ended.stdout) as Built[])[0]!, kind });
    }
    expect(built[1]!.configDigest).toBe(built[0]!.configDigest);
    const described = await workspace.trimaran(['inspect', '--json', built[0]!.archive]);
    expect(described.stdout).not.toMatch(/TRIMARAN|APT_CONFIG|MESSAGE=|\|\d /);
  }, 600_000);

  it('holds apt sources over HTTPS to the lock, and leaves nothing of that in the image', async () => {
    const project = join(workspace.root, 'over-tls');
    mkdirSync(join(project, 'web'), { recursive: true });
    writeFileSync(join(project, 'docker-compose.yml'), 'services:\n  web:\n    build: web\n');
    const dockerfile = (scheme: string) => `FROM debian:bookworm AS base
RUN f=/etc/apt/sources.list.d/debian.sources && sed 's,^URIs:.*,URIs: ${scheme}://deb.example.org/debian,' $f > /etc/apt/sources.list.d/own.sources && mv $f /was
FROM base
RUN apt-get update && apt-get install -y --no-install-recommends libexpat1 && mv /was /etc/apt/sources.list.d/debian.sources && rm -r /etc/apt/sources.list.d/own.sources /var/lib/apt/lists/*
FROM scratch
COPY --from=1 / /
`;
    const lock = await lockedRelease();
    writeFileSync(join(project, 'trimaran.lock'), lock);
    const make = async (scheme: string, engine: string) => {
      writeFileSync(join(project, 'web/Dockerfile'), dockerfile(scheme));
      const args = ['build', '--no-load', '--json', '--no-cache', '--engine', engine];
      const ended = await workspace.trimaran(args, { cwd: project, env });
      expect(ended.exitCode, ended.stderr).toBe(0);
      expect(ended.stderr).not.toContain('does not fix');
      return (JSON.parse(ended.stdout) as Built[])[0]!.configDigest;
    };
    const plain = await make('http', 'docker');
    expect(await make('https', 'docker')).toBe(plain);
    if (hasTool('buildah')) expect(await make('https', 'buildah')).toBe(plain);
  }, 600_000);

  it('names what the builder that was asked for does not know', async () => {
    const project = join(workspace.root, 'mounting');
    mkdirSync(join(project, 'web'), { recursive: true });
    writeFileSync(join(project, 'docker-compose.yml'), 'services:\n  web:\n    build: web\n');
    writeFileSync(
      join(project, 'web/Dockerfile'),
      'FROM debian:bookworm\nRUN --mount=type=cache,target=/c true\n',
    );
    const ended = await workspace.trimaran(['build', '--engine', 'docker'], { cwd: project, env });
    expect(ended.exitCode).toBe(4);
    expect(ended.stderr).toMatch(/RUN --mount \[dockerfile\/builder-lacks\][\s\S]*Dockerfile:2:1/);
  });

  /** A lock with the release that was fetched, and nothing else. */
  async function lockedRelease(): Promise<string> {
    const made = await workspace.trimaran(['base', 'debian:bookworm', '--json']);
    expect(made.exitCode, made.stderr).toBe(0);
    const base = JSON.parse(made.stdout) as { timestamp: string; releaseSha256: string };
    return `version: 1
debian:
  bookworm:
    timestamp: ${base.timestamp}
    release-sha256: ${base.releaseSha256}
    components: [main]
    architectures: {}
`;
  }
});

describe.skipIf(!hasPackages || !hasAptFiles)('trimaran base', () => {
  it('makes the same bytes in another store, time zone and umask', async () => {
    const [one, other] = [new Workspace(), new Workspace()];
    try {
      const digests = [];
      for (const [at, workspace] of [one, other].entries()) {
        const script = `umask ${at === 0 ? '022' : '077'}; exec "$@"`;
        const env = { TZ: at === 0 ? 'UTC' : 'Pacific/Kiritimati', LC_ALL: at === 0 ? 'C' : 'tr_TR.UTF-8' };
        const program = join(import.meta.dirname, '../../bin/trimaran');
        const args = [
          '-c',
          script,
          'sh',
          process.execPath,
          program,
          'base',
          'debian:bookworm-slim',
          '--json',
        ];
        const ended = await run('sh', args, { cwd: workspace.example, env: { ...workspace.env, ...env } });
        expect(ended.exitCode, ended.stderr).toBe(0);
        digests.push((JSON.parse(ended.stdout) as { configDigest: string }).configDigest);
      }
      expect(digests[0]).toBe(digests[1]);
    } finally {
      one.remove();
      other.remove();
    }
  }, 300_000);

  it('refuses a name that it knows no packages for', async () => {
    const workspace = new Workspace();
    try {
      const ended = await workspace.trimaran(['base', 'alpine:3.20']);
      expect(ended).toMatchObject({ exitCode: 2, stdout: '' });
      expect(ended.stderr).toContain('base/unknown');
    } finally {
      workspace.remove();
    }
  });
});
