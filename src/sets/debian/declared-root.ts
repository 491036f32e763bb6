// What maintainer scripts would have made for the packages of an image, from store objects.

import { declaredRootFormat, declareRoot } from '../../debian/declared-root.ts';
import type { FileTree } from '../../foundation/file-tree.ts';
import type { LocalStore } from '../../store/local-store.ts';
import type { EnvironmentPackage } from '../image/environment.ts';
import { readControl } from './unpacked-packages.ts';

/** What a declared root is kept by, with {@link declaredRootFormat}: the packages' files and scripts. */
export function declaredRootKey(packages: readonly EnvironmentPackage[]): string[] {
  return [
    'declared root',
    String(declaredRootFormat),
    ...packages.flatMap((item) => [item.tree, item.control]),
  ];
}

/** The tree to lay over the packages. Throws `debian/…` and `store/…`. */
export function declaredRootOf(store: LocalStore, packages: readonly EnvironmentPackage[]): FileTree {
  return declareRoot({
    packages: packages.map(({ tree, control }) => ({
      tree: store.tree(tree),
      control: readControl(store, control),
    })),
  });
}
