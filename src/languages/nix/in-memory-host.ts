// A NixHost that keeps its store in memory: for tests, and for evaluating what needs no builds. Store paths and NAR
// hashes are the real ones. It fetches nothing and builds nothing; both are refused by name.

import { type Derivation, derivationPath, parseDerivation } from '../../formats/derivation.ts';
import { writeHash } from '../../formats/hash-text.ts';
import { hashNarOfTree, narExecutableMode, narFileMode, narOwner } from '../../formats/nar.ts';
import {
  makeFixedOutputPath,
  makeTextPath,
  nixStoreDirectory,
  type StorePath,
  splitStorePath,
  storePathName,
} from '../../formats/store-path.ts';
import {
  type ByteString,
  byteStringToBuffer,
  compareBytes,
  fromByteString,
} from '../../foundation/byte-string.ts';
import { digestOf, digestsEqual } from '../../foundation/digest.ts';
import { TrimaranError } from '../../foundation/error.ts';
import { fileTree, type TreeEntry } from '../../foundation/file-tree.ts';
import type { AddPathRequest, NixFileType, NixHost } from './host.ts';

/** Files that are not in the store. All paths are absolute and normalised. */
export interface FileReader {
  lstat(path: ByteString): { readonly type: NixFileType; readonly isExecutable: boolean } | undefined;
  readFile(path: ByteString): ByteString;
  readDirectory(path: ByteString): readonly { readonly name: ByteString; readonly type: NixFileType }[];
  readLink(path: ByteString): ByteString;
}

/** A file of an in-memory tree: its bytes, or more about it. */
export type InMemoryFile =
  | ByteString
  | { readonly text: ByteString; readonly executable: true }
  | { readonly linkTo: ByteString };

/** Reads from files given as a map of absolute paths; directories are implied. */
export function inMemoryFiles(files: Readonly<Record<ByteString, InMemoryFile>>): FileReader {
  const entries = new Map(Object.entries(files));
  const directories = new Map<ByteString, Set<ByteString>>([['/', new Set()]]);
  for (const path of entries.keys()) {
    const parts = path.split('/').slice(1);
    let directory = '/';
    for (const part of parts) {
      const members = directories.get(directory) ?? new Set();
      directories.set(directory, members.add(part));
      directory = directory === '/' ? `/${part}` : `${directory}/${part}`;
    }
  }
  const typeOf = (path: ByteString): NixFileType | undefined => {
    const file = entries.get(path);
    if (file === undefined) return directories.has(path) ? 'directory' : undefined;
    return typeof file === 'object' && 'linkTo' in file ? 'symlink' : 'regular';
  };
  return {
    lstat: (path) => {
      const type = typeOf(path);
      const file = entries.get(path);
      const isExecutable = typeof file === 'object' && 'executable' in file;
      return type === undefined ? undefined : { type, isExecutable };
    },
    readFile: (path) => {
      const file = entries.get(path)!;
      return typeof file === 'string' ? file : 'text' in file ? file.text : '';
    },
    readDirectory: (path) =>
      [...(directories.get(path) ?? [])].map((name) => ({
        name,
        type: typeOf(path === '/' ? `/${name}` : `${path}/${name}`)!,
      })),
    readLink: (path) => {
      const file = entries.get(path)!;
      return typeof file === 'object' && 'linkTo' in file ? file.linkTo : '';
    },
  };
}

export interface InMemoryHostOptions {
  readonly files?: FileReader;
  readonly storeDirectory?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly currentSystem?: string;
  /** Gets the lines that expressions print. */
  readonly message?: (line: ByteString) => void;
  /** Forbids files outside the store, as pure evaluation does. */
  readonly pure?: boolean;
}

/** What an in-memory store holds, besides what NixHost offers. */
export interface InMemoryHost extends NixHost {
  /** Text of every derivation written, by path. */
  readonly derivations: ReadonlyMap<StorePath, ByteString>;
  /** Texts of `toFile`, by path. */
  readonly texts: ReadonlyMap<StorePath, ByteString>;
}

