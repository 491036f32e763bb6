// A bill of materials of an image, in CycloneDX 1.6 or SPDX 2.3. The same image gives the same bytes: the time is the
// image's own, and identifiers come from its digest.
import type { LockFile } from '../../sets/lock-file.ts';
import type { ExaminedImage, ImageFacts, PackageFacts } from '../compare/image-facts.ts';
import { cyclonedxDocument } from './cyclonedx.ts';
import { spdxDocument } from './spdx.ts';

/** The version that documents name as their maker's. */
export const toolVersion = '0.1.0';

export type SbomFormat = 'cyclonedx' | 'spdx';

/** A package, and the .deb it came from where a lock knows that. */
export interface SbomPackage extends PackageFacts {
  /** `path` is below the archive's root. */
  readonly archive?: { readonly path: string; readonly sha256: string };
}

/** What both formats are made from. */
export interface SbomSource {
  /** The image as a person would call it. */
  readonly name: string;
  readonly facts: Omit<ImageFacts, 'packages'> & { readonly packages: readonly SbomPackage[] };
  /** As one would type it: `nix build .#docker`; absent for an image that nobody here built. */
  readonly recipe: string | undefined;
}

export interface SbomRequest {
  readonly examined: ExaminedImage;
  readonly format: SbomFormat;
  readonly recipe?: string | undefined;
  /** Says which .deb each package came from. */
  readonly lock?: LockFile | undefined;
}

/** The document's text, JSON that ends in a line break. */
export function writeSbom({ examined, format, recipe, lock }: SbomRequest): string {
  const { facts } = examined;
  const suites = lockedSuites(facts, lock);
  const source: SbomSource = {
    name: examined.names[0] ?? facts.configDigest,
    facts: {
      ...facts,
      distribution: facts.distribution ?? suites[0]?.distribution,
      packages: facts.packages.map((item) => withLockedOrigin(item, lock)),
    },
    recipe,
  };
  const document = format === 'cyclonedx' ? cyclonedxDocument(source) : spdxDocument(source);
  return `${JSON.stringify(document, null, 2)}\n`;
}

/** Suites of the lock that the image's packages come from: what a slim image does not say of itself. */
function lockedSuites(facts: ImageFacts, lock: LockFile | undefined): { distribution: string }[] {
  return [...(lock?.debian ?? [])].flatMap(([suite, { architectures }]) =>
    facts.packages.some((item) =>
      [...architectures.values()].some(
        ({ packages }) => item.manager === 'debian' && packages.get(item.name)?.version === item.version,
      ),
    )
      ? [{ distribution: `debian-${suite}` }]
      : [],
  );
}

function withLockedOrigin(item: PackageFacts, lock: LockFile | undefined): SbomPackage {
  if (item.manager !== 'debian') return item;
  for (const { architectures } of lock?.debian.values() ?? []) {
    for (const { packages } of architectures.values()) {
      const locked = packages.get(item.name);
      if (locked?.version !== item.version || locked.architecture !== item.architecture) continue;
      return { ...item, archive: { path: locked.path, sha256: locked.sha256 } };
    }
  }
  return item;
}
