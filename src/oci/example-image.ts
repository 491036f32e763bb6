// Small images for tests: made in memory, the same every time.
import { toByteString } from '../foundation/byte-string.ts';
import { type FileTree, fileTree, type TreeEntry } from '../foundation/file-tree.ts';
import { createImage, type Image, type ImageOptions } from './image.ts';
import { layerOfTree } from './layer-write.ts';

const owner = { uid: 0, gid: 0, mtime: 1 };

/** A tree of `path: content`; a path that ends in a slash is a directory, a content that starts with `-> ` a link. */
export function exampleTree(files: Readonly<Record<string, string>>): FileTree {
  return fileTree(
    Object.entries(files).map(([name, text]): TreeEntry => {
      const path = toByteString(name.replace(/\/$/, ''));
      if (name.endsWith('/')) return { kind: 'directory', path, mode: 0o755, ...owner };
      if (text.startsWith('-> ')) {
        return { kind: 'symlink', path, mode: 0o777, ...owner, target: toByteString(text.slice(3)) };
      }
      if (text.startsWith('=> ')) {
        return { kind: 'hardlink', path, mode: 0o644, ...owner, target: toByteString(text.slice(3)) };
      }
      return {
        kind: 'file',
        path,
        mode: 0o644,
        ...owner,
        content: { kind: 'bytes', bytes: Buffer.from(text) },
      };
    }),
  );
}

/** An image with one layer for each tree. */
export async function exampleImage(
  trees: readonly FileTree[],
  options: Partial<Omit<ImageOptions, 'layers'>> = {},
): Promise<Image> {
  const layers = await Promise.all(trees.map((tree) => layerOfTree(tree)));
  return createImage({
    platform: { os: 'linux', architecture: 'amd64' },
    names: ['example:1'],
    config: { Cmd: ['/bin/true'], Env: ['PATH=/bin'], WorkingDir: '/' },
    ...options,
    layers,
  });
}
