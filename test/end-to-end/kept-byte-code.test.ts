// The byte code that the launcher keeps between runs: it is used, replaced where it is bad, and never needed.
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { projectRoot, run } from './workspace.ts';

let cache: string;
beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), 'byte-code-'));
});
afterEach(() => rmSync(cache, { recursive: true }));

const folder = () => join(cache, 'trimaran/code');
const kept = (part: string) => {
  const found = readdirSync(folder()).find((name) => name.endsWith(`-${part}`));
  return join(folder(), found ?? `none-${part}`);
};
async function two(): Promise<string> {
  const ended = await run(
    process.execPath,
    [join(projectRoot, 'bin/trimaran'), 'nix', 'eval', '--expr', '1 + 1'],
    { cwd: cache, env: { XDG_CACHE_HOME: cache } },
  );
  return `${ended.exitCode} ${ended.stdout.trim()} ${ended.stderr}`;
}

it('is kept for the command and its thread, and used the next time', async () => {
  expect(await two()).toBe('0 2 ');
  const written = ['nix-eval', 'evaluation-worker'].map((part) => statSync(kept(part)).mtimeMs);
  expect(await two()).toBe('0 2 ');
  expect(['nix-eval', 'evaluation-worker'].map((part) => statSync(kept(part)).mtimeMs)).toEqual(written);
  expect(readdirSync(folder())).toHaveLength(2);
});

it.each([
  ['cut short', (file: string) => truncateSync(file, 1000)],
  ['empty', (file: string) => writeFileSync(file, '')],
  ['of something else', (file: string) => writeFileSync(file, Buffer.alloc(300_000, 7))],
])('is made again where it is %s', async (_, spoil) => {
  await two();
  const size = statSync(kept('nix-eval')).size;
  spoil(kept('nix-eval'));
  expect(await two()).toBe('0 2 ');
  expect(statSync(kept('nix-eval')).size).toBeGreaterThan(size / 2);
});

it('is not used when others may have written it', async () => {
  await two();
  const file = kept('nix-eval');
  const bytes = readFileSync(file);
  chmodSync(file, 0o666);
  expect(await two()).toBe('0 2 ');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readFileSync(file).length).toBeGreaterThan(bytes.length / 2);
});

it('is not missed where it cannot be kept', async () => {
  mkdirSync(join(cache, 'trimaran'));
  writeFileSync(folder(), 'no folder');
  expect(await two()).toBe('0 2 ');
});

it('does not pile up', async () => {
  mkdirSync(folder(), { recursive: true });
  for (let old = 0; old < 60; old++) writeFileSync(join(folder(), `${old}-build`), '');
  expect(await two()).toBe('0 2 ');
  expect(readdirSync(folder()).length).toBeLessThan(40);
  expect(existsSync(kept('nix-eval'))).toBe(true);
});
