// What `builtins.fetchTree`, `fetchGit`, `fetchTarball`, `fetchurl`, `parseFlakeRef` and `flakeRefToString` do, for the
// evaluator's host. Strings are byte strings here, as the evaluator has them. Source: Nix's libexpr/primops/fetchTree.cc
// and libflake/flake-primops.cc, as of 2.34.
import { writeHash } from '../../../formats/hash-text.ts';
import { makeFixedOutputPath, type StorePath } from '../../../formats/store-path.ts';
import { type ByteString, fromByteString, toByteString } from '../../../foundation/byte-string.ts';
import type { Digest } from '../../../foundation/digest.ts';
import { digestOf, digestsEqual } from '../../../foundation/digest.ts';
import type { LocalStore } from '../../../store/local-store.ts';
import type { Fetcher } from './fetchers/fetcher.ts';
import { flakeError } from './flake-error.ts';
import {
  flakeReferenceFromAttributes,
  flakeReferenceToAttributes,
  parseFlakeReference,
  writeFlakeReference,
} from './flake-reference.ts';
import { parseGitUrl } from './git-url.ts';
import { type InputAttribute, type InputAttributes, inputFromAttributes, isLocked } from './input.ts';
import { inputFromUrl, showInput } from './input-url.ts';
import { withTrace } from './load-flake.ts';
import { type Registries, resolveInRegistries } from './registry.ts';
import { sourceInfo } from './source-info.ts';
import { parseUrl, redactUrl, writeUrl } from './url.ts';

/** What the fetch builtins work with. */
export interface FetchBuiltinContext {
  readonly fetcher: Fetcher;
  readonly store: LocalStore;
  readonly registries: Registries;
  /** In pure evaluation only what is fixed by content is fetched. */
  readonly isPure: boolean;
  readonly warn: (message: string) => void;
}

/** A fetched tree as the evaluator shows it. */
export interface BuiltinTree {
  readonly outPath: StorePath;
  /** Beside `outPath`; strings are byte strings. */
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
}

/** The attributes of a call; strings are byte strings, integers may be bigints. */
export type BuiltinAttributes = Readonly<Record<string, string | number | bigint | boolean>>;

/**
 * `fetchTree { … }` and `fetchGit { … }` (a URL alone is `{ url = …; }`). Throws as `Fetcher.fetchTree`, and
 * `flake/bad-attribute`, `flake/unlocked-in-pure-mode`.
 */
export async function fetchTreeBuiltin(
  context: FetchBuiltinContext,
  request: { readonly attributes: BuiltinAttributes; readonly builtin: 'fetchTree' | 'fetchGit' },
): Promise<BuiltinTree> {
  const { builtin } = request;
  const attributes = readAttributes(request.attributes, builtin);
  if (builtin === 'fetchGit') {
    if (typeof attributes.url === 'string') attributes.url = writeUrl(parseGitUrl(attributes.url));
    if (attributes.exportIgnore === undefined && attributes.submodules !== true)
      attributes.exportIgnore = true;
    return fetchInput(context, inputFromAttributes({ ...attributes, type: 'git' }), builtin);
  }
  if (attributes.type === undefined)
    throw flakeError('bad-attribute', "argument 'type' is missing in call to 'fetchTree'");
  if (attributes.name !== undefined)
    throw flakeError('bad-attribute', "argument 'name' isn’t supported in call to 'fetchTree'");
  if (attributes.type === 'git' && attributes.shallow === undefined) attributes.shallow = true;
  return fetchInput(context, inputFromAttributes(attributes), builtin);
}

/** `fetchTree "github:…"`. Throws as {@link fetchTreeBuiltin}. */
export async function fetchTreeUrlBuiltin(
  context: FetchBuiltinContext,
  url: ByteString,
): Promise<BuiltinTree> {
  const input = inputFromUrl(parseUrl(fromByteString(url)), { isTree: true });
  return fetchInput(context, input, 'fetchTree');
}

/** An error of fetching an input, with which one it was. */
export function whileFetching(input: InputAttributes, error: unknown): unknown {
  return withTrace(error, `while fetching the input '${showInput(input)}'`);
}

