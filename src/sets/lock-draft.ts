// A lock in the making: what the lock before fixes stays unless it is to be updated, what no recipe asks for any more
// goes, and what cannot be fixed is kept with its reason.
import { redactCredentials, withoutCredentials } from '../foundation/credentials.ts';
import {
  emptyLockFile,
  type LockedImage,
  type LockedPackage,
  type LockedRequirement,
  type LockedSuite,
  type LockFile,
  lockedCommit,
  lockedUrl,
  type UnpinnedInput,
} from './lock-file.ts';

/** Collects one lock. `updates` says whether an entry of that name is to be looked up anew. */
export class LockDraft {
  readonly #before: LockFile;
  readonly #updates: (name: string) => boolean;
  readonly #debian: Map<string, LockedSuite>;
  readonly #images = new Map<string, LockedImage>();
  readonly #urls = new Map<string, string>();
  readonly #git = new Map<string, Map<string, string>>();
  readonly #pip = new Map<string, Map<string, LockedRequirement>>();
  readonly #unpinned = new Map<string, UnpinnedInput>();
  #unreachable = 0;
  #pinned = 0;

  /** Suites of `debian` are already as they shall be: releases are updated before recipes are evaluated. */
  constructor(before: LockFile, updates: (name: string) => boolean) {
    this.#before = before;
    this.#updates = updates;
    this.#debian = new Map(before.debian);
  }

