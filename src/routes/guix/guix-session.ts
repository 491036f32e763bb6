// Everything one guix command works with: the store below /gnu/store, builders, and the thread that evaluates.

import { readFileSync } from 'node:fs';
import { releaseOfSuite } from '../../debian/archive-roots.ts';
import { guixStoreDirectory, type StorePath } from '../../formats/store-path.ts';
import { bundledWorker } from '../../foundation/bundled-worker.ts';
import { sha256Hex } from '../../foundation/digest.ts';
import type { Host } from '../../foundation/host.ts';
import { ArchiveDraft } from '../../oci/archive-draft.ts';
import type { CallHandlers } from '../../sets/blocking-calls.ts';
import { createSetBuilders, type SetBuilders } from '../../sets/builders.ts';
import { trimaranRoot } from '../../sets/cache-root.ts';
import {
  isLockedRelease,
  type PreparedRelease,
  prepareContents,
  prepareRelease,
  type ReleaseRequest,
  type ReleaseSource,
} from '../../sets/debian/prepared-release.ts';
import { realisePackagesOf } from '../../sets/debian/unpacked-packages.ts';
import { debianArchitecture, nixSystem } from '../../sets/debian-systems.ts';
import { EvaluationThread } from '../../sets/evaluation-thread.ts';
import type { LockFile } from '../../sets/lock-file.ts';
import type { BuildContext, Builder } from '../../store/builder.ts';
import { LocalStore } from '../../store/local-store.ts';
import { Realiser } from '../../store/realise.ts';
import { buildCopy } from './copy-builder.ts';
import { buildDownload } from './download-builder.ts';
import type { GuixAction, GuixAnswer, GuixRequest } from './evaluation-request.ts';
import { buildGitCheckout } from './git-builder.ts';
import { buildPack } from './pack-builder.ts';
import { buildPatched } from './patch-builder.ts';
import { buildProfile } from './profile-builder.ts';
import { buildWithScheme } from './scheme-builder.ts';

/** Milliseconds that a recipe's Scheme may run. */
const timeLimit = 60_000;

/** The suite that recipes get when they name no channel. */
const defaultSuite = 'bookworm';

export interface GuixSessionOptions {
  readonly host: Host;
  /** The project's lock, when there is one. */
  readonly lock: LockFile | undefined;
  /** Absolute path of the channels file, if one was given. */
  readonly channelsFile: string | undefined;
  /** `x86_64-linux`; this machine's unless given. */
  readonly system?: string | undefined;
  /** Absolute folders of Scheme modules. */
  readonly loadPath?: readonly string[] | undefined;
  /** Lines of build logs as they come. */
  readonly log?: ((line: string) => void) | undefined;
  /** An archive that the one to be packed may begin like. */
  readonly earlier?: string | undefined;
}

/** The thread that evaluates; see sets/evaluation-thread.ts. */
export type GuixThread = EvaluationThread<GuixRequest, GuixAnswer>;

/** Starts it, which takes as long as much of what comes before evaluation. */
export function startGuixThread({ progress }: Pick<Host, 'progress'>): GuixThread {
  return new EvaluationThread({ name: 'guix-worker', note: (text) => progress.note(text) });
}

/** One session. `close` it when done. */
export class GuixSession {
  readonly host: Host;
  readonly store: LocalStore;
  readonly system: string;
  readonly #options: GuixSessionOptions;
  readonly #setBuilders: SetBuilders;
  readonly #realiser: Realiser;
  readonly #draft: ArchiveDraft | undefined;
  #lockedRelease: { readonly suite: string; readonly prepared: Promise<PreparedRelease> } | undefined;

