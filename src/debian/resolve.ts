// Chooses the packages that a set of dependencies needs, as `apt-get install --no-install-recommends` does in an
// empty system: depth first, the first alternative that can be had, what is chosen already before anything new.
// Unlike apt it backtracks when a choice ends in a conflict. Recommends, Suggests and other architectures are left out.
import { TrimaranError } from '../foundation/error.ts';
import { didYouMean } from '../foundation/nearest.ts';
import { companionsOf } from './companion.ts';
import {
  type Dependency,
  formatDependency,
  formatRelation,
  meetsConstraint,
  parseDependencies,
  type Relation,
} from './dependency.ts';
import type { PackageIndex, PackageRecord } from './package-index.ts';
import { type OmissionRule, omitScriptOnly } from './script-only.ts';

export interface ResolveOptions {
  readonly index: PackageIndex;
  readonly wanted: readonly Dependency[];
  /**
   * What to leave out. Unless given, {@link omitScriptOnly}, and what packages take for granted comes along
   * ({@link companionsOf}).
   */
  readonly omit?: OmissionRule;
}

export interface Resolution {
  /** Chosen packages, sorted by name. */
  readonly packages: readonly PackageRecord[];
  /** Names of the packages that each package's dependencies chose, sorted, each once; by name, sorted. */
  readonly edges: ReadonlyMap<string, readonly string[]>;
  /** Names that `wanted` chose, in its order. */
  readonly roots: readonly string[];
  /** Dependencies left out, by their first candidate's name: who has them, and why they are not needed. */
  readonly omitted: ReadonlyMap<string, { readonly wantedBy: readonly string[]; readonly reason: string }>;
}

/** A dependency to satisfy and who has it, or the step that turns to the dependencies of a wanted package. */
interface Goal {
  readonly kind: 'satisfy' | 'expand';
  readonly dependency: Dependency;
  readonly owner: PackageRecord | undefined;
}

/** Goals still to reach, nearest first; shared between choice points, so never changed. */
type Goals = { readonly goal: Goal; readonly rest: Goals } | undefined;

/** Where one of several candidates was taken, to come back to when that ends badly. */
interface ChoicePoint {
  readonly goals: { readonly goal: Goal; readonly rest: Goals };
  readonly candidates: readonly PackageRecord[];
  next: number;
  /** Levels of the choices that made candidates of this point, or of points after it, impossible. */
  readonly blamed: Set<number>;
}

interface ParsedRecord {
  readonly needs: readonly Dependency[];
  readonly provides: readonly Relation[];
  readonly excludes: readonly { readonly field: 'Breaks' | 'Conflicts'; readonly relation: Relation }[];
}

interface Conflict {
  readonly holder: PackageRecord;
  readonly other: PackageRecord;
  readonly text: string;
}

/** Real archives need a few attempts per package; past this the first failure is as good as any. */
const maximumSteps = 100_000;

/**
 * Resolves `wanted`. Throws `debian/unknown-package` (with the nearest names), `debian/virtual-package` (wanted, and
 * several provide it), `debian/unsatisfiable` (something needed that
 * the archive lacks, or has in other versions only) and `debian/conflict` (two packages exclude each other; `related` says
 * who wants which). Where every way fails, the error is that of the way which apt would have taken.
 *
 * @example
 * resolve({ index, wanted: parseDependencies('python3, ca-certificates', 'amd64') }).packages.map((p) => p.name);
 */
export function resolve(options: ResolveOptions): Resolution {
  return new Resolver(options).run();
}

class Resolver {
  private readonly index: PackageIndex;
  private readonly wanted: readonly Dependency[];
  private readonly omit: OmissionRule;
  private readonly takesCompanions: boolean;
  private readonly chosen = new Map<
    string,
    { record: PackageRecord; owner: PackageRecord | undefined; level: number }
  >();
  /** Chosen packages by the names they provide. */
  private readonly providing = new Map<string, PackageRecord[]>();
  /** What chosen packages exclude, by the excluded name. */
  private readonly excluding = new Map<
    string,
    { holder: PackageRecord; field: string; relation: Relation }[]
  >();
  private readonly parsed = new Map<PackageRecord, ParsedRecord>();

  constructor(options: ResolveOptions) {
    this.index = options.index;
    this.wanted = options.wanted;
    this.omit = options.omit ?? omitScriptOnly;
    this.takesCompanions = options.omit === undefined;
  }

