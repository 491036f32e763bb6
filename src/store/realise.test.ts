import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Derivation } from '../formats/derivation.ts';
import { staticOutputPaths } from '../formats/derivation-hash.ts';
import type { StorePath } from '../formats/store-path.ts';
import { type Host, silentProgress } from '../foundation/host.ts';
import type { Builder } from './builder.ts';
import { removeDiskTree } from './disk-tree.ts';
import { LocalStore } from './local-store.ts';
import { Realiser } from './realise.ts';

let folder: string;
let store: LocalStore;
let notes: string[];
let host: Host;
const memo = new Map();

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'trimaran-realise-'));
  store = new LocalStore({ root: join(folder, 'cache'), storeDirectory: '/nix/store' });
  notes = [];
  host = {
    env: {},
    cwd: folder,
    fetch,
    now: Date.now,
    run: () => Promise.reject(new Error('no processes here')),
    which: () => undefined,
    progress: { ...silentProgress, note: (message) => notes.push(message) },
  };
});
afterEach(() => removeDiskTree(folder));

interface Recipe extends Partial<Omit<Derivation, 'env' | 'outputs' | 'inputDrvs'>> {
  readonly name: string;
  readonly env?: Record<string, string>;
  readonly outputs?: Record<string, { readonly hashAlgorithm: string; readonly hash: string }>;
  readonly inputDrvs?: ReadonlyMap<StorePath, readonly string[]>;
}

/** Writes a derivation for `builtin:test` unless the recipe says otherwise. */
function derive(recipe: Recipe): { readonly path: StorePath; readonly derivation: Derivation } {
  const outputs = recipe.outputs ?? { out: { hashAlgorithm: '', hash: '' } };
  const derivation = staticOutputPaths(
    {
      system: 'builtin',
      builder: 'builtin:test',
      args: [],
      inputSrcs: [],
      ...recipe,
      inputDrvs: recipe.inputDrvs ?? new Map(),
      env: new Map(Object.entries({ name: recipe.name, ...recipe.env })),
      outputs: new Map(Object.entries(outputs).map(([name, output]) => [name, { path: '', ...output }])),
    },
    { memo, storeDirectory: '/nix/store', readDerivation: (path) => store.readDerivation(path) },
  );
  return { path: store.writeDerivation(derivation), derivation };
}

const realiser = (build: Builder, extra: Partial<ConstructorParameters<typeof Realiser>[0]> = {}) =>
  new Realiser({ store, host, builders: new Map([['test', build]]), ...extra });

const writeText =
  (text: (context: Parameters<Builder>[0]) => string): Builder =>
  async (context) => {
    for (const { plain } of context.outputs.values()) writeFileSync(plain, text(context));
  };

