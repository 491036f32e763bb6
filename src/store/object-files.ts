// The files of a store's objects: where they lie, how they come in whole, and which are registered. See local-store.ts for
// the layout and for what readers get.

import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { StorePath } from '../formats/store-path.ts';
import { indexTarFileSync } from '../formats/tar-read.ts';
import { type ByteString, fromByteString } from '../foundation/byte-string.ts';
import { systemErrorCode, TrimaranError } from '../foundation/error.ts';
import { type FileTree, fileTree } from '../foundation/file-tree.ts';
import { canonicaliseMetadata, sealTop } from './canonical-metadata.ts';
import { moveOnDisk, removeDiskTree, writeDiskTree } from './disk-tree.ts';
import { FileLocks } from './file-lock.ts';
import { canGiveFilesAway } from './file-owners.ts';
import { noteUse } from './last-use.ts';
import { objectInfoFile, readObjectInfo, type StoreObjectInfo, writeObjectInfo } from './object-info.ts';
import { StagingArea } from './stage.ts';
import { readTreeIndex, writeTreeIndex } from './tree-index.ts';

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

/** The objects of one logical store directory below one physical root. */
export class ObjectFiles {
  readonly #root: string;
  readonly #storeDirectory: string;
  readonly #staging: StagingArea;
  readonly #known = new Map<StorePath, StoreObjectInfo>();
  /** Keys beginning with `place-` are taken by this class. */
  readonly locks: FileLocks;
  /** Whether what dead processes left has been removed; {@link StagingArea} sees to its own. */
  #isSwept = false;

  constructor({ root, storeDirectory }: { readonly root: string; readonly storeDirectory: string }) {
    this.#root = root;
    this.#storeDirectory = storeDirectory;
    this.#staging = new StagingArea(join(root, 'staging'));
    this.locks = new FileLocks(join(root, 'locks'));
  }

  /** A path on the store's file system that does not exist yet and is swept should this process die. */
  freshPath(): string {
    if (!this.#isSwept) this.locks.sweep();
    this.#isSwept = true;
    return this.#staging.freshPath();
  }

  /** The name below the store directory: what files of the physical store are called. */
  #base(path: StorePath): string {
    const start = this.#storeDirectory.length + 1;
    if (!path.startsWith(`${this.#storeDirectory}/`)) throw badPath(path, this.#storeDirectory);
    return path.slice(start);
  }

  #infoPlace(path: StorePath): string {
    this.#base(path);
    return objectInfoFile(this.#root, path);
  }

  /** Where an object's files may lie, in whatever form. */
  places(path: StorePath): string[] {
    const base = this.#base(path);
    return [
      this.#plainPlace(base),
      this.#indexPlace(base),
      this.#tarPlace(base),
      this.#unpackedPlace(base, 'ignore'),
      this.#unpackedPlace(base, 'apply'),
    ];
  }

  /** Where a plain object lies, or is to lie. */
  plainPlace(path: StorePath): string {
    return this.#plainPlace(this.#base(path));
  }

  /** Where a packed object's tar lies. */
  tarPlace(path: StorePath): string {
    return this.#tarPlace(this.#base(path));
  }

  #plainPlace(base: string): string {
    return join(this.#root, this.#storeDirectory, base);
  }

  #tarPlace(base: string): string {
    return join(this.#root, 'packed', `${base}.tar`);
  }

  #indexPlace(base: string): string {
    return join(this.#root, 'packed', `${base}.index`);
  }

  /** One place with the files' owners, which only root can give them, and one without. */
  #unpackedPlace(base: string, owners: 'apply' | 'ignore'): string {
    return join(this.#root, owners === 'apply' ? 'unpacked-with-owners' : 'unpacked', base);
  }

  /** Positive answers are kept: nothing but `remove` makes a path invalid. */
  find(path: StorePath): StoreObjectInfo | undefined {
    let info = this.#known.get(path);
    if (info === undefined) {
      const file = this.#infoPlace(path);
      info = readObjectInfo(file);
      if (info === undefined) return undefined;
      noteUse(file);
      this.#known.set(path, info);
    }
    return info;
  }

  /** The answer of the disk, which another process may have changed. */
  #findAnew(path: StorePath): StoreObjectInfo | undefined {
    this.#known.delete(path);
    return this.find(path);
  }

  /** Makes a path valid, or changes what is recorded of it. Its files are in their places by then. */
  register(info: StoreObjectInfo): void {
    const temporary = this.#staging.freshPath();
    const file = this.#infoPlace(info.path);
    try {
      mkdirSync(dirname(file), { recursive: true });
      writeObjectInfo(file, info, temporary);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    }
    this.#known.set(info.path, info);
  }

