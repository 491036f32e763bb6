// Computes the lock of a flake: which inputs are kept from the old lock, which are fetched, what follows what. The
// algorithm is that of Nix 2.34's lockFlake, down to the order in which things are looked at.
import { flakeError } from './flake-error.ts';
import {
  canonicalFlakeReference,
  type FlakeReference,
  flakeReferenceFromAttributes,
  flakeReferencesEqual,
  showFlakeReference,
} from './flake-reference.ts';
import type { FlakeInput, FlakeInputs, TreeLocation } from './flake-source.ts';
import { isLocked, relativePathOf } from './input.ts';
import {
  directoryIn,
  type FetchInputOptions,
  type FlakeContext,
  fetchInput,
  type LoadedFlake,
  loadFlake,
  loadRelativeFlake,
  withTrace,
} from './load-flake.ts';
import {
  checkFollows,
  comparePaths,
  emptyLockFile,
  type InputPath,
  type LockedNode,
  type LockFile,
  type LockNode,
  sortedInputs,
  writeInputPath,
} from './lock-file.ts';
import type { RegistryUse } from './registry.ts';

/** How a lock is computed. */
export interface LockFlakeOptions {
  /** Forget the old lock: what `nix flake update` without names does. */
  readonly recreate?: boolean;
  /** Inputs to update, by path; all else is kept. */
  readonly updates?: readonly InputPath[];
  /** `--override-input PATH REFERENCE`. */
  readonly overrides?: readonly { readonly path: InputPath; readonly reference: FlakeReference }[];
  /** False with `--no-registries`. */
  readonly useRegistries?: boolean;
  /** False in pure evaluation, where a new input must name its content. */
  readonly allowUnlocked?: boolean;
}

/** A flake with its lock. */
export interface LockedFlake {
  readonly flake: LoadedFlake;
  readonly lock: LockFile;
  /** Where nodes lie that were fetched to compute the lock, the root included; others are fetched when needed. */
  readonly nodeLocations: ReadonlyMap<LockNode, TreeLocation>;
}

interface Override {
  readonly input: FlakeInput;
  /** The folder of the flake that overrides; relative paths start there. */
  readonly location: TreeLocation | undefined;
  readonly parent?: InputPath;
}

/** The registries that count for the flake itself and those for its inputs. */
export function registryUses(options: { readonly useRegistries?: boolean }): {
  readonly top: RegistryUse;
  readonly inputs: RegistryUse;
} {
  return options.useRegistries === false
    ? { top: 'none', inputs: 'none' }
    : { top: 'all', inputs: 'limited' };
}

/**
 * Computes the lock of `flake` from its old lock. Writes nothing. Throws what fetching and reading throw, with the
 * input's path in the trace, and `flake/follows-nothing`, `flake/follows-cycle`, `flake/circular-import`,
 * `flake/unlocked-input`.
 */
export async function computeLock(
  context: FlakeContext,
  flake: LoadedFlake,
  request: LockFlakeOptions & { readonly oldLock: LockFile },
): Promise<LockedFlake> {
  const computation = new LockComputation(context, flake, request);
  try {
    return await computation.run();
  } catch (error) {
    throw withTrace(error, `while updating the lock file of flake '${showFlakeReference(flake.locked)}'`);
  }
}

interface NodeInputs {
  readonly inputs: FlakeInputs;
  readonly node: LockNode;
  readonly prefix: InputPath;
  /** The node of an old lock, ours or the input's own, that this one may copy from. */
  readonly oldNode: LockNode | undefined;
  /** What the old node's `follows` are relative to. */
  readonly followsPrefix: InputPath;
  readonly location: TreeLocation | undefined;
  readonly trustLock: boolean;
}

class LockComputation {
  readonly #context: FlakeContext;
  readonly #flake: LoadedFlake;
  readonly #options: LockFlakeOptions & { readonly oldLock: LockFile };
  readonly #overrides = new Map<string, Override & { readonly path: InputPath }>();
  readonly #commandLine = new Set<string>();
  readonly #overridesUsed = new Set<string>();
  readonly #updatesUsed = new Set<string>();
  readonly #locations = new Map<LockNode, TreeLocation>();
  readonly #parents: FlakeReference[] = [];
  readonly #use: RegistryUse;

  constructor(
    context: FlakeContext,
    flake: LoadedFlake,
    options: LockFlakeOptions & { readonly oldLock: LockFile },
  ) {
    this.#context = context;
    this.#flake = flake;
    this.#options = options;
    this.#use = registryUses(options).inputs;
    for (const { path, reference } of options.overrides ?? []) {
      const text = writeInputPath(path);
      const input = { reference, isFlake: true, overrides: new Map() };
      this.#overrides.set(text, { path, input, location: flake.location });
      this.#commandLine.add(text);
    }
  }

