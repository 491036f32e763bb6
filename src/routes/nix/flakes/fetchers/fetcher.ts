// Fetches inputs of every type into the store, checks what was promised, and remembers within a session. What is
// fixed by a NAR hash and in the store already is never fetched again. Source: Nix's libfetchers, as of 2.34.
import { parseHash, writeHash } from '../../../../formats/hash-text.ts';
import { makeSourcePath, parseStorePath, type StorePath } from '../../../../formats/store-path.ts';
import { flakeError } from '../flake-error.ts';
import { type InputAttributes, inputFromAttributes, normalizedNarHash } from '../input.ts';
import { showInput } from '../input-url.ts';
import { writeJson } from '../json.ts';
import { type FetchContext, type FetchResult, storeNameOf } from './fetch-context.ts';
import type { FetchedTree } from './fetched-tree.ts';
import { fetchForge } from './forge.ts';
import { fetchGit } from './git.ts';
import { fetchPath } from './path.ts';
import { fetchFile, fetchFlatFile, fetchTarball } from './tarball.ts';

/** Fetches inputs; one for each session, since it remembers what it fetched. */
export class Fetcher {
  readonly #context: FetchContext;
  readonly #fetched = new Map<string, Promise<FetchedTree>>();

  constructor(context: FetchContext) {
    this.#context = context;
  }

  /**
   * Fetches an input that is neither indirect nor `debian`. `final`: the attributes come from a lock; nothing is
   * added to them, and a tree with that NAR hash in the store is taken as it is.
   *
   * Throws `flake/nar-hash-mismatch`, `flake/attribute-mismatch`, `flake/unsupported`, `flake/fetch-failed`,
   * `flake/not-found`, `flake/no-git`, `flake/dirty` and what the store throws.
   */
  fetchTree(attributes: InputAttributes, options: { readonly final?: boolean } = {}): Promise<FetchedTree> {
    const input = inputFromAttributes(attributes);
    const key = writeJson([input, options.final === true]);
    let fetched = this.#fetched.get(key);
    if (fetched === undefined) {
      fetched = this.#fetch(input, options.final === true);
      this.#fetched.set(key, fetched);
      fetched.catch(() => this.#fetched.delete(key));
    }
    return fetched;
  }

  /**
   * Downloads a file under its flat hash, as `builtins.fetchurl` keeps it. Throws as {@link fetchTree}.
   */
  fetchFlatFile(url: string, name: string): Promise<StorePath> {
    return fetchFlatFile(this.#context, { url, name });
  }

  /** A locked input's tree if it is in the store; undefined otherwise. Fetches nothing. */
  storedTree(attributes: InputAttributes): FetchedTree | undefined {
    const input = inputFromAttributes(attributes);
    const narHash = normalizedNarHash(input);
    if (narHash === undefined) return undefined;
    const { store } = this.#context;
    const storePath = makeSourcePath({
      name: storeNameOf(input),
      storeDirectory: store.storeDirectory,
      narHash: parseHash(narHash),
    });
    return store.isValid(storePath) ? this.#treeAt(storePath, { ...input, narHash }) : undefined;
  }

  /** Forgets what was fetched in this session, so that changed working trees are seen. */
  forget(): void {
    this.#fetched.clear();
  }

  async #fetch(input: InputAttributes, isFinal: boolean): Promise<FetchedTree> {
    const stored = isFinal ? this.storedTree(input) : undefined;
    if (stored !== undefined) return stored;
    const result = await this.#fetchByType(input);
    const storePath = parseStorePath(result.storePath, this.#context.store.storeDirectory);
    const narHash = writeHash(parseHash(this.#context.store.narOf(storePath).narHash), 'sri');
    const fetched = { ...result.input, narHash };
    this.#check(input, fetched, isFinal);
    return this.#treeAt(storePath, isFinal ? { ...input, narHash } : fetched);
  }

  #fetchByType(input: InputAttributes): Promise<FetchResult> | FetchResult {
    const context = this.#context;
    switch (input.type) {
      case 'path':
        return fetchPath(context, input);
      case 'git':
        return fetchGit(context, input);
      case 'github':
      case 'gitlab':
      case 'sourcehut':
        return fetchForge(context, input);
      case 'tarball':
        return fetchTarball(context, input);
      case 'file':
        return fetchFile(context, input);
      case 'indirect':
        throw flakeError('unsupported', `indirect input '${showInput(input)}' cannot be fetched directly`);
      case 'hg':
        throw flakeError('unsupported', `Mercurial inputs are not supported: '${showInput(input)}'`, {
          hint: 'use a git mirror of it, or a tarball',
        });
      default:
        throw flakeError('unsupported', `cannot fetch unsupported input '${writeJson(input)}'`);
    }
  }

  #check(specified: InputAttributes, got: InputAttributes, isFinal: boolean): void {
    const expected = normalizedNarHash(specified);
    if (expected !== undefined && got.narHash !== expected)
      throw flakeError(
        'nar-hash-mismatch',
        `NAR hash mismatch in input '${showInput(specified)}', expected '${expected}' but got '${got.narHash}'`,
        {
          hint: 'the source changed since it was locked; `trimaran nix flake update NAME` locks what is there now',
        },
      );
    if (!isFinal) {
      this.#checkAttributes(specified, got);
      return;
    }
    for (const [name, value] of Object.entries(specified))
      if (name !== 'narHash' && Object.hasOwn(got, name) && got[name] !== value)
        throw flakeError(
          'attribute-mismatch',
          `mismatch in field '${name}' of input '${writeJson(specified)}', got '${writeJson(got)}'`,
          {
            hint: 'the lock was edited or its source changed; `trimaran nix flake update NAME` locks it anew',
          },
        );
  }

  #checkAttributes(specified: InputAttributes, got: InputAttributes): void {
    const mismatch = (name: string, rest: string) =>
      flakeError(
        'attribute-mismatch',
        `'${name}' attribute mismatch in input '${showInput(got)}', expected ${rest}`,
      );
    const { lastModified, revCount, rev } = specified;
    if (lastModified !== undefined && got.lastModified !== lastModified)
      throw mismatch('lastModified', `${lastModified}, got ${got.lastModified}`);
    if (typeof rev === 'string' && got.rev !== rev.toLowerCase() && got.rev !== rev)
      throw mismatch('rev', rev);
    if (revCount !== undefined && got.revCount !== undefined && got.revCount !== revCount)
      throw mismatch('revCount', String(revCount));
  }

  #treeAt(storePath: StorePath, input: InputAttributes): FetchedTree {
    return { input, storePath, physicalPath: this.#context.store.materialise(storePath) };
  }
}
