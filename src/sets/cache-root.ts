// Where Trimaran keeps what it makes: `$XDG_CACHE_HOME/trimaran`, by default `~/.cache/trimaran`.
import { accessSync, constants, existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { systemErrorCode, TrimaranError } from '../foundation/error.ts';
import { homeFolder } from '../foundation/home-folder.ts';
import type { Host } from '../foundation/host.ts';

/** The physical root of stores and caches. A relative XDG_CACHE_HOME is ignored, as its specification asks. */
export function trimaranRoot(host: Pick<Host, 'env'>): string {
  const base = host.env.XDG_CACHE_HOME;
  if (base !== undefined && isAbsolute(base)) return join(base, 'trimaran');
  return join(homeFolder(host.env) ?? nowhere, '.cache', 'trimaran');
}

/** Stands for the home folder of a user who has none, as Debian's accounts have it. */
const nowhere = '/nonexistent';

/** Makes {@link trimaranRoot} and gives it. Throws `cache/unusable` when it is no folder that can be written to. */
export function usableRoot(host: Pick<Host, 'env'>): string {
  const root = trimaranRoot(host);
  if (root.startsWith(`${nowhere}/`)) {
    throw new TrimaranError({
      code: 'cache/unusable',
      message: 'this user has no home folder to keep the cache in',
      hint: 'set XDG_CACHE_HOME to a folder that you may write to',
      exitCode: 4,
    });
  }
  try {
    makeFolders(root);
    accessSync(root, constants.W_OK | constants.X_OK);
    return root;
  } catch (cause) {
    const code = systemErrorCode(cause);
    if (code === undefined) throw cause;
    throw new TrimaranError({
      code: 'cache/unusable',
      message: `the cache cannot be kept in ${root}: ${reasons[code] ?? code}`,
      hint: 'set XDG_CACHE_HOME to a folder that you may write to',
      cause,
      exitCode: 4,
    });
  }
}

/** `mkdir -p`; Node's own never returns below folders that refuse new ones with ENOENT, such as /proc. */
function makeFolders(path: string): void {
  try {
    mkdirSync(path);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'EEXIST' && statSync(path).isDirectory()) return;
    if (code !== 'ENOENT' || existsSync(dirname(path))) throw error;
    makeFolders(dirname(path));
    makeFolders(path);
  }
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the disk is read-only',
  ENOSPC: 'no space left',
  ENOENT: 'a folder above it cannot be made',
  ENOTDIR: 'something above it is a file',
  EEXIST: 'something above it is a file',
};
