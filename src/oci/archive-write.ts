// Image archives: one uncompressed tar that is both what `docker load` has read since 1.10 (manifest.json) and an OCI
// layout (index.json), with the former pointing at the blobs of the latter so that nothing is stored twice.
// https://github.com/moby/moby/blob/master/image/spec/spec.md and the OCI image-layout specification 1.1.
import { closeSync, openSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { encodeTarHeader, tarPadding, tarTrailer } from '../formats/tar-write.ts';
import { temporaryNameFor } from '../foundation/atomic-file.ts';
import { sha256Hex } from '../foundation/digest.ts';
import type { Content } from '../foundation/file-tree.ts';
import type { ArchiveDraft } from './archive-draft.ts';
import { canonicalJson } from './canonical-json.ts';
import { copyContentsSync, readContents, totalLength } from './content-stream.ts';
import {
  containerdNameAnnotation,
  type Descriptor,
  digestHex,
  mediaTypes,
  refNameAnnotation,
  type Sha256Digest,
} from './descriptor.ts';
import { gzipBlocks } from './gzip.ts';
import type { Image } from './image.ts';
import { writeFamiliarReference, writeReference } from './reference.ts';

/** How a layer's blob is stored: as it is, or compressed beforehand (see layer-compression.ts). */
export interface LayerBlob {
  readonly descriptor: Descriptor;
  readonly content: readonly Content[];
}

/** One member of an archive, or one file of a layout. */
export interface LayoutFile {
  readonly path: string;
  readonly content: readonly Content[];
}

export interface LayoutOptions {
  /** Blobs to store instead of the plain layers, by diffID. */
  readonly layerBlobs?: ReadonlyMap<Sha256Digest, LayerBlob>;
  /** DiffIDs whose bytes are left out: the engine that the archive is for has them. */
  readonly omitLayers?: ReadonlySet<Sha256Digest>;
}

function blobPath(digest: Sha256Digest): string {
  return `blobs/sha256/${digestHex(digest)}`;
}

function bytesContent(bytes: Uint8Array): readonly Content[] {
  return [{ kind: 'bytes', bytes }];
}

function plainBlob(layer: Image['layers'][number]): LayerBlob {
  return {
    descriptor: { mediaType: mediaTypes.ociLayer, digest: layer.diffId, size: layer.size },
    content: layer.content,
  };
}

/** The OCI manifest of an image whose layers are stored as given; canonical JSON and its descriptor. */
export function writeManifest(
  image: Image,
  layers: readonly Descriptor[],
): { readonly bytes: Buffer; readonly descriptor: Descriptor } {
  const bytes = canonicalJson({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: { mediaType: mediaTypes.ociConfig, digest: image.configDigest, size: image.configBytes.length },
    layers,
  });
  const digest: Sha256Digest = `sha256:${sha256Hex(bytes)}`;
  return { bytes, descriptor: { mediaType: mediaTypes.ociManifest, digest, size: bytes.length } };
}

/**
 * The files of an OCI layout that holds `images` and also carries Docker's manifest.json: layers as the images have them,
 * lowest first, so that archives which share lower layers begin alike; then the rest by path. Images that share layers
 * share their blobs. Pure: nothing is read.
 */
export function layoutFiles(images: readonly Image[], options: LayoutOptions = {}): LayoutFile[] {
  const layers = new Map<string, readonly Content[]>();
  const files = new Map<string, readonly Content[]>();
  const index: Descriptor[] = [];
  const dockerManifest: unknown[] = [];
  for (const image of images) {
    const blobs = image.layers.map((layer) => options.layerBlobs?.get(layer.diffId) ?? plainBlob(layer));
    image.layers.forEach((layer, i) => {
      if (options.omitLayers?.has(layer.diffId)) return;
      layers.set(blobPath(blobs[i]!.descriptor.digest), blobs[i]!.content);
    });
    const manifest = writeManifest(
      image,
      blobs.map((blob) => blob.descriptor),
    );
    files.set(blobPath(image.configDigest), bytesContent(image.configBytes));
    files.set(blobPath(manifest.descriptor.digest), bytesContent(manifest.bytes));
    const { os, architecture, variant } = image.config;
    const platform = { os, architecture, ...(variant === undefined ? {} : { variant }) };
    const descriptor = { ...manifest.descriptor, platform };
    for (const name of image.names) {
      const annotations = {
        [containerdNameAnnotation]: writeReference(name),
        [refNameAnnotation]: name.tag ?? 'latest',
      };
      index.push({ ...descriptor, annotations });
    }
    if (image.names.length === 0) index.push(descriptor);
    dockerManifest.push({
      Config: blobPath(image.configDigest),
      Layers: blobs.map((blob) => blobPath(blob.descriptor.digest)),
      RepoTags: image.names.length === 0 ? null : image.names.map(writeFamiliarReference),
    });
  }
  files.set(
    'index.json',
    bytesContent(canonicalJson({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: index })),
  );
  files.set('manifest.json', bytesContent(canonicalJson(dockerManifest)));
  files.set('oci-layout', bytesContent(canonicalJson({ imageLayoutVersion: '1.0.0' })));
  return [...layers, ...[...files].sort(([a], [b]) => (a < b ? -1 : 1))].map(([path, content]) => ({
    path,
    content,
  }));
}

function memberHeader(path: string, size: number): Buffer {
  // Only the length of the content goes into a header.
  const content: Content = { kind: 'region', file: path, offset: 0, length: size };
  return encodeTarHeader({ kind: 'file', path, mode: 0o644, uid: 0, gid: 0, mtime: 1, content });
}

/**
 * The bytes of the archive of `images`, as data: pass them to `readContents` to stream them into an engine, or let
 * {@link writeArchive} put them into a file. The same images give the same bytes.
 */
export function archiveContents(images: readonly Image[], options: LayoutOptions = {}): Content[] {
  const contents: Content[] = [];
  for (const { path, content } of layoutFiles(images, options)) {
    const size = totalLength(content);
    contents.push({ kind: 'bytes', bytes: memberHeader(path, size) }, ...content);
    const padding = tarPadding(size);
    if (padding > 0) contents.push({ kind: 'bytes', bytes: tarTrailer.subarray(0, padding) });
  }
  contents.push({ kind: 'bytes', bytes: tarTrailer });
  return contents;
}

/**
 * Writes the archive of `images` to `file`, which appears whole or not at all; plain, or gzipped as one stream (whose bytes
 * are zlib's and may differ between versions of Node.js, unlike the plain ones). Throws `oci/file-too-short` when a layer
 * changes meanwhile, or the system's error.
 *
 * @example
 * await writeArchive([image], 'image.tar'); // docker load < image.tar
 */
export async function writeArchive(
  images: readonly Image[],
  file: string,
  {
    compression = 'none',
    draft,
    ...options
  }: LayoutOptions & {
    readonly compression?: 'gzip' | 'none';
    /** A copy of an earlier archive that may hold the beginning of this one. */
    readonly draft?: ArchiveDraft | undefined;
  } = {},
): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const contents = archiveContents(images, options);
  const begun = compression === 'none' ? await draft?.take(contents) : undefined;
  const temporary = begun?.file ?? temporaryNameFor(file);
  try {
    const target = openSync(temporary, begun === undefined ? 'wx' : 'a', 0o644);
    try {
      if (compression === 'none') copyContentsSync(contents.slice(begun?.held ?? 0), target);
      else {
        for await (const bytes of gzipBlocks(readContents(contents))) {
          copyContentsSync([{ kind: 'bytes', bytes }], target);
        }
      }
    } finally {
      closeSync(target);
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
