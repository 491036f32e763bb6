// The Docker Engine API, as far as images need it: https://docs.docker.com/reference/api/engine/. Podman's compatible
// service answers the same calls. Paths carry no version, so an engine of any age answers in its own.
import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { temporaryNameFor } from '../foundation/atomic-file.ts';
import { mapConcurrently } from '../foundation/concurrency.ts';
import { isTrimaranError, TrimaranError } from '../foundation/error.ts';
import type { Host, ProgressTask } from '../foundation/host.ts';
import { readArchive } from './archive-read.ts';
import { archiveContents } from './archive-write.ts';
import { readContents, totalLength } from './content-stream.ts';
import { parseSha256Digest, type Sha256Digest } from './descriptor.ts';
import { type EngineEndpoint, findEngineEndpoint } from './engine-endpoint.ts';
import { callEngine, engineGone, readJson } from './engine-transport.ts';
import { diffIds, type Image } from './image.ts';
import type { LayoutReadOptions } from './layout-read.ts';
import { type Reference, writeFamiliarReference } from './reference.ts';

/** An engine that answered. */
export interface Engine {
  readonly endpoint: EngineEndpoint;
  readonly product: 'docker' | 'podman';
  readonly version: string;
  readonly apiVersion: string;
  readonly os: string;
  readonly architecture: string;
  /**
   * How it keeps images. Only a graph driver names an image by its config and takes an archive that leaves out layers
   * it has.
   */
  readonly imageStore: 'graph-driver' | 'containerd' | 'podman';
}

/** What an engine says of an image. */
export interface EngineImage {
  /** Config digest with a graph driver or Podman; manifest digest with the containerd store. */
  readonly id: Sha256Digest;
  /** As the engine shows them: `app:1`. */
  readonly names: readonly string[];
  readonly diffIds: readonly Sha256Digest[];
  readonly os: string;
  readonly architecture: string;
  /** Bytes, as the engine counts them. */
  readonly size: number;
}

/**
 * Connects to the engine at `endpoint`, or to the one that {@link findEngineEndpoint} finds. Throws `oci/no-engine`,
 * `oci/engine-permission`, `oci/engine-gone`, `oci/engine-error`, and what finding throws.
 */
export async function connectEngine(host: Pick<Host, 'env'>, endpoint?: EngineEndpoint): Promise<Engine> {
  const found = endpoint ?? (await findEngineEndpoint(host));
  if (found === undefined) {
    throw new TrimaranError({
      code: 'oci/no-engine',
      message: 'there is no Docker or Podman engine here',
      hint: 'start one (`sudo systemctl start docker`), or set DOCKER_HOST to where one listens',
      exitCode: 4,
    });
  }
  const version = await readJson(found, await callEngine(found, { path: '/version', timeout: 10_000 }));
  const components = Array.isArray(version.Components) ? version.Components : [];
  const isPodman = components.some((part: { Name?: unknown } | null) => /podman/i.test(String(part?.Name)));
  return {
    endpoint: found,
    product: isPodman ? 'podman' : 'docker',
    version: text(version.Version),
    apiVersion: text(version.ApiVersion),
    os: text(version.Os),
    architecture: text(version.Arch),
    imageStore: isPodman ? 'podman' : await imageStoreOf(found),
  };
}

