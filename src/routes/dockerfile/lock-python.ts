// Versions for what pip is asked to install, and for all that those depend on: one version each that meets every clause,
// with the digests of its files. Newest first; where clauses contradict each other, older versions of what asks for them are
// tried, as pip does it. Where none suits the distribution stays open, with the reason that the newest ones gave.
import { mapConcurrently } from '../../foundation/concurrency.ts';
import { isTrimaranError } from '../../foundation/error.ts';
import type { Host } from '../../foundation/host.ts';
import {
  comparePythonVersions,
  markerApplies,
  meetsClauses,
  type PythonRequirement,
  parsePythonRequirement,
  parsePythonVersion,
  type VersionClause,
} from '../../languages/dockerfile/python-version.ts';
import type { LockedRequirement } from '../../sets/lock-file.ts';
import {
  chooseVersion,
  type IndexedFile,
  pythonIndexUrl,
  readIndexPage,
  readRequirements,
} from './python-index.ts';

export interface PythonLockRequest {
  readonly host: Pick<Host, 'fetch' | 'env'>;
  /** Trimaran's cache. */
  readonly cacheDirectory: string;
  /** As written. */
  readonly requirements: readonly string[];
  /** `3.11`, when it is known. */
  readonly python?: string | undefined;
  /** Debian's name. */
  readonly architecture: string;
  /** Versions that are taken as long as they suit, by name. */
  readonly preferred: ReadonlyMap<string, string>;
}

export interface PythonLock {
  /** By requirement as written. */
  readonly direct: ReadonlyMap<string, LockedRequirement>;
  /** What those depend on, by name. */
  readonly indirect: ReadonlyMap<string, LockedRequirement>;
  readonly missed: readonly {
    /** The requirement as written, or the name of what one depends on. */
    readonly requirement: string;
    readonly reason: string;
    readonly code: string;
  }[];
}

interface Wanted {
  readonly clauses: readonly VersionClause[];
  readonly extras: readonly string[];
  /** Names of what asks for it; none for what the recipe itself asks for. */
  readonly by: readonly string[];
}

interface Failure {
  readonly reason: string;
  readonly code: string;
}

/** What a version depends on, or why that is not known. */
type Dependencies = readonly PythonRequirement[] | Failure;
type Chosen = NonNullable<ReturnType<typeof chooseVersion>>;

const lanes = 6;
const mostRounds = 40;
const mostDistributions = 1000;
/** Versions that are given up before a search ends; each may cost a request for what an older one depends on. */
const mostRetreats = 200;

/** Locks the requirements of one recipe. What is out of reach or contradictory is in `missed`. */
export async function lockPython(request: PythonLockRequest): Promise<PythonLock> {
  const { requirements } = request;
  const resolver = new Resolver(request);
  const missed = new Map<string, Failure>();
  const roots: { written: string; requirement: PythonRequirement }[] = [];
  for (const written of requirements) {
    const requirement = parsePythonRequirement(written);
    if (requirement !== undefined) roots.push({ written, requirement });
    else
      missed.set(written, {
        reason: 'only distributions by name can be locked; this is an address or a path',
        code: 'lock/not-by-name',
      });
  }
  const chosen = await resolver.resolve(roots.map(({ requirement }) => requirement));
  const direct = new Map<string, LockedRequirement>();
  const own = new Set<string>();
  for (const { written, requirement } of roots) {
    const { name } = requirement;
    if (!resolver.applies(requirement)) continue;
    own.add(name);
    const found = chosen.get(name);
    if (found === undefined) missed.set(written, resolver.failures.get(name)!);
    else direct.set(written, lockedOf(found));
  }
  const indirect = new Map<string, LockedRequirement>();
  for (const [name, found] of chosen) if (!own.has(name)) indirect.set(name, lockedOf(found));
  for (const [name, failure] of resolver.failures) if (!own.has(name)) missed.set(name, failure);
  return {
    direct,
    indirect,
    missed: [...missed].map(([requirement, failure]) => ({ requirement, ...failure })),
  };
}