  async run(): Promise<LockedFlake> {
    const flake = this.#flake;
    const lock = emptyLockFile();
    if (flake.location !== undefined) this.#locations.set(lock.root, flake.location);
    await this.#computeInputs({
      inputs: flake.inputs,
      node: lock.root,
      prefix: [],
      oldNode: this.#options.recreate === true ? undefined : this.#options.oldLock.root,
      followsPrefix: [],
      location: flake.location,
      trustLock: false,
    });
    for (const { path, reference } of this.#options.overrides ?? [])
      if (!this.#overridesUsed.has(writeInputPath(path)))
        this.#context.warn(
          `the flag '--override-input ${writeInputPath(path)} ${showFlakeReference(reference)}' does not match any input`,
        );
    for (const path of this.#options.updates ?? [])
      if (!this.#updatesUsed.has(writeInputPath(path)))
        this.#context.warn(`'${writeInputPath(path)}' does not match any input of this flake`);
    checkFollows(lock);
    return { flake, lock, nodeLocations: this.#locations };
  }

  async #computeInputs(task: NodeInputs): Promise<void> {
    for (const [name, input] of task.inputs) this.#addOverrides(input, [...task.prefix, name], task);
    const prefixText = writeInputPath(task.prefix);
    for (const { path } of [...this.#overrides.values()].sort((a, b) => comparePaths(a.path, b.path)))
      if (
        path.length === task.prefix.length + 1 &&
        writeInputPath(path.slice(0, -1)) === prefixText &&
        !task.inputs.has(path.at(-1)!)
      )
        this.#context.warn(`input '${prefixText}' has an override for a non-existent input '${path.at(-1)}'`);
    for (const [name, input] of task.inputs) {
      const path = [...task.prefix, name];
      try {
        await this.#computeInput(task, name, input);
      } catch (error) {
        throw withTrace(
          error,
          `while updating the flake input '${writeInputPath(path)}'`,
          `use another source for this run: --override-input ${writeInputPath(path)} REFERENCE`,
        );
      }
    }
  }

  // An outer flake's override is there first and wins.
  #addOverrides(input: FlakeInput, prefix: InputPath, task: NodeInputs): void {
    for (const [name, override] of input.overrides) {
      const path = [...prefix, name];
      const text = writeInputPath(path);
      if ((override.reference !== undefined || override.follows !== undefined) && !this.#overrides.has(text))
        this.#overrides.set(text, { path, input: override, location: task.location, parent: task.prefix });
      this.#addOverrides(override, path, task);
    }
  }

  async #computeInput(task: NodeInputs, name: string, declared: FlakeInput): Promise<void> {
    const path = [...task.prefix, name];
    const text = writeInputPath(path);
    const override = this.#overrides.get(text);
    if (override !== undefined) this.#overridesUsed.add(text);
    // An overridden input stays a flake or none, as declared.
    const input = override === undefined ? declared : { ...override.input, isFlake: declared.isFlake };
    if (input.follows !== undefined) {
      task.node.inputs.set(name, { kind: 'follows', path: input.follows });
      return;
    }
    const reference = input.reference ?? flakeReferenceFromAttributes({ type: 'indirect', id: name });
    const isRelative = relativePathOf(reference.input) !== undefined;
    const site: InputSite = {
      task,
      name,
      path,
      reference,
      isFlake: input.isFlake,
      isRelative,
      base: override === undefined ? task.location : override.location,
      parent: isRelative ? ((override === undefined ? task.prefix : override.parent) ?? []) : undefined,
    };
    this.#updatesUsed.add(text);
    const old = this.#oldLockOf(site);
    if (old !== undefined && !this.#commandLine.has(text)) await this.#keepInput(site, old);
    else await this.#lockInput(site, this.#commandLine.has(text) ? declared.reference : undefined);
  }

  #oldLockOf(site: InputSite): LockedNode | undefined {
    const updates = this.#options.updates ?? [];
    if (updates.some((path) => comparePaths(path, site.path) === 0)) return undefined;
    const edge = site.task.oldNode?.inputs.get(site.name);
    if (edge?.kind !== 'node') return undefined;
    const old = edge.node;
    const sameReference = flakeReferencesEqual(
      canonicalFlakeReference(old.original),
      canonicalFlakeReference(site.reference),
    );
    const sameParent =
      old.parent === undefined || site.parent === undefined
        ? old.parent === site.parent
        : comparePaths(old.parent, site.parent) === 0;
    return sameReference && sameParent ? old : undefined;
  }

  // Copies the entry; its own inputs are taken from the lock unless something asks for its flake.nix.
  async #keepInput(site: InputSite, old: LockedNode): Promise<void> {
    const { task, path } = site;
    const node: LockedNode = { ...old, inputs: new Map() };
    task.node.inputs.set(site.name, { kind: 'node', node });
    const updates = this.#options.updates ?? [];
    let inputs: FlakeInputs | undefined;
    if (
      !updates.some(
        (update) => update.length > path.length && comparePaths(update.slice(0, path.length), path) === 0,
      )
    )
      inputs = this.#inputsFromLock(site, old);
    const { followsPrefix } = task;
    if (inputs !== undefined) {
      const { location } = task;
      await this.#computeInputs({
        inputs,
        node,
        prefix: path,
        oldNode: old,
        followsPrefix,
        location,
        trustLock: true,
      });
      return;
    }
    const flake = await this.#loadInput(site, old.locked, { use: this.#use, isFromLock: true });
    if (flake.location !== undefined) this.#locations.set(node, flake.location);
    const { location } = flake;
    await this.#computeInputs({
      inputs: flake.inputs,
      node,
      prefix: path,
      oldNode: old,
      followsPrefix,
      location,
      trustLock: false,
    });
  }

  // Undefined when a `follows` of the lock is no longer asked for: the flake then has inputs that the lock lacks.
  #inputsFromLock(site: InputSite, old: LockedNode): FlakeInputs | undefined {
    const inputs = new Map<string, FlakeInput>();
    for (const [name, edge] of sortedInputs(old)) {
      if (edge.kind === 'node') {
        const { original, isFlake } = edge.node;
        inputs.set(name, { reference: original, isFlake, overrides: new Map() });
      } else {
        if (!site.task.trustLock && !this.#overrides.has(writeInputPath([...site.path, name])))
          return undefined;
        const follows = [...site.task.followsPrefix, ...edge.path];
        inputs.set(name, { follows, isFlake: true, overrides: new Map() });
      }
    }
    return inputs;
  }

  // `declared` is given for an override from the command line: the lock then keeps saying what flake.nix says.
  async #lockInput(site: InputSite, declared: FlakeReference | undefined): Promise<void> {
    const { task, name, path, reference } = site;
    if (this.#options.allowUnlocked === false && !isLocked(reference.input) && !site.isRelative)
      throw flakeError(
        'unlocked-input',
        `cannot update unlocked flake input '${writeInputPath(path)}' in pure mode`,
      );
    const original = declared ?? reference;
    const parent = site.parent === undefined ? {} : { parent: site.parent };
    const addNode = (locked: FlakeReference, location: TreeLocation | undefined): LockedNode => {
      const node: LockedNode = { inputs: new Map(), locked, original, isFlake: site.isFlake, ...parent };
      task.node.inputs.set(name, { kind: 'node', node });
      if (location !== undefined) this.#locations.set(node, location);
      return node;
    };
    if (!site.isFlake) {
      if (site.isRelative) {
        addNode(reference, locate(site));
        return;
      }
      const fetched = await fetchInput(this.#context, reference.input, { use: this.#use });
      addNode(
        { input: fetched.locked, subdir: reference.subdir },
        fetched.tree === undefined ? undefined : { tree: fetched.tree, directory: '' },
      );
      return;
    }
    const isCommandLine = this.#commandLine.has(writeInputPath(path));
    const use = isCommandLine ? registryUses(this.#options).top : this.#use;
    const flake = await this.#loadInput(site, reference, { use });
    const node = addNode(flake.locked, flake.location);
    if (this.#parents.some((other) => flakeReferencesEqual(other, reference)))
      throw flakeError(
        'circular-import',
        `found circular import of flake '${showFlakeReference(reference)}'`,
        {
          hint: `break the circle with inputs.${path.join('.inputs.')}.follows in flake.nix`,
        },
      );
    this.#parents.push(reference);
    const oldLock =
      flake.location === undefined ? undefined : await this.#context.readLockFile(flake.location);
    await this.#computeInputs({
      inputs: flake.inputs,
      node,
      prefix: path,
      oldNode: (oldLock ?? emptyLockFile()).root,
      followsPrefix: path,
      location: flake.location,
      trustLock: false,
    });
    this.#parents.pop();
  }

  #loadInput(site: InputSite, reference: FlakeReference, options: FetchInputOptions): Promise<LoadedFlake> {
    const prefix = site.path;
    return site.isRelative
      ? loadRelativeFlake(this.#context, reference, { location: locate(site), prefix })
      : loadFlake(this.#context, reference, { ...options, prefix });
  }
}

interface InputSite {
  readonly task: NodeInputs;
  readonly name: string;
  readonly path: InputPath;
  readonly reference: FlakeReference;
  readonly isFlake: boolean;
  readonly isRelative: boolean;
  /** The folder of the flake that says `reference`, where a relative path starts. */
  readonly base: TreeLocation | undefined;
  /** For a relative `path:` input, the node whose tree holds it. */
  readonly parent: InputPath | undefined;
}

function locate({ reference, base }: InputSite): TreeLocation {
  const path = relativePathOf(reference.input)!;
  if (base === undefined)
    throw flakeError(
      'relative-path-escapes',
      `the relative input 'path:${path}' is in a flake that has no tree`,
    );
  return { tree: base.tree, directory: directoryIn(base.directory, path) };
}
