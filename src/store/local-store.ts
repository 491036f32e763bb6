// The store on disk: which paths are valid, what they hold, and how new ones come in. Logical paths (`/nix/store/…`,
// `/gnu/store/…`) are what users, hashes and references mean; below `root` they lie in one of two physical forms:
//
//   <root>/nix/store/<base>    plain: a file, symlink or folder with canonical permissions, as Nix keeps it
//   <root>/packed/<base>.tar   packed: one canonical tar, with <base>.index beside it for quick reading
//   <root>/info/<base>.json    the registration; without it nothing else counts
//   <root>/unpacked/<base>     a packed object's files, made when somebody needs them on disk
//   <root>/staging/, locks/    work under way, named by process
//
// Data is not flushed to disk when an object is registered: after a power cut a tar that is too short is noticed by its
// size, and the cache can be made again. Everything here is synchronous, since evaluators call it.
import {
  closeSync,
  existsSync,
  fchmodSync,
  futimesSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
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
import { indexTarFileSync } from '../formats/tar-read.ts';
import {
  type ByteString,
  bufferToByteString,
  byteStringToBuffer,
  fromByteString,
  toByteString,
} from '../foundation/byte-string.ts';
import { digestOf, digestToHex, type HashAlgorithm } from '../foundation/digest.ts';
import { systemErrorCode, TrimaranError } from '../foundation/error.ts';
import { type FileTree, fileTree, type TreeEntry } from '../foundation/file-tree.ts';
import { canonicaliseMetadata, sealTop } from './canonical-metadata.ts';
import { moveOnDisk, readContent, removeDiskTree, writeDiskTree } from './disk-tree.ts';
import { FileLocks } from './file-lock.ts';
import { hashFile, hashFlat } from './hash-file.ts';
import { readObjectInfo, type StoreObjectInfo, writeObjectInfo } from './object-info.ts';
import { StagingArea } from './stage.ts';
import { type Located, locate, type ObjectEntries, plainEntries, treeEntries } from './store-lookup.ts';
import { readTreeIndex, writeTreeIndex } from './tree-index.ts';

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

export interface CommitOptions {
  /** Which of the two places was filled. */
  readonly form: 'plain' | 'packed';
  /** Logical paths; order and repetition do not matter. */
  readonly references: readonly StorePath[];
  readonly deriver?: StorePath | undefined;
  readonly contentAddress?: string | undefined;
  /** Of the object's NAR, when it is known already. */
  readonly nar?: { readonly narHash: string; readonly narSize: number } | undefined;
  /** SHA-256 of the tar when the writer knows it (`writeTarFile` does); packed form alone. */
  readonly tarSha256?: string | undefined;
}

/** A private place where an object is made. Fill one of the two, then commit; or discard. */
export interface Stage {
  /** The logical path that the object will have. */
  readonly path: StorePath;
  /** Put a file, symlink or folder here for the plain form. Does not exist yet. */
  readonly plain: string;
  /** Write a tar here for the packed form. Does not exist yet. */
  readonly tar: string;
  /**
   * Moves the object into the store and registers it. When the path has become valid meanwhile, that object stays and
   * this one goes. Throws `store/unsupported-file-type`, `store/no-output` when the place is empty, `tar/…` for a bad
   * tar, and system errors; nothing is registered then.
   */
  commit(options: CommitOptions): StoreObjectInfo;
  discard(): void;
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
  readonly #staging: StagingArea;
  readonly #known = new Map<StorePath, StoreObjectInfo>();
  readonly #trees = new Map<StorePath, FileTree>();
  readonly #entries = new Map<StorePath, ObjectEntries>();
  readonly #derivations = new Map<StorePath, Derivation>();

  constructor({ root, storeDirectory }: LocalStoreOptions) {
    this.root = root;
    this.storeDirectory = storeDirectory;
    this.locks = new FileLocks(join(root, 'locks'));
    this.#staging = new StagingArea(join(root, 'staging'));
  }

  /** Whether the path is whole and registered. Throws `store/bad-path` for what is no store path. */
  isValid(path: StorePath): boolean {
    return this.#find(path) !== undefined;
  }

  /** What is known of a valid path. Throws `store/bad-path` and `store/not-valid`. */
  info(path: StorePath): StoreObjectInfo {
    const info = this.#find(path);
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
    this.#register({ ...info, ...nar });
    return nar;
  }

  /**
   * Everything the object holds, its root as entry `''` (packed objects may lack one). Plain objects have canonical
   * metadata and owner 0. Throws `store/not-valid`, and `store/damaged` when a packed object's files are not whole.
   */
  tree(path: StorePath): FileTree {
    const info = this.info(path);
    const base = this.#base(path);
    let tree = this.#trees.get(path);
    if (tree === undefined) {
      tree =
        info.form === 'plain'
          ? readNarSource(toByteString(this.#plainPlace(base)))
          : this.#readPacked(path, base);
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
    return this.#plainPlace(this.#base(path));
  }

  /** The tar of a packed object, ready to be an image layer. Throws `store/not-valid`, `store/plain`, `store/damaged`. */
  packedFile(path: StorePath): PackedFile {
    const info = this.info(path);
    if (info.form === 'plain') {
      throw new TrimaranError({ code: 'store/plain', message: `${path} is not kept as an archive` });
    }
    const file = this.#tarPlace(this.#base(path));
    const size = statSync(file).size;
    if (info.tarSha256 !== undefined) return { file, size, sha256: info.tarSha256 };
    const sha256 = digestToHex(hashFile(file, 'sha256'));
    this.#register({ ...info, tarSha256: sha256 });
    return { file, size, sha256 };
  }

  /**
   * A folder (or file) on disk with the object's contents: the object itself when it is plain, else its tar unpacked
   * once, hard links included, with the tar's owners and devices when we are root and without them otherwise.
   */
  materialise(path: StorePath): string {
    if (this.info(path).form === 'plain') return this.physicalPath(path);
    const base = this.#base(path);
    const target = join(this.root, 'unpacked', base);
    if (existsSync(target)) return target;
    const temporary = this.#staging.freshPath();
    const owners = process.geteuid?.() === 0 ? 'apply' : 'ignore';
    try {
      writeDiskTree({ tree: this.tree(path), path: temporary, owners });
      mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
      moveInto(temporary, target);
    } catch (error) {
      removeDiskTree(temporary);
      const code = systemErrorCode(error);
      // Another process was as far, and quicker.
      if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw spaceError(error, this.root);
    }
    return target;
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
    try {
      const temporary = this.#staging.freshPath();
      const descriptor = openSync(temporary, 'wx', 0o444);
      try {
        writeSync(descriptor, byteStringToBuffer(text));
        fchmodSync(descriptor, 0o444);
        futimesSync(descriptor, 1, 1);
      } finally {
        closeSync(descriptor);
      }
      moveFile(temporary, this.#plainPlace(this.#base(path)));
      this.#register({
        path,
        form: 'plain',
        references: [...new Set(references)].sort(),
        contentAddress: `text:${writePrefixedHash(digest, 'nix32')}`,
      });
    } catch (error) {
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
    return this.#staging.freshPath();
  }

  /** A private place for the object that `path` is to be. */
  stage(path: StorePath): Stage {
    this.#base(path);
    const folder = this.#staging.freshPath();
    mkdirSync(folder, { mode: 0o700 });
    const plain = join(folder, 'object');
    const tar = join(folder, 'object.tar');
    const discard = () => removeDiskTree(folder);
    return {
      path,
      plain,
      tar,
      discard,
      commit: (options) => {
        try {
          return this.#find(path) ?? this.#commit(path, plain, tar, options);
        } catch (error) {
          throw spaceError(error, this.root);
        } finally {
          discard();
        }
      },
    };
  }

  /** Makes a path invalid and deletes it. Nothing checks whether others still refer to it. */
  remove(path: StorePath): void {
    const base = this.#base(path);
    this.locks.withSync({ key: `place-${base}` }, () => {
      rmSync(this.#infoPlace(base), { force: true });
      this.#known.delete(path);
      this.#trees.delete(path);
      this.#entries.delete(path);
      this.#derivations.delete(path);
      this.#clearPlaces(base);
    });
  }

  /** The name below the store directory: what files of the physical store are called. */
  #base(path: StorePath): string {
    const start = this.storeDirectory.length + 1;
    if (!path.startsWith(`${this.storeDirectory}/`)) throw badPath(path, this.storeDirectory);
    return path.slice(start);
  }

  #infoPlace(base: string): string {
    return join(this.root, 'info', `${base}.json`);
  }

  #plainPlace(base: string): string {
    return join(this.root, this.storeDirectory, base);
  }

  #tarPlace(base: string): string {
    return join(this.root, 'packed', `${base}.tar`);
  }

  #indexPlace(base: string): string {
    return join(this.root, 'packed', `${base}.index`);
  }

  /** Positive answers are kept: nothing but `remove` makes a path invalid. */
  #find(path: StorePath): StoreObjectInfo | undefined {
    let info = this.#known.get(path);
    if (info === undefined) {
      info = readObjectInfo(this.#infoPlace(this.#base(path)));
      if (info === undefined) return undefined;
      this.#known.set(path, info);
    }
    return info;
  }

  #register(info: StoreObjectInfo): void {
    const base = this.#base(info.path);
    const temporary = this.#staging.freshPath();
    const file = this.#infoPlace(base);
    try {
      writeObjectInfo(file, info, temporary);
    } catch (error) {
      if (systemErrorCode(error) !== 'ENOENT') throw error;
      mkdirSync(dirname(file), { recursive: true });
      writeObjectInfo(file, info, temporary);
    }
    this.#known.set(info.path, info);
  }

  #readPacked(path: StorePath, base: string): FileTree {
    const tar = this.#tarPlace(base);
    const file = this.#indexPlace(base);
    const index = existsSync(file) ? readTreeIndex(readFileSync(file), tar) : undefined;
    if (index === undefined || statSync(tar, { throwIfNoEntry: false })?.size !== index.tarSize) {
      throw new TrimaranError({
        code: 'store/damaged',
        message: `${path} is damaged in ${join(this.root, 'packed')}`,
        hint: `remove ${this.#infoPlace(base)} and run the command again; it is made anew then`,
        exitCode: 4,
      });
    }
    return index.tree;
  }

  #entriesOf(path: StorePath): ObjectEntries {
    let entries = this.#entries.get(path);
    if (entries === undefined) {
      entries =
        this.info(path).form === 'plain'
          ? plainEntries(this.#plainPlace(this.#base(path)))
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
    const staged = this.#staging.freshPath();
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

  #commit(path: StorePath, plain: string, tar: string, options: CommitOptions): StoreObjectInfo {
    const base = this.#base(path);
    const info: StoreObjectInfo = {
      path,
      form: options.form,
      references: [...new Set(options.references)].sort(),
      deriver: options.deriver,
      contentAddress: options.contentAddress,
      ...options.nar,
      tarSha256: options.form === 'packed' ? options.tarSha256 : undefined,
    };
    if (options.form === 'packed') {
      if (!existsSync(tar)) throw noOutput(path);
      const tree = fileTree(indexTarFileSync(tar));
      const index = `${tar}.index`;
      writeFileSync(index, writeTreeIndex(tree, statSync(tar).size), { mode: 0o444 });
      this.#place(base, info, () => {
        mkdirSync(join(this.root, 'packed'), { recursive: true });
        renameSync(tar, this.#tarPlace(base));
        renameSync(index, this.#indexPlace(base));
      });
      return this.info(path);
    }
    const stat = lstatSync(plain, { throwIfNoEntry: false });
    if (stat === undefined) throw noOutput(path);
    canonicaliseMetadata(plain);
    const target = this.#plainPlace(base);
    if (stat.isDirectory()) {
      this.#place(base, info, () => {
        moveInto(plain, target);
        sealTop(target);
      });
    } else {
      // Renaming replaces a file in one step, so rivals cannot harm each other and need no lock.
      moveInto(plain, target);
      this.#register(info);
    }
    return this.info(path);
  }

  /** Puts an object in its place and registers it, unless a rival did; what an unregistered one left there goes. */
  #place(base: string, info: StoreObjectInfo, move: () => void): void {
    this.locks.withSync({ key: `place-${base}` }, () => {
      if (this.#find(info.path) !== undefined) return;
      this.#clearPlaces(base);
      move();
      this.#register(info);
    });
  }

  #clearPlaces(base: string): void {
    const places = [
      this.#plainPlace(base),
      this.#indexPlace(base),
      this.#tarPlace(base),
      join(this.root, 'unpacked', base),
    ];
    for (const place of places) {
      if (lstatSync(place, { throwIfNoEntry: false }) === undefined) continue;
      const trash = this.#staging.freshPath();
      moveOnDisk(place, trash);
      removeDiskTree(trash);
    }
  }
}

