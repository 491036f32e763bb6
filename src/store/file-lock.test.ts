import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FileLocks } from './file-lock.ts';
import { nameOwnedByThisProcess } from './process-identity.ts';

let folder: string;
let locks: FileLocks;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'trimaran-lock-'));
  locks = new FileLocks(join(folder, 'locks'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Leaves a lock as another owner would have. */
function leaveLock(key: string, owner: string): string {
  mkdirSync(join(folder, 'locks', key), { recursive: true });
  const file = join(folder, 'locks', key, owner);
  writeFileSync(file, '');
  return file;
}

describe('file locks', () => {
  it('are swept of what dead owners left, and left alone while they are held', async () => {
    mkdirSync(join(folder, 'locks/empty'), { recursive: true });
    leaveLock('dead', nameOwnedByThisProcess().replace(/^\d+/, '999999999'));
    await locks.with({ key: 'used' }, async () => {
      locks.sweep();
      expect(readdirSync(join(folder, 'locks'))).toEqual(['used']);
      expect(readdirSync(join(folder, 'locks/used'))).toHaveLength(1);
    });
    new FileLocks(join(folder, 'none')).sweep();
  });

  it('let one task in at a time, in the order they came, and leave nothing', async () => {
    const order: number[] = [];
    let inside = 0;
    await Promise.all(
      Array.from({ length: 10 }, (_, i) =>
        locks.with({ key: 'a' }, async () => {
          expect(++inside).toBe(1);
          await pause(1);
          inside--;
          order.push(i);
        }),
      ),
    );
    expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    // Folders are removed in the background.
    await expect.poll(() => readdirSync(join(folder, 'locks'))).toEqual([]);
  });

  it('let others in after a failure', async () => {
    await expect(locks.with({ key: 'a' }, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(() =>
      locks.withSync({ key: 'a' }, () => {
        throw new Error('neither');
      }),
    ).toThrow('neither');
    expect(locks.withSync({ key: 'a' }, () => 'in')).toBe('in');
  });

  it('hold between processes', async () => {
    const program = join(folder, 'program.mjs');
    writeFileSync(
      join(folder, 'program.ts'),
      `import { readFileSync, writeFileSync } from 'node:fs';
       import { FileLocks } from ${JSON.stringify(join(import.meta.dirname, 'file-lock.ts'))};
       const locks = new FileLocks(${JSON.stringify(join(folder, 'locks'))});
       const counter = ${JSON.stringify(join(folder, 'counter'))};
       for (let i = 0; i < 40; i++) {
         const add = () => writeFileSync(counter, String(Number(readFileSync(counter, 'utf8')) + 1));
         if (i % 2 === 0) locks.withSync({ key: 'counter' }, add);
         else await locks.with({ key: 'counter' }, async () => { const n = Number(readFileSync(counter, 'utf8')); await null; writeFileSync(counter, String(n + 1)); });
       }`,
    );
    await build({
      entryPoints: [join(folder, 'program.ts')],
      outfile: program,
      bundle: true,
      format: 'esm',
      platform: 'node',
      logLevel: 'error',
    });
    writeFileSync(join(folder, 'counter'), '0');
    const exits = Array.from({ length: 4 }, () => {
      const child = spawn(process.execPath, [program], { stdio: 'inherit' });
      return new Promise((resolve) => child.on('close', resolve));
    });
    expect(await Promise.all(exits)).toEqual([0, 0, 0, 0]);
    expect(readFileSync(join(folder, 'counter'), 'utf8')).toBe('160');
  });

  it('of the dead are taken over, also when their process id lives again', async () => {
    const own = nameOwnedByThisProcess();
    leaveLock('a', own.replace(/^\d+/, '999999999'));
    leaveLock('a', own.replace(/-\d+-/, '-1-'));
    leaveLock('a', 'no such form');
    expect(await locks.with({ key: 'a', timeout: 0 }, async () => 'in')).toBe('in');
    // Folders are removed in the background.
    await expect.poll(() => existsSync(join(folder, 'locks/a'))).toBe(false);
  });

  it('of the living are waited for, and given up in time', async () => {
    const file = leaveLock('a', nameOwnedByThisProcess());
    let waits = 0;
    const onWait = () => waits++;
    const wanted = { key: 'a', timeout: 50, onWait };
    await expect(locks.with(wanted, async () => {})).rejects.toMatchObject({
      code: 'store/lock-timeout',
      exitCode: 4,
    });
    expect(() => locks.withSync(wanted, () => {})).toThrowError(
      expect.objectContaining({ code: 'store/lock-timeout' }),
    );
    expect(waits).toBe(2);
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error('given up')), 20);
    await expect(locks.with({ key: 'a', signal: controller.signal }, async () => {})).rejects.toThrow(
      'given up',
    );
    setTimeout(() => rmSync(file), 20);
    expect(await locks.with({ key: 'a' }, async () => 'in')).toBe('in');
  });

  it('of another machine are believed while they are touched', async () => {
    const foreign = nameOwnedByThisProcess().replace(/-[0-9a-f]+_\d+-/, '-0123456789ab_1-');
    const file = leaveLock('a', foreign);
    await expect(locks.with({ key: 'a', timeout: 20 }, async () => {})).rejects.toMatchObject({
      code: 'store/lock-timeout',
    });
    const hourAgo = new Date(Date.now() - 3_600_000);
    utimesSync(file, hourAgo, hourAgo);
    expect(await locks.with({ key: 'a', timeout: 20 }, async () => 'in')).toBe('in');
  });
});
