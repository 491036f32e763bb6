// Image, the narrow waist: a configuration and ordered layers, immutable. Routes make one; archives, registries,
// engines and inspections consume it. Its identity is the SHA-256 of its configuration, which names the layers.
// https://github.com/opencontainers/image-spec/blob/main/config.md, with Docker's additions (Healthcheck, OnBuild, Shell).
import { sha256Hex } from '../foundation/digest.ts';
import { TrimaranError } from '../foundation/error.ts';
import { canonicalJson, type JsonValue } from './canonical-json.ts';
import { type Platform, parseSha256Digest, type Sha256Digest } from './descriptor.ts';
import type { Layer } from './layer.ts';
import { parseReference, type Reference, withDefaultTag } from './reference.ts';

/** How a container of the image runs, in the specification's own words. */
export interface ContainerConfig {
  readonly User?: string;
  /** Keys such as `80/tcp`. */
  readonly ExposedPorts?: Readonly<Record<string, Record<string, never>>>;
  /** `NAME=value` */
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[] | null;
  readonly Cmd?: readonly string[] | null;
  readonly Volumes?: Readonly<Record<string, Record<string, never>>>;
  readonly WorkingDir?: string;
  readonly Labels?: Readonly<Record<string, string>>;
  readonly StopSignal?: string;
  readonly Shell?: readonly string[];
  /** Durations in nanoseconds. */
  readonly Healthcheck?: {
    readonly Test?: readonly string[];
    readonly Interval?: number;
    readonly Timeout?: number;
    readonly StartPeriod?: number;
    readonly StartInterval?: number;
    readonly Retries?: number;
  };
  readonly OnBuild?: readonly string[] | null;
  readonly [other: string]: JsonValue | undefined;
}

interface HistoryEntry {
  readonly created?: string;
  readonly created_by?: string;
  readonly author?: string;
  readonly comment?: string;
  /** True for a step that made no layer. */
  readonly empty_layer?: boolean;
}

/** The image configuration as it is stored. */
export interface ImageConfig extends Platform {
  /** RFC 3339. */
  readonly created?: string;
  readonly author?: string;
  readonly config?: ContainerConfig;
  readonly rootfs: { readonly type: 'layers'; readonly diff_ids: readonly Sha256Digest[] };
  readonly history?: readonly HistoryEntry[];
}

export interface Image {
  readonly config: ImageConfig;
  /** The configuration's exact bytes; what {@link configDigest} is the digest of. */
  readonly configBytes: Buffer;
  /** The image's identity; Docker calls it the image id. */
  readonly configDigest: Sha256Digest;
  /** Lowest first; as many as `config.rootfs.diff_ids`, with the same digests. */
  readonly layers: readonly Layer[];
  /** Every name has a tag. */
  readonly names: readonly Reference[];
}

/** Time of everything that has no time of its own: one second past the epoch. */
const defaultCreated = '1970-01-01T00:00:01Z';

/** More than any engine accepts; a guard against nonsense from outside. */
const mostLayers = 4096;

export interface ImageOptions {
  readonly platform: Platform;
  readonly layers: readonly Layer[];
  readonly config?: ContainerConfig;
  /** Names as people type them; the tag is `latest` where it is missing. */
  readonly names?: readonly string[];
  /** RFC 3339; the default is {@link defaultCreated}. */
  readonly created?: string;
  readonly author?: string;
}

function parseName(name: string): Reference {
  const reference = parseReference(name);
  if (reference.digest !== undefined) {
    throw new TrimaranError({
      code: 'oci/bad-reference',
      message: `${JSON.stringify(name)} cannot name a new image: it has a digest`,
      hint: 'name it with a tag',
      exitCode: 2,
    });
  }
  return withDefaultTag(reference);
}

/**
 * Makes an image of layers and a configuration. The same input gives the same bytes.
 * Throws `oci/bad-reference`, `oci/bad-created` and `oci/too-many-layers`.
 */
export function createImage(options: ImageOptions): Image {
  const { platform, layers, author, created = defaultCreated } = options;
  if (layers.length > mostLayers) {
    throw new TrimaranError({
      code: 'oci/too-many-layers',
      message: `an image of ${layers.length} layers is more than any engine accepts`,
    });
  }
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/.test(created)) {
    throw new TrimaranError({
      code: 'oci/bad-created',
      message: `${JSON.stringify(created)} is not a time`,
      hint: `write it as ${defaultCreated}`,
    });
  }
  const names = (options.names ?? []).map(parseName);
  const config: ImageConfig = {
    created: goTime(created),
    ...(author ? { author } : {}),
    architecture: platform.architecture,
    os: platform.os,
    ...(platform.variant ? { variant: platform.variant } : {}),
    config: withoutEmpty(options.config ?? {}),
    rootfs: { type: 'layers', diff_ids: layers.map((layer) => layer.diffId) },
    history: layers.map((layer) => ({
      created: goTime(created),
      created_by: layer.createdBy || 'trimaran',
      ...(layer.comment ? { comment: layer.comment } : {}),
    })),
  };
  const configBytes = writeImageConfig(config);
  return { config, configBytes, configDigest: `sha256:${sha256Hex(configBytes)}`, layers, names };
}

/** A time as Go writes it: no zeros at the end of a fraction, `Z` for UTC. */
function goTime(time: string): string {
  return time
    .replace(/(\.\d*?)0+(?=[Z+-])/, '$1')
    .replace(/\.(?=[Z+-])/, '')
    .replace(/[+-]00:00$/, 'Z');
}

