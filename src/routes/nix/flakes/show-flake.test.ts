// The tree of a flake's outputs: our Nix function, run by real Nix, gives what `nix flake show` of 2.34 gave (golden/).
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { writeJson } from './json.ts';
import { type ShownOutput, showFlakeExpression, showFlakeTree, shownFlakeJson } from './show-flake.ts';

const folder = join(import.meta.dirname, 'golden/show');
const hasNix = spawnSync('nix-instantiate', ['--version']).status === 0;
const system = 'x86_64-linux';

function evaluate(options: Parameters<typeof showFlakeExpression>[0]): ShownOutput {
  const flake = `{ outputs = (import ${folder}/flake.nix).outputs { self = { }; }; }`;
  const args = ['--eval', '--strict', '--json', '--expr', `${showFlakeExpression(options)} (${flake})`];
  const result = spawnSync('nix-instantiate', args, { encoding: 'utf8' });
  expect(result.status, result.stderr).toBe(0);
  return JSON.parse(result.stdout) as ShownOutput;
}

describe.skipIf(!hasNix && process.env.CI !== 'true')('the outputs of a flake', () => {
  it('are shown as JSON', () => {
    const golden = (name: string) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as unknown;
    const json = (shown: ShownOutput) => JSON.parse(writeJson(shownFlakeJson(shown))) as unknown;
    expect(json(evaluate({ system }))).toEqual(golden('show.json'));
    expect(json(evaluate({ system, legacy: true, allSystems: true }))).toEqual(golden('show-all.json'));
  });

  it('are shown as text', () => {
    const text = showFlakeTree('path:/x', evaluate({ system }));
    expect(`${text}\n`).toBe(`path:/x\n${readFileSync(join(folder, 'show.txt'), 'utf8')}`);
  });
});