describe('building', () => {
  it('builds inputs first, each once, and finds references', async () => {
    const built: string[] = [];
    const leaf = derive({ name: 'leaf' });
    const source = store.addText({ name: 'source', text: 'from source' });
    const inputDrvs = new Map([[leaf.path, ['out']]]);
    const [left, right] = ['left', 'right'].map((name) => derive({ name, inputDrvs, inputSrcs: [source] }));
    const top = derive({
      name: 'top',
      inputDrvs: new Map([
        [left!.path, ['out']],
        [right!.path, ['out']],
      ]),
    });
    const session = realiser(async (context) => {
      built.push(context.derivation.name);
      const out = context.outputs.get('out')!;
      const text = context.inputs.map((path) => store.readFile(path).toString()).join(' ');
      writeFileSync(
        out.plain,
        `${context.derivation.name === 'left' ? context.inputs.join(' ') : ''}${text}`,
      );
    });
    const paths = await session.realise(top.path);
    expect(built[0]).toBe('leaf');
    expect(built.sort()).toEqual(['leaf', 'left', 'right', 'top']);
    const leafPath = leaf.derivation.outputs.get('out')!.path as StorePath;
    const leftPath = left!.derivation.outputs.get('out')!.path as StorePath;
    expect(store.info(leftPath)).toMatchObject({
      references: [leafPath, source].sort(),
      deriver: left!.path,
    });
    expect(store.info(right!.derivation.outputs.get('out')!.path as StorePath).references).toEqual([]);
    expect(paths.get('out')).toBe(top.derivation.outputs.get('out')!.path);
    await realiser(() => Promise.reject(new Error('built again'))).realise(top.path);
  });

  it('leaves the inputs of what is there alone', async () => {
    const missing = derive({ name: 'missing', builder: 'builtin:nobody-has-this' });
    const top = derive({ name: 'top', inputDrvs: new Map([[missing.path, ['out']]]) });
    const stage = store.stage(top.derivation.outputs.get('out')!.path as StorePath);
    writeFileSync(stage.plain, 'there');
    stage.commit({ form: 'plain', references: [] });
    await realiser(() => Promise.reject(new Error('built'))).realise(top.path);
  });

  it('replaces placeholders and keeps several outputs apart', async () => {
    const outputs = { out: { hashAlgorithm: '', hash: '' }, dev: { hashAlgorithm: '', hash: '' } };
    // nix-instantiate --eval -E 'builtins.placeholder "dev"'
    const placeholder = '/02qcpld1y6xhs5gz9bchpxaw0xdhmsp5dv88lh25r2ss44kh8dxz';
    const { path, derivation } = derive({ name: 'two', outputs, env: { flags: `-I${placeholder}/include` } });
    const session = realiser(async ({ env, outputs: places }) => {
      writeFileSync(places.get('out')!.plain, env.get('flags')!);
      mkdirSync(join(places.get('dev')!.plain, 'include'), { recursive: true });
    });
    await session.realise(path, ['out']);
    const dev = derivation.outputs.get('dev')!.path as StorePath;
    const out = derivation.outputs.get('out')!.path as StorePath;
    expect(store.readFile(out).toString()).toBe(`-I${dev}/include`);
    expect(store.info(out).references).toEqual([dev]);
  });

  it('keeps packed outputs and believes declared references', async () => {
    const input = store.addText({ name: 'input', text: 'x' });
    const { path } = derive({ name: 'packed', inputSrcs: [input] });
    const paths = await realiser(async ({ outputs }) => {
      const out = outputs.get('out')!;
      const common = { uid: 70, gid: 70, mtime: 7, mode: 0o2755 };
      await out.writePacked([
        { ...common, kind: 'directory', path: 'var' },
        { ...common, kind: 'file', path: 'var/x', content: { kind: 'bytes', bytes: Buffer.from('x') } },
      ]);
      out.declareReferences([input]);
    }).realise(path);
    const out = paths.get('out')!;
    expect(store.info(out)).toMatchObject({ form: 'packed', references: [input] });
    expect(store.tree(out)[0]).toMatchObject({ path: 'var', uid: 70, mode: 0o2755 });
    expect(store.info(out).tarSha256).toMatch(/^[0-9a-f]{64}$/);
  });

  it('builds once when two sessions want the same', async () => {
    const { path } = derive({ name: 'shared' });
    let builds = 0;
    const build: Builder = async ({ outputs }) => {
      builds++;
      await new Promise((resolve) => setTimeout(resolve, 50));
      writeFileSync(outputs.get('out')!.plain, 'x');
    };
    const other = new Realiser({
      store: new LocalStore({ root: store.root, storeDirectory: '/nix/store' }),
      host,
      builders: new Map([['test', build]]),
    });
    const mine = realiser(build);
    await Promise.all([mine.realise(path), mine.realise(path, ['out']), other.realise(path)]);
    expect(builds).toBe(1);
    expect(notes).toContain('waiting for another build of shared');
  });

  it('bounds the builds under way', async () => {
    let [now, most] = [0, 0];
    const session = realiser(
      async ({ outputs }) => {
        most = Math.max(most, ++now);
        await new Promise((resolve) => setTimeout(resolve, 5));
        writeFileSync(outputs.get('out')!.plain, 'x');
        now--;
      },
      { maxJobs: 2 },
    );
    await Promise.all(
      Array.from({ length: 8 }, (_, i) => session.realise(derive({ name: `job-${i}` }).path)),
    );
    expect(most).toBe(2);
  });

  it('goes through a chain of a thousand inputs', async () => {
    let last: StorePath | undefined;
    for (let i = 0; i < 1000; i++) {
      const inputDrvs = new Map(last === undefined ? [] : [[last, ['out']]]);
      last = derive({ name: `c${i}`, inputDrvs }).path;
    }
    let count = 0;
    const session = realiser(async ({ outputs }) => {
      if (++count === 3) throw new Error('far enough');
      writeFileSync(outputs.get('out')!.plain, 'x');
    });
    await expect(session.realise(last!)).rejects.toThrow('far enough');
  }, 120_000);
});