  run(): Resolution {
    for (const dependency of this.wanted) this.refuseVirtual(dependency);
    // apt marks all that the user names before it looks at what these need.
    const initial = [
      ...this.wanted.map((dependency) => ({ kind: 'satisfy', dependency, owner: undefined }) as const),
      ...this.wanted.map((dependency) => ({ kind: 'expand', dependency, owner: undefined }) as const),
    ];
    let goals = pushGoals(initial, undefined);
    const points: ChoicePoint[] = [];
    let failure: TrimaranError | undefined;
    for (let steps = 0; goals !== undefined; steps++) {
      const { goal, rest }: { goal: Goal; rest: Goals } = goals;
      const satisfier = this.satisfier(goal.dependency);
      if (satisfier !== undefined) {
        goals = goal.kind === 'expand' ? pushGoals(this.goalsOf(satisfier), rest) : rest;
        continue;
      }
      const candidates = this.candidates(goal.dependency);
      if (this.omission(goal.owner, candidates) !== undefined) {
        goals = rest;
        continue;
      }
      points.push({ goals, candidates, next: 0, blamed: new Set(this.levelOf(goal.owner)) });
      if (candidates.length === 0) failure ??= this.unsatisfiable(goal);
      for (;;) {
        const level = points.length - 1;
        const point = points[level];
        if (point === undefined || steps > maximumSteps) {
          throw failure ?? new Error('resolution failed without a reason');
        }
        const candidate = point.candidates[point.next++];
        if (candidate === undefined) {
          this.backjump(points);
          continue;
        }
        steps++;
        const conflict = this.conflictOf(candidate);
        if (conflict !== undefined) {
          const chosenOne = conflict.holder === candidate ? conflict.other : conflict.holder;
          for (const blamed of this.levelOf(chosenOne)) point.blamed.add(blamed);
          failure ??= this.conflictError(conflict, candidate, point.goals.goal.owner);
          continue;
        }
        const { goal: reached, rest: after } = point.goals;
        this.choose(candidate, reached.owner, level);
        // A wanted package has its own `expand` goal, after all wanted ones are chosen.
        goals = reached.owner === undefined ? after : pushGoals(this.goalsOf(candidate), after);
        break;
      }
    }
    return this.result();
  }

  /** Undoes the last point, and all back to the latest choice that had a part in its failure. */
  private backjump(points: ChoicePoint[]): void {
    const failed = points.pop()!;
    const target = Math.max(-1, ...[...failed.blamed].filter((level) => level < points.length));
    points.length = target + 1;
    for (const level of failed.blamed) if (level < target) points[target]!.blamed.add(level);
    for (const [name, entry] of [...this.chosen]) {
      if (entry.level >= target) this.unchoose(name, entry.record);
    }
  }

  private levelOf(record: PackageRecord | undefined): number[] {
    const level = record === undefined ? undefined : this.chosen.get(record.name)?.level;
    return level === undefined ? [] : [level];
  }

  private choose(record: PackageRecord, owner: PackageRecord | undefined, level: number): void {
    this.chosen.set(record.name, { record, owner, level });
    const { provides, excludes } = this.parse(record);
    for (const { name } of provides) append(this.providing, name, record);
    for (const { field, relation } of excludes) {
      append(this.excluding, relation.name, { holder: record, field, relation });
    }
  }

  private unchoose(name: string, record: PackageRecord): void {
    this.chosen.delete(name);
    const { provides, excludes } = this.parse(record);
    for (const provided of provides) drop(this.providing, provided.name, (entry) => entry === record);
    for (const { relation } of excludes) {
      drop(this.excluding, relation.name, (entry) => entry.holder === record);
    }
  }

  private parse(record: PackageRecord): ParsedRecord {
    let parsed = this.parsed.get(record);
    if (parsed === undefined) {
      const read = (text: string | undefined) => parseDependencies(text, this.index.architecture);
      const exclude = (field: 'Breaks' | 'Conflicts', text: string | undefined) =>
        read(text)
          .flat()
          .filter((relation) => this.isOwnArchitecture(relation))
          .map((relation) => ({ field, relation }));
      parsed = {
        needs: [...read(record.preDepends), ...read(record.depends), ...this.companions(record)],
        provides: read(record.provides).flat(),
        excludes: [...exclude('Conflicts', record.conflicts), ...exclude('Breaks', record.breaks)],
      };
      this.parsed.set(record, parsed);
    }
    return parsed;
  }

  /** What comes along, as dependencies; an archive that lacks it does without. */
  private companions({ name }: PackageRecord): Dependency[] {
    const names = this.takesCompanions ? companionsOf(name) : [];
    return names.filter((wanted) => this.index.get(wanted).length > 0).map((wanted) => [{ name: wanted }]);
  }

