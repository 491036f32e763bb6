import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { lockPython } from './lock-python.ts';

let server: Server | undefined;
afterEach(() => server?.close());

/** An index of wheels: `name version` and what each depends on. */
async function lock(index: Readonly<Record<string, readonly string[]>>, requirements: readonly string[]) {
  const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
  const pages = new Map<string, string>();
  const metadata = new Map<string, string>();
  for (const [key, dependencies] of Object.entries(index)) {
    const [name, version] = key.split(' ') as [string, string];
    const file = `${name}-${version}-py3-none-any.whl`;
    const text = [
      'Metadata-Version: 2.1',
      `Name: ${name}`,
      `Version: ${version}`,
      ...dependencies.map((dependency) => `Requires-Dist: ${dependency}`),
    ].join('\n');
    metadata.set(`/files/${file}.metadata`, text);
    const link = `<a href="/files/${file}#sha256=${sha256(file)}" data-core-metadata="sha256=${sha256(text)}">${file}</a>`;
    pages.set(`/simple/${name}/`, `${pages.get(`/simple/${name}/`) ?? ''}${link}\n`);
  }
  server = createServer((request, response) => {
    const text = pages.get(request.url!) ?? metadata.get(request.url!);
    response.writeHead(text === undefined ? 404 : 200, { 'content-type': 'text/html' }).end(text);
  });
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const found = await lockPython({
    host: { fetch, env: { PIP_INDEX_URL: `http://127.0.0.1:${port}/simple` } },
    cacheDirectory: '/nonexistent',
    requirements,
    python: '3.11',
    architecture: 'amd64',
    preferred: new Map(),
  });
  const versions = new Map(
    [...found.direct, ...found.indirect].map(([name, { version }]) => [name, version] as const),
  );
  return { versions: Object.fromEntries(versions), missed: found.missed };
}

describe('lockPython', () => {
  it('takes the newest versions where they agree', async () => {
    const { versions, missed } = await lock({ 'a 1': [], 'a 2': ['b>=1'], 'b 1': [], 'b 2': [] }, ['a']);
    expect(versions).toEqual({ a: '2', b: '2' });
    expect(missed).toEqual([]);
  });

  it('goes back to older ones where the newest contradict each other', async () => {
    const index = {
      'a 1': ['c<2'],
      'a 2': ['c<2'],
      'b 3': ['c>=2'],
      'b 2': ['c>=2'],
      'b 1': ['c>=1'],
      'c 1': [],
      'c 2': [],
    };
    const { versions, missed } = await lock(index, ['a', 'b']);
    expect(versions).toEqual({ a: '2', b: '1', c: '1' });
    expect(missed).toEqual([]);
  });

  it('goes back further than one step, and past what a recipe fixes', async () => {
    const index = {
      'web 1': ['core==1'],
      'plug 2': ['mid>=2'],
      'plug 1': ['mid<2'],
      'mid 2': ['core==2'],
      'mid 1': ['core<2'],
      'core 1': [],
      'core 2': [],
    };
    const { versions, missed } = await lock(index, ['web==1', 'plug']);
    expect(versions).toEqual({ 'web==1': '1', plug: '1', mid: '1', core: '1' });
    expect(missed).toEqual([]);
  });

  it('says what contradicts what where nothing suits', async () => {
    const index = { 'a 1': ['c<2'], 'b 1': ['c>=2'], 'c 1': [], 'c 2': [] };
    const { versions, missed } = await lock(index, ['a', 'b']);
    expect(versions).toEqual({ a: '1', b: '1' });
    expect(missed).toEqual([
      { requirement: 'c', reason: 'the index has no c <2, >=2, as a, b ask', code: 'lock/no-version' },
    ]);
  });

  it('ends where there is no end of versions', async () => {
    const index: Record<string, string[]> = { 'z 1': [] };
    for (let version = 1; version <= 300; version++) {
      index[`a ${version}`] = ['z>1'];
      index[`b ${version}`] = ['z>2'];
    }
    const { missed } = await lock(index, ['a', 'b']);
    expect(missed.map(({ requirement }) => requirement)).toEqual(['z']);
  });
});
