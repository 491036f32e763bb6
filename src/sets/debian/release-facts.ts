// What recipes may ask of one Debian release and architecture: names, records, what a set of packages needs. Answers
// come from the archive's index, which the lock checks; from the lock alone where the index cannot be had. What was
// used is remembered, so that it can be locked.

import { companionsOf } from '../../debian/companion.ts';
import { type ContentsNames, normaliseDistribution } from '../../debian/contents-names.ts';
import { type Dependency, parseDependencies } from '../../debian/dependency.ts';
import { indexOfRecords, type PackageIndex, type PackageRecord } from '../../debian/package-index.ts';
import { resolve } from '../../debian/resolve.ts';
import { TrimaranError } from '../../foundation/error.ts';
import { didYouMean } from '../../foundation/nearest.ts';
import type { LockedArchitecture, LockedPackage } from '../lock-file.ts';
import type { ResolutionCache } from './resolution-cache.ts';

const namesHint = 'packages have their Debian names; `apt search` on a Debian machine finds them';

export interface ReleaseIdentity {
  /** As the recipe names it: `bookworm`. */
  readonly suite: string;
  /** `20261101T000000Z` */
  readonly timestamp: string;
  readonly releaseSha256: string;
  /** Debian's name: `amd64`. */
  readonly architecture: string;
}

export interface ReleaseFactsOptions {
  readonly identity: ReleaseIdentity;
  /** The archive's index; undefined when it cannot be had and the lock must do. */
  readonly index: PackageIndex | undefined;
  /** What the project's lock fixes of this release and architecture. */
  readonly locked: LockedArchitecture | undefined;
  /** Keeps what the index's resolver answers. */
  readonly resolutions?: ResolutionCache | undefined;
  /** Called at most once, when a recipe asks for Python distributions that the lock does not know. */
  readonly loadContents: () => ContentsNames;
}

/** See the head of this file. Every method throws `debian/unknown-package` for a name that is not there. */
export class ReleaseFacts {
  readonly identity: ReleaseIdentity;
  readonly #index: PackageIndex;
  readonly #fromLock: boolean;
  readonly #locked: LockedArchitecture | undefined;
  readonly #loadContents: () => ContentsNames;
  #contents: ContentsNames | undefined;
  #names: readonly string[] | undefined;
  readonly #resolved = new Map<string, readonly PackageRecord[]>();
  readonly #used = new Map<string, PackageRecord>();
  readonly #python = new Map<string, string>();

  readonly #resolutions: ResolutionCache | undefined;

  constructor({ identity, index, locked, loadContents, resolutions }: ReleaseFactsOptions) {
    this.#resolutions = resolutions;
    this.identity = identity;
    this.#fromLock = index === undefined;
    this.#index = index ?? indexOfRecords(recordsOfLock(locked), identity.architecture);
    this.#locked = locked;
    this.#loadContents = loadContents;
  }

  /** Every package name, sorted by byte. */
  names(): readonly string[] {
    this.#names ??= [...this.#index.names()];
    return this.#names;
  }

  /** Whether there is a package of that very name. */
  has(name: string): boolean {
    return this.#index.get(name).length > 0;
  }

  /** Names that begin with `prefix`, sorted. */
  withPrefix(prefix: string): readonly string[] {
    return [...this.#index.names(prefix)];
  }

  /** The newest record of a name. */
  record(name: string): PackageRecord {
    const record = this.#index.get(name)[0];
    if (record === undefined) throw this.#unknown(name);
    this.#checkLock(record);
    return record;
  }

  /** The packages and all they need, sorted by name. Throws what the resolver throws, and `lock/mismatch`. */
  resolve(names: readonly string[]): readonly PackageRecord[] {
    const key = names.join(' ');
    let packages = this.#resolved.get(key);
    if (packages === undefined) {
      for (const name of names) {
        if (this.#index.get(name).length === 0 && this.#index.providers(name).length === 0)
          throw this.#unknown(name);
      }
      packages = this.#fromLock ? this.#closureOfLock(names) : this.#resolveInIndex(names);
      for (const record of packages) this.#checkLock(record);
      this.#resolved.set(key, packages);
    }
    for (const record of packages) this.#used.set(record.name, record);
    return packages;
  }

  #resolveInIndex(names: readonly string[]): readonly PackageRecord[] {
    const known = this.#resolutions?.get(names)?.map((name) => this.#index.get(name)[0]);
    if (known?.every((record) => record !== undefined) === true) return known;
    const { packages } = resolve({
      index: this.#index,
      wanted: names.map((name): Dependency => [{ name }]),
    });
    this.#resolutions?.put(
      names,
      packages.map((record) => record.name),
    );
    return packages;
  }

  /** Every Python distribution's normalised name, sorted; those that the lock knows where contents cannot be had. */
  pythonNames(): readonly string[] {
    return this.#contentsNames().pythonNames();
  }

  /** Whether {@link pythonPackage} finds a package for a name. */
  hasPython(name: string): boolean {
    return (
      this.#locked?.python.has(name) === true ||
      this.#contentsNames().pythonPackage(name) !== undefined ||
      this.has(`python3-${name}`)
    );
  }

