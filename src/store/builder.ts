// What a `builtin:` builder is given and gives: the contract between realisation and the code that makes outputs.

import type { Derivation } from '../formats/derivation.ts';
import type { StorePath } from '../formats/store-path.ts';
import type { ByteString } from '../foundation/byte-string.ts';
import type { FileTree } from '../foundation/file-tree.ts';
import type { Host } from '../foundation/host.ts';
import type { LocalStore } from './local-store.ts';

/** An output to be made. Fill `plain`, or `tar`, or call one of the two writers; exactly one of these. */
export interface BuildOutput {
  readonly path: StorePath;
  /** Where a file, symlink or folder for the plain form goes. Does not exist yet. */
  readonly plain: string;
  /** Where the tar of a packed object goes. Does not exist yet. */
  readonly tar: string;
  /** Writes a tree in the plain form; owners, times and set-id bits are lost. */
  writePlain(tree: FileTree): void;
  /** Writes a tree in the packed form, as it is. */
  writePacked(tree: FileTree): Promise<void>;
  /**
   * Says what the output refers to, so that nothing is searched for. Paths that are neither inputs (with their closure)
   * nor outputs are refused when the output is registered.
   */
  declareReferences(paths: Iterable<StorePath>): void;
}

export interface BuildContext {
  readonly derivation: Derivation;
  readonly derivationPath: StorePath;
  /** The environment with placeholders of outputs replaced by their paths; `__json` parsed is in `attributes`. */
  readonly env: ReadonlyMap<ByteString, ByteString>;
  /** The structured attributes, when the derivation has them. */
  readonly attributes: Readonly<Record<string, unknown>> | undefined;
  /** By output name; only those that are missing. */
  readonly outputs: ReadonlyMap<ByteString, BuildOutput>;
  /** Input sources and the outputs used of input derivations: valid, sorted. Their closure is valid too. */
  readonly inputs: readonly StorePath[];
  /** Reads inputs (`tree`, `materialise`, `readFile`, `packedFile`). Builders add nothing to it. */
  readonly store: LocalStore;
  /** An empty folder of the build's own, removed afterwards. */
  readonly folder: string;
  readonly host: Host;
  /** Adds a line to the build's log. */
  readonly log: (line: string) => void;
  /** Aborts when the build is given up. */
  readonly signal: AbortSignal;
}

/** Makes a derivation's outputs, in process. Whatever it throws fails the build. */
export type Builder = (context: BuildContext) => Promise<void>;
