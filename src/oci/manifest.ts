// Manifests and indexes from outside, checked and brought to one shape: OCI 1.0 and 1.1, and Docker's schema 2.
// Docker's schema 1 is refused by name.
import { TrimaranError } from '../foundation/error.ts';
import { type Descriptor, mediaTypes, type Platform, parseSha256Digest } from './descriptor.ts';

export type Manifest =
  | { readonly kind: 'image'; readonly config: Descriptor; readonly layers: readonly Descriptor[] }
  | { readonly kind: 'index'; readonly manifests: readonly Descriptor[] };

/** Longest manifest that registries accept, and so the longest read here. */
export const longestManifest = 4 << 20;
/** Longest configuration read. */
export const longestConfig = 8 << 20;

const mostDescriptors = 4096;

/** Media types a layer may have, and whether its blob is compressed tells its first bytes. */
const layerTypes: ReadonlySet<string> = new Set([
  mediaTypes.ociLayer,
  mediaTypes.ociLayerGzip,
  mediaTypes.ociLayerZstd,
  mediaTypes.dockerLayer,
  mediaTypes.dockerLayerGzip,
]);

function bad(label: string, why: string, cause?: unknown): TrimaranError {
  return new TrimaranError({
    code: 'oci/bad-manifest',
    message: `the manifest of ${label} is not one: ${why}`,
    hint: 'the image was damaged or is of a kind that is not supported; pull or save it again',
    exitCode: 4,
    cause,
  });
}

function parsePlatform(value: unknown): Platform | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { os, architecture, variant } = value as Record<string, unknown>;
  if (typeof os !== 'string' || typeof architecture !== 'string') return undefined;
  return { os, architecture, ...(typeof variant === 'string' && variant !== '' ? { variant } : {}) };
}

function parseDescriptor(value: unknown, label: string): Descriptor {
  if (typeof value !== 'object' || value === null) throw bad(label, 'a descriptor is not an object');
  const { mediaType, digest, size, annotations, platform, urls } = value as Record<string, unknown>;
  const parsed = parseSha256Digest(digest);
  if (parsed === undefined) throw bad(label, `${JSON.stringify(digest)} is not a sha256 digest`);
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
    throw bad(label, `the size of ${parsed} is not a number of bytes`);
  }
  if (typeof mediaType !== 'string') throw bad(label, `${parsed} has no media type`);
  const where = parsePlatform(platform);
  const notes =
    typeof annotations === 'object' && annotations !== null
      ? Object.fromEntries(
          Object.entries(annotations).filter(
            (entry): entry is [string, string] => typeof entry[1] === 'string',
          ),
        )
      : undefined;
  return {
    mediaType,
    digest: parsed,
    size,
    ...(notes === undefined ? {} : { annotations: notes }),
    ...(where === undefined ? {} : { platform: where }),
    ...(Array.isArray(urls) && urls.length > 0
      ? { urls: urls.filter((url): url is string => typeof url === 'string') }
      : {}),
  };
}

function parseDescriptors(value: unknown, label: string): Descriptor[] {
  if (!Array.isArray(value)) throw bad(label, 'a list of descriptors is missing');
  if (value.length > mostDescriptors) throw bad(label, `it lists ${value.length} descriptors`);
  return value.map((item) => parseDescriptor(item, label));
}

/**
 * Reads a manifest or an index. `label` names it in errors. Throws `oci/bad-manifest`, `oci/unsupported-manifest` (schema
 * 1, or what is no image, such as a chart or a signature) and `oci/unsupported-layer` (foreign or encrypted layers).
 */
export function parseManifest(bytes: Uint8Array, label: string): Manifest {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
  } catch (cause) {
    throw bad(label, 'it is not JSON', cause);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw bad(label, 'it is not an object');
  const fields = value as Record<string, unknown>;
  if (fields.schemaVersion === 1) {
    throw new TrimaranError({
      code: 'oci/unsupported-manifest',
      message: `${label} has a manifest of Docker's schema 1, which is not supported`,
      hint: 'push the image again with a Docker younger than 2017',
      exitCode: 4,
    });
  }
  if (fields.schemaVersion !== 2) throw bad(label, '`schemaVersion` is not 2');
  if ('manifests' in fields) return { kind: 'index', manifests: parseDescriptors(fields.manifests, label) };
  const config = parseDescriptor(fields.config, label);
  if (config.mediaType !== mediaTypes.ociConfig && config.mediaType !== mediaTypes.dockerConfig) {
    throw new TrimaranError({
      code: 'oci/unsupported-manifest',
      message: `${label} is no image: its configuration is of type ${JSON.stringify(config.mediaType)}`,
      hint: 'name an image; charts, signatures and other artifacts are not supported',
      exitCode: 4,
    });
  }
  const layers = parseDescriptors(fields.layers, label);
  for (const layer of layers) {
    if (layerTypes.has(layer.mediaType)) continue;
    throw new TrimaranError({
      code: 'oci/unsupported-layer',
      message: `${label} has a layer of type ${JSON.stringify(layer.mediaType)}, which is not supported`,
      hint: 'foreign (Windows) and encrypted layers cannot be read',
      exitCode: 4,
    });
  }
  return { kind: 'image', config, layers };
}

/** `linux/amd64`, `linux/arm64/v8`. */
function writePlatform(platform: Platform): string {
  const { os, architecture, variant } = platform;
  return [os, architecture, ...(variant === undefined ? [] : [variant])].join('/');
}

/** Whether what is `offered` runs as `wanted`; arm64 and its only variant v8 are the same. */
function platformMatches(offered: Platform, wanted: Platform): boolean {
  const variant = ({ architecture, variant: given }: Platform) =>
    architecture === 'arm64' && given === 'v8' ? undefined : given;
  return (
    offered.os === wanted.os &&
    offered.architecture === wanted.architecture &&
    (variant(wanted) === undefined || variant(offered) === variant(wanted))
  );
}

/** Whether a descriptor of an index is an image for some platform, and no attestation about one. */
export function isImageDescriptor(descriptor: Descriptor): boolean {
  if (descriptor.annotations?.['vnd.docker.reference.type'] !== undefined) return false;
  return descriptor.platform?.os !== 'unknown';
}

/**
 * The entry of an index for a platform. One without a platform counts when it is the only one. Throws
 * `oci/no-such-platform`, naming those there are.
 */
export function selectPlatform(
  manifests: readonly Descriptor[],
  { platform, label }: { readonly platform: Platform; readonly label: string },
): Descriptor {
  const images = manifests.filter(isImageDescriptor);
  const match =
    images.find((image) => image.platform !== undefined && platformMatches(image.platform, platform)) ??
    (images.length === 1 && images[0]!.platform === undefined ? images[0] : undefined);
  if (match !== undefined) return match;
  const offered = images.flatMap((image) =>
    image.platform === undefined ? [] : [writePlatform(image.platform)],
  );
  throw new TrimaranError({
    code: 'oci/no-such-platform',
    message: `${label} has no image for ${writePlatform(platform)}`,
    hint: offered.length === 0 ? undefined : `it has ${[...new Set(offered)].sort().join(', ')}`,
    exitCode: 4,
  });
}
