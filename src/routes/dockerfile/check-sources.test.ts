import { describe, expect, it } from 'vitest';
import { fileTree, type TreeEntry } from '../../foundation/file-tree.ts';
import { parseDockerfile } from '../../languages/dockerfile/parse.ts';
import { resolveDockerfile } from '../../languages/dockerfile/resolve.ts';
import { checkContext, checkDockerfile } from './check-sources.ts';

const resolved = (text: string) => resolveDockerfile(parseDockerfile(text, 'Dockerfile'));
const file = (path: string): TreeEntry => ({
  kind: 'file',
  path,
  mode: 0o644,
  uid: 0,
  gid: 0,
  mtime: 1,
  content: { kind: 'bytes', bytes: new Uint8Array(0) },
});
const folder = (path: string): TreeEntry => ({
  kind: 'directory',
  path,
  mode: 0o755,
  uid: 0,
  gid: 0,
  mtime: 1,
});
const context = fileTree([
  file('main.py'),
  folder('src'),
  file('src/a'),
  { kind: 'symlink', path: 'link', target: 'src', mode: 0o777, uid: 0, gid: 0, mtime: 1 },
]);

describe('checkDockerfile', () => {
  it('refuses paths that lead out of the context, however they are written', () => {
    for (const path of ['../x', './../x', 'a/../../x', '..', '${UP}/x']) {
      const text = `FROM a\nARG UP=..\nCOPY ok ${path} /y/\n`;
      expect(() => checkDockerfile(resolved(text)), path).toThrow(
        expect.objectContaining({
          code: 'dockerfile/outside-context',
          span: expect.objectContaining({ line: 3, column: 9 }),
        }),
      );
    }
    expect(() =>
      checkDockerfile(resolved('FROM a\nCOPY a/../b ..x /\nCOPY --from=a ../x /\n')),
    ).not.toThrow();
  });

  it('refuses names that are no images, with their place', () => {
    expect(() => checkDockerfile(resolved('FROM Debian:bookworm\n'))).toThrow(
      expect.objectContaining({
        code: 'dockerfile/bad-image',
        span: expect.objectContaining({ line: 1, column: 6 }),
      }),
    );
  });
});

describe('checkContext', () => {
  const check = (line: string) => () => checkContext(resolved(`FROM a\n${line}\n`), context);

  it('finds files, folders, what is behind links, and leaves patterns and addresses alone', () => {
    for (const line of [
      'COPY . /x',
      'COPY /main.py ./src/ /x/',
      'COPY src/../main.py /x',
      'COPY link/a /x',
      'COPY mai?.py *.txt /x/',
      'ADD https://x.example/a git@x.example:a.git /x/',
      'COPY --from=a nothing /x',
      'COPY <<A /x\nA',
    ])
      expect(check(line), line).not.toThrow();
  });

  it('names what is not there, and the nearest that is', () => {
    expect(check('COPY mian.py /x')).toThrow(
      expect.objectContaining({
        code: 'dockerfile/no-source',
        hint: 'did you mean main.py?',
        span: expect.objectContaining({ line: 2, column: 6 }),
      }),
    );
  });
});
