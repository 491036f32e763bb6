// Finds one flake: through the registries, the fetchers, and the evaluator's reading of its flake.nix.
import { posix } from 'node:path';
import { TrimaranError } from '../../../foundation/error.ts';
import type { FetchedTree } from './fetchers/fetched-tree.ts';
import { flakeError } from './flake-error.ts';
import { type FlakeReference, showFlakeReference } from './flake-reference.ts';
import {
  type FlakeInputs,
  type FlakeSource,
  flakeInputs,
  type ReadFlake,
  type TreeLocation,
} from './flake-source.ts';
import { type InputAttributes, inputsEqual } from './input.ts';
import { showInput } from './input-url.ts';
import type { InputPath, LockFile } from './lock-file.ts';
import { type Registries, type RegistryUse, resolveInRegistries } from './registry.ts';

/** What finding and locking flakes needs of the world. */
export interface FlakeContext {
  /** Fetches an input that is not indirect, or finds it where it was fetched before. */
  readonly fetchTree: (input: InputAttributes) => Promise<FetchedTree>;
  /** Fetches an input as a lock has it: nothing is added to its attributes, and a stored tree is not fetched again. */
  readonly fetchLockedTree: (input: InputAttributes) => Promise<FetchedTree>;
  /** Attributes that fix a `debian:` input, its timestamp or release; such an input has no tree. */
  readonly lockDebian: (input: InputAttributes) => Promise<InputAttributes>;
  readonly readFlake: ReadFlake;
  /** The flake.lock in a folder of a tree; undefined when there is none. */
  readonly readLockFile: (location: TreeLocation) => Promise<LockFile | undefined>;
  readonly registries: Registries;
  readonly warn: (message: string) => void;
}

/** A flake that was found and whose flake.nix was read. */
export interface LoadedFlake {
  readonly original: FlakeReference;
  /** After the registries. */
  readonly resolved: FlakeReference;
  /** With everything that fetching found out: narHash, lastModified, rev … */
  readonly locked: FlakeReference;
  /** Where it lies; absent for a `debian:` set, which has no tree. */
  readonly location?: TreeLocation;
  readonly source: FlakeSource;
  readonly inputs: FlakeInputs;
}

/** An input after registries and fetching. */
export interface FetchedInput {
  readonly resolved: InputAttributes;
  readonly locked: InputAttributes;
  /** Absent for `debian:`. */
  readonly tree?: FetchedTree;
  /** The folder that a registry entry names. */
  readonly dir?: string;
}

const bareSource: FlakeSource = { inputs: {}, outputFormals: [] };

export interface FetchInputOptions {
  readonly use: RegistryUse;
  /** The attributes come from a lock. */
  readonly isFromLock?: boolean;
}

/** Resolves and fetches an input. Throws what registries and fetchers throw, and `flake/registry-off`. */
export async function fetchInput(
  context: FlakeContext,
  input: InputAttributes,
  options: FetchInputOptions,
): Promise<FetchedInput> {
  const { use } = options;
  let resolved = input;
  let dir: string | undefined;
  if (input.type === 'indirect') {
    if (use === 'none')
      throw flakeError(
        'registry-off',
        `'${showInput(input)}' is an indirect flake reference, but registry lookups are not allowed`,
        { hint: 'name its source in flake.nix (inputs.NAME.url = …), or allow registries' },
      );
    ({ input: resolved, dir } = await resolveInRegistries(input, context.registries, use));
  }
  const extra = dir === undefined ? {} : { dir };
  if (resolved.type === 'debian') return { resolved, locked: await context.lockDebian(resolved), ...extra };
  const tree = await (options.isFromLock === true ? context.fetchLockedTree : context.fetchTree)(resolved);
  return { resolved, locked: tree.input, tree, ...extra };
}

/**
 * Loads a flake. `prefix` is its path in the lock. Throws what `fetchInput`, `flakeInputs` and the evaluator throw,
 * and `flake/bad-self-attribute`.
 */