async function imageStoreOf(endpoint: EngineEndpoint): Promise<'graph-driver' | 'containerd'> {
  const info = await readJson(endpoint, await callEngine(endpoint, { path: '/info', timeout: 30_000 }));
  return JSON.stringify(info.DriverStatus ?? []).includes('io.containerd.snapshotter')
    ? 'containerd'
    : 'graph-driver';
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** The image of that name or id in the engine, or undefined. Throws as {@link connectEngine}. */
export async function inspectEngineImage(engine: Engine, name: string): Promise<EngineImage | undefined> {
  let value: Record<string, unknown>;
  try {
    const path = `/images/${encodeURIComponent(name)}/json`;
    value = await readJson(engine.endpoint, await callEngine(engine.endpoint, { path }));
  } catch (error) {
    if (isTrimaranError(error, 'oci/engine-no-image')) return undefined;
    throw error;
  }
  const id = parseSha256Digest(text(value.Id).replace(/^(?=[0-9a-f]{64}$)/, 'sha256:'));
  if (id === undefined) throw engineGone(engine.endpoint, 'it gave an image without an id');
  const layers = (value.RootFS as { Layers?: unknown } | undefined)?.Layers;
  return {
    id,
    names: Array.isArray(value.RepoTags)
      ? value.RepoTags.filter((tag): tag is string => typeof tag === 'string')
      : [],
    diffIds: (Array.isArray(layers) ? layers : []).filter(
      (layer): layer is Sha256Digest => parseSha256Digest(layer) !== undefined,
    ),
    os: text(value.Os),
    architecture: text(value.Architecture),
    size: typeof value.Size === 'number' ? value.Size : 0,
  };
}

/** Gives an image of the engine, named by name or id, one more name. Throws `oci/engine-no-image` and as above. */
export async function tagEngineImage(
  engine: Engine,
  { image, name }: { readonly image: string; readonly name: Reference },
): Promise<void> {
  const { tag = 'latest', ...repository } = name;
  const query = new URLSearchParams({ repo: writeFamiliarReference(repository), tag });
  const path = `/images/${encodeURIComponent(image)}/tag?${query}`;
  await drain(await callEngine(engine.endpoint, { method: 'POST', path }));
}

/** Removes a name, and the image with its last one. Throws `oci/engine-no-image`, `oci/engine-error`. */
export async function removeEngineImage(engine: Engine, name: string): Promise<void> {
  const path = `/images/${encodeURIComponent(name)}`;
  await drain(await callEngine(engine.endpoint, { method: 'DELETE', path }));
}

async function drain(response: IncomingMessage): Promise<void> {
  for await (const _ of response);
}

export interface LoadedImages {
  /** Names as the engine confirmed them. */
  readonly names: readonly string[];
  /** Bytes of the archive that were sent; 0 when the engine had the images already. */
  readonly bytesSent: number;
  /** Layers that the engine had and that were not sent. */
  readonly layersSkipped: number;
}

/**
 * Loads images into the engine, streaming their archive and leaving out what the engine has already. Throws
 * `oci/engine-gone` when the connection breaks, `oci/engine-error` when the engine refuses, and as `readContents`.
 *
 * @example
 * const engine = await connectEngine(host);
 * await loadImages(engine, [image], { progress: host.progress });
 */
export async function loadImages(
  engine: Engine,
  images: readonly Image[],
  { progress }: { readonly progress?: Host['progress'] } = {},
): Promise<LoadedImages> {
  const present = engine.imageStore === 'graph-driver' ? await imagesAlreadyThere(engine, images) : [];
  const missing = images.filter((image) => !present.includes(image));
  for (const image of present) {
    for (const name of image.names) await tagEngineImage(engine, { image: image.configDigest, name });
  }
  const names = present.flatMap((image) => image.names.map(writeFamiliarReference));
  if (missing.length === 0) {
    return { names, bytesSent: 0, layersSkipped: images.flatMap((image) => image.layers).length };
  }
  const omitLayers =
    engine.imageStore === 'graph-driver'
      ? await layersAlreadyThere(engine, missing)
      : new Set<Sha256Digest>();
  let sent: { names: string[]; bytesSent: number };
  try {
    sent = await sendArchive(engine, missing, { omitLayers, progress });
  } catch (error) {
    // A layer may have gone from the engine since we asked; only a whole archive can tell.
    if (omitLayers.size === 0 || !isTrimaranError(error, 'oci/engine-error')) throw error;
    omitLayers.clear();
    sent = await sendArchive(engine, missing, { omitLayers, progress });
  }
  return { names: [...names, ...sent.names], bytesSent: sent.bytesSent, layersSkipped: omitLayers.size };
}

async function imagesAlreadyThere(engine: Engine, images: readonly Image[]): Promise<Image[]> {
  const found = await mapConcurrently(images, 4, (image) => inspectEngineImage(engine, image.configDigest));
  return images.filter((_, i) => found[i]?.id === images[i]!.configDigest);
}

/** Enough to meet the images of the same projects, few enough to ask in some milliseconds. */
const mostImagesAsked = 64;

/**
 * Layers of `images` that the engine need not be sent. It keeps layers by their chain, so a layer counts only where
 * all layers below it are the same.
 */
async function layersAlreadyThere(engine: Engine, images: readonly Image[]): Promise<Set<Sha256Digest>> {
  const response = await callEngine(engine.endpoint, { path: '/images/json' });
  const list = await readJson(engine.endpoint, response);
  const entries = Array.isArray(list) ? (list as { Id?: unknown; Created?: unknown }[]) : [];
  const ids = entries.map((entry) => entry.Id).filter((id): id is string => typeof id === 'string');
  const known = await mapConcurrently(ids.slice(0, mostImagesAsked), 8, (id) =>
    inspectEngineImage(engine, id),
  );
  const omit = new Set<Sha256Digest>();
  const needed = new Set<Sha256Digest>();
  for (const image of images) {
    const own = diffIds(image);
    let shared = 0;
    for (const other of known) {
      let length = 0;
      while (length < own.length && own[length] === other?.diffIds[length]) length++;
      shared = Math.max(shared, length);
    }
    own.forEach((id, index) => {
      (index < shared ? omit : needed).add(id);
    });
  }
  for (const id of needed) omit.delete(id);
  return omit;
}

async function sendArchive(
  engine: Engine,
  images: readonly Image[],
  {
    omitLayers,
    progress,
  }: { readonly omitLayers: ReadonlySet<Sha256Digest>; readonly progress: Host['progress'] | undefined },
): Promise<{ names: string[]; bytesSent: number }> {
  const contents = archiveContents(images, { omitLayers });
  const total = totalLength(contents);
  const label = `loading ${images.flatMap((image) => image.names.map(writeFamiliarReference)).join(', ') || 'image'}`;
  const task = progress?.start({ label, total, unit: 'bytes' });
  try {
    const response = await callEngine(engine.endpoint, {
      method: 'POST',
      path: '/images/load?quiet=1',
      headers: { 'content-type': 'application/x-tar', 'content-length': String(total) },
      body: counted(readContents(contents), task),
    });
    return { names: await readLoadReport(engine, response), bytesSent: total };
  } finally {
    task?.done();
  }
}

async function* counted(
  chunks: AsyncIterable<Buffer>,
  task: ProgressTask | undefined,
): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    yield chunk;
    task?.advance(chunk.length);
  }
}

