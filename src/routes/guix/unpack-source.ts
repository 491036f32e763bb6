// A package's source as a tree: a folder as it is; a tar archive unpacked, its first folder entered, as Guix's `unpack`
// phase does; any other file by itself in a folder. Zip archives are refused by name.
import { decompress } from '../../formats/compression.ts';
import { readTar } from '../../formats/tar-read.ts';
import type { ByteString } from '../../foundation/byte-string.ts';
import { TrimaranError } from '../../foundation/error.ts';
import { type FileTree, fileTree, type TreeEntry } from '../../foundation/file-tree.ts';
import { readContent } from '../../store/disk-tree.ts';

/** Bytes that an archive may unpack to. */
const mostBytes = 2 ** 30;

/** The tree that build systems work on. Throws `guix/unsupported-source`, `tar/…` and `compression/…`. */
export async function unpackSource(tree: FileTree, name: string): Promise<FileTree> {
  const [root] = tree;
  if (root === undefined || root.path !== '' || root.kind !== 'file') return tree;
  if (/\.(zip|jar|whl)$/.test(name)) {
    throw new TrimaranError({
      code: 'guix/unsupported-source',
      message: `the source ${name} is a zip archive, which is not supported`,
      hint: 'take a tar archive or a git checkout of the same',
    });
  }
  if (!/\.(tar|tar\.[a-z0-9]+|tgz|tbz2?|txz)$/.test(name)) {
    return [folder(''), { ...root, path: name }];
  }
  const bytes = await decompress(readContent(root.content), { limit: mostBytes, name });
  return firstFolder(readTar(bytes));
}

/** What lies in the first folder at the top, or everything where there is none. */
function firstFolder(entries: readonly TreeEntry[]): FileTree {
  const byPath = new Map<ByteString, TreeEntry>();
  for (const entry of entries) if (entry.path !== '') byPath.set(entry.path, entry);
  const tops = [...new Set([...byPath.keys()].map((path) => path.split('/', 1)[0]!))].sort();
  const top = tops.find((name) =>
    [...byPath].some(
      ([path, { kind }]) => path.startsWith(`${name}/`) || (path === name && kind === 'directory'),
    ),
  );
  const inside = [...byPath.values()].flatMap((entry) => {
    if (top === undefined) return [entry];
    return entry.path.startsWith(`${top}/`) ? [moved(entry, top)] : [];
  });
  return fileTree([folder(''), ...inside]);
}

function moved(entry: TreeEntry, top: ByteString): TreeEntry {
  const path = entry.path.slice(top.length + 1);
  return entry.kind === 'hardlink'
    ? { ...entry, path, target: entry.target.slice(top.length + 1) }
    : { ...entry, path };
}

function folder(path: ByteString): TreeEntry {
  return { kind: 'directory', path, mode: 0o555, uid: 0, gid: 0, mtime: 1 };
}
