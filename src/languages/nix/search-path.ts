// `<name>`: the search path of `-I`, NIX_PATH and `__nixPath`.
import type { ByteString } from '../../foundation/byte-string.ts';
import { resolveSymlinks } from './files.ts';
import type { Interpreter } from './interpreter.ts';
import { corePackages } from './own-files.ts';
import { normalisePath } from './paths.ts';

export interface SearchPathEntry {
  /** What the looked-up name must start with; empty for a directory of names. */
  readonly prefix: ByteString;
  readonly path: ByteString;
}

function suffixOf(prefix: ByteString, name: ByteString): ByteString | undefined {
  if (prefix === '') return name;
  if (name === prefix) return '';
  return name.startsWith(`${prefix}/`) ? name.slice(prefix.length + 1) : undefined;
}

/** The root of an entry, or undefined (after a warning) when there is nothing. */
function rootOf(it: Interpreter, path: ByteString): ByteString | undefined {
  if (it.searchRoots.has(path)) return it.searchRoots.get(path);
  let root: ByteString | undefined;
  if (/^(https?|file):\/\/|^channel:/.test(path)) {
    const url = it.host.resolvePseudoUrl(path);
    root = it.host.fetchFile({ url, name: 'source', unpack: true, expectedHash: undefined });
  } else {
    const absolute = normalisePath(path);
    const resolved = resolveSymlinks(it, absolute);
    it.checkAccess(resolved);
    if (it.lstat(resolved) !== undefined) root = absolute;
    else it.warn(`Nix search path entry '${path}' does not exist, ignoring`);
  }
  it.searchRoots.set(path, root);
  return root;
}

/** The file that `<name>` stands for. */
export function findFile(it: Interpreter, entries: readonly SearchPathEntry[], name: ByteString): ByteString {
  for (const entry of entries) {
    const suffix = suffixOf(entry.prefix, name);
    if (suffix === undefined) continue;
    const root = rootOf(it, entry.path);
    if (root === undefined) continue;
    const found = resolveSymlinks(it, normalisePath(`${root}/${suffix}`));
    if (it.lstat(found) !== undefined) return found;
  }
  if (name.startsWith('nix/')) return `${corePackages}${name.slice(3)}`;
  throw it.error(
    'throw',
    it.settings.pure
      ? `cannot look up '<${name}>' in pure evaluation mode (use '--impure' to override)`
      : `file '${name}' was not found in the Nix search path (add it using $NIX_PATH or -I)`,
  );
}
