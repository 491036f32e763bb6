// A clock that runs on evenly, whatever is done to the time of day.

/** Milliseconds since whenever. The clock of `performance` is a library of Node's that takes a while to load. */
export function monotonicMilliseconds(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
