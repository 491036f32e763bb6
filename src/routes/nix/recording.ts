// What an evaluation of a local flake came to, as far as it depends on the flake's files: enough to say what it comes to
// when files have changed that were copied and not read.
import type { StorePath } from '../../formats/store-path.ts';
import type { ByteString } from '../../foundation/byte-string.ts';
import type { CopiedSources } from '../../sets/replayed-derivations.ts';

/** Something of the flake's tree that evaluation looked at. `path` is relative to the tree; '' is the tree itself. */
export interface Observation {
  readonly path: ByteString;
  /** `type`: what kind of file lies there. `text`: SHA-256 of a file. `names`: what a folder holds. `target`: of a link. */
  readonly kind: 'type' | 'text' | 'names' | 'target';
  /** As {@link observed} writes it. */
  readonly state: ByteString;
}

/** Paths of copies are relative to the tree. */
export interface Recording extends CopiedSources {
  /** The tree itself. */
  readonly tree: StorePath;
  readonly observations: readonly Observation[];
  readonly drvPath: StorePath;
  readonly outputs: readonly string[];
}

/** What lies at a path, as an observation's state; undefined when nothing does. */
export function observed(
  kind: Observation['kind'],
  value: string | readonly string[] | undefined,
): ByteString {
  if (value === undefined) return '-';
  return kind === 'names' ? JSON.stringify([...(value as readonly string[])].sort()) : (value as string);
}
