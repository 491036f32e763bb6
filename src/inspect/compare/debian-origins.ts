// Where the Debian packages of an image that was built on this machine came from: an image names its environments by
// links in /nix/store, and the store still knows their packages and derivations.
import type { StorePath } from '../../formats/store-path.ts';
import { type ByteString, fromByteString } from '../../foundation/byte-string.ts';
import { isTrimaranError } from '../../foundation/error.ts';
import type { Host } from '../../foundation/host.ts';
import { trimaranRoot } from '../../sets/cache-root.ts';
import { type EnvironmentPackage, readEnvironment } from '../../sets/image/environment.ts';
import { LocalStore } from '../../store/local-store.ts';
import type { ImageTree } from './image-tree.ts';

export interface DebianOrigin {
  readonly version: string;
  /** Below the archive's root. */
  readonly path: string;
  readonly sha256: string;
}

interface KnownPackage {
  readonly item: EnvironmentPackage;
  readonly store: LocalStore;
}

/** Packages of the environments that an image names and this machine's store has, by name. */
function knownPackages(host: Pick<Host, 'env'>, tree: ImageTree): Map<string, KnownPackage> {
  const found = new Map<string, KnownPackage>();
  for (const directory of ['/nix/store', '/gnu/store']) {
    const store = new LocalStore({ root: trimaranRoot(host), storeDirectory: directory });
    for (const entry of tree.below(directory.slice(1))) {
      if (entry.kind !== 'symlink' || entry.target !== '/') continue;
      const path = `/${entry.path}` as StorePath;
      const environment = whenThere(() => (store.isValid(path) ? readEnvironment(store, path) : undefined));
      for (const item of environment?.packages ?? []) {
        if (!found.has(item.name) || item.byteCode !== undefined) found.set(item.name, { item, store });
      }
    }
  }
  return found;
}

/** Undefined where the store has lost something since. */
function whenThere<Result>(read: () => Result): Result | undefined {
  try {
    return read();
  } catch (error) {
    if (isTrimaranError(error)) return undefined;
    throw error;
  }
}

/** What the derivations say of the .debs, by package name. */
export function debianOrigins(host: Pick<Host, 'env'>, tree: ImageTree): ReadonlyMap<string, DebianOrigin> {
  const origins = new Map<string, DebianOrigin>();
  for (const [name, { item, store }] of knownPackages(host, tree)) {
    const env = whenThere(() => {
      const { deriver } = store.info(item.tree);
      return deriver === undefined ? undefined : store.readDerivation(deriver).env;
    });
    const path = env?.get('path');
    const sha256 = env?.get('sha256');
    if (path === undefined || sha256 === undefined) continue;
    origins.set(name, { version: item.version, path: fromByteString(path), sha256: fromByteString(sha256) });
  }
  return origins;
}

/** Paths that each package put into the image, its byte code included, by package name. */
export function debianPaths(
  host: Pick<Host, 'env'>,
  tree: ImageTree,
): ReadonlyMap<string, readonly ByteString[]> {
  const paths = new Map<string, readonly ByteString[]>();
  for (const [name, { item, store }] of knownPackages(host, tree)) {
    const listed = whenThere(() =>
      [item.tree, ...(item.byteCode === undefined ? [] : [item.byteCode])].flatMap((object) =>
        store.isValid(object)
          ? store.tree(object).flatMap((entry) => (entry.kind === 'directory' ? [] : [entry.path]))
          : [],
      ),
    );
    if (listed !== undefined) paths.set(name, listed);
  }
  return paths;
}
