// Why a package is in an image: the packages that nothing else needs, and the shortest way from one of them.
import type { ImageFacts, PackageFacts } from '../compare/image-facts.ts';

export interface ClosureNode {
  readonly item: PackageFacts;
  /** Steps from the nearest package that nothing needs. */
  readonly depth: number;
  /** The package before it on the shortest way; undefined for those that nothing needs. */
  readonly because: string | undefined;
  readonly neededBy: readonly string[];
}

/** The packages of an image with the way to each, sorted by depth and name. Keys are manager and name. */
export function closureOf({ packages }: Pick<ImageFacts, 'packages'>): ReadonlyMap<string, ClosureNode> {
  const byKey = new Map(packages.map((item) => [keyOf(item), item]));
  const neededBy = new Map<string, string[]>();
  for (const item of packages) {
    for (const name of item.depends) {
      const key = `${item.manager} ${name}`;
      if (byKey.has(key)) neededBy.set(key, [...(neededBy.get(key) ?? []), keyOf(item)]);
    }
  }
  const nodes = new Map<string, ClosureNode>();
  const visit = (starts: readonly string[]) => {
    let wave = starts.map((key) => ({ key, because: undefined as string | undefined }));
    for (let depth = 0; wave.length > 0; depth++) {
      const next: { key: string; because: string | undefined }[] = [];
      for (const { key, because } of wave) {
        if (nodes.has(key)) continue;
        const item = byKey.get(key)!;
        nodes.set(key, { item, depth, because, neededBy: [...(neededBy.get(key) ?? [])].sort() });
        for (const name of item.depends) {
          const other = `${item.manager} ${name}`;
          if (byKey.has(other) && !nodes.has(other)) next.push({ key: other, because: key });
        }
      }
      wave = next;
    }
  };
  visit([...byKey.keys()].filter((key) => !neededBy.has(key)));
  // Packages that need each other in a circle, and nothing else needs: the first by name stands for its circle.
  for (const key of byKey.keys()) if (!nodes.has(key)) visit([key]);
  return new Map(
    [...nodes].sort(([, a], [, b]) => a.depth - b.depth || (a.item.name < b.item.name ? -1 : 1)),
  );
}

/** The way to a package, from one that nothing needs. */
export function wayTo(nodes: ReadonlyMap<string, ClosureNode>, key: string): string[] {
  const way: string[] = [];
  for (
    let at: string | undefined = key;
    at !== undefined && way.length < nodes.size;
    at = nodes.get(at)?.because
  ) {
    const node = nodes.get(at);
    if (node === undefined) break;
    way.unshift(node.item.name);
  }
  return way;
}

export function keyOf(item: PackageFacts): string {
  return `${item.manager} ${item.name}`;
}