/** Without fields that say nothing: null, and empty lists, objects and strings. */
function withoutEmpty(config: ContainerConfig): ContainerConfig {
  const says = (value: JsonValue | undefined) =>
    value !== undefined &&
    value !== null &&
    value !== '' &&
    (typeof value !== 'object' || Object.keys(value).length > 0);
  return Object.fromEntries(Object.entries(config).filter(([, value]) => says(value)));
}

/** Fields in the order of the specification's Go structs; what they lack follows, sorted. */
const fieldOrder = {
  image: [
    'created',
    'author',
    'architecture',
    'os',
    'os.version',
    'os.features',
    'variant',
    'config',
    'rootfs',
    'history',
  ],
  config: [
    'User',
    'ExposedPorts',
    'Env',
    'Entrypoint',
    'Cmd',
    'Volumes',
    'WorkingDir',
    'Labels',
    'StopSignal',
  ],
  rootfs: ['type', 'diff_ids'],
  history: ['created', 'created_by', 'author', 'comment', 'empty_layer'],
} as const;

function inOrder(value: object, order: readonly string[]): Map<string, unknown> {
  const fields = new Map(Object.entries(value));
  const others = [...fields.keys()].filter((key) => !order.includes(key)).sort();
  const present = order.filter((key) => fields.has(key));
  return new Map([...present, ...others].map((key) => [key, fields.get(key)]));
}

/**
 * The bytes of a configuration: Go's spelling and order, so that skopeo and buildah, which read and write it again when
 * they convert an image, keep its digest.
 */
function writeImageConfig(image: ImageConfig): Buffer {
  const fields = inOrder(image, fieldOrder.image);
  fields.set('config', inOrder(image.config ?? {}, fieldOrder.config));
  fields.set('rootfs', inOrder(image.rootfs, fieldOrder.rootfs));
  const history = image.history ?? [];
  if (history.length === 0) fields.delete('history');
  else
    fields.set(
      'history',
      history.map((entry) => inOrder(entry, fieldOrder.history)),
    );
  return canonicalJson(fields);
}

/** The same image under other names. Throws `oci/bad-reference`. */
export function renameImage(image: Image, names: readonly string[]): Image {
  return { ...image, names: names.map(parseName) };
}

/** The diffIDs, lowest first. */
export function diffIds(image: Image): readonly Sha256Digest[] {
  return image.config.rootfs.diff_ids;
}

function badConfig(why: string, cause?: unknown): TrimaranError {
  return new TrimaranError({
    code: 'oci/bad-config',
    message: `the image's configuration is not one: ${why}`,
    hint: 'the image was damaged or is of a kind that is not supported; pull or save it again',
    exitCode: 4,
    cause,
  });
}

/**
 * Reads a configuration that came from outside. Unknown fields are kept in the bytes and otherwise ignored.
 * Throws `oci/bad-config`.
 */
export function parseImageConfig(bytes: Uint8Array): ImageConfig {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
  } catch (cause) {
    throw badConfig('it is not JSON', cause);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw badConfig('it is not an object');
  const fields = value as Record<string, unknown>;
  const rootfs = fields.rootfs as { type?: unknown; diff_ids?: unknown } | null | undefined;
  if (typeof rootfs !== 'object' || rootfs === null) throw badConfig('`rootfs` is missing');
  if (rootfs.type !== 'layers') throw badConfig('`rootfs.type` is not "layers"');
  const ids = rootfs.diff_ids ?? [];
  if (!Array.isArray(ids) || ids.length > mostLayers)
    throw badConfig('`rootfs.diff_ids` is not a list of layers');
  for (const id of ids) {
    if (parseSha256Digest(id) === undefined) throw badConfig('a diffID is not a sha256 digest');
  }
  if (typeof fields.architecture !== 'string') throw badConfig('`architecture` is missing');
  if (typeof fields.os !== 'string') throw badConfig('`os` is missing');
  const container = fields.config;
  if (
    container !== undefined &&
    container !== null &&
    (typeof container !== 'object' || Array.isArray(container))
  ) {
    throw badConfig('`config` is not an object');
  }
  const history = fields.history;
  if (history !== undefined && history !== null && !Array.isArray(history))
    throw badConfig('`history` is not a list');
  return {
    ...(fields as unknown as ImageConfig),
    config: (container ?? {}) as ContainerConfig,
    rootfs: { type: 'layers', diff_ids: ids as Sha256Digest[] },
    history: ((history ?? []) as unknown[]).filter(
      (entry): entry is HistoryEntry => typeof entry === 'object' && entry !== null,
    ),
  };
}

/**
 * An image of a configuration that came from outside, byte for byte, and its layers. Layers without notes get theirs
 * from the history. Throws `oci/bad-config`, also when the layers are not those that the configuration names.
 */
export function imageOfConfigBytes(
  configBytes: Buffer,
  { layers, names = [] }: { readonly layers: readonly Layer[]; readonly names?: readonly Reference[] },
): Image {
  const config = parseImageConfig(configBytes);
  const ids = config.rootfs.diff_ids;
  if (ids.length !== layers.length) {
    throw badConfig(`it names ${ids.length} layers, and there are ${layers.length}`);
  }
  const steps = (config.history ?? []).filter((entry) => entry.empty_layer !== true);
  const annotated = layers.map((layer, index): Layer => {
    if (layer.diffId !== ids[index])
      throw badConfig(`layer ${index + 1} is ${layer.diffId}, not ${ids[index]}`);
    const step = steps.length === layers.length ? steps[index]! : {};
    const createdBy = layer.createdBy ?? step.created_by;
    const comment = layer.comment ?? step.comment;
    return {
      ...layer,
      ...(typeof createdBy === 'string' ? { createdBy } : {}),
      ...(typeof comment === 'string' ? { comment } : {}),
    };
  });
  return { config, configBytes, configDigest: `sha256:${sha256Hex(configBytes)}`, layers: annotated, names };
}
