// What a reference names at a registry: manifest, configuration and blobs, for tags and digests, indexes of several
// platforms, mirrors. Every byte is checked against its digest before it is used.
import { mapConcurrently } from '../foundation/concurrency.ts';
import { startHash } from '../foundation/digest.ts';
import { isTrimaranError, TrimaranError } from '../foundation/error.ts';
import type { HttpAnswer } from '../foundation/http-read.ts';
import {
  type Descriptor,
  mediaTypes,
  type Platform,
  parseSha256Digest,
  type Sha256Digest,
} from './descriptor.ts';
import { type ImageConfig, parseImageConfig } from './image.ts';
import {
  isImageDescriptor,
  longestConfig,
  longestManifest,
  parseManifest,
  selectPlatform,
} from './manifest.ts';
import { type Reference, withDefaultTag, writeFamiliarReference } from './reference.ts';
import { downloadBlob } from './registry-blob.ts';
import type { RegistryEndpoint, RegistryRequest, RegistrySession } from './registry-session.ts';

const accepted = [
  mediaTypes.ociIndex,
  mediaTypes.ociManifest,
  mediaTypes.dockerManifestList,
  mediaTypes.dockerManifest,
].join(', ');

/** Blobs fetched at once. */
const lanes = 6;

/** What a reference means at a registry now. */
export interface ResolvedReference {
  /** Digest of the manifest or index that the reference names: what to pin. */
  readonly digest: Sha256Digest;
  readonly kind: 'image' | 'index';
  /** For an index, the images in it by platform. */
  readonly platforms: readonly { readonly platform: Platform; readonly digest: Sha256Digest }[];
}

/** An image's description without its layers. */
export interface RemoteImage {
  readonly reference: Reference;
  /** Digest of what the reference names; an index where there are several platforms. */
  readonly digest: Sha256Digest;
  /** Digest of this platform's manifest. */
  readonly manifestDigest: Sha256Digest;
  /** The manifest as it is there. */
  readonly manifestBytes: Buffer;
  readonly config: ImageConfig;
  readonly configDigest: Sha256Digest;
  readonly configBytes: Buffer;
  /** The blobs of its layers, lowest first, as compressed as they are there. */
  readonly layers: readonly Descriptor[];
}

interface Fetched {
  readonly bytes: Buffer;
  readonly digest: Sha256Digest;
}

/** Attempts to read a small document whose connection breaks; the session repeats what fails earlier. */
const readAttempts = 3;

async function readDocument(
  session: RegistrySession,
  request: RegistryRequest,
  limit: number,
): Promise<Fetched & { readonly headers: HttpAnswer['headers'] }> {
  for (let attempt = 1; ; attempt++) {
    const asked = session.request(request);
    // Node loads its cryptography while the answer is under way.
    const hash = startHash('sha256');
    const response = await asked;
    const chunks: Uint8Array[] = [];
    let size = 0;
    try {
      for await (const chunk of response.body ?? []) {
        size += (chunk as Uint8Array).length;
        if (size > limit) {
          throw new TrimaranError({
            code: 'oci/bad-manifest',
            message: `${request.label} has more than the ${limit} bytes that are allowed`,
            hint: 'do not use this image unless you know who made it',
            exitCode: 4,
          });
        }
        chunks.push(chunk as Uint8Array);
        hash.update(chunk as Uint8Array);
      }
      const digest: Sha256Digest = `sha256:${hash.digest('hex')}`;
      return { bytes: Buffer.concat(chunks, size), digest, headers: response.headers };
    } catch (error) {
      if (isTrimaranError(error)) throw error;
      if (attempt < readAttempts) continue;
      throw new TrimaranError({
        code: 'oci/registry-truncated',
        message: `the connection broke off within ${request.label}`,
        hint: 'run the command again',
        exitCode: 4,
        cause: error,
      });
    }
  }
}

/** Tries each address in turn; the registry's own answer, the last one, is what the user learns. */
async function fromAny<Result>(
  endpoints: readonly RegistryEndpoint[],
  read: (endpoint: RegistryEndpoint) => Promise<Result>,
): Promise<Result> {
  let failure: unknown;
  for (const endpoint of endpoints) {
    try {
      return await read(endpoint);
    } catch (error) {
      if (!isTrimaranError(error)) throw error;
      failure = error;
    }
  }
  throw failure;
}

async function fetchManifest(
  session: RegistrySession,
  {
    reference,
    endpoints,
  }: { readonly reference: Reference; readonly endpoints: readonly RegistryEndpoint[] },
): Promise<Fetched> {
  const label = `the manifest of ${writeFamiliarReference(reference)}`;
  return fromAny(endpoints, async (endpoint) => {
    const url = `manifests/${reference.digest ?? reference.tag ?? 'latest'}`;
    const { bytes, digest, headers } = await readDocument(
      session,
      { endpoint, repository: reference.path, access: 'pull', url, label, headers: { accept: accepted } },
      longestManifest,
    );
    const expected = reference.digest ?? parseSha256Digest(headers.get('docker-content-digest'));
    if (expected !== undefined && expected !== digest) {
      throw new TrimaranError({
        code: 'oci/digest-mismatch',
        message: `${endpoint.domain} gave ${digest} for ${label}, but ${expected} is expected`,
        hint: 'it was changed on its way or at its source; try another mirror',
        exitCode: 4,
      });
    }
    return { bytes, digest };
  });
}

/**
 * What a reference names now, for pinning: one digest, and for an index that of each platform. Throws the errors of
 * `pullImage` that concern manifests.
 */
