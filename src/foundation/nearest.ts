// "Did you mean …?": the names nearest to a misspelt one, by Damerau–Levenshtein distance
// (optimal string alignment, as in Nix's and git's suggestions).

/**
 * Edit distance between two strings, where a swap of neighbours counts once. Stops early and
 * returns `limit + 1` once it must exceed `limit`.
 */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    let best = i;
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let distance = Math.min(previous[j]! + 1, current[j - 1]! + 1, previous[j - 1]! + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        distance = Math.min(distance, beforePrevious[j - 2]! + 1);
      }
      current.push(distance);
      best = Math.min(best, distance);
    }
    if (best > limit) return limit + 1;
    beforePrevious = previous;
    previous = current;
  }
  return previous[b.length]!;
}

/**
 * Up to `count` of `names` that are closest to `wanted`, nearest first, ties by name; empty when none is near
 * (a distance of at most a third of the name's length, and at least 1).
 *
 * @example
 * nearestNames('pyhton3', ['python3', 'perl']); // ['python3']
 */
export function nearestNames(wanted: string, names: Iterable<string>, count = 3): string[] {
  const limit = Math.max(1, Math.floor(wanted.length / 3));
  const near: { name: string; distance: number }[] = [];
  for (const name of names) {
    const distance = editDistance(wanted.toLowerCase(), name.toLowerCase(), limit);
    if (distance <= limit) near.push({ name, distance });
  }
  near.sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1));
  return near.slice(0, count).map((entry) => entry.name);
}

/** `did you mean a, b or c?`, or undefined when nothing is near. */
export function didYouMean(wanted: string, names: Iterable<string>): string | undefined {
  const near = nearestNames(wanted, names);
  if (near.length === 0) return undefined;
  const last = near.at(-1)!;
  return near.length === 1
    ? `did you mean ${last}?`
    : `did you mean ${near.slice(0, -1).join(', ')} or ${last}?`;
}
