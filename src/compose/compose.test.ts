// biome-ignore-all lint/suspicious/noTemplateCurlyInString: compose files have variables
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { Ajv } from 'ajv';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isTrimaranError, type TrimaranError } from '../foundation/error.ts';
import { checkOverrides } from './check-overrides.ts';
import { composeSchema } from './compose-schema.ts';
import { parseConfig } from './config-node.ts';
import { parseEnvFile } from './env-file.ts';
import { interpolate } from './interpolate.ts';
import { type ComposeProject, type LoadComposeOptions, loadComposeProject } from './load.ts';
import { projectName } from './project-name.ts';
import { splitCommand } from './split-command.ts';
import { validateConfig } from './validate.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'compose-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function write(files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
}
const load = (options: Partial<LoadComposeOptions> = {}): Promise<ComposeProject> =>
  loadComposeProject({ directory, environment: {}, ...options });

async function failure(text: string, options?: Partial<LoadComposeOptions>): Promise<TrimaranError> {
  write({ 'compose.yaml': text });
  try {
    await load(options);
  } catch (error) {
    if (isTrimaranError(error)) return error;
    throw error;
  }
  throw new Error('no error');
}

const seedLike = `version: '2.2'
services:
  db:
    build: dbdir
    cpus: '0.8'
    volumes:
      - data:/var/lib/postgresql/data/
    command: ["postgres", "-c", "shared_buffers=256MB"]
    networks:
      default:
        aliases:
          - database
  api:
    build: server
    restart: always
    volumes:
      - ./server/tmp:/app/tmp
    links:
      - db
    environment:
      - DB_HOST=database
    ports:
      - 8000:80
    working_dir: /app
volumes:
  data:
x-trimaran:
  api:
    nix: nix build .#docker
    guix: docker load < $(guix pack -f docker)
`;

