// Answers of the outside world, kept between runs: which commit a branch was at, what a URL gave. One small JSON file
// each; one that is damaged counts as absent. Entries expire for references that may move, never for fixed ones.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeCacheFile } from '../../../../foundation/atomic-file.ts';
import { sha256Hex } from '../../../../foundation/digest.ts';
import { systemCode } from '../flake-error.ts';
import { type InputAttribute, type InputAttributes, sortedAttributes } from '../input.ts';
import { writeJson } from '../json.ts';

/** A kept answer; `age` in seconds. */
export interface CachedAnswer {
  readonly value: InputAttributes;
  readonly age: number;
}

/** A folder of answers. */
export class FetchCache {
  readonly #directory: string;
  readonly #now: () => number;

  /** `now` in milliseconds since 1970. */
  constructor(directory: string, now: () => number) {
    this.#directory = directory;
    this.#now = now;
  }

  /** The answer to `question` about `key`, however old. */
  get(question: string, key: InputAttributes): CachedAnswer | undefined {
    try {
      const entry: unknown = JSON.parse(readFileSync(this.#file(question, key), 'utf8'));
      if (!isEntry(entry)) return undefined;
      return { value: entry.value, age: (this.#now() - entry.time) / 1000 };
    } catch (error) {
      if (error instanceof SyntaxError || systemCode(error) !== undefined) return undefined;
      throw error;
    }
  }

  /** Keeps an answer. */
  async set(question: string, key: InputAttributes, value: InputAttributes): Promise<void> {
    const entry = { question, key: sortedAttributes(key), value, time: this.#now() };
    writeCacheFile(this.#file(question, key), `${JSON.stringify(entry)}\n`);
  }

  #file(question: string, key: InputAttributes): string {
    return join(this.#directory, `${sha256Hex(Buffer.from(writeJson([question, key])))}.json`);
  }
}

function isEntry(
  entry: unknown,
): entry is { readonly value: Record<string, InputAttribute>; readonly time: number } {
  if (typeof entry !== 'object' || entry === null || !('value' in entry) || !('time' in entry)) return false;
  return typeof entry.value === 'object' && entry.value !== null && typeof entry.time === 'number';
}
