// The union of several store paths as a tree of links into them: what nixpkgs' buildEnv makes. Folders are made anew,
// everything else is a link to the first path that has it.

import type { StorePath } from '../formats/store-path.ts';
import type { ByteString } from '../foundation/byte-string.ts';
import { TrimaranError } from '../foundation/error.ts';
import { type FileTree, fileTree, type TreeEntry } from '../foundation/file-tree.ts';
import type { LocalStore } from '../store/local-store.ts';

export interface LinkUnionOptions {
  readonly store: LocalStore;
  readonly paths: readonly StorePath[];
  /** Folders to take, from the root: `/bin`, or `/` for all. */
  readonly pathsToLink: readonly string[];
  /** Whether the first path silently wins where two have a file. */
  readonly ignoreCollisions: boolean;
}

/** The tree of links. Throws `environment/collision` and `environment/not-a-folder`. */
export function linkUnion(options: LinkUnionOptions): FileTree {
  const { store } = options;
  const wanted = options.pathsToLink.map((path) => path.replace(/^\/+|\/+$/g, ''));
  const isWanted = (path: ByteString) =>
    wanted.some(
      (folder) =>
        folder === '' || path === folder || path.startsWith(`${folder}/`) || folder.startsWith(`${path}/`),
    );
  const entries = new Map<ByteString, TreeEntry>();
  for (const path of options.paths) {
    const tree = store.tree(path);
    if (tree[0]?.kind !== 'directory' || tree[0].path !== '') {
      throw new TrimaranError({
        code: 'environment/not-a-folder',
        message: `${path} is no folder, so it cannot be part of an environment`,
        hint: 'put single files in with writeTextDir, or leave the path out',
      });
    }
    for (const entry of tree) {
      if (entry.path === '' || !isWanted(entry.path)) continue;
      const made: TreeEntry =
        entry.kind === 'directory'
          ? { ...entry, mode: 0o555 }
          : {
              kind: 'symlink',
              path: entry.path,
              mode: 0o777,
              uid: 0,
              gid: 0,
              mtime: 1,
              target: `${path}/${entry.path}`,
            };
      const known = entries.get(entry.path);
      if (known === undefined) entries.set(entry.path, made);
      else if (known.kind !== made.kind || made.kind === 'symlink') {
        if (!options.ignoreCollisions) throw collision(path, known, entry.path);
      }
    }
  }
  return fileTree(entries.values());
}

function collision(path: StorePath, known: TreeEntry, name: ByteString): TrimaranError {
  const other = known.kind === 'symlink' ? known.target : 'a folder of another path';
  return new TrimaranError({
    code: 'environment/collision',
    message: `collision between ${path}/${name} and ${other}`,
    hint: 'leave one of the two out, or set ignoreCollisions = true to keep the first',
  });
}