function lockedOf({ version, files }: Chosen): LockedRequirement {
  const hashes = files.flatMap(({ sha256 }) => (sha256 === undefined ? [] : [`sha256:${sha256}`]));
  return { version: version.text, hashes: [...new Set(hashes)].sort() };
}

/** What the newest versions that are not given up come to. */
interface Settled {
  readonly chosen: ReadonlyMap<string, Chosen>;
  /** Distributions that no version suits although others ask for them, which those are. */
  readonly conflicts: readonly { readonly name: string; readonly by: readonly string[] }[];
}

class Resolver {
  /** Why a name has no version, or why what it depends on is not known. */
  readonly failures = new Map<string, Failure>();
  readonly #request: PythonLockRequest;
  readonly #index: string;
  readonly #pages = new Map<string, readonly IndexedFile[] | Failure>();
  readonly #dependencies = new Map<string, Dependencies>();

  constructor(request: PythonLockRequest) {
    this.#request = request;
    this.#index = pythonIndexUrl(request.host.env);
  }

  applies(requirement: PythonRequirement, extras: readonly string[] = []): boolean {
    const { python, architecture } = this.#request;
    return (
      requirement.marker === undefined || markerApplies(requirement.marker, { python, architecture, extras })
    );
  }

  /** The newest versions that agree with each other, or else the newest of each. */
  async resolve(roots: readonly PythonRequirement[]): Promise<ReadonlyMap<string, Chosen>> {
    let retreats = 0;
    const search = async (given: ReadonlySet<string>): Promise<Settled | undefined> => {
      const settled = await this.#settle(roots, given);
      const [conflict] = settled.conflicts;
      if (conflict === undefined) return settled;
      if (settled.conflicts.some(({ by }) => by.length === 0)) return undefined;
      // Of those that contradict each other, the one that came in last gives way first.
      for (const culprit of [...conflict.by].reverse()) {
        const version = settled.chosen.get(culprit)?.version.text;
        if (version === undefined || retreats++ >= mostRetreats) continue;
        const found = await search(new Set([...given, `${culprit} ${version}`]));
        if (found !== undefined) return found;
      }
      return undefined;
    };
    const found = await search(new Set());
    return (found ?? (await this.#settle(roots, new Set()))).chosen;
  }

  /** Goes one step further into what is depended on with each round, until nothing changes. */
  async #settle(roots: readonly PythonRequirement[], given: ReadonlySet<string>): Promise<Settled> {
    const start = new Map<string, Wanted>();
    for (const root of roots) if (this.applies(root)) addWanted(start, root);
    let wanted = start;
    for (let round = 1; ; round++) {
      this.failures.clear();
      const { chosen, conflicts } = await this.#choose(wanted, given);
      const next = new Map(start);
      for (const [name, { version, files }] of chosen) {
        const { extras } = wanted.get(name)!;
        const dependencies = await this.#dependenciesOf(name, { key: `${name} ${version.text}`, files });
        for (const dependency of dependencies) {
          if (this.applies(dependency, extras)) addWanted(next, dependency, name);
        }
      }
      if (sameWanted(next, wanted)) return { chosen, conflicts };
      if (round === mostRounds || next.size > mostDistributions) {
        const failure = { reason: 'what it depends on comes to no end', code: 'lock/endless-dependencies' };
        for (const { name } of roots) this.failures.set(name, failure);
        return { chosen: new Map(), conflicts: [] };
      }
      wanted = next;
    }
  }

  async #choose(
    wanted: ReadonlyMap<string, Wanted>,
    given: ReadonlySet<string>,
  ): Promise<{ chosen: Map<string, Chosen>; conflicts: Settled['conflicts'] }> {
    const missing = [...wanted.keys()].filter((name) => !this.#pages.has(name));
    await mapConcurrently(missing, lanes, async (name) => {
      this.#pages.set(name, await this.#readPage(name));
    });
    const chosen = new Map<string, Chosen>();
    const conflicts: { name: string; by: readonly string[] }[] = [];
    for (const [name, { clauses, by }] of wanted) {
      const all = this.#pages.get(name)!;
      if ('reason' in all) {
        this.failures.set(name, all);
        continue;
      }
      const page =
        given.size === 0 ? all : all.filter(({ version }) => !given.has(`${name} ${version.text}`));
      const { python } = this.#request;
      const found = this.#preferred(name, page, clauses) ?? chooseVersion(page, { clauses, python });
      if (found !== undefined) chosen.set(name, found);
      else {
        // Nobody asked for what was given up entirely: a dead end, and no fault of the recipe.
        if (by.length > 0 || page.length < all.length) conflicts.push({ name, by });
        const asked = clauses.map(({ operator, version }) => operator + version).join(', ');
        const whose = by.length === 0 ? '' : `, as ${by.join(', ')} ${by.length === 1 ? 'asks' : 'ask'}`;
        this.failures.set(name, {
          reason: `the index has no ${name}${asked === '' ? '' : ` ${asked}`}${whose}`,
          code: 'lock/no-version',
        });
      }
    }
    return { chosen, conflicts };
  }

  #preferred(
    name: string,
    page: readonly IndexedFile[],
    clauses: readonly VersionClause[],
  ): Chosen | undefined {
    const version = parsePythonVersion(this.#request.preferred.get(name) ?? '');
    if (version === undefined || !meetsClauses(version, clauses)) return undefined;
    const files = page.filter((file) => comparePythonVersions(file.version, version) === 0);
    return files.some(({ sha256 }) => sha256 !== undefined)
      ? { version: files[0]!.version, files }
      : undefined;
  }

  async #readPage(name: string): Promise<readonly IndexedFile[] | Failure> {
    try {
      return await readIndexPage(this.#request.host, { index: this.#index, name });
    } catch (error) {
      if (!isTrimaranError(error)) throw error;
      return { reason: error.message, code: error.code };
    }
  }

  async #dependenciesOf(
    name: string,
    { key, files }: { readonly key: string; readonly files: readonly IndexedFile[] },
  ): Promise<readonly PythonRequirement[]> {
    let known = this.#dependencies.get(key);
    if (known === undefined) {
      known = await this.#readDependencies(files);
      this.#dependencies.set(key, known);
    }
    if ('code' in known) {
      this.failures.set(`what ${name} depends on`, known);
      return [];
    }
    return known;
  }

