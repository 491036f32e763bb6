// A Dockerfile that clones, installs and starts, against the flake that people wrote for the same image by hand: both
// are evaluated, over a package set that stands in for a real one, and their images compared field by field.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { realHost } from '../src/cli/host.ts';
import { loadComposeProject } from '../src/compose/load.ts';
import { type Host, silentProgress } from '../src/foundation/host.ts';
import { convertRecipe } from '../src/inspect/convert/convert.ts';
import { evaluateNix } from '../src/routes/nix/evaluate.ts';
import { defaultNixSettings } from '../src/routes/nix/settings.ts';
import { hasTool } from './end-to-end/workspace.ts';

/** What flakes for images ask of nixpkgs, as data: nothing is built, and each call shows what it was given. */
const standIn = `{
  outputs = { self }: {
    legacyPackages.x86_64-linux = {
      dockerTools.buildImage = { name, tag ? null, config ? { }, copyToRoot ? null }: {
        inherit name tag config copyToRoot;
      };
      buildEnv = { name, paths }: { inherit paths; };
      linkFarm = name: entries: { inherit entries; };
      writeText = name: text: { inherit name text; };
      python3.withPackages = choose: {
        python = choose (builtins.listToAttrs (map (name: { inherit name; value = name; }) [
          "asyncpg" "fastapi" "itsdangerous" "pyjwt" "requests-oauthlib" "uvicorn"
        ]));
      };
    };
  };
}
`;

const dockerfile = (url: string) => `FROM python:3.11

RUN git clone \\
    --depth=1 \\
    --single-branch \\
    -b v0.30.0 \\
    ${url} /app
WORKDIR /app
RUN pip install --upgrade pip
RUN pip install -r /app/requirements.dev.txt
RUN pip install -r /app/requirements.doc.txt

CMD ["uvicorn", "damn_server.api:app", "--host", "0.0.0.0", "--port", "80"]
`;

const byHand = (url: string) => `{
  inputs.damn-server = {
    url = "git+${url}";
    flake = false;
  };

  outputs = {self, nixpkgs, damn-server}: let
    system = "x86_64-linux";
    pkgs = nixpkgs.legacyPackages.\${system};
  in
  {
    docker = pkgs.dockerTools.buildImage {
      name = "damn-docker-nix-guix_api";
      tag = "latest";
      config = {
        Cmd = [
          "uvicorn"
          "damn_server.api:app"
          "--host" "0.0.0.0"
          "--port" "80"
        ];
        WorkingDir = damn-server;
        ExposedPorts = {
          "80/tcp" = {};
        };
      };
      copyToRoot = pkgs.buildEnv {
        name = "run-damn-server";
        paths = [
          (pkgs.python3.withPackages
            (pypkgs: with pypkgs; [
              uvicorn
              fastapi
              pyjwt
              requests-oauthlib
              itsdangerous
              asyncpg]))
        ];
      };
    };
  };
}
`;

interface ImageArguments {
  readonly name: string;
  readonly tag: string;
  readonly config: Record<string, unknown>;
  readonly copyToRoot: { readonly paths: readonly { readonly python?: readonly string[] }[] };
}

