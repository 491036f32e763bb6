// The figure that benchmarks give of several runs.

/** The middle one of these values, the upper of two; at least one is given. */
export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}
