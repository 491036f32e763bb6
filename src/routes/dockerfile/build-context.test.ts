import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readBuildContext } from './build-context.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'context-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function put(path: string, text = ''): void {
  mkdirSync(join(directory, path, '..'), { recursive: true });
  writeFileSync(join(directory, path), text);
}

const paths = (dockerfile?: string) =>
  readBuildContext({ directory, mtime: 5, ...(dockerfile === undefined ? {} : { dockerfile }) }).map(
    ({ path }) => path,
  );

describe('readBuildContext', () => {
  it('does not tell whose checkout it was', () => {
    put('run.sh');
    put('secret');
    chmodSync(join(directory, 'run.sh'), 0o750);
    chmodSync(join(directory, 'secret'), 0o600);
    mkdirSync(join(directory, 'empty'), { mode: 0o700 });
    symlinkSync('/etc/passwd', join(directory, 'link'));
    expect(readBuildContext({ directory, mtime: 5 })).toMatchObject([
      { path: 'empty', kind: 'directory', mode: 0o755, uid: 0, mtime: 5 },
      { path: 'link', kind: 'symlink', target: '/etc/passwd' },
      { path: 'run.sh', kind: 'file', mode: 0o755, uid: 0, gid: 0, mtime: 5 },
      { path: 'secret', kind: 'file', mode: 0o644, uid: 0, gid: 0, mtime: 5 },
    ]);
  });

  it('leaves out what .dockerignore says, exceptions aside', () => {
    put('.dockerignore', 'node_modules\n*.log\n!keep.log\ndocs\n!docs/one\n');
    for (const path of ['a.log', 'keep.log', 'node_modules/x/y', 'docs/one', 'docs/two', 'src/a.log'])
      put(path);
    expect(paths()).toEqual(['.dockerignore', 'docs', 'docs/one', 'keep.log', 'src', 'src/a.log']);
  });

  it('prefers the rules beside the Dockerfile', () => {
    put('.dockerignore', 'a');
    put('web.Dockerfile.dockerignore', 'b\n*ignore\n');
    put('a');
    put('b');
    expect(paths(join(directory, 'web.Dockerfile'))).toEqual(['a']);
  });

  it('names a context that is no folder', () => {
    directory = join(directory, 'nowhere');
    expect(() => paths()).toThrow(expect.objectContaining({ code: 'dockerfile/no-context' }));
    directory = join(directory, '..');
  });
});
