// Remembers what a Dockerfile's build gave, so that the same one need not be asked of the engine again. The key has all
// that the result depends on: text, context by content, lock, bases, builder. What cannot be named so (an image by tag that
// the engine will look up, a download that nothing fixes) is not remembered.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeCacheFile } from '../../foundation/atomic-file.ts';
import { sha256Hex } from '../../foundation/digest.ts';
import type { FileTree } from '../../foundation/file-tree.ts';
import { version } from '../../foundation/version.ts';
import { findInputs } from '../../languages/dockerfile/inputs.ts';
import type { ResolvedDockerfile } from '../../languages/dockerfile/resolve.ts';
import { digestOfContents } from '../../oci/content-stream.ts';
import { isBaseName } from '../../sets/base/base-name.ts';
import { type LockFile, lockedCommit, lockedUrl, writeLockFile } from '../../sets/lock-file.ts';
import { noteUse } from '../../store/last-use.ts';
import { suiteOfImage } from './debian-suite.ts';

/** Grows with every change of what a build does with the same inputs. */
const memoFormat = 8;

export interface MemoKeyParts {
  readonly text: string;
  readonly resolved: ResolvedDockerfile;
  readonly lock: LockFile;
  readonly context: FileTree;
  /** Everything else that decides: names, platform, arguments, target, epoch, builder. */
  readonly settings: readonly unknown[];
  /** Id of an image that the engine has under a name; undefined when it has none, or cannot be asked. */
  readonly engineImage: (reference: string) => Promise<string | undefined>;
}

/** The key of a build, or undefined for one that may give something else next time. */
export async function memoKey(parts: MemoKeyParts): Promise<string | undefined> {
  const { resolved, lock } = parts;
  const bases: (readonly [string, string])[] = [];
  for (const input of findInputs(resolved)) {
    if (input.kind === 'image' && input.role !== 'syntax') {
      const identity = input.pinned ? input.reference : await imageIdentity(input.reference, parts);
      if (identity === undefined) return undefined;
      bases.push([input.reference, identity]);
    } else if (input.kind === 'url' && input.by === 'add' && !input.pinned) {
      if (lockedUrl(lock, input.url) === undefined) return undefined;
    } else if (input.kind === 'git' && input.by === 'add' && !input.pinned) {
      if (lockedCommit(lock, input) === undefined) return undefined;
    }
  }
  const files: unknown[] = [];
  for (const entry of parts.context) {
    const { kind, path, mode } = entry;
    if (kind === 'file') files.push([path, mode, await digestOfContents([entry.content])]);
    else files.push([path, kind, mode, kind === 'symlink' ? entry.target : '']);
  }
  const all = [memoFormat, version, parts.text, bases, files, writeLockFile(lock), parts.settings];
  return sha256Hex(Buffer.from(JSON.stringify(all)));
}

async function imageIdentity(
  reference: string,
  { lock, engineImage }: MemoKeyParts,
): Promise<string | undefined> {
  const locked = lock.images.get(reference);
  if (locked !== undefined) return locked.digest;
  if (!isBaseName(reference)) return engineImage(reference);
  return lock.debian.get(suiteOfImage(reference) ?? '')?.releaseSha256;
}

/** What is remembered of a build. */
export interface BuildMemo {
  /** Full path. */
  readonly archive: string;
  readonly configDigest: string;
}

function memoFile(cacheDirectory: string, key: string): string {
  return join(cacheDirectory, 'dockerfile', 'memo', `${key}.json`);
}

/** What is remembered under a key, if the archive is still there. Whether that is whole, reading it tells. */
export function readMemo(cacheDirectory: string, key: string): BuildMemo | undefined {
  try {
    const memo = JSON.parse(readFileSync(memoFile(cacheDirectory, key), 'utf8')) as BuildMemo;
    if (typeof memo.archive !== 'string' || !existsSync(memo.archive)) return undefined;
    noteUse(memoFile(cacheDirectory, key));
    return memo;
  } catch {
    // Not there, or not readable: it is built again.
    return undefined;
  }
}

/** Remembers a build. */
export function writeMemo(cacheDirectory: string, key: string, memo: BuildMemo): void {
  writeCacheFile(memoFile(cacheDirectory, key), JSON.stringify(memo));
}
