import { describe, expect, it } from 'vitest';
import type { TreeEntry } from '../foundation/file-tree.ts';
import { mergedPath, packageTree } from './package-tree.ts';
import { testDirectory, testFile, testLink } from './test-archive.ts';

const paths = (entries: readonly TreeEntry[], keep = {}) =>
  packageTree({ name: 'p', entries, keep }).map(({ path }) => path);
const hardLink = (path: string, target: string): TreeEntry => ({
  kind: 'hardlink',
  path,
  mode: 0o644,
  uid: 0,
  gid: 0,
  mtime: 5,
  target,
});
const codeOf = (entries: readonly TreeEntry[]) => {
  try {
    packageTree({ name: 'p', entries });
    return 'no error';
  } catch (error) {
    return (error as { code?: string }).code;
  }
};

describe('packageTree', () => {
  it('merges /usr and adds each directory once', () => {
    const tree = packageTree({
      name: 'p',
      entries: [
        testDirectory('lib'),
        testFile('lib/x/y'),
        testFile('usr/lib/x/z'),
        testFile('bin/sh', 's', 0o4755),
        testFile('var/run/a'),
      ],
    });
    expect(tree.map(({ path }) => path)).toEqual([
      'run',
      'run/a',
      'usr',
      'usr/bin',
      'usr/bin/sh',
      'usr/lib',
      'usr/lib/x',
      'usr/lib/x/y',
      'usr/lib/x/z',
    ]);
    expect(tree.find(({ path }) => path === 'usr/bin/sh')?.mode).toBe(0o4755);
    expect(new Set(tree.map(({ mtime }) => mtime))).toEqual(new Set([1]));
  });

  it('leaves out what slim images leave out, and keeps copyright', () => {
    const entries = [
      testFile('usr/share/doc/p/README'),
      testFile('usr/share/doc/p/copyright'),
      testLink('usr/share/doc/p-dev', 'p'),
      testFile('usr/share/man/man1/p.1.gz'),
      testFile('usr/share/locale/de/LC_MESSAGES/p.mo'),
      testFile('usr/share/locale/locale.alias'),
      testFile('usr/share/info/p.info'),
      testFile('usr/share/lintian/overrides/p'),
      testFile('usr/share/manual/p'),
    ];
    expect(paths(entries).filter((path) => /p$|alias|copyright|dev/.test(path))).toEqual([
      'usr/share/doc/p',
      'usr/share/doc/p-dev',
      'usr/share/doc/p/copyright',
      'usr/share/locale/locale.alias',
      'usr/share/manual/p',
    ]);
    expect(paths(entries, { docs: true, man: true, locales: true })).toEqual(
      expect.arrayContaining(entries.map(({ path }) => path)),
    );
  });

  it('lets the first name in order hold the contents of hard links', () => {
    const tree = packageTree({
      name: 'p',
      entries: [
        testFile('usr/bin/z', 'text'),
        hardLink('usr/bin/a', 'usr/bin/z'),
        hardLink('bin/m', 'usr/bin/a'),
      ],
    });
    expect(
      tree.slice(2).map((entry) => [entry.path, entry.kind, entry.kind === 'hardlink' ? entry.target : '']),
    ).toEqual([
      ['usr/bin/a', 'file', ''],
      ['usr/bin/m', 'hardlink', 'usr/bin/a'],
      ['usr/bin/z', 'hardlink', 'usr/bin/a'],
    ]);
  });

  it('keeps a file whose first name was left out', () => {
    const tree = packageTree({
      name: 'p',
      entries: [testFile('usr/share/doc/p/x', 'text'), hardLink('usr/share/p/x', 'usr/share/doc/p/x')],
    });
    expect(tree.at(-1)).toMatchObject({ path: 'usr/share/p/x', kind: 'file' });
  });

  it('refuses what would leave the target, by name', () => {
    expect(codeOf([testLink('usr/share/a', '/etc'), testFile('usr/share/a/passwd')])).toBe(
      'debian/unsafe-entry',
    );
    expect(codeOf([testFile('usr/a'), testFile('usr/a/b')])).toBe('debian/unsafe-entry');
    expect(codeOf([hardLink('a', 'b')])).toBe('debian/unsafe-entry');
    expect(codeOf([hardLink('a', 'b'), hardLink('b', 'a')])).toBe('debian/unsafe-entry');
    expect(codeOf([testFile('bin/x'), testFile('usr/bin/x')])).toBe('debian/file-conflict');
  });
});

describe('mergedPath', () => {
  it('maps the root’s links and nothing else', () => {
    expect(
      ['bin/a', 'lib64/a', 'library/a', 'usr/bin/a', 'var/lock/a', 'var/running'].map(mergedPath),
    ).toEqual(['usr/bin/a', 'usr/lib64/a', 'library/a', 'usr/bin/a', 'run/lock/a', 'var/running']);
  });
});