describe('loadComposeProject', () => {
  it('reads the first format, which has services at the top', async () => {
    write({
      'docker-compose.yml':
        'web:\n  build: .\n  dockerfile: Dockerfile.web\n  net: host\n  log_driver: none\n  ports: ["80:8000"]\ndb:\n  image: postgres:15\n',
    });
    const project = await load({ projectName: 'p' });
    expect(project.services.map(({ name, imageNames }) => [name, imageNames[0]])).toEqual([
      ['web', 'p_web'],
      ['db', 'postgres:15'],
    ]);
    expect(project.services[0]!.build?.dockerfile?.value).toBe(join(directory, 'Dockerfile.web'));
    // One entry that is no service, and it is a mistake in a later format.
    expect(await failure('web:\n  image: a\nverson: "3"\n')).toMatchObject({ code: 'compose/invalid' });
  });

  it('takes the home folder for ~, and numbers with underscores for numbers', async () => {
    write({
      'compose.yaml':
        'services:\n  a:\n    image: a\n    environment: { SIZE: 20_000_000, NOT: 20_0 }\n    volumes: ["~/data:/data", {type: bind, source: ~/x, target: /x}]\n    pre_start: [{ command: a }]\n',
    });
    const [a] = (await load({ environment: { HOME: '/home/me' } })).services;
    expect(a!.overrides.volumes.map(({ value }) => value.source)).toEqual(['/home/me/data', '/home/me/x']);
    expect([...a!.overrides.environment.values()].map(({ value }) => value)).toEqual(['20000000', '20_0']);
  });

  it('takes build arguments without a value from the shell, labels, and notes what it cannot follow', async () => {
    write({
      'compose.yaml':
        'services:\n  a:\n    build:\n      context: .\n      args: [GIVEN, GONE, OWN=1]\n      labels: { who: me }\n      secrets: [key]\n',
    });
    const [a] = (await load({ environment: { GIVEN: 'here' } })).services;
    expect([...a!.build!.args].map(([name, { value }]) => [name, value])).toEqual([
      ['GIVEN', 'here'],
      ['OWN', '1'],
    ]);
    expect([...a!.build!.labels]).toEqual([['who', 'me']]);
    expect(a!.build!.unsupported).toMatchObject([{ value: 'secrets', span: { line: 7 } }]);
  });

  it('refuses to include what lies elsewhere, by name', async () => {
    const text = 'include: ["https://user:secret@example.org/app.git"]\nservices: { a: { image: a } }\n';
    const error = await failure(text);
    expect(error).toMatchObject({ code: 'compose/remote-include', span: { line: 1 } });
    expect(error.message).not.toContain('secret');
  });

  it('reads the services of a 2.2 file', async () => {
    write({ 'docker-compose.yml': seedLike });
    const project = await load({ projectName: 'Areas!' });
    expect(project.name).toBe('areas');
    const [db, api] = project.services;
    expect(db!.imageNames).toEqual(['areas_db', 'areas-db']);
    expect(db!.overrides.command?.value).toEqual(['postgres', '-c', 'shared_buffers=256MB']);
    expect(api!.build?.dockerfile?.value).toBe(join(directory, 'server/Dockerfile'));
    expect(api!.build?.context.span).toMatchObject({ file: 'docker-compose.yml', line: 14, column: 12 });
    expect(api!.overrides).toMatchObject({
      workingDir: { value: '/app', span: { line: 24 } },
      ports: [{ value: { target: 80, published: '8000', protocol: 'tcp' } }],
      volumes: [{ value: { type: 'bind', source: join(directory, 'server/tmp'), target: '/app/tmp' } }],
    });
    expect(api!.overrides.environment.get('DB_HOST')?.value).toBe('database');
    expect(Object.fromEntries([...api!.recipes].map(([kind, recipe]) => [kind, recipe.value]))).toEqual({
      nix: 'nix build .#docker',
      guix: 'docker load < $(guix pack -f docker)',
    });
  });

  it('puts variables in: shell before .env, defaults, what is unset', async () => {
    write({
      '.env': 'TAG=1\nB="x ${TAG}" # c\nexport C=\'$TAG\'\nCOMPOSE_PROJECT_NAME=fromenv\n',
      'compose.yaml':
        'services:\n  a:\n    image: "i:${TAG}-${D:-d${TAG}}-$B-$C-$NO"\n    environment: { PRICE: "$$5", E: }\n',
    });
    const project = await load({ environment: { TAG: '2', E: 'e' } });
    expect(project.name).toBe('fromenv');
    const [service] = project.services;
    expect(service!.imageNames).toEqual(['i:2-d2-x 2-$TAG-']);
    expect(service!.overrides.environment.get('PRICE')?.value).toBe('$5');
    expect(service!.overrides.environment.get('E')?.value).toBe('e');
    expect(project.unsetVariables).toMatchObject([{ name: 'NO', span: { line: 3 } }]);
  });

  it('merges files: maps deep, lists by their rules, commands replaced', async () => {
    write({
      'compose.yaml': `services:
  a:
    build: { context: ., args: { X: 1 } }
    command: [one]
    environment: { A: 1, B: 2 }
    ports: ["80", "8000:81"]
    volumes: ["d:/d", "e:/e"]
    dns: 1.1.1.1
    depends_on: [old]
  b: { image: b }
  old: { image: old, profiles: [never] }
volumes: { e: }
`,
      'compose.override.yaml': `services:
  a:
    build: { args: [Y=2], target: t }
    command: two three
    environment: [B=3]
    ports: ["8000:81", "8001:82"]
    volumes: ["./f:/d/"]
    dns: [2.2.2.2]
    depends_on: { c: { condition: service_healthy } }
  b: !reset null
  c: { image: c }
`,
    });
    const project = await load();
    expect(project.files).toHaveLength(2);
    const [a, , c] = project.services;
    expect(project.services.map((service) => service.name)).toEqual(['a', 'old', 'c']);
    expect([...a!.build!.args].map(([name, value]) => [name, value.value])).toEqual([
      ['X', '1'],
      ['Y', '2'],
    ]);
    expect(a!.build!.target?.value).toBe('t');
    expect(a!.overrides.command?.value).toEqual(['two', 'three']);
    expect([...a!.overrides.environment].map(([name, { value }]) => `${name}=${value}`)).toEqual([
      'A=1',
      'B=3',
    ]);
    expect(a!.overrides.ports.map(({ value }) => `${value.published}:${value.target}`)).toEqual([
      'undefined:80',
      '8000:81',
      '8001:82',
    ]);
    expect(a!.overrides.volumes.map(({ value }) => value.type)).toEqual(['bind', 'volume']);
    expect(c!.span.file).toBe('compose.override.yaml');
  });

  it('tells files that were named from those that they bring in', async () => {
    write({
      'compose.yaml': 'include: [more.yaml]\nservices:\n  a:\n    extends: { file: base.yaml, service: b }\n',
      'compose.override.yaml': 'services: { a: { command: x } }\n',
      'base.yaml': 'services: { b: { image: b } }\n',
      'more.yaml': 'services: { m: { image: m } }\n',
    });
    const project = await load();
    const names = (paths: readonly string[]) => paths.map((path) => basename(path)).sort();
    expect(names(project.composeFiles)).toEqual(['compose.override.yaml', 'compose.yaml']);
    expect(names(project.files)).toEqual(['base.yaml', 'compose.override.yaml', 'compose.yaml', 'more.yaml']);
  });

  it('follows extends, into other folders too', async () => {
    write({
      'compose.yaml':
        'services:\n  a:\n    extends: { file: sub/base.yaml, service: base }\n    environment: { B: 2 }\n  c:\n    extends: a\n',
      'sub/base.yaml':
        'services:\n  base:\n    build: app\n    environment: { A: 1 }\n    volumes: [./v:/v]\n',
    });
    const [a, c] = (await load()).services;
    expect(a!.build?.context.value).toBe(join(directory, 'sub/app'));
    expect(a!.overrides.volumes[0]!.value.source).toBe(join(directory, 'sub/v'));
    expect([...a!.overrides.environment.keys()]).toEqual(['A', 'B']);
    expect(c!.build?.context.value).toBe(join(directory, 'sub/app'));
  });

  it('includes files, and refuses circles', async () => {
    write({
      'compose.yaml': 'include: [sub/compose.yaml]\nservices:\n  a: { image: a }\n',
      'sub/compose.yaml': 'services:\n  b: { build: . }\n',
    });
    const project = await load();
    expect(project.services.map((service) => service.name)).toEqual(['b', 'a']);
    expect(project.services[0]!.build?.context.value).toBe(join(directory, 'sub'));
    write({ 'sub/compose.yaml': 'include: [../compose.yaml]\nservices: {}\n' });
    await expect(load()).rejects.toMatchObject({ code: 'compose/cycle' });
    expect(await failure('services:\n  a: { extends: b }\n  b: { extends: a }\n')).toMatchObject({
      code: 'compose/cycle',
      span: { line: 2, column: 17 },
    });
  });

  it('knows profiles', async () => {
    write({ 'compose.yaml': 'services:\n  a: { image: a }\n  b: { image: b, profiles: [debug] }\n' });
    const enabled = async (options: Partial<LoadComposeOptions>) =>
      (await load(options)).services.filter((service) => service.enabled).map((service) => service.name);
    expect(await enabled({})).toEqual(['a']);
    expect(await enabled({ profiles: ['debug'] })).toEqual(['a', 'b']);
    expect(await enabled({ environment: { COMPOSE_PROFILES: 'x,debug' } })).toEqual(['a', 'b']);
  });

  it('finds the file above, and reads anchors and merge keys', async () => {
    write({
      'docker-compose.yml':
        'x-common: &c { image: i, environment: { A: 1 } }\nservices:\n  a: { <<: *c, command: x }\n',
      'deep/er/file': '',
    });
    const project = await load({ directory: join(directory, 'deep/er') });
    expect(project.directory).toBe(directory);
    expect(project.services[0]).toMatchObject({
      image: { value: 'i' },
      overrides: { command: { value: ['x'] } },
    });
  });

  it('says where and what is wrong', async () => {
    expect(await failure('services:\n  a:\n    imgae: x\n')).toMatchObject({
      code: 'compose/invalid',
      message: 'services.a has no `imgae`',
      hint: 'did you mean image?',
      span: { file: 'compose.yaml', line: 3, column: 5 },
    });
    expect(await failure('services:\n  a:\n    image: [x]\n')).toMatchObject({
      message: 'services.a.image is a list, not text',
      span: { line: 3, column: 12 },
    });
    expect(await failure('services:\n  a:\n    ports: ["x:y:z"]\n    image: i\n')).toMatchObject({
      code: 'compose/invalid',
      span: { line: 3, column: 13 },
    });
    expect(await failure('services:\n  a: { image: i, ports: ["80:80:80:80"] }\n')).toMatchObject({
      message: '`80:80:80:80` is not a port',
    });
    expect(await failure('services:\n  a:\n    volumes: [{ target: /x }]\n')).toMatchObject({
      message: 'services.a.volumes.0 lacks `type`',
    });
    expect(await failure('services:\n  a: { image: "${X" }\n')).toMatchObject({
      code: 'compose/variable',
      span: { line: 2, column: 15 },
    });
    expect(await failure('services:\n  a: { image: "${X:?give X}" }\n')).toMatchObject({
      message: 'X: give X',
    });
    expect(await failure('services:\n  a: [\n')).toMatchObject({ code: 'compose/yaml' });
    expect(await failure('services:\n  a: { image: x }\nx-trimaran:\n  b: { nix: y }\n')).toMatchObject({
      code: 'compose/unknown-service',
      span: { line: 4, column: 3 },
    });
    expect(await failure('services:\n  a: { image: x }\nx-trimaran:\n  a: { nxi: y }\n')).toMatchObject({
      hint: 'did you mean nix?',
    });
    expect(await failure('services:\n  a: { extends: { file: no.yaml, service: x } }\n')).toMatchObject({
      code: 'compose/no-file',
      span: { line: 2 },
    });
    expect(await failure('services:\n  a: { command: x }\n')).toMatchObject({
      message: 'service `a` has neither `image` nor `build`',
      hint: expect.stringMatching(/image: .*_a/),
    });
    expect(await failure('[]')).toMatchObject({ code: 'compose/invalid' });
    expect(await failure('services: { a: { image: i, command: "x \'" } }')).toMatchObject({
      code: 'compose/invalid',
    });
    rmSync(join(directory, 'compose.yaml'));
    await expect(load({ files: ['none.yaml'] })).rejects.toMatchObject({ code: 'compose/no-file' });
  });

  it('refuses aliases and nesting without end', async () => {
    const bomb = Array.from(
      { length: 12 },
      (_, i) =>
        `x-${i}: &a${i} [${Array(10)
          .fill(i === 0 ? 'z' : `*a${i - 1}`)
          .join(', ')}]`,
    );
    expect(await failure(bomb.join('\n'))).toMatchObject({ code: 'compose/too-large' });
    expect((await failure('['.repeat(50_000))).code).toMatch(/^compose\/(?:too-large|yaml)$/);
  });
});

