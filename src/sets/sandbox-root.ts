// The root that a sandbox gets besides its inputs: what maintainer scripts would have made for the packages among
// them, so that /bin/sh, users and alternatives are where builders look for them.

import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { StorePath } from '../formats/store-path.ts';
import { temporaryNameFor } from '../foundation/atomic-file.ts';
import { sha256Hex } from '../foundation/digest.ts';
import { removeDiskTree, writeDiskTree } from '../store/disk-tree.ts';
import { canGiveFilesAway } from '../store/file-owners.ts';
import type { LocalStore } from '../store/local-store.ts';
import type { SandboxRoot } from '../store/sandbox-builder.ts';
import { declaredRootKey, declaredRootOf } from './debian/declared-root.ts';
import { type EnvironmentPackage, readEnvironment, uniteEnvironments } from './image/environment.ts';

/** A {@link SandboxRoot} for environments of Debian packages; other inputs need nothing added. */
export function debianSandboxRoot(store: LocalStore): SandboxRoot {
  return async ({ closure }) => {
    const packages = packagesIn(store, closure);
    return packages.length === 0 ? {} : { layers: [declaredRootFolder(store, packages)] };
  };
}

/** The packages of all environments among store paths. Throws `image/version-conflict`. */
export function packagesIn(store: LocalStore, paths: readonly StorePath[]): EnvironmentPackage[] {
  return uniteEnvironments(paths.flatMap((path) => readEnvironment(store, path) ?? []));
}

/** A folder with the declared root of these packages, made once and kept. */
export function declaredRootFolder(store: LocalStore, packages: readonly EnvironmentPackage[]): string {
  const key = sha256Hex(declaredRootKey(packages).join('\n'));
  const folder = join(store.root, 'declared-roots', key);
  if (existsSync(folder)) return folder;
  mkdirSync(dirname(folder), { recursive: true });
  const temporary = temporaryNameFor(folder);
  try {
    const owners = canGiveFilesAway() ? 'apply' : 'ignore';
    writeDiskTree({ tree: declaredRootOf(store, packages), path: temporary, owners });
    renameSync(temporary, folder);
  } catch (error) {
    removeDiskTree(temporary);
    // Another process was quicker.
    if (!existsSync(folder)) throw error;
  }
  return folder;
}
