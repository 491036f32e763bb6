// Realisation: makes the outputs of derivations valid, each at most once even between processes. In order of preference:
// valid already; from a substituter; a plain download with a known hash; a `builtin:` builder in process; a sandbox.
import { mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { Derivation } from '../formats/derivation.ts';
import { isStorePath, type StorePath } from '../formats/store-path.ts';
import { type ByteString, fromByteString } from '../foundation/byte-string.ts';
import { isTrimaranError, TrimaranError } from '../foundation/error.ts';
import type { Host } from '../foundation/host.ts';
import { didYouMean } from '../foundation/nearest.ts';
import { outputPathsOf, replacePlaceholders } from './build-environment.ts';
import { BuildLog } from './build-log.ts';
import type { Builder } from './builder.ts';
import { type DerivationOptions, derivationOptionsOf } from './derivation-options.ts';
import { removeDiskTree } from './disk-tree.ts';
import { buildFetchurl, isPlainDownload } from './fetchurl.ts';
import { JobSlots } from './job-slots.ts';
import type { LocalStore } from './local-store.ts';
import { spaceError } from './object-files.ts';
import { OutputPlaces, registerOutputs } from './register-outputs.ts';
import type { SandboxRoot } from './sandbox-builder.ts';
import { type Substituter, Substitution } from './substituter.ts';

/** Downloads under way at once. */
const downloadLimit = 8;

export interface RealiseOptions {
  readonly store: LocalStore;
  readonly host: Host;
  /** Builders by name, without `builtin:`. `fetchurl` is always there. */
  readonly builders?: ReadonlyMap<string, Builder>;
  /** In order of preference; none unless given. */
  readonly substituters?: readonly Substituter[];
  /** Builds at once; as many as the machine has processors unless given. */
  readonly maxJobs?: number;
  /** Each line of each build's log as it comes. */
  readonly log?: (line: string, derivationPath: StorePath) => void;
  /** Gives up what has not begun, and stops sandboxes. */
  readonly signal?: AbortSignal;
  /** Adds to a sandbox's root; see {@link SandboxRoot}. */
  readonly sandboxRoot?: SandboxRoot;
}

/** Realises derivations for one session, sharing job slots and what is known already between calls. */
export class Realiser {
  readonly #options: RealiseOptions;
  readonly #store: LocalStore;
  readonly #builds: JobSlots;
  readonly #downloads = new JobSlots(downloadLimit);
  readonly #substitution: Substitution;
  /** Builds under way or done, by derivation and outputs. */
  readonly #realised = new Map<string, Promise<void>>();

  constructor(options: RealiseOptions) {
    this.#options = options;
    this.#store = options.store;
    this.#builds = new JobSlots(options.maxJobs ?? availableParallelism());
    this.#substitution = new Substitution({
      store: options.store,
      substituters: options.substituters ?? [],
      run: this.#downloads.run,
    });
  }

  /**
   * Makes outputs of a derivation valid, all of them unless some are named, and returns their paths by name.
   *
   * Rejects with `store/build-failed` (the log's last lines in its message), `store/no-builder`, `store/no-sandbox`,
   * `store/missing-input`, `store/unknown-output`, `store/unsupported-derivation`, what {@link registerOutputs} rejects
   * with, and whatever a builder rejects with, the derivation named in it.
   *
   * @example
   * const paths = await new Realiser({ store, host }).realise(drvPath);
   * paths.get('out'); // '/nix/store/…'
   */
  async realise(
    derivationPath: StorePath,
    outputs?: readonly ByteString[],
  ): Promise<ReadonlyMap<ByteString, StorePath>> {
    const derivation = await this.#derivation(derivationPath);
    const paths = outputPathsOf(checked(derivation));
    const names = outputs ?? [...paths.keys()];
    for (const name of names) {
      if (!paths.has(name)) throw unknownOutput(derivationPath, name, paths.keys());
    }
    await this.#realise(derivationPath, names);
    return new Map(names.map((name) => [name, paths.get(name)!]));
  }

  /** Makes a path that is no derivation's output known here valid: it is already, or a substituter has it. */
  async ensurePath(path: StorePath): Promise<void> {
    if (this.#store.isValid(path)) return;
    if (await this.#substitution.substitute(path)) return;
    throw new TrimaranError({
      code: 'store/missing-input',
      message: `the store path ${path} is not here, and no substituter has it`,
      hint: 'evaluate the recipe again; it is added then',
      exitCode: 4,
    });
  }

  async #derivation(path: StorePath): Promise<Derivation> {
    await this.ensurePath(path);
    return this.#store.readDerivation(path);
  }

  #realise(derivationPath: StorePath, outputs: readonly ByteString[]): Promise<void> {
    const key = `${derivationPath}!${[...outputs].sort().join(',')}`;
    let work = this.#realised.get(key);
    if (work === undefined) {
      work = this.#realiseOnce(derivationPath, outputs).catch((error: unknown) => {
        throw spaceError(error, this.#store.root);
      });
      this.#realised.set(key, work);
      // A failure may be mended before the next call.
      work.catch(() => this.#realised.delete(key));
    }
    return work;
  }

  async #realiseOnce(derivationPath: StorePath, outputs: readonly ByteString[]): Promise<void> {
    // Each step starts on a stack of its own: chains of inputs may be thousands long.
    await Promise.resolve();
    this.#options.signal?.throwIfAborted();
    const derivation = checked(await this.#derivation(derivationPath));
    const options = derivationOptionsOf(derivation);
    const paths = outputPathsOf(derivation);
    const missing = outputs.filter((name) => !this.#store.isValid(paths.get(name)!));
    if (missing.length === 0) return;
    if (options.allowSubstitutes) {
      const had = await Promise.all(missing.map((name) => this.#substitution.substitute(paths.get(name)!)));
      if (!had.includes(false)) return;
    }
    // A download needs nothing that its fetcher would.
    const isDownload =
      isPlainDownload(derivation) && !this.#options.builders?.has(builtinName(derivation) ?? '');
    const inputs = isDownload ? [] : await this.#realiseInputs(derivation);
    const slots = isDownload ? this.#downloads : this.#builds;
    const key = `build-${paths.get([...paths.keys()].sort()[0]!)!.slice(this.#store.storeDirectory.length + 1)}`;
    const onWait = () => {
      this.#options.host.progress.note(`waiting for another build of ${fromByteString(derivation.name)}`);
    };
    await slots.run(() =>
      this.#store.locks.with({ key, onWait, signal: this.#options.signal }, async () => {
        const names = [...paths.keys()].filter((name) => !this.#store.isValid(paths.get(name)!));
        if (!missing.some((name) => names.includes(name))) return;
        await this.#build({ derivation, derivationPath, options, inputs, names, isDownload });
      }),
    );
  }

  async #realiseInputs(derivation: Derivation): Promise<readonly StorePath[]> {
    const inputs = new Set(derivation.inputSrcs);
    const work = derivation.inputSrcs.map((path) => this.ensurePath(path));
    for (const [path, outputs] of derivation.inputDrvs) {
      work.push(
        this.realise(path, outputs).then((paths) => {
          for (const output of paths.values()) inputs.add(output);
        }),
      );
    }
    await settle(work);
    return [...inputs].sort();
  }

  async #build(job: Job): Promise<void> {
    const { derivation, derivationPath, options, inputs } = job;
    const { host, signal } = this.#options;
    const log = new BuildLog(this.#store.root, derivationPath, (line) => {
      this.#options.log?.(line, derivationPath);
    });
    const places = new OutputPlaces(this.#store, outputPathsOf(derivation), job.names);
    const folder = this.#store.temporaryPath();
    const task = host.progress.start({ label: fromByteString(derivation.name) });
    try {
      mkdirSync(folder, { mode: 0o700 });
      const builder = await this.#builderFor(job);
      const rewrite = replacePlaceholders(outputPathsOf(derivation));
      await builder({
        derivation,
        derivationPath,
        env: new Map([...derivation.env].map(([name, value]) => [name, rewrite(value)])),
        attributes: options.attributes,
        outputs: places.outputs,
        inputs,
        store: this.#store,
        folder,
        host,
        log: (line) => log.write(line),
        signal: signal ?? new AbortController().signal,
      });
      await registerOutputs({ store: this.#store, derivation, derivationPath, options, inputs, places });
    } catch (error) {
      throw describeFailure(spaceError(error, this.#store.root), derivationPath, log);
    } finally {
      task.done();
      log.close();
      places.discard();
      removeDiskTree(folder);
    }
  }

  async #builderFor(job: Job): Promise<Builder> {
    if (job.isDownload) return buildFetchurl;
    const name = builtinName(job.derivation);
    if (name !== undefined) {
      const builder = this.#options.builders?.get(name);
      if (builder !== undefined) return builder;
      throw new TrimaranError({
        code: 'store/no-builder',
        message: `derivation '${job.derivationPath}' asks for the builder 'builtin:${name}', which does not exist`,
        hint: didYouMean(name, ['fetchurl', ...(this.#options.builders?.keys() ?? [])]),
      });
    }
    // Few sessions need the sandbox; the others start without it.
    const { sandboxBuilder } = await import('./sandbox-builder.ts');
    return sandboxBuilder({ options: job.options, root: this.#options.sandboxRoot });
  }
}

interface Job {
  readonly derivation: Derivation;
  readonly derivationPath: StorePath;
  readonly options: DerivationOptions;
  readonly inputs: readonly StorePath[];
  /** Outputs that are missing. */
  readonly names: readonly ByteString[];
  readonly isDownload: boolean;
}

function builtinName({ builder }: Derivation): string | undefined {
  return builder.startsWith('builtin:') ? fromByteString(builder.slice('builtin:'.length)) : undefined;
}

/** Refuses what this store cannot make before anything is begun. */
function checked(derivation: Derivation): Derivation {
  derivationOptionsOf(derivation);
  for (const [name, { path }] of derivation.outputs) {
    if (isStorePath(path)) continue;
    throw new TrimaranError({
      code: 'store/unsupported-derivation',
      message: `output '${fromByteString(name)}' of derivation '${fromByteString(derivation.name)}' has no path before it is built`,
      hint: 'derivations that depend on content-addressed ones are not supported; build them with Nix',
    });
  }
  return derivation;
}

/** Waits for all, so that nothing goes on behind the caller's back, and then throws the first failure. */
async function settle(work: readonly Promise<unknown>[]): Promise<void> {
  for (const result of await Promise.allSettled(work)) {
    if (result.status === 'rejected') throw result.reason;
  }
}

function unknownOutput(path: StorePath, name: ByteString, known: Iterable<ByteString>): TrimaranError {
  const names = [...known];
  return new TrimaranError({
    code: 'store/unknown-output',
    message: `derivation '${path}' has no output '${fromByteString(name)}'`,
    hint: didYouMean(name, names) ?? `its outputs are ${names.join(', ')}`,
  });
}

/** Names the derivation in a failure and shows where its log is. */
function describeFailure(error: unknown, derivationPath: StorePath, log: BuildLog): unknown {
  if (!isTrimaranError(error)) return error;
  const isNamed = error.message.includes(derivationPath);
  const isOfCommands = error.code === 'store/build-failed' || error.code === 'image/commands-failed';
  const tail = isOfCommands ? log.tail() : '';
  const hint = log.isWritten ? `for the full log, see ${log.file}` : undefined;
  return new TrimaranError({
    code: error.code,
    message: isNamed ? error.message + tail : `cannot build '${derivationPath}': ${error.message}${tail}`,
    span: error.span,
    related: error.related,
    hint: [error.hint, hint].filter((text) => text !== undefined).join('; ') || undefined,
    cause: error.cause ?? error,
    exitCode: error.exitCode,
  });
}