  constructor(options: GuixSessionOptions) {
    const { host, log } = options;
    this.host = host;
    this.#options = options;
    this.system = options.system ?? nixSystem(process.arch);
    debianArchitecture(this.system);
    this.store = new LocalStore({ root: trimaranRoot(host), storeDirectory: guixStoreDirectory });
    this.#setBuilders = createSetBuilders({ host, store: this.store });
    // Copied while the recipe is evaluated.
    this.#draft =
      options.earlier === undefined
        ? undefined
        : ArchiveDraft.begin(options.earlier, this.store.temporaryPath());
    const builders = new Map<string, Builder>([
      ...this.#setBuilders.builders,
      ['guix-copy', buildCopy],
      ['guix-patch', buildPatched],
      ['guix-profile', buildProfile],
      ['guix-pack', (context: BuildContext) => buildPack(context, this.#draft)],
      ['guix-scheme', buildWithScheme],
      ['git-download', buildGitCheckout],
      ['download', buildDownload],
    ]);
    this.#realiser = new Realiser({
      store: this.store,
      host,
      builders,
      ...(log === undefined ? {} : { log }),
    });
  }

  async close(): Promise<void> {
    this.#setBuilders.close();
    await this.#draft?.discard();
  }

  /** Makes outputs of a derivation exist; Debian packages first and together. Rejects as `Realiser.realise`. */
  async realise(drvPath: StorePath): Promise<ReadonlyMap<string, StorePath>> {
    await realisePackagesOf({ host: this.host, store: this.store }, drvPath);
    return this.#realiser.realise(drvPath);
  }

  /** Makes the one release that the lock has ready while the thread starts: most likely the recipe wants it. */
  #prepareLockedRelease(): void {
    const [suite, ...others] = [...(this.#options.lock?.debian.keys() ?? [])].filter(
      (name) => releaseOfSuite(name) === name,
    );
    if (suite === undefined || others.length > 0) return;
    const prepared = this.#prepareRelease({ suite }, this.system);
    // Whatever is wrong with it is said when it is asked for.
    prepared.catch(() => {});
    this.#lockedRelease = { suite, prepared };
  }

  #prepareRelease(request: ReleaseRequest, system: string): Promise<PreparedRelease> {
    return prepareRelease(this.#source(), request, debianArchitecture(system));
  }

  #source(): ReleaseSource {
    return { host: this.host, cacheDirectory: this.store.root, lock: this.#options.lock };
  }

  /** Evaluates in `thread`, and closes it. Rejects with what evaluation throws. */
  async evaluate(thread: GuixThread, action: GuixAction): Promise<GuixAnswer> {
    const { host } = this;
    this.#prepareLockedRelease();
    thread.answerWith(this.#handlers());
    try {
      return await thread.ask({
        root: this.store.root,
        storeDirectory: this.store.storeDirectory,
        build: sha256Hex(readFileSync(bundledWorker('guix-worker'))).slice(0, 16),
        system: this.system,
        cwd: host.cwd,
        env: { ...host.env },
        channelsFile: this.#options.channelsFile,
        loadPath: this.#options.loadPath ?? [],
        lockedCommits: this.#options.lock?.git ?? new Map(),
        defaultSuite,
        now: host.now(),
        timeLimit,
        action,
      });
    } finally {
      // Its memory is then free.
      thread.close();
    }
  }

  #handlers(): CallHandlers {
    const { host } = this;
    return {
      debianRelease: async ({ system, ...request }: ReleaseRequest & { readonly system: string }) => {
        const ready = this.#lockedRelease;
        const isReady =
          ready?.suite === request.suite &&
          system === this.system &&
          isLockedRelease(request, this.#options.lock?.debian.get(ready.suite));
        return isReady ? ready.prepared : this.#prepareRelease(request, system);
      },
      debianContents: ({ system, ...request }: ReleaseRequest & { readonly system: string }) =>
        prepareContents(this.#source(), request, debianArchitecture(system)),
      gitFiles: async (directory: string) => {
        const listed = await host.run({ command: 'git', args: ['-C', directory, 'ls-files', '-z'] });
        if (listed.exitCode !== 0) return undefined;
        return listed.stdout
          .toString('utf8')
          .split('\0')
          .filter((file) => file !== '');
      },
    };
  }
}
