// call-flake.nix run by real Nix over our nodes gives what Nix itself gives for the same flake.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import callFlake from './call-flake.nix';
import { callFlakeExpression, flakeNodes, nodeSources } from './flake-outputs.ts';
import { parseFlakeReference } from './flake-reference.ts';
import { writeJson } from './json.ts';
import { evaluationKey, flakeFingerprint, flakeMetadata, showFlakeMetadata } from './metadata.ts';
import { commitAll, temporaryFolder, testWorld, writeFiles } from './test-world.ts';

const hasNix = spawnSync('nix-instantiate', ['--version']).status === 0;
const version = spawnSync('nix', ['--version'], { encoding: 'utf8' }).stdout ?? '';
/** Nix 2.8 shows neither `_type` nor the `sourceInfo` of what is no flake. */
const hidden = / 2\.8\./.test(version) ? '[ "_type" "sourceInfo" ]' : '[ ]';

/** `v` shows what a flake sees of itself and its inputs, store paths as they are. */
const shows = `{ self, ... }@inputs: { v = builtins.mapAttrs (name: flake:
  let seen = removeAttrs flake ${hidden}; in
  { path = toString flake.outPath; keys = builtins.attrNames seen; info = builtins.attrNames (seen.sourceInfo or { });
    date = flake.lastModifiedDate or null; rev = flake.rev or null; type = seen._type or null;
    names = builtins.attrNames (flake.inputs or { }); }) inputs; }`;

const files = {
  'main/flake.nix': `{ inputs = { a.url = "path:ROOT/a"; a.inputs.n.follows = "n"; n.url = "path:ROOT/n"; again.follows = "a/m";
    data = { url = "path:ROOT/data"; flake = false; }; g.url = "git+file://ROOT/repo?ref=main"; }; outputs = ${shows}; }`,
  'a/flake.nix':
    '{ inputs.n.url = "path:ROOT/n"; inputs.m.url = "path:ROOT/n"; outputs = { self, n, m }: { x = n.y; }; }',
  'n/flake.nix': '{ outputs = _: { y = 5; }; }',
  'data/x': 'x',
  'repo/flake.nix': '{ outputs = _: { y = 6; }; }',
};

function world() {
  const root = temporaryFolder();
  writeFiles(
    root,
    Object.fromEntries(Object.entries(files).map(([name, text]) => [name, text.replaceAll('ROOT', root)])),
  );
  commitAll(join(root, 'repo'));
  return { root, ...testWorld() };
}

describe('a locked flake', () => {
  it('is data for the evaluator', async () => {
    const { root, session } = world();
    const { fetcher, ...rest } = session();
    expect(rest.settings.tarballTtl).toBe(3600);
    const locked = await session().lockFlake(parseFlakeReference(`path:${root}/main`));
    expect(flakeNodes(locked)).toEqual({
      root: 'root',
      nodes: {
        root: { inputs: { a: 'a', again: 'm', data: 'data', g: 'g', n: 'n' }, flake: true, dir: '' },
        a: { inputs: { m: 'm', n: 'n' }, flake: true, dir: '' },
        m: { inputs: {}, flake: true, dir: '' },
        n: { inputs: {}, flake: true, dir: '' },
        data: { inputs: {}, flake: false, dir: '' },
        g: { inputs: {}, flake: true, dir: '' },
      },
    });
    const sources = nodeSources(locked, fetcher);
    expect(sources.present('g')?.info).toMatchObject({
      shortRev: expect.any(String),
      submodules: false,
      revCount: 1,
    });
    expect(await sources.fetch('root')).toMatchObject({ storePath: expect.stringMatching(/-source$/) });
  });

  it('knows relative inputs of a lock by their parents, and debian sets by their attributes', async () => {
    const root = writeFiles(temporaryFolder(), {
      'flake.nix':
        '{ inputs.inner.url = "path:./in?dir=d"; inputs.d.url = "debian:bookworm"; outputs = _: { }; }',
      'in/d/flake.nix': '{ outputs = _: { }; }',
    });
    const { session } = testWorld();
    await session().lockFlake(parseFlakeReference(`path:${root}`));
    const locked = await session().lockFlake(parseFlakeReference(`path:${root}`));
    expect(flakeNodes(locked).nodes).toMatchObject({
      inner: { parent: 'root', path: './in', dir: 'd', flake: true },
      d: { debian: { type: 'debian', suite: 'bookworm', timestamp: '20261101T000000Z' } },
    });
  });

  it('says what to do when a tree cannot be fetched while evaluating', async () => {
    const { root, session, store } = world();
    await session().lockFlake(parseFlakeReference(`path:${root}/main`));
    const locked = await session().lockFlake(parseFlakeReference(`path:${root}/main`));
    const sources = nodeSources(locked, session().fetcher);
    const stored = sources.present('n')!.storePath;
    store.remove(stored as Parameters<typeof store.remove>[0]);
    writeFiles(root, { 'n/flake.nix': 'changed' });
    await expect(sources.fetch('n')).rejects.toMatchObject({
      code: 'flake/nar-hash-mismatch',
      related: [{ message: expect.stringContaining(`while fetching the input 'n' ('path:${root}/n?`) }],
    });
    writeFiles(root, { 'n/x': '' });
    const gone = parseFlakeReference(`path:${root}/gone`);
    await expect(session().loadFlake(gone)).rejects.toMatchObject({ code: 'flake/not-found' });
  });

  it.skipIf(!hasNix && process.env.CI !== 'true')('evaluates as in Nix', async () => {
    const { root, home, session } = world();
    await session().lockFlake(parseFlakeReference(`path:${root}/main`));
    const locked = await session().lockFlake(parseFlakeReference(`path:${root}/main`));
    const { nodes, root: rootKey } = flakeNodes(locked);
    const { fetcher } = session();
    const sources = nodeSources(locked, fetcher);
    const places = new Map<string, string>();
    const infos: Record<string, object> = {};
    for (const key of Object.keys(nodes)) {
      const { storePath, info } = await sources.fetch(key);
      const place = join(home, 'cache', storePath);
      places.set(place, storePath);
      infos[key] = { ...info, outPath: place };
    }
    writeFiles(home, { 'call.nix': callFlake, 'nodes.json': JSON.stringify({ nodes, infos }) });
    const ours = spawnSync(
      'nix-instantiate',
      [
        ...['--eval', '--strict', '--json', '--expr'],
        `let data = builtins.fromJSON (builtins.readFile ${home}/nodes.json); in
         (import ${home}/call.nix { inherit (data) nodes; root = "${rootKey}"; fetchNode = key: data.infos.\${key}; debianFlake = _: { }; }).v`,
      ],
      { encoding: 'utf8' },
    );
    expect(ours.status, ours.stderr).toBe(0);
    const theirs = spawnSync(
      'nix',
      [
        ...['--extra-experimental-features', 'nix-command flakes', 'eval', '--json', `path:${root}/main#v`],
        ...['--store', join(home, 'nix-store'), '--option', 'substituters', ''],
      ],
      { encoding: 'utf8', env: { ...process.env, HOME: home, XDG_CACHE_HOME: join(home, '.cache') } },
    );
    let text = ours.stdout;
    for (const [place, storePath] of places) text = text.replaceAll(place, storePath);
    expect(JSON.parse(text)).toEqual(JSON.parse(theirs.stdout));
  });

  it('comes with our own call-flake.nix', () => {
    expect(callFlakeExpression).toBe(callFlake);
  });
});

