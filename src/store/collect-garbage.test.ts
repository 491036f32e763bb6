import { existsSync, mkdtempSync, readdirSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseStorePath, type StorePath } from '../formats/store-path.ts';
import { writeTarFileSync } from '../formats/tar-write.ts';
import { collectGarbage } from './collect-garbage.ts';
import { removeDiskTree, writeDiskTree } from './disk-tree.ts';
import { LocalStore } from './local-store.ts';
import { objectInfoFile } from './object-info.ts';

let root: string;
const anHourAgo = Date.now() - 3_600_000;
const opened = () => new LocalStore({ root, storeDirectory: '/nix/store' });

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'trimaran-garbage-'));
});
afterEach(() => removeDiskTree(root));

const add = (name: string, references: StorePath[] = []) =>
  opened().addText({ name, text: [name, ...references].join('\n'), references });
const age = (...paths: StorePath[]) => {
  for (const path of paths) utimesSync(objectInfoFile(root, path), 1000, 1000);
};
const valid = () => readdirSync(join(root, 'info')).map((name) => name.slice(33, -5));

function output(name: string, deriver: StorePath): StorePath {
  const path = parseStorePath(`/nix/store/1rz4g4znpzjwh1xymhjpm42vipw92pr7-${name}`, '/nix/store');
  const stage = opened().stage(path);
  const content = { kind: 'bytes', bytes: Buffer.from('x'.repeat(10_000)) } as const;
  const file = { kind: 'file', path: '', mode: 0o444, uid: 0, gid: 0, mtime: 1, content } as const;
  writeDiskTree({ tree: [file], path: stage.plain, owners: 'ignore' });
  stage.commit({ form: 'plain', references: [], deriver });
  return path;
}

describe('collectGarbage', () => {
  it('deletes what is old, but not what something needs that stays', () => {
    const [library, old] = [add('library'), add('old')];
    const program = add('program', [library]);
    age(library, old);
    const freed = collectGarbage({ root, roots: [], usedSince: anHourAgo });
    expect(freed.count).toBe(1);
    expect(freed.bytes).toBeGreaterThan(0);
    expect(valid().sort()).toEqual(['library', 'program']);
    expect(readdirSync(join(root, 'nix/store'))).toHaveLength(2);
    age(program, library);
    expect(collectGarbage({ root, roots: [], usedSince: anHourAgo, dryRun: true }).count).toBe(2);
    expect(valid()).toHaveLength(2);
    expect(collectGarbage({ root, roots: [], usedSince: anHourAgo }).count).toBe(2);
    expect(valid()).toEqual([]);
  });

  it('keeps what roots lead to, and what it was built from', () => {
    const tool = add('tool.drv');
    const image = add('image.drv', [tool]);
    const result = output('image', image);
    const other = add('other.drv', [tool]);
    age(tool, image, result, other);
    const roots = [opened().physicalPath(result)];
    expect(collectGarbage({ root, roots, usedSince: anHourAgo }).count).toBe(1);
    expect(valid().sort()).toEqual(['image', 'image.drv', 'tool.drv']);
  });

  it('keeps packed objects too that roots lead to', () => {
    const path = parseStorePath('/nix/store/1rz4g4znpzjwh1xymhjpm42vipw92pr7-packed', '/nix/store');
    const stage = opened().stage(path);
    const { sha256 } = writeTarFileSync({ file: stage.tar, entries: [] });
    stage.commit({ form: 'packed', references: [], tarSha256: sha256 });
    const roots = [opened().materialise(path)];
    age(path);
    expect(collectGarbage({ root, roots, usedSince: anHourAgo }).count).toBe(0);
    expect(collectGarbage({ root, roots: [], usedSince: anHourAgo }).count).toBe(1);
    expect(existsSync(roots[0]!)).toBe(false);
  });

  it('keeps what was asked for since, as reading notes it', () => {
    const [one, two] = [add('one'), add('two')];
    age(one, two);
    expect(opened().isValid(one)).toBe(true);
    collectGarbage({ root, roots: [], usedSince: anHourAgo });
    expect(valid()).toEqual(['one']);
  });

  it('has nothing to do where there is no store', () => {
    expect(collectGarbage({ root: join(root, 'none'), roots: [], usedSince: anHourAgo })).toEqual({
      count: 0,
      bytes: 0,
    });
  });
});