describe.skipIf(!hasTool('git'))('a Dockerfile converted to a flake', () => {
  let root: string;
  let host: Host;
  const git = (...args: readonly string[]) => {
    const ended = spawnSync('git', ['-c', 'user.name=x', '-c', 'user.email=x@y', ...args], {
      cwd: join(root, 'damn-server'),
      encoding: 'utf8',
    });
    if (ended.status !== 0) throw new Error(ended.stderr);
  };
  const file = (path: string, text: string) => {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  const evaluate = async (folder: string, attribute: string) =>
    JSON.parse(
      await evaluateNix({
        host: { ...host, cwd: join(root, folder) },
        installable: `path:.#${attribute}`,
        settings: {
          ...defaultNixSettings,
          writeLockFile: false,
          overrideInputs: new Map([['nixpkgs', `path:${root}/stand-in`]]),
        },
        form: 'json',
      }),
    ) as ImageArguments;

  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'trimaran-conversion-'));
    host = {
      ...realHost(silentProgress),
      cwd: root,
      env: { PATH: process.env.PATH, HOME: root, XDG_CACHE_HOME: join(root, 'cache') },
    };
    file('stand-in/flake.nix', standIn);
    file(
      'damn-server/requirements.dev.txt',
      'uvicorn\nfastapi\npyjwt\nrequests-oauthlib\n-r requirements.db.txt\n',
    );
    file('damn-server/requirements.doc.txt', 'itsdangerous\n');
    file('damn-server/requirements.db.txt', 'asyncpg>=0.27\n');
    file('damn-server/damn_server/api.py', 'app = None\n');
    git('init', '-q', '-b', 'master');
    git('add', '.');
    git('commit', '-q', '-m', 'Start');
    git('tag', 'v0.30.0');
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  it('gives the image of the flake written by hand, field by field', async () => {
    const url = `file://${root}/damn-server`;
    file(
      'damn-docker-nix-guix/docker-compose.yml',
      'services:\n  api:\n    build: server\n    ports: ["8000:80"]\n    working_dir: /app\n',
    );
    file('damn-docker-nix-guix/server/Dockerfile', dockerfile(url));
    file('by-hand/flake.nix', byHand(url));
    const project = await loadComposeProject({
      directory: join(root, 'damn-docker-nix-guix'),
      environment: {},
    });
    const converted = await convertRecipe({ host, project, service: 'api', to: 'nix' });
    expect(converted).toMatchObject({ from: 'dockerfile', set: 'nixpkgs', command: 'nix build .#api' });
    writeFileSync(converted.files[0]!.path, converted.files[0]!.text);
    const made = await evaluate('damn-docker-nix-guix', 'api');
    const wanted = await evaluate('by-hand', 'docker');
    expect(Object.keys(wanted.config).sort()).toEqual(['Cmd', 'ExposedPorts', 'WorkingDir']);
    expect(wanted.config.WorkingDir).toMatch(/^\/nix\/store\/[0-9a-z]{32}-source$/);
    expect(made.config).toEqual(wanted.config);
    expect([made.name, made.tag]).toEqual([wanted.name, wanted.tag]);
    const python = ({ copyToRoot }: ImageArguments) =>
      copyToRoot.paths.flatMap((path) => path.python ?? []).toSorted();
    expect(python(made)).toEqual(python(wanted));
    // The one thing to change in the compose file is said, as the author of the other did in his.
    expect(converted.remarks.map(({ value }) => value).join('\n')).toMatch(/remove it, the image's own/);
    expect(readFileSync(converted.files[0]!.path, 'utf8')).toContain('working_dir: /app');
  }, 60_000);

  it('comes from a manifest as well, whose links make the root look like the source', async () => {
    const url = `file://${root}/damn-server`;
    const names = ['uvicorn', 'fastapi', 'pyjwt', 'requests-oauthlib', 'itsdangerous', 'asyncpg'];
    file(
      'by-guix/manifest.scm',
      `(define damn-server
  (package
    (name "damn-server")
    (version "v0.30.0")
    (source
      (origin
        (method git-fetch)
        (uri (git-reference (url "${url}") (commit version)))
        (sha256 (base32 "${'0'.repeat(52)}"))))
    (build-system copy-build-system)
    (arguments '(#:install-plan '(("." "."))))
    (synopsis "server") (description "server") (home-page "") (license #f)))
(concatenate-manifests
  (list (specifications->manifest (list "python" ${names.map((name) => `"python-${name}"`).join(' ')}))
        (packages->manifest (list damn-server))))
`,
    );
    const pack = `guix time-machine -C channels.scm -- pack -m manifest.scm -f docker
      --image-tag=damn-docker-nix-guix_api --entry-point=bin/uvicorn -A damn_server.api:app
      -A --host -A 0.0.0.0 -A --port -A 80 -S /damn_server=damn_server`;
    file(
      'by-guix/docker-compose.yml',
      `services:\n  api:\n    image: damn-docker-nix-guix_api\n    ports: ["8000:80"]\nx-trimaran:\n  api:\n    guix: >-\n      ${pack}\n`,
    );
    const project = await loadComposeProject({ directory: join(root, 'by-guix'), environment: {} });
    const converted = await convertRecipe({
      host,
      project,
      service: 'api',
      from: 'guix',
      to: 'nix',
      set: 'nixpkgs',
    });
    writeFileSync(converted.files[0]!.path, converted.files[0]!.text);
    file('by-hand/flake.nix', byHand(url));
    const wanted = await evaluate('by-hand', 'docker');
    expect((await evaluate('by-guix', 'api')).config).toEqual(wanted.config);
  }, 60_000);

  it('asks a tree that the project has pinned, or that is named, and leaves out what that has not', async () => {
    file(
      'tree/flake.nix',
      `{ outputs = { self }: { legacyPackages.x86_64-linux = {
          python3 = { version = "3.11.6"; };
          python3Packages = { flask = { version = "2.2.5"; }; broken = throw "removed"; };
          curl = { version = "8.4.0"; };
          nodejs = { version = "18.18.2"; };
        }; }; }`,
    );
    file('pinned/docker-compose.yml', 'services:\n  web:\n    build: .\n');
    file(
      'pinned/Dockerfile',
      `FROM node:20-slim
RUN apt-get install -y curl libpq5 && pip install Flask==2.3.* broken
CMD ["flask", "run"]
`,
    );
    const project = await loadComposeProject({ directory: join(root, 'pinned'), environment: {} });
    const named = await convertRecipe({ host, project, service: 'web', to: 'nix', set: `path:${root}/tree` });
    expect(named.files[0]!.text).toContain(`inputs.nixpkgs.url = "path:${root}/tree";`);
    const locked = { type: 'path', path: `${root}/tree` };
    file(
      'pinned/flake.lock',
      JSON.stringify({
        nodes: { root: { inputs: { nixpkgs: 'tree' } }, tree: { locked, original: locked } },
        root: 'root',
        version: 7,
      }),
    );
    const pinned = await convertRecipe({ host, project, service: 'web', to: 'nix', set: 'nixpkgs' });
    expect(pinned.files[0]!.text).not.toContain('inputs.nixpkgs');
    for (const { versions, remarks, files } of [named, pinned]) {
      expect(versions).toEqual([
        { name: 'Flask', asked: '==2.3.*', has: '2.2.5' },
        { name: 'nodejs', asked: '==20.*', has: '18.18.2' },
      ]);
      const told = remarks.map(({ value }) => value).join('\n');
      expect(told).toMatch(/has no libpq5$/m);
      expect(told).toMatch(/has no broken$/m);
      expect(told).not.toMatch(/not looked up/);
      expect(files[0]!.text).toMatch(/^ +flask\]\)\)\n +pkgs\.curl\n +pkgs\.nodejs\n +\];/m);
    }
    file('pinned/flake.lock', '{}');
    const unasked = await convertRecipe({ host, project, service: 'web', to: 'nix', set: 'nixpkgs' });
    expect(unasked.remarks.map(({ value }) => value).join('\n')).toMatch(/were not looked up; .*flake\.lock/);
    for (const [to, set] of [
      ['nix', 'guix'],
      ['guix', 'nixpkgs'],
    ] as const)
      await expect(convertRecipe({ host, project, service: 'web', to, set })).rejects.toMatchObject({
        code: 'convert/wrong-set',
      });
    const misspelt = convertRecipe({ host, project, service: 'web', to: 'nix', set: 'debain:x' });
    await expect(misspelt).rejects.toMatchObject({ code: 'flake/unsupported-reference' });
  }, 60_000);

  it('carries variables, labels, ports, the health check and texts into the configuration', async () => {
    file('other/docker-compose.yml', 'services:\n  web:\n    build: .\n');
    file(
      'other/Dockerfile',
      `FROM debian:bookworm-slim
ARG NAME=world
ENV GREETING="hello \${NAME}" COST='$5' PATH=/opt/bin:$PATH
LABEL org.example.kind="a \\"test\\""
COPY <<EOF /etc/motd
Welcome
EOF
EXPOSE 8000-8001 53/udp
VOLUME ["/data"]
USER 1000:1000
WORKDIR /srv
WORKDIR www
STOPSIGNAL SIGINT
HEALTHCHECK --interval=30s --retries=2 CMD ["check", "--now"]
ENTRYPOINT ["serve"]
CMD run "$GREETING"
`,
    );
    const project = await loadComposeProject({ directory: join(root, 'other'), environment: {} });
    const converted = await convertRecipe({ host, project, service: 'web', to: 'nix', set: 'nixpkgs' });
    // What stands for a shell's tools is not asked for here.
    const text = converted.files[0]!.text.replace(/^ *pkgs\.[\w-]+$\n/gm, '');
    writeFileSync(converted.files[0]!.path, text);
    const { config, copyToRoot } = await evaluate('other', 'web');
    expect(config).toEqual({
      Entrypoint: ['serve'],
      Cmd: ['/bin/sh', '-c', 'run "$GREETING"'],
      WorkingDir: '/srv/www',
      Env: [
        'GREETING=hello world',
        'COST=$5',
        'PATH=/opt/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      ],
      User: '1000:1000',
      ExposedPorts: { '8000/tcp': {}, '8001/tcp': {}, '53/udp': {} },
      Volumes: { '/data': {} },
      Labels: { 'org.example.kind': 'a "test"' },
      StopSignal: 'SIGINT',
      Healthcheck: { Test: ['CMD', 'check', '--now'], Interval: 30_000_000_000, Retries: 2 },
    });
    expect(copyToRoot.paths).toContainEqual({
      entries: [{ name: 'etc/motd', path: { name: 'motd', text: 'Welcome\n' } }],
    });
  }, 60_000);
});
