// The evaluator's world, made of the store, the file system and the main thread. Files are reached by logical path:
// below the store directory through the store, elsewhere (impure evaluation only) on the disk.
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { Derivation } from '../../formats/derivation.ts';
import { parseHash, writeHash } from '../../formats/hash-text.ts';
import { parseStorePath, type StorePath } from '../../formats/store-path.ts';
import {
  type ByteString,
  bufferToByteString,
  fromByteString,
  toByteString,
  toFilePath,
} from '../../foundation/byte-string.ts';
import { type Digest, digestsEqual } from '../../foundation/digest.ts';
import { systemErrorCode, TrimaranError } from '../../foundation/error.ts';
import type { TreeEntry } from '../../foundation/file-tree.ts';
import type {
  AddPathRequest,
  FetchedTree,
  NixFileType,
  NixHost,
  RealiseRequest,
} from '../../languages/nix/host.ts';
import type { LocalStore } from '../../store/local-store.ts';
import {
  type BuiltinAttributes,
  flakeRefToStringBuiltin,
  parseFlakeRefBuiltin,
} from './flakes/fetch-builtins.ts';
import type { KnownFiles } from './known-files.ts';
import type { PendingDerivations } from './pending-derivations.ts';

export interface StoreHostOptions {
  readonly store: LocalStore;
  /** Takes the derivations that are made; those that something looks into are written to the store then. */
  readonly pending: PendingDerivations;
  /** What is known of files that have not changed. */
  readonly known: KnownFiles | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly currentSystem: string;
  readonly currentTime: number;
  /** Pure evaluation reads nothing but the store. */
  readonly pure: boolean;
  /** Blocks until the main thread has done the work; see sets/blocking-calls.ts. */
  readonly call: (method: string, argument: unknown) => unknown;
  readonly message: (text: string) => void;
}

/** A {@link NixHost} on the real store. */
export function createStoreHost(options: StoreHostOptions): NixHost {
  const { store, pending, call } = options;
  const inStore = (path: ByteString) => {
    if (!path.startsWith(`${store.storeDirectory}/`) || path.length <= store.storeDirectory.length + 1) {
      return false;
    }
    // Whoever asks is about to look at the object's files.
    pending.write(objectOf(path));
    return true;
  };
  const lstat = (path: ByteString): { type: NixFileType } | undefined => {
    if (inStore(path)) {
      const found = store.isValid(objectOf(path)) ? store.lstat(path) : undefined;
      return found === undefined ? undefined : { type: typeOf(found.kind) };
    }
    return lstatOnDisk(path);
  };
  const objectOf = (path: ByteString): StorePath => {
    const end = path.indexOf('/', store.storeDirectory.length + 1);
    return (end < 0 ? path : path.slice(0, end)) as StorePath;
  };

  return {
    storeDirectory: store.storeDirectory,
    lstat: (path) => {
      try {
        return lstat(path);
      } catch (error) {
        // What is no store path at all does not exist.
        if (error instanceof TrimaranError && error.code === 'store/bad-path') return undefined;
        throw error;
      }
    },
    readFile: (path) =>
      bufferToByteString(inStore(path) ? store.readFile(path) : readFileSync(toFilePath(path))),
    stamp: (path) => stampOf(inStore(path) ? placeInStore(store, path) : toFilePath(path), options),
    readDirectory: (path) => {
      if (inStore(path)) {
        return [...store.readDirectory(path)].map(([name, kind]) => ({ name, type: typeOf(kind) }));
      }
      // What happens to be in the store is no input of a pure evaluation.
      if (options.pure && path === store.storeDirectory) {
        throw new TrimaranError({
          code: 'nix/restricted-path',
          message: `path '${path}/' is not in the Nix store`,
          hint: 'name a store object, or evaluate with --impure',
        });
      }
      return readFolder(path);
    },
    readLink: (path) =>
      inStore(path) ? store.readLink(path) : readlinkSync(toFilePath(path), { encoding: 'latin1' }),
    forbidden: (path) =>
      !options.pure || path === store.storeDirectory || path.startsWith(`${store.storeDirectory}/`)
        ? undefined
        : `access to absolute path '${path}' is forbidden in pure evaluation mode (use '--impure' to override)`,

    addTextToStore: (request) => store.addText(request) as StorePath,
    addPathToStore: (request) => addKnownPath(options, request, inStore),
    writeDerivation: (derivation: Derivation, text) => pending.add(derivation, text),
    readDerivation: (path) => pending.derivation(path) ?? store.readDerivation(path),
    isValidPath: (path) => pending.has(path) || store.isValid(path),
    ensurePath: (path) => {
      pending.write(path);
      if (!store.isValid(path)) call('ensurePath', path);
    },
    references: (path) => pending.references(path) ?? (store.info(path).references as readonly StorePath[]),
    realise: (requests: readonly RealiseRequest[]) => {
      for (const { drvPath } of requests) pending.write(drvPath);
      call('realise', requests);
    },

    currentTime: () => options.currentTime,
    currentSystem: options.currentSystem,
    getEnv: (name) => toByteString((options.pure ? undefined : options.env[fromByteString(name)]) ?? ''),
    homeDirectory: () => (options.env.HOME === undefined ? undefined : toByteString(options.env.HOME)),

    fetchTree: (request) => call('fetchTree', request) as FetchedTree,
    fetchTreeUrl: (request) => call('fetchTreeUrl', request) as FetchedTree,
    fetchFile: (request) => call('fetchFile', request) as StorePath,
    resolvePseudoUrl: (url) =>
      url.startsWith('channel:') ? `https://channels.nixos.org/${url.slice(8)}/nixexprs.tar.xz` : url,
    parseFlakeRef: parseFlakeRefBuiltin,
    flakeRefToString: (attributes) => flakeRefToStringBuiltin(attributes as BuiltinAttributes),

    message: (text) => options.message(fromByteString(text)),
  };
}