describe('validateConfig', () => {
  it('agrees with a JSON Schema validator on what is valid', () => {
    const validate = new Ajv({ strict: false }).compile(composeSchema);
    const leaf = fc.oneof(fc.constantFrom('x', '80', 'bind', 1, 1.5, true, null, [], {}), fc.constant(['a']));
    const keys = [
      'image',
      'build',
      'ports',
      'volumes',
      'environment',
      'command',
      'target',
      'context',
      'type',
      'x-a',
      'no',
      'extends',
      'service',
    ];
    const value = fc.letrec((tie) => ({
      node: fc.oneof(
        { maxDepth: 4, withCrossShrink: true },
        leaf,
        fc.dictionary(fc.constantFrom(...keys), tie('node'), { maxKeys: 3 }),
        fc.array(tie('node'), { maxLength: 2 }),
      ),
    })).node;
    const valid = {
      ports: ['80', { target: 80 }],
      volumes: [{ type: 'bind' }],
      build: { context: '.' },
      environment: ['a=b'],
    };
    const services = fc.dictionary(fc.constantFrom('a', 'b c'), fc.oneof(value, fc.constant(valid)), {
      maxKeys: 2,
    });
    let accepted = 0;
    fc.assert(
      fc.property(
        fc.record({ services: fc.oneof(services, value), name: leaf }, { requiredKeys: [] }),
        (file) => {
          const data = JSON.parse(JSON.stringify(file)) as object;
          let ours = true;
          try {
            validateConfig(parseConfig(JSON.stringify(data), 'f'));
          } catch (error) {
            if (!isTrimaranError(error, 'compose/invalid')) throw error;
            ours = false;
          }
          if (ours) accepted++;
          expect(ours).toBe(validate(data));
        },
      ),
      { numRuns: 1500 },
    );
    expect(accepted).toBeGreaterThan(100);
  });
});

