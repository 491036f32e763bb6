// A package's source as a tree: a folder as it is; a tar archive unpacked, its single top folder entered.
import type { FileTree } from '../../foundation/file-tree.ts';

/** The tree that build systems work on. Throws `tar/…` and what decompression throws. */
export async function unpackSource(tree: FileTree, name: string): Promise<FileTree> {
  const [root] = tree;
  if (root === undefined || root.path !== '' || root.kind === 'directory') return tree;
  // A single file that is no archive is put beside nothing, under its own name.
  return [
    { kind: 'directory', path: '', mode: 0o555, uid: 0, gid: 0, mtime: 1 },
    { ...root, path: name },
  ];
}
