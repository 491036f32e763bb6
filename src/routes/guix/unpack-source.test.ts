import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { encodeTar } from '../../formats/tar-write.ts';
import type { FileTree, TreeEntry } from '../../foundation/file-tree.ts';
import { unpackSource } from './unpack-source.ts';

const base = { mode: 0o644, uid: 0, gid: 0, mtime: 1 };
const file = (path: string, bytes: Buffer): TreeEntry => ({
  kind: 'file',
  path,
  ...base,
  content: { kind: 'bytes', bytes },
});
const archive = (...entries: TreeEntry[]) => Buffer.concat([...encodeTar(entries)]);
const source = (bytes: Buffer): FileTree => [file('', bytes)];
const paths = (tree: FileTree) => tree.map((entry) => entry.path);

describe('unpackSource', () => {
  it('enters the first folder of an archive', async () => {
    const tar = archive(
      { kind: 'directory', path: 'app-1.0', ...base },
      file('app-1.0/a', Buffer.from('a')),
      { kind: 'hardlink', path: 'app-1.0/b', target: 'app-1.0/a', ...base },
    );
    const tree = await unpackSource(source(gzipSync(tar)), 'app-1.0.tar.gz');
    expect(paths(tree)).toEqual(['', 'a', 'b']);
    expect(tree[2]).toMatchObject({ kind: 'hardlink', target: 'a' });
    expect(paths(await unpackSource(source(tar), 'app-1.0.tar'))).toEqual(['', 'a', 'b']);
  });

  it('takes an archive without a folder whole, and another file by itself', async () => {
    const tar = archive(file('a', Buffer.from('a')), file('b', Buffer.from('b')));
    expect(paths(await unpackSource(source(tar), 'x.tar'))).toEqual(['', 'a', 'b']);
    expect(paths(await unpackSource(source(Buffer.from('text')), 'notes.txt'))).toEqual(['', 'notes.txt']);
  });

  it('leaves a folder as it is', async () => {
    const tree: FileTree = [{ kind: 'directory', path: '', ...base }, file('a', Buffer.from('a'))];
    expect(await unpackSource(tree, 'app')).toBe(tree);
  });

  it('refuses zip archives by name, and damaged ones', async () => {
    await expect(unpackSource(source(Buffer.from('PK')), 'a.zip')).rejects.toMatchObject({
      code: 'guix/unsupported-source',
    });
    await expect(
      unpackSource(source(gzipSync(Buffer.from('x')).subarray(0, 12)), 'a.tar.gz'),
    ).rejects.toMatchObject({ code: expect.stringMatching(/^compression\//) });
  });
});
