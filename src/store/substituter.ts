// Where store paths can be had without building them. A substituter says what it has and hands it over verified; a
// path is registered once all that it refers to is.

import type { StorePath } from '../formats/store-path.ts';
import { mapConcurrently } from '../foundation/concurrency.ts';
import type { LocalStore } from './local-store.ts';

/** A path that a substituter can give. */
export interface Substitute {
  readonly path: StorePath;
  readonly references: readonly StorePath[];
  readonly deriver?: StorePath | undefined;
  readonly contentAddress?: string | undefined;
  /** `sha256:` and nix-base32. */
  readonly narHash: string;
  /** Bytes. */
  readonly narSize: number;
  /** Bytes that go over the wire, when the substituter says. */
  readonly downloadSize?: number | undefined;
  /**
   * Writes the object at a physical path that does not exist yet. Rejects unless hash and size were those above; what
   * was written until then is the caller's to remove.
   */
  restore(target: string, options: { readonly signal?: AbortSignal | undefined }): Promise<void>;
}

/** A source of store paths: a binary cache, as a rule. */
export interface Substituter {
  /** Its address, as it may be shown. */
  readonly name: string;
  /** What it has of that path; undefined when it lacks it, or has it without a signature that is trusted. */
  query(path: StorePath): Promise<Substitute | undefined>;
}

/**
 * Gets paths, with all that they refer to, from substituters. One per session: it remembers what was asked for, so that
 * nothing is fetched twice.
 */
export class Substitution {
  readonly #store: LocalStore;
  readonly #substituters: readonly Substituter[];
  readonly #found = new Map<StorePath, Promise<Substitute | undefined>>();
  readonly #fetched = new Map<StorePath, Promise<boolean>>();
  readonly #run: <Result>(work: () => Promise<Result>) => Promise<Result>;

  /** `run` bounds how many downloads are under way at once. */
  constructor(options: {
    readonly store: LocalStore;
    /** In order of preference. */
    readonly substituters: readonly Substituter[];
    readonly run: <Result>(work: () => Promise<Result>) => Promise<Result>;
  }) {
    this.#store = options.store;
    this.#substituters = options.substituters;
    this.#run = options.run;
  }

  /**
   * Makes a path valid. False when no substituter has it, or lacks something that it refers to. Rejects when a substituter
   * that has it cannot hand it over.
   */
  async substitute(path: StorePath): Promise<boolean> {
    if (this.#store.isValid(path)) return true;
    if (this.#substituters.length === 0) return false;
    if (!(await this.#hasClosure(path))) return false;
    return await this.#fetch(path);
  }

  /** Asks for the whole closure first, so that nothing is downloaded in vain. */
  async #hasClosure(path: StorePath): Promise<boolean> {
    const seen = new Set<StorePath>([path]);
    let frontier = [path];
    while (frontier.length > 0) {
      const answers = await mapConcurrently(frontier, 32, async (wanted) => {
        if (this.#store.isValid(wanted)) return [];
        return (await this.#query(wanted))?.references;
      });
      const next: StorePath[] = [];
      for (const references of answers) {
        if (references === undefined) return false;
        for (const reference of references) {
          if (!seen.has(reference)) {
            seen.add(reference);
            next.push(reference);
          }
        }
      }
      frontier = next;
    }
    return true;
  }

  #query(path: StorePath): Promise<Substitute | undefined> {
    let answer = this.#found.get(path);
    if (answer === undefined) {
      answer = this.#ask(path);
      this.#found.set(path, answer);
    }
    return answer;
  }

  async #ask(path: StorePath): Promise<Substitute | undefined> {
    for (const substituter of this.#substituters) {
      const substitute = await substituter.query(path);
      if (substitute !== undefined) return substitute;
    }
    return undefined;
  }

  #fetch(path: StorePath): Promise<boolean> {
    let fetching = this.#fetched.get(path);
    if (fetching === undefined) {
      fetching = this.#fetchWithReferences(path);
      this.#fetched.set(path, fetching);
    }
    return fetching;
  }

  async #fetchWithReferences(path: StorePath): Promise<boolean> {
    if (this.#store.isValid(path)) return true;
    const substitute = await this.#query(path);
    if (substitute === undefined) return false;
    const others = substitute.references.filter((reference) => reference !== path);
    const fetched = await Promise.all(others.map((reference) => this.#fetch(reference)));
    if (fetched.includes(false)) return false;
    await this.#run(async () => {
      await this.#store.locks.with(
        { key: `substitute-${path.slice(path.lastIndexOf('/') + 1)}` },
        async () => {
          // Another process may have fetched it while this one waited.
          if (this.#store.isValid(path)) return;
          const stage = this.#store.stage(path);
          try {
            await substitute.restore(stage.plain, {});
          } catch (error) {
            stage.discard();
            throw error;
          }
          const { references, deriver, contentAddress, narHash, narSize } = substitute;
          stage.commit({ form: 'plain', references, deriver, contentAddress, nar: { narHash, narSize } });
        },
      );
    });
    return true;
  }
}
