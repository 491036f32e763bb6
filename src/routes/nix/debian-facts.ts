// `builtins.trimaranDebian`: what the Debian set's Nix files ask of a release, as a Nix value made of functions.

import { openContentsNames } from '../../debian/contents-names.ts';
import { dependencyEdges } from '../../debian/dependency-edges.ts';
import type { PackageRecord } from '../../debian/package-index.ts';
import { fromByteString, toByteString } from '../../foundation/byte-string.ts';
import type { Evaluator, NixValue } from '../../languages/nix/evaluator.ts';
import { type PreparedRelease, releaseFacts } from '../../sets/debian/prepared-release.ts';
import type { ReleaseFacts } from '../../sets/debian/release-facts.ts';
import { type UsedRelease, usedRelease } from '../../sets/project-lock.ts';
import type { AnsweredRelease } from './evaluation-request.ts';

/** The releases that one evaluation looked into. */
export class DebianFacts {
  readonly #call: (method: string, argument: unknown) => unknown;
  readonly #facts = new Map<string, ReleaseFacts>();

  readonly #releases: readonly AnsweredRelease[];
  readonly #system: string;

  /** `call` reaches the main thread, see sets/blocking-calls.ts; `releases` are those it has made ready. */
  constructor(options: {
    readonly call: (method: string, argument: unknown) => unknown;
    readonly releases: readonly AnsweredRelease[];
    /** Nix's name of this machine. */
    readonly system: string;
  }) {
    this.#call = options.call;
    this.#releases = options.releases;
    this.#system = options.system;
  }

  /** The builtin's value for `{ suite, timestamp, release, system }`. */
  value(evaluator: Evaluator, argument: NixValue): NixValue {
    const wanted = evaluator.toHost(argument) as Readonly<Record<string, string>>;
    const facts = this.#factsOf(wanted);
    const { identity } = facts;
    const text = (value: NixValue) => fromByteString(evaluator.coerceToString(value).text);
    const texts = (value: NixValue) => evaluator.toHost(value) as string[];
    const host = (value: Parameters<Evaluator['fromHost']>[0]) => evaluator.fromHost(value);
    const lambda = (name: string, arity: number, call: (args: readonly NixValue[]) => NixValue) =>
      evaluator.makeFunction({ name, arity, call });
    return evaluator.makeSet([
      ['suite', toByteString(identity.suite)],
      ['timestamp', toByteString(identity.timestamp)],
      ['architecture', toByteString(identity.architecture)],
      ['record', lambda('record', 1, ([name]) => host(nixRecord(facts.record(text(name!)), [])))],
      ['resolve', lambda('resolve', 1, ([names]) => host(resolved(facts, texts(names!))))],
      [
        'resolveNative',
        lambda('resolveNative', 1, ([names]) =>
          host(resolved(this.#factsOf({ ...wanted, system: this.#system }), texts(names!))),
        ),
      ],
      ['withPrefix', lambda('withPrefix', 1, ([prefix]) => host(facts.withPrefix(text(prefix!))))],
      ['pythonPackage', lambda('pythonPackage', 1, ([name]) => host(facts.pythonPackage(text(name!))))],
      [
        'commandPackage',
        lambda('commandPackage', 2, ([name, shippedBy]) =>
          host(facts.commandPackage(text(name!), text(shippedBy!)) ?? null),
        ),
      ],
      ['packages', lambda('packages', 1, ([make]) => evaluator.makeLazySet(packageNames(facts, make!)))],
      [
        'pythonPackages',
        lambda('pythonPackages', 1, ([make]) => evaluator.makeLazySet(pythonNames(facts, make!))),
      ],
      [
        'modules',
        lambda('modules', 3, ([prefix, suffix, make]) => {
          const modules = new Map<string, string>();
          for (const name of facts.withPrefix(text(prefix!))) {
            if (!name.endsWith(text(suffix!))) continue;
            const own = name.slice(text(prefix!).length, name.length - text(suffix!).length);
            if (!modules.has(withoutMarks(own))) modules.set(withoutMarks(own), name);
          }
          return evaluator.makeSet([
            [
              'set',
              evaluator.makeLazySet({
                has: (name) => modules.has(withoutMarks(name)),
                names: () => [...modules.keys()],
                make: make!,
              }),
            ],
            [
              'packageOf',
              lambda('packageOf', 1, ([name]) => host(modules.get(withoutMarks(text(name!))) ?? null)),
            ],
          ]);
        }),
      ],
      [
        'extensions',
        lambda('extensions', 2, ([server, make]) => {
          const prefix = `${text(server!)}-`;
          const names = facts.withPrefix(prefix).map((name) => name.slice(prefix.length));
          const short = names.map((name) => name.replace(/-\d[\d.]*$/, ''));
          // Others write `pg_cron` and `plpgsql_check` for `cron` and `plpgsql-check`.
          const plain = [...names, ...short];
          const alike = plain.flatMap((name) => {
            const written = name.replaceAll('-', '_');
            return [written, `pg_${written}`];
          });
          const all = new Set([...plain, ...alike]);
          return evaluator.makeLazySet({ has: (name) => all.has(name), names: () => [...all], make: make! });
        }),
      ],
    ]);
  }

  /** Names of packages, of the releases that were looked into. */
  names(): Set<string> {
    return new Set([...this.#facts.values()].flatMap((facts) => facts.names()));
  }

  /** What was used of each release. */
  used(): UsedRelease[] {
    return [...this.#facts.values()].map(usedRelease);
  }

  #factsOf(wanted: Readonly<Record<string, string>>): ReleaseFacts {
    const { suite, timestamp, release, system } = wanted;
    const key = JSON.stringify([suite, timestamp, release, system]);
    let facts = this.#facts.get(key);
    if (facts === undefined) {
      const request = { suite, timestamp, releaseSha256: release, system };
      const ready = this.#releases.find(
        ({ request: { releaseSha256, ...other } }) =>
          releaseSha256 === release && other.suite === suite && other.system === system,
      );
      const prepared = ready?.prepared ?? (this.#call('debianRelease', request) as PreparedRelease);
      facts = releaseFacts(prepared, () =>
        openContentsNames(this.#call('debianContents', request) as string),
      );
      this.#facts.set(key, facts);
    }
    return facts;
  }
}

/** A module's name as archives and recipes both have it: `JSONXS` is `json-xs`. */
function withoutMarks(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '');
}

/** Packages by name. Names are ASCII, so they are byte strings as they stand. */
function packageNames(facts: ReleaseFacts, make: NixValue) {
  return { has: (name: string) => facts.has(name), names: () => facts.names(), make };
}

/** Python distributions by normalised name. */
function pythonNames(facts: ReleaseFacts, make: NixValue) {
  return { has: (name: string) => facts.hasPython(name), names: () => facts.pythonNames(), make };
}

function resolved(facts: ReleaseFacts, names: readonly string[]) {
  const records = facts.resolve(names);
  const edges = dependencyEdges(records, facts.identity.architecture);
  return records.map((record) => nixRecord(record, edges.get(record.name)!));
}

function nixRecord(record: PackageRecord, depends: readonly string[]) {
  return {
    name: record.name,
    version: record.version,
    architecture: record.architecture,
    path: toByteString(record.filename),
    size: record.size,
    sha256: record.sha256,
    description: toByteString(record.description ?? ''),
    homepage: toByteString(record.homepage ?? ''),
    depends,
  };
}
