// Which packages share a layer. Pure: names, sizes and edges in, groups out, the same for the same input in any order.
// The reasons and the measurements are in docs/decisions/layering.md.
import { compareBytes } from '../foundation/byte-string.ts';

export interface LayeringPackage {
  /** Unique among the packages of the image. */
  readonly name: string;
  /** Bytes of its files. */
  readonly size: number;
  /** Names of packages it depends on; names that are not in the image are ignored. */
  readonly dependencies: readonly string[];
  /**
   * How many packages of its set (all of Debian, not this image) depend on it: a measure that is the same in every image.
   * Counted within the image when absent.
   */
  readonly dependents?: number;
}

export interface LayeringOptions {
  /** Most groups to make, at least 1; 100 unless given. Leave room for the layers that are no packages. */
  readonly limit?: number;
  /** Bytes from which a package gets a layer of its own; 2 MiB unless given. */
  readonly ownLayerFrom?: number;
}

/** One layer to be: the names of its packages, sorted. */
export interface LayerGroup {
  readonly names: readonly string[];
  readonly size: number;
  /** `own`: a package, or packages that depend on each other; `rest`: the small ones. */
  readonly kind: 'own' | 'rest';
}

interface Unit {
  readonly names: readonly string[];
  readonly size: number;
  readonly dependents: number;
}

/** Strongly connected components by Tarjan's algorithm, without recursion. */
function componentsOf(edges: ReadonlyMap<string, readonly string[]>): string[][] {
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const open = new Set<string>();
  const stack: string[] = [];
  const components: string[][] = [];
  for (const root of edges.keys()) {
    if (index.has(root)) continue;
    const calls: { name: string; next: number }[] = [];
    const enter = (name: string) => {
      index.set(name, index.size);
      low.set(name, index.get(name)!);
      stack.push(name);
      open.add(name);
      calls.push({ name, next: 0 });
    };
    enter(root);
    while (calls.length > 0) {
      const call = calls.at(-1)!;
      const target = edges.get(call.name)![call.next++];
      if (target !== undefined) {
        if (!index.has(target)) enter(target);
        else if (open.has(target)) {
          low.set(call.name, Math.min(low.get(call.name)!, index.get(target)!));
        }
        continue;
      }
      calls.pop();
      const caller = calls.at(-1);
      if (caller !== undefined) {
        low.set(caller.name, Math.min(low.get(caller.name)!, low.get(call.name)!));
      }
      if (low.get(call.name) !== index.get(call.name)) continue;
      const component: string[] = [];
      let member: string;
      do {
        member = stack.pop()!;
        open.delete(member);
        component.push(member);
      } while (member !== call.name);
      components.push(component.sort(compareBytes));
    }
  }
  return components;
}

/**
 * Groups packages into layers, lowest first. Packages that depend on each other stay together. Those of at least
 * `ownLayerFrom` bytes get a layer of their own, ordered by how many packages depend on them; the others share the
 * topmost. When there are too many, what is large and popular keeps its own. Throws a plain Error when a name occurs
 * twice.
 *
 * @example
 * planLayers([
 *   { name: 'libc6', size: 13e6, dependencies: [], dependents: 21808 },
 *   { name: 'app', size: 2000, dependencies: ['libc6'], dependents: 0 },
 * ]); // [{ names: ['libc6'], kind: 'own', … }, { names: ['app'], kind: 'rest', … }]
 */
export function planLayers(
  packages: readonly LayeringPackage[],
  { limit = 100, ownLayerFrom = 1 << 21 }: LayeringOptions = {},
): LayerGroup[] {
  const byName = new Map<string, LayeringPackage>();
  for (const item of [...packages].sort((a, b) => compareBytes(a.name, b.name))) {
    if (byName.has(item.name)) throw new Error(`package twice in an image: ${item.name}`);
    byName.set(item.name, item);
  }
  const edges = new Map<string, readonly string[]>();
  const counted = new Map<string, number>();
  for (const item of byName.values()) {
    const targets = [...new Set(item.dependencies)].filter((name) => name !== item.name && byName.has(name));
    edges.set(item.name, targets);
    for (const name of targets) counted.set(name, (counted.get(name) ?? 0) + 1);
  }
  const units = componentsOf(edges).map((names): Unit => {
    const members = names.map((name) => byName.get(name)!);
    return {
      names,
      size: members.reduce((sum, member) => sum + member.size, 0),
      dependents: Math.max(...members.map((member) => member.dependents ?? counted.get(member.name) ?? 0)),
    };
  });
  const byFirstName = (a: Unit, b: Unit) => compareBytes(a.names[0]!, b.names[0]!);
  const large = units.filter((unit) => unit.size >= ownLayerFrom);
  const room = large.length === units.length && large.length <= limit ? limit : Math.max(0, limit - 1);
  const weight = (unit: Unit) => unit.size * Math.log2(2 + unit.dependents);
  const own = new Set(large.sort((a, b) => weight(b) - weight(a) || byFirstName(a, b)).slice(0, room));
  const rest = units.filter((unit) => !own.has(unit));
  const groups = [...own]
    .sort((a, b) => b.dependents - a.dependents || byFirstName(a, b))
    .map(({ names, size }): LayerGroup => ({ names, size, kind: 'own' }));
  if (rest.length > 0) {
    groups.push({
      names: rest.flatMap((unit) => unit.names).sort(compareBytes),
      size: rest.reduce((sum, unit) => sum + unit.size, 0),
      kind: 'rest',
    });
  }
  return groups;
}