export async function loadFlake(
  context: FlakeContext,
  original: FlakeReference,
  options: FetchInputOptions & { readonly prefix: InputPath },
): Promise<LoadedFlake> {
  const fetched = await fetchInput(context, original.input, options);
  const subdir = fetched.dir ?? original.subdir;
  const resolved = { input: fetched.resolved, subdir };
  let locked = { input: fetched.locked, subdir };
  if (fetched.tree === undefined)
    return { original, resolved, locked, source: bareSource, inputs: new Map() };
  let location: TreeLocation = { tree: fetched.tree, directory: directoryIn('', subdir) };
  let source = await context.readFlake(location, showFlakeReference(resolved));
  const wanted = withSelfAttributes(locked.input, source);
  if (!inputsEqual(wanted, locked.input)) {
    const { narHash: _narHash, ...unchecked } = wanted;
    const tree = await context.fetchTree(unchecked);
    locked = { input: tree.input, subdir };
    location = { ...location, tree };
    source = await context.readFlake(location, showFlakeReference(resolved));
  }
  return { original, resolved, locked, location, source, inputs: flakeInputs(source, options.prefix) };
}

/** Loads the flake of a relative `path:` input, which lies in its parent's tree. */
export async function loadRelativeFlake(
  context: FlakeContext,
  reference: FlakeReference,
  options: { readonly location: TreeLocation; readonly prefix: InputPath },
): Promise<LoadedFlake> {
  // `?dir=` counts from the input's own folder.
  const { tree, directory } = options.location;
  const location = { tree, directory: directoryIn(directory, reference.subdir) };
  const source = await context.readFlake(location, showFlakeReference(reference));
  const inputs = flakeInputs(source, options.prefix);
  return { original: reference, resolved: reference, locked: reference, location, source, inputs };
}

function withSelfAttributes(input: InputAttributes, source: FlakeSource): InputAttributes {
  const self = source.selfAttributes ?? {};
  for (const name of Object.keys(self))
    if (name !== 'submodules' && name !== 'lfs')
      throw flakeError('bad-self-attribute', `flake 'self' attribute '${name}' is not supported`);
  return { ...input, ...self };
}

/**
 * A folder below another inside one tree, both relative to its root. Throws `flake/relative-path-escapes` when it
 * leaves the tree.
 */
export function directoryIn(base: string, path: string): string {
  const joined = posix.join('/', base, path);
  const depth = posix.normalize(`./${base}/${path}`);
  if (depth === '..' || depth.startsWith('../'))
    throw flakeError('relative-path-escapes', `the relative path '${path}' leaves the tree of its flake`, {
      hint: 'a relative input must lie inside the tree of the flake that names it; use an absolute path or a URL',
    });
  return joined === '/' ? '' : joined.slice(1).replace(/\/$/, '');
}

/**
 * The same error with one more line of trace, as Nix adds while it unwinds; other errors come back as they are. `hint`
 * is what to do when a source cannot be had.
 */
export function withTrace(error: unknown, message: string, hint?: string): unknown {
  if (!(error instanceof TrimaranError)) return error;
  return new TrimaranError({
    code: error.code,
    message: error.message,
    span: error.span,
    related: [...error.related, { message }],
    hint: hint !== undefined && sourceCodes.has(error.code) ? withWayOut(error.hint, hint) : error.hint,
    cause: error.cause,
    exitCode: error.exitCode,
  });
}

/** Errors of sources that another source would avoid. */
const sourceCodes = new Set(
  ['fetch-failed', 'not-found', 'no-such-revision', 'git-failed', 'no-git', 'offline', 'bad-archive']
    .concat(['unsupported-archive', 'unsupported', 'nar-hash-mismatch', 'not-a-flake', 'registry-unknown'])
    .map((what) => `flake/${what}`),
);

function withWayOut(hint: string | undefined, wayOut: string): string {
  if (hint === undefined) return wayOut;
  return hint.includes('--override-input') ? hint : `${hint}; or ${wayOut}`;
}