/** A move that makes the target's folder when it is missing. */
function moveFile(from: string, to: string, rename: (from: string, to: string) => void = renameSync): void {
  try {
    rename(from, to);
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
    mkdirSync(dirname(to), { recursive: true });
    rename(from, to);
  }
}

function moveInto(from: string, to: string): void {
  moveFile(from, to, moveOnDisk);
}

function badPath(path: ByteString, storeDirectory: string): TrimaranError {
  return new TrimaranError({
    code: 'store/bad-path',
    message: `\`${fromByteString(path)}\` is not a path in ${storeDirectory}`,
  });
}

function notValid(path: StorePath): TrimaranError {
  return new TrimaranError({
    code: 'store/not-valid',
    message: `the store path ${path} does not exist here`,
    hint: 'realise its derivation first',
    exitCode: 4,
  });
}

function noOutput(path: StorePath): TrimaranError {
  return new TrimaranError({ code: 'store/no-output', message: `nothing was made for ${path}` });
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

/** Says plainly that the disk is full, as `store/no-space`; any other error as it is. */
export function spaceError(error: unknown, root: string): unknown {
  const code = systemErrorCode(error);
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return error;
  return new TrimaranError({
    code: 'store/no-space',
    message: `no space left in ${root}`,
    hint: 'free some, or set XDG_CACHE_HOME to a folder on a larger disk',
    cause: error,
    exitCode: 4,
  });
}
