// Building derivations of one store: the Debian set's builders, its packages all at once, and the sandbox.
import type { StorePath } from '../../formats/store-path.ts';
import type { Host } from '../../foundation/host.ts';
import type { ArchiveDraft } from '../../oci/archive-draft.ts';
import { createSetBuilders, type SetBuilders } from '../../sets/builders.ts';
import { realisePackagesOf } from '../../sets/debian/unpacked-packages.ts';
import type { LockFile } from '../../sets/lock-file.ts';
import { debianSandboxRoot } from '../../sets/sandbox-root.ts';
import type { LocalStore } from '../../store/local-store.ts';
import { Realiser } from '../../store/realise.ts';

export interface StoreBuildsOptions {
  readonly host: Host;
  readonly store: LocalStore;
  /** The project's lock, when there is one. */
  readonly lock: LockFile | undefined;
  /** Lines of build logs as they come. */
  readonly log?: ((line: string) => void) | undefined;
  /** A copy of an archive much like the one that will be built. */
  readonly draft?: ArchiveDraft | undefined;
}

/** `close` it when done. */
export class StoreBuilds {
  readonly #source: { readonly host: Host; readonly store: LocalStore; readonly lock: LockFile | undefined };
  readonly #builders: SetBuilders;
  readonly #realiser: Realiser;

  constructor({ host, store, lock, log, draft }: StoreBuildsOptions) {
    this.#source = { host, store, lock };
    this.#builders = createSetBuilders({ host, store, draft });
    this.#realiser = new Realiser({
      store,
      host,
      builders: this.#builders.builders,
      sandboxRoot: debianSandboxRoot(store),
      ...(log === undefined ? {} : { log }),
    });
  }

  /** Makes outputs of a derivation exist; Debian packages first and together. Rejects as `Realiser.realise`. */
  async realise(drvPath: StorePath, outputs?: readonly string[]): Promise<ReadonlyMap<string, StorePath>> {
    await realisePackagesOf(this.#source, drvPath);
    return this.#realiser.realise(drvPath, outputs);
  }

  /** Makes a store path exist. Rejects as `Realiser.ensurePath`. */
  ensurePath(path: StorePath): Promise<void> {
    return this.#realiser.ensurePath(path);
  }

  close(): void {
    this.#builders.close();
  }
}
