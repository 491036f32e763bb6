// Images out of what holds files by path: an archive or a folder. An OCI layout, or Docker's manifest.json of any
// age. Everything is bounded, and every digest is checked, before it becomes an Image.
import { sha256Hex } from '../foundation/digest.ts';
import { isTrimaranError, TrimaranError } from '../foundation/error.ts';
import type { Content } from '../foundation/file-tree.ts';
import { digestOfContents, readContentsWhole, totalLength } from './content-stream.ts';
import {
  containerdNameAnnotation,
  type Descriptor,
  digestHex,
  mediaTypes,
  type Platform,
  refNameAnnotation,
  type Sha256Digest,
} from './descriptor.ts';
import { type Image, imageOfConfigBytes, parseImageConfig } from './image.ts';
import type { Layer } from './layer.ts';
import { cachedLayer } from './layer-file.ts';
import { compressionOf, diffIdMismatch, unpackLayer } from './layer-unpack.ts';
import {
  isImageDescriptor,
  longestConfig,
  longestManifest,
  parseManifest,
  selectPlatform,
} from './manifest.ts';
import { parseReference, type Reference, withDefaultTag } from './reference.ts';

/** What holds files by path. */
export interface LayoutSource {
  /** As the user names it, for errors. */
  readonly label: string;
  /** The file's contents, or undefined when there is none of that path. */
  find(path: string): Promise<readonly Content[] | undefined>;
}

export interface LayoutReadOptions {
  /** Where layers are kept that must be unpacked or copied; see `layerFile`. */
  readonly cacheDirectory: string;
  /** Takes only images for this platform. */
  readonly platform?: Platform;
  /** Copies plain layers into the cache too, so that the source may go away. */
  readonly copyLayers?: boolean;
  /** Bytes of one uncompressed layer. */
  readonly maximumLayerSize?: number;
  /** Plain layers that need not be hashed: the source is known to hold what they say. */
  readonly knownLayers?: ReadonlySet<Sha256Digest>;
}

function bad(source: LayoutSource, why: string, cause?: unknown): TrimaranError {
  return new TrimaranError({
    code: 'oci/bad-archive',
    message: `${source.label} is no image archive: ${why}`,
    hint: 'make it with `docker save`, `skopeo copy` or `trimaran build -o FILE`',
    exitCode: 4,
    cause,
  });
}

async function readBounded(source: LayoutSource, path: string, limit: number): Promise<Buffer> {
  const content = await source.find(path);
  if (content === undefined) throw bad(source, `${JSON.stringify(path)} is missing`);
  const size = totalLength(content);
  if (size > limit) throw bad(source, `${JSON.stringify(path)} has ${size} bytes, and ${limit} are allowed`);
  return readContentsWhole(content);
}

async function readBlob(source: LayoutSource, descriptor: Descriptor, limit: number): Promise<Buffer> {
  const bytes = await readBounded(source, blobPath(descriptor.digest), limit);
  const actual = `sha256:${sha256Hex(bytes)}`;
  if (actual === descriptor.digest) return bytes;
  throw new TrimaranError({
    code: 'oci/digest-mismatch',
    message: `${source.label}: the blob ${descriptor.digest} holds ${actual}`,
    hint: 'the archive was damaged; save it again',
    exitCode: 4,
  });
}

function blobPath(digest: Sha256Digest): string {
  return `blobs/sha256/${digestHex(digest)}`;
}

async function readLayer(
  source: LayoutSource,
  { path, diffId }: { readonly path: string; readonly diffId: Sha256Digest },
  options: LayoutReadOptions,
): Promise<Layer> {
  const cached = await cachedLayer(options.cacheDirectory, diffId);
  if (cached !== undefined) return cached;
  const content = await source.find(path);
  if (content === undefined) throw bad(source, `the layer ${JSON.stringify(path)} is missing`);
  const label = `${source.label}: layer ${path}`;
  const plain = (await compressionOf(content, label)) === 'none';
  if (plain && options.copyLayers !== true) {
    if (options.knownLayers?.has(diffId) !== true) {
      const actual = await digestOfContents(content);
      if (actual !== diffId) throw diffIdMismatch(label, { expected: diffId, actual });
    }
    return { diffId, size: totalLength(content), content };
  }
  return unpackLayer(content, {
    directory: options.cacheDirectory,
    diffId,
    label,
    ...(options.maximumLayerSize === undefined ? {} : { maximumSize: options.maximumLayerSize }),
  });
}

