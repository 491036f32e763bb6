import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { flakeReferenceToAttributes, parseFlakeReference } from './flake-reference.ts';
import {
  parseRegistry,
  type Registries,
  type RegistryEntry,
  readRegistryFile,
  resolveInRegistries,
  writeRegistry,
} from './registry.ts';
import { startServer } from './test-server.ts';
import { temporaryFolder, testWorld, writeFiles } from './test-world.ts';

const rev = '1234567890123456789012345678901234567890';

function entry(from: string, to: string, more: Partial<RegistryEntry> = {}): RegistryEntry {
  const input = (text: string) => flakeReferenceToAttributes(parseFlakeReference(text));
  return { from: input(from), to: input(to), exact: false, ...more };
}

function registries(entries: readonly RegistryEntry[], global: readonly RegistryEntry[] = []): Registries {
  return {
    local: [
      { kind: 'flag', entries: [] },
      { kind: 'user', entries },
    ],
    global: async () => ({ kind: 'global', entries: global }),
  };
}

function resolve(text: string, from: Registries, use: 'all' | 'limited' | 'none' = 'all') {
  return resolveInRegistries(parseFlakeReference(text).input, from, use);
}

describe('a look-up', () => {
  it('goes from entry to entry, and hands branch and commit on', async () => {
    const tables = registries(
      [entry('a', 'b'), entry('exactly', 'github:o/exact', { exact: true })],
      [entry('b', 'github:o/r', { dir: 'sub' })],
    );
    expect(await resolve('a', tables)).toEqual({
      input: { type: 'github', owner: 'o', repo: 'r' },
      dir: 'sub',
    });
    expect((await resolve('a/next', tables)).input).toEqual({
      type: 'github',
      owner: 'o',
      repo: 'r',
      ref: 'next',
    });
    expect((await resolve(`a/${rev}`, tables)).input).toMatchObject({ rev });
    expect((await resolve('exactly', tables)).input).toMatchObject({ repo: 'exact' });
    await expect(resolve('exactly/x', tables)).rejects.toMatchObject({
      code: 'flake/registry-unknown',
      message: "cannot find flake 'flake:exactly/x' in the flake registries",
      hint: expect.stringContaining('--override-input exactly'),
    });
  });

  it('takes only flags and the global registry for inputs of flakes', async () => {
    const tables = registries([entry('a', 'github:user/r')], [entry('a', 'github:global/r')]);
    expect((await resolve('a', tables)).input).toMatchObject({ owner: 'user' });
    expect((await resolve('a', tables, 'limited')).input).toMatchObject({ owner: 'global' });
    expect((await resolve('a', tables, 'none')).input).toEqual({ type: 'indirect', id: 'a' });
  });

  it('ends where entries lead to each other', async () => {
    const tables = registries([entry('a', 'b'), entry('b', 'a')]);
    await expect(resolve('a', tables)).rejects.toMatchObject({
      code: 'flake/registry-cycle',
      message: "cycle detected in flake registry for 'flake:a'",
    });
  });
});

describe('registry.json', () => {
  const warnings: string[] = [];
  const options = {
    kind: 'user',
    file: 'registry.json',
    warn: (message: string) => warnings.push(message),
  } as const;

  it('is read as it is written', () => {
    const entries = [entry('a', 'github:o/r', { dir: 'x' }), entry('b', 'path:/x', { exact: true })];
    expect(parseRegistry(writeRegistry(entries), options)).toEqual({ kind: 'user', entries });
    expect(readRegistryFile('/nonexistent/registry.json', options)).toEqual({ kind: 'user', entries: [] });
    expect(warnings).toEqual([]);
  });

  it('counts as empty, with a warning, when it cannot be read', () => {
    const bad = [
      '{',
      '{ "version": 3 }',
      '{ "version": 2, "flakes": [{ "from": { "type": "path" }, "to": {} }] }',
    ];
    for (const text of bad) expect(parseRegistry(text, options).entries).toEqual([]);
    expect(warnings.length).toBe(bad.length);
    expect(warnings[1]).toBe(
      "cannot read flake registry 'registry.json': flake registry 'registry.json' has unsupported version 3",
    );
  });
});

describe('a session', () => {
  const table = (id: string, path: string) =>
    writeRegistry([{ from: { type: 'indirect', id }, to: { type: 'path', path }, exact: false }]);

  it('looks into flags, the user’s, the system’s and the global registry', async () => {
    const server = await startServer();
    const flake = writeFiles(temporaryFolder(), { 'flake.nix': '{ outputs = _: { }; }' });
    const world = testWorld();
    writeFiles(world.home, {
      '.config/nix/registry.json': table('user', flake),
      'etc/registry.json': table('system', flake),
    });
    server.answers.set('/registry.json', (_, response) => response.end(table('global', flake)));
    const settings = { flakeRegistry: `${server.url}/registry.json` };
    const flagRegistry = [entry('flag', `path:${flake}`)];
    const session = world.session({ settings, flagRegistry });
    for (const id of ['flag', 'user', 'system', 'global'])
      expect((await session.loadFlake(parseFlakeReference(id))).resolved.input.path).toBe(flake);
    expect(server.requests.length).toBe(1);
    await server.close();
    const later = world.session({ settings: { ...settings, tarballTtl: 0 } });
    expect((await later.loadFlake(parseFlakeReference('global'))).resolved.input.path).toBe(flake);
    expect(world.warnings.join()).toMatch(/using cached version/);
    await expect(
      testWorld().session({ settings }).loadFlake(parseFlakeReference('global')),
    ).rejects.toMatchObject({
      code: 'flake/fetch-failed',
      message: expect.stringContaining(
        `cannot fetch the flake registry: unable to download '${settings.flakeRegistry}'`,
      ),
      hint: expect.stringContaining('inputs.NAME.url'),
    });
    await expect(
      session.loadFlake(parseFlakeReference('user'), { useRegistries: false }),
    ).rejects.toMatchObject({
      code: 'flake/registry-off',
    });
  });

  it('reads the global registry from a file too', async () => {
    const flake = writeFiles(temporaryFolder(), { 'flake.nix': '{ outputs = _: { }; }' });
    const world = testWorld();
    const file = join(writeFiles(world.home, { 'r.json': table('global', flake) }), 'r.json');
    for (const flakeRegistry of [file, `file://${file}`])
      expect(
        (await world.session({ settings: { flakeRegistry } }).loadFlake(parseFlakeReference('global')))
          .resolved.input,
      ).toEqual({ type: 'path', path: flake });
  });
});
