// Which packages of a resolved set each of them needs: the edges that layers are ordered by.
import { companionsOf } from './companion.ts';
import { parseDependencies } from './dependency.ts';
import type { PackageRecord } from './package-index.ts';

/**
 * By name of a package, the names of those in the set that it depends on itself, sorted: of alternatives the first that is
 * there, or what provides it. Companions count ({@link companionsOf}).
 */
export function dependencyEdges(
  records: readonly PackageRecord[],
  architecture: string,
): ReadonlyMap<string, readonly string[]> {
  const chosen = new Set(records.map(({ name }) => name));
  const providers = new Map(
    records.flatMap(({ name, provides }) =>
      parseDependencies(provides, architecture)
        .flat()
        .map((relation): [string, string] => [relation.name, name]),
    ),
  );
  const edgesOf = ({ name, preDepends, depends }: PackageRecord): string[] => {
    const needed = [preDepends, depends].flatMap((field) =>
      parseDependencies(field, architecture).flatMap((dependency) =>
        dependency
          .flatMap((relation) =>
            chosen.has(relation.name) ? relation.name : (providers.get(relation.name) ?? []),
          )
          .slice(0, 1),
      ),
    );
    needed.push(...companionsOf(name).filter((companion) => chosen.has(companion)));
    return [...new Set(needed)].sort();
  };
  return new Map(records.map((record) => [record.name, edgesOf(record)]));
}
