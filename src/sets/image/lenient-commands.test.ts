import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lenientCommands } from './lenient-commands.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'trimaran-lenient-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const run = (script: string, root: 'folder' | 'image' = 'folder') =>
  execFileSync('bash', ['-e', '-o', 'pipefail', '-c', lenientCommands(script, { root })], {
    cwd: folder,
    encoding: 'utf8',
    stdio: 'pipe',
  });

describe('lenientCommands', () => {
  it('lets folders be made that are there, and changes their modes', () => {
    expect(
      run(`set -u
        mkdir etc; mkdir etc; mkdir -m 700 etc new; mkdir --mode=711 more; mkdir -pm 755 a/b; mkdir -p -m 750 a/b
        stat -c '%n %a' etc new more a/b`),
    ).toBe('etc 700\nnew 700\nmore 711\na/b 755\n');
    expect(() => run('mkdir no/such')).toThrow(/No such file/);
    expect(() => run('touch file; mkdir file')).toThrow(/File exists/);
  });

  it('goes for programs by their store paths, too', () => {
    const program = '/nix/store/00000000000000000000000000000000-coreutils-9.1-1+b1/bin/mkdir';
    expect(run(`mkdir x; ${program} x; ${program} -p y/z && ls`)).toBe('x\ny\n');
  });

  it.each([
    ['bcdefgGkKpRPsuZ home-dir -- -r nobody -g nogroup -d /dev/null', ['nobody']],
    ['dgu gid home-dir -- --system --gid redis --home-dir /data --no-create-home redis', ['redis']],
    ['dgu gid -- -rm -g web -u1000 --gid=5 web', ['web']],
    ['dgu x -- -rg web -d/home web --', ['web']],
    ['S suffix -- -s a -- -b c', ['a', '-b', 'c']],
    ['m mode --', []],
  ])('tells options from operands: %s', (words, expected) => {
    const printed = run(`_operands ${words}; printf '%s\\n' "\${operands[@]}"`);
    expect(printed.split('\n').filter((line) => line !== '')).toEqual(expected);
  });

  it('makes no link to itself, and no link in place of what is no package’s', () => {
    run('echo a > a; ln -s a b; ln a c', 'image');
    expect(run('ln -s b a && readlink b; ln -s $PWD/b c && cat c', 'image')).toBe('a\na\n');
    expect(() => run('echo d > d; ln -s a d', 'image')).toThrow(/File exists/);
    expect(run('ln -sf a d; readlink d; mkdir e; ln -s ../a e; readlink e/a', 'image')).toBe('a\n../a\n');
  });
});