export async function resolveReference(
  session: RegistrySession,
  reference: Reference,
): Promise<ResolvedReference> {
  const named = withDefaultTag(reference);
  const label = writeFamiliarReference(named);
  const { bytes, digest } = await fetchManifest(session, {
    reference: named,
    endpoints: await session.pullEndpoints(named),
  });
  const manifest = parseManifest(bytes, label);
  if (manifest.kind === 'image') return { digest, kind: 'image', platforms: [] };
  const platforms = manifest.manifests
    .filter(isImageDescriptor)
    .flatMap((entry) =>
      entry.platform === undefined ? [] : [{ platform: entry.platform, digest: entry.digest }],
    );
  return { digest, kind: 'index', platforms };
}

/**
 * The manifest and configuration of an image for a platform, without its layers. Throws as `pullImage`.
 */
export async function fetchRemoteImage(
  session: RegistrySession,
  { reference, platform }: { readonly reference: Reference; readonly platform: Platform },
): Promise<RemoteImage> {
  const named = withDefaultTag(reference);
  const label = writeFamiliarReference(named);
  const endpoints = await session.pullEndpoints(named);
  const top = await fetchManifest(session, { reference: named, endpoints });
  let manifest = parseManifest(top.bytes, label);
  let { digest: manifestDigest, bytes: manifestBytes } = top;
  for (let depth = 0; manifest.kind === 'index'; depth++) {
    if (depth > 3) {
      throw new TrimaranError({
        code: 'oci/bad-manifest',
        message: `the indexes of ${label} nest too deep`,
        exitCode: 4,
      });
    }
    manifestDigest = selectPlatform(manifest.manifests, { platform, label }).digest;
    const inner = { domain: named.domain, path: named.path, digest: manifestDigest };
    ({ bytes: manifestBytes } = await fetchManifest(session, { reference: inner, endpoints }));
    manifest = parseManifest(manifestBytes, label);
  }
  const { config: descriptor, layers } = manifest;
  const configLabel = `the configuration of ${label}`;
  if (descriptor.size > longestConfig) {
    throw new TrimaranError({
      code: 'oci/bad-config',
      message: `${configLabel} has ${descriptor.size} bytes, and ${longestConfig} are allowed`,
      exitCode: 4,
    });
  }
  const configBytes = await fromAny(endpoints, async (endpoint) => {
    const url = `blobs/${descriptor.digest}`;
    const { bytes, digest } = await readDocument(
      session,
      { endpoint, repository: named.path, access: 'pull', url, label: configLabel },
      descriptor.size,
    );
    if (digest === descriptor.digest) return bytes;
    throw new TrimaranError({
      code: bytes.length < descriptor.size ? 'oci/registry-truncated' : 'oci/digest-mismatch',
      message: `${endpoint.domain} gave ${digest} for ${configLabel}, but ${descriptor.digest} is expected`,
      hint: 'it was changed on its way or at its source; try another mirror',
      exitCode: 4,
    });
  });
  const config = parseImageConfig(configBytes);
  // An image without an index is for one platform only; another's must not be taken for it.
  selectPlatform([{ ...descriptor, platform: config }], { platform, label });
  if (config.rootfs.diff_ids.length !== layers.length) {
    throw new TrimaranError({
      code: 'oci/bad-config',
      message: `${configLabel} names ${config.rootfs.diff_ids.length} layers, its manifest ${layers.length}`,
      exitCode: 4,
    });
  }
  const description = { reference: named, digest: top.digest, manifestDigest, manifestBytes };
  return { ...description, config, configDigest: descriptor.digest, configBytes, layers };
}

interface WantedBlob {
  readonly descriptor: Descriptor;
}

/** Without those that come a second time. */
export function onceEach<Wanted extends WantedBlob>(blobs: readonly Wanted[]): Wanted[] {
  return [...new Map(blobs.map((blob) => [blob.descriptor.digest, blob])).values()];
}

/** Downloads blobs of an image, some at once, and hands each file to `take`, which moves or removes it. */
export async function downloadBlobs<Wanted extends WantedBlob>(
  session: RegistrySession,
  options: {
    readonly remote: RemoteImage;
    /** What is said to go on: `pulling`. */
    readonly verb: string;
    readonly blobs: readonly Wanted[];
    /** Where files are made. */
    readonly directory: string;
    /** Where a blob may lie already. */
    readonly keptAt?: (descriptor: Descriptor) => string;
    readonly take: (blob: Wanted, file: string) => Promise<void>;
  },
): Promise<void> {
  const { remote, verb, blobs, directory, keptAt, take } = options;
  const { reference } = remote;
  const endpoints = await session.pullEndpoints(reference);
  const task = session.host.progress.start({
    label: `${verb} ${writeFamiliarReference(reference)}`,
    total: blobs.reduce((sum, { descriptor }) => sum + descriptor.size, 0),
    unit: 'bytes',
  });
  // The largest first, so that none is left to come alone at the end.
  const largestFirst = [...blobs].sort((one, other) => other.descriptor.size - one.descriptor.size);
  try {
    await mapConcurrently(largestFirst, lanes, async (blob) => {
      const { descriptor } = blob;
      const file = await downloadBlob({
        session,
        endpoints,
        repository: reference.path,
        descriptor,
        directory,
        ...(keptAt === undefined ? {} : { kept: keptAt(descriptor) }),
        onBytes: (count) => task.advance(count),
      });
      await take(blob, file);
    });
  } finally {
    task.done();
  }
}
