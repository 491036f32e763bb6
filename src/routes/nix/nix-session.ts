import type { StorePath } from '../../formats/store-path.ts';
import type { ByteString } from '../../foundation/byte-string.ts';
import { redactUrl } from '../../foundation/download.ts';
import { TrimaranError } from '../../foundation/error.ts';
import type { Host } from '../../foundation/host.ts';
import type { RealiseRequest } from '../../languages/nix/host.ts';
import type { CallHandlers } from '../../sets/blocking-calls.ts';
import { usableRoot } from '../../sets/cache-root.ts';
import {
  openRelease,
  type PreparedRelease,
  prepareContents,
  prepareRelease,
  type ReleaseRequest,
} from '../../sets/debian/prepared-release.ts';
import { debianArchitecture, nixSystem } from '../../sets/debian-systems.ts';
import { EvaluationThread } from '../../sets/evaluation-thread.ts';
import type { LockFile } from '../../sets/lock-file.ts';
import { LocalStore } from '../../store/local-store.ts';
import type {
  AnsweredRelease,
  EvaluationAnswer,
  EvaluationRequest,
  EvaluationTarget,
  SentFlake,
  SystemRelease,
} from './evaluation-request.ts';
import {
  type FetchBuiltinContext,
  fetchFileBuiltin,
  fetchTreeBuiltin,
  fetchTreeUrlBuiltin,
} from './flakes/fetch-builtins.ts';
import { flakeNodes, type NodeSource, type NodeSources, nodeSources } from './flakes/flake-outputs.ts';
import { parseFlakeReference, showFlakeReference } from './flakes/flake-reference.ts';
import { FlakeSession, type LockOutcome } from './flakes/flake-session.ts';
import { type InputAttributes, isLocked, requiredString, stringAttribute } from './flakes/input.ts';
import { readFlake } from './flakes/read-flake.ts';
import type { NixSettings } from './settings.ts';
import { StoreBuilds } from './store-builds.ts';

export interface NixSessionOptions {
  readonly host: Host;
  readonly settings: NixSettings;
  /** The project's lock, when there is one. */
  readonly lock: LockFile | undefined;
  /** Lines of build logs as they come. */
  readonly log?: ((line: string) => void) | undefined;
}

/** One session. `close` it when done. */
export class NixSession {
  readonly host: Host;
  readonly store: LocalStore;
  readonly flakes: FlakeSession;
  readonly system: string;
  readonly #settings: NixSettings;
  readonly #lock: LockFile | undefined;
  readonly #thread: EvaluationThread<EvaluationRequest, EvaluationAnswer>;
  readonly #builds: StoreBuilds;
  /** Of the flakes that were sent, by id. */
  readonly #sources: NodeSources[] = [];