  /** The tree of a valid packed object. Throws `store/damaged`, and makes the path invalid, when its files are not whole. */
  packedTree(path: StorePath): FileTree {
    const base = this.#base(path);
    const tar = this.#tarPlace(base);
    const file = this.#indexPlace(base);
    const index = existsSync(file) ? readTreeIndex(readFileSync(file), tar) : undefined;
    if (index === undefined || statSync(tar, { throwIfNoEntry: false })?.size !== index.tarSize) {
      // What is no longer registered is made anew.
      rmSync(this.#infoPlace(path), { force: true });
      this.#known.delete(path);
      throw new TrimaranError({
        code: 'store/damaged',
        message: `${path} was damaged in ${join(this.#root, 'packed')} and is no longer taken for valid`,
        hint: 'run the command again; it is made anew then',
        exitCode: 4,
      });
    }
    return index.tree;
  }

  /** See {@link LocalStore.materialise}; for packed objects. */
  unpack(path: StorePath): string {
    const owners = canGiveFilesAway() ? 'apply' : 'ignore';
    const target = this.#unpackedPlace(this.#base(path), owners);
    if (existsSync(target)) return target;
    const temporary = this.#staging.freshPath();
    try {
      writeDiskTree({ tree: this.packedTree(path), path: temporary, owners });
      mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
      moveInto(temporary, target);
    } catch (error) {
      removeDiskTree(temporary);
      const code = systemErrorCode(error);
      // Another process was as far, and quicker.
      if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw spaceError(error, this.#root);
    }
    return target;
  }

  /** Moves a file that is whole to its plain place, unregistered as yet. Rivals may do the same at once. */
  placeFile(path: StorePath, file: string): void {
    const target = this.plainPlace(path);
    // Renaming replaces a file in one step, so rivals cannot harm each other and need no lock.
    if (!lstatSync(target, { throwIfNoEntry: false })?.isDirectory()) moveInto(file, target);
    else {
      this.#withPlace(path, () => {
        this.#clearPlaces(path);
        moveInto(file, target);
      });
    }
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
          return this.#findAnew(path) ?? this.#commit(path, plain, tar, options);
        } catch (error) {
          throw spaceError(error, this.#root);
        } finally {
          discard();
        }
      },
    };
  }

  /** Makes a path invalid and deletes it. Nothing checks whether others still refer to it. */
  remove(path: StorePath): void {
    this.#withPlace(path, () => {
      rmSync(this.#infoPlace(path), { force: true });
      this.#known.delete(path);
      this.#clearPlaces(path);
    });
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
      chmodSync(tar, 0o444);
      this.#place(info, () => {
        mkdirSync(join(this.#root, 'packed'), { recursive: true });
        renameSync(tar, this.#tarPlace(base));
        renameSync(index, this.#indexPlace(base));
      });
      return this.find(path) ?? info;
    }
    const stat = lstatSync(plain, { throwIfNoEntry: false });
    if (stat === undefined) throw noOutput(path);
    canonicaliseMetadata(plain);
    if (stat.isDirectory()) {
      const target = this.#plainPlace(base);
      this.#place(info, () => {
        moveInto(plain, target);
        sealTop(target);
      });
    } else {
      this.placeFile(path, plain);
      this.register(info);
    }
    return this.find(path) ?? info;
  }

  /** Puts an object in its place and registers it, unless a rival did; what an unregistered one left there goes. */
  #place(info: StoreObjectInfo, move: () => void): void {
    this.#withPlace(info.path, () => {
      if (this.#findAnew(info.path) !== undefined) return;
      this.#clearPlaces(info.path);
      move();
      this.register(info);
    });
  }

  #withPlace(path: StorePath, work: () => void): void {
    this.locks.withSync({ key: `place-${this.#base(path)}` }, work);
  }

  #clearPlaces(path: StorePath): void {
    for (const place of this.places(path)) {
      if (lstatSync(place, { throwIfNoEntry: false }) === undefined) continue;
      const trash = this.#staging.freshPath();
      moveOnDisk(place, trash);
      removeDiskTree(trash);
    }
  }
}

/** A move that makes the target's folder when it is missing. */
function moveInto(from: string, to: string): void {
  try {
    moveOnDisk(from, to);
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
    mkdirSync(dirname(to), { recursive: true });
    moveOnDisk(from, to);
  }
}

function badPath(path: ByteString, storeDirectory: string): TrimaranError {
  return new TrimaranError({
    code: 'store/bad-path',
    message: `\`${fromByteString(path)}\` is not a path in ${storeDirectory}`,
    hint: `name a package or a file of the project; paths of the store begin with ${storeDirectory}/`,
  });
}

function noOutput(path: StorePath): TrimaranError {
  return new TrimaranError({ code: 'store/no-output', message: `nothing was made for ${path}` });
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
