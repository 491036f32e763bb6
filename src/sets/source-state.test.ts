import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sourceState } from './source-state.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'trimaran-state-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('sourceState', () => {
  const state = () => sourceState({ directory: folder, tracked: undefined }, []);

  it('changes with a file, wherever it lies', () => {
    mkdirSync(join(folder, 'a'));
    writeFileSync(join(folder, 'a/b'), 'one');
    const before = state();
    expect(state()).toBe(before);
    writeFileSync(join(folder, 'a/b'), 'other');
    expect(state()).not.toBe(before);
  });

  it('changes with a file whose name is no UTF-8', () => {
    const odd = Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0xff, 0xfe])]);
    mkdirSync(odd);
    const file = Buffer.concat([odd, Buffer.from('/file')]);
    writeFileSync(file, 'one');
    const before = state();
    writeFileSync(file, 'other');
    expect(state()).not.toBe(before);
  });
});
