// Flakes for one run of the program: settings, registries and fetchers put together, and the commands on locks:
// find a flake, bring its lock up to date, write it. Source: Nix's libflake, as of 2.34.
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { temporaryNameFor, writeFileAtomically } from '../../../foundation/atomic-file.ts';
import { TrimaranError } from '../../../foundation/error.ts';
import type { Host } from '../../../foundation/host.ts';
import { readTextFile } from '../../../foundation/text-file.ts';
import type { LocalStore } from '../../../store/local-store.ts';
import { FetchCache } from './fetchers/fetch-cache.ts';
import type { FetchContext } from './fetchers/fetch-context.ts';
import { Fetcher } from './fetchers/fetcher.ts';
import { gitIn } from './fetchers/git-command.ts';
import { httpText } from './fetchers/http.ts';
import { flakeError, systemCode } from './flake-error.ts';
import { type FlakeReference, showFlakeReference } from './flake-reference.ts';
import type { ReadFlake, TreeLocation } from './flake-source.ts';
import { type InputAttributes, requiredString } from './input.ts';
import { type FlakeContext, type LoadedFlake, loadFlake } from './load-flake.ts';
import { compareLockFiles, type LockChange, showLockChanges } from './lock-changes.ts';
import {
  emptyLockFile,
  type LockFile,
  lockFilesEqual,
  parseLockFile,
  unlockedInput,
  writeLockFile,
} from './lock-file.ts';
import { computeLock, type LockedFlake, type LockFlakeOptions, registryUses } from './lock-flake.ts';
import {
  parseRegistry,
  type Registries,
  type Registry,
  type RegistryEntry,
  readRegistryFile,
} from './registry.ts';
import { type FlakeSettings, readFlakeSettings } from './settings.ts';
import { parseUrl, urlPathToPath } from './url.ts';

export interface FlakeSessionOptions {
  readonly host: Host;
  readonly store: LocalStore;
  /** Reads flake.nix without calling `outputs`. */
  readonly readFlake: ReadFlake;
  /** Attributes that fix a `debian:` input: adds `timestamp` or `release`. */
  readonly lockDebian: (input: InputAttributes) => Promise<InputAttributes>;
  /** Entries of `--override-flake FROM TO`, which come before every registry. */
  readonly flagRegistry?: readonly RegistryEntry[];
  /** Takes warnings and notices; the host's progress unless given. */
  readonly warn?: (message: string) => void;
  /**
   * Nix's settings unless given. `tarballTtl: 0` asks every source again, as `flake update` does; `isOffline` asks none.
   */
  readonly settings?: Partial<FlakeSettings>;
}

/** How a flake is locked by a command. */
export interface LockCommandOptions extends LockFlakeOptions {
  /** False: `--no-write-lock-file`, which `--override-input` implies. */
  readonly writeLockFile?: boolean;
  /** False: `--no-update-lock-file`, to fail where the lock would change. */
  readonly updateLockFile?: boolean;
  /** `nix flake lock`: fail instead of warning when an input cannot be locked. */
  readonly failOnUnlocked?: boolean;
  /** `--reference-lock-file` and `--output-lock-file`: other places than the flake's own flake.lock. */
  readonly referenceLockFile?: string;
  readonly outputLockFile?: string;
}

/** What a command did with a flake's lock. */
export interface LockOutcome extends LockedFlake {
  /** What changed against the old lock, whether or not it was written. */
  readonly changes: readonly LockChange[];
  /** The file that was written, if one was. */
  readonly written?: string;
  /** True when the lock in use differs from the one on disk: such a flake has no revision. */
  readonly forceDirty: boolean;
}

/** Flakes for one run. */
export class FlakeSession {
  readonly settings: FlakeSettings;
  readonly fetcher: Fetcher;
  readonly context: FlakeContext;
  readonly #fetchContext: FetchContext;

  constructor(options: FlakeSessionOptions) {
    const warn = options.warn ?? ((message: string) => options.host.progress.note(`warning: ${message}`));
    const settings = { ...readFlakeSettings(options.host, warn), ...options.settings };
    this.settings = settings.isOffline ? { ...settings, tarballTtl: Number.POSITIVE_INFINITY } : settings;
    const directory = join(options.store.root, 'fetch');
    this.#fetchContext = {
      host: options.host,
      store: options.store,
      settings: this.settings,
      cache: new FetchCache(join(directory, 'answers'), () => options.host.now()),
      directory,
      warn,
    };
    this.fetcher = new Fetcher(this.#fetchContext);
    this.context = {
      fetchTree: (input) => this.fetcher.fetchTree(input),
      fetchLockedTree: (input) => this.fetcher.fetchTree(input, { final: true }),
      lockDebian: options.lockDebian,
      readFlake: options.readFlake,
      readLockFile: async (location) => readLockFileAt(location, warn),
      registries: this.#registries(options.flagRegistry ?? []),
      warn,
    };
  }

