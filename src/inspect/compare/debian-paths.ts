// Which files the Debian packages of an image that was built on this machine brought: an image names its environments
// by links in /nix/store, and the store still knows their packages.
import type { StorePath } from '../../formats/store-path.ts';
import type { ByteString } from '../../foundation/byte-string.ts';
import { isTrimaranError } from '../../foundation/error.ts';
import type { Host } from '../../foundation/host.ts';
import { trimaranRoot } from '../../sets/cache-root.ts';
import { type EnvironmentPackage, readEnvironment } from '../../sets/image/environment.ts';
import { LocalStore } from '../../store/local-store.ts';
import type { ImageTree } from './image-tree.ts';

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