  /** Inputs that are fixed, kept ones included, and those that nobody could be asked about. */
  get counts(): { readonly pinned: number; readonly unreachable: number } {
    return { pinned: this.#pinned, unreachable: this.#unreachable };
  }

  keepImage(reference: string): boolean {
    const known = this.#images.get(reference) ?? this.#kept(reference, this.#before.images.get(reference));
    if (known !== undefined) this.setImage(reference, known);
    return known !== undefined;
  }

  /** Whether the lock before has the release that a base is made from, and no image of that name. */
  keepBase(suite: string): boolean {
    const known = this.#debian.has(suite) && !this.#updates(suite);
    if (known) this.#pinned++;
    return known;
  }

  keepUrl(url: string): boolean {
    const known = this.#kept(url, lockedUrl(this.#before, url));
    if (known !== undefined) this.setUrl(url, known);
    return known !== undefined;
  }

  keepCommit(url: string, ref: string): boolean {
    const commit = this.#kept(url, lockedCommit(this.#before, { url, ref }));
    if (commit !== undefined) this.setCommit(url, { ref, commit });
    return commit !== undefined;
  }

  /**
   * Keeps a recipe's requirements and what they depend on, which the lock calls `name==version`; false, and nothing is
   * kept, when one of them is new, is to be updated or has gone.
   */
  keepRequirements(recipe: string, requirements: readonly string[]): boolean {
    const before = this.#before.pip.get(recipe);
    if (before === undefined) return false;
    const known = requirements.every((requirement) => before.has(requirement));
    const updated = [...before.keys()].some((requirement) => this.#updates(distributionOf(requirement)));
    const gone = [...before.keys()].some(
      (requirement) => !requirements.includes(requirement) && !/^[a-z0-9-]+==/.test(requirement),
    );
    if (!known || updated || gone) return false;
    for (const [requirement, locked] of before) this.setRequirement(recipe, { requirement, locked });
    return true;
  }

  /** Versions that the lock before has for a recipe and that are not to be updated, by name as indexes have it. */
  preferredVersions(recipe: string): Map<string, string> {
    return new Map(
      [...(this.#before.pip.get(recipe) ?? [])].flatMap(([requirement, { version }]) => {
        const name = distributionOf(requirement);
        return this.#updates(name) ? [] : [[name.toLowerCase().replace(/[-_.]+/g, '-'), version] as const];
      }),
    );
  }

  /** Takes what the lock before has of a recipe's dependencies, where nothing is known instead. */
  keepOldDependencies(recipe: string): void {
    const now = new Set([...(this.#pip.get(recipe)?.keys() ?? [])].map(distributionOf));
    for (const [requirement, locked] of this.#before.pip.get(recipe) ?? [])
      if (!now.has(distributionOf(requirement))) this.setRequirement(recipe, { requirement, locked });
  }

  /** Takes what the lock before has for a requirement, if it has anything. */
  keepOldRequirement(recipe: string, requirement: string): boolean {
    const locked = this.#before.pip.get(recipe)?.get(requirement);
    if (locked !== undefined) this.setRequirement(recipe, { requirement, locked });
    return locked !== undefined;
  }

  /** Takes what the lock before has of that name although it was to be updated; false when it has nothing. */
  keepOld(name: string): boolean {
    const image = this.#before.images.get(name);
    const url = lockedUrl(this.#before, name);
    const refs = this.#before.git.get(withoutCredentials(name));
    if (image !== undefined) this.setImage(name, image);
    else if (url !== undefined) this.setUrl(name, url);
    else if (refs !== undefined) for (const [ref, commit] of refs) this.setCommit(name, { ref, commit });
    else return false;
    return true;
  }

  setImage(reference: string, image: LockedImage): void {
    this.#images.set(reference, image);
    this.#pinned++;
  }

  setUrl(url: string, sha256: string): void {
    this.#urls.set(withoutCredentials(url), sha256);
    this.#pinned++;
  }

  setCommit(url: string, { ref, commit }: { readonly ref: string; readonly commit: string }): void {
    const key = withoutCredentials(url);
    this.#git.set(key, (this.#git.get(key) ?? new Map()).set(ref, commit));
    this.#pinned++;
  }

  setRequirement(
    recipe: string,
    { requirement, locked }: { readonly requirement: string; readonly locked: LockedRequirement },
  ): void {
    this.#pip.set(recipe, (this.#pip.get(recipe) ?? new Map()).set(requirement, locked));
    this.#pinned++;
  }

  /** Fixes a release; the one that is fixed already stays. */
  setSuite(suite: string, release: Omit<LockedSuite, 'architectures'>): void {
    this.#pinned++;
    if (!this.#debian.has(suite)) this.#debian.set(suite, { ...release, architectures: new Map() });
  }

  addPackages(
    suite: string,
    used: {
      readonly architecture: string;
      readonly packages: readonly (readonly [string, LockedPackage])[];
    },
  ): void {
    const known = this.#debian.get(suite)!;
    const before = known.architectures.get(used.architecture);
    const grown = {
      packages: new Map([...(before?.packages ?? []), ...used.packages]),
      python: before?.python ?? new Map<string, string>(),
    };
    const architectures = new Map(known.architectures).set(used.architecture, grown);
    this.#debian.set(suite, { ...known, architectures });
    this.#pinned++;
  }

  addUnpinned(input: UnpinnedInput, options: { readonly unreachable?: boolean } = {}): void {
    const key = `${input.where}\0${input.what}`;
    if (!this.#unpinned.has(key) && options.unreachable === true) this.#unreachable++;
    const { what, where, reason } = input;
    const text = [what, where, reason].map(redactCredentials) as [string, string, string];
    this.#unpinned.set(key, { what: text[0], where: text[1], reason: text[2] });
  }

  /** The lock as it is by now. */
  lock(): LockFile {
    return {
      ...emptyLockFile,
      debian: this.#debian,
      images: this.#images,
      urls: this.#urls,
      git: this.#git,
      pip: this.#pip,
      unpinned: [...this.#unpinned.values()],
    };
  }

  #kept<Value>(name: string, known: Value | undefined): Value | undefined {
    return this.#updates(withoutCredentials(name)) ? undefined : known;
  }
}

/** Names that `--update` takes: releases, references and repositories of images, URLs, distributions. */
export function lockNames(lock: LockFile): string[] {
  const requirements = [...lock.pip.values()].flatMap((entries) => [...entries.keys()]);
  return [
    ...lock.debian.keys(),
    ...[...lock.images.keys()].flatMap((reference) => [reference, reference.replace(/[:@][^/]*$/, '')]),
    ...lock.urls.keys(),
    ...lock.git.keys(),
    ...requirements.map(distributionOf),
  ];
}

/** `uvicorn[standard]>=0.14` → `uvicorn` */
function distributionOf(requirement: string): string {
  return requirement.replace(/[\s[(<>=!~;].*$/s, '');
}
