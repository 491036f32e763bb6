// A bound on how much work is under way at once.

/** Runs at most `limit` pieces of work at a time; the others wait in the order they came. */
export class JobSlots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(limit: number) {
    this.#free = Math.max(1, limit);
  }

  /** Waits for a slot and runs `work` in it. */
  readonly run = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      // The slot goes straight to whoever waits longest.
      if (next === undefined) this.#free++;
      else next();
    }
  };
}
