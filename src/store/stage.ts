// Private places below `<root>/staging/` where objects are made before they are moved into the store. Each process has
// a folder named after itself; whoever stages for the first time sweeps the folders of processes that died.
import { mkdirSync, readdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { systemErrorCode } from '../foundation/error.ts';
import { removeDiskTree } from './disk-tree.ts';
import { heartbeatInterval, isOwnerAlive, nameOwnedByThisProcess } from './process-identity.ts';

/** The staging folder of one process. */
export class StagingArea {
  readonly #parent: string;
  #own: string | undefined;
  #counter = 0;

  constructor(parent: string) {
    this.#parent = parent;
  }

  /** A path that does not exist yet, on the same file system as the store. */
  freshPath(): string {
    return join(this.#folder(), String(this.#counter++));
  }

  #folder(): string {
    if (this.#own !== undefined) return this.#own;
    mkdirSync(this.#parent, { recursive: true });
    this.#sweep();
    const own = join(this.#parent, nameOwnedByThisProcess());
    mkdirSync(own, 0o700);
    setInterval(() => touch(own), heartbeatInterval).unref();
    this.#own = own;
    return own;
  }

  #sweep(): void {
    for (const name of readdirSync(this.#parent)) {
      const folder = join(this.#parent, name);
      if (isOwnerAlive(name, folder)) continue;
      try {
        removeDiskTree(folder);
      } catch (error) {
        // Another process sweeps too, the folder is another user's, or an engine that was killed left something mounted
        // there; it is in nobody's way.
        const code = systemErrorCode(error) ?? '';
        if (!['ENOENT', 'EACCES', 'EPERM', 'ENOTEMPTY', 'EBUSY'].includes(code)) throw error;
      }
    }
  }
}

function touch(folder: string): void {
  const now = new Date();
  try {
    utimesSync(folder, now, now);
  } catch {
    // The folder was removed under us; whatever is staged next says so.
  }
}