function typeOf(kind: TreeEntry['kind']): NixFileType {
  switch (kind) {
    case 'file':
    case 'hardlink':
      return 'regular';
    case 'directory':
    case 'symlink':
      return kind;
    default:
      return 'unknown';
  }
}

function lstatOnDisk(path: ByteString): { type: NixFileType } | undefined {
  try {
    const found = lstatSync(toFilePath(path));
    return {
      type: found.isFile()
        ? 'regular'
        : found.isDirectory()
          ? 'directory'
          : found.isSymbolicLink()
            ? 'symlink'
            : 'unknown',
    };
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

function readFolder(path: ByteString): { name: ByteString; type: NixFileType }[] {
  return readdirSync(toFilePath(path), { withFileTypes: true, encoding: 'buffer' }).map((entry) => ({
    name: bufferToByteString(entry.name as unknown as Buffer),
    type: entry.isFile()
      ? 'regular'
      : entry.isDirectory()
        ? 'directory'
        : entry.isSymbolicLink()
          ? 'symlink'
          : 'unknown',
  }));
}

/**
 * Device, number, size and times of a file on disk: whoever changes it changes its time of change, which cannot be set.
 * Undefined for a file that changed just now, since another change might fall into the same tick of the clock.
 */
function stampOf(
  file: string | Buffer | undefined,
  { currentTime }: { readonly currentTime: number },
): string | undefined {
  const found = file === undefined ? undefined : lstatSync(file, { throwIfNoEntry: false });
  if (found === undefined || !found.isFile() || found.ctimeMs > (currentTime - 2) * 1000) return undefined;
  return `${found.dev}:${found.ino}:${found.size}:${found.mtimeMs}:${found.ctimeMs}`;
}

/** Where a file of a plain object lies on disk; undefined for packed ones. `path` has no links in it. */
function placeInStore(store: LocalStore, path: ByteString): string | Buffer | undefined {
  const object = objectPath(store, path) as StorePath;
  if (!store.isValid(object) || store.info(object).form !== 'plain') return undefined;
  return toFilePath(toByteString(store.physicalPath(object)) + path.slice(object.length));
}

/** Adds a file or tree; a single file whose copy is known and still there is not read again. */
function addKnownPath(
  { store, known, currentTime }: StoreHostOptions,
  request: AddPathRequest,
  inStore: (path: ByteString) => boolean,
): StorePath {
  const { path, name, method } = request;
  const isPlain = request.filter === undefined && request.expectedHash === undefined && !inStore(path);
  const stamp = isPlain && known !== undefined ? stampOf(toFilePath(path), { currentTime }) : undefined;
  if (known === undefined || stamp === undefined) return addPath(store, request, inStore);
  const how = `${method} ${name}`;
  const copy = known.copy(how, path, stamp) as StorePath | undefined;
  if (copy !== undefined && store.isValid(copy)) return copy;
  const added = addPath(store, request, inStore);
  known.noteCopy(how, path, stamp, added);
  return added;
}

function addPath(
  store: LocalStore,
  request: AddPathRequest,
  inStore: (path: ByteString) => boolean,
): StorePath {
  const { path, filter } = request;
  const source = fromByteString(path);
  const added = store.addPath({
    source: inStore(path) ? physicalSource(store, path) : source,
    name: request.name,
    method: request.method,
    filter: filter === undefined ? undefined : (relative, type) => filter(`${path}/${relative}`, type),
  }) as StorePath;
  if (request.expectedHash !== undefined) checkHash(store, added, request.expectedHash, source);
  return added;
}

/** Where a plain object's file lies on disk; links on the way are followed as the evaluator follows them. */
function physicalSource(store: LocalStore, path: ByteString): string {
  const { path: real } = store.resolve(path);
  const parsed = parseStorePath(objectPath(store, real), store.storeDirectory);
  return `${store.materialise(parsed)}${fromByteString(real.slice(parsed.length))}`;
}

function objectPath(store: LocalStore, path: ByteString): string {
  const end = path.indexOf('/', store.storeDirectory.length + 1);
  return end < 0 ? path : path.slice(0, end);
}

function checkHash(store: LocalStore, path: StorePath, expected: Digest, source: string): void {
  const address = store.info(path).contentAddress ?? '';
  const got = parseHash(address.slice(address.indexOf('sha256:')));
  if (digestsEqual(got, expected)) return;
  throw new TrimaranError({
    code: 'nix/hash-mismatch',
    message: `the path '${source}' has another hash than expected: specified ${writeHash(expected, 'sri')}, got ${writeHash(got, 'sri')}`,
    hint: 'put the hash that was got in its place, if the change is meant',
  });
}
