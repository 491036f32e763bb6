// Registries: tables from indirect references (`nixpkgs`) to real ones. Flags come first, then the user's, the
// system's and the global table. Format: Nix's registry.json, version 2.
import { readFileSync } from 'node:fs';
import { TrimaranError } from '../../../foundation/error.ts';
import { flakeError, systemCode } from './flake-error.ts';
import {
  type InputAttribute,
  type InputAttributes,
  inputFromAttributes,
  inputsEqual,
  sortedAttributes,
} from './input.ts';
import { showInput, withRefAndRev } from './input-url.ts';
import { type JsonNode, parseJson, writeJson } from './json.ts';

/** One line of a registry. */
export interface RegistryEntry {
  readonly from: InputAttributes;
  readonly to: InputAttributes;
  /** Folder of the target that holds flake.nix. */
  readonly dir?: string;
  /** Only for exactly this reference, not for one that adds a branch or commit to it. */
  readonly exact: boolean;
}

export type RegistryKind = 'flag' | 'user' | 'system' | 'global';

export interface Registry {
  readonly kind: RegistryKind;
  readonly entries: readonly RegistryEntry[];
}

/** Which registries count: all, only flags and the global one (for the inputs of flakes), or none. */
export type RegistryUse = 'all' | 'limited' | 'none';

/** Where registries come from. */
export interface Registries {
  /** Flags, user, system; in the order in which they count. */
  readonly local: readonly Registry[];
  /** The global one; it may be on the network, so it is loaded when nothing local answers. */
  readonly global: () => Promise<Registry>;
}

/**
 * Reads registry.json. An unreadable table is told of and taken for empty, as in Nix.
 */
export function parseRegistry(
  text: string,
  options: { readonly kind: RegistryKind; readonly file: string; readonly warn: (message: string) => void },
): Registry {
  const { kind, file } = options;
  try {
    const { root } = parseJson(text, file);
    const version = member(root, 'version');
    if (version?.kind !== 'value' || version.value !== 2)
      throw flakeError(
        'registry-version',
        `flake registry '${file}' has unsupported version ${version?.kind === 'value' ? version.value : 0}`,
      );
    const flakes = member(root, 'flakes');
    const items = flakes?.kind === 'array' ? flakes.items : [];
    return { kind, entries: items.map(readEntry) };
  } catch (error) {
    if (!(error instanceof TrimaranError)) throw error;
    options.warn(`cannot read flake registry '${file}': ${error.message}`);
    return { kind, entries: [] };
  }
}

function member(node: JsonNode | undefined, name: string): JsonNode | undefined {
  return node?.kind === 'object' ? node.members.get(name) : undefined;
}

function readEntry(node: JsonNode): RegistryEntry {
  const { dir, ...to } = readAttributes(member(node, 'to'));
  const exact = member(node, 'exact');
  return {
    from: inputFromAttributes(readAttributes(member(node, 'from'))),
    to: inputFromAttributes(to),
    ...(typeof dir === 'string' ? { dir } : {}),
    exact: exact?.kind === 'value' && exact.value === true,
  };
}

function readAttributes(node: JsonNode | undefined): Record<string, InputAttribute> {
  if (node?.kind !== 'object') throw flakeError('bad-attribute', "an entry lacks 'from' or 'to'");
  return Object.fromEntries(
    [...node.members].map(([name, value]) => {
      if (value.kind !== 'value' || value.value === null)
        throw flakeError('bad-attribute', `unsupported input attribute type of '${name}'`);
      return [name, value.value];
    }),
  );
}

/** The text of registry.json, as Nix writes it. */
export function writeRegistry(entries: readonly RegistryEntry[]): string {
  return writeJson(
    {
      version: 2,
      flakes: entries.map((entry) => ({
        from: sortedAttributes(entry.from),
        to: { ...entry.to, ...(entry.dir === undefined ? {} : { dir: entry.dir }) },
        ...(entry.exact ? { exact: true } : {}),
      })),
    },
    { indent: true },
  );
}

/** Reads a registry from a file; empty when there is none. */
export function readRegistryFile(
  file: string,
  options: { readonly kind: RegistryKind; readonly warn: (message: string) => void },
): Registry {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const code = systemCode(error);
    if (code === undefined) throw error;
    if (code !== 'ENOENT' && code !== 'ENOTDIR')
      options.warn(`cannot read flake registry '${file}': ${(error as Error).message}`);
    return { kind: options.kind, entries: [] };
  }
  return parseRegistry(text, { ...options, file });
}

/**
 * Replaces an indirect reference by what registries say, repeatedly; `dir` is the last entry's folder. Throws
 * `flake/registry-cycle` after 100 steps and `flake/registry-unknown` when an id is in no table.
 */
export async function resolveInRegistries(
  input: InputAttributes,
  registries: Registries,
  use: RegistryUse,
): Promise<{ readonly input: InputAttributes; readonly dir?: string }> {
  if (use === 'none') return { input };
  const local = registries.local
    .filter(({ kind }) => use === 'all' || kind === 'flag')
    .flatMap(({ entries }) => entries);
  let current = input;
  let dir: string | undefined;
  for (let step = 0; step < 100; step++) {
    const matches = ({ from, exact }: RegistryEntry) =>
      exact ? inputsEqual(from, current) : covers(from, current);
    let entry = local.find(matches);
    // A direct reference that nothing local renames is not worth a look at the network.
    if (entry === undefined && current.type === 'indirect')
      entry = (await registries.global()).entries.find(matches);
    if (entry === undefined) {
      if (current.type === 'indirect')
        throw flakeError(
          'registry-unknown',
          `cannot find flake '${showInput(current)}' in the flake registries`,
          {
            hint:
              'say in flake.nix where it comes from (inputs.NAME.url = …), or use another source for this run: ' +
              `--override-input ${current.id} REFERENCE`,
          },
        );
      return { input: current, ...(dir === undefined ? {} : { dir }) };
    }
    current = entry.exact
      ? entry.to
      : withRefAndRev(entry.to, {
          ref: entry.from.ref === undefined ? textOf(current.ref) : undefined,
          rev: entry.from.rev === undefined ? textOf(current.rev) : undefined,
        });
    dir = entry.dir;
  }
  throw flakeError('registry-cycle', `cycle detected in flake registry for '${showInput(input)}'`, {
    hint: 'look for entries that lead to each other in registry.json',
  });
}

function textOf(value: InputAttribute | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function covers(from: InputAttributes, input: InputAttributes): boolean {
  if (inputsEqual(from, input)) return true;
  const { ref: _ref, rev: _rev, ...rest } = input;
  return inputsEqual(from, rest);
}