/** The engine answers with JSON values, one a line; an error may come after the status 200. */
async function readLoadReport(engine: Engine, response: IncomingMessage): Promise<string[]> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of response) chunks.push(chunk as Buffer);
  } catch (error) {
    throw engineGone(engine.endpoint, 'the connection broke while it was loading', error);
  }
  const names: string[] = [];
  for (const line of Buffer.concat(chunks).toString('utf8').split('\n')) {
    if (line.trim() === '') continue;
    let message: { stream?: unknown; error?: unknown };
    try {
      message = JSON.parse(line);
    } catch {
      continue; // A progress line cut short says nothing that is needed.
    }
    if (typeof message.error === 'string') {
      throw new TrimaranError({
        code: 'oci/engine-error',
        message: `the engine at ${engine.endpoint.address} did not load the image: ${message.error}`,
        hint: 'look at the engine’s log, and at the space on its disk (`docker system df`)',
        exitCode: 4,
      });
    }
    for (const match of text(message.stream).matchAll(/^Loaded image(?:\(s\))?: (.+)$/gm)) {
      names.push(...match[1]!.split(',').map((name) => name.trim()));
    }
  }
  return names;
}

/**
 * Saves images of the engine, named by name or id, as an archive at `file`, which appears whole or not at all; read it
 * with `readArchive`. Throws `oci/engine-no-image`, `oci/engine-gone`, `oci/engine-error`.
 */
export async function saveEngineImages(
  engine: Engine,
  { names, file }: { readonly names: readonly string[]; readonly file: string },
): Promise<void> {
  const query = new URLSearchParams(names.map((name): [string, string] => ['names', name]));
  await mkdir(dirname(file), { recursive: true });
  const temporary = temporaryNameFor(file);
  try {
    const response = await callEngine(engine.endpoint, { path: `/images/get?${query}` });
    let ended = false;
    response.once('end', () => {
      ended = true;
    });
    try {
      await pipeline(response, createWriteStream(temporary, { flags: 'wx', highWaterMark: 1 << 20 }));
    } catch (error) {
      if (ended) throw error;
      throw engineGone(engine.endpoint, 'the connection broke while it was saving', error);
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/**
 * An image of the engine, its layers copied into the cache. Throws as {@link saveEngineImages} and `readArchive`.
 *
 * @example
 * const image = await readEngineImage(engine, { name: 'app:1', cacheDirectory: '/cache/layers' });
 */
export async function readEngineImage(
  engine: Engine,
  { name, ...options }: { readonly name: string } & Omit<LayoutReadOptions, 'copyLayers'>,
): Promise<Image> {
  const file = temporaryNameFor(join(options.cacheDirectory, 'engine-image'));
  try {
    await saveEngineImages(engine, { names: [name], file });
    const [image] = await readArchive(file, { ...options, copyLayers: true });
    return image!;
  } finally {
    await rm(file, { force: true });
  }
}