describe('the parts', () => {
  it('interpolates every form', () => {
    const span = { file: 'f', line: 1, column: 1 };
    const lookUp = (name: string) => ({ A: 'a', E: '' })[name];
    const put = (text: string) => interpolate(text, { lookUp, span });
    expect(put('$A ${A} ${E-x} ${E:-x} ${N-x} ${N:-${A}b} ${A:+y} ${E:+y} ${E+y} ${N+y} $$A $( $1')).toBe(
      'a a  x x ab y  y  $A $( $1',
    );
    for (const text of ['${', '${A', '${1}', '${A!b}', '${N?}', '${E:?x}'])
      expect(() => put(text), text).toThrow();
    expect(() => put('${N:-'.repeat(500) + '}'.repeat(500))).toThrow('nested too deeply');
  });

  it('reads env files', () => {
    const text =
      '\ufeff# c\nA=1 # one\nB = "a\\nb\\"$A\\$A"\nC=\'x\ny\'\nexport D=${A}2#3\nE\nF=\nG: y\nH="" # z\n';
    expect(
      Object.fromEntries(parseEnvFile(text, '.env', (name) => (name === 'E' ? 'e' : undefined))),
    ).toEqual({
      A: '1',
      B: 'a\nb"1$A',
      C: 'x\ny',
      D: '12#3',
      E: 'e',
      F: '',
      G: 'y',
      H: '',
    });
    expect(() => parseEnvFile('A=1\n1 B', '.env', () => undefined)).toThrow('no variable name');
    expect(() => parseEnvFile('A="x', '.env', () => undefined)).toThrow('never closed');
  });

  it('splits commands and cleans project names', () => {
    expect(splitCommand(`a  'b c' "d \\" $e" f\\ g ''`)).toEqual(['a', 'b c', 'd " $e', 'f g', '']);
    expect(splitCommand('a "')).toBeUndefined();
    expect(projectName([undefined, ''], 'My Project.x')).toBe('myprojectx');
    expect(projectName(['_A-b_C'], 'x')).toBe('a-b_c');
    expect(projectName([], '')).toBe('default');
    expect(projectName([], '...')).toBe('');
  });

  it('meets any text with a tree or a TrimaranError', () => {
    const pieces = fc.array(
      fc.constantFrom(
        'a',
        ':',
        ' ',
        '\n',
        '- ',
        '{',
        '}',
        '[',
        ']',
        '&a ',
        '*a',
        '!reset ',
        '<<',
        '"',
        '|',
        '>',
        '\t',
        '?',
        '%',
        '---\n',
      ),
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          pieces.map((all) => all.join('')),
        ),
        (text) => {
          try {
            parseConfig(text, 'f');
          } catch (error) {
            if (!isTrimaranError(error)) throw error;
          }
        },
      ),
      { numRuns: 1500 },
    );
  });
});

