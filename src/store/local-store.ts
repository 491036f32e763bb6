// The store on disk: which paths are valid, what they hold, and how new ones come in. Logical paths (`/nix/store/…`,
// `/gnu/store/…`) are what users, hashes and references mean; below `root` they lie in one of two physical forms:
//
//   <root>/nix/store/<base>    plain: a file, symlink or folder with canonical permissions, as Nix keeps it
//   <root>/packed/<base>.tar   packed: one canonical tar, with <base>.index beside it for quick reading
//   <root>/info/<base>.json    the registration; without it nothing else counts
//   <root>/unpacked/<base>     a packed object's files, made when somebody needs them on disk; with the owners that only
//                              root can give in unpacked-with-owners
//   <root>/staging/, locks/    work under way, named by process
//
// Data is not flushed to disk when an object is registered: after a power cut a tar that is too short is noticed by its
// size, and the cache can be made again. Everything here is synchronous, since evaluators call it.
import { closeSync, fchmodSync, futimesSync, openSync, statSync, writeSync } from 'node:fs';
import { type Derivation, parseDerivation, writeDerivation } from '../formats/derivation.ts';
import { writePrefixedHash } from '../formats/hash-text.ts';
import { hashNarOfTree, type NarFilter, readNarSource } from '../formats/nar.ts';
import {
  makeFixedOutputPath,
  makeTextPath,
  type StorePath,
  splitStorePath,
  storePathName,
} from '../formats/store-path.ts';
import {
  type ByteString,
  bufferToByteString,
  byteStringToBuffer,
  fromByteString,
  toByteString,
} from '../foundation/byte-string.ts';
import { digestOf, digestToHex, type HashAlgorithm } from '../foundation/digest.ts';
import { TrimaranError } from '../foundation/error.ts';
import type { FileTree, TreeEntry } from '../foundation/file-tree.ts';
import { moveOnDisk, readContent, removeDiskTree, writeDiskTree } from './disk-tree.ts';
import type { FileLocks } from './file-lock.ts';
import { hashFile, hashFlat } from './hash-file.ts';
import { ObjectFiles, type Stage, spaceError } from './object-files.ts';
import type { StoreObjectInfo } from './object-info.ts';
import { type Located, locate, type ObjectEntries, plainEntries, treeEntries } from './store-lookup.ts';

export interface LocalStoreOptions {
  /** The physical root, `$XDG_CACHE_HOME/trimaran`; made when first written to. */
  readonly root: string;
  /** The logical directory that is part of every path: `/nix/store` or `/gnu/store`. */
  readonly storeDirectory: string;
}

/** A packed object's tar on disk. */
export interface PackedFile {
  readonly file: string;
  /** Bytes. */
  readonly size: number;
  /** Lower-case hexadecimal; as a layer's diffID it takes `sha256:` in front. */
  readonly sha256: string;
}

export interface AddTextOptions {
  readonly name: string;
  readonly text: ByteString;
  /** Logical paths. */
  readonly references?: readonly StorePath[];
}

export interface AddPathOptions {
  /** A file or folder of the host. */
  readonly source: string;
  readonly name: string;
  /** `nar`: the tree counts, `flat`: the bytes of one file. */
  readonly method: 'nar' | 'flat';
  /** sha256 unless given. */
  readonly hashAlgorithm?: HashAlgorithm;
  /** Asked for each entry below the root by relative path and type; a folder refused is not entered. */
  readonly filter?: NarFilter | undefined;
  readonly references?: readonly StorePath[];
}

export interface AddTreeOptions {
  readonly name: string;
  readonly tree: FileTree;
  readonly references?: readonly StorePath[];
}

/** One logical store directory over one physical root. Several processes and threads may share the root. */
export class LocalStore {
  readonly root: string;
  readonly storeDirectory: string;
  /** Locks that every process on this root sees; keys beginning with `place-` are the store's own. */
  readonly locks: FileLocks;
  readonly #files: ObjectFiles;
  readonly #trees = new Map<StorePath, FileTree>();
  readonly #entries = new Map<StorePath, ObjectEntries>();
  readonly #derivations = new Map<StorePath, Derivation>();

