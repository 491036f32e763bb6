// Mutual exclusion between processes without flock, which Node.js lacks. A lock is a folder; whoever wants it puts
// a file with a name of its own into the folder, then lists it: no other living owner there means that the lock is
// held. Of two that come at once, whoever lists second sees the first. Names are never used twice, so a dead owner's file
// may be deleted by anybody at any time and there is no moment at which a stale lock is taken over twice.
import { mkdirSync, readdirSync, rmdir, rmdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemErrorCode, TrimaranError } from '../foundation/error.ts';
import { heartbeatInterval, isOwnerAlive, nameOwnedByThisProcess } from './process-identity.ts';

export interface LockOptions {
  /** File-name-safe name of what is locked. */
  readonly key: string;
  /** Called once when the lock is held by somebody else and waiting begins. */
  readonly onWait?: () => void;
  /** Longest wait in milliseconds; six hours unless given. */
  readonly timeout?: number;
  readonly signal?: AbortSignal | undefined;
}

const defaultTimeout = 6 * 3_600_000;

/** Locks that live as folders below `directory`, seen by every process that names the same directory. */
export class FileLocks {
  readonly #directory: string;
  /** The tail of the queue for each key within this process, so that its own tasks need not poll. */
  readonly #queues = new Map<string, Promise<void>>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /**
   * Runs `work` while holding the lock. Rejects with `store/lock-timeout` when it cannot be had in time, and with the
   * signal's reason when that aborts the wait.
   */
  async with<Result>(options: LockOptions, work: () => Promise<Result>): Promise<Result> {
    const { key } = options;
    const before = this.#queues.get(key);
    let leave = () => {};
    const here = new Promise<void>((resolve) => {
      leave = resolve;
    });
    const tail = (before ?? Promise.resolve()).then(() => here);
    this.#queues.set(key, tail);
    try {
      let told = false;
      const onWait = () => {
        if (!told) options.onWait?.();
        told = true;
      };
      if (before !== undefined) {
        onWait();
        await before;
      }
      const release = await this.#acquire({ ...options, onWait });
      try {
        return await work();
      } finally {
        release();
      }
    } finally {
      leave();
      if (this.#queues.get(key) === tail) this.#queues.delete(key);
    }
  }

  /**
   * The same for short synchronous work; blocks the thread while it waits. Must not be called while this process
   * holds the lock already. Throws `store/lock-timeout` after 60 seconds unless told otherwise.
   */
  withSync<Result>(options: LockOptions, work: () => Result): Result {
    const deadline = Date.now() + (options.timeout ?? 60_000);
    const sleeper = new Int32Array(new SharedArrayBuffer(4));
    let release = this.#tryAcquire(options.key);
    for (let attempt = 0; release === undefined; attempt++) {
      if (attempt === 0) options.onWait?.();
      if (Date.now() > deadline) throw this.#timedOut(options.key);
      Atomics.wait(sleeper, 0, 0, pause(attempt));
      release = this.#tryAcquire(options.key);
    }
    try {
      return work();
    } finally {
      release();
    }
  }

  /** Removes what dead processes left in locks that nobody may ever want again. */
  sweep(): void {
    let keys: string[];
    try {
      keys = readdirSync(this.#directory);
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') return;
      throw error;
    }
    for (const key of keys) {
      const folder = join(this.#directory, key);
      try {
        if (!othersIn(folder, '')) rmdirSync(folder);
      } catch {
        // Somebody has come into it, or has removed it; or it is another user's, and in nobody's way.
      }
    }
  }

  async #acquire(options: LockOptions): Promise<() => void> {
    const deadline = Date.now() + (options.timeout ?? defaultTimeout);
    for (let attempt = 0; ; attempt++) {
      options.signal?.throwIfAborted();
      const release = this.#tryAcquire(options.key);
      if (release !== undefined) return release;
      options.onWait?.();
      if (Date.now() > deadline) throw this.#timedOut(options.key);
      await new Promise((resolve) => setTimeout(resolve, pause(attempt)));
    }
  }

  #timedOut(key: string): TrimaranError {
    return new TrimaranError({
      code: 'store/lock-timeout',
      message: `another process holds the lock on ${key}`,
      hint: `wait for it to end, or see who it is: the files in ${join(this.#directory, key)} begin with its process id`,
      exitCode: 4,
    });
  }

  /** Returns a function that releases, or undefined when somebody else holds the lock or wants it just now. */
  #tryAcquire(key: string): (() => void) | undefined {
    const folder = join(this.#directory, key);
    if (othersIn(folder, '')) return undefined;
    const name = nameOwnedByThisProcess();
    const file = join(folder, name);
    createInside(folder, file);
    if (othersIn(folder, name)) {
      withdraw(folder, file);
      return undefined;
    }
    const heartbeat = setInterval(() => touch(file), heartbeatInterval);
    heartbeat.unref();
    return () => {
      clearInterval(heartbeat);
      withdraw(folder, file);
    };
  }
}

/** Milliseconds before the next attempt: random, so that rivals part, and growing to a quarter of a second. */
function pause(attempt: number): number {
  return 1 + Math.random() * Math.min(250, 4 * 2 ** Math.min(attempt, 6));
}

/** Whether a living owner other than `own` has a file in the folder. Dead owners' files go. */
function othersIn(folder: string, own: string): boolean {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return false;
    throw error;
  }
  let others = false;
  for (const name of names) {
    if (name === own) continue;
    if (isOwnerAlive(name, join(folder, name))) others = true;
    else rmSync(join(folder, name), { force: true });
  }
  return others;
}

/** Makes the file, and the folder again and again should a rival that leaves remove it in between. */
function createInside(folder: string, file: string): void {
  for (let attempt = 0; ; attempt++) {
    try {
      mkdirSync(folder, { recursive: true });
      writeFileSync(file, '', { flag: 'wx' });
      return;
    } catch (error) {
      if (systemErrorCode(error) !== 'ENOENT' || attempt >= 1000) throw error;
    }
  }
}

function withdraw(folder: string, file: string): void {
  rmSync(file, { force: true });
  // Nobody waits for it: removing a folder takes ext4 milliseconds. It fails where somebody else is in it by now.
  rmdir(folder, () => {});
}

function touch(file: string): void {
  const now = new Date();
  try {
    utimesSync(file, now, now);
  } catch {
    // The next beat tries again; a vanished file is found out by nobody who matters.
  }
}
