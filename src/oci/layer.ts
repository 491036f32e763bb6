// A layer: an immutable, uncompressed tar known by the SHA-256 of its bytes, its diffID. The bytes stay where they
// are (a packed store object, a file of a cache, memory); a layer only says where.
// https://github.com/opencontainers/image-spec/blob/main/layer.md
import { stat } from 'node:fs/promises';
import type { Content } from '../foundation/file-tree.ts';
import { digestOfContents, readContents, totalLength } from './content-stream.ts';
import type { Sha256Digest } from './descriptor.ts';

export interface Layer {
  /** SHA-256 of the uncompressed tar. */
  readonly diffId: Sha256Digest;
  /** Length of the uncompressed tar in bytes. */
  readonly size: number;
  /** Where the tar's bytes lie, in order; one region for a tar that is a file by itself. */
  readonly content: readonly Content[];
  /** For the image's history: what made the layer, as Docker shows in CREATED BY. */
  readonly createdBy?: string;
  /** For the image's history: what is in it, such as the names of its packages. */
  readonly comment?: string;
}

export interface LayerOptions {
  /** Known already: the bytes are then not read. */
  readonly diffId?: Sha256Digest;
  readonly createdBy?: string;
  readonly comment?: string;
}

/** A layer of bytes that lie in several places. Hashes them unless the diffID is given. */
export async function layerOfContent(
  content: readonly Content[],
  { diffId, ...notes }: LayerOptions = {},
): Promise<Layer> {
  return {
    diffId: diffId ?? (await digestOfContents(content)),
    size: totalLength(content),
    content,
    ...notes,
  };
}

/**
 * A layer that is the whole of an uncompressed tar file. Reads it only when the diffID is not given.
 * Rejects with the system's error when there is no such file.
 */
export async function layerOfFile(file: string, options: LayerOptions = {}): Promise<Layer> {
  const { size } = await stat(file);
  return layerOfContent([{ kind: 'region', file, offset: 0, length: size }], options);
}

/** The layer's tar, in chunks. Throws as `readContents` does. */
export function openLayer(layer: Layer): AsyncGenerator<Buffer, void, undefined> {
  return readContents(layer.content);
}