  #registries(flags: readonly RegistryEntry[]): Registries {
    const { settings } = this;
    const { warn } = this.#fetchContext;
    const local: Registry[] = [
      { kind: 'flag', entries: flags },
      readRegistryFile(join(settings.userDirectory, 'registry.json'), { kind: 'user', warn }),
      readRegistryFile(join(settings.systemDirectory, 'registry.json'), { kind: 'system', warn }),
    ];
    let global: Promise<Registry> | undefined;
    return {
      local,
      global: () => {
        global ??= this.#globalRegistry();
        return global;
      },
    };
  }

  async #globalRegistry(): Promise<Registry> {
    const kind = 'global';
    const context = this.#fetchContext;
    const { warn } = context;
    const place = this.settings.flakeRegistry;
    if (place === '') return { kind, entries: [] };
    if (place.startsWith('/')) return readRegistryFile(place, { kind, warn });
    if (place.startsWith('file:'))
      return readRegistryFile(urlPathToPath(parseUrl(place).path), { kind, warn });
    const kept = context.cache.get('registry', { url: place });
    const keptText = typeof kept?.value.text === 'string' ? kept.value.text : undefined;
    const read = (text: string) => parseRegistry(text, { kind, file: place, warn });
    if (kept !== undefined && keptText !== undefined && kept.age < this.settings.tarballTtl)
      return read(keptText);
    const target = temporaryNameFor(join(context.directory, 'scratch', 'registry'));
    try {
      const text = await httpText(context, { url: place, target });
      await context.cache.set('registry', { url: place }, { text });
      return read(text);
    } catch (error) {
      if (!(error instanceof TrimaranError)) throw error;
      if (keptText !== undefined) {
        warn(`${error.message}; using cached version`);
        return read(keptText);
      }
      throw flakeError('fetch-failed', `cannot fetch the flake registry: ${error.message}`, {
        hint: 'say in flake.nix where each input comes from (inputs.NAME.url = …), or set flake-registry in nix.conf',
        cause: error,
        exitCode: 4,
      });
    } finally {
      await rm(target, { force: true });
    }
  }

  /** Finds a flake through all registries and reads its flake.nix. Throws as `loadFlake`. */
  loadFlake(
    reference: FlakeReference,
    options: { readonly useRegistries?: boolean } = {},
  ): Promise<LoadedFlake> {
    const use = registryUses({ useRegistries: options.useRegistries ?? this.settings.useRegistries }).top;
    return loadFlake(this.context, reference, { use, prefix: [] });
  }

  /**
   * Finds a flake, computes its lock from what flake.lock says, and writes it where that is allowed and something
   * changed. Throws as `loadFlake` and `computeLock`, and `flake/lock-needs-update`, `flake/lock-not-writable`,
   * `flake/unlocked-input`.
   */
  async lockFlake(reference: FlakeReference, options: LockCommandOptions = {}): Promise<LockOutcome> {
    const useRegistries = options.useRegistries ?? this.settings.useRegistries;
    const flake = await this.loadFlake(reference, { useRegistries });
    const oldLock = await this.#oldLock(flake, options.referenceLockFile);
    const locked = await computeLock(this.context, flake, { ...options, useRegistries, oldLock });
    const changes = compareLockFiles(oldLock, locked.lock);
    const outcome = { ...locked, changes, forceDirty: false };
    if (lockFilesEqual(locked.lock, oldLock) && options.outputLockFile === undefined) return outcome;
    const shown = showFlakeReference(reference);
    const { warn } = this.context;
    if (options.writeLockFile === false) {
      warn(`not writing modified lock file of flake '${shown}':\n${showLockChanges(changes).trimEnd()}`);
      return { ...outcome, forceDirty: true };
    }
    const target = options.outputLockFile ?? this.#lockFilePlace(reference);
    if (target === undefined)
      throw flakeError(
        'lock-not-writable',
        `cannot write modified lock file of flake '${shown}' (use '--no-write-lock-file' to ignore)`,
        { hint: 'add --no-write-lock-file' },
      );
    const unlocked = unlockedInput(locked.lock);
    if (unlocked !== undefined) {
      const message = `lock file of flake '${shown}' because it has an unlocked input ('${showFlakeReference(unlocked)}')`;
      if (options.failOnUnlocked === true)
        throw flakeError(
          'unlocked-input',
          `Not writing ${message}. Use '--allow-dirty-locks' to allow this anyway.`,
          { hint: 'commit the changes of that input first' },
        );
      if (this.settings.warnDirty) warn(`not writing ${message}`);
      return outcome;
    }
    if (options.updateLockFile === false)
      throw flakeError(
        'lock-needs-update',
        `flake '${shown}' requires lock file changes but they're not allowed due to '--no-update-lock-file'`,
        { hint: 'run `trimaran nix flake lock`' },
      );
    await this.#write(target, locked.lock, changes);
    if (options.outputLockFile === undefined) await this.#trackInGit(reference, target);
    // As in Nix 2.34, this run goes on with the tree as it was before.
    return { ...outcome, written: target };
  }

  async #oldLock(flake: LoadedFlake, referenceLockFile: string | undefined): Promise<LockFile> {
    const { warn } = this.context;
    if (referenceLockFile !== undefined)
      return parseLockFile(readLockText(referenceLockFile), { file: referenceLockFile, warn });
    if (flake.location === undefined) return emptyLockFile();
    return (await this.context.readLockFile(flake.location)) ?? emptyLockFile();
  }

  /** flake.lock of a flake that lies in a folder of this machine. */
  #lockFilePlace(reference: FlakeReference): string | undefined {
    const root = localRoot(reference.input);
    return root === undefined ? undefined : join(root, reference.subdir, 'flake.lock');
  }

  async #write(target: string, lock: LockFile, changes: readonly LockChange[]): Promise<void> {
    const text = showLockChanges(changes).trimEnd();
    const exists = existsSync(target);
    const report = exists
      ? `updating lock file "${target}"${text === '' ? '' : `:\n${text}`}`
      : `creating lock file "${target}": \n${text}`;
    try {
      await writeFileAtomically(target, writeLockFile(lock));
    } catch (error) {
      throw flakeError(
        'lock-not-writable',
        `cannot write '${target}': ${systemCode(error) ?? (error as Error).message}`,
        {
          hint: `${systemCode(error) === 'ENOSPC' ? 'free some space there' : 'make its folder writable'}, or build without: \`trimaran nix build --no-write-lock-file\``,
          cause: error,
          exitCode: 4,
        },
      );
    }
    this.context.warn(report);
  }

  // Otherwise the new file would not be part of the flake that git shows.
  async #trackInGit(reference: FlakeReference, target: string): Promise<void> {
    const root = localRoot(reference.input);
    if (reference.input.type !== 'git' || root === undefined) return;
    const git = gitIn(this.#fetchContext.host, { directory: root });
    const path = relative(root, target);
    const ignored = await git.run(['check-ignore', '--quiet', path]);
    if (ignored.exitCode !== 0) await git.text(['add', '--intent-to-add', '--', path]);
  }
}

/** The folder of this machine that an input is a working copy of; undefined for any other input. */
function localRoot(input: InputAttributes): string | undefined {
  if (input.type === 'path') {
    const path = requiredString(input, 'path');
    return path.startsWith('/') ? path : undefined;
  }
  if (input.type !== 'git') return undefined;
  const url = parseUrl(requiredString(input, 'url'));
  if (url.scheme !== 'file') return undefined;
  const path = urlPathToPath(url.path);
  return existsSync(join(path, '.git')) ? path : undefined;
}

function readLockFileAt(location: TreeLocation, warn: (message: string) => void): LockFile | undefined {
  const file = join(location.tree.physicalPath, location.directory, 'flake.lock');
  if (!existsSync(file)) return undefined;
  const shown = join(location.tree.storePath, location.directory, 'flake.lock');
  return parseLockFile(readLockText(file), { file: shown, warn });
}

function readLockText(file: string): string {
  try {
    return readTextFile(file);
  } catch (cause) {
    const why = systemCode(cause) ?? (cause as Error).message;
    throw flakeError('lock-not-readable', `cannot read '${file}': ${why}`, {
      hint: 'make it a file that you can read, or delete it and run `trimaran nix flake lock`',
      cause,
      exitCode: 4,
    });
  }
}