async function readImage(
  source: LayoutSource,
  parts: {
    readonly configBytes: Buffer;
    readonly layerPaths: readonly string[];
    readonly names: readonly Reference[];
  },
  options: LayoutReadOptions,
): Promise<Image> {
  const ids = parseImageConfig(parts.configBytes).rootfs.diff_ids;
  if (ids.length !== parts.layerPaths.length) {
    throw bad(source, `a configuration names ${ids.length} layers, its manifest ${parts.layerPaths.length}`);
  }
  const layers: Layer[] = [];
  for (const [index, path] of parts.layerPaths.entries()) {
    layers.push(await readLayer(source, { path, diffId: ids[index]! }, options));
  }
  return imageOfConfigBytes(parts.configBytes, { layers, names: parts.names });
}

function nameOf(text: unknown): Reference | undefined {
  if (typeof text !== 'string') return undefined;
  try {
    const reference = withDefaultTag(parseReference(text));
    return reference.digest === undefined ? reference : undefined;
  } catch (error) {
    // Others' tools write names that are none; the image is what matters.
    if (isTrimaranError(error, 'oci/bad-reference')) return undefined;
    throw error;
  }
}

/** The names that annotations give; a bare tag such as `latest` is no name. */
function namesOf(annotations: Readonly<Record<string, string>> | undefined): Reference[] {
  const refName = annotations?.[refNameAnnotation];
  const text = annotations?.[containerdNameAnnotation] ?? (/[:/]/.test(refName ?? '') ? refName : undefined);
  const name = nameOf(text);
  return name === undefined ? [] : [name];
}

function wanted(image: Image, { platform }: LayoutReadOptions): boolean {
  if (platform === undefined) return true;
  const { os, architecture } = image.config;
  return os === platform.os && architecture === platform.architecture;
}

const mostImages = 256;

async function readOciIndex(source: LayoutSource, options: LayoutReadOptions): Promise<Image[]> {
  const index = parseManifest(
    await readBounded(source, 'index.json', longestManifest),
    `${source.label} (index.json)`,
  );
  if (index.kind !== 'index') throw bad(source, 'index.json is no index');
  const found = new Map<Sha256Digest, { descriptor: Descriptor; names: Reference[] }>();
  const add = (descriptor: Descriptor, names: readonly Reference[]) => {
    const entry = found.get(descriptor.digest) ?? { descriptor, names: [] };
    entry.names.push(...names);
    found.set(descriptor.digest, entry);
  };
  const expand = async (
    descriptor: Descriptor,
    names: readonly Reference[],
    depth: number,
  ): Promise<void> => {
    if (!isImageDescriptor(descriptor)) return;
    const isIndex =
      descriptor.mediaType === mediaTypes.ociIndex || descriptor.mediaType === mediaTypes.dockerManifestList;
    if (!isIndex) return add(descriptor, names);
    if (depth > 3) throw bad(source, 'its indexes nest too deep');
    const nested = parseManifest(await readBlob(source, descriptor, longestManifest), source.label);
    if (nested.kind !== 'index') throw bad(source, `${descriptor.digest} is no index`);
    const chosen =
      options.platform === undefined
        ? nested.manifests
        : [selectPlatform(nested.manifests, { platform: options.platform, label: source.label })];
    for (const inner of chosen) {
      // An archive of one platform may still list the others, whose blobs it lacks.
      if (options.platform === undefined && (await source.find(blobPath(inner.digest))) === undefined)
        continue;
      await expand(inner, [...names, ...namesOf(inner.annotations)], depth + 1);
    }
  };
  for (const descriptor of index.manifests) await expand(descriptor, namesOf(descriptor.annotations), 0);
  if (found.size > mostImages)
    throw bad(source, `it holds ${found.size} images, and ${mostImages} are allowed`);
  const images: Image[] = [];
  for (const { descriptor, names } of found.values()) {
    const manifest = parseManifest(await readBlob(source, descriptor, longestManifest), source.label);
    if (manifest.kind !== 'image') throw bad(source, `${descriptor.digest} is no image manifest`);
    const configBytes = await readBlob(source, manifest.config, longestConfig);
    const layerPaths = manifest.layers.map((layer) => blobPath(layer.digest));
    images.push(await readImage(source, { configBytes, layerPaths, names }, options));
  }
  return images;
}

