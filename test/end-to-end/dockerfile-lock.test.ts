// `trimaran lock` on a project whose inputs all lie on this machine: a registry, a repository, a download, an index.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256Hex } from '../../src/foundation/digest.ts';
import { silentProgress } from '../../src/foundation/host.ts';
import { exampleImage, exampleTree } from '../../src/oci/example-image.ts';
import { parseReference } from '../../src/oci/reference.ts';
import { pushImage } from '../../src/oci/registry-push.ts';
import { type RegistryServer, startRegistry } from '../../src/oci/registry-server.ts';
import { RegistrySession } from '../../src/oci/registry-session.ts';
import { emptyLockFile, parseLockFile, writeLockFile } from '../../src/sets/lock-file.ts';
import { type Ended, projectRoot, run } from './workspace.ts';

let root: string;
let project: string;
let registry: RegistryServer;
let domain: string;
let server: Server;
let base: string;
let download = 'first';

function git(...args: string[]): string {
  return execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...args], {
    cwd: join(root, 'repository'),
    encoding: 'utf8',
  }).trim();
}

async function push(name: string, content: string): Promise<string> {
  const host = {
    env: {},
    fetch,
    progress: silentProgress,
    run: () => Promise.reject(new Error('no process is needed')),
  };
  const image = await exampleImage([exampleTree({ 'etc/what': content })]);
  const { digest } = await pushImage(new RegistrySession({ host }), {
    image,
    reference: parseReference(`${domain}/${name}`),
    cacheDirectory: join(root, 'layers'),
  });
  return digest;
}

function trimaran(...args: string[]): Promise<Ended> {
  return run(process.execPath, [join(projectRoot, 'bin/trimaran'), ...args], {
    cwd: project,
    env: {
      XDG_CACHE_HOME: join(root, 'cache'),
      TRIMARAN_DEBIAN_MIRROR: 'http://127.0.0.1:9/debian',
      PIP_INDEX_URL: `${base}/simple`,
      DOCKER_HOST: 'unix:///nowhere/docker.sock',
    },
  });
}

/** Versions of each distribution, and what each version depends on. */
const distributions: Record<string, Record<string, readonly string[]>> = {
  starlette: { '0.9.0': [], '0.10.0': ['anyio (<4,>=3)', 'h2; extra == "full"'], '1.0rc1': [] },
  anyio: { '2.0': [], '3.6.2': ['sniffio>=1.1; python_version < "3"'], '4.0': [] },
  uvicorn: { '0.14.0': ['h11>=0.8', 'httptools; extra == "standard"'], '0.15.0': ['h11>=0.8'] },
  h11: { '0.12.0': [] },
  httptools: { '0.2.0': [] },
};

/** The simple API: JSON for one distribution, HTML for the others. */
function serveIndex(path: string, response: ServerResponse): void {
  const [, name = ''] = /^\/simple\/([a-z0-9]+)\/$/.exec(path) ?? [];
  const [, of = '', version = ''] =
    /^\/files\/([a-z0-9]+)-([^-]+)-py3-none-any\.whl\.metadata$/.exec(path) ?? [];
  const requires = distributions[of]?.[version];
  if (requires !== undefined) {
    response.end(
      `Metadata-Version: 2.1\n${requires.map((text) => `Requires-Dist: ${text}\n`).join('')}\nText\nRequires-Dist: nothing\n`,
    );
    return;
  }
  const versions = distributions[name];
  if (versions === undefined) {
    response.writeHead(404).end();
    return;
  }
  const files = Object.keys(versions).map((at) => ({
    filename: `${name}-${at}-py3-none-any.whl`,
    sha256: sha256Hex(Buffer.from(`${name} ${at}`)),
  }));
  if (name === 'starlette') {
    response.end(
      JSON.stringify({
        files: files.map(({ filename, sha256 }) => ({
          filename,
          url: `../../files/${filename}`,
          hashes: { sha256 },
          'core-metadata': true,
        })),
      }),
    );
    return;
  }
  const links = files.map(
    ({ filename, sha256 }) =>
      `<a href="/files/${filename}#sha256=${sha256}" data-dist-info-metadata="true" data-requires-python="&gt;=3.6">${filename}</a><br>`,
  );
  response
    .writeHead(200, { 'content-type': 'text/html' })
    .end(`<html><body>${links.join('\n')}</body></html>`);
}

