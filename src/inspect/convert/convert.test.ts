// biome-ignore-all lint/suspicious/noTemplateCurlyInString: recipes have variables
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadComposeProject } from '../../compose/load.ts';
import type { Host } from '../../foundation/host.ts';
import { silentProgress } from '../../foundation/host.ts';
import { convertRecipe } from './convert.ts';
import { readDockerfile } from './read-dockerfile.ts';
import { readFlake } from './read-flake.ts';
import { readManifest } from './read-manifest.ts';
import { parseRequirements } from './requirements-file.ts';
import { versionFits } from './version-fits.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'trimaran-convert-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Reaches nobody: no git, no network. */
const host = (): Host => ({
  env: { XDG_CACHE_HOME: join(folder, 'cache') },
  cwd: folder,
  fetch: () => Promise.reject(new Error('no network')),
  now: () => 0,
  run: () => Promise.reject(new Error('no processes')),
  which: () => undefined,
  progress: silentProgress,
});

/** The recipes that people wrote by hand for one image. */
const handWritten = {
  dockerfile: `FROM python:3.11

RUN git clone \\
    --depth=1 \\
    --single-branch \\
    -b v0.30.0 \\
    https://git.sr.ht/~qeef/damn-server /app
WORKDIR /app
RUN pip install --upgrade pip
RUN pip install -r /app/requirements.dev.txt

CMD ["uvicorn", "damn_server.api:app", "--host", "0.0.0.0", "--port", "80"]
`,
  flake: `{
  inputs.damn-server = {
    url = "git+https://git.sr.ht/~qeef/damn-server";
    flake = false;
  };
  outputs = {self, nixpkgs, damn-server}: let
    system = "x86_64-linux";
    pkgs = nixpkgs.legacyPackages.\${system};
  in
  {
    docker = pkgs.dockerTools.buildImage {
      name = "project_api";
      config = {
        Cmd = [ "uvicorn" "damn_server.api:app" "--host" "0.0.0.0" "--port" "80" ];
        WorkingDir = damn-server;
        ExposedPorts = { "80/tcp" = {}; };
      };
      copyToRoot = pkgs.buildEnv {
        name = "run-damn-server";
        paths = [ (pkgs.python3.withPackages (pypkgs: with pypkgs; [ uvicorn fastapi ])) pkgs.bash ];
      };
    };
  };
}
`,
  manifest: `(define damn-server
  (package
    (name "damn-server")
    (version "v0.30.0")
    (source
      (origin
        (method git-fetch)
        (uri (git-reference (url "https://git.sr.ht/~qeef/damn-server") (commit version)))
        (sha256 (base32 "06wdh66phmccllf9m085br5zld773663w9bnkbfq45yihb3a88ws"))))
    (build-system copy-build-system)
    (arguments '(#:install-plan '(("." "."))))))
(concatenate-manifests
  (list (specifications->manifest (list "python" "python-uvicorn"))
        (packages->manifest (list damn-server))))
`,
  pack: `guix time-machine -C channels.scm -- pack -m manifest.scm -f docker --image-tag=project_api
    --entry-point=bin/uvicorn -A 'damn_server.api:app' -A '--port' -A '80' -S /damn_server=damn_server`,
};

const wanted = { isWanted: () => true };
const seen = (needs: ReturnType<typeof readFlake>) => ({
  command: needs?.command?.value,
  ports: needs?.ports.map(({ value }) => value),
  works: needs?.workingDirectory?.value.kind === 'source' ? needs.workingDirectory.value.source : undefined,
});

async function project(files: Readonly<Record<string, string>>) {
  const directory = mkdtempSync(join(folder, 'project-'));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(directory, name, '..'), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
  return loadComposeProject({ directory, environment: {}, projectName: 'project' });
}

