// Holds the evaluator against a real nix-instantiate: a list of expressions, and random ones.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fromByteString, toByteString } from '../../foundation/byte-string.ts';
import { createEvaluator, type Evaluator } from './evaluator.ts';
import { createInMemoryHost, type FileReader } from './in-memory-host.ts';
import { oracleExpressions } from './oracle-expressions.ts';
import { randomExpression } from './random-expression.ts';

const version = spawnSync('nix-instantiate', ['--version'], { encoding: 'utf8' });
const isThere = version.status === 0;

const typeOf = (stat: { isFile(): boolean; isDirectory(): boolean }) =>
  stat.isFile() ? 'regular' : stat.isDirectory() ? 'directory' : 'symlink';
const disk: FileReader = {
  lstat: (path) => {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    return stat === undefined ? undefined : { type: typeOf(stat), isExecutable: (stat.mode & 0o100) !== 0 };
  },
  readFile: (path) => readFileSync(path, 'latin1'),
  readDirectory: (path) =>
    readdirSync(path, { withFileTypes: true }).map((entry) => ({ name: entry.name, type: typeOf(entry) })),
  readLink: (path) => readlinkSync(path),
};

let directory = '';
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'trimaran-oracle-'));
  const write = (name: string, text: string) => writeFileSync(join(directory, name), text);
  mkdirSync(join(directory, 'tree/deep'), { recursive: true });
  mkdirSync(join(directory, 'directory'));
  write('plain.txt', 'plain\n');
  write('script.sh', '#!/bin/sh\n');
  chmodSync(join(directory, 'script.sh'), 0o755);
  symlinkSync('plain.txt', join(directory, 'link'));
  symlinkSync('nowhere', join(directory, 'dangling'));
  write('tree/a', 'a');
  write('tree/b', 'b');
  write('tree/deep/c', '');
  symlinkSync('../a', join(directory, 'tree/deep/up'));
  write('expression.nix', '{ a = 1; b = [ 2 ]; }');
  write('directory/default.nix', '"default"');
  write('function.nix', '{ x, y ? 2 }: x + y');
  write('scoped.nix', 'y + 1');
  write('data.json', '{"k": [1, 2, 3]}');
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function newEvaluator(): Evaluator {
  return createEvaluator({ host: createInMemoryHost({ files: disk }) });
}

function ours(evaluator: Evaluator, expression: string): string {
  const value = evaluator.evaluateText(toByteString(expression), { basePath: directory });
  return fromByteString(evaluator.print(evaluator.forceDeep(value)));
}

/** Values of many expressions by one process; undefined from the first that fails on. */
function theirs(expressions: readonly string[]): { values: string[]; error: string } {
  const attributes = expressions.map((expression, index) => `e${index} = (${expression}\n);`).join('\n');
  const file = join(directory, 'all.nix');
  writeFileSync(file, `{\n${attributes}\n}\n`);
  const selections = expressions.flatMap((_, index) => ['-A', `e${index}`]);
  const run = spawnSync(
    'nix-instantiate',
    ['--store', 'dummy://', '--eval', '--strict', file, ...selections],
    {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
      env: { ...process.env, NIX_PATH: '', NIX_REMOTE: '' },
    },
  );
  if (run.error !== undefined) throw run.error;
  return { values: run.stdout.split('\n').slice(0, -1), error: run.stderr };
}

describe.skipIf(!isThere && process.env['CI'] !== 'true')(
  isThere ? 'against a real nix-instantiate' : 'against a real nix-instantiate (skipped: there is none here)',
  () => {
    it('is there', () => expect(version.stdout).toMatch(/^nix-instantiate/));

    it('agrees on the listed expressions', () => {
      expect(oracleExpressions.length).toBeGreaterThanOrEqual(300);
      const expressions = oracleExpressions.map((expression) => expression.replaceAll('FILES', directory));
      const { values, error } = theirs(expressions);
      expect(values.length, error).toBe(expressions.length);
      const evaluator = newEvaluator();
      const got = expressions.map((expression) => `${expression} = ${ours(evaluator, expression)}`);
      expect(got).toEqual(expressions.map((expression, index) => `${expression} = ${values[index]}`));
    }, 120_000);

    it('agrees on random expressions: the same value, or both fail', () => {
      const cases = Number(process.env['TRIMARAN_FUZZ_CASES'] ?? 500);
      const seed = Number(process.env['TRIMARAN_FUZZ_SEED'] ?? 20_261_122);
      const expressions = fc.sample(randomExpression, { numRuns: cases, seed });
      const results = expressions.map((expression) => {
        try {
          return ours(newEvaluator(), expression);
        } catch (error) {
          return error instanceof Error && error.name === 'TrimaranError' ? undefined : `crash: ${error}`;
        }
      });
      // What succeeds here is asked for in one go; what fails here, one by one, must fail there.
      const expected = new Map<number, string | undefined>();
      let start = 0;
      while (start < expressions.length) {
        const { values } = theirs(expressions.slice(start));
        for (const [offset, value] of values.entries()) expected.set(start + offset, value);
        start += values.length;
        if (start < expressions.length) expected.set(start++, undefined);
      }
      for (const [index, expression] of expressions.entries()) {
        expect(`${expression} = ${results[index]}`).toBe(`${expression} = ${expected.get(index)}`);
      }
    }, 600_000);
  },
);
