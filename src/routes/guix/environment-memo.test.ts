import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { StorePath } from '../../formats/store-path.ts';
import type { PreparedRelease } from '../../sets/debian/prepared-release.ts';
import { LocalStore } from '../../store/local-store.ts';
import { evaluateGuix } from './evaluate-request.ts';
import { readPackSettings } from './pack-options.ts';

let root: string;
let store: LocalStore;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'guix-environment-'));
  store = new LocalStore({ root, storeDirectory: '/gnu/store' });
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const locked = (version: string) => ({
  version,
  architecture: 'amd64',
  path: `pool/x_${version}.deb`,
  size: 10,
  sha256: 'ab'.repeat(32),
});

/** A release that a lock knows, with one version of hello or another. */
const release = (hello: string): PreparedRelease => ({
  identity: {
    suite: 'bookworm',
    timestamp: '20260101T000000Z',
    releaseSha256: '00'.repeat(32),
    architecture: 'amd64',
  },
  indexFile: undefined,
  locked: {
    packages: new Map([
      ['hello', locked(hello)],
      ['python3-minimal', locked('3.11.2-1+b1')],
      ['python3-requests', locked('2.28.1+dfsg-1')],
    ]),
    python: new Map([['requests', 'python3-requests']]),
  },
});

function pack(names: readonly string[], hello = '2.10-3') {
  const { result, used } = evaluateGuix(
    {
      root,
      storeDirectory: '/gnu/store',
      build: 'test',
      system: 'x86_64-linux',
      cwd: root,
      env: {},
      channelsFile: undefined,
      loadPath: [],
      lockedCommits: new Map(),
      defaultSuite: 'bookworm',
      now: 0,
      timeLimit: 5000,
      action: {
        kind: 'pack',
        settings: readPackSettings({ format: 'docker' }),
        sources: { manifests: [], files: [], specifications: names, expressions: [] },
      },
    },
    { call: () => release(hello), note: () => {} },
  );
  if (result.kind !== 'derivations') throw new Error('no derivations');
  return { drvPath: result.derivations[0]!.drvPath, used };
}

/** All derivations that one needs, itself among them. */
function closure(drvPath: StorePath, seen = new Set<StorePath>()): string[] {
  if (!seen.has(drvPath)) {
    seen.add(drvPath);
    for (const input of store.readDerivation(drvPath).inputDrvs.keys()) closure(input, seen);
  }
  return [...seen].sort();
}

const names = ['hello', 'python-requests', 'python-minimal'];
const kept = () => readdirSync(join(root, 'environments'));

it('gives what making the derivations gives, and uses the same packages', () => {
  const first = pack(names);
  expect(kept()).toHaveLength(1);
  const all = closure(first.drvPath);
  const second = pack(names);
  expect(second).toEqual(first);
  expect(kept()).toHaveLength(1);
  rmSync(join(root, 'environments'), { recursive: true });
  expect(pack(names)).toEqual(first);
  expect(closure(first.drvPath)).toEqual(all);
});

it('is not used for other packages, or other versions of them', () => {
  const first = pack(names);
  expect(pack(names.slice(1)).drvPath).not.toBe(first.drvPath);
  expect(pack(names, '2.11').drvPath).not.toBe(first.drvPath);
  expect(kept()).toHaveLength(3);
});

it('is not used when the store has lost the derivation', () => {
  const first = pack(names);
  const all = closure(first.drvPath);
  for (const part of readdirSync(root)) {
    if (part !== 'environments') rmSync(join(root, part), { recursive: true });
  }
  expect(pack(names)).toEqual(first);
  store = new LocalStore({ root, storeDirectory: '/gnu/store' });
  expect(closure(first.drvPath)).toEqual(all);
});
