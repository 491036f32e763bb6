// A stable merge sort that survives comparators which contradict themselves: whatever they say, the result is a
// reordering of what came in.

/** The elements in order; `before(a, b)` says whether a comes first. Equal elements keep their order. */
export function sortStable<T>(elements: readonly T[], before: (a: T, b: T) => boolean): T[] {
  let from = elements.slice();
  let to: T[] = new Array(from.length);
  for (let width = 1; width < from.length; width *= 2) {
    for (let begin = 0; begin < from.length; begin += 2 * width) {
      const middle = Math.min(begin + width, from.length);
      const end = Math.min(begin + 2 * width, from.length);
      let i = begin;
      let j = middle;
      for (let at = begin; at < end; at++) {
        const takeRight = j < end && (i >= middle || before(from[j]!, from[i]!));
        to[at] = takeRight ? from[j++]! : from[i++]!;
      }
    }
    [from, to] = [to, from];
  }
  return from;
}
