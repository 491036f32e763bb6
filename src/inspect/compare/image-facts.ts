// What comparisons, reports and bills of materials say of an image: its packages with sizes, licences and what they
// need, and what deserves a second look. Computed once for each configuration digest and kept.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeCacheFile, writeFileAtomically } from '../../foundation/atomic-file.ts';
import { fromByteString } from '../../foundation/byte-string.ts';
import { contentLength } from '../../foundation/file-tree.ts';
import type { Host } from '../../foundation/host.ts';
import type { ContainerConfig, Image } from '../../oci/image.ts';
import { mergeImage } from '../../oci/layer-merge.ts';
import { writeFamiliarReference } from '../../oci/reference.ts';
import { trimaranRoot } from '../../sets/cache-root.ts';
import { findOwners } from './file-owners.ts';
import { findPackages, type PackageRecord } from './image-packages.ts';
import { ImageTree } from './image-tree.ts';

/** Raised whenever the same image gives other facts. */
const factsFormat = 3;

export interface PackageFacts extends PackageRecord {
  /** Bytes of its files in the image. */
  readonly size: number;
  readonly files: number;
  /** Its bytes by index of layer. */
  readonly layers: Readonly<Record<number, number>>;
}

export interface ImageFacts {
  readonly format: number;
  readonly configDigest: string;
  /** `linux/amd64` */
  readonly platform: string;
  readonly created: string | undefined;
  readonly config: ContainerConfig;
  /** Bytes of all layers, uncompressed. */
  readonly size: number;
  readonly layers: readonly {
    readonly diffId: string;
    readonly size: number;
    readonly label: string;
    /** Bytes of files in it that no package claims. */
    readonly unowned: number;
  }[];
  readonly files: number;
  /** `debian-12`; undefined when the image does not say. */
  readonly distribution: string | undefined;
  /** Databases of packages that are there and could not be read, by their paths. */
  readonly unread: readonly string[];
  /** Sorted by manager and name. */
  readonly packages: readonly PackageFacts[];
  /** Paths with a set-id bit. */
  readonly setId: readonly string[];
  /** Files and folders that anybody may change, folders with the sticky bit aside. */
  readonly worldWritable: readonly string[];
  readonly shells: readonly string[];
}

/** An image as it is on this machine: facts, and the names it goes by. */
export interface ExaminedImage {
  readonly image: Image;
  readonly names: readonly string[];
  readonly facts: ImageFacts;
}

/** Facts of an image. Reads its layers the first time. Rejects with `oci/…` and `tar/…`. */
export async function examineImage(host: Pick<Host, 'env'>, image: Image): Promise<ExaminedImage> {
  const names = image.names.map(writeFamiliarReference);
  const file = factsFile(host, image.configDigest, 'json');
  const known = readFacts(file, image.configDigest);
  if (known !== undefined) return { image, names, facts: known };
  const { facts, paths } = await readImage(host, image);
  // Without them the facts would be taken for those of an image without files, so these wait for the disk.
  await writeFileAtomically(factsFile(host, image.configDigest, 'paths'), paths.join('\n'));
  writeCacheFile(file, JSON.stringify(facts));
  return { image, names, facts };
}

/** Facts that were kept of an image of that digest; undefined when it was never examined here. */
export function keptFacts(host: Pick<Host, 'env'>, configDigest: string): ImageFacts | undefined {
  return readFacts(factsFile(host, configDigest, 'json'), configDigest);
}

/** Paths of everything but folders in an examined image, sorted. */
export function imagePaths(host: Pick<Host, 'env'>, configDigest: string): readonly string[] {
  const text = readFileSync(factsFile(host, configDigest, 'paths'), 'utf8');
  return text === '' ? [] : text.split('\n');
}

function factsFile(host: Pick<Host, 'env'>, configDigest: string, extension: string): string {
  return join(trimaranRoot(host), 'facts', `${configDigest.slice(7)}.${extension}`);
}

function readFacts(file: string, configDigest: string): ImageFacts | undefined {
  if (!existsSync(file) || !existsSync(file.replace(/json$/, 'paths'))) return undefined;
  try {
    const facts = JSON.parse(readFileSync(file, 'utf8')) as ImageFacts;
    return facts.format === factsFormat && facts.configDigest === configDigest ? facts : undefined;
  } catch {
    return undefined;
  }
}

const shellNames = /^(?:usr\/)?(?:local\/)?bin\/(?:sh|bash|dash|ash|busybox|zsh|ksh|mksh|tcsh|csh|fish)$/;

async function readImage(
  host: Pick<Host, 'env'>,
  image: Image,
): Promise<{ facts: ImageFacts; paths: string[] }> {
  const merged = await mergeImage(image);
  const tree = new ImageTree(merged);
  const { packages: records, unread } = findPackages(tree);
  const owners = findOwners(host, tree, records);
  const tallies = records.map(() => ({ size: 0, files: 0, layers: {} as Record<number, number> }));
  const unowned = image.layers.map(() => 0);
  const setId: string[] = [];
  const worldWritable: string[] = [];
  const shells: string[] = [];
  const paths: string[] = [];
  for (const entry of merged.tree) {
    const shown = fromByteString(entry.path);
    if ((entry.kind === 'file' || entry.kind === 'hardlink') && (entry.mode & 0o6000) !== 0)
      setId.push(`/${shown}`);
    const anybody = (entry.mode & 0o002) !== 0 && entry.kind !== 'symlink';
    if (anybody && !(entry.kind === 'directory' && (entry.mode & 0o1000) !== 0))
      worldWritable.push(`/${shown}`);
    if (entry.kind === 'directory') continue;
    if (shellNames.test(entry.path)) shells.push(`/${shown}`);
    paths.push(shown.replaceAll('\n', '\u2424'));
    const size = entry.kind === 'file' ? contentLength(entry.content) : 0;
    const layer = merged.layerOf.get(entry.path) ?? 0;
    const owner = owners.get(entry.path);
    if (owner === undefined) {
      unowned[layer] = (unowned[layer] ?? 0) + size;
      continue;
    }
    const tally = tallies[owner]!;
    tally.size += size;
    tally.files++;
    if (size > 0) tally.layers[layer] = (tally.layers[layer] ?? 0) + size;
  }
  const facts: ImageFacts = {
    format: factsFormat,
    configDigest: image.configDigest,
    platform: `${image.config.os}/${image.config.architecture}`,
    created: image.config.created,
    config: image.config.config ?? {},
    size: image.layers.reduce((sum, layer) => sum + layer.size, 0),
    layers: image.layers.map((layer, index) => ({
      diffId: layer.diffId,
      size: layer.size,
      label: layer.comment ?? layer.createdBy ?? '',
      unowned: unowned[index] ?? 0,
    })),
    files: paths.length,
    distribution: tree.distribution(),
    unread,
    packages: records.map(({ listed: _, ...record }, index) => ({ ...record, ...tallies[index]! })),
    setId,
    worldWritable,
    shells,
  };
  // As it will be read back, so that the first time gives what later times do.
  return { facts: JSON.parse(JSON.stringify(facts)) as ImageFacts, paths };
}
