import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FileTree, fileTree, type TreeEntry } from '../foundation/file-tree.ts';
import { moveOnDisk, readContent, readDiskTree, removeDiskTree, writeDiskTree } from './disk-tree.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'trimaran-tree-'));
});
afterEach(() => removeDiskTree(folder));

const isRoot = process.geteuid?.() === 0;
const own = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
const bytes = (text: string) => ({ kind: 'bytes', bytes: Buffer.from(text) }) as const;
const directory = (path: string, mode = 0o755): TreeEntry => ({
  kind: 'directory',
  path,
  mode,
  ...own,
  mtime: 5,
});
const file = (path: string, text = 'x', mode = 0o644): TreeEntry => {
  return { kind: 'file', path, mode, ...own, mtime: 5, content: bytes(text) };
};

/** A tree with contents in place of where they lie. */
const loaded = (tree: FileTree) =>
  tree.map((entry) => {
    return entry.kind === 'file'
      ? { ...entry, content: readContent(entry.content).toString('latin1') }
      : entry;
  });

describe('trees on disk', () => {
  it('come back as they were written', () => {
    const name = fc
      .uint8Array({ minLength: 1, maxLength: 6 })
      .map((part) => Buffer.from(part).toString('latin1').replace(/[/\0]/g, '_'))
      .filter((text) => text !== '.' && text !== '..');
    const mode = fc.integer({ min: 0, max: 0o777 }).map((bits) => bits | 0o600);
    const leaf = fc.tuple(name, mode, fc.uint8Array({ maxLength: 20 }), fc.integer({ min: 0, max: 2 ** 31 }));
    let round = 0;
    fc.assert(
      fc.property(fc.array(fc.tuple(name, fc.array(leaf, { maxLength: 4 })), { maxLength: 3 }), (folders) => {
        const entries = new Map<string, TreeEntry>([['', directory('')]]);
        for (const [parent, leaves] of folders) {
          entries.set(parent, directory(parent, 0o711));
          for (const [leafName, leafMode, content, mtime] of leaves) {
            const path = `${parent}/${leafName}`;
            entries.set(path, {
              kind: 'file',
              path,
              mode: leafMode,
              ...own,
              mtime,
              content: { kind: 'bytes', bytes: content },
            });
          }
        }
        const tree = fileTree(entries.values());
        const path = join(folder, String(round++));
        writeDiskTree({ tree, path, owners: 'ignore' });
        expect(loaded(readDiskTree(path))).toEqual(loaded(tree));
      }),
      { numRuns: 60 },
    );
  });

  it('of nothing are an empty folder', () => {
    const path = join(folder, 'tree');
    writeDiskTree({ tree: [], path, owners: 'apply' });
    expect(readDiskTree(path).map(({ path: name, kind }) => [name, kind])).toEqual([['', 'directory']]);
  });

  it('keep hard links, set-id bits and links', () => {
    const tree = fileTree([
      directory(''),
      file('b', 'same', 0o4755),
      { kind: 'hardlink', path: 'a/name', target: 'b', mode: 0o4755, ...own, mtime: 5 },
      { kind: 'symlink', path: 'link', target: '/somewhere/else', mode: 0o777, ...own, mtime: 9 },
      directory('read-only', 0o555),
      file('read-only/file'),
    ]);
    const path = join(folder, 'tree');
    writeDiskTree({ tree, path, owners: 'ignore' });
    expect(statSync(join(path, 'a/name')).ino).toBe(statSync(join(path, 'b')).ino);
    expect(lstatSync(join(path, 'link')).mtimeMs).toBe(9000);
    const back = readDiskTree(path);
    expect(back.map(({ path: name, kind, mode }) => [name, kind, mode])).toEqual([
      ['', 'directory', 0o755],
      ['a', 'directory', 0o755],
      // The first name by byte is the file.
      ['a/name', 'file', 0o4755],
      ['b', 'hardlink', 0o4755],
      ['link', 'symlink', 0o777],
      ['read-only', 'directory', 0o555],
      ['read-only/file', 'file', 0o644],
    ]);
  });

  it.each([
    ['../out', [file('../out')]],
    ['a/../../out', [directory('a'), file('a/../../out')]],
    ['//etc', [file('//etc')]],
    [
      'below a link',
      [{ kind: 'symlink', path: 'a', target: '..', mode: 0o777, ...own, mtime: 0 } as const, file('a/out')],
    ],
    ['below a file', [file('a'), file('a/out')]],
    ['NUL', [file('a\0b')]],
    [
      'a hard link to outside',
      [{ kind: 'hardlink', path: 'a', target: '../secret', mode: 0, ...own, mtime: 0 } as const],
    ],
    [
      'a hard link through a link',
      [
        { kind: 'symlink', path: 'a', target: '..', mode: 0o777, ...own, mtime: 0 } as const,
        { kind: 'hardlink', path: 'b', target: 'a/secret', mode: 0, ...own, mtime: 0 } as const,
      ],
    ],
  ] as [string, TreeEntry[]][])('write nothing outside their place: %s', (_, entries) => {
    writeFileSync(join(folder, 'secret'), 'secret');
    const path = join(folder, 'tree');
    expect(() => writeDiskTree({ tree: [directory(''), ...entries], path, owners: 'ignore' })).toThrowError(
      expect.objectContaining({ code: 'store/unsafe-tree' }),
    );
    expect(existsSync(join(folder, 'out'))).toBe(false);
    expect(statSync(join(folder, 'secret')).nlink).toBe(1);
  });

  it('copy regions of files, large ones whole', () => {
    const source = join(folder, 'source');
    const contents = Buffer.alloc(700_000, 'abc');
    writeFileSync(source, contents);
    const region = (path: string, offset: number, length: number): TreeEntry => {
      return {
        kind: 'file',
        path,
        mode: 0o600,
        ...own,
        mtime: 5,
        content: { kind: 'region', file: source, offset, length },
      };
    };
    const path = join(folder, 'tree');
    writeDiskTree({
      tree: [region('part', 100, 600_000), region('whole', 0, 700_000)],
      path,
      owners: 'ignore',
    });
    expect(readFileSync(join(path, 'part')).equals(contents.subarray(100, 600_100))).toBe(true);
    expect(readFileSync(join(path, 'whole')).equals(contents)).toBe(true);
    expect(statSync(join(path, 'whole')).mode & 0o777).toBe(0o600);
    expect(() =>
      writeDiskTree({ tree: [region('', 0, 800_000)], path: join(folder, 'b'), owners: 'ignore' }),
    ).toThrowError(expect.objectContaining({ code: 'store/file-changed' }));
  });

  it.runIf(isRoot)('get their owners when asked', () => {
    const path = join(folder, 'tree');
    const owned = { uid: 70, gid: 71, mtime: 5 };
    const tree: TreeEntry[] = [
      { ...owned, kind: 'directory', path: '', mode: 0o2775 },
      { ...owned, kind: 'file', path: 'file', mode: 0o4755, content: bytes('x') },
    ];
    writeDiskTree({ tree, path, owners: 'apply' });
    expect(loaded(readDiskTree(path))).toEqual(loaded(tree));
  });

  it('are removed and moved though they are read-only', () => {
    const path = join(folder, 'tree');
    mkdirSync(join(path, 'deep'), { recursive: true });
    writeFileSync(join(path, 'deep/file'), '');
    execFileSync('chmod', ['-R', 'a-w', path]);
    mkdirSync(join(folder, 'other'));
    moveOnDisk(path, join(folder, 'other/tree'));
    expect(statSync(join(folder, 'other/tree')).mode & 0o777).toBe(0o555);
    removeDiskTree(join(folder, 'other/tree'));
    expect(existsSync(join(folder, 'other/tree'))).toBe(false);
    removeDiskTree(join(folder, 'never-was'));
  });
});
