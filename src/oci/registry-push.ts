// Images into a registry: only the blobs it lacks, mounted from its other repositories where they are known.
import { mapConcurrently } from '../foundation/concurrency.ts';
import { isTrimaranError, TrimaranError } from '../foundation/error.ts';
import type { Content } from '../foundation/file-tree.ts';
import type { HttpAnswer } from '../foundation/http-read.ts';
import { type LayerBlob, writeManifest } from './archive-write.ts';
import { readContents } from './content-stream.ts';
import { type Descriptor, mediaTypes, type Sha256Digest } from './descriptor.ts';
import type { Image } from './image.ts';
import { compressLayer } from './layer-compression.ts';
import { type Reference, withDefaultTag, writeFamiliarReference } from './reference.ts';
import type { RegistryEndpoint, RegistrySession } from './registry-session.ts';

export interface PushOptions {
  readonly image: Image;
  /** Where to; `latest` when it has no tag. A digest is refused. */
  readonly reference: Reference;
  /** Where compressed layers are kept, by diffID. */
  readonly cacheDirectory: string;
  /** `gzip` unless given; registries and engines take both. */
  readonly compression?: 'gzip' | 'none';
  /** Repositories of the same registry that may have the layers already, such as that of the base image. */
  readonly mountFrom?: readonly string[];
  /** Uploads in pieces of so many bytes, for proxies that limit a request; whole unless given. */
  readonly chunkSize?: number;
}

export interface PushedImage {
  readonly reference: Reference;
  /** Digest of the manifest that was pushed. */
  readonly digest: Sha256Digest;
  /** Bytes of the blobs that were sent. */
  readonly bytesSent: number;
  readonly blobs: { readonly sent: number; readonly mounted: number; readonly present: number };
}

/** Blobs sent at once. */
const lanes = 3;
/** Attempts to upload one blob: each is a whole new upload unless it goes in chunks. */
const attempts = 3;

interface Target {
  readonly session: RegistrySession;
  readonly endpoint: RegistryEndpoint;
  readonly repository: string;
  readonly label: string;
  readonly chunkSize: number | undefined;
  readonly mountFrom: readonly string[];
}

/**
 * Pushes an image and gives the digest of its manifest. Throws the errors of registry-errors.ts, `oci/bad-reference`,
 * `oci/registry-upload-refused`, and as `readContents`.
 *
 * @example
 * const session = new RegistrySession({ host });
 * await pushImage(session, { image, reference: parseReference('localhost:5000/app'), cacheDirectory });
 */
export async function pushImage(session: RegistrySession, options: PushOptions): Promise<PushedImage> {
  const { image, cacheDirectory } = options;
  const reference = withDefaultTag(options.reference);
  const label = writeFamiliarReference(reference);
  if (reference.digest !== undefined || reference.tag === undefined) {
    throw new TrimaranError({
      code: 'oci/bad-reference',
      message: `cannot push to ${label}: the digest of an image follows from what is in it`,
      hint: 'name it with a tag instead',
      exitCode: 2,
    });
  }
  // The largest first: nothing then waits for one that was begun last.
  const unique = [...new Map(image.layers.map((layer) => [layer.diffId, layer])).values()].sort(
    (a, b) => b.size - a.size,
  );
  const total = unique.reduce((sum, layer) => sum + layer.size, 0);
  const task = session.host.progress.start({ label: `pushing ${label}`, total, unit: 'bytes' });
  const target: Target = {
    session,
    endpoint: await session.endpoint(reference),
    repository: reference.path,
    label,
    chunkSize: options.chunkSize,
    mountFrom: (options.mountFrom ?? []).filter((name) => name !== reference.path),
  };
  const counts = { sent: 0, mounted: 0, present: 0 };
  let bytesSent = 0;
  const put = async ({ descriptor, content }: LayerBlob) => {
    const outcome = await pushBlob(target, { descriptor, content });
    counts[outcome]++;
    if (outcome === 'sent') bytesSent += descriptor.size;
  };
  const blobs = new Map<Sha256Digest, LayerBlob>();
  try {
    await mapConcurrently(unique, lanes, async (layer) => {
      const blob: LayerBlob =
        options.compression === 'none'
          ? {
              descriptor: { mediaType: mediaTypes.ociLayer, digest: layer.diffId, size: layer.size },
              content: layer.content,
            }
          : await compressLayer(layer, { directory: cacheDirectory });
      blobs.set(layer.diffId, blob);
      await put(blob);
      task.advance(layer.size);
    });
    const { configBytes, configDigest } = image;
    await put({
      descriptor: { mediaType: mediaTypes.ociConfig, digest: configDigest, size: configBytes.length },
      content: [{ kind: 'bytes', bytes: configBytes }],
    });
    const descriptors = image.layers.map((layer) => blobs.get(layer.diffId)!.descriptor);
    const manifest = writeManifest(image, descriptors);
    await drained(
      await session.request({
        endpoint: target.endpoint,
        repository: target.repository,
        access: 'push',
        method: 'PUT',
        url: `manifests/${reference.tag}`,
        label: `the manifest of ${label}`,
        headers: { 'content-type': mediaTypes.ociManifest },
        body: () => manifest.bytes,
      }),
    );
    return { reference, digest: manifest.descriptor.digest, bytesSent, blobs: counts };
  } finally {
    task.done();
  }
}

async function drained(response: HttpAnswer): Promise<HttpAnswer> {
  await response.body?.cancel();
  return response;
}