describe('checkOverrides', () => {
  it('finds what the image lacks', async () => {
    write({ 'compose.yaml': seedLike });
    const api = (await load()).services[1]!;
    const has: Record<string, 'file' | 'directory'> = {
      '/': 'directory',
      '/bin': 'directory',
      '/bin/uvicorn': 'file',
    };
    const facts = {
      workingDir: '/nix/store/x-app',
      cmd: ['uvicorn', 'x:app'],
      env: ['PATH=/bin'],
      exposedPorts: ['8080/tcp'],
      kindOf: (path: string) => has[path],
    };
    expect(checkOverrides(api, facts).map((finding) => [finding.rule, finding.span.line])).toEqual([
      ['compose-volume-over-nothing', 17],
      ['compose-port-not-exposed', 23],
      ['compose-working-dir-missing', 24],
    ]);
    expect(checkOverrides(api, facts).at(-1)?.hint).toContain('/nix/store/x-app');
    const good = { ...facts, exposedPorts: ['80/tcp'], kindOf: () => 'directory' as const };
    expect(checkOverrides(api, good)).toEqual([]);
  });

  it('looks for commands on the PATH and users in passwd', async () => {
    write({ 'compose.yaml': 'services:\n  a: { image: i, command: serve, user: web }\n' });
    const service = (await load()).services[0]!;
    const facts = { env: ['PATH=/b'], users: ['root'], kindOf: () => undefined };
    expect(checkOverrides(service, facts).map((finding) => finding.rule)).toEqual([
      'compose-command-missing',
      'compose-user-missing',
    ]);
    const found = {
      ...facts,
      users: ['web'],
      kindOf: (path: string) => (path === '/b/serve' ? ('file' as const) : undefined),
    };
    expect(checkOverrides(service, found)).toEqual([]);
  });
});

