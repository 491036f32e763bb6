import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { digestOf } from '../../../foundation/digest.ts';
import {
  type FetchBuiltinContext,
  fetchFileBuiltin,
  fetchTreeBuiltin,
  fetchTreeUrlBuiltin,
  flakeRefToStringBuiltin,
  parseFlakeRefBuiltin,
} from './fetch-builtins.ts';
import { startServer } from './test-server.ts';
import { commitAll, temporaryFolder, testWorld, writeFiles } from './test-world.ts';

function context(
  options: { readonly isPure?: boolean; readonly warnings?: string[] } = {},
): FetchBuiltinContext {
  const world = testWorld();
  const session = world.session();
  return {
    fetcher: session.fetcher,
    store: world.store,
    registries: session.context.registries,
    isPure: options.isPure ?? false,
    warn: (message) => options.warnings?.push(message),
  };
}

function repository(): { readonly path: string; readonly rev: string } {
  const path = writeFiles(temporaryFolder(), {
    a: '1',
    '.gitattributes': 'hidden export-ignore',
    hidden: '1',
  });
  return { path, rev: commitAll(path) };
}

describe('fetchGit', () => {
  it('leaves out what is export-ignored and has all attributes', async () => {
    const { path, rev } = repository();
    const tree = await fetchTreeBuiltin(context(), {
      attributes: { url: path, name: 'n' },
      builtin: 'fetchGit',
    });
    expect(tree.outPath).toMatch(/-n$/);
    expect(tree.attributes).toEqual({
      narHash: expect.stringMatching(/^sha256-/),
      submodules: false,
      rev,
      shortRev: rev.slice(0, 7),
      revCount: 1,
      lastModified: 1577923200,
      lastModifiedDate: '20200102000000',
    });
  });

  it('gives a revision of zeros for a dirty tree', async () => {
    const { path, rev } = repository();
    writeFiles(path, { a: '2' });
    const tree = await fetchTreeBuiltin(context(), { attributes: { url: path }, builtin: 'fetchGit' });
    expect(tree.attributes).toMatchObject({
      rev: '0'.repeat(40),
      shortRev: '0000000',
      revCount: 0,
      dirtyRev: `${rev}-dirty`,
    });
  });
});

describe('fetchTree', () => {
  it('is shallow for git, and takes URLs', async () => {
    const { path, rev } = repository();
    const attributes = { type: 'git', url: `file://${path}`, rev, lastModified: 1577923200n };
    const tree = await fetchTreeBuiltin(context({ isPure: true }), { attributes, builtin: 'fetchTree' });
    expect(tree.attributes).toMatchObject({ rev, lastModified: 1577923200 });
    expect(tree.attributes).not.toHaveProperty('revCount');
    const wrong = { attributes: { ...attributes, lastModified: 7 }, builtin: 'fetchTree' } as const;
    await expect(fetchTreeBuiltin(context(), wrong)).rejects.toMatchObject({
      code: 'flake/attribute-mismatch',
      message: `'lastModified' attribute mismatch in input 'git+file://${path}?ref=refs/heads/main&rev=${rev}&shallow=1', expected 7, got 1577923200`,
    });
    expect((await fetchTreeUrlBuiltin(context(), `git+file://${path}?rev=${rev}`)).attributes.revCount).toBe(
      1,
    );
  });

  it('fetches nothing unlocked in pure mode, and warns of what only a hash fixes', async () => {
    const path = writeFiles(temporaryFolder(), { a: '1' });
    const fetch = (more: Record<string, string>, options: { isPure: boolean; warnings?: string[] }) =>
      fetchTreeBuiltin(context(options), {
        attributes: { type: 'path', path, ...more },
        builtin: 'fetchTree',
      });
    await expect(fetch({}, { isPure: true })).rejects.toMatchObject({
      code: 'flake/unlocked-in-pure-mode',
      message: `in pure evaluation mode, 'fetchTree' doesn't fetch unlocked input 'path:${path}'`,
    });
    const { attributes } = await fetch({}, { isPure: false });
    await expect(fetch({ narHash: String(attributes.narHash) }, { isPure: true })).resolves.toBeDefined();
  });

  it('refuses arguments that it does not have', async () => {
    const refused: readonly (readonly [Record<string, string | number>, string])[] = [
      [{ url: 'x' }, "argument 'type' is missing in call to 'fetchTree'"],
      [{ type: 'path', path: '/', name: 'x' }, "argument 'name' isn’t supported in call to 'fetchTree'"],
      [
        { type: 'path', path: '/', lastModified: -1 },
        "negative value given for 'fetchTree' argument 'lastModified': -1",
      ],
      [{ type: 'path', path: '/', what: 'x' }, "input attribute 'what' not supported by scheme 'path'"],
    ];
    for (const [attributes, message] of refused)
      await expect(fetchTreeBuiltin(context(), { attributes, builtin: 'fetchTree' })).rejects.toMatchObject({
        code: 'flake/bad-attribute',
        message,
      });
  });
});

describe('fetchurl', () => {
  it('checks the hash, and needs no network for what is here', async () => {
    const server = await startServer();
    server.answers.set('/f', (_, response) => response.end('hi'));
    const ours = context();
    const request = { url: `${server.url}/f`, name: 'f', unpack: false };
    const expectedHash = digestOf('sha256', 'hi');
    const path = await fetchFileBuiltin(ours, { ...request, expectedHash });
    expect(path).toMatch(/-f$/);
    expect(readFileSync(ours.store.physicalPath(path), 'utf8')).toBe('hi');
    await server.close();
    expect(await fetchFileBuiltin(ours, { ...request, url: 'http://127.0.0.1:1/', expectedHash })).toBe(path);
    await expect(
      fetchFileBuiltin(ours, { ...request, expectedHash: digestOf('sha256', 'ho') }),
    ).rejects.toMatchObject({
      code: 'flake/hash-mismatch',
      message: expect.stringMatching(
        /hash mismatch in file downloaded from '.*':\n {2}specified: sha256:\w{52}\n {2}got: {7}sha256:/,
      ),
    });
  });
});

it('turns references into attributes and back', () => {
  expect(parseFlakeRefBuiltin('github:o/r?dir=x')).toEqual({
    type: 'github',
    owner: 'o',
    repo: 'r',
    dir: 'x',
  });
  expect(flakeRefToStringBuiltin({ type: 'github', owner: 'o', repo: 'r', dir: 'x' })).toBe(
    'github:o/r?dir=x',
  );
  expect(flakeRefToStringBuiltin({ type: 'path', path: '/a', lastModified: 5n })).toBe(
    'path:/a?lastModified=5',
  );
});
