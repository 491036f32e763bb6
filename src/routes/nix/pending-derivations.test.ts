import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Derivation, derivationPath, writeDerivation } from '../../formats/derivation.ts';
import type { StorePath } from '../../formats/store-path.ts';
import { LocalStore } from '../../store/local-store.ts';
import { PendingDerivations } from './pending-derivations.ts';

let root: string;
let store: LocalStore;
let pending: PendingDerivations;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'trimaran-pending-'));
  store = new LocalStore({ root, storeDirectory: '/nix/store' });
  pending = new PendingDerivations(store);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function add(name: string, inputs: readonly StorePath[]): StorePath {
  const derivation: Derivation = {
    name,
    outputs: new Map([
      ['out', { path: `/nix/store/${'b'.repeat(32)}-${name}` as StorePath, hashAlgorithm: '', hash: '' }],
    ]),
    inputDrvs: new Map(inputs.map((path) => [path, ['out']] as const)),
    inputSrcs: [],
    system: 'x86_64-linux',
    builder: '/bin/sh',
    args: [],
    env: new Map(),
  };
  const path = pending.add(derivation, writeDerivation(derivation));
  expect(path).toBe(derivationPath(derivation, { storeDirectory: '/nix/store' }));
  return path;
}

describe('pending derivations', () => {
  it('come into the store with what they refer to, and others do not', () => {
    const low = add('low', []);
    const high = add('high', [low]);
    const other = add('other', [low]);
    expect([low, high, other].map((path) => store.isValid(path))).toEqual([false, false, false]);
    pending.write(high);
    expect([low, high, other].map((path) => store.isValid(path))).toEqual([true, true, false]);
    expect([...store.readDerivation(high).inputDrvs.keys()]).toEqual([low]);
    expect(store.info(high).references).toEqual([low]);
  });

  it('are written when a text names them or one of their outputs', () => {
    const named = add('named', []);
    const made = add('made', []);
    const silent = add('silent', []);
    pending.writeNamedIn(`["${named}","/nix/store/${'b'.repeat(32)}-made/bin/sh"]`);
    expect([named, made, silent].map((path) => store.isValid(path))).toEqual([true, true, false]);
  });
});
