// Environments: what `buildEnv` and its kin make on a package set whose packages are rooted at /. In the store an
// environment is a folder of links to ordinary store paths, with one file more that lists the packages.

import type { StorePath } from '../../formats/store-path.ts';
import { TrimaranError } from '../../foundation/error.ts';
import type { LocalStore } from '../../store/local-store.ts';

/** Where in an environment the list of its packages lies. */
export const environmentFile = 'nix-support/trimaran-environment.json';

/** A package of an environment, as store paths. */
export interface EnvironmentPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  /** The packed tree that goes to the root of a file system. */
  readonly tree: StorePath;
  /** What the package's maintainer wrote beside the files: control fields and scripts. */
  readonly control: StorePath;
  /** Names of the packages of this environment that it needs. */
  readonly depends: readonly string[];
  /** The packed tree of its byte code, when that is wanted. */
  readonly byteCode?: StorePath;
}

export interface Environment {
  readonly suite: string;
  readonly timestamp: string;
  /** Sorted by name. */
  readonly packages: readonly EnvironmentPackage[];
}

/** The environment at a store path, or undefined when the path is something else. Throws `store/…`. */
export function readEnvironment(store: LocalStore, path: StorePath): Environment | undefined {
  if (store.info(path).form !== 'plain') return undefined;
  const file = `${path}/${environmentFile}`;
  if (store.lstat(path)?.kind !== 'directory' || store.lstat(file) === undefined) return undefined;
  try {
    return JSON.parse(store.readFile(file).toString('utf8')) as Environment;
  } catch (cause) {
    throw new TrimaranError({
      code: 'image/bad-environment',
      message: `${file} is damaged`,
      cause,
      exitCode: 4,
    });
  }
}

/**
 * The packages of several environments as one: each name once. Throws `image/version-conflict` when two environments
 * bring different builds of a package.
 */
export function uniteEnvironments(environments: readonly Environment[]): EnvironmentPackage[] {
  const byName = new Map<string, EnvironmentPackage>();
  for (const environment of environments) {
    for (const item of environment.packages) {
      const known = byName.get(item.name);
      if (known !== undefined && known.tree !== item.tree) {
        throw new TrimaranError({
          code: 'image/version-conflict',
          message: `the image asks for ${item.name} ${known.version} and ${item.version} at once`,
          hint: 'take both from one release: give the inputs one `debian:` reference',
        });
      }
      const byteCode = known?.byteCode ?? item.byteCode;
      byName.set(item.name, byteCode === undefined ? item : { ...item, byteCode });
    }
  }
  return [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}