async function fetchInput(
  context: FetchBuiltinContext,
  wanted: InputAttributes,
  builtin: 'fetchTree' | 'fetchGit',
): Promise<BuiltinTree> {
  let input = wanted;
  if (!context.isPure && input.type === 'indirect')
    ({ input } = await resolveInRegistries(input, context.registries, 'limited'));
  if (context.isPure && !isLocked(input)) {
    if (input.narHash === undefined)
      throw flakeError(
        'unlocked-in-pure-mode',
        `in pure evaluation mode, '${builtin}' doesn't fetch unlocked input '${showInput(input)}'`,
        { hint: 'name a commit (`rev`) or a `narHash`, or evaluate with --impure' },
      );
    context.warn(
      `Input '${showInput(input)}' is unlocked (e.g. lacks a Git revision) but is checked by NAR hash. ` +
        'This is not reproducible and will break after garbage collection or when shared.',
    );
  }
  const tree = await context.fetcher.fetchTree(input).catch((error: unknown) => {
    throw whileFetching(input, error);
  });
  const info = sourceInfo(tree.input, { emptyRevFallback: builtin === 'fetchGit' });
  return {
    outPath: tree.storePath,
    attributes: Object.fromEntries(
      Object.entries(info).map(([name, value]) => [
        name,
        typeof value === 'string' ? toByteString(value) : value,
      ]),
    ),
  };
}

function readAttributes(attributes: BuiltinAttributes, builtin: string): Record<string, InputAttribute> {
  const result: [string, InputAttribute][] = [];
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'number' || typeof value === 'bigint') {
      if (value < 0)
        throw flakeError(
          'bad-attribute',
          `negative value given for '${builtin}' argument '${name}': ${value}`,
        );
      if (value > Number.MAX_SAFE_INTEGER)
        throw flakeError(
          'bad-attribute',
          `the value of '${builtin}' argument '${name}' is too large: ${value}`,
        );
      result.push([fromByteString(name), Number(value)]);
    } else result.push([fromByteString(name), typeof value === 'string' ? fromByteString(value) : value]);
  }
  return Object.fromEntries(result);
}

/**
 * `fetchurl` (a file as it is) and `fetchTarball` (`unpack`: a tree). With a SHA-256 that the store has, nothing is
 * fetched. Throws as `Fetcher.fetchTree`, and `flake/hash-mismatch`.
 */
export async function fetchFileBuiltin(
  context: FetchBuiltinContext,
  request: {
    readonly url: ByteString;
    readonly name: ByteString;
    readonly unpack: boolean;
    readonly expectedHash: Digest | undefined;
  },
): Promise<StorePath> {
  const { unpack, expectedHash: expected, name } = request;
  const { store } = context;
  const url = fromByteString(request.url);
  const method = unpack ? 'nar' : 'flat';
  if (expected?.algorithm === 'sha256') {
    const path = makeFixedOutputPath({
      storeDirectory: store.storeDirectory,
      name,
      method,
      digest: expected,
    });
    if (store.isValid(path)) return path;
  }
  const named = fromByteString(name);
  if (unpack) {
    const narHash = expected === undefined ? {} : { narHash: writeHash(expected, 'sri') };
    return (await context.fetcher.fetchTree({ type: 'tarball', url, name: named, ...narHash })).storePath;
  }
  const path = await context.fetcher.fetchFlatFile(url, named);
  if (expected !== undefined) {
    const got = digestOf(expected.algorithm, store.readFile(path));
    if (!digestsEqual(got, expected)) {
      const shown = (digest: Digest) => `${digest.algorithm}:${writeHash(digest, 'nix32')}`;
      throw flakeError(
        'hash-mismatch',
        `hash mismatch in file downloaded from '${redactUrl(url)}':\n  specified: ${shown(expected)}\n  got:       ${shown(got)}`,
        { hint: 'the file changed at its source, or the hash is that of another file' },
      );
    }
  }
  return path;
}

/** `parseFlakeRef`: attributes of a reference. Throws as `parseFlakeReference`. */
export function parseFlakeRefBuiltin(text: ByteString): Readonly<Record<string, string | number | boolean>> {
  const attributes = flakeReferenceToAttributes(parseFlakeReference(fromByteString(text)));
  return Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [
      name,
      typeof value === 'string' ? toByteString(value) : value,
    ]),
  );
}

/** `flakeRefToString`: the URL of a reference. Throws as `flakeReferenceFromAttributes`. */
export function flakeRefToStringBuiltin(attributes: BuiltinAttributes): ByteString {
  const read = readAttributes(attributes, 'flakeRefToString');
  return toByteString(writeFlakeReference(flakeReferenceFromAttributes(read)));
}
