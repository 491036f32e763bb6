// Inputs of type `path`: a file or folder of this machine, copied whole. Source: Nix's libfetchers/path.cc.
import { lstatSync, readdirSync } from 'node:fs';
import { posix } from 'node:path';
import { isStorePath, storePathName } from '../../../../formats/store-path.ts';
import { type ByteString, toByteString, toFilePath } from '../../../../foundation/byte-string.ts';
import { flakeError, systemCode } from '../flake-error.ts';
import { type InputAttributes, requiredString } from '../input.ts';
import { showInput } from '../input-url.ts';
import type { FetchContext, FetchResult } from './fetch-context.ts';

/**
 * Copies the path into the store; `lastModified` becomes the newest time below it unless the input says one. Throws
 * `flake/not-found` and what the store throws.
 */
export function fetchPath(context: FetchContext, input: InputAttributes): FetchResult {
  const path = requiredString(input, 'path');
  if (!path.startsWith('/'))
    throw flakeError(
      'bad-reference',
      `cannot fetch input '${showInput(input)}' because it uses a relative path`,
    );
  const source = posix.normalize(path).replace(/(.)\/$/, '$1');
  const logical = toByteString(source);
  if (isStorePath(logical) && storePathName(logical) === 'source' && context.store.isValid(logical))
    return { input: { ...input, lastModified: input.lastModified ?? 0 }, storePath: logical };
  try {
    const lastModified = input.lastModified ?? newestTime(toByteString(source));
    const storePath = context.store.addPath({ source, name: 'source', method: 'nar' });
    return { input: { ...input, lastModified }, storePath };
  } catch (error) {
    const code = systemCode(error);
    if (code === undefined) throw error;
    if (code === 'ENOENT')
      throw flakeError('not-found', `path '${source}' does not exist`, {
        hint: 'correct the path, or make the folder and its flake.nix',
        cause: error,
        exitCode: 4,
      });
    const { path: culprit } = error as { readonly path?: string | Buffer };
    throw flakeError('not-found', `cannot read '${culprit ?? source}': ${code}`, {
      hint: 'make it readable, or keep it out of the flake: `git init` and `git add` what belongs to it',
      cause: error,
      exitCode: 4,
    });
  }
}

/** The newest modification time of a path and all below it, in seconds since 1970. */
function newestTime(path: ByteString): number {
  const file = toFilePath(path);
  const stat = lstatSync(file);
  let newest = Math.floor(stat.mtimeMs / 1000);
  if (stat.isDirectory())
    for (const name of readdirSync(file, 'latin1')) newest = Math.max(newest, newestTime(`${path}/${name}`));
  return newest;
}
