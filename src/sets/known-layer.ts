// What layers hold, kept by their digest: successive builds of an image have most of their layers in common, and indexing a
// layer reads most of it where its files are small.
import { join } from 'node:path';
import type { Content, FileEntry, TreeEntry } from '../foundation/file-tree.ts';
import { digestHex } from '../oci/descriptor.ts';
import type { Layer } from '../oci/layer.ts';
import { layerEntries } from '../oci/layer-tree.ts';
import { keepRecording, loadRecording } from './recording-file.ts';

/** Raised whenever what is kept changes its meaning. */
const format = 1;

/** Layers with fewer entries are indexed as quickly as they are looked up. */
const worthKeeping = 64;

/** An entry, and for a file that is not empty where its bytes lie in the layer. */
type KnownEntry = readonly [
  entry: Exclude<TreeEntry, FileEntry> | Omit<FileEntry, 'content'>,
  offset?: number,
  length?: number,
];

const nothing: Content = { kind: 'bytes', bytes: new Uint8Array() };

/**
 * The entries of a layer as `layerEntries` gives them, without extended attributes. `knownDirectory` is where they are kept.
 * Throws as `layerEntries`.
 */
export async function readKnownLayer(layer: Layer, knownDirectory: string): Promise<readonly TreeEntry[]> {
  const [region, ...more] = layer.content;
  if (region?.kind !== 'region' || more.length > 0) return layerEntries(layer);
  const file = join(knownDirectory, `${digestHex(layer.diffId)}-entries-${format}.json`);
  const known = loadRecording<KnownEntry[]>(file);
  if (known !== undefined) {
    return known.map(([entry, offset, length]): TreeEntry => {
      if (entry.kind !== 'file') return entry;
      const content: Content =
        offset === undefined ? nothing : { ...region, offset: region.offset + offset, length: length! };
      return { ...entry, content };
    });
  }
  const entries = await layerEntries(layer);
  if (entries.length >= worthKeeping) {
    keepRecording(
      file,
      entries.map(({ xattrs: _, ...entry }): KnownEntry => {
        if (entry.kind !== 'file') return [entry];
        const { content, ...rest } = entry;
        return content.kind === 'region' ? [rest, content.offset - region.offset, content.length] : [rest];
      }),
    );
  }
  return entries;
}