describe('failures', () => {
  it('leave nothing behind but the log, which the error names', async () => {
    const { path, derivation } = derive({ name: 'broken' });
    const session = realiser(async ({ outputs, log, folder: own }) => {
      writeFileSync(outputs.get('out')!.plain, 'half');
      writeFileSync(join(own, 'scratch'), '');
      for (let i = 1; i <= 30; i++) log(`line ${i}`);
      const { TrimaranError } = await import('../foundation/error.ts');
      throw new TrimaranError({ code: 'store/build-failed', message: 'builder failed with exit code 7' });
    });
    const failure = await session.realise(path).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: 'store/build-failed',
      message: expect.stringMatching(
        /^cannot build '.*-broken\.drv': builder failed with exit code 7\nlast 25 log lines:\n> line 6\n[\s\S]*> line 30$/,
      ),
      hint: expect.stringContaining(`for the full log, see ${store.root}/log/`),
    });
    expect(store.isValid(derivation.outputs.get('out')!.path as StorePath)).toBe(false);
    const log = readFileSync(join(store.root, 'log', readdirSync(join(store.root, 'log'))[0]!), 'utf8');
    expect(log.split('\n')).toHaveLength(31);
    const staging = join(store.root, 'staging');
    expect(readdirSync(staging).flatMap((name) => readdirSync(join(staging, name)))).toEqual([]);
    // Folders of locks are removed in the background.
    await expect
      .poll(() => (existsSync(join(store.root, 'locks')) ? readdirSync(join(store.root, 'locks')) : []))
      .toEqual([]);
  });

  it.each([
    [{ name: 'x', builder: 'builtin:tset' }, 'store/no-builder', 'did you mean test?'],
    [{ name: 'x', env: { __contentAddressed: '1' } }, 'store/unsupported-derivation', 'Nix itself'],
    [{ name: 'x', env: { requiredSystemFeatures: 'kvm' } }, 'store/unsupported-derivation', 'Nix itself'],
    [{ name: 'x', env: { exportReferencesGraph: 'one' } }, 'store/bad-attribute', undefined],
  ] as const)('refuses %j with %s', async (recipe, code, hint) => {
    const error = await realiser(async () => {})
      .realise(derive(recipe).path)
      .catch((caught: unknown) => caught);
    if (code === 'store/bad-attribute') expect(error).toMatchObject({ code });
    else expect(error).toMatchObject({ code, hint: expect.stringContaining(hint!) });
  });

  it('says that an output was not made', async () => {
    const error = realiser(async () => {}).realise(derive({ name: 'nothing' }).path);
    await expect(error).rejects.toMatchObject({
      code: 'store/no-output',
      message: expect.stringMatching(/^builder for '.*' failed to produce output path '.*-nothing'$/),
    });
  });

  it('says which output there is not', async () => {
    await expect(
      realiser(async () => {}).realise(derive({ name: 'x' }).path, ['oout']),
    ).rejects.toMatchObject({
      code: 'store/unknown-output',
      hint: 'did you mean out?',
    });
  });
});

describe('rules of a derivation', () => {
  const input = () => store.addText({ name: 'input', text: 'x' });
  const rule = (env: Record<string, string>, source: StorePath) =>
    realiser(writeText(() => source)).realise(derive({ name: 'ruled', env, inputSrcs: [source] }).path);

  it('hold for references', async () => {
    const source = input();
    for (const env of [
      { allowedReferences: '' },
      { allowedReferences: 'out' },
      { disallowedReferences: source },
      { allowedRequisites: '' },
      { disallowedRequisites: source },
    ]) {
      await expect(rule(env, source)).rejects.toMatchObject({
        code: 'store/output-rejected',
        message: expect.stringContaining(`is not allowed to refer to the following paths:\n  ${source}`),
      });
    }
    await rule({ allowedReferences: source, disallowedRequisites: 'out' }, source);
  });

  it('hold for sizes, per output, in structured attributes', async () => {
    const json = (limit: number) => JSON.stringify({ outputChecks: { out: { maxSize: limit } } });
    const build = (limit: number) =>
      realiser(writeText(() => 'x'.repeat(1000))).realise(
        derive({ name: 'sized', env: { __json: json(limit) } }).path,
      );
    await expect(build(1000)).rejects.toMatchObject({
      code: 'store/output-rejected',
      message: expect.stringMatching(/is too large at \d+ bytes; limit is 1000 bytes/),
    });
    await build(2000);
  });
});