describe('names that nothing declares', () => {
  const load = async (yaml: string) => {
    writeFileSync(join(directory, 'compose.yaml'), yaml);
    return loadComposeProject({ directory, environment: {} });
  };
  it.each([
    ['depends_on: [dbb]', 4, 'did you mean db?'],
    ['depends_on: { cache: { condition: service_started } }', 4, 'add it to `services:`; there are a, db'],
    ['network_mode: "service:other"', 4, 'add it to `services:`; there are a, db'],
    ['links: ["other:alias"]', 4, 'add it to `services:`; there are a, db'],
    ['volumes: ["data:/d"]', 4, 'declare it: `volumes: { data: {} }` at the top of the file'],
    [
      'volumes: [{ type: volume, source: data, target: /d }]',
      4,
      'declare it: `volumes: { data: {} }` at the top of the file',
    ],
    ['networks: { bck: null }', 4, 'did you mean back?'],
    ['secrets: [s]', 4, 'declare it: `secrets: { s: {} }` at the top of the file'],
    ['configs: [{ source: c, target: /c }]', 4, 'declare it: `configs: { c: {} }` at the top of the file'],
  ])('%s', async (line, at, hint) => {
    const yaml = `services:\n  a:\n    image: a\n    ${line}\n  db: { image: d }\nnetworks: { back: }\n`;
    await expect(load(yaml)).rejects.toMatchObject({ code: 'compose/undefined', span: { line: at }, hint });
  });

  it('are found in other files, in networks of their own, and where nothing is required', async () => {
    writeFileSync(join(directory, 'more.yaml'), 'services: { db: { image: d } }\nvolumes: { data: }\n');
    const project = await load(`include: [more.yaml]
services:
  a:
    image: a
    depends_on: { db: {}, later: { required: false } }
    volumes: ["data:/d", "/anonymous", "./here:/h", { type: tmpfs, target: /t }]
    networks: [default]
    network_mode: host
`);
    expect(project.services.map(({ name }) => name)).toEqual(['db', 'a']);
    await expect(load('a:\n  image: a\n  volumes: ["data:/d"]\n')).resolves.toBeDefined();
  });

  it('are nothing to an empty file, nor to several documents in one', async () => {
    await expect(load('# nothing\n')).rejects.toMatchObject({ code: 'compose/invalid' });
    await expect(load('services: { a: { image: x } }\n---\nservices: {}\n')).rejects.toMatchObject({
      code: 'compose/yaml',
      span: { line: 2 },
    });
  });
});
