import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadComposeProject } from '../../compose/load.ts';
import { type Host, silentProgress } from '../../foundation/host.ts';
import { copyProject } from './copy-project.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'trimaran-copy-project-'));
  const files = {
    'work/deploy/docker-compose.yml':
      'services:\n  a:\n    build: ../app\n  b:\n    build: .\n  c:\n    build: ..\n',
    'work/deploy/Dockerfile': 'FROM b',
    'work/app/Dockerfile': 'FROM a',
    'work/app/main.py': 'a',
    'work/other/big': 'x',
  };
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const host = (): Host => ({
  env: {},
  cwd: folder,
  fetch: () => Promise.reject(new Error('no network')),
  now: () => 0,
  run: () => Promise.reject(new Error('no processes')),
  which: () => undefined,
  progress: silentProgress,
});

describe('copyProject', () => {
  const copyFor = async (name: string) => {
    const project = await loadComposeProject({ directory: join(folder, 'work/deploy'), environment: {} });
    const service = project.services.find((one) => one.name === name)!;
    const target = join(folder, 'copies', name);
    const { project: copy, placeOf } = await copyProject(
      host(),
      { project, service, kind: 'dockerfile' },
      target,
    );
    return { target, copy, placeOf, build: copy.services.find((one) => one.name === name)!.build! };
  };

  it('takes a build context beside the project along, and nothing else', async () => {
    const { target, build, copy, placeOf } = await copyFor('a');
    expect(build.context.value).toBe(join(target, 'app'));
    expect(readFileSync(build.dockerfile!.value, 'utf8')).toBe('FROM a');
    expect(copy.directory).toBe(join(target, 'deploy'));
    expect(existsSync(join(target, 'other'))).toBe(false);
    expect(placeOf(join(folder, 'work/app/main.py'))).toBe(join(target, 'app/main.py'));
    expect(placeOf(join(folder, 'work/other/big'))).toBeUndefined();
  });

  it('takes only the project where that is all', async () => {
    const { target, build } = await copyFor('b');
    expect(build.context.value).toBe(target);
    expect(existsSync(join(target, 'docker-compose.yml'))).toBe(true);
  });

  it('takes the folder around the project where that is the context', async () => {
    const { target, build, copy } = await copyFor('c');
    expect(build.context.value).toBe(target);
    expect(copy.directory).toBe(join(target, 'deploy'));
    expect(existsSync(join(target, 'other/big'))).toBe(true);
  });
});