/** Makes an empty store over some files. */
export function createInMemoryHost(options: InMemoryHostOptions = {}): InMemoryHost {
  const storeDirectory = options.storeDirectory ?? nixStoreDirectory;
  const outside = options.files ?? inMemoryFiles({});
  const env = new Map(Object.entries(options.env ?? {}));
  const derivations = new Map<StorePath, ByteString>();
  const parsed = new Map<StorePath, Derivation>();
  const texts = new Map<StorePath, ByteString>();
  const references = new Map<StorePath, readonly StorePath[]>();
  /** Where the files of a copied store path lie outside. */
  const sources = new Map<StorePath, { root: ByteString; kept: ReadonlySet<ByteString> | undefined }>();

  const textAt = (path: ByteString) => derivations.get(path as StorePath) ?? texts.get(path as StorePath);

  /** The path outside the store that stands for a path, or the path itself. */
  const actual = (path: ByteString): ByteString | undefined => {
    const split = splitStorePath(path, storeDirectory);
    const source = split === undefined ? undefined : sources.get(split.storePath);
    if (split === undefined || source === undefined) return path;
    const found = source.root + split.rest;
    return source.kept === undefined || source.kept.has(found) ? found : undefined;
  };

  const refuse = (what: string): never => {
    throw new TrimaranError({
      code: 'nix/unsupported',
      message: `${what} is not possible in an in-memory store`,
      exitCode: 4,
    });
  };

  const treeOf = (request: AddPathRequest): TreeEntry[] => {
    const entries: TreeEntry[] = [];
    const visit = (path: ByteString, relative: ByteString) => {
      const stat = outside.lstat(path);
      const base = { path: relative, ...narOwner };
      if (stat?.type === 'directory') {
        entries.push({ ...base, kind: 'directory', mode: 0o555 });
        for (const { name, type } of [...outside.readDirectory(path)].sort((a, b) =>
          compareBytes(a.name, b.name),
        )) {
          const child = `${path === '/' ? '' : path}/${name}`;
          if (request.filter !== undefined && !request.filter(child, type)) continue;
          visit(child, relative === '' ? name : `${relative}/${name}`);
        }
      } else if (stat?.type === 'symlink') {
        entries.push({ ...base, kind: 'symlink', mode: 0o777, target: outside.readLink(path) });
      } else if (stat?.type === 'regular') {
        const bytes = byteStringToBuffer(outside.readFile(path));
        const mode = stat.isExecutable ? narExecutableMode : narFileMode;
        entries.push({ ...base, kind: 'file', mode, content: { kind: 'bytes', bytes } });
      } else refuse(`copying '${fromByteString(path)}', which is no file, directory or link,`);
    };
    visit(request.path, '');
    return entries;
  };

  return {
    storeDirectory,
    currentSystem: options.currentSystem ?? 'x86_64-linux',
    derivations,
    texts,
    lstat: (path) => {
      if (textAt(path) !== undefined) return { type: 'regular' };
      const found = actual(path);
      return found === undefined ? undefined : outside.lstat(found);
    },
    readFile: (path) => textAt(path) ?? outside.readFile(actual(path)!),
    readDirectory: (path) => {
      const directory = actual(path)!;
      return outside
        .readDirectory(directory)
        .filter(({ name }) => actual(`${path === '/' ? '' : path}/${name}`) !== undefined);
    },
    readLink: (path) => outside.readLink(actual(path)!),
    forbidden: (path) =>
      options.pure !== true || path === storeDirectory || path.startsWith(`${storeDirectory}/`)
        ? undefined
        : `access to absolute path '${path}' is forbidden in pure evaluation mode (use '--impure' to override)`,
    addTextToStore: (request) => {
      const path = makeTextPath({
        name: request.name,
        contents: request.text,
        references: request.references,
        storeDirectory,
      });
      texts.set(path, request.text);
      references.set(path, request.references);
      return path;
    },
    addPathToStore: (given) => {
      const request = { ...given, path: actual(given.path) ?? given.path };
      const { method, name, expectedHash } = request;
      const text = textAt(request.path);
      let digest = digestOf('sha256', '');
      let kept: Set<ByteString> | undefined;
      if (text !== undefined) {
        const bytes = byteStringToBuffer(text);
        const tree = fileTree([
          { path: '', kind: 'file', mode: narFileMode, ...narOwner, content: { kind: 'bytes', bytes } },
        ]);
        digest = method === 'nar' ? hashNarOfTree(tree).digest : digestOf('sha256', text);
      } else if (method === 'nar') {
        const entries = treeOf(request);
        digest = hashNarOfTree(fileTree(entries)).digest;
        if (request.filter !== undefined) {
          kept = new Set(
            entries.map((entry) => (entry.path === '' ? request.path : `${request.path}/${entry.path}`)),
          );
        }
      } else digest = digestOf('sha256', outside.readFile(request.path));
      if (expectedHash !== undefined && !digestsEqual(expectedHash, digest)) {
        throw new TrimaranError({
          code: 'nix/hash-mismatch',
          message: `store path mismatch in (possibly filtered) path added from '${fromByteString(request.path)}'`,
          hint: `the hash is ${writeHash(digest, 'sri')}`,
        });
      }
      const path = makeFixedOutputPath({ name, method, digest, storeDirectory });
      if (text === undefined) sources.set(path, { root: request.path, kept });
      else texts.set(path, text);
      references.set(path, []);
      return path;
    },
    writeDerivation: (drv, text) => {
      const path = derivationPath(drv, { storeDirectory, text });
      if (!derivations.has(path)) {
        derivations.set(path, text);
        parsed.set(path, drv);
        references.set(path, [...drv.inputSrcs, ...drv.inputDrvs.keys()]);
      }
      return path;
    },
    readDerivation: (path) => {
      const known = parsed.get(path);
      if (known !== undefined) return known;
      const text = textAt(path);
      if (text === undefined) return refuse(`reading the derivation '${path}', which is not in it,`);
      return parseDerivation(text, storePathName(path).replace(/\.drv$/, ''));
    },
    isValidPath: (path) => textAt(path) !== undefined || sources.has(path),
    ensurePath: (path) => {
      if (textAt(path) === undefined && !sources.has(path)) {
        throw new TrimaranError({ code: 'nix/invalid-path', message: `path '${path}' is not valid` });
      }
    },
    references: (path) => references.get(path) ?? [],
    realise: ([first]) => refuse(`building '${first?.drvPath}'`),
    currentTime: () => 0,
    getEnv: (name) => env.get(name) ?? '',
    homeDirectory: () => env.get('HOME'),
    fetchTree: () => refuse("'fetchTree'"),
    fetchTreeUrl: () => refuse("'fetchTree'"),
    fetchFile: () => refuse('fetching'),
    resolvePseudoUrl: (url) => url,
    parseFlakeRef: () => refuse("'parseFlakeRef'"),
    flakeRefToString: () => refuse("'flakeRefToString'"),
    message: options.message ?? (() => {}),
  };
}