describe('convertRecipe', () => {
  it('makes the flake that people wrote by hand, field by field, from the Dockerfile', async () => {
    const compose = 'services:\n  api:\n    build: server\n    ports: ["8000:80"]\n    working_dir: /app\n';
    const result = await convertRecipe({
      host: host(),
      project: await project({ 'docker-compose.yml': compose, 'server/Dockerfile': handWritten.dockerfile }),
      service: 'api',
      to: 'nix',
    });
    expect(result).toMatchObject({ from: 'dockerfile', set: 'nixpkgs', command: 'nix build .#api' });
    const flake = { file: 'flake.nix', directory: '/p', ...wanted };
    const made = readFlake({ ...flake, text: result.files[0]!.text });
    const byHand = readFlake({ ...flake, text: handWritten.flake });
    expect(made?.imageName).toBe('project_api');
    expect(seen(made)).toEqual({ ...seen(byHand), works: { ...seen(byHand).works, ref: 'v0.30.0' } });
    // What could not be carried over is told twice: in the result and in the report.
    for (const { value } of result.remarks) expect(result.files[0]!.text).toContain(value);
    expect(result.remarks.map(({ value }) => value).join('\n')).toMatch(
      /requirements\.dev\.txt could not be read/,
    );
    expect(result.remarks.map(({ value }) => value).join('\n')).toMatch(/working_dir: \/app/);
    expect(made?.requirements.map(({ value }) => value.name)).toContain('uvicorn');
  });

  it('makes a manifest with its command, and says what Guix cannot', async () => {
    const result = await convertRecipe({
      host: host(),
      project: await project({
        'docker-compose.yml': 'services:\n  api:\n    build: server\n',
        'server/Dockerfile':
          'FROM debian:trixie-slim\nCOPY . /app\nWORKDIR /app\nENV A=b\nUSER 1000\nEXPOSE 80\nRUN make it\nCMD ["uvicorn", "it\'s"]\n',
        'server/areas/api.py': '',
      }),
      service: 'api',
      to: 'guix',
      set: 'guix',
    });
    expect(result.command).toBe(
      "guix pack -m manifest.scm -f docker --image-tag=project_api --entry-point=bin/uvicorn -A 'it'\\''s' -S /app=app -S /areas=app/areas",
    );
    const made = readManifest({
      text: result.files[0]!.text,
      file: 'manifest.scm',
      path: '/p/manifest.scm',
      command: { value: result.command, span: { file: 'x', line: 1, column: 1 } },
    });
    expect(made.command?.value).toEqual(['uvicorn', "it's"]);
    expect(made.sources.map(({ value }) => value)).toMatchObject([{ kind: 'local', path: '/p/server' }]);
    const told = result.remarks.map(({ value, span }) => `${span.line} ${value}`).join('\n');
    for (const pattern of [/^7 RUN make it$/m, /no working directory/, /no ports/, /no variables/, /no user/])
      expect(told).toMatch(pattern);
  });

  it('says the whole configuration in the options of its own pack, on its own channel', async () => {
    const result = await convertRecipe({
      host: host(),
      project: await project({
        'docker-compose.yml': 'services:\n  api:\n    build: server\n',
        'server/Dockerfile':
          'FROM debian:trixie-slim\nCOPY . /app\nWORKDIR /app\nENV A="b c"\nUSER 1000:1\nEXPOSE 53/udp\nLABEL x=y\nVOLUME /v\nHEALTHCHECK CMD x\nCMD ["uvicorn"]\n',
        'server/areas/api.py': '',
      }),
      service: 'api',
      to: 'guix',
      set: 'debian:trixie',
    });
    const span = { file: 'x', line: 1, column: 1 };
    const made = readManifest({
      text: result.files[0]!.text,
      file: 'manifest.scm',
      path: '/p/manifest.scm',
      command: { value: result.command, span },
    });
    expect(made).toMatchObject({
      workingDirectory: { value: { kind: 'path', path: '/app' } },
      environment: [{ value: ['A', 'b c'] }],
      user: { value: '1000:1' },
      ports: [{ value: '53/udp' }],
      labels: [{ value: ['x', 'y'] }],
    });
    const told = result.remarks.map(({ value }) => value).join('\n');
    expect(told).toMatch(/--workdir, --env, --user, --expose, --label are options of Trimaran's guix pack/);
    expect(told).toMatch(/no health check[\s\S]*no volumes/);
    expect(told).not.toMatch(/no working directory|no variables/);
  });

  it('makes a Dockerfile that reads back as what the flake says', async () => {
    const result = await convertRecipe({
      host: host(),
      project: await project({
        'docker-compose.yml': 'services:\n  api:\n    image: project_api\n',
        'flake.nix': handWritten.flake,
      }),
      service: 'api',
      to: 'dockerfile',
    });
    const needs = await readDockerfile({
      text: result.files[0]!.text,
      file: 'Dockerfile',
      context: '/p',
      readSourceFile: () => Promise.resolve(undefined),
    });
    const byHand = readFlake({ text: handWritten.flake, file: 'f', directory: '/p', ...wanted });
    expect(needs.command?.value).toEqual(byHand?.command?.value);
    expect(needs.ports.map(({ value }) => value)).toEqual(['80/tcp']);
    expect(needs.workingDirectory?.value).toMatchObject({ kind: 'source', source: { kind: 'git' } });
    expect(needs.requirements.map(({ value }) => value.name)).toEqual(
      expect.arrayContaining(['uvicorn', 'fastapi']),
    );
  });

  const beside = {
    'docker-compose.yml': 'services:\n  api:\n    build: .\n',
    Dockerfile: `FROM debian:trixie
RUN useradd -u 1500 app
WORKDIR /srv/it
COPY main.py helper.py ./
COPY lib ./lib
COPY conf/a.ini /srv/it/a.ini
COPY --chmod=755 <<E /usr/local/bin/start
#!/bin/sh
exec python3 main.py
E
VOLUME ["/a b"]
LABEL price="5 \\$"
USER app
CMD ["start"]
`,
    'main.py': '',
    'helper.py': '',
    'lib/x.py': '',
    'conf/a.ini': '',
  };
  const seenSources = (needs: ReturnType<typeof readFlake>, directory: string) =>
    needs?.sources
      .map(({ value }) => ({
        ...value,
        ...(value.kind === 'local' ? { path: value.path.slice(directory.length + 1) } : {}),
      }))
      .sort((a, b) => (a.target! < b.target! ? -1 : 1));

  it('keeps files that find each other together, there and back', async () => {
    const at = await project(beside);
    const { directory } = at;
    const read = (text: string) =>
      readDockerfile({
        text,
        file: 'Dockerfile',
        context: directory,
        readSourceFile: () => Promise.resolve(undefined),
      });
    const given = await read(beside.Dockerfile);
    const wantedSources = seenSources(given, directory);
    const convert = (to: 'nix' | 'guix' | 'dockerfile', from: 'nix' | 'dockerfile') =>
      convertRecipe({
        ...{ host: host(), project: at, service: 'api', to, from },
        set: to === 'guix' ? 'guix' : 'nixpkgs',
      });
    const toldBy = ({ remarks }: Awaited<ReturnType<typeof convert>>) =>
      remarks.map(({ value }) => value).join('\n');
    const flake = await convert('nix', 'dockerfile');
    const flakeText = flake.files[0]!.text;
    expect(flakeText).toContain('{ name = "srv/it/main.py"; path = "${files}/main.py"; }');
    expect(toldBy(flake)).toMatch(/\/srv\/it\/a\.ini are links to objects of the store that lie apart/);
    const made = readFlake({ text: flakeText, file: 'f', directory, ...wanted });
    expect(seenSources(made, directory)).toEqual(wantedSources);
    expect(made?.user?.value).toBe('1500');
    const manifest = await convert('guix', 'dockerfile');
    const packed = readManifest({
      text: manifest.files[0]!.text,
      file: 'm',
      path: join(directory, 'manifest.scm'),
      command: { value: manifest.command, span: { file: 'x', line: 1, column: 1 } },
    });
    expect(seenSources(packed, directory)).toEqual(wantedSources);
    expect(packed).toMatchObject({ workingDirectory: undefined, rootFolder: { value: '/srv/it' } });
    // The root has a name of its own for `lib`, which is said.
    expect(toldBy(manifest)).toMatch(/links \/lib to what lies in \/srv\/it/);
    writeFileSync(join(directory, 'flake.nix'), flakeText);
    const back = await convert('dockerfile', 'nix');
    const again = await read(back.files[0]!.text);
    expect(seenSources(again, directory)).toEqual(wantedSources);
    for (const key of ['volumes', 'labels'] as const)
      expect(again[key].map(({ value }) => value)).toEqual(given[key].map(({ value }) => value));
  });

  it('starts in the folder that compose mounts, not in a copy of it', async () => {
    const at = await project({
      'docker-compose.yml': 'services:\n  api:\n    build: .\n    volumes: [".:/app"]\n',
      Dockerfile: 'FROM python:3\nWORKDIR /app\nCOPY . .\nCMD ["python", "main.py"]\n',
      'main.py': '',
    });
    const result = await convertRecipe({ host: host(), project: at, service: 'api', to: 'nix' });
    expect(result.files[0]!.text).toContain('WorkingDir = "/app";');
    expect(result.files[0]!.text).toContain('{ name = "app"; path = ./.; }');
  });

  it('says that a program may be the base image’s own', async () => {
    const told = async (dockerfile: string) => {
      const compose = beside['docker-compose.yml'];
      const at = await project({ 'docker-compose.yml': compose, Dockerfile: dockerfile });
      const { remarks } = await convertRecipe({ host: host(), project: at, service: 'api', to: 'nix' });
      return remarks.map(({ value }) => value).filter((value) => value.startsWith('the program'));
    };
    expect(await told('FROM alpine\nRUN apk add tzdata\nCMD ["crond", "-f"]\n')).toHaveLength(1);
    expect(await told('FROM node:20\nCMD ["node", "a.js"]\n')).toEqual([]);
    expect(await told('FROM python:3\nRUN pip install Flask\nCMD ["flask", "run"]\n')).toEqual([]);
    expect(await told('FROM python:3\nCMD ["python", "a.py"]\n')).toEqual([]);
  });

  it('refuses a service without another recipe, by name', async () => {
    const at = await project({ 'docker-compose.yml': 'services:\n  api:\n    image: x\n' });
    await expect(
      convertRecipe({ host: host(), project: at, service: 'api', to: 'nix' }),
    ).rejects.toMatchObject({
      code: 'convert/no-recipe',
    });
    await expect(
      convertRecipe({ host: host(), project: at, service: 'no', to: 'nix' }),
    ).rejects.toMatchObject({
      code: 'compose/unknown-service',
    });
  });
});

describe('readManifest', () => {
  it('reads packages, sources and the command, with places', () => {
    const needs = readManifest({
      text: handWritten.manifest,
      file: 'manifest.scm',
      path: '/p/manifest.scm',
      command: { value: handWritten.pack, span: { file: 'docker-compose.yml', line: 9, column: 5 } },
    });
    expect(needs.requirements.map(({ value, span }) => [value.name, span.line])).toEqual([
      ['python', 13],
      ['python-uvicorn', 13],
    ]);
    expect(needs.sources[0]).toMatchObject({
      value: { kind: 'git', url: 'https://git.sr.ht/~qeef/damn-server', ref: 'v0.30.0' },
      span: { line: 2 },
    });
    expect(needs.command).toMatchObject({
      value: ['uvicorn', 'damn_server.api:app', '--port', '80'],
      span: { line: 9 },
    });
  });
});

it('reads a pack command that names its packages itself', async () => {
  const compose = `services:\n  web:\n    image: web\nx-trimaran:\n  web:\n    guix: guix pack -f docker --image-tag=web -C gzip bash python-uvicorn@0.17 --entry-point=bin/bash -A -c -A true\n`;
  const result = await convertRecipe({
    host: host(),
    project: await project({ 'docker-compose.yml': compose }),
    service: 'web',
    to: 'dockerfile',
    set: 'nixpkgs',
  });
  expect(result.from).toBe('guix');
  const text = result.files[0]!.text;
  expect(text).toContain('        bash \\');
  expect(text).toContain('pip install --no-cache-dir uvicorn');
  expect(text).toContain('CMD ["bash", "-c", "true"]');
});

describe('links of a pack command', () => {
  const read = (plan: string, ...links: string[]) =>
    readManifest({
      text: `(packages->manifest (list (package (name "s") (source (local-file "server" "s"))
        (arguments '(#:install-plan '(${plan}))))))`,
      file: 'manifest.scm',
      path: '/p/manifest.scm',
      command: {
        value: `guix pack -m manifest.scm ${links.map((link) => `-S ${link}`).join(' ')}`,
        span: { file: 'x', line: 1, column: 1 },
      },
    });
  it.each([
    ['("areas" "areas")', ['/areas=areas'], [['/p/server', undefined]], true],
    ['("." "app/")', ['/app=app', '/areas=app/areas'], [['/p/server', '/app']], true],
    ['("." "app/")', ['/srv=app'], [['/p/server', '/srv']], false],
    ['("src" "share/")', ['/opt/x=share/src/y'], [['/p/server/src/y', '/opt/x']], false],
    [
      '("a/b" "c")',
      ['/d=c', '/e=c/f'],
      [
        ['/p/server/a/b', '/d'],
        ['/p/server/a/b/f', '/e'],
      ],
      false,
    ],
    ['("." ".")', [], [['/p/server', undefined]], false],
  ])('%s with %j', (plan, links, sources, isRoot) => {
    const needs = read(plan, ...links);
    expect(needs.sources.map(({ value }) => [value.kind === 'local' && value.path, value.target])).toEqual(
      sources,
    );
    expect(needs.rootSource !== undefined).toBe(isRoot);
    expect(needs.workingDirectory).toBeUndefined();
  });
});

describe('readFlake', () => {
  it('gives nothing for text that is no flake, and remarks for what is not plain', () => {
    const flake = { file: 'flake.nix', directory: '/p', ...wanted };
    expect(readFlake({ ...flake, text: '{ outputs = ' })).toBeUndefined();
    expect(readFlake({ ...flake, text: '{ }' })).toBeUndefined();
    const odd = readFlake({
      ...flake,
      text: '{ outputs = { nixpkgs, ... }: { a = nixpkgs.buildImage { name = "x"; runAsRoot = "y"; config = f 1; copyToRoot = g 2; }; }; }',
    });
    expect(odd?.remarks.map(({ value }) => value)).toHaveLength(3);
  });
});

describe('a flake of another style', () => {
  const text = `{
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-24.05";
  inputs.app-src = { url = "github:me/app/v2"; flake = false; };
  outputs = { self, nixpkgs, flake-utils, app-src, ... }@inputs:
    flake-utils.lib.eachDefaultSystem (system:
      let
        pkgs = import nixpkgs { inherit system; };
        port = "8080";
        env = pkgs.python311.withPackages (ps: [ ps.flask ps.gunicorn ]);
        start = pkgs.writeShellScriptBin "start" "exec true";
        common = { Labels."org.example" = "x"; };
      in rec {
        packages.image = pkgs.dockerTools.buildLayeredImage {
          name = "ghcr.io/me/web";
          tag = self.rev or "dev";
          fromImage = base;
          contents = with pkgs; [ env start cacert ] ++ [ coreutils ];
          config = common // {
            Entrypoint = [ "\${pkgs.tini}/bin/tini" "--" ];
            Cmd = [ "\${start}/bin/start" ];
            Env = [ "PORT=\${port}" "CERT=\${pkgs.cacert}/x" ];
            ExposedPorts."\${port}/tcp" = { };
            WorkingDir = "\${app-src}/web";
          };
        };
      });
}`;

  it('is read as far as its words are plain, and the rest is told', () => {
    const needs = readFlake({ text, file: 'f', directory: '/p', isWanted: () => false, isNamed: true })!;
    expect(needs.entrypoint?.value).toEqual(['tini', '--']);
    expect(needs.command?.value).toEqual(['start']);
    expect(needs.ports.map(({ value }) => value)).toEqual(['8080/tcp']);
    expect(needs.labels.map(({ value }) => value)).toEqual([['org.example', 'x']]);
    expect(needs.environment.map(({ value }) => value)).toEqual([['PORT', '8080']]);
    expect(needs.workingDirectory?.value).toMatchObject({
      kind: 'source',
      source: { kind: 'git', url: 'https://github.com/me/app', ref: 'v2' },
      inside: 'web',
    });
    expect(needs.requirements.map(({ value }) => value.name)).toEqual(
      expect.arrayContaining(['flask', 'gunicorn', 'cacert', 'coreutils', 'tini']),
    );
    const told = needs.remarks.map(({ value }) => value).join('\n');
    for (const pattern of [/fromImage/, /the tag/, /CERT=|in Env/]) expect(told).toMatch(pattern);
    expect(needs.sources.filter(({ value }) => value.kind === 'text').map(({ value }) => value)).toEqual([
      { kind: 'text', text: '#!/bin/bash\nexec true', target: '/bin/start', isExecutable: true },
    ]);
    expect(readFlake({ text, file: 'f', directory: '/p', isWanted: () => false })).toBeUndefined();
  });
});

describe('a flake that writes its own programs', () => {
  const text = `{
  outputs = { self, nixpkgs }: let
    pkgs = nixpkgs.legacyPackages.x86_64-linux;
    src = pkgs.lib.cleanSource ./src;
    entry = pkgs.writeShellApplication { name = "entry"; runtimeInputs = [ pkgs.curl ]; text = "exec $1"; };
  in {
    web = pkgs.dockerTools.streamLayeredImage {
      name = "web";
      contents = [
        (pkgs.python3.withPackages (p: with p; [ flask (numpy.override { x = 1; }) ]))
        (pkgs.hello.overrideAttrs (old: { }))
        pkgs.dockerTools.binSh pkgs.dockerTools.fakeNss
        (pkgs.writeTextDir "etc/app.ini" "a=1")
        (pkgs.linkFarm "f" { "srv/page" = "\${src}/page"; })
      ];
      config = {
        Entrypoint = [ (pkgs.lib.getExe entry) ];
        Cmd = [ (pkgs.lib.getExe' pkgs.postgresql "psql") "-p" (toString 80) ];
        Env = [ "PYTHONPATH=\${src}/lib:/x" "ODD=\${pkgs.cacert}/y" ];
        Volumes = odd.volumes;
      };
    };
    mute = pkgs.dockerTools.buildImage { name = "mute"; config.Entrypoint = [ (odd "x") ]; };
  };
}`;
  const read = (name: string) =>
    readFlake({ text, file: 'f', directory: '/p', isWanted: (image) => image === name })!;

  it('is read with them, with what helpers stand for, and with places in text', () => {
    const needs = read('web');
    expect(needs.entrypoint?.value).toEqual(['entry']);
    expect(needs.command?.value).toEqual(['psql', '-p', '80']);
    expect(needs.environment.map(({ value }) => value)).toEqual([['PYTHONPATH', '/opt/src/lib:/x']]);
    expect(needs.requirements.map(({ value }) => `${value.from} ${value.name}`)).toEqual(
      expect.arrayContaining([
        'python flask',
        'python numpy',
        'nixpkgs hello',
        'nixpkgs bash',
        'nixpkgs curl',
      ]),
    );
    const script = '#!/bin/bash\nset -o errexit\nset -o nounset\nset -o pipefail\n\nexec $1';
    expect(needs.sources.map(({ value }) => value)).toEqual(
      expect.arrayContaining([
        { kind: 'text', text: 'a=1', target: '/etc/app.ini' },
        { kind: 'text', text: script, target: '/bin/entry', isExecutable: true },
        { kind: 'local', path: '/p/src/page', target: '/srv/page' },
        { kind: 'local', path: '/p/src', target: '/opt/src' },
      ]),
    );
    const told = needs.remarks.map(({ value }) => value).join('\n');
    for (const pattern of [
      /`numpy\.override .* changes/,
      /overrideAttrs .* changes/,
      /fakeNss/,
      /ODD=/,
      /Volumes/,
    ])
      expect(told).toMatch(pattern);
  });

  it('gives no empty entry point for one that cannot be read', () => {
    const needs = read('mute');
    expect(needs.entrypoint).toBeUndefined();
    expect(needs.remarks.map(({ value }) => value).join('\n')).toMatch(/`odd "x".* in Entrypoint/);
  });
});

describe('a manifest that resolves names itself', () => {
  it('is read by its names, and says what it does to packages', () => {
    const text = `(define www (package (name "www") (source (local-file "html" #:recursive? #t))))
(packages->manifest
  (append (list (specification->package "nginx") (specification->package+output "git:send-email")
                (transform (specification->package "curl@8")) www coreutils
                \`(,(specification->package "gcc") "lib"))
          (map specification->package '("python-flask" "ruby"))
          (list (first (lookup-inferior-packages old "perl")))))
(specifications->manifest '("bash" "glibc:static"))
`;
    const span = { file: 'c', line: 9, column: 1 };
    const command = 'guix pack --with-input=a=b -S /srv=share less:doc';
    const needs = readManifest({ text, file: 'm', path: '/p/m', command: { value: command, span } });
    const names = needs.requirements.map(({ value }) => `${value.name}${value.version}`).sort();
    expect(names).toEqual(
      ['bash', 'coreutils', 'curl=8', 'gcc', 'git', 'glibc', 'less', 'nginx', 'python-flask', 'ruby'].sort(),
    );
    const told = needs.remarks.map(({ value }) => value).join('\n');
    for (const pattern of [
      /output send-email of git/,
      /\(transform .*curl@8/,
      /output lib of .*gcc/,
      /lookup-inferior-packages old "perl"/,
      /output static of glibc/,
      /output doc of less/,
      /--with-input a=b/,
    ])
      expect(told).toMatch(pattern);
  });
});

describe('parseRequirements', () => {
  it('takes names and versions, and leaves the rest', () => {
    const { requirements, rest } = parseRequirements(
      'fastapi[all] >=0.90, <1 ; python_version > "3.8"\n# comment\nPyJWT==2.6.0 \\\n  --hash=sha256:ab\n-r other.txt\ngit+https://x/y\nfastapi\n',
    );
    expect(requirements.map(({ requirement: { name, version } }) => `${name} ${version}`.trim())).toEqual([
      'fastapi >=0.90, <1',
      'PyJWT ==2.6.0',
    ]);
    expect(rest).toEqual(['-r other.txt', 'git+https://x/y']);
  });
});

describe('versionFits', () => {
  it.each([
    ['0.92.0-1', '>=0.90,<1', true],
    ['0.92.0-1', '==0.100', false],
    ['2.6.0-1+deb12u1', '==2.6', true],
    ['1:3.11.2-1+b1', '==3.11.*', true],
    ['1.3.0+ds-1', '~=1.3', true],
    ['2.0', '~=1.3', false],
    ['1.0', '!=1.0', false],
    ['odd', '>=1', false],
  ])('%s against %s: %s', (version, requirement, fits) => {
    expect(versionFits(version, requirement)).toBe(fits);
  });
});
