// Derivations of an earlier evaluation, for other sources: those that name a copied source, or another such derivation, are
// made again with the paths that the sources have now. Whether that is what evaluating would give is for the caller to know.
import { parseDerivation } from '../formats/derivation.ts';
import { type DerivationHash, instantiateDerivation } from '../formats/derivation-hash.ts';
import { type StorePath, storePathName } from '../formats/store-path.ts';
import type { ByteString } from '../foundation/byte-string.ts';
import type { LocalStore } from '../store/local-store.ts';

/** A file or folder that an evaluation copied into the store. */
export interface CopiedPath {
  /** Where it lies, as the route has it. */
  readonly path: ByteString;
  readonly name: ByteString;
  readonly method: 'nar' | 'flat';
  readonly storePath: StorePath;
}

/** A derivation whose text names a copied source or another such derivation. */
export interface DependentDerivation {
  readonly path: StorePath;
  /** ATerm. */
  readonly text: ByteString;
}

/** What an evaluation copied, and what depends on that. */
export interface CopiedSources {
  readonly copies: readonly CopiedPath[];
  /** Inputs first. */
  readonly dependents: readonly DependentDerivation[];
  /** What the other inputs of the dependents count for, by path. */
  readonly inputHashes: readonly (readonly [StorePath, DerivationHash])[];
}

/** The 32 letters that tell a store path from others. */
export function digestOf(storeDirectory: string, path: ByteString): ByteString {
  return path.slice(storeDirectory.length + 1, storeDirectory.length + 33);
}

/** Whether what the dependents need besides each other is built. When it is, they can be written. */
export function hasInputs({ inputHashes }: CopiedSources, store: LocalStore): boolean {
  return inputHashes.every(
    ([path]) =>
      store.isValid(path) &&
      [...store.readDerivation(path).outputs.values()].every(
        ({ path: output }) => output !== '' && store.isValid(output),
      ),
  );
}

/**
 * The same for sources as they are now: `copy` puts one into the store again; the dependents are written. `renaming` gets
 * all that changes. Undefined when different sources have become one, or one has become different ones. What
 * {@link hasInputs} says no to must not be replayed: a derivation in the store has its inputs there.
 */
export function replayDerivations<Sources extends CopiedSources>(
  sources: Sources,
  options: {
    readonly store: LocalStore;
    readonly renaming: DigestRenaming;
    readonly copy: (copied: CopiedPath) => StorePath;
  },
): Sources | undefined {
  const { store, renaming } = options;
  const copies = sources.copies.map((copied) => {
    const named = { ...copied, name: renaming.apply(copied.name) };
    const storePath = options.copy(named);
    renaming.set(copied.storePath, storePath);
    return { ...named, storePath };
  });
  if (!renaming.isOneToOne) return undefined;
  const memo = new Map(sources.inputHashes);
  const dependents = sources.dependents.map((dependent) => {
    const name = renaming.apply(storePathName(dependent.path).replace(/\.drv$/, ''));
    const draft = parseDerivation(renaming.apply(dependent.text), name);
    const { derivation, text, hash } = instantiateDerivation(
      { ...draft, inputSrcs: [...draft.inputSrcs].sort() },
      { memo, storeDirectory: store.storeDirectory },
    );
    const references = [...new Set([...derivation.inputDrvs.keys(), ...derivation.inputSrcs])].sort();
    const path = store.addText({ name: `${name}.drv`, text, references });
    renaming.set(dependent.path, path);
    for (const [output, { path: before }] of draft.outputs) {
      renaming.set(before, derivation.outputs.get(output)!.path);
    }
    memo.set(path, hash);
    return { path, text };
  });
  return { ...sources, copies, dependents };
}

/** Store paths' digests and those that take their place. */
export class DigestRenaming {
  readonly #storeDirectory: string;
  readonly #next = new Map<ByteString, ByteString>();
  readonly #previous = new Map<ByteString, ByteString>();
  #isOneToOne = true;

  constructor(storeDirectory: string) {
    this.#storeDirectory = storeDirectory;
  }

  /** Whether different digests stay different, and one stays one. */
  get isOneToOne(): boolean {
    return this.#isOneToOne;
  }

  /** The digest of one store path gives way to that of another. */
  set(from: ByteString, to: ByteString): void {
    const before = digestOf(this.#storeDirectory, from);
    const after = digestOf(this.#storeDirectory, to);
    if ((this.#next.get(before) ?? after) !== after || (this.#previous.get(after) ?? before) !== before) {
      this.#isOneToOne = false;
    }
    this.#next.set(before, after);
    this.#previous.set(after, before);
  }

  /** A text with the digests in it exchanged, all at once. */
  apply<Text extends ByteString>(text: Text): Text {
    if (this.#next.size === 0) return text;
    const any = new RegExp([...this.#next.keys()].join('|'), 'g');
    return text.replace(any, (digest) => this.#next.get(digest)!) as Text;
  }
}

/** Gathers, while recipes are evaluated, what was copied and which derivations depend on it. */
export class CopiedSourcesTrace {
  readonly #storeDirectory: string;
  readonly #digests = new Set<ByteString>();
  readonly #copies = new Map<string, CopiedPath>();
  readonly #dependents = new Map<StorePath, ByteString>();

  constructor(storeDirectory: string) {
    this.#storeDirectory = storeDirectory;
  }

  /** A source is in the store under a path whose digest follows from its contents. */
  addDigest(path: ByteString): void {
    this.#digests.add(digestOf(this.#storeDirectory, path));
  }

  addCopy(copied: CopiedPath): void {
    this.#copies.set(JSON.stringify([copied.path, copied.name, copied.method]), copied);
    this.addDigest(copied.storePath);
  }

  /** A derivation was made; `outputs` are its paths. Whether it depends on what was copied. */
  addDerivation(made: DependentDerivation & { readonly outputs: Iterable<ByteString> }): boolean {
    if (this.#dependents.has(made.path)) return true;
    if (!this.dependsOnCopies(made.text)) return false;
    this.#dependents.set(made.path, made.text);
    for (const path of [made.path, ...made.outputs]) this.addDigest(path);
    return true;
  }

  /** Whether a text would be another one had the copied files been others. */
  dependsOnCopies(text: ByteString): boolean {
    for (const digest of this.#digests) if (text.includes(digest)) return true;
    return false;
  }

  /** What was gathered; `hashes` knows what derivations count for. */
  result(hashes: Iterable<readonly [StorePath, DerivationHash]>): CopiedSources {
    const texts = [...this.#dependents.values()];
    return {
      copies: [...this.#copies.values()],
      dependents: [...this.#dependents].map(([path, text]) => ({ path, text })),
      inputHashes: [...hashes].filter(
        ([path]) => !this.#dependents.has(path) && texts.some((text) => text.includes(path)),
      ),
    };
  }
}