  private goalsOf(owner: PackageRecord): Goal[] {
    return this.parse(owner).needs.map((dependency) => ({ kind: 'satisfy', dependency, owner }));
  }

  /** The chosen package that satisfies a dependency, by the first alternative that one does. */
  private satisfier(dependency: Dependency): PackageRecord | undefined {
    for (const relation of dependency) {
      if (!this.isOwnArchitecture(relation)) continue;
      const real = this.chosen.get(relation.name)?.record;
      if (real !== undefined && meetsConstraint(real.version, relation)) return real;
      const provider = this.providing.get(relation.name)?.find((record) => this.provides(record, relation));
      if (provider !== undefined) return provider;
    }
    return undefined;
  }

  private isOwnArchitecture({ qualifier }: Relation): boolean {
    return (
      qualifier === undefined ||
      qualifier === 'any' ||
      qualifier === 'native' ||
      qualifier === this.index.architecture
    );
  }

  /** Whether what a record provides meets a relation; a version can only be met by a versioned Provides. */
  private provides(record: PackageRecord, relation: Relation): boolean {
    return this.parse(record).provides.some(
      ({ name, constraint }) =>
        name === relation.name &&
        (relation.constraint === undefined ||
          (constraint !== undefined && meetsConstraint(constraint.version, relation))),
    );
  }

  private candidates(dependency: Dependency): PackageRecord[] {
    const found = new Set<PackageRecord>();
    for (const relation of dependency) {
      if (!this.isOwnArchitecture(relation)) continue;
      for (const record of this.index.get(relation.name)) {
        if (meetsConstraint(record.version, relation)) found.add(record);
      }
      const providers = this.index
        .providers(relation.name)
        .filter((record) => this.provides(record, relation))
        .sort((a, b) => providerRank(a, relation.name) - providerRank(b, relation.name));
      for (const record of providers) found.add(record);
    }
    return [...found];
  }

  private omission(
    owner: PackageRecord | undefined,
    candidates: readonly PackageRecord[],
  ): string | undefined {
    const [first, ...others] = candidates;
    return owner === undefined || first === undefined ? undefined : this.omit(owner, [first, ...others]);
  }

  private conflictOf(candidate: PackageRecord): Conflict | undefined {
    const same = this.chosen.get(candidate.name)?.record;
    if (same !== undefined) {
      return { holder: candidate, other: same, text: `one system holds one version of ${candidate.name}` };
    }
    const { provides, excludes } = this.parse(candidate);
    for (const { field, relation } of excludes) {
      const real = this.chosen.get(relation.name)?.record;
      const other =
        real !== undefined && meetsConstraint(real.version, relation)
          ? real
          : this.providing.get(relation.name)?.find((record) => this.provides(record, relation));
      if (other !== undefined) {
        return {
          holder: candidate,
          other,
          text: `${candidate.name} has \`${field}: ${formatRelation(relation)}\``,
        };
      }
    }
    for (const name of [candidate.name, ...provides.map((relation) => relation.name)]) {
      for (const { holder, field, relation } of this.excluding.get(name) ?? []) {
        const meant =
          name === candidate.name
            ? meetsConstraint(candidate.version, relation)
            : this.provides(candidate, relation);
        if (meant) {
          return {
            holder,
            other: candidate,
            text: `${holder.name} has \`${field}: ${formatRelation(relation)}\``,
          };
        }
      }
    }
    return undefined;
  }

  /** How a package came to be needed: `uvicorn → python3-uvicorn → python3-click`. */
  private path(record: PackageRecord, owner: PackageRecord | undefined): string {
    const names = [record.name];
    for (let at = owner; at !== undefined; at = this.chosen.get(at.name)?.owner) names.unshift(at.name);
    return names.length === 1 ? `${record.name} is asked for itself` : `${names.join(' → ')}`;
  }

  private conflictError(
    conflict: Conflict,
    candidate: PackageRecord,
    owner: PackageRecord | undefined,
  ): TrimaranError {
    const chosenOne = conflict.holder === candidate ? conflict.other : conflict.holder;
    const chosenOwner = this.chosen.get(chosenOne.name)?.owner;
    return new TrimaranError({
      code: 'debian/conflict',
      message:
        `${candidate.name} ${candidate.version} and ${chosenOne.name} ${chosenOne.version} ` +
        `exclude each other: ${conflict.text}`,
      related: [
        { message: `needed: ${this.path(candidate, owner)}` },
        { message: `needed: ${this.path(chosenOne, chosenOwner)}` },
      ],
      hint: 'leave out one of the packages that need them',
    });
  }