  constructor({ host: given, settings, lock, log }: NixSessionOptions) {
    const host = settings.offline ? withoutNetwork(given) : given;
    this.host = host;
    this.#settings = settings;
    this.#lock = lock;
    this.system = nixSystem(process.arch);
    this.store = new LocalStore({ root: usableRoot(host), storeDirectory: '/nix/store' });
    this.flakes = new FlakeSession({
      host,
      store: this.store,
      readFlake,
      lockDebian: (input) => this.#lockDebian(input),
      settings: {
        ...(settings.refresh ? { tarballTtl: 0 } : {}),
        ...(settings.offline ? { isOffline: true } : {}),
      },
    });
    this.#thread = new EvaluationThread({
      name: 'evaluation-worker',
      note: (text) => host.progress.note(text),
    });
    this.#thread.answerWith(this.#handlers());
    this.#builds = new StoreBuilds({ host, store: this.store, lock, log });
  }

  /** Ends the evaluating thread, whose memory is then free; nothing more can be evaluated. */
  endEvaluation(): void {
    this.#thread.close();
  }

  close(): void {
    this.#thread.close();
    this.#builds.close();
  }

  /** Makes outputs of a derivation exist. Rejects as `StoreBuilds.realise`. */
  realise(drvPath: StorePath, outputs?: readonly string[]): Promise<ReadonlyMap<string, StorePath>> {
    return this.#builds.realise(drvPath, outputs);
  }

  /** A locked flake as the evaluating thread gets it; its nodes are then fetched through this session. */
  sendFlake(locked: LockOutcome): SentFlake {
    const sources = nodeSources(locked, this.flakes.fetcher);
    const nodes = flakeNodes(locked);
    const present = Object.entries(nodes.nodes).flatMap(([key, node]): [string, NodeSource][] => {
      if (node.debian !== undefined || node.parent !== undefined) return [];
      const source = sources.present(key);
      return source === undefined ? [] : [[key, source]];
    });
    const id = this.#sources.push(sources) - 1;
    return { id, nodes, sources: Object.fromEntries(present) };
  }

  /** Evaluates in a thread of its own with a large stack. Rejects with what evaluation throws. */
  async evaluate(
    request: Pick<EvaluationRequest, 'target' | 'action' | 'record'>,
  ): Promise<EvaluationAnswer> {
    return this.#thread.ask({
      ...request,
      root: this.store.root,
      storeDirectory: this.store.storeDirectory,
      system: this.system,
      env: this.#settings.impure ? { ...this.host.env } : {},
      currentTime: Math.floor(this.host.now() / 1000),
      pure: !this.#settings.impure,
      showTrace: this.#settings.showTrace,
      releases: await this.#prepareReleases(request.target),
    });
  }

  /** What the flake's `debian:` inputs are, so that the thread need not ask. */
  async #prepareReleases(target: EvaluationTarget): Promise<readonly AnsweredRelease[]> {
    if (target.kind !== 'flake') return [];
    const inputs = Object.values(target.flake.nodes.nodes).flatMap((node) =>
      node.debian === undefined ? [] : [node.debian],
    );
    return Promise.all(
      inputs.map(async (input) => {
        const request = { ...releaseRequest(input), system: this.system };
        return { request, prepared: await this.#prepareRelease(request) };
      }),
    );
  }

  #prepareRelease({ system, ...request }: SystemRelease): Promise<PreparedRelease> {
    return prepareRelease(this.#releaseSource(), request, debianArchitecture(system));
  }

  #handlers(): CallHandlers {
    const fetching: FetchBuiltinContext = {
      fetcher: this.flakes.fetcher,
      store: this.store,
      registries: this.flakes.context.registries,
      isPure: !this.#settings.impure,
      warn: this.flakes.context.warn,
    };
    return {
      fetchNode: ({ id, key }: { readonly id: number; readonly key: string }) =>
        this.#sources[id]!.fetch(key),
      getFlake: (text: string) => this.#getFlake(text),
      fetchTree: (request: Parameters<typeof fetchTreeBuiltin>[1]) => fetchTreeBuiltin(fetching, request),
      fetchTreeUrl: ({ url }: { readonly url: ByteString }) => fetchTreeUrlBuiltin(fetching, url),
      fetchFile: (request: Parameters<typeof fetchFileBuiltin>[1]) => fetchFileBuiltin(fetching, request),
      realise: async (requests: readonly RealiseRequest[]) => {
        for (const { drvPath, output } of requests) await this.realise(drvPath, [output]);
      },
      ensurePath: (path: StorePath) => this.#builds.ensurePath(path),
      debianRelease: (request: SystemRelease) => this.#prepareRelease(request),
      debianContents: ({ system, ...request }: SystemRelease) =>
        prepareContents(this.#releaseSource(), request, debianArchitecture(system)),
    };
  }

  /** `builtins.getFlake`: its lock is computed and not written. */
  async #getFlake(text: string): Promise<SentFlake> {
    const reference = parseFlakeReference(text, { baseDirectory: this.host.cwd });
    if (!this.#settings.impure && !isLocked(reference.input)) {
      throw new TrimaranError({
        code: 'flake/unlocked-in-pure-mode',
        message: `cannot call 'getFlake' on unlocked flake reference '${showFlakeReference(reference)}', because it is not allowed in pure evaluation mode`,
        hint: 'name a commit or a narHash in the reference, or evaluate with --impure',
      });
    }
    return this.sendFlake(await this.flakes.lockFlake(reference, { writeLockFile: false }));
  }

  #releaseSource() {
    return { host: this.host, cacheDirectory: this.store.root, lock: this.#lock };
  }

  async #lockDebian(input: InputAttributes): Promise<InputAttributes> {
    const { release } = await openRelease(
      this.#releaseSource(),
      releaseRequest(input),
      debianArchitecture(this.system),
    );
    return { ...input, timestamp: release.timestamp, release: release.sha256 };
  }
}

/** What the attributes of a `debian:` input say of the release wanted. */
function releaseRequest(input: InputAttributes): ReleaseRequest {
  return {
    suite: requiredString(input, 'suite'),
    timestamp: stringAttribute(input, 'timestamp'),
    releaseSha256: stringAttribute(input, 'release'),
  };
}

/** The host of `--offline`: whatever is not here is refused by name. */
function withoutNetwork(host: Host): Host {
  const refuse: Host['fetch'] = async (request) => {
    const url = redactUrl(request instanceof Request ? request.url : String(request));
    throw new TrimaranError({
      code: 'download/offline',
      message: `${url} was not fetched before, and the network is not to be used`,
      hint: 'run the command again without --offline',
      exitCode: 4,
    });
  };
  return { ...host, fetch: refuse, read: undefined };
}
