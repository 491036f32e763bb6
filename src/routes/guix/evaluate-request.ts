// Carries out a request in the evaluating thread: reads the channel, evaluates manifests, expressions and names, and
// makes derivations of what they give.
import { existsSync, lstatSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openContentsNames } from '../../debian/contents-names.ts';
import type { StorePath } from '../../formats/store-path.ts';
import { fromByteString, toByteString } from '../../foundation/byte-string.ts';
import { withoutCredentials } from '../../foundation/credentials.ts';
import { isTrimaranError, type Span, TrimaranError } from '../../foundation/error.ts';
import { monotonicMilliseconds } from '../../foundation/monotonic-clock.ts';
import { nearestNames } from '../../foundation/nearest.ts';
import { createInterpreter, type Interpreter } from '../../languages/scheme/interpreter.ts';
import {
  arrayToList,
  list,
  listToArray,
  MString,
  NIL,
  Pair,
  str,
  type Value,
} from '../../languages/scheme/values.ts';
import { type PreparedRelease, releaseFacts } from '../../sets/debian/prepared-release.ts';
import { usedRelease } from '../../sets/project-lock.ts';
import { CopiedSourcesTrace } from '../../sets/replayed-derivations.ts';
import { sourceState, stateOf } from '../../sets/source-state.ts';
import { LocalStore } from '../../store/local-store.ts';
import { type ChannelText, checkChannels, type DebianReference } from './channel-list.ts';
import { DebianChannel } from './debian-channel.ts';
import { DerivationMaker, type MadeDerivation } from './derivation-maker.ts';
import { environmentMemo } from './environment-memo.ts';
import type {
  GuixAction,
  GuixAnswer,
  GuixRecording,
  GuixRequest,
  GuixResult,
  GuixSources,
  PackSettings,
} from './evaluation-request.ts';
import { exportedNames, moduleSources } from './module-sources.ts';
import { packRequest } from './pack-derivation.ts';
import { definePrimitives, derivationOf } from './primitives.ts';
import { createSchemeHost } from './scheme-host.ts';
import { searchPackages, showPackage } from './search-packages.ts';
import { syntheticModule } from './synthetic-modules.ts';

export interface EvaluationWorld {
  /** Blocks until the main thread has done something. */
  readonly call: (method: string, argument: unknown) => unknown;
  /** A line for the user. */
  readonly note: (text: string) => void;
}

/**
 * Words by which a recipe gets hold of the store paths behind file-like objects. All others only pass objects on: paths
 * come in when the objects are lowered, after the recipe's own Scheme is done.
 */
const reachesBelowFiles = /@@|%add-|lower|gexp->|derivation|resolve-module|module-ref|eval\b/;

/** Evaluates. Throws `guix/…`, `scheme/…`, `debian/…`. */
export function evaluateGuix(request: GuixRequest, world: EvaluationWorld): GuixAnswer {
  return new Evaluation(request, world).run();
}

class Evaluation {
  readonly #request: GuixRequest;
  readonly #world: EvaluationWorld;
  readonly #store: LocalStore;
  readonly #trace: CopiedSourcesTrace;
  readonly #maker: DerivationMaker;
  readonly #interpreter: Interpreter;
  readonly #files = new Map<string, string>();
  /** Those of the files and folders that were copied, and those that were read. */
  readonly #copied = new Set<string>();
  readonly #reads = new Set<string>();
  #isReplayable = true;
  readonly #variables = new Map<string, string | null>();
  /** False once the recipe has looked at what changes without anybody changing it. */
  #isMemorable = true;
  /** Of the package that is being lowered. */
  readonly #place: { current: Value } = { current: false };
  readonly #places = new Map<StorePath, Span>();
  readonly #folders = new Map<string, string>();
  #channels: readonly ChannelText[] = [];
  #reference: DebianReference;
  #debian: DebianChannel | undefined;
  /** Milliseconds spent waiting for the main thread. */
  #waited = 0;
  readonly #started = monotonicMilliseconds();

