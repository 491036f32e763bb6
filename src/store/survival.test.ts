import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isStorePath } from '../formats/store-path.ts';
import { removeDiskTree } from './disk-tree.ts';
import { LocalStore } from './local-store.ts';

let folder: string;
let program: string;
let source: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'trimaran-survival-'));
  program = join(folder, 'program.mjs');
  source = join(folder, 'source');
  mkdirSync(join(source, 'sub'), { recursive: true });
  for (let i = 0; i < 30; i++) writeFileSync(join(source, 'sub', `file-${i}`), `${i}`);
  await build({
    entryPoints: [fileURLToPath(new URL('./survival-program.ts', import.meta.url))],
    outfile: program,
    bundle: true,
    format: 'esm',
    platform: 'node',
    loader: { '.sh': 'text' },
    logLevel: 'error',
  });
});
afterAll(() => removeDiskTree(folder));

interface Outcome {
  readonly digest: string;
  readonly objects: number;
  readonly built: readonly string[];
}

/** Runs the program; undefined when it was killed before it ended. */
function run(root: string, killAfter?: number): Promise<Outcome | undefined> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, root, source], { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let complaint = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    child.stderr.on('data', (chunk) => {
      complaint += chunk;
    });
    const timer = killAfter === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfter);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      if (signal === 'SIGKILL') resolve(undefined);
      else if (code === 0) resolve(JSON.parse(output));
      else reject(new Error(`exit code ${code}: ${complaint}`));
    });
  });
}

/** Every registered path is whole: its tree can be read and hashes to what was recorded. */
function checkRegistered(root: string): number {
  const store = new LocalStore({ root, storeDirectory: '/nix/store' });
  let names: string[] = [];
  try {
    names = readdirSync(join(root, 'info'));
  } catch {
    // Killed before anything was registered.
  }
  for (const name of names) {
    const path = `/nix/store/${name.replace(/\.json$/, '')}`;
    if (!isStorePath(path)) throw new Error(`not a registration: ${name}`);
    const recorded = store.info(path);
    for (const reference of recorded.references) {
      // A derivation may be written before what it refers to is made.
      if (!path.endsWith('.drv')) expect(store.isValid(reference)).toBe(true);
    }
    expect(store.tree(path).length).toBeGreaterThan(0);
  }
  return names.length;
}

describe('a store', () => {
  let whole: Outcome;
  let duration: number;

  beforeAll(async () => {
    const start = Date.now();
    whole = (await run(join(folder, 'undisturbed')))!;
    duration = Date.now() - start;
  });

  it('survives being killed at any moment', async () => {
    const root = join(folder, 'killed');
    let kills = 0;
    let longest = duration;
    for (let round = 0; round < 60 && kills < 15; round++) {
      // Starting afresh now and then, so that the early moments are hit as often as the late ones.
      if (round % 5 === 0) removeDiskTree(root);
      if ((await run(root, 40 + Math.random() * longest)) === undefined) kills++;
      else longest *= 0.8;
      checkRegistered(root);
    }
    expect(kills).toBe(15);
    const outcome = (await run(root))!;
    expect(outcome).toMatchObject({ digest: whole.digest, objects: whole.objects });
    expect(checkRegistered(root)).toBe(whole.objects);
    // The last run swept what the dead left, and left nothing itself but its empty folder.
    expect(readdirSync(join(root, 'staging'))).toHaveLength(1);
    expect(readdirSync(join(root, 'staging', readdirSync(join(root, 'staging'))[0]!))).toEqual([]);
    expect(readdirSync(join(root, 'locks'))).toEqual([]);
  }, 120_000);

  it('is filled once by several processes at a time', async () => {
    const root = join(folder, 'shared');
    const outcomes = await Promise.all([run(root), run(root), run(root)]);
    for (const outcome of outcomes) expect(outcome).toMatchObject({ digest: whole.digest });
    const built = outcomes.flatMap((outcome) => outcome!.built);
    expect(built.sort()).toEqual([...whole.built].sort());
    expect(readdirSync(join(root, 'locks'))).toEqual([]);
  }, 60_000);
});