  async #readDependencies(files: readonly IndexedFile[]): Promise<Dependencies> {
    const wheels = files.filter(({ filename }) => filename.endsWith('.whl'));
    const wheel = wheels.find(({ hasMetadata }) => hasMetadata) ?? wheels.find(isPortable) ?? wheels[0];
    if (wheel === undefined)
      return { reason: 'it comes as source only, which must be built to tell', code: 'lock/no-metadata' };
    try {
      const { host, cacheDirectory } = this.#request;
      return await readRequirements({ host, cacheDirectory, index: this.#index }, wheel);
    } catch (error) {
      if (!isTrimaranError(error)) throw error;
      return { reason: error.message, code: error.code };
    }
  }
}

/** Small, and the one that is installed if it is there. */
function isPortable({ filename }: IndexedFile): boolean {
  return filename.endsWith('-any.whl');
}

function addWanted(wanted: Map<string, Wanted>, requirement: PythonRequirement, by?: string): void {
  const known = wanted.get(requirement.name);
  const clauses = [...(known?.clauses ?? [])];
  for (const clause of requirement.clauses) {
    if (!clauses.some(({ operator, version }) => operator === clause.operator && version === clause.version))
      clauses.push(clause);
  }
  wanted.set(requirement.name, {
    clauses,
    extras: [...new Set([...(known?.extras ?? []), ...requirement.extras])].sort(),
    by: by === undefined ? (known?.by ?? []) : [...new Set([...(known?.by ?? []), by])],
  });
}

function sameWanted(a: ReadonlyMap<string, Wanted>, b: ReadonlyMap<string, Wanted>): boolean {
  const written = (wanted: ReadonlyMap<string, Wanted>) =>
    JSON.stringify(
      [...wanted]
        .map(([name, { clauses, extras }]) => [
          name,
          clauses.map(({ operator, version }) => operator + version).sort(),
          extras,
        ])
        .sort(),
    );
  return a.size === b.size && written(a) === written(b);
}
