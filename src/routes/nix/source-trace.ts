// Watches an evaluation for all that it learns of the local flake's tree. Most evaluations read a few Nix files, copy
// folders into the store, and pass the copies' paths on without looking into them. Of such a one it is known what it
// comes to when other files have changed: the same derivations with other store paths in them (see replay.ts). An
// evaluation that learns more gives no recording.
import type { StorePath } from '../../formats/store-path.ts';
import type { ByteString } from '../../foundation/byte-string.ts';
import { toByteString } from '../../foundation/byte-string.ts';
import { sha256Hex } from '../../foundation/digest.ts';
import type { Evaluator, NixValue } from '../../languages/nix/evaluator.ts';
import type { NixHost } from '../../languages/nix/host.ts';
import { CopiedSourcesTrace } from '../../sets/replayed-derivations.ts';
import type { LocalStore } from '../../store/local-store.ts';
import type { NodeSource } from './flakes/flake-outputs.ts';
import { type Observation, observed, type Recording } from './recording.ts';

/** Attributes of a source that differ between two states of a tree, or are there in one of them only. */
const volatileAttributes = new Set([
  'dirtyRev',
  'dirtyShortRev',
  'lastModified',
  'lastModifiedDate',
  'narHash',
  'rev',
  'revCount',
  'shortRev',
]);

/** One evaluation's trace. */
export class SourceTrace {
  readonly #tree: StorePath;
  readonly #store: LocalStore;
  readonly #copied: CopiedSourcesTrace;
  readonly #observations = new Map<string, Observation>();
  #isReplayable = true;

  constructor(tree: StorePath, store: LocalStore) {
    this.#tree = tree;
    this.#store = store;
    this.#copied = new CopiedSourcesTrace(store.storeDirectory);
    this.#copied.addDigest(tree);
  }

  /** For `EvaluatorSettings.examine`. */
  readonly examine = (text: ByteString): void => {
    if (text.length >= 32 && this.#copied.dependsOnCopies(text)) this.#isReplayable = false;
  };

  /** What the flake's own source says of itself, without saying it before it is asked. */
  sourceInfo(evaluator: Evaluator, { storePath, info }: NodeSource): NixValue {
    const values = new Map<string, NixValue>([
      ['outPath', evaluator.makeString(storePath, [storePath])],
      ...Object.entries(info).map(([name, value]): [string, NixValue] => [
        name,
        evaluator.fromHost(typeof value === 'string' ? toByteString(value) : value),
      ]),
    ]);
    return evaluator.makeLazySet({
      has: (name) => {
        if (volatileAttributes.has(name)) this.#isReplayable = false;
        return values.has(name);
      },
      names: () => {
        this.#isReplayable = false;
        return [...values.keys()];
      },
      make: evaluator.makeFunction({
        name: 'sourceInfo',
        arity: 1,
        call: ([name]) => values.get(evaluator.toHost(name!) as string)!,
      }),
    });
  }

  /** A host that is watched. */
  watch(host: NixHost): NixHost {
    const lookedAt = <T>(
      path: ByteString,
      kind: Observation['kind'],
      result: T,
      state: (result: T) => string | readonly string[] | undefined,
    ): T => {
      const relative = this.#relative(path);
      if (relative !== undefined) {
        this.#observations.set(`${kind} ${relative}`, {
          path: relative,
          kind,
          state: observed(kind, state(result)),
        });
      } else this.examine(path);
      return result;
    };
    const passed = <T>(request: unknown, result: T): T => {
      this.examine(
        JSON.stringify(request, (_key, value) => (typeof value === 'bigint' ? String(value) : value)),
      );
      return result;
    };
    return {
      ...host,
      lstat: (path) => lookedAt(path, 'type', host.lstat(path), (found) => found?.type),
      readFile: (path) =>
        lookedAt(path, 'text', host.readFile(path), (text) => sha256Hex(Buffer.from(text, 'latin1'))),
      // Of the tree it counts what was read.
      stamp: (path) => {
        if (this.#relative(path) !== undefined) return undefined;
        this.examine(path);
        return host.stamp?.(path);
      },
      readDirectory: (path) =>
        lookedAt(path, 'names', host.readDirectory(path), (found) =>
          found.map(({ name, type }) => `${type} ${name}`),
        ),
      readLink: (path) => lookedAt(path, 'target', host.readLink(path), (target) => target),
      addTextToStore: (request) => {
        this.examine(request.name);
        this.examine(request.text);
        return host.addTextToStore(request);
      },
      addPathToStore: (request) => {
        const storePath = host.addPathToStore(request);
        const path = this.#relative(request.path);
        if (path === undefined) this.examine(request.path);
        else {
          const { name, method, filter, expectedHash } = request;
          if (filter !== undefined || expectedHash !== undefined) this.#isReplayable = false;
          this.#checkLinks(request.path);
          this.#copied.addCopy({ path, name, method, storePath });
        }
        return storePath;
      },
      writeDerivation: (derivation, text) => {
        const path = host.writeDerivation(derivation, text);
        const outputs = [...derivation.outputs.values()];
        if (this.#copied.addDerivation({ path, text, outputs: outputs.map((output) => output.path) })) {
          // The paths of others do not follow from the text.
          if (outputs.some((output) => output.path === '' || output.hash !== '')) this.#isReplayable = false;
        }
        return path;
      },
      ensurePath: (path) => passed(path, host.ensurePath(path)),
      realise: (requests) => passed(requests, host.realise(requests)),
      fetchTree: (request) => passed(request, host.fetchTree(request)),
      fetchTreeUrl: (request) => passed(request, host.fetchTreeUrl(request)),
      fetchFile: (request) => passed({ ...request, expectedHash: undefined }, host.fetchFile(request)),
      parseFlakeRef: (text) => passed(text, host.parseFlakeRef(text)),
      flakeRefToString: (attributes) => passed(attributes, host.flakeRefToString(attributes)),
      message: (text) => {
        // It would have to be said again.
        this.#isReplayable = false;
        host.message(text);
      },
    };
  }

  /** What was learnt; undefined when it does not say what another tree would give. */
  recording(
    evaluator: Evaluator,
    result: { readonly drvPath: StorePath; readonly outputs: readonly string[] },
  ): Recording | undefined {
    if (!this.#isReplayable) return undefined;
    return {
      tree: this.#tree,
      observations: [...this.#observations.values()],
      ...this.#copied.result(evaluator.derivationHashes),
      ...result,
    };
  }

  /** A path below the tree, relative to it; undefined for others. */
  #relative(path: ByteString): ByteString | undefined {
    if (path !== this.#tree && !path.startsWith(`${this.#tree}/`)) return undefined;
    if (path !== this.#tree) this.#checkLinks(path.slice(0, path.lastIndexOf('/')));
    return path.slice(this.#tree.length + 1);
  }

  /** Links on the way to a path, or at its end, would have to be followed anew. */
  #checkLinks(path: ByteString): void {
    try {
      if (this.#store.resolve(path).path !== path) this.#isReplayable = false;
    } catch {
      this.#isReplayable = false;
    }
  }
}