async function readDockerManifest(source: LayoutSource, options: LayoutReadOptions): Promise<Image[]> {
  let value: unknown;
  try {
    value = JSON.parse((await readBounded(source, 'manifest.json', longestManifest)).toString('utf8'));
  } catch (cause) {
    if (isTrimaranError(cause)) throw cause;
    throw bad(source, 'manifest.json is not JSON', cause);
  }
  if (!Array.isArray(value) || value.length > mostImages)
    throw bad(source, 'manifest.json is no list of images');
  const images: Image[] = [];
  for (const item of value as (Record<string, unknown> | null)[]) {
    const { Config: config, Layers: layers, RepoTags: tags } = item ?? {};
    if (typeof config !== 'string') throw bad(source, 'manifest.json names no configuration');
    const layerPaths = layers ?? [];
    if (!Array.isArray(layerPaths) || layerPaths.some((path) => typeof path !== 'string')) {
      throw bad(source, 'manifest.json names no layers');
    }
    const names = (Array.isArray(tags) ? tags : []).map(nameOf).filter((name) => name !== undefined);
    const configBytes = await readBounded(source, config, longestConfig);
    // Docker names the configuration after its digest; an archive where that is wrong was damaged.
    const named = /(?:^|\/)([0-9a-f]{64})(?:\.json)?$/.exec(config)?.[1];
    const actual = sha256Hex(configBytes);
    if (named !== undefined && named !== actual) {
      throw new TrimaranError({
        code: 'oci/digest-mismatch',
        message: `${source.label}: the configuration sha256:${named} holds sha256:${actual}`,
        hint: 'the archive was damaged; save it again',
        exitCode: 4,
      });
    }
    images.push(await readImage(source, { configBytes, layerPaths: layerPaths as string[], names }, options));
  }
  return images;
}

/**
 * The images that a source holds, in its order; at least one. Throws `oci/bad-archive`, `oci/digest-mismatch`,
 * `oci/diff-id-mismatch`, `oci/no-such-platform`, and what `parseManifest`, `parseImageConfig` and `unpackLayer` throw.
 */
export async function readLayoutSource(source: LayoutSource, options: LayoutReadOptions): Promise<Image[]> {
  const hasDocker = (await source.find('manifest.json')) !== undefined;
  if (!hasDocker && (await source.find('index.json')) === undefined) {
    const isAncient = (await source.find('repositories')) !== undefined;
    throw bad(
      source,
      isAncient
        ? 'it was saved by a Docker older than 1.10, which is not supported'
        : 'it has neither manifest.json nor index.json',
    );
  }
  const images = hasDocker ? await readDockerManifest(source, options) : await readOciIndex(source, options);
  const chosen = images.filter((image) => wanted(image, options));
  if (chosen.length > 0) return chosen;
  if (images.length === 0) throw bad(source, 'it holds no image');
  const descriptors = images.map(({ config, configDigest }) => ({
    mediaType: mediaTypes.ociManifest,
    digest: configDigest,
    size: 0,
    platform: config,
  }));
  selectPlatform(descriptors, { platform: options.platform!, label: source.label });
  return images;
}
