// `trimaran lock` on a project whose inputs all lie on this machine: a registry, a repository, a download, an index.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
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
import { parseLockFile } from '../../src/sets/lock-file.ts';
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

const lockText = () => readFileSync(join(project, 'trimaran.lock'), 'utf8');
const lock = () => parseLockFile(lockText(), 'trimaran.lock');

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'trimaran-lock-'));
  project = join(root, 'project');
  registry = await startRegistry();
  domain = registry.address;
  server = createServer((request, response) => {
    if (request.url === '/file.sql') response.end(download);
    else if (request.url === '/simple/starlette/') {
      const files = ['0.9.0', '0.10.0', '1.0rc1'].map((version) => ({
        filename: `starlette-${version}-py3-none-any.whl`,
        hashes: { sha256: sha256Hex(Buffer.from(version)) },
      }));
      response.end(JSON.stringify({ files }));
    } else response.writeHead(404).end();
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
`,
  );
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
      ['starlette', { version: '0.10.0', hashes: [`sha256:${sha256Hex(Buffer.from('0.10.0'))}`] }],
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

  it('updates what is named and nothing else', async () => {
    const before = lock();
    const ended = await trimaran('lock', '--update', `${domain}/cache`);
    expect(ended.exitCode, ended.stderr).toBe(0);
    const after = lock();
    expect(after.images.get(`${domain}/cache:1`)).not.toEqual(before.images.get(`${domain}/cache:1`));
    expect({ ...after, images: undefined }).toEqual({ ...before, images: undefined });
    expect(after.images.get(`${domain}/python:3.11`)).toEqual(before.images.get(`${domain}/python:3.11`));
  });

  it('knows the nearest name when there is none of that name', async () => {
    const ended = await trimaran('lock', '--update', 'starlett');
    expect(ended.exitCode).toBe(2);
    expect(ended.stderr).toMatch(/lock\/unknown-name[\s\S]*did you mean starlette\?/);
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
});
