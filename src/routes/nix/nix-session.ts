// Everything one nix command works with: store, flakes, builders, and the thread that evaluates.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MessageChannel, Worker } from 'node:worker_threads';
import type { StorePath } from '../../formats/store-path.ts';
import type { ByteString } from '../../foundation/byte-string.ts';
import { TrimaranError } from '../../foundation/error.ts';
import type { Host } from '../../foundation/host.ts';
import type { RealiseRequest } from '../../languages/nix/host.ts';
import { answerCalls, type CallHandlers, receiveError, type SentError } from '../../sets/blocking-calls.ts';
import { createSetBuilders, type SetBuilders } from '../../sets/builders.ts';
import { trimaranRoot } from '../../sets/cache-root.ts';
import {
  openRelease,
  prepareContents,
  prepareRelease,
  type ReleaseRequest,
} from '../../sets/debian/prepared-release.ts';
import { debBuilder, realisePackages } from '../../sets/debian/unpacked-packages.ts';
import { debianArchitecture, nixSystem } from '../../sets/debian-systems.ts';
import type { LockFile } from '../../sets/lock-file.ts';
import { debianSandboxRoot } from '../../sets/sandbox-root.ts';
import { LocalStore } from '../../store/local-store.ts';
import { Realiser } from '../../store/realise.ts';
import type { EvaluationAnswer, EvaluationRequest, SentFlake } from './evaluation-request.ts';
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

/** Megabytes of stack: deep recursion is ordinary in Nix. */
const stackSizeMb = 900;
/** Most of what evaluation makes is short-lived; with room for it, little is copied by the garbage collector. */
const maxYoungGenerationSizeMb = 128;

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
  readonly #setBuilders: SetBuilders;
  readonly #realiser: Realiser;
  /** Of the flakes that were sent, by id. */
  readonly #sources: NodeSources[] = [];

  constructor({ host, settings, lock, log }: NixSessionOptions) {
    this.host = host;
    this.#settings = settings;
    this.#lock = lock;
    this.system = nixSystem(process.arch);
    this.store = new LocalStore({ root: trimaranRoot(host), storeDirectory: '/nix/store' });
    this.#setBuilders = createSetBuilders({ host, store: this.store });
    this.#realiser = new Realiser({
      store: this.store,
      host,
      builders: this.#setBuilders.builders,
      sandboxRoot: debianSandboxRoot(this.store),
      ...(log === undefined ? {} : { log }),
    });
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
  }

  close(): void {
    this.#setBuilders.close();
  }

  /** Makes outputs of a derivation exist; Debian packages first and together. Rejects as `Realiser.realise`. */
  async realise(drvPath: StorePath, outputs?: readonly string[]): Promise<ReadonlyMap<string, StorePath>> {
    await this.#realisePackagesOf(drvPath);
    return this.#realiser.realise(drvPath, outputs);
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
  async evaluate(request: Pick<EvaluationRequest, 'target' | 'action'>): Promise<EvaluationAnswer> {
    const { port1, port2 } = new MessageChannel();
    const signal = new Int32Array(new SharedArrayBuffer(4));
    answerCalls(port1, signal, this.#handlers());
    const whole: EvaluationRequest = {
      ...request,
      root: this.store.root,
      storeDirectory: this.store.storeDirectory,
      system: this.system,
      env: this.#settings.impure ? { ...this.host.env } : {},
      currentTime: Math.floor(this.host.now() / 1000),
      pure: !this.#settings.impure,
      showTrace: this.#settings.showTrace,
    };
    const worker = new Worker(workerFile(), {
      workerData: { request: whole, port: port2, signal },
      transferList: [port2],
      resourceLimits: { stackSizeMb, maxYoungGenerationSizeMb, maxOldGenerationSizeMb: 8192 },
    });
    try {
      return await new Promise<EvaluationAnswer>((resolve, reject) => {
        worker.on(
          'message',
          (message: { note: string } | { answer: EvaluationAnswer } | { error: SentError }) => {
            if ('note' in message) this.host.progress.note(message.note);
            else if ('answer' in message) resolve(message.answer);
            else reject(receiveError(message.error));
          },
        );
        worker.once('error', reject);
        worker.once('exit', (code) => reject(new Error(`the evaluating thread ended with code ${code}`)));
      });
    } finally {
      port1.close();
      void worker.terminate();
    }
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
      ensurePath: (path: StorePath) => this.#realiser.ensurePath(path),
      debianRelease: ({ system, ...request }: ReleaseRequest & { readonly system: string }) =>
        prepareRelease(this.#releaseSource(), request, debianArchitecture(system)),
      debianContents: ({ system, ...request }: ReleaseRequest & { readonly system: string }) =>
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
    const request = {
      suite: requiredString(input, 'suite'),
      timestamp: stringAttribute(input, 'timestamp'),
      releaseSha256: stringAttribute(input, 'release'),
    };
    const { release } = await openRelease(this.#releaseSource(), request, debianArchitecture(this.system));
    return { ...input, timestamp: release.timestamp, release: release.sha256 };
  }

  /** Fetching and unpacking many packages at once is quicker than one by one as their turn comes. */
  async #realisePackagesOf(drvPath: StorePath): Promise<void> {
    const seen = new Set<StorePath>();
    const packages = [];
    const pending = [drvPath];
    for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
      if (seen.has(path)) continue;
      seen.add(path);
      const derivation = this.store.readDerivation(path);
      if (
        [...derivation.outputs.values()].every(
          (output) => output.path !== '' && this.store.isValid(output.path),
        )
      )
        continue;
      if (derivation.builder === debBuilder) packages.push(derivation);
      pending.push(...derivation.inputDrvs.keys());
    }
    await realisePackages({ host: this.host, store: this.store }, packages);
  }
}

/** The bundled worker: beside the bundle, or in dist/ when run from sources. */
function workerFile(): URL {
  const beside = new URL('./evaluation-worker.js', import.meta.url);
  if (existsSync(fileURLToPath(beside))) return beside;
  const built = join(import.meta.dirname, '../../../dist/evaluation-worker.js');
  if (existsSync(built)) return new URL(`file://${built}`);
  throw new TrimaranError({
    code: 'nix/not-built',
    message: 'the evaluator is not built',
    hint: 'run `npm run build`',
    exitCode: 4,
  });
}