describe('metadata', () => {
  it('are those of `nix flake metadata`', async () => {
    const root = writeFiles(temporaryFolder(), {
      'sub/flake.nix': '{ description = "d"; outputs = _: { }; }',
    });
    const rev = commitAll(root);
    const locked = await testWorld()
      .session()
      .lockFlake(parseFlakeReference(`git+file://${root}?dir=sub`));
    const input = { type: 'git', url: `file://${root}` };
    expect(JSON.parse(writeJson(flakeMetadata(locked)))).toEqual({
      description: 'd',
      // SHA-256 of what Nix 2.34 puts together for it.
      fingerprint: flakeFingerprint(locked),
      lastModified: 1577923200,
      locked: {
        __final: true,
        dir: 'sub',
        lastModified: 1577923200,
        narHash: locked.flake.locked.input.narHash,
        ref: 'refs/heads/main',
        rev,
        revCount: 1,
        ...input,
      },
      locks: { nodes: { root: {} }, root: 'root', version: 7 },
      original: { dir: 'sub', ...input },
      originalUrl: `git+file://${root}?dir=sub`,
      path: locked.flake.location?.tree.storePath,
      resolved: { dir: 'sub', ...input },
      resolvedUrl: `git+file://${root}?dir=sub`,
      revCount: 1,
      revision: rev,
      url: `git+file://${root}?dir=sub&ref=refs/heads/main&rev=${rev}`,
    });
    expect(showFlakeMetadata(locked)).toContain(
      `Revision:      ${rev}\nRevisions:     1\nLast modified: 2020-01-02 00:00:00`,
    );
  });

  it('have a fingerprint only where nothing can change, and always a key', async () => {
    const { root, session } = world();
    const before = await session().lockFlake(parseFlakeReference(`path:${root}/main`));
    expect(flakeFingerprint(before)).toMatch(/^[0-9a-f]{64}$/);
    expect(showFlakeMetadata(before)).toMatch(
      /Inputs:\n├───a: path:.*\n│ {3}├───m: .*\n│ {3}└───n follows input 'n'\n├───again follows input 'a\/m'\n/,
    );
    writeFiles(root, { 'repo/flake.nix': 'x' });
    const dirty = await session()
      .loadFlake(parseFlakeReference(`git+file://${root}/repo`))
      .catch(() => undefined);
    expect(dirty).toBeUndefined();
    writeFiles(root, { 'repo/flake.nix': '{ outputs = _: { z = 1; }; }' });
    const unlocked = await session().lockFlake(parseFlakeReference(`git+file://${root}/repo`));
    expect(flakeFingerprint(unlocked)).toBeUndefined();
    expect(evaluationKey(unlocked)).toMatch(/^[0-9a-f]{64}$/);
    expect(evaluationKey(unlocked)).not.toBe(evaluationKey(before));
  });

  it('have the fingerprint of Nix 2.34 for a known flake', () => {
    // `nix flake metadata --json` for a repository at this commit, without inputs.
    const input = {
      type: 'git',
      url: 'file:///x',
      rev: 'fbc25bb9047c1c0390fcc959629bdf05312813f2',
      revCount: 1,
      lastModified: 1795346695,
    };
    const reference = { input, subdir: '' };
    const flake = {
      original: reference,
      resolved: reference,
      locked: reference,
      source: { inputs: {}, outputFormals: [] },
      inputs: new Map(),
    };
    const locked = {
      flake,
      lock: { root: { inputs: new Map() } },
      nodeLocations: new Map(),
      changes: [],
      forceDirty: false,
    };
    expect(flakeFingerprint(locked)).toBe('a8adaacdf227dd47ec14c4039374286c01c49c875bfc80a3d9e55b2adb0af7b3');
  });
});