describe('fixed outputs', () => {
  const text = 'the file\n';
  const sha256 = createHash('sha256').update(text).digest('hex');
  let server: Server;
  let base: string;
  let requests: string[] = [];

  beforeAll(async () => {
    server = createServer((request, response) => {
      requests.push(request.url!);
      if (request.url === '/wrong') response.end('other');
      else if (request.url === '/file') response.end(text);
      else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => new Promise((resolve) => server.close(resolve)));
  beforeEach(() => {
    requests = [];
  });

  const fetcher = (urls: string, hash = sha256, more: Partial<Recipe> = {}) =>
    derive({
      name: 'file',
      builder: 'builtin:fetchurl',
      outputs: { out: { hashAlgorithm: 'sha256', hash } },
      ...more,
      env: { urls, ...more.env },
    });
  const none: Builder = () => Promise.reject(new Error('built'));

  it('are fetched from the first address that has the right bytes', async () => {
    const { path } = fetcher(`${base}/none ${base}/wrong ${base}/file`);
    const out = (await realiser(none).realise(path)).get('out')!;
    expect(store.readFile(out).toString()).toBe(text);
    expect(store.info(out).contentAddress).toMatch(/^fixed:sha256:[0-9a-z]{52}$/);
    expect(requests).toEqual(['/none', '/wrong', '/file']);
    expect(readdirSync(join(store.root, 'downloads'))).toEqual([]);
  });

  it('are fetched from files too', async () => {
    writeFileSync(join(folder, 'local'), text);
    const out = (await realiser(none).realise(fetcher(`file://${folder}/local`).path)).get('out')!;
    expect(store.readFile(out).toString()).toBe(text);
  });

  it('take the place of a fetcher that only calls curl', async () => {
    const env = { showURLs: '', postFetch: '', downloadToTemp: '', curlOpts: '' };
    const missing = derive({ name: 'curl', builder: 'builtin:nobody-has-this' });
    const { path } = fetcher(`${base}/file`, sha256, {
      builder: '/nix/store/bash',
      inputDrvs: new Map([[missing.path, ['out']]]),
      env,
    });
    await realiser(none).realise(path);
    expect(requests).toEqual(['/file']);
  });

  it('may be executable when they are hashed as NARs', async () => {
    const wanted = store.addTree({
      name: 'file',
      tree: [
        {
          kind: 'file',
          path: '',
          mode: 0o755,
          uid: 0,
          gid: 0,
          mtime: 0,
          content: { kind: 'bytes', bytes: Buffer.from(text) },
        },
      ],
    });
    const hash = Buffer.from(
      await import('../formats/hash-text.ts').then(
        ({ parseHash }) => parseHash(store.narOf(wanted).narHash).bytes,
      ),
    );
    store.remove(wanted);
    const { path } = fetcher(`${base}/file`, '', {
      outputs: { out: { hashAlgorithm: 'r:sha256', hash: hash.toString('hex') } },
      env: { executable: '1' },
    });
    expect((await realiser(none).realise(path)).get('out')).toBe(wanted);
    expect(store.lstat(wanted)?.mode).toBe(0o555);
  });

  it('fail in the words of Nix when the hash is another', async () => {
    const { path } = fetcher(`${base}/wrong ${base}/none`);
    await expect(realiser(none).realise(path)).rejects.toMatchObject({
      code: 'store/hash-mismatch',
      message:
        `hash mismatch in fixed-output derivation '${path}':\n` +
        `  specified: sha256-${Buffer.from(sha256, 'hex').toString('base64')}\n` +
        `     got:    sha256-${createHash('sha256').update('other').digest('base64')}`,
    });
  });

  it('are checked whoever builds them', async () => {
    const outputs = { out: { hashAlgorithm: 'r:sha256', hash: sha256 } };
    const { path } = derive({ name: 'fixed', outputs });
    await expect(realiser(writeText(() => 'x')).realise(path)).rejects.toMatchObject({
      code: 'store/hash-mismatch',
    });
  });

  it('say that no address answers', async () => {
    await expect(realiser(none).realise(fetcher(`${base}/a ${base}/b`).path)).rejects.toMatchObject({
      code: 'download/not-found',
      exitCode: 4,
    });
    await expect(realiser(none).realise(fetcher('ftp://example.org/x').path)).rejects.toMatchObject({
      code: 'store/unsupported-url',
    });
  });
});