  /**
   * The package that ships a Python distribution under any spelling of its name, or the one that Debian calls so: nixpkgs'
   * `dateutil` is python-dateutil of python3-dateutil.
   */
  pythonPackage(distribution: string): string {
    const name = normaliseDistribution(distribution);
    const found =
      this.#locked?.python.get(name) ??
      this.#contentsNames().pythonPackage(name) ??
      (this.has(`python3-${name}`) ? `python3-${name}` : undefined);
    if (found === undefined) {
      throw new TrimaranError({
        code: 'debian/unknown-package',
        message: `debian:${this.identity.suite} has no Python distribution \`${distribution}\``,
        hint: didYouMean(name, this.pythonNames()) ?? namesHint,
      });
    }
    this.#python.set(name, found);
    return found;
  }

  /**
   * A package beside `shippedBy` that brings the command of the same name as a distribution (`uvicorn` beside
   * `python3-uvicorn`), from the same source; undefined when there is none.
   */
  commandPackage(distribution: string, shippedBy: string): string | undefined {
    const name = normaliseDistribution(distribution);
    const candidate = this.#index.get(name)[0];
    if (candidate === undefined || name === shippedBy) return undefined;
    const sibling = this.#index.get(shippedBy)[0];
    const depends = parseDependencies(candidate.depends, this.identity.architecture).flat();
    const sameSource = (candidate.source ?? candidate.name) === (sibling?.source ?? shippedBy);
    return (sameSource || this.#fromLock) && depends.some((relation) => relation.name === shippedBy)
      ? name
      : undefined;
  }

  /** The records that `resolve` gave since the facts were made, by name, and the distributions asked for. */
  used(): {
    readonly packages: ReadonlyMap<string, PackageRecord>;
    readonly python: ReadonlyMap<string, string>;
  } {
    return { packages: this.#used, python: this.#python };
  }

  #contentsNames(): ContentsNames {
    this.#contents ??= this.#loadContents();
    return this.#contents;
  }

  #unknown(name: string): TrimaranError {
    return new TrimaranError({
      code: 'debian/unknown-package',
      message: `debian:${this.identity.suite} has no package \`${name}\` for ${this.identity.architecture}`,
      hint:
        didYouMean(name, this.names()) ??
        (this.#fromLock
          ? 'the package index cannot be had, so only locked packages are known; try again when the mirror answers'
          : namesHint),
    });
  }

  /** What the lock says of a package holds: another version in the same pinned release means one of them was changed. */
  #checkLock(record: PackageRecord): void {
    const locked = this.#locked?.packages.get(record.name);
    if (locked === undefined) return;
    const difference =
      locked.version !== record.version
        ? `has ${record.name} ${locked.version}, but the pinned release has ${record.version}`
        : locked.sha256 !== record.sha256 || locked.size !== record.size
          ? `has another hash or size for ${record.name} ${record.version} than the pinned release`
          : locked.path !== record.filename
            ? `has ${record.name} at ${locked.path}, but the pinned release has it at ${record.filename}`
            : hasOtherRelations(locked, lockedPackage(record))
              ? `has other relations of ${record.name} ${record.version} to packages than the pinned release`
              : undefined;
    if (difference === undefined) return;
    throw new TrimaranError({
      code: 'lock/mismatch',
      message: `trimaran.lock ${difference}`,
      hint: 'restore trimaran.lock from version control, or run `trimaran lock --update` to lock the present release',
    });
  }

  /** All that the names need among locked packages; what is not locked was left out when the lock was written. */
  #closureOfLock(names: readonly string[]): PackageRecord[] {
    const chosen = new Map<string, PackageRecord>();
    const pending = [...names];
    for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
      if (chosen.has(name)) continue;
      const record = this.#index.get(name)[0];
      if (record === undefined) continue;
      chosen.set(name, record);
      pending.push(...companionsOf(name));
      for (const field of [record.preDepends, record.depends]) {
        for (const dependency of parseDependencies(field, this.identity.architecture)) {
          const direct = dependency.find((relation) => this.#index.get(relation.name).length > 0);
          const provided = dependency.flatMap((relation) => this.#index.providers(relation.name))[0];
          const next = direct?.name ?? provided?.name;
          if (next !== undefined) pending.push(next);
        }
      }
    }
    return [...chosen.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}

function* recordsOfLock(locked: LockedArchitecture | undefined): Generator<PackageRecord> {
  for (const [name, entry] of locked?.packages ?? []) {
    const { path, ...rest } = entry;
    yield { name, filename: path, ...rest };
  }
}

/** What packages need is taken from the lock where the index cannot be had, so it is to be the same. */
function hasOtherRelations(locked: LockedPackage, released: LockedPackage): boolean {
  return lockedRelations.some((name) => locked[name] !== released[name]);
}

const lockedRelations = [
  'depends',
  'preDepends',
  'provides',
  'conflicts',
  'breaks',
  'replaces',
  'multiArch',
  'essential',
] as const;

/** A record as the lock keeps it. */
export function lockedPackage(record: PackageRecord): LockedPackage {
  return {
    version: record.version,
    architecture: record.architecture,
    path: record.filename,
    size: record.size,
    sha256: record.sha256,
    ...optional('depends', record.depends),
    ...optional('preDepends', record.preDepends),
    ...optional('provides', record.provides),
    ...optional('conflicts', record.conflicts),
    ...optional('breaks', record.breaks),
    ...optional('replaces', record.replaces),
    ...optional('multiArch', record.multiArch),
    ...(record.essential === undefined ? {} : { essential: true as const }),
  };
}

function optional<Key extends string>(key: Key, value: string | undefined): { [K in Key]?: string } {
  return (value === undefined ? {} : { [key]: value }) as { [K in Key]?: string };
}
