// What every fetcher works with, and what it gives back.
import { isStorePath, type StorePath } from '../../../../formats/store-path.ts';
import type { FileTree } from '../../../../foundation/file-tree.ts';
import type { Host } from '../../../../foundation/host.ts';
import type { LocalStore } from '../../../../store/local-store.ts';
import type { InputAttributes } from '../input.ts';
import type { FlakeSettings } from '../settings.ts';
import type { FetchCache } from './fetch-cache.ts';

export interface FetchContext {
  readonly host: Host;
  readonly store: LocalStore;
  readonly settings: FlakeSettings;
  readonly cache: FetchCache;
  /** Folder for git repositories and downloads under way. */
  readonly directory: string;
  readonly warn: (message: string) => void;
}

/** A tree in the store, and the input with what fetching found out. */
export interface FetchResult {
  readonly input: InputAttributes;
  readonly storePath: StorePath;
}

/** Adds a tree to the store under the input's name, `source` unless it has one. Returns its store path. */
export function addTree(context: FetchContext, input: InputAttributes, tree: FileTree): StorePath {
  return context.store.addTree({ name: storeNameOf(input), tree });
}

/** The name of an input's store path. */
export function storeNameOf(input: InputAttributes): string {
  return typeof input.name === 'string' ? input.name : 'source';
}

/** What the cache kept as a store path, if it is one that the store has. */
export function validPath(context: FetchContext, kept: unknown): StorePath | undefined {
  if (typeof kept !== 'string') return undefined;
  const { store } = context;
  if (!isStorePath(kept) || !kept.startsWith(`${store.storeDirectory}/`)) return undefined;
  return store.isValid(kept) ? kept : undefined;
}
