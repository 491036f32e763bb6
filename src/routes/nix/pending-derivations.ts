// Derivations that an evaluation has made and that are not in the store yet. One package of nixpkgs takes a thousand;
// a value that names none of them leaves nothing behind, and what is written is written once, inputs first.
import { type Derivation, derivationReferences } from '../../formats/derivation.ts';
import { makeTextPath, type StorePath } from '../../formats/store-path.ts';
import type { ByteString } from '../../foundation/byte-string.ts';
import type { LocalStore } from '../../store/local-store.ts';

interface Pending {
  readonly name: string;
  readonly text: ByteString;
  readonly derivation: Derivation;
  /** Sorted, each once. */
  readonly references: readonly StorePath[];
}

/** The derivations of one evaluation. */
export class PendingDerivations {
  readonly #store: LocalStore;
  readonly #pending = new Map<StorePath, Pending>();
  /** Which derivation makes an output. */
  readonly #makers = new Map<ByteString, StorePath>();

  constructor(store: LocalStore) {
    this.#store = store;
  }

  /** Takes a derivation and its text; gives the path it will have. */
  add(derivation: Derivation, text: ByteString): StorePath {
    const name = `${derivation.name}.drv`;
    const references = derivationReferences(derivation);
    const { storeDirectory } = this.#store;
    const path = makeTextPath({ name, contents: text, references, storeDirectory });
    if (!this.#pending.has(path)) {
      this.#pending.set(path, { name, text, derivation, references });
      for (const output of derivation.outputs.values()) this.#makers.set(output.path, path);
    }
    return path;
  }

  has(path: StorePath): boolean {
    return this.#pending.has(path);
  }

  derivation(path: StorePath): Derivation | undefined {
    return this.#pending.get(path)?.derivation;
  }

  references(path: StorePath): readonly StorePath[] | undefined {
    return this.#pending.get(path)?.references;
  }

  /** Puts a derivation of this evaluation into the store, after all that it refers to; others are there already. */
  write(path: StorePath): void {
    // A stack of its own: chains of derivations are longer than calls may be deep. What is registered was written
    // after its inputs, so they are there as well.
    const stack = [{ path, entered: false }];
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const pending = this.#pending.get(top.path);
      if (pending === undefined || (!top.entered && this.#store.isValid(top.path))) {
        stack.pop();
      } else if (top.entered) {
        stack.pop();
        const { name, text, references } = pending;
        this.#store.addText({ name, text, references });
      } else {
        top.entered = true;
        for (const input of pending.references) stack.push({ path: input, entered: false });
      }
    }
  }

  /** Puts into the store what a text speaks of: derivations, and those of the outputs that it names. */
  writeNamedIn(text: ByteString): void {
    const { storeDirectory } = this.#store;
    for (let at = text.indexOf(storeDirectory); at >= 0; at = text.indexOf(storeDirectory, at + 1)) {
      const end = at + storeDirectory.length;
      const [base] = /^\/[0-9a-z]{32}-[0-9a-zA-Z+\-._?=]+/.exec(text.slice(end, end + 300)) ?? [];
      if (base === undefined) continue;
      const path = `${storeDirectory}${base}` as StorePath;
      this.write(this.#makers.get(path) ?? path);
    }
  }
}