  constructor(request: GuixRequest, world: EvaluationWorld) {
    this.#request = request;
    this.#world = world;
    this.#reference = { suite: request.defaultSuite, timestamp: undefined };
    this.#store = new LocalStore({ root: request.root, storeDirectory: request.storeDirectory });
    this.#trace = new CopiedSourcesTrace(request.storeDirectory);
    this.#maker = new DerivationMaker(this.#store, this.#trace);
    this.#interpreter = createInterpreter({
      host: createSchemeHost({
        cwd: request.cwd,
        env: request.env,
        loadPath: request.loadPath,
        now: () => {
          this.#isMemorable = false;
          return request.now + monotonicMilliseconds() - this.#started;
        },
        elapsed: () => monotonicMilliseconds() - this.#waited,
        sawVariable: (name) => {
          if (name === undefined) this.#isMemorable = false;
          else this.#variables.set(name, request.env[name] ?? null);
        },
        note: (text) => world.note(text.replace(/\n$/, '')),
        expansions: join(request.root, 'expansions', request.build),
        sawFile: (path) => this.#readFile(path),
        moduleText: syntheticModule,
      }),
    });
    for (const [label, text] of Object.entries(moduleSources)) {
      this.#interpreter.addModuleSource(label.split(' '), text);
    }
    definePrimitives({
      interpreter: this.#interpreter,
      maker: this.#maker,
      system: request.system,
      place: this.#place,
      made: ({ drvPath }) => {
        const span = spanOf(this.#place.current);
        if (span !== undefined && !this.#places.has(drvPath)) this.#places.set(drvPath, span);
      },
      lockedCommit: (url, ref) => request.lockedCommits.get(withoutCredentials(url))?.get(ref),
      debian: () => this.#openDebian(),
      addText: (name, text) => this.#addText(name, text),
      addPath: (path) => this.#addPath(path),
      gitFiles: (directory) => {
        this.#isReplayable = false;
        this.#sawFolder(directory);
        return this.#call('gitFiles', directory) as readonly string[] | undefined;
      },
    });
  }

  run(): GuixAnswer {
    this.#readChannels();
    const result = this.#located(() => this.#result());
    this.#interpreter.keepExpansions();
    return {
      result,
      places: this.#places,
      recording: this.#recording(result),
      used: this.#debian === undefined ? [] : [usedRelease(this.#debian.facts)],
      isMemorable: this.#isMemorable,
      read: {
        files: Object.fromEntries(this.#files),
        folders: Object.fromEntries(this.#folders),
        variables: Object.fromEntries(this.#variables),
      },
    };
  }

  #result(): GuixResult {
    const { action } = this.#request;
    switch (action.kind) {
      case 'describe':
        return { kind: 'channels', channels: this.#resolvedChannels() };
      case 'show':
        return {
          kind: 'packages',
          packages: action.specifications.map((name) => showPackage(this.#openDebian(), name)),
        };
      case 'search':
        return { kind: 'packages', packages: searchPackages(this.#openDebian(), action.patterns) };
      case 'build':
        return {
          kind: 'derivations',
          derivations: this.#objects(action.sources, action.wantSources).map(described),
        };
      case 'pack':
        return { kind: 'derivations', derivations: [described(this.#pack(action.sources, action.settings))] };
    }
  }

  /** Errors of `work` say where the package stands that they are about, and which module a name comes from. */
  #located<Result>(work: () => Result): Result {
    try {
      return work();
    } catch (error) {
      if (!isTrimaranError(error)) throw error;
      throw error.with({
        span: error.span ?? spanOf(this.#place.current),
        hint: moduleHint(error) ?? error.hint,
      });
    }
  }

  #call(method: string, argument: unknown): unknown {
    const before = monotonicMilliseconds();
    try {
      return this.#world.call(method, argument);
    } finally {
      this.#waited += monotonicMilliseconds() - before;
    }
  }

  #openDebian(): DebianChannel {
    if (this.#debian === undefined) {
      const request = { ...this.#reference, system: this.#request.system };
      const prepared = this.#call('debianRelease', request) as PreparedRelease;
      const facts = releaseFacts(prepared, () =>
        openContentsNames(this.#call('debianContents', request) as string),
      );
      this.#debian = new DebianChannel({
        facts,
        maker: this.#maker,
        memo: environmentMemo(this.#store),
      });
    }
    return this.#debian;
  }

  #addPath(request: {
    readonly source: string;
    readonly name: string;
    readonly recursive: boolean;
    readonly select: ((relative: string) => boolean) | undefined;
  }): string {
    const { source, name, recursive, select } = request;
    const found = lstatSync(source, { throwIfNoEntry: false });
    if (found === undefined) {
      throw new TrimaranError({
        code: 'guix/no-such-file',
        message: `file '${source}' not found`,
        hint: 'local-file looks beside the file that it is written in',
      });
    }
    if (found.isDirectory() && !recursive) {
      throw new TrimaranError({
        code: 'guix/is-a-directory',
        message: `'${source}' is a directory`,
        hint: `write (local-file "${source}" #:recursive? #t)`,
      });
    }
    if (found.isDirectory()) this.#sawFolder(source);
    else this.#sawFile(source);
    const method = recursive ? 'nar' : 'flat';
    const storePath = this.#store.addPath({
      source,
      name: toByteString(name),
      method,
      filter: select === undefined ? undefined : (relative) => select(fromByteString(relative)),
    });
    // A link leads elsewhere, and what a procedure leaves out it may decide by anything.
    if (select !== undefined || found.isSymbolicLink()) this.#isReplayable = false;
    this.#copied.add(source);
    this.#trace.addCopy({ path: toByteString(source), name: toByteString(name), method, storePath });
    return storePath;
  }

  #addText(name: string, text: string): string {
    if (this.#trace.dependsOnCopies(`${name} ${text}`)) this.#isReplayable = false;
    return this.#store.addText({ name: toByteString(name), text: toByteString(text) });
  }

  /**
   * What the derivations come from. Undefined when a recipe may have looked at the store path of a copied file: then
   * other files may give it other derivations.
   */
  #recording(result: GuixResult): GuixRecording | undefined {
    if (result.kind !== 'derivations' || !this.#isReplayable || this.#maker.hasFixedDependents)
      return undefined;
    const { sources } = this.#request.action as Extract<GuixAction, { kind: 'pack' | 'build' }>;
    const texts = [...sources.expressions, ...[...this.#reads].map(textOrNothing)];
    if (texts.some((text) => reachesBelowFiles.test(text))) return undefined;
    return {
      ...this.#trace.result(this.#maker.hashes),
      copiedOnly: [...this.#copied].filter((path) => !this.#reads.has(path)),
      derivations: result.derivations,
    };
  }

  #readFile(path: string): void {
    this.#reads.add(path);
    this.#sawFile(path);
  }

  #sawFile(path: string): void {
    if (!this.#files.has(path)) this.#files.set(path, stateOf(path));
  }

  #sawFolder(path: string): void {
    if (!this.#folders.has(path))
      this.#folders.set(path, sourceState({ directory: path, tracked: undefined }, []));
  }

  #readChannels(): void {
    const { channelsFile } = this.#request;
    if (channelsFile === undefined) {
      this.#channels = [
        { name: 'guix', url: `debian:${this.#request.defaultSuite}`, branch: 'master', commit: undefined },
      ];
      return;
    }
    const value = this.#evaluateFile(channelsFile, '(guix channels)');
    const isChannel = this.#procedure(['guix', 'channels'], 'channel?');
    const channels = value instanceof Pair ? listToArray(value) : [];
    if (channels.length === 0 || !channels.every((item) => this.#truth(isChannel, item))) {
      throw new TrimaranError({
        code: 'guix/no-channels',
        message: `${channelsFile} does not give a list of channels`,
        hint: `its last expression has to be like (list (channel (name 'guix) (url "debian:bookworm")))`,
        span: { file: channelsFile, line: 1, column: 1 },
      });
    }
    const attributes = this.#procedure(['guix', 'channels'], 'channel->attributes');
    this.#channels = channels.map((channel) => {
      const fields = new Map(
        listToArray(this.#interpreter.callProcedure(attributes, [channel])).map((pair) => [
          (pair.car as MString).text,
          pair.cdr instanceof MString ? pair.cdr.text : undefined,
        ]),
      );
      return {
        name: fields.get('name') ?? '',
        url: fields.get('url') ?? '',
        branch: fields.get('branch') ?? 'master',
        commit: fields.get('commit'),
      };
    });
    this.#reference = checkChannels(this.#channels, channelsFile);
  }

  #resolvedChannels() {
    const { timestamp } = this.#openDebian().facts.identity;
    return this.#channels.map((channel) => ({ ...channel, commit: timestamp }));
  }

  #procedure(module: readonly string[], name: string): Value {
    // Modules are loaded by being used.
    this.#interpreter.evaluateText(`(resolve-interface '(${module.join(' ')}))`, {
      file: 'trimaran',
      places: false,
    });
    return this.#interpreter.lookup(module, name);
  }

  #truth(predicate: Value, value: Value): boolean {
    return this.#interpreter.callProcedure(predicate, [value]) !== false;
  }

  #evaluateFile(file: string, modules: string): Value {
    this.#readFile(file);
    if (!existsSync(file)) {
      throw new TrimaranError({
        code: 'guix/no-such-file',
        message: `failed to load '${file}': No such file or directory`,
        hint: 'give the path of a Scheme file',
      });
    }
    return this.#evaluateText(readFileSync(file, 'utf8'), file, modules);
  }

  #evaluateText(text: string, file: string, modules: string): Value {
    const interpreter = this.#interpreter;
    interpreter.evaluateText(`(use-modules ${modules})`, { file: 'trimaran', places: false });
    const { session } = interpreter;
    const before = session.currentFile;
    session.currentFile = file;
    try {
      return interpreter.evaluateText(text, { file, timeout: this.#request.timeLimit });
    } finally {
      session.currentFile = before;
    }
  }

  #package(specification: string): Value {
    const find = this.#procedure(['gnu', 'packages'], 'specification->package');
    return this.#interpreter.callProcedure(find, [str(specification)]);
  }

  /** What the sources give, packages and file-like objects, lowered. */
  #objects(sources: GuixSources, wantSources: boolean): MadeDerivation[] {
    const isManifest = this.#procedure(['guix', 'profiles'], 'manifest?');
    const entries = this.#procedure(['guix', 'profiles'], 'manifest-entries');
    const itemOf = this.#procedure(['guix', 'profiles'], 'manifest-entry-item');
    const call = (f: Value, ...args: Value[]) => this.#interpreter.callProcedure(f, args);
    const items: Value[] = [
      ...sources.specifications.map((name) => this.#package(name)),
      ...sources.expressions.map((text) => this.#evaluateText(text, '<expression>', '(guix) (gnu)')),
      ...sources.files.map((file) => this.#evaluateFile(file, '(guix) (gnu)')),
      ...sources.manifests.flatMap((file) =>
        listToArray(call(entries, this.#manifestOf(file))).map((entry) => call(itemOf, entry)),
      ),
    ];
    const objects = items.flatMap((item) => {
      if (this.#truth(isManifest, item))
        return listToArray(call(entries, item)).map((entry) => call(itemOf, entry));
      return item instanceof Pair ? listToArray(item) : [item];
    });
    if (!wantSources) return objects.map((item) => this.#lower(item));
    const isPackage = this.#procedure(['guix', 'packages'], 'package?');
    const sourceOf = this.#procedure(['guix', 'packages'], 'package-source');
    return objects.map((item) => this.#lower(this.#truth(isPackage, item) ? call(sourceOf, item) : item));
  }

  #lower(item: Value): MadeDerivation {
    const lower = this.#procedure(['guix', 'gexp'], 'lower-object');
    const lowered = this.#interpreter.callProcedure(lower, [item]);
    const [path, derivation] = lowered.fields as Value[];
    const made = derivationOf(derivation);
    if (made !== undefined) return made;
    throw new TrimaranError({
      code: 'guix/not-buildable',
      message: `${(path as MString).text} is in the store already: there is nothing to build`,
      hint: 'build a package or a file that a derivation makes',
    });
  }

  #manifestOf(file: string): Value {
    const value = this.#evaluateFile(file, '(guix profiles) (gnu)');
    if (this.#truth(this.#procedure(['guix', 'profiles'], 'manifest?'), value)) return value;
    const shown = this.#interpreter.write(value);
    throw new TrimaranError({
      code: 'guix/not-a-manifest',
      message: `manifest file '${file}' gives ${shown.length > 200 ? `${shown.slice(0, 200)}…` : shown} instead of a manifest`,
      span: { file, line: 1, column: 1 },
      hint: 'its last expression has to be a manifest: (packages->manifest (list …)), (specifications->manifest (list "…")) or both in (concatenate-manifests (list …))',
    });
  }

  #pack(sources: GuixSources, settings: PackSettings): MadeDerivation {
    const call = (f: Value, ...args: Value[]) => this.#interpreter.callProcedure(f, args);
    const toManifest = this.#procedure(['guix', 'profiles'], 'packages->manifest');
    const findPackages = this.#procedure(['gnu', 'packages'], 'specifications->packages');
    const named = call(findPackages, arrayToList(sources.specifications.map((name) => str(name))));
    const expressed = [...sources.expressions, ...sources.files.map((file) => `(load "${file}")`)].map(
      (text) => this.#evaluateText(text, '<expression>', '(guix) (gnu)'),
    );
    const isManifest = this.#procedure(['guix', 'profiles'], 'manifest?');
    const manifests = [
      ...(named === NIL ? [] : [call(toManifest, named)]),
      ...expressed.map((value) => (this.#truth(isManifest, value) ? value : call(toManifest, list(value)))),
      ...sources.manifests.map((file) => this.#manifestOf(file)),
    ];
    const manifest = call(
      this.#procedure(['guix', 'profiles'], 'concatenate-manifests'),
      arrayToList(manifests),
    );
    const summary = listToArray(
      call(this.#procedure(['guix', 'profiles'], 'manifest-summary'), manifest),
    ).map((entry) => (entry.car as MString).text);
    if (summary.length === 0) {
      throw new TrimaranError({
        code: 'guix/nothing-to-pack',
        message: 'the manifest is empty, so there is nothing to pack',
        hint: 'name packages, or give a manifest with -m',
        exitCode: 2,
      });
    }
    const provenance = settings.saveProvenance ? str(this.#provenance()) : false;
    const profile = derivationOf(
      call(this.#procedure(['guix', 'profiles'], 'manifest-derivation'), manifest, provenance),
    )!;
    return this.#maker.make(
      packRequest({ profile, settings, packageNames: summary, system: this.#request.system }),
    );
  }

  #provenance(): string {
    return this.#resolvedChannels()
      .map(
        ({ name, url, branch, commit }) =>
          `(repository (version 0) (name ${name}) (url ${JSON.stringify(url)}) (branch ${JSON.stringify(branch)}) (commit ${JSON.stringify(commit)}))`,
      )
      .join(' ');
  }
}

/** The place that `%place!` was given. */
function spanOf(place: Value): Span | undefined {
  if (!(place instanceof Pair)) return undefined;
  const [file, line, column] = listToArray(place);
  return { file: (file as MString).text, line: line as number, column: (column as number) + 1 };
}

/** What to do about a name that a module of Guix has and the recipe does not use. */
function moduleHint(error: TrimaranError): string | undefined {
  if (error.code !== 'scheme/unbound-variable') return undefined;
  const name = /^Unbound variable: (\S+)$/.exec(error.message)?.[1];
  if (name === undefined) return undefined;
  const exported = exportedNames();
  const module = exported.get(name);
  if (module !== undefined) return `did you forget (use-modules (${module}))?`;
  const [near] = nearestNames(name, exported.keys(), 1);
  // The names that the recipe sees are near enough when this is one of them.
  if (near === undefined || error.hint?.includes(near) === true) return undefined;
  return `did you mean ${near}, of (use-modules (${exported.get(near)}))?`;
}

/** What a file says; what is no file, or is not there, says nothing. */
function textOrNothing(file: string): string {
  return lstatSync(file, { throwIfNoEntry: false })?.isFile() === true ? readFileSync(file, 'utf8') : '';
}

function described(made: MadeDerivation): { drvPath: MadeDerivation['drvPath']; outputs: readonly string[] } {
  return { drvPath: made.drvPath, outputs: [...made.outputs.keys()] };
}
