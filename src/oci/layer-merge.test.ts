import { describe, expect, it } from 'vitest';
import type { FileTree, TreeEntry } from '../foundation/file-tree.ts';
import { exampleImage, exampleTree } from './example-image.ts';
import { lookInto, mergeEntries, mergeImage } from './layer-merge.ts';
import { layerEntries } from './layer-tree.ts';
import { layerOfTree } from './layer-write.ts';
import { diffTrees } from './tree-diff.ts';

function shown(tree: FileTree): Record<string, string> {
  const text = (entry: TreeEntry): string => {
    switch (entry.kind) {
      case 'directory':
        return '/';
      case 'file':
        return entry.content.kind === 'bytes' ? Buffer.from(entry.content.bytes).toString() : '(region)';
      case 'symlink':
        return `-> ${entry.target}`;
      case 'hardlink':
        return `=> ${entry.target}`;
      default:
        return entry.kind;
    }
  };
  return Object.fromEntries(tree.map((entry) => [entry.path, text(entry)]));
}

const merged = (...trees: Record<string, string>[]) => shown(mergeEntries(trees.map(exampleTree)).tree);

describe('mergeEntries', () => {
  it('lets upper files replace lower ones and adds missing directories', () => {
    expect(merged({ 'a/b': '1', c: '2' }, { 'a/d': '3', c: '4' })).toEqual({
      a: '/',
      'a/b': '1',
      'a/d': '3',
      c: '4',
    });
  });

  it('removes what a whiteout names, with all below it, but not what its own layer puts there', () => {
    expect(merged({ 'a/b': '1', 'a/c': '2', d: '3' }, { '.wh.a': '', '.wh.nothing': '' })).toEqual({
      d: '3',
    });
    expect(merged({ 'a/b': '1', 'a/c': '2' }, { '.wh.a': '', 'a/d': '3' })).toEqual({ a: '/', 'a/d': '3' });
  });

  it('empties an opaque directory of what the layers below put there', () => {
    expect(merged({ 'a/b': '1', 'a/c/d': '2' }, { 'a/.wh..wh..opq': '', 'a/e': '3' })).toEqual({
      a: '/',
      'a/e': '3',
    });
  });

  it('ignores the marks of aufs', () => {
    expect(merged({ '.wh..wh.plnk': '', a: '1' })).toEqual({ a: '1' });
  });

  it('replaces directories by files, files by directories, links by directories', () => {
    expect(merged({ 'a/b': '1' }, { a: '2' })).toEqual({ a: '2' });
    expect(merged({ a: '1' }, { 'a/': '' })).toEqual({ a: '/' });
    expect(merged({ lib: '-> usr/lib' }, { 'lib/x': '1' })).toEqual({ lib: '/', 'lib/x': '1' });
    expect(merged({ 'a/b': '1' }, { 'a/': '' })).toEqual({ a: '/', 'a/b': '1' });
  });

  it('keeps the content of hard links whose first name goes away', () => {
    expect(merged({ a: 'x', b: '=> a', c: '=> a' })).toEqual({ a: 'x', b: '=> a', c: '=> a' });
    expect(merged({ a: 'x', b: '=> a', c: '=> a' }, { '.wh.a': '' })).toEqual({ b: 'x', c: '=> b' });
    expect(merged({ a: 'x', b: '=> a' }, { a: 'y' })).toEqual({ a: 'y', b: 'x' });
    expect(merged({ a: 'x' }, { b: '=> a' })).toEqual({ a: 'x', b: '=> a' });
    expect(merged({ b: '=> nowhere' })).toEqual({ b: '=> nowhere' });
  });

  it('says which layer each path is from', () => {
    const { layerOf } = mergeEntries([exampleTree({ a: '1', b: '2' }), exampleTree({ b: '3' })]);
    expect([...layerOf]).toEqual(
      expect.arrayContaining([
        ['a', 0],
        ['b', 1],
      ]),
    );
  });
});

describe('layerEntries', () => {
  it('reads back the tree a layer was made of', async () => {
    const tree = exampleTree({
      'dir/': '',
      'dir/empty': '',
      'dir/large': 'x'.repeat(300_000),
      [`dir/${'long'.repeat(60)}`]: 'y',
      link: '-> dir',
      hard: '=> dir/empty',
    });
    const entries = await layerEntries(await layerOfTree(tree));
    expect(shown(entries)).toEqual(shown(tree));
  });

  it('merges the layers of an image', async () => {
    const image = await exampleImage([exampleTree({ a: '1' }), exampleTree({ b: '2' })]);
    expect(shown((await mergeImage(image)).tree)).toEqual({ a: '1', b: '2' });
  });
});

describe('diffTrees', () => {
  it('finds what was added, removed and changed, and where contents differ', async () => {
    const before = exampleTree({ a: 'same', b: 'abcdef', c: 'gone', d: 'short', l: '-> x', 't/': '' });
    const after = exampleTree({ a: 'same', b: 'abcxef', d: 'shorter', e: 'new', l: '-> y', t: 'file' });
    const changes = await diffTrees(before, after);
    expect(
      changes.map((change) => [
        change.change,
        change.path,
        ...(change.change === 'changed' ? [change.fields, change.firstDifference] : []),
      ]),
    ).toEqual([
      ['changed', 'b', ['content'], 3],
      ['removed', 'c'],
      ['changed', 'd', ['size', 'content'], 5],
      ['added', 'e'],
      ['changed', 'l', ['target'], undefined],
      ['changed', 't', ['mode', 'kind'], undefined],
    ]);
    expect(await diffTrees(before, before)).toEqual([]);
  });

  it('sees mode, owner, time and attributes', async () => {
    const [entry] = exampleTree({ a: 'x' }) as [TreeEntry];
    const xattrs = new Map([['user.a', Buffer.from('1')]]);
    const [change] = await diffTrees([entry], [{ ...entry, mode: 0o600, uid: 5, mtime: 9, xattrs }]);
    expect(change).toMatchObject({ fields: ['mode', 'owner', 'mtime', 'xattrs'] });
  });
});

describe('lookInto', () => {
  it('finds what the merged tree has, and nothing else', () => {
    const layers = [
      exampleTree({ 'a/b': '1', 'a/c': '2', 'd/e': '3', f: '4', g: '-> f' }),
      exampleTree({ '.wh.d': '', 'a/.wh.c': '', 'a/h': '=> f', f: '5' }),
    ];
    const lookUp = lookInto(layers);
    const { tree } = mergeEntries(layers);
    expect(tree.map(({ path }) => lookUp(path)?.entry.kind === undefined)).not.toContain(true);
    for (const path of ['d', 'd/e', 'a/c', 'f/x', 'nothing']) expect(lookUp(path)).toBeUndefined();
    expect(lookUp('')?.children?.size).toBe(3);
    expect([...lookUp('a')!.children!.keys()].sort()).toEqual(['b', 'h']);
    expect(lookUp('a/h')?.entry.kind).toBe('file');
    expect(lookUp('g')?.entry).toMatchObject({ kind: 'symlink', target: 'f' });
  });
});
