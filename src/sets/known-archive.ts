// Archives that were made here. What is in one that was read before is kept with the state of its file, and which layers
// one of the store was written with: a build then need not read and hash all of its image again.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { sha256Hex } from '../foundation/digest.ts';
import { readArchive } from '../oci/archive-read.ts';
import { writeArchive } from '../oci/archive-write.ts';
import type { Sha256Digest } from '../oci/descriptor.ts';
import { type Image, imageOfConfigBytes } from '../oci/image.ts';
import type { Layer } from '../oci/layer.ts';
import type { BuildOutput } from '../store/builder.ts';
import { keepRecording, loadRecording } from './recording-file.ts';

/** Raised whenever what is kept changes its meaning. */
const format = 1;

interface KnownArchive {
  /** What each file that is read from was like: the archive, and files of the cache. */
  readonly states: Readonly<Record<string, string>>;
  readonly images: readonly KnownImage[];
}

interface KnownImage {
  /** The configuration's bytes, base64. */
  readonly config: string;
  readonly names: Image['names'];
  readonly layers: readonly {
    readonly diffId: Sha256Digest;
    readonly file: string;
    readonly offset: number;
    readonly length: number;
  }[];
}

/** Where a cache keeps what is in which archive. */
export function knownArchives(cacheRoot: string): string {
  return join(cacheRoot, 'archives');
}

/**
 * Writes an image's archive as an output of the store whose root is `cacheRoot`. {@link readOwnArchive} takes the layers
 * for what they were written as: like all that the store holds, they were checked when they were made.
 */
export async function writeOwnArchive(
  image: Image,
  { output, cacheRoot }: { readonly output: Pick<BuildOutput, 'path' | 'plain'>; readonly cacheRoot: string },
  options: Parameters<typeof writeArchive>[2] = {},
): Promise<void> {
  await writeArchive([image], output.plain, options);
  keepRecording(
    recordOf(join(cacheRoot, output.path), {
      knownDirectory: knownArchives(cacheRoot),
      ending: '-layers.json',
    }),
    image.layers.map(({ diffId }) => diffId),
  );
}

function recordOf(
  archive: string,
  { knownDirectory, ending }: { readonly knownDirectory: string; readonly ending: string },
): string {
  return join(knownDirectory, `${sha256Hex(Buffer.from(`${format} ${archive}`))}${ending}`);
}

/**
 * The images of an archive that nobody else writes to, as `readArchive` gives them. `knownDirectory` is where it is kept
 * what is in which. Throws as `readArchive`.
 */
export async function readOwnArchive(
  file: string,
  { cacheDirectory, knownDirectory }: { readonly cacheDirectory: string; readonly knownDirectory: string },
): Promise<Image[]> {
  const record = recordOf(file, { knownDirectory, ending: '.json' });
  const known = loadRecording<KnownArchive>(record);
  if (known !== undefined && Object.entries(known.states).every(([path, state]) => stateOf(path) === state)) {
    return known.images.map(({ config, names, layers }) =>
      imageOfConfigBytes(Buffer.from(config, 'base64'), { names, layers: layers.map(layerAt) }),
    );
  }
  const state = stateOf(file);
  const knownLayers = new Set(
    loadRecording<Sha256Digest[]>(recordOf(file, { knownDirectory, ending: '-layers.json' })),
  );
  const images = await readArchive(file, { cacheDirectory, knownLayers });
  const described = images.map(describe);
  if (state !== undefined && state === stateOf(file) && described.every((image) => image !== undefined)) {
    const files = new Set([file, ...described.flatMap(({ layers }) => layers.map((layer) => layer.file))]);
    const states = Object.fromEntries([...files].map((path) => [path, stateOf(path) ?? '']));
    keepRecording(record, { states, images: described } satisfies KnownArchive);
  }
  return images;
}

/** Changes whenever the file's bytes may have; undefined when it is not there. */
function stateOf(file: string): string | undefined {
  const found = statSync(file, { bigint: true, throwIfNoEntry: false });
  return found && [found.dev, found.ino, found.size, found.mtimeNs, found.ctimeNs].join(' ');
}

function layerAt({ diffId, file, offset, length }: KnownImage['layers'][number]): Layer {
  return { diffId, size: length, content: [{ kind: 'region', file, offset, length }] };
}

/** Undefined where a layer does not lie in one piece of a file. */
function describe({ configBytes, names, layers }: Image): KnownImage | undefined {
  const places = layers.map(({ diffId, content: [region, ...more] }) =>
    region?.kind === 'region' && typeof region.file === 'string' && more.length === 0
      ? { diffId, file: region.file, offset: region.offset, length: region.length }
      : undefined,
  );
  if (!places.every((place) => place !== undefined)) return undefined;
  return { config: configBytes.toString('base64'), names, layers: places };
}
