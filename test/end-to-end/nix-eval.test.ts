// `nix eval` as people call it: every value and last line of an error here is real Nix 2.34's.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { removeDiskTree } from '../../src/store/disk-tree.ts';
import { projectRoot } from './workspace.ts';

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'trimaran-eval-'));
});
afterAll(() => removeDiskTree(root));

function nixEval(args: readonly string[]) {
  return spawnSync(process.execPath, [join(projectRoot, 'bin/trimaran'), 'nix', 'eval', ...args], {
    cwd: root,
    env: { ...process.env, XDG_CACHE_HOME: join(root, 'cache') },
  });
}

const printed: readonly (readonly [expression: string, text: string])[] = [
  [
    '[ (rec { f = x: x; }).f map (map 1) ]',
    '[ «lambda f @ «string»:1:14» «primop map» «partially applied primop map» ]',
  ],
  [
    '{ a = derivation { name = "a"; system = "x"; builder = "b"; }; b = throw "x"; }',
    '{ a = «derivation /nix/store/nnqh7675wghd0xmrywqm2yh9psrkk13q-a.drv»; b = «error: x»; }',
  ],
  ['let f = { a, ... }: a; in f', '«lambda f @ «string»:1:9»'],
  ['let x = [ 1 x ]; in x', '[ 1 [ 1 «repeated» ] ]'],
  ['{ type = "derivation"; drvPath = "/x"; }', "«error: path '/x' is not in the Nix store»"],
  ['{ outPath = "/foo"; } + /bar', '"/foo/bar"'],
];

it.each(printed)('%s', (expression, text) => {
  expect(nixEval(['--impure', '--expr', expression]).stdout.toString()).toBe(`${text}\n`);
});

it('bytes that are no UTF-8 come out as they are, and are refused in JSON', () => {
  const file = join(root, 'bytes.nix');
  writeFileSync(file, Buffer.from('"a\xff\xc3b"', 'latin1'));
  expect(nixEval(['--raw', '--file', file]).stdout.toString('latin1')).toBe('a\xff\xc3b');
  expect(nixEval(['--file', file]).stdout.toString('latin1')).toBe('"a\xff\xc3b"\n');
  const json = nixEval(['--json', '--file', file]);
  expect(json.status).toBe(3);
  expect(json.stdout.toString()).toContain(
    '[json.exception.type_error.316] invalid UTF-8 byte at index 1: 0xFF',
  );
});

it('a path that is not there has its name in JSON', () => {
  expect(nixEval(['--impure', '--json', '--expr', '[ /nowhere/./a ]']).stdout.toString()).toBe(
    '["/nowhere/a"]\n',
  );
});

it('a filter is told types, in the order of names, and not asked about the root', () => {
  for (const folder of ['tree/b', 'tree/a/c']) mkdirSync(join(root, folder), { recursive: true });
  for (const file of ['b/2', 'b/1', 'a/c/x', 'm']) writeFileSync(join(root, 'tree', file), '');
  const { stderr } = nixEval([
    '--impure',
    '--expr',
    'builtins.filterSource (p: t: builtins.trace "${baseNameOf p} ${t}" true) ./tree',
  ]);
  expect(stderr.toString().match(/(?<=trace: ).*/g)).toEqual([
    'a directory',
    'c directory',
    'x regular',
    'b directory',
    '1 regular',
    '2 regular',
    'm regular',
  ]);
});
