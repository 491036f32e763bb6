import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { trimaranRoot } from '../../sets/cache-root.ts';
import { sourceState } from '../../sets/source-state.ts';
import { recallValue, rememberValue, type ValueKey } from './evaluation-memo.ts';

let directory: string;
let key: ValueKey;
const source = () => ({ directory: join(directory, 'flake'), tracked: undefined });

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'trimaran-values-'));
  mkdirSync(join(directory, 'flake'));
  writeFileSync(join(directory, 'flake/flake.nix'), '{ outputs = _: { }; }');
  key = {
    host: { env: { XDG_CACHE_HOME: join(directory, 'cache') }, cwd: directory },
    installable: '.#a',
    settings: {
      overrideInputs: new Map(),
      impure: false,
      writeLockFile: true,
      updateLockFile: true,
      refresh: false,
      offline: false,
      showTrace: false,
    },
    form: 'raw',
  };
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function remember(text: string): void {
  rememberValue(key, { source: source(), files: [], state: sourceState(source(), []), notes: [], text });
}

describe('a remembered value', () => {
  it('is given again while nothing has changed', () => {
    remember('42');
    expect(recallValue(key)?.text).toBe('42');
    expect(recallValue({ ...key, form: 'json' })).toBeUndefined();
    expect(recallValue({ ...key, apply: 'x: x' })).toBeUndefined();
  });

  it('is forgotten when a file of the flake changes or a new one appears', () => {
    remember('42');
    writeFileSync(join(directory, 'flake/other.nix'), '1');
    expect(recallValue(key)).toBeUndefined();
    remember('43');
    writeFileSync(join(directory, 'flake/other.nix'), '12');
    expect(recallValue(key)).toBeUndefined();
  });

  it('is forgotten when the store has lost what it names', () => {
    const base = `${'a'.repeat(32)}-hello.drv`;
    const info = join(trimaranRoot(key.host), 'info');
    mkdirSync(info, { recursive: true });
    writeFileSync(join(info, `${base}.json`), '{}');
    remember(`/nix/store/${base}`);
    expect(recallValue(key)?.text).toBe(`/nix/store/${base}`);
    rmSync(join(info, `${base}.json`));
    expect(recallValue(key)).toBeUndefined();
  });
});
