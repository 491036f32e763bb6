import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FileTree, fileTree, type TreeEntry } from '../../foundation/file-tree.ts';
import { type InstallPlanEntry, installFiles } from './copy-builder.ts';

const base = { mode: 0o644, uid: 0, gid: 0, mtime: 1 };

function treeOf(...files: readonly string[]): FileTree {
  const entries = new Map<string, TreeEntry>([['', { kind: 'directory', path: '', ...base }]]);
  for (const path of files) {
    const parts = path.split('/');
    for (let i = 1; i < parts.length; i++) {
      const folder = parts.slice(0, i).join('/');
      entries.set(folder, { kind: 'directory', path: folder, ...base });
    }
    entries.set(path, { kind: 'file', path, ...base, content: { kind: 'bytes', bytes: Buffer.from(path) } });
  }
  return fileTree(entries.values());
}

const source = treeOf('foo/bar', 'foo/sub/file', 'foo/sub/other.txt', 'top', 'LICENSE');

function installed(...plan: InstallPlanEntry[]): string[] {
  return installFiles(source, plan).flatMap((entry) => (entry.kind === 'directory' ? [] : [entry.path]));
}

describe('installFiles', () => {
  // The examples of the Guix manual, "Build Systems", and the cases between them.
  it.each<[InstallPlanEntry, string[]]>([
    [{ source: 'foo/bar', target: 'share/my-app/' }, ['share/my-app/bar']],
    [{ source: 'foo/bar', target: 'share/my-app/baz' }, ['share/my-app/baz']],
    [
      { source: 'foo/', target: 'share/my-app' },
      ['share/my-app/bar', 'share/my-app/sub/file', 'share/my-app/sub/other.txt'],
    ],
    [{ source: 'foo/', target: 'share/my-app', include: ['sub/file'] }, ['share/my-app/sub/file']],
    [{ source: 'foo/sub', target: 'share/my-app', include: ['file'] }, ['share/my-app/file']],
    [{ source: 'foo/sub', target: 'share/' }, ['share/sub/file', 'share/sub/other.txt']],
    [{ source: 'foo/sub', target: 'share' }, ['share/file', 'share/other.txt']],
    [{ source: 'foo', target: 'x', exclude: ['.txt'] }, ['x/bar', 'x/sub/file']],
    [{ source: 'foo', target: 'x', 'include-regexp': ['^sub/.*e$'] }, ['x/sub/file']],
    [{ source: 'foo', target: 'x', 'exclude-regexp': ['sub/'] }, ['x/bar']],
    [{ source: 'top', target: './' }, ['top']],
    [{ source: '.', target: '.' }, ['LICENSE', 'foo/bar', 'foo/sub/file', 'foo/sub/other.txt', 'top']],
  ])('installs %j', (entry, files) => {
    expect(installed(entry)).toEqual(files);
  });

  it('refuses what leads out of the package, and what is not there', () => {
    expect(() => installed({ source: '../x', target: '.' })).toThrow(
      expect.objectContaining({ code: 'guix/bad-install-plan' }),
    );
    expect(() => installed({ source: 'nothing', target: '.' })).toThrow(
      expect.objectContaining({ code: 'guix/no-such-file', hint: 'it has LICENSE, foo, top' }),
    );
    expect(() => installed({ source: 'foo', target: 'x', 'include-regexp': ['('] })).toThrow(
      expect.objectContaining({ code: 'guix/bad-install-plan' }),
    );
  });

  it('gives every entry a folder above it, whatever the plan', () => {
    const path = fc.constantFrom('foo', 'foo/', 'foo/sub', 'top', '.', 'foo/bar', 'a/b', 'x/', './');
    fc.assert(
      fc.property(fc.array(fc.record({ source: path, target: path }), { maxLength: 4 }), (plan) => {
        const known = plan.filter(({ source: name }) => !/^(a\/b|x\/)$/.test(name));
        let tree: FileTree;
        try {
          tree = installFiles(source, known);
        } catch (error) {
          // A file over a folder is the one thing that such plans can do wrong.
          expect(error).toMatchObject({ code: 'guix/bad-install-plan' });
          return;
        }
        const kinds = new Map(tree.map((entry) => [entry.path, entry.kind]));
        for (const entry of tree) {
          if (!entry.path.includes('/')) continue;
          expect(kinds.get(entry.path.slice(0, entry.path.lastIndexOf('/')))).toBe('directory');
        }
      }),
    );
  });
});