async function pushBlob(
  target: Target,
  { descriptor, content }: { readonly descriptor: Descriptor; readonly content: readonly Content[] },
): Promise<'sent' | 'mounted' | 'present'> {
  const { session, endpoint, repository } = target;
  const label = `the blob ${descriptor.digest} of ${target.label}`;
  const common = { endpoint, repository, access: 'push' as const, label };
  const head = await drained(
    await session.request({ ...common, method: 'HEAD', url: `blobs/${descriptor.digest}`, allow: [404] }),
  );
  if (head.status !== 404) return 'present';
  for (const from of target.mountFrom) {
    const query = new URLSearchParams({ mount: descriptor.digest, from });
    const url = `blobs/uploads/?${query}`;
    const answer = await drained(await session.request({ ...common, method: 'POST', url, alsoPull: [from] }));
    if (answer.status === 201) return 'mounted';
    // 202: it could not, and has begun an upload instead, which is used where no other repository is left to ask.
    if (from === target.mountFrom.at(-1)) {
      await upload(target, { descriptor, content, started: uploadLocation(target, answer, label) });
      return 'sent';
    }
  }
  await upload(target, { descriptor, content });
  return 'sent';
}

function uploadLocation({ endpoint, repository }: Target, response: HttpAnswer, label: string): string {
  const location = response.headers.get('location');
  const base = response.url || `${endpoint.base}/v2/${repository}/blobs/uploads/`;
  if (location !== null && URL.canParse(location, base)) return new URL(location, base).href;
  throw new TrimaranError({
    code: 'oci/registry-upload-refused',
    message: `${endpoint.domain} does not say where to send ${label}`,
    hint: 'look at the registry’s log',
    exitCode: 4,
  });
}

async function upload(
  target: Target,
  blob: { readonly descriptor: Descriptor; readonly content: readonly Content[]; readonly started?: string },
): Promise<void> {
  const { session, endpoint, repository } = target;
  const { descriptor } = blob;
  const label = `the blob ${descriptor.digest} of ${target.label}`;
  const common = { endpoint, repository, access: 'push' as const, label };
  let started = blob.started;
  for (let attempt = 1; ; attempt++) {
    const location =
      started ??
      uploadLocation(
        target,
        await drained(await session.request({ ...common, method: 'POST', url: 'blobs/uploads/' })),
        label,
      );
    started = undefined;
    try {
      await (target.chunkSize === undefined
        ? sendWhole(target, { ...blob, location })
        : sendChunks(target, { ...blob, location, chunkSize: target.chunkSize }));
      return;
    } catch (error) {
      // The upload that broke is lost to us; a new one may go through.
      const again =
        isTrimaranError(error, 'oci/registry-unreachable') ||
        isTrimaranError(error, 'oci/registry-unavailable') ||
        isTrimaranError(error, 'oci/registry-not-found');
      if (!again || attempt >= attempts) throw error;
    }
  }
}

function withDigest(location: string, digest: Sha256Digest): string {
  const url = new URL(location);
  url.searchParams.set('digest', digest);
  return url.href;
}

interface Sending {
  readonly descriptor: Descriptor;
  readonly content: readonly Content[];
  readonly location: string;
}

async function sendWhole(
  { session, endpoint, repository, label }: Target,
  { descriptor, content, location }: Sending,
): Promise<void> {
  await drained(
    await session.request({
      endpoint,
      repository,
      access: 'push',
      method: 'PUT',
      url: withDigest(location, descriptor.digest),
      label: `the blob ${descriptor.digest} of ${label}`,
      headers: { 'content-type': 'application/octet-stream', 'content-length': String(descriptor.size) },
      body: () => readContents(content),
      // After a broken connection the registry may hold a part; only a new upload is sure.
      attempts: 1,
    }),
  );
}

/** The part of `content` from `start` on, `length` bytes. */
function slice(content: readonly Content[], start: number, length: number): Content[] {
  const parts: Content[] = [];
  let position = 0;
  for (const part of content) {
    const size = part.kind === 'bytes' ? part.bytes.length : part.length;
    const from = Math.max(0, start - position);
    const to = Math.min(size, start + length - position);
    position += size;
    if (from >= to) continue;
    parts.push(
      part.kind === 'bytes'
        ? { kind: 'bytes', bytes: part.bytes.subarray(from, to) }
        : { ...part, offset: part.offset + from, length: to - from },
    );
  }
  return parts;
}

async function sendChunks(
  target: Target,
  { descriptor, content, location, chunkSize }: Sending & { readonly chunkSize: number },
): Promise<void> {
  const { session, endpoint, repository } = target;
  const label = `the blob ${descriptor.digest} of ${target.label}`;
  const common = { endpoint, repository, access: 'push' as const, label };
  let url = location;
  for (let sent = 0; sent < descriptor.size; ) {
    const length = Math.min(chunkSize, descriptor.size - sent);
    const response = await drained(
      await session.request({
        ...common,
        method: 'PATCH',
        url,
        headers: {
          'content-type': 'application/octet-stream',
          'content-length': String(length),
          'content-range': `${sent}-${sent + length - 1}`,
        },
        body: () => readContents(slice(content, sent, length)),
        allow: [416],
      }),
    );
    if (response.status === 416) {
      // A piece whose answer was lost has been received; the registry says how far it is.
      const status = await drained(await session.request({ ...common, url }));
      const end = Number(/(\d+)$/.exec(status.headers.get('range') ?? '')?.[1] ?? -1);
      if (!(end + 1 > sent && end < descriptor.size)) {
        throw new TrimaranError({
          code: 'oci/registry-upload-refused',
          message: `${endpoint.domain} lost track of ${label}`,
          hint: 'run the command again',
          exitCode: 4,
        });
      }
      sent = end + 1;
      url = uploadLocation(target, status, label);
    } else {
      sent += length;
      url = uploadLocation(target, response, label);
    }
  }
  await drained(
    await session.request({
      ...common,
      method: 'PUT',
      url: withDigest(url, descriptor.digest),
      headers: { 'content-length': '0' },
    }),
  );
}
