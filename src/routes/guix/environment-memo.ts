// Derivations of environments, kept between runs by all that they are made from: a recipe that changes seldom wants other
// packages, and an environment of sixty packages stands for more than a hundred derivations.
import { join } from 'node:path';
import { sha256Hex } from '../../foundation/digest.ts';
import { keepRecording, loadRecording } from '../../sets/recording-file.ts';
import type { LocalStore } from '../../store/local-store.ts';
import type { KeptDerivation } from './derivation-maker.ts';

/** Raised whenever the same packages may give another derivation. */
const environmentFormat = 2;

export interface EnvironmentMemo {
  /** The derivation that was made of the same `parts`, if the store still has it, and so all that it needs. */
  get(parts: unknown): KeptDerivation | undefined;
  put(parts: unknown, made: KeptDerivation): void;
}

/** The memo beside a store. `parts` are JSON values. */
export function environmentMemo(store: LocalStore): EnvironmentMemo {
  const fileOf = (parts: unknown) => {
    const key = JSON.stringify([environmentFormat, store.storeDirectory, parts]);
    return join(store.root, 'environments', `${sha256Hex(Buffer.from(key))}.json`);
  };
  return {
    get(parts) {
      const kept = loadRecording<KeptDerivation>(fileOf(parts));
      return kept !== undefined && store.isValid(kept.drvPath) ? kept : undefined;
    },
    put(parts, made) {
      keepRecording(fileOf(parts), made);
    },
  };
}
