// Packed objects that two stores of one root have alike, under paths of their own: made once, and a hard link in the
// other store. What makes them alike is a key that names everything their bytes depend on.
import { existsSync, linkSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeCacheFile } from '../foundation/atomic-file.ts';
import { sha256Hex } from '../foundation/digest.ts';
import { systemErrorCode } from '../foundation/error.ts';

/** Raised whenever the same key would stand for other bytes. */
const sharedFormat = 1;

interface SharedObject {
  /** Full path of the tar in the store that made it. */
  readonly file: string;
  readonly tarSha256: string;
}

/** Links an object of this key to `target`, when one is still there; gives its tar's SHA-256. */
export function linkShared(root: string, key: readonly string[], target: string): string | undefined {
  try {
    const { file, tarSha256 } = JSON.parse(readFileSync(noteFile(root, key), 'utf8')) as SharedObject;
    linkSync(file, target);
    return tarSha256;
  } catch (error) {
    // Gone, never made, or on a file system without hard links: it is made anew.
    if (error instanceof SyntaxError || systemErrorCode(error) !== undefined) return undefined;
    throw error;
  }
}

/** Notes where the object of a key lies. */
export function noteShared(root: string, key: readonly string[], object: SharedObject): void {
  const file = noteFile(root, key);
  if (existsSync(file)) return;
  writeCacheFile(file, JSON.stringify(object));
}

function noteFile(root: string, key: readonly string[]): string {
  return join(root, 'shared', `${sha256Hex(Buffer.from(JSON.stringify([sharedFormat, ...key])))}.json`);
}