const hashOf = (name: string, version: string) => `sha256:${sha256Hex(Buffer.from(`${name} ${version}`))}`;

const lockText = () => readFileSync(join(project, 'trimaran.lock'), 'utf8');
const lock = () => parseLockFile(lockText(), 'trimaran.lock');

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'trimaran-lock-'));
  project = join(root, 'project');
  registry = await startRegistry();
  domain = registry.address;
  server = createServer((request, response) => {
    if (request.url === '/file.sql') response.end(download);
    else serveIndex(request.url ?? '', response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  mkdirSync(join(root, 'repository'), { recursive: true });
  git('init', '-q', '-b', 'main');
  git('commit', '-q', '--allow-empty', '-m', 'one');
  git('tag', '-a', '-m', 'one', 'v1');
  mkdirSync(join(project, 'web'), { recursive: true });
  writeFileSync(
    join(project, 'docker-compose.yml'),
    `services:\n  web:\n    build: web\n  cache:\n    image: ${domain}/cache:1\n`,
  );
  writeFileSync(
    join(project, 'web/Dockerfile'),
    `FROM ${domain}/python:3.11
ADD ${base}/file.sql /docker-entrypoint-initdb.d/
RUN git clone --depth=1 -b v1 file://${root}/repository /app
RUN pip install starlette && npm install left-pad
RUN pip install -r /app/requirements.txt
COPY needs.txt /src/
RUN pip install -r /src/needs.txt
`,
  );
  writeFileSync(join(project, 'web/needs.txt'), '# the server\nuvicorn[standard]>=0.14,<0.15\n');
});
afterAll(async () => {
  await registry?.close();
  server?.close();
  if (root !== undefined) rmSync(root, { recursive: true });
});

describe('trimaran lock', () => {
  it('fixes each input by content, and names what it cannot fix', async () => {
    const [python, cache] = [await push('python:3.11', 'python'), await push('cache:1', 'cache')];
    const ended = await trimaran('lock');
    expect(ended.exitCode, ended.stderr).toBe(0);
    const written = lock();
    expect([...written.images].map(([reference, { digest }]) => [reference, digest])).toEqual([
      [`${domain}/cache:1`, cache],
      [`${domain}/python:3.11`, python],
    ]);
    expect([...written.urls]).toEqual([[`${base}/file.sql`, sha256Hex(Buffer.from('first'))]]);
    expect([...written.git.get(`file://${root}/repository`)!]).toEqual([
      ['v1', git('rev-parse', 'v1^{commit}')],
    ]);
    expect([...written.pip.get('web/Dockerfile')!]).toEqual([
      ['anyio==3.6.2', { version: '3.6.2', hashes: [hashOf('anyio', '3.6.2')] }],
      ['h11==0.12.0', { version: '0.12.0', hashes: [hashOf('h11', '0.12.0')] }],
      ['httptools==0.2.0', { version: '0.2.0', hashes: [hashOf('httptools', '0.2.0')] }],
      ['starlette', { version: '0.10.0', hashes: [hashOf('starlette', '0.10.0')] }],
      ['uvicorn[standard]>=0.14,<0.15', { version: '0.14.0', hashes: [hashOf('uvicorn', '0.14.0')] }],
    ]);
    expect(written.unpinned.map(({ what, where }) => `${where} ${what}`)).toEqual([
      'web/Dockerfile:4 npm install left-pad',
      'web/Dockerfile:5 pip install -r /app/requirements.txt',
    ]);
  });

  it('leaves the lock as it is while everything moves', async () => {
    const before = lockText();
    await push('python:3.11', 'another python');
    await push('cache:1', 'another cache');
    download = 'second';
    git('commit', '-q', '--allow-empty', '-m', 'two');
    git('tag', '-f', '-a', '-m', 'two', 'v1');
    const ended = await trimaran('lock');
    expect(ended, ended.stderr).toMatchObject({ exitCode: 0 });
    expect(lockText()).toBe(before);
  });

  it('tells online what has moved, and what nobody answers for', async () => {
    distributions.h11 = { ...distributions.h11, '0.13.0': [] };
    const ended = await trimaran('audit', '--online', '--json');
    expect(ended.exitCode, ended.stderr).toBe(1);
    const { online } = JSON.parse(ended.stdout) as {
      online: {
        moved: number;
        unreachable: number;
        states: { kind: string; name: string; moved: boolean; now?: string; failure?: { code: string } }[];
      };
    };
    const repository = `file://${root}/repository`;
    const told = online.states.map(({ kind, name, moved }) => `${kind} ${name} ${moved}`);
    expect(told).toEqual([
      `git ${repository} v1 true`,
      `image ${domain}/cache:1 true`,
      `image ${domain}/python:3.11 true`,
      'pip web/Dockerfile anyio==3.6.2 false',
      'pip web/Dockerfile h11==0.12.0 true',
      'pip web/Dockerfile httptools==0.2.0 false',
      'pip web/Dockerfile starlette false',
      'pip web/Dockerfile uvicorn[standard]>=0.14,<0.15 false',
      `url ${base}/file.sql true`,
    ]);
    expect(online.states[0]!.now).toBe(git('rev-parse', 'v1^{commit}'));
    expect(online.states.at(-1)!.now).toBe(`sha256:${sha256Hex(Buffer.from('second'))}`);
    expect([online.moved, online.unreachable]).toEqual([5, 0]);
    const text = await trimaran('audit', '--online');
    expect(text.stdout).toContain('9 locked inputs: 4 as locked, 5 moved, 0 not asked');
    expect(text.stdout).toContain(`taken by: trimaran lock --update ${domain}/cache:1`);
  });

  it('names who gives no answer, and asks the others all the same', async () => {
    const before = lockText();
    const gone = `version: 1
images:
  127.0.0.1:9/gone:1:
    digest: sha256:${'a'.repeat(64)}
  ${domain}/nobody:1:
    digest: sha256:${'a'.repeat(64)}
urls:
  ${base}/missing: sha256:${'b'.repeat(64)}
git:
  file://${root}/no-such-repository:
    main: ${'c'.repeat(40)}
  file://${root}/repository:
    v9: ${'c'.repeat(40)}
`;
    writeFileSync(join(project, 'trimaran.lock'), gone);
    try {
      const ended = await trimaran('audit', '--online', '--json');
      const { online } = JSON.parse(ended.stdout) as {
        online: { states: { name: string; failure: { code: string; reason: string } }[] };
      };
      expect(online.states.map(({ failure }) => failure.code).sort()).toEqual([
        'download/not-found',
        'lock/git-unreachable',
        'lock/no-such-ref',
        'oci/registry-not-found',
        'oci/registry-unreachable',
      ]);
      expect(lockText()).toBe(gone);
    } finally {
      writeFileSync(join(project, 'trimaran.lock'), before);
    }
  });

  it('updates what is named and nothing else', async () => {
    const before = lock();
    const ended = await trimaran('lock', '--update', `${domain}/cache`);
    expect(ended.exitCode, ended.stderr).toBe(0);
    const after = lock();
    expect(after.images.get(`${domain}/cache:1`)).not.toEqual(before.images.get(`${domain}/cache:1`));
    expect({ ...after, images: undefined }).toEqual({ ...before, images: undefined });
    expect(after.images.get(`${domain}/python:3.11`)).toEqual(before.images.get(`${domain}/python:3.11`));
  });

  it('is audited in each format', async () => {
    const sarif = await trimaran('audit', '--format', 'sarif');
    expect(JSON.parse(sarif.stdout)).toMatchObject({ version: '2.1.0' });
    expect(sarif.stdout).toBe((await trimaran('audit', '--sarif')).stdout);
    const json = await trimaran('audit', '--format', 'json');
    expect(json.stdout).toBe((await trimaran('audit', '--json')).stdout);
    const other = await trimaran('audit', '--format', 'xml');
    expect(other.exitCode).toBe(2);
    expect(other.stderr).toContain('cli/unknown-format');
  });

  it('knows the nearest name when there is none of that name', async () => {
    const ended = await trimaran('lock', '--update', 'starlett');
    expect(ended.exitCode).toBe(2);
    expect(ended.stderr).toMatch(/lock\/unknown-name[\s\S]*did you mean starlette\?/);
  });

  it('takes a suite’s name as it is told, and says whose a package is', async () => {
    const folder = join(root, 'suites');
    mkdirSync(folder);
    writeFileSync(join(folder, 'docker-compose.yml'), 'services: { web: { build: . } }\n');
    writeFileSync(join(folder, 'Dockerfile'), 'FROM scratch\nCOPY Dockerfile /\n');
    const pkg = { version: '1', architecture: 'amd64', path: 'pool/h/hello_1_amd64.deb', size: 1 };
    const used = {
      packages: new Map([['hello', { ...pkg, sha256: 'a'.repeat(64) }]]),
      python: new Map<string, string>(),
    };
    const suite = {
      timestamp: '20260711T101637Z',
      releaseSha256: 'b'.repeat(64),
      components: ['main'],
      architectures: new Map([['amd64', used]]),
    };
    const text = writeLockFile({ ...emptyLockFile, debian: new Map([['bookworm', suite]]) });
    writeFileSync(join(folder, 'trimaran.lock'), text);
    const update = (name: string) =>
      trimaran('lock', '-f', join(folder, 'docker-compose.yml'), '--update', name);
    const ofPackage = await update('hello');
    expect(ofPackage.exitCode).toBe(2);
    expect(ofPackage.stderr).toMatch(/`hello` is locked with all of `bookworm`[\s\S]*lock --update bookworm/);
    expect((await update('debian:trixie')).stderr).toContain('lock/unknown-name');
    const known = await update('debian:bookworm');
    expect(known.stderr).not.toContain('unknown-name');
  });

  it('updates everything when asked to', async () => {
    const ended = await trimaran('lock', '--update');
    expect(ended.exitCode, ended.stderr).toBe(0);
    expect(lock().urls.get(`${base}/file.sql`)).toBe(sha256Hex(Buffer.from('second')));
    expect(lock().git.get(`file://${root}/repository`)!.get('v1')).toBe(git('rev-parse', 'HEAD'));
  });

  it('writes the pins into the Dockerfile, once', async () => {
    const copy = join(root, 'copy');
    cpSync(project, copy, { recursive: true });
    const dockerfile = join(project, 'web/Dockerfile');
    const ended = await trimaran('lock', '--write');
    expect(ended.exitCode, ended.stderr).toBe(0);
    const text = readFileSync(dockerfile, 'utf8');
    const digest = lock().images.get(`${domain}/python:3.11`)?.digest;
    expect(text).toContain(`FROM ${domain}/python:3.11@${digest}\n`);
    expect(text).toContain(
      `ADD --checksum=sha256:${sha256Hex(Buffer.from('second'))} ${base}/file.sql /docker-entrypoint-initdb.d/`,
    );
    expect(text).toContain('RUN pip install starlette==0.10.0 && npm install left-pad');
    await trimaran('lock', '--write');
    expect(readFileSync(dockerfile, 'utf8')).toBe(text);
    cpSync(copy, project, { recursive: true });
  });

  it('does nothing, and says why, when nothing can be reached', async () => {
    const alone = join(root, 'alone');
    mkdirSync(alone);
    writeFileSync(join(alone, 'docker-compose.yml'), 'services:\n  a:\n    image: 127.0.0.1:9/a:1\n');
    const ended = await run(process.execPath, [join(projectRoot, 'bin/trimaran'), 'lock'], {
      cwd: alone,
      env: { XDG_CACHE_HOME: join(root, 'cache'), DOCKER_HOST: 'unix:///nowhere/docker.sock' },
    });
    expect(ended.exitCode).toBe(4);
    expect(ended.stderr).toMatch(/lock\/unreachable/);
    expect(() => readFileSync(join(alone, 'trimaran.lock'))).toThrow();
  });

  it('refuses a lock of a newer version and one that was edited into nonsense', async () => {
    const before = lockText();
    for (const [text, code] of [
      [before.replace('version: 1', 'version: 2'), 'lock/newer-version'],
      [before.replace(/sha256:[0-9a-f]{64}/, 'sha256:abc'), 'lock/invalid'],
    ] as const) {
      writeFileSync(join(project, 'trimaran.lock'), text);
      const ended = await trimaran('lock');
      expect(ended.exitCode).not.toBe(0);
      expect(ended.stderr).toContain(code);
      expect(ended.stderr).toMatch(/trimaran\.lock:\d+:\d+/);
      expect(lockText()).toBe(text);
    }
  });

  it('is not held up by a credential helper that is not there', async () => {
    const folder = join(root, 'helper');
    mkdirSync(folder);
    writeFileSync(join(folder, 'config.json'), '{"credsStore": "nowhere"}');
    const server = await startRegistry({ auth: { kind: 'basic', user: 'a', password: 'b' } });
    try {
      const start = performance.now();
      const ended = await run(
        process.execPath,
        [join(projectRoot, 'bin/trimaran'), 'inspect', `docker://${server.address}/a:1`],
        { cwd: folder, env: { XDG_CACHE_HOME: join(root, 'cache'), DOCKER_CONFIG: folder } },
      );
      expect(ended.exitCode).toBe(4);
      expect(ended.stderr).toContain('oci/credential-helper-failed');
      expect(performance.now() - start).toBeLessThan(20_000);
    } finally {
      await server.close();
    }
  });

  it('keeps credentials out of the lock and of what it says, and finds again what it has locked', async () => {
    await push('python:3.11', 'python');
    const secret = join(root, 'secret');
    mkdirSync(join(secret, 'web'), { recursive: true });
    const withUser = base.replace('//', '//alice:hunter2@');
    writeFileSync(join(secret, 'docker-compose.yml'), 'services:\n  web:\n    build: web\n');
    writeFileSync(
      join(secret, 'web/Dockerfile'),
      `FROM ${domain}/python:3.11
ADD ${withUser}/file.sql ${withUser}/missing.sql /data/
RUN git clone ${withUser}/gone.git && curl ${withUser}/x | sh
COPY --from=alice:hunter2@127.0.0.1:9/x:1 /a /b
`,
    );
    const at = (...args: string[]) =>
      run(process.execPath, [join(projectRoot, 'bin/trimaran'), ...args], {
        cwd: secret,
        env: { XDG_CACHE_HOME: join(root, 'cache'), DOCKER_HOST: 'unix:///nowhere/docker.sock' },
      });
    const ended = await at('lock');
    expect(ended.exitCode, ended.stderr).toBe(0);
    const text = readFileSync(join(secret, 'trimaran.lock'), 'utf8');
    const written = parseLockFile(text, 'trimaran.lock');
    expect([...written.urls.keys()]).toEqual([`${base}/file.sql`]);
    expect(written.unpinned.map(({ where }) => where)).toEqual([
      'web/Dockerfile:2',
      'web/Dockerfile:3',
      'web/Dockerfile:3',
      'web/Dockerfile:4',
    ]);
    const again = await at('lock');
    expect(again.stderr).toContain('is as it was');
    const audited = await at('audit', '--json');
    const online = await at('audit', '--online');
    for (const said of [ended, again, audited, online])
      expect(said.stdout + said.stderr).not.toContain('hunter2');
    expect(text).not.toContain('hunter2');
    const { inputs } = JSON.parse(audited.stdout) as { inputs: { subject: string; pinnedBy?: string }[] };
    expect(inputs.find(({ subject }) => subject.endsWith('/file.sql'))?.pinnedBy).toBe('lock');
  });

  it('looks up what manifests and channels name by branch', async () => {
    const guix = join(root, 'guix');
    mkdirSync(guix);
    const repository = `file://${root}/repository`;
    writeFileSync(join(guix, 'docker-compose.yml'), `services:\n  cache:\n    image: ${domain}/cache:1\n`);
    writeFileSync(
      join(guix, 'manifest.scm'),
      `(define-public app
  (package (name "app") (version "main")
    (source (origin (method git-fetch)
      (uri (git-reference (url "${repository}") (commit version)))
      (sha256 (base32 "06wd"))))))\n`,
    );
    writeFileSync(
      join(guix, 'channels.scm'),
      `(list (channel (name 'guix) (url "${repository}") (branch "main"))\n      (channel (name 'gone) (url "file://${root}/gone")))\n`,
    );
    const ended = await run(process.execPath, [join(projectRoot, 'bin/trimaran'), 'lock'], {
      cwd: guix,
      env: { XDG_CACHE_HOME: join(root, 'cache'), DOCKER_HOST: 'unix:///nowhere/docker.sock' },
    });
    expect(ended.exitCode, ended.stderr).toBe(0);
    const written = parseLockFile(readFileSync(join(guix, 'trimaran.lock'), 'utf8'), 'trimaran.lock');
    expect([...written.git]).toEqual([[repository, new Map([['main', git('rev-parse', 'main')]])]]);
    expect(written.unpinned.map(({ what, where }) => `${where} ${what}`)).toEqual([
      `channels.scm:2 file://${root}/gone master`,
    ]);
  });
});

describe('locks of two branches', () => {
  const lockOf = (digests: Readonly<Record<string, string>>) =>
    writeLockFile({
      ...emptyLockFile,
      images: new Map(
        Object.entries(digests).map(([name, digit]) => {
          const digest = `sha256:${digit.repeat(64)}`;
          return [
            name,
            {
              digest,
              platforms: new Map([
                ['linux/amd64', digest],
                ['linux/arm64', digest],
              ]),
            },
          ];
        }),
      ),
    });

  /** What git makes of two changes of one lock. */
  function merge(texts: readonly [base: string, ours: string, theirs: string]): {
    text: string;
    conflict: boolean;
  } {
    const folder = mkdtempSync(join(tmpdir(), 'trimaran-merge-'));
    try {
      const names = ['base', 'ours', 'theirs'] as const;
      const inFolder = (...args: string[]) =>
        spawnSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...args], {
          cwd: folder,
          encoding: 'utf8',
        });
      inFolder('init', '-q', '-b', 'base');
      for (const [at, name] of names.entries()) {
        if (at > 0) inFolder('checkout', '-q', '-b', name, 'base');
        writeFileSync(join(folder, 'trimaran.lock'), texts[at]!);
        inFolder('add', '.');
        inFolder('commit', '-q', '-m', name);
      }
      inFolder('checkout', '-q', 'ours');
      const { status } = inFolder('merge', '-q', 'theirs');
      return { text: readFileSync(join(folder, 'trimaran.lock'), 'utf8'), conflict: status !== 0 };
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  it('merge by themselves when they update different inputs', () => {
    const base = { 'a:1': '1', 'b:1': '1', 'c:1': '1' };
    const merged = merge([lockOf(base), lockOf({ ...base, 'a:1': '2' }), lockOf({ ...base, 'c:1': '3' })]);
    expect(merged).toEqual({ text: lockOf({ 'a:1': '2', 'b:1': '1', 'c:1': '3' }), conflict: false });
    const added = merge([lockOf(base), lockOf({ ...base, 'a:2': '2' }), lockOf({ ...base, 'd:1': '3' })]);
    expect(added).toEqual({ text: lockOf({ ...base, 'a:2': '2', 'd:1': '3' }), conflict: false });
  });

  it('conflict in the lines of one input when both update it, and the lock says so', () => {
    const base = { 'a:1': '1', 'b:1': '1', 'c:1': '1' };
    const { text, conflict } = merge([
      lockOf(base),
      lockOf({ ...base, 'b:1': '2' }),
      lockOf({ ...base, 'b:1': '3' }),
    ]);
    expect(conflict).toBe(true);
    const marked = text.slice(text.indexOf('<<<<<<<'), text.indexOf('>>>>>>>'));
    expect(marked.split('\n').filter((line) => / {4}\S/.test(line))).toHaveLength(6);
    const line = text.split('\n').findIndex((at) => at.startsWith('<<<<<<<')) + 1;
    const parse = () => parseLockFile(text, 'trimaran.lock');
    expect(parse).toThrow(
      expect.objectContaining({ code: 'lock/merge-conflict', span: expect.objectContaining({ line }) }),
    );
  });
});
