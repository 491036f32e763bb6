// Two images by package: what came, what went, what has another version, and what that does to the size.
import type { Host } from '../../foundation/host.ts';
import {
  type ConfigRow,
  compareConfigs,
  type FilesOnlyIn,
  filesOnlyIn,
  sharedLayers,
} from './differences.ts';
import { type ExaminedImage, imagePaths, type PackageFacts } from './image-facts.ts';

export interface PackageChange {
  readonly name: string;
  readonly manager: PackageFacts['manager'];
  readonly before: string | undefined;
  readonly after: string | undefined;
  /** Bytes that the image grew by. */
  readonly growth: number;
}

export interface ImageChanges {
  readonly identical: boolean;
  /** Bytes that the image grew by. */
  readonly growth: number;
  readonly sharedLayers: number;
  /** Those that changed, sorted by name. */
  readonly packages: readonly PackageChange[];
  /** Those that changed. */
  readonly config: readonly ConfigRow[];
  readonly onlyBefore: FilesOnlyIn;
  readonly onlyAfter: FilesOnlyIn;
}

/** What turns one image into another. */
export function diffImages(
  host: Pick<Host, 'env'>,
  before: ExaminedImage,
  after: ExaminedImage,
): ImageChanges {
  const [a, b] = [before.facts, after.facts];
  const keyOf = (item: PackageFacts) => `${item.name} ${item.manager}`;
  const old = new Map(a.packages.map((item) => [keyOf(item), item]));
  const now = new Map(b.packages.map((item) => [keyOf(item), item]));
  const packages = [...new Set([...old.keys(), ...now.keys()])].sort().flatMap((key): PackageChange[] => {
    const [was, is] = [old.get(key), now.get(key)];
    if (was?.version === is?.version && was?.size === is?.size) return [];
    const { name, manager } = (is ?? was)!;
    return [
      { name, manager, before: was?.version, after: is?.version, growth: (is?.size ?? 0) - (was?.size ?? 0) },
    ];
  });
  const [onlyBefore, onlyAfter] = filesOnlyIn([
    imagePaths(host, a.configDigest),
    imagePaths(host, b.configDigest),
  ]);
  return {
    identical: a.configDigest === b.configDigest,
    growth: b.size - a.size,
    sharedLayers: sharedLayers([a, b])[0]!,
    packages,
    config: compareConfigs([a, b]).filter((row) => row.differs),
    onlyBefore: onlyBefore!,
    onlyAfter: onlyAfter!,
  };
}