  /** As apt, does not guess which provider of a virtual package a user means, when there are several. */
  private refuseVirtual(dependency: Dependency): void {
    const [relation] = dependency;
    if (dependency.length !== 1 || relation === undefined || this.index.get(relation.name).length > 0) return;
    const providers = this.index.providers(relation.name).map(({ name }) => name);
    if (new Set(providers).size < 2 || this.wanted.some(([other]) => providers.includes(other!.name))) return;
    throw new TrimaranError({
      code: 'debian/virtual-package',
      message: `\`${relation.name}\` is a virtual package, which several packages provide`,
      hint: `name one of them: ${providers.slice(0, 12).join(', ')}`,
    });
  }

  private unsatisfiable({ dependency, owner }: Goal): TrimaranError {
    const names = dependency.map((relation) => relation.name);
    const known = names.flatMap((name) => [...this.index.get(name), ...this.index.providers(name)]);
    const text = formatDependency(dependency);
    if (known.length > 0) {
      const versions = known.map((record) => `${record.name} ${record.version}`).join(', ');
      return new TrimaranError({
        code: 'debian/unsatisfiable',
        message: `\`${text}\` cannot be had: the archive has ${versions}`,
        related:
          owner === undefined
            ? []
            : [{ message: `needed: ${this.path(owner, this.chosen.get(owner.name)?.owner)}` }],
        hint: 'another suite or timestamp may have it: `debian:SUITE/YYYYMMDDTHHMMSSZ`',
      });
    }
    const suggestion = owner === undefined ? didYouMean(names[0]!, this.index.names()) : undefined;
    return new TrimaranError({
      code: owner === undefined ? 'debian/unknown-package' : 'debian/unsatisfiable',
      message:
        owner === undefined
          ? `the archive has no package \`${text}\``
          : `${owner.name} needs \`${text}\`, which the archive does not have`,
      related:
        owner === undefined
          ? []
          : [{ message: `needed: ${this.path(owner, this.chosen.get(owner.name)?.owner)}` }],
      hint: suggestion ?? 'it may be in another suite, or in another component than main',
    });
  }

  private result(): Resolution {
    const byName = (a: string, b: string) => (a < b ? -1 : 1);
    const names = [...this.chosen.keys()].sort(byName);
    const edges = new Map<string, readonly string[]>();
    const omitted = new Map<string, { wantedBy: string[]; reason: string }>();
    for (const name of names) {
      const { record } = this.chosen.get(name)!;
      const targets = new Set<string>();
      for (const dependency of this.parse(record).needs) {
        const satisfier = this.satisfier(dependency);
        if (satisfier !== undefined) {
          if (satisfier !== record) targets.add(satisfier.name);
          continue;
        }
        const candidates = this.candidates(dependency);
        const first = candidates[0]!;
        const entry = omitted.get(first.name) ?? { wantedBy: [], reason: this.omission(record, candidates)! };
        if (!entry.wantedBy.includes(name)) entry.wantedBy.push(name);
        omitted.set(first.name, entry);
      }
      edges.set(name, [...targets].sort(byName));
    }
    return {
      packages: names.map((name) => this.chosen.get(name)!.record),
      edges,
      roots: [...new Set(this.wanted.map((dependency) => this.satisfier(dependency)!.name))],
      omitted: new Map([...omitted].sort(([a], [b]) => byName(a, b))),
    };
  }
}

function pushGoals(goals: readonly Goal[], rest: Goals): Goals {
  return goals.reduceRight<Goals>((after, goal) => ({ goal, rest: after }), rest);
}

function append<Value>(map: Map<string, Value[]>, key: string, value: Value): void {
  const values = map.get(key);
  if (values === undefined) map.set(key, [value]);
  else values.push(value);
}

function drop<Value>(map: Map<string, Value[]>, key: string, matches: (value: Value) => boolean): void {
  const values = map.get(key)?.filter((value) => !matches(value)) ?? [];
  if (values.length === 0) map.delete(key);
  else map.set(key, values);
}

const priorities = ['required', 'important', 'standard', 'optional', 'extra'];

/** apt's preference among providers: essential ones, then by priority, then those of the source named like the wanted one. */
function providerRank(record: PackageRecord, name: string): number {
  const priority = priorities.indexOf(record.priority ?? 'optional');
  return (record.essential === true ? 0 : 100) + priority * 10 + (record.source === name ? 0 : 1);
}
