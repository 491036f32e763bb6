// biome-ignore-all lint/suspicious/noTemplateCurlyInString: compose files have variables
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { testHost } from '../store/test-host.ts';
import { selectRecipes } from './build-project.ts';
import { type LoadComposeOptions, loadComposeProject } from './load.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'compose-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function write(files: Readonly<Record<string, string | Buffer>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
}
const load = (options: Partial<LoadComposeOptions> = {}) =>
  loadComposeProject({ directory, environment: {}, ...options });

describe('the files of a project', () => {
  it('are those that COMPOSE_FILE names, in `.env` too, with the separator that is set', async () => {
    write({
      'a.yml': 'services: { a: { image: "i:${TAG}" } }\n',
      'sub/b.yml': 'services: { a: { working_dir: /w } }\n',
      '.env': 'COMPOSE_FILE=a.yml:sub/b.yml\nTAG=1\n',
    });
    expect((await load()).services[0]).toMatchObject({
      image: { value: 'i:1' },
      overrides: { workingDir: { value: '/w' } },
    });
    write({ '.env': 'COMPOSE_PATH_SEPARATOR=,\nCOMPOSE_FILE=sub/b.yml,a.yml\n' });
    const project = await load();
    expect(project.directory).toBe(join(directory, 'sub'));
    // The shell comes first.
    const shell = { COMPOSE_FILE: 'a.yml', COMPOSE_PATH_SEPARATOR: ':' };
    expect((await load({ environment: shell })).directory).toBe(directory);
    expect((await load({ files: ['a.yml'] })).composeFiles).toEqual([join(directory, 'a.yml')]);
  });

  it('have their `.env` beside the first, and from inside the project one of that folder comes before', async () => {
    write({
      'compose.yaml': 'services: { a: { image: "${A}-${B}" } }\n',
      '.env': 'A=outer\nB=outer\n',
      'inner/.env': 'A=inner\n',
      'deploy/c.yml': 'services: { a: { image: "${A:-none}" } }\n',
    });
    const image = async (options: Partial<LoadComposeOptions>) =>
      (await load(options)).services[0]!.image?.value;
    expect(await image({ directory: join(directory, 'inner') })).toBe('inner-outer');
    expect(await image({ files: ['deploy/c.yml'] })).toBe('none');
    expect(await image({ files: ['deploy/c.yml'], projectDirectory: '.' })).toBe('outer');
    expect(await image({ files: ['deploy/c.yml'], envFile: 'inner/.env' })).toBe('inner');
    await expect(load({ envFile: 'gone.env' })).rejects.toMatchObject({ code: 'compose/no-file' });
  });

  it('lie in a folder of their own choice, from which paths and the name are taken', async () => {
    write({ 'deploy/c.yml': 'services: { a: { build: ./app, volumes: ["./v:/v"] } }\n' });
    const project = await load({ files: ['deploy/c.yml'], projectDirectory: '.' });
    expect(project.name).toBe(basename(directory).toLowerCase());
    expect(project.services[0]).toMatchObject({
      build: { context: { value: join(directory, 'app') } },
      overrides: { volumes: [{ value: { source: join(directory, 'v') } }] },
    });
  });

  it('are told when they are missing, folders, from standard input or not UTF-8', async () => {
    write({ 'compose.yaml': 'services:\n  a:\n    extends: { file: gone.yml, service: a }\n' });
    await expect(load()).rejects.toMatchObject({
      code: 'compose/no-file',
      message: `there is no file ${join(directory, 'gone.yml')}`,
      span: { line: 3 },
    });
    await expect(load({ files: ['.'] })).rejects.toMatchObject({ message: `${directory} is a folder` });
    await expect(load({ files: ['-'] })).rejects.toMatchObject({ code: 'compose/no-file', exitCode: 2 });
    write({ 'compose.yaml': Buffer.from('services:\n  a:\n    image: caf\xe9\n', 'latin1') });
    await expect(load()).rejects.toMatchObject({ code: 'compose/yaml', span: { line: 3 } });
  });
});

describe('what both docker-composes make of a file', () => {
  it('takes the context from whichever file names it, and else the project’s folder', async () => {
    write({
      'a.yml': 'services: { a: { build: ./x }, b: { build: { dockerfile: D } } }\n',
      'b.yml': 'services: { a: { build: { dockerfile: D2 } } }\n',
    });
    const [a, b] = (await load({ files: ['a.yml', 'b.yml'] })).services;
    expect(a!.build?.dockerfile?.value).toBe(join(directory, 'x/D2'));
    expect(b!.build?.dockerfile?.value).toBe(join(directory, 'D'));
  });

  it('takes hidden folders for paths, old octals and binaries for numbers, and keeps all digits', async () => {
    write({
      'compose.yaml':
        'services:\n  a:\n    image: i\n    volumes: [".cache:/c", {type: bind, source: .x/y, target: /x}]\n    environment: { O: 0755, B: 0b101, N: -010, BIG: 12345678901234567890, S: "0755", Z: 0, E: 089 }\n',
    });
    const { volumes, environment } = (await load()).services[0]!.overrides;
    expect(volumes.map(({ value }) => value.source)).toEqual([
      join(directory, '.cache'),
      join(directory, '.x/y'),
    ]);
    expect([...environment.values()].map(({ value }) => value)).toEqual([
      '493',
      '5',
      '-8',
      '12345678901234567890',
      '0755',
      '0',
      '89',
    ]);
  });

  it('merges every `<<`, the last before the others, and refuses a key that is written twice', async () => {
    write({
      'compose.yaml':
        'x-a: &a { image: one, command: one }\nx-b: &b { image: two, working_dir: /b }\nservices:\n  a:\n    <<: *a\n    <<: *b\n',
    });
    expect((await load()).services[0]).toMatchObject({
      image: { value: 'two' },
      overrides: { command: { value: ['one'] }, workingDir: { value: '/b' } },
    });
    write({ 'compose.yaml': 'services:\n  a:\n    image: one\n    image: two\n' });
    await expect(load()).rejects.toMatchObject({
      code: 'compose/yaml',
      message: '`image` is written twice',
      span: { line: 4, column: 5 },
      related: [{ span: { line: 3, column: 5 } }],
    });
  });
});

describe('an image that no engine would take under its name', () => {
  const names = async (text: string, options: Partial<LoadComposeOptions> = {}) => {
    write({ 'compose.yaml': text });
    const project = await load(options);
    const settings = {} as never;
    const host = testHost(directory);
    return (await selectRecipes({ host, project, services: [], settings })).map(
      ({ service }) => service.imageNames[0],
    );
  };
  const built = (image: string) =>
    `services:\n  a:\n    ${image}\nx-trimaran: { a: { nix: nix build .#a } }\n`;

  it.each([
    ['image: Team/App', {}, 3],
    ['image: "${UNSET}"', {}, 3],
    [`image: a@sha256:${'0'.repeat(64)}`, {}, 3],
    ['build: .', { projectName: 'Größe-' }, 3],
    ['build: .', { projectName: '日本' }, 3],
  ])('is refused: %s %j', async (image, options, line) => {
    await expect(names(built(image), options)).rejects.toMatchObject({
      code: 'compose/image-name',
      span: { line },
    });
  });

  it('is none of these', async () => {
    expect(await names(built('image: host:5000/team/app:1.0_x'))).toEqual(['host:5000/team/app:1.0_x']);
    expect(await names(built('build: .'), { projectName: 'My.App' })).toEqual(['myapp_a']);
  });
});
