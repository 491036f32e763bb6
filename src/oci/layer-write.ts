// Layers made of file trees: the canonical tar of the tree, either described in place or written into a cache.
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeTarHeader, tarPadding, tarTrailer, writeTarFile } from '../formats/tar-write.ts';
import { temporaryNameFor } from '../foundation/atomic-file.ts';
import { type Content, contentLength, type FileTree } from '../foundation/file-tree.ts';
import type { Sha256Digest } from './descriptor.ts';
import { type Layer, type LayerOptions, layerOfContent } from './layer.ts';
import { layerFile } from './layer-file.ts';

/** Contents up to this size are copied into the header's buffer, so that they cost no region of their own. */
const inlineLimit = 4096;

/**
 * The canonical tar of a tree as data: headers in memory, contents where they lie. Nothing is read. Throws
 * `tar/unwritable`.
 */
function tarContents(tree: FileTree): Content[] {
  const contents: Content[] = [];
  let small: Uint8Array[] = [];
  const flush = () => {
    if (small.length > 0) contents.push({ kind: 'bytes', bytes: Buffer.concat(small) });
    small = [];
  };
  for (const entry of tree) {
    small.push(encodeTarHeader(entry));
    if (entry.kind !== 'file') continue;
    const length = contentLength(entry.content);
    if (length === 0) continue;
    if (entry.content.kind === 'bytes' && length <= inlineLimit) small.push(entry.content.bytes);
    else {
      flush();
      contents.push(entry.content);
    }
    small.push(tarTrailer.subarray(0, tarPadding(length)));
  }
  small.push(tarTrailer);
  flush();
  return contents;
}

/**
 * A layer of a tree without a file of its own: its contents stay in the files they are in, which must not change. Reads
 * them once for the diffID unless that is given. Throws `tar/unwritable` and as `readContents`.
 */
export function layerOfTree(tree: FileTree, options: LayerOptions = {}): Promise<Layer> {
  return layerOfContent(tarContents(tree), options);
}

/**
 * Writes the canonical tar of a tree into `directory` under the name of its diffID, whole or not at all, and gives the
 * layer. Throws as `writeTarFile`.
 */
export async function writeLayer(
  tree: FileTree,
  { directory, createdBy, comment }: { readonly directory: string } & Omit<LayerOptions, 'diffId'>,
): Promise<Layer> {
  await mkdir(directory, { recursive: true });
  const temporary = temporaryNameFor(join(directory, 'layer'));
  try {
    const { sha256, size } = await writeTarFile({ file: temporary, entries: tree });
    const diffId: Sha256Digest = `sha256:${sha256}`;
    const file = layerFile(directory, diffId);
    await rename(temporary, file);
    return {
      diffId,
      size,
      content: [{ kind: 'region', file, offset: 0, length: size }],
      ...(createdBy === undefined ? {} : { createdBy }),
      ...(comment === undefined ? {} : { comment }),
    };
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
