// biome-ignore-all lint/suspicious/noTemplateCurlyInString: Dockerfile and shell texts
import { describe, expect, it } from 'vitest';
import { parseRemoteSource } from './git-reference.ts';
import { parseIgnoreFile } from './ignore.ts';
import { parseImageReference } from './image-reference.ts';

describe('parseImageReference', () => {
  const digest = `sha256:${'a'.repeat(64)}`;
  it.each([
    ['python', { registry: 'docker.io', repository: 'library/python' }],
    [
      'postgis/postgis:15-3.3-alpine',
      { registry: 'docker.io', repository: 'postgis/postgis', tag: '15-3.3-alpine' },
    ],
    [`ghcr.io/a/b/c:1@${digest}`, { registry: 'ghcr.io', repository: 'a/b/c', tag: '1', digest }],
    ['localhost:5000/x', { registry: 'localhost:5000', repository: 'x' }],
    ['localhost/x', { registry: 'localhost', repository: 'x' }],
  ])('%s', (text, expected) => {
    expect(parseImageReference(text)).toEqual(expected);
  });
  it('refuses what is none', () => {
    for (const text of [
      '',
      'Python',
      'a b',
      'x:',
      'x@sha256:12',
      '/x',
      'x//y',
      '$V',
      `${'a'.repeat(2000)}`,
    ]) {
      expect(parseImageReference(text), text).toBeUndefined();
    }
  });
});

describe('parseRemoteSource', () => {
  it('tells paths, URLs and git repositories apart', () => {
    expect(parseRemoteSource('a/b.git')).toBeUndefined();
    expect(parseRemoteSource('https://e.org/x.tar.gz')).toEqual({
      kind: 'url',
      url: 'https://e.org/x.tar.gz',
    });
    expect(parseRemoteSource('https://e.org/x.git#v1:sub/dir')).toEqual({
      kind: 'git',
      git: { url: 'https://e.org/x.git', ref: 'v1', subdirectory: 'sub/dir' },
    });
    expect(parseRemoteSource('git@e.org:a/b.git#main')).toMatchObject({
      git: { url: 'git@e.org:a/b.git', ref: 'main' },
    });
    expect(parseRemoteSource('https://e.org/x.git?tag=v1&checksum=abc')).toMatchObject({
      git: { ref: 'refs/tags/v1', checksum: 'abc' },
    });
  });
});

describe('parseIgnoreFile', () => {
  const ignored = (text: string, paths: string[]) =>
    paths.filter((path) => parseIgnoreFile(text).ignores(path));
  it('follows the last pattern that matches, folders for what is in them', () => {
    const paths = ['a', 'a/b', 'a/b/c.md', 'README.md', 'd/x.o', 'd/e/x.o', 'ab'];
    expect(ignored('# c\n\n a \n', paths)).toEqual(['a', 'a/b', 'a/b/c.md']);
    expect(ignored('*.md\n!README.md', paths)).toEqual([]);
    expect(ignored('**/*.o', paths)).toEqual(['d/x.o', 'd/e/x.o']);
    expect(ignored('d/*\n!d/e', paths)).toEqual(['d/x.o']);
    expect(ignored('/a/./b/../b/', paths)).toEqual(['a/b', 'a/b/c.md']);
    expect(ignored('a?', paths)).toEqual(['ab']);
    expect(ignored('**', paths)).toEqual(paths);
    expect(ignored('**.o', paths)).toEqual(['d/x.o', 'd/e/x.o']);
    expect(ignored('[a-b]\n!a/b/**', paths)).toEqual(['a', 'a/b']);
  });
  it('reads sets as Go does', () => {
    expect(ignored('[\\]x-z]', [']', 'x', 'y', 'a', '\\'])).toEqual([']', 'x', 'y']);
    expect(ignored('[^a-c&&[]', ['a', 'd', '&', '['])).toEqual(['d']);
    expect(ignored('x[z-a]', ['xb'])).toEqual([]);
  });
  it.each(['[a', 'x/[]a]', '[a-]', '[-a]', 'a\\', '[^', '!', '  !  '])(
    'refuses %s as Docker does',
    (pattern) => {
      expect(() => parseIgnoreFile(`b\n${pattern}\n`, 'x/.dockerignore')).toThrow(
        expect.objectContaining({
          code: 'dockerfile/ignore-pattern',
          span: { file: 'x/.dockerignore', line: 2, column: 1 + pattern.search(/\S/) },
        }),
      );
    },
  );
  it('says whether an ignored folder must be walked', () => {
    expect(parseIgnoreFile('a\n!a/b').hasExceptions).toBe(true);
    expect(parseIgnoreFile('a').hasExceptions).toBe(false);
  });
});
