// Files that appear whole or not at all: written beside their target under a unique name, then renamed.
import { randomBytes } from 'node:crypto';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** A name beside `target` that no other process uses; anything named like it may be swept when its pid is gone. */
export function temporaryNameFor(target: string): string {
  return `${target}.tmp-${process.pid}-${randomBytes(6).toString('hex')}`;
}

/**
 * Writes `data` to `target` atomically, making parent folders. Mode is 0644 before the umask unless given.
 * Rejects with the system error; nothing is left behind then.
 */
export async function writeFileAtomically(
  target: string,
  data: string | Uint8Array,
  mode = 0o644,
): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  const temporary = temporaryNameFor(target);
  try {
    const file = await open(temporary, 'wx', mode);
    try {
      await file.writeFile(data);
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/**
 * The same for what can be made again: a power cut may leave `target` empty or away, and nothing waits for the disk.
 * Throws the system error; nothing is left behind then.
 */
export function writeCacheFile(target: string, data: string | Uint8Array): void {
  mkdirSync(dirname(target), { recursive: true });
  const temporary = temporaryNameFor(target);
  try {
    writeFileSync(temporary, data);
    renameSync(temporary, target);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}
