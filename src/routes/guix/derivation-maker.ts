// Makes derivations and puts them into the store: what evaluation comes down to.
import type { Derivation } from '../../formats/derivation.ts';
import { type DerivationHash, instantiateDerivation } from '../../formats/derivation-hash.ts';
import type { StorePath } from '../../formats/store-path.ts';
import { type ByteString, toByteString } from '../../foundation/byte-string.ts';
import { canonicalJson } from '../../oci/canonical-json.ts';
import type { CopiedSourcesTrace } from '../../sets/replayed-derivations.ts';
import type { LocalStore } from '../../store/local-store.ts';

/** A store path that a derivation needs; the output of another one, or a source when `drvPath` is undefined. */
export interface DerivationInput {
  readonly path: ByteString;
  readonly drvPath?: StorePath | undefined;
  readonly output?: string | undefined;
}

export interface DerivationRequest {
  readonly name: string;
  readonly builder: string;
  /** Byte strings. */
  readonly env?: Readonly<Record<string, ByteString>>;
  /** Structured attributes, as JSON. */
  readonly attributes?: unknown;
  readonly inputs?: readonly DerivationInput[];
  /** `out` unless given. */
  readonly outputs?: readonly string[];
  /** Of a fixed output: `r:sha256` or `sha256`, and the digest in base 16. */
  readonly fixed?: { readonly hashAlgorithm: string; readonly hash: string } | undefined;
}

export interface MadeDerivation {
  readonly drvPath: StorePath;
  readonly name: string;
  readonly outputs: ReadonlyMap<string, StorePath>;
}

/** A derivation that was made before, with what it counts for in the hashes of others. */
export interface KeptDerivation extends MadeDerivation {
  readonly hash: DerivationHash;
}

export class DerivationMaker {
  readonly #store: LocalStore;
  readonly #memo = new Map<StorePath, DerivationHash>();
  readonly #trace: CopiedSourcesTrace;
  #hasFixedDependents = false;

  /** `trace` is told what is made. */
  constructor(store: LocalStore, trace: CopiedSourcesTrace) {
    this.#store = store;
    this.#trace = trace;
  }

  /** What the derivations made so far count for in the hashes of others. */
  get hashes(): ReadonlyMap<StorePath, DerivationHash> {
    return this.#memo;
  }

  /** Whether some output depends on copied files whose path does not say so. */
  get hasFixedDependents(): boolean {
    return this.#hasFixedDependents;
  }

  /** A derivation that {@link make} has made, to be kept. */
  keep(made: MadeDerivation): KeptDerivation {
    return { ...made, hash: this.#memo.get(made.drvPath)! };
  }

  /** Takes a derivation that the store has as if it had just been made. It must not depend on copied files. */
  recall({ hash, ...made }: KeptDerivation): MadeDerivation {
    this.#memo.set(made.drvPath, hash);
    return made;
  }

  /** Throws `store-path/…` for a bad name. */
  make(request: DerivationRequest): MadeDerivation {
    const inputDrvs = new Map<StorePath, Set<ByteString>>();
    const inputSrcs = new Set<StorePath>();
    for (const { path, drvPath, output = 'out' } of request.inputs ?? []) {
      if (drvPath === undefined) inputSrcs.add(this.#objectOf(path));
      else inputDrvs.set(drvPath, (inputDrvs.get(drvPath) ?? new Set()).add(output));
    }
    const env = new Map<ByteString, ByteString>(Object.entries(request.env ?? {}));
    if (request.attributes !== undefined) {
      env.set('__json', toByteString(canonicalJson(request.attributes).toString('utf8')));
    }
    // Empty where the hash is taken that the outputs' paths follow from.
    for (const output of request.outputs ?? ['out']) env.set(output, '');
    const { hashAlgorithm = '', hash = '' } = request.fixed ?? {};
    const made = instantiateDerivation(
      {
        name: toByteString(request.name),
        outputs: new Map(
          (request.outputs ?? ['out']).map((name) => [name, { path: '', hashAlgorithm, hash }]),
        ),
        inputDrvs: new Map([...inputDrvs].map(([path, outputs]) => [path, [...outputs].sort()])),
        inputSrcs: [...inputSrcs].sort(),
        system: 'builtin',
        builder: request.builder,
        args: [],
        env,
      } satisfies Derivation,
      {
        memo: this.#memo,
        readDerivation: (path) => this.#store.readDerivation(path),
        storeDirectory: this.#store.storeDirectory,
      },
    );
    const drvPath = this.#store.writeDerivation(made.derivation);
    this.#memo.set(drvPath, made.hash);
    const outputs = [...made.derivation.outputs.values()].map(({ path }) => path);
    const depends = this.#trace.addDerivation({ path: drvPath, text: made.text, outputs });
    if (depends && request.fixed !== undefined) this.#hasFixedDependents = true;
    return {
      drvPath,
      name: request.name,
      outputs: new Map([...made.derivation.outputs].map(([name, { path }]) => [name, path as StorePath])),
    };
  }

  /** The store object that a path below the store directory belongs to. */
  #objectOf(path: ByteString): StorePath {
    const end = path.indexOf('/', this.#store.storeDirectory.length + 1);
    return (end < 0 ? path : path.slice(0, end)) as StorePath;
  }
}
