// What fetching gives: a source tree in the store, and the attributes that fix it.
import type { StorePath } from '../../../../formats/store-path.ts';
import type { InputAttributes } from '../input.ts';

/** A source tree, or a single file for inputs of type `file`. */
export interface FetchedTree {
  /** The input's attributes, `narHash` included, with which it can be fetched again. */
  readonly input: InputAttributes;
  /** Logical store path, `/nix/store/…-source`. */
  readonly storePath: StorePath;
  /** Where its bytes lie on this machine: a plain directory, or a file. */
  readonly physicalPath: string;
}