  constructor({ root, storeDirectory }: LocalStoreOptions) {
    this.root = root;
    this.storeDirectory = storeDirectory;
    this.#files = new ObjectFiles({ root, storeDirectory });
    this.locks = this.#files.locks;
  }

  /** Whether the path is whole and registered. Throws `store/bad-path` for what is no store path. */
  isValid(path: StorePath): boolean {
    return this.#files.find(path) !== undefined;
  }

  /** What is known of a valid path. Throws `store/bad-path` and `store/not-valid`. */
  info(path: StorePath): StoreObjectInfo {
    const info = this.#files.find(path);
    if (info === undefined) throw notValid(path);
    return info;
  }

  /** Hash and size of the path's NAR, computed once and kept. Throws `store/not-valid`. */
  narOf(path: StorePath): { readonly narHash: string; readonly narSize: number } {
    const info = this.info(path);
    if (info.narHash !== undefined && info.narSize !== undefined) {
      return { narHash: info.narHash, narSize: info.narSize };
    }
    const { digest, size } = hashNarOfTree(this.tree(path));
    const nar = { narHash: writePrefixedHash(digest, 'nix32'), narSize: size };
    this.#files.register({ ...info, ...nar });
    return nar;
  }

  /**
   * Everything the object holds, its root as entry `''` (packed objects may lack one). Plain objects have canonical
   * metadata and owner 0. Throws `store/not-valid`, and `store/damaged` when a packed object's files are not whole.
   */
  tree(path: StorePath): FileTree {
    const info = this.info(path);
    let tree = this.#trees.get(path);
    if (tree === undefined) {
      tree =
        info.form === 'plain'
          ? readNarSource(toByteString(this.#files.plainPlace(path)))
          : this.#files.packedTree(path);
      this.#trees.set(path, tree);
    }
    return tree;
  }

  /** Where a plain object lies on disk. Throws `store/not-valid`, and `store/packed` for the other form. */
  physicalPath(path: StorePath): string {
    if (this.info(path).form === 'packed') {
      throw new TrimaranError({
        code: 'store/packed',
        message: `${path} is kept as one archive and has no files of its own`,
      });
    }
    return this.#files.plainPlace(path);
  }

  /** Where an object's files may lie on disk, in whatever form. Throws `store/bad-path`. */
  places(path: StorePath): string[] {
    return this.#files.places(path);
  }

  /** The tar of a packed object, ready to be an image layer. Throws `store/not-valid`, `store/plain`, `store/damaged`. */
  packedFile(path: StorePath): PackedFile {
    const info = this.info(path);
    if (info.form === 'plain') {
      throw new TrimaranError({ code: 'store/plain', message: `${path} is not kept as an archive` });
    }
    const file = this.#files.tarPlace(path);
    const size = statSync(file).size;
    if (info.tarSha256 !== undefined) return { file, size, sha256: info.tarSha256 };
    const sha256 = digestToHex(hashFile(file, 'sha256'));
    this.#files.register({ ...info, tarSha256: sha256 });
    return { file, size, sha256 };
  }

  /**
   * A folder (or file) on disk with the object's contents: the object itself when it is plain, else its tar unpacked
   * once, hard links included, with the tar's owners and devices when we are root and without them otherwise.
   */
  materialise(path: StorePath): string {
    if (this.info(path).form === 'plain') return this.physicalPath(path);
    return this.#files.unpack(path);
  }

  /** The paths and all that they reference, transitively, sorted. Throws `store/not-valid`. */
  closure(paths: Iterable<StorePath>): StorePath[] {
    const seen = new Set<StorePath>();
    const pending = [...paths];
    for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
      if (seen.has(path)) continue;
      seen.add(path);
      pending.push(...this.info(path).references);
    }
    return [...seen].sort();
  }

  /**
   * The entry at a logical path inside a valid object, links on the way followed but not one in the last place;
   * undefined when there is none. Throws `store/not-valid`, `store/outside-store`, `store/link-loop`.
   */
  lstat(path: ByteString): TreeEntry | undefined {
    return this.#locate(path, false).entry;
  }

  /** The logical path without any link in it, and its entry (undefined when there is none). Throws as {@link lstat}. */
  resolve(path: ByteString): Located {
    return this.#locate(path, true);
  }

  /** Bytes of a file, links followed. Throws as {@link lstat}, `store/no-such-file` and `store/not-a-file`. */
  readFile(path: ByteString): Buffer {
    const { entry } = this.#existing(path);
    if (entry.kind !== 'file') throw wrongKind('store/not-a-file', `${path} is no regular file`);
    return readContent(entry.content);
  }

  /** Names and kinds in a folder, sorted by byte, links followed. Throws as {@link readFile}, `store/not-a-folder`. */
  readDirectory(path: ByteString): ReadonlyMap<ByteString, TreeEntry['kind']> {
    const { entry, path: real } = this.#existing(path);
    if (entry.kind !== 'directory') throw wrongKind('store/not-a-folder', `${path} is no folder`);
    const { storePath, rest } = splitStorePath(real, this.storeDirectory)!;
    const inside = rest.slice(1);
    const entries = this.#entriesOf(storePath);
    return new Map(
      entries.names(inside).map((name) => {
        return [name, entries.entry(inside === '' ? name : `${inside}/${name}`)!.kind];
      }),
    );
  }

  /** Target of a symbolic link. Throws as {@link lstat}, `store/no-such-file` and `store/not-a-link`. */
  readLink(path: ByteString): ByteString {
    const entry = this.lstat(path);
    if (entry === undefined) throw noSuchFile(path);
    if (entry.kind !== 'symlink') throw wrongKind('store/not-a-link', `${path} is no symbolic link`);
    return entry.target;
  }

  /** Adds a file whose path is made from its text and references, as `builtins.toFile` does. Returns its path. */
  addText({ name, text, references = [] }: AddTextOptions): StorePath {
    const digest = digestOf('sha256', text);
    const path = makeTextPath({ storeDirectory: this.storeDirectory, name, contents: digest, references });
    if (this.isValid(path)) return path;
    // The way through a stage costs three times as many system calls, and evaluators add thousands of these.
    const temporary = this.#files.freshPath();
    try {
      const descriptor = openSync(temporary, 'wx', 0o444);
      try {
        writeSync(descriptor, byteStringToBuffer(text));
        fchmodSync(descriptor, 0o444);
        futimesSync(descriptor, 1, 1);
      } finally {
        closeSync(descriptor);
      }
      this.#files.placeFile(path, temporary);
      this.#files.register({
        path,
        form: 'plain',
        references: [...new Set(references)].sort(),
        contentAddress: `text:${writePrefixedHash(digest, 'nix32')}`,
      });
    } catch (error) {
      removeDiskTree(temporary);
      throw spaceError(error, this.root);
    }
    return path;
  }

  /** Adds a derivation's text; returns its `.drv` path. Its inputs need not be valid. */
  writeDerivation(derivation: Derivation): StorePath {
    const path = this.addText({
      name: `${derivation.name}.drv`,
      text: writeDerivation(derivation),
      references: [...derivation.inputDrvs.keys(), ...derivation.inputSrcs],
    });
    this.#derivations.set(path, derivation);
    return path;
  }

  /** The derivation at a `.drv` path. Throws `store/not-valid` and what the parser throws. */
  readDerivation(path: StorePath): Derivation {
    let derivation = this.#derivations.get(path);
    if (derivation === undefined) {
      derivation = parseDerivation(
        bufferToByteString(this.readFile(path)),
        storePathName(path).replace(/\.drv$/, ''),
      );
      this.#derivations.set(path, derivation);
    }
    return derivation;
  }

  /**
   * Adds a file or folder of the host under the path that its contents give; copies only what is not there yet.
   * Throws `nar/unsupported-entry`, `store/not-a-file` (flat, and not a file) and system errors.
   */
  addPath(options: AddPathOptions): StorePath {
    const tree = readNarSource(toByteString(options.source), { filter: options.filter });
    return this.#addContents({ ...options, tree });
  }

  /** Adds a tree as Nix would add the same files: owners, times and set-id bits are lost. Returns its path. */
  addTree({ name, tree, references = [] }: AddTreeOptions): StorePath {
    return this.#addContents({ name, tree, references, method: 'nar' });
  }

  /** A path on the store's file system that does not exist yet and is swept should this process die. */
  temporaryPath(): string {
    return this.#files.freshPath();
  }

  /** A private place for the object that `path` is to be. */
  stage(path: StorePath): Stage {
    return this.#files.stage(path);
  }

  /** Makes a path invalid and deletes it. Nothing checks whether others still refer to it. */
  remove(path: StorePath): void {
    this.#trees.delete(path);
    this.#entries.delete(path);
    this.#derivations.delete(path);
    this.#files.remove(path);
  }

  #entriesOf(path: StorePath): ObjectEntries {
    let entries = this.#entries.get(path);
    if (entries === undefined) {
      entries =
        this.info(path).form === 'plain'
          ? plainEntries(this.#files.plainPlace(path))
          : treeEntries(this.tree(path));
      this.#entries.set(path, entries);
    }
    return entries;
  }

  #locate(path: ByteString, follow: boolean): Located {
    return locate({
      path,
      follow,
      storeDirectory: this.storeDirectory,
      object: (object) => this.#entriesOf(object),
    });
  }

  #existing(path: ByteString): { readonly path: ByteString; readonly entry: TreeEntry } {
    const located = this.#locate(path, true);
    if (located.entry === undefined) throw noSuchFile(path);
    return { path: located.path, entry: located.entry };
  }

  #guarded(stage: Stage, work: () => void): void {
    try {
      work();
    } catch (error) {
      stage.discard();
      throw spaceError(error, this.root);
    }
  }

  #addContents(options: AddTreeOptions & Omit<AddPathOptions, 'source' | 'filter'>): StorePath {
    const { name, method, references = [], hashAlgorithm = 'sha256' } = options;
    const describe = (tree: FileTree) => {
      const nar = method === 'nar' ? hashNarOfTree(tree, { algorithm: hashAlgorithm }) : undefined;
      const digest = nar?.digest ?? hashFlat(tree, hashAlgorithm, name);
      const path = makeFixedOutputPath({
        storeDirectory: this.storeDirectory,
        name,
        method,
        digest,
        references,
      });
      return { digest, size: nar?.size, path };
    };
    const expected = describe(options.tree);
    if (this.isValid(expected.path)) return expected.path;
    const staged = this.#files.freshPath();
    try {
      writeDiskTree({ tree: options.tree, path: staged, owners: 'ignore' });
      // The source may have changed while it was copied; the path is that of the copy.
      const { path, digest, size } = describe(readNarSource(toByteString(staged)));
      const stage = this.stage(path);
      this.#guarded(stage, () => {
        moveOnDisk(staged, stage.plain);
        stage.commit({
          form: 'plain',
          references,
          contentAddress: `fixed:${method === 'nar' ? 'r:' : ''}${writePrefixedHash(digest, 'nix32')}`,
          nar:
            size === undefined || digest.algorithm !== 'sha256'
              ? undefined
              : { narHash: writePrefixedHash(digest, 'nix32'), narSize: size },
        });
      });
      return path;
    } catch (error) {
      throw spaceError(error, this.root);
    } finally {
      removeDiskTree(staged);
    }
  }
}

function notValid(path: StorePath): TrimaranError {
  return new TrimaranError({
    code: 'store/not-valid',
    message: `the store path ${path} does not exist here`,
    hint: 'realise its derivation first',
    exitCode: 4,
  });
}

function noSuchFile(path: ByteString): TrimaranError {
  return new TrimaranError({
    code: 'store/no-such-file',
    message: `the path \`${fromByteString(path)}\` does not exist`,
  });
}

function wrongKind(code: string, message: ByteString): TrimaranError {
  return new TrimaranError({ code, message: fromByteString(message) });
}
