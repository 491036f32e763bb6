// Between a tree as data and files on disk: reads what lies below a path, writes a tree to a new path. Extended
// attributes are neither read nor written, since Node.js has no call for them.
import {
  chmodSync,
  chownSync,
  closeSync,
  copyFileSync,
  fchmodSync,
  fchownSync,
  futimesSync,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  renameSync,
  rmSync,
  type Stats,
  symlinkSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { type ByteString, fromByteString, toByteString, toFilePath } from '../foundation/byte-string.ts';
import { systemErrorCode, TrimaranError } from '../foundation/error.ts';
import { type Content, type FileTree, fileTree, type TreeEntry } from '../foundation/file-tree.ts';

/**
 * The tree at and below a path of the host (its root is the entry `''`) with permissions, owners and times as they are,
 * contents as regions of its files, and second names of a file as hard links. Sockets are left out. Throws system errors.
 * What a store path would make of the same files is for `readNarSource` of formats/nar.ts.
 */
export function readDiskTree(path: string): FileTree {
  const base = toByteString(path);
  const entries: TreeEntry[] = [];
  const inodes = new Map<ByteString, string>();
  const waiting: ByteString[] = [''];
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    const file = toFilePath(at === '' ? base : `${base}/${at}`);
    const stat = lstatSync(file);
    const kind = kindOf(stat);
    const common = {
      path: at,
      mode: stat.mode & 0o7777,
      uid: stat.uid,
      gid: stat.gid,
      mtime: Math.floor(stat.mtimeMs / 1000),
    };
    switch (kind) {
      case 'file': {
        const content = { kind: 'region', file, offset: 0, length: stat.size } as const;
        entries.push({ ...common, kind, content });
        break;
      }
      case 'directory':
        entries.push({ ...common, kind });
        for (const name of readdirSync(file, 'latin1')) waiting.push(at === '' ? name : `${at}/${name}`);
        break;
      case 'symlink':
        entries.push({ ...common, kind, mode: 0o777, target: readlinkSync(file, 'latin1') });
        break;
      case 'fifo':
        entries.push({ ...common, kind });
        break;
      case undefined:
        break;
      default:
        entries.push({ ...common, kind, ...deviceNumbers(stat.rdev) });
    }
    if (kind === 'file' && stat.nlink > 1) {
      inodes.set(at, `${stat.dev}:${stat.ino}`);
    }
  }
  // The first name by byte is the file, whatever order the disk lists them in.
  const first = new Map<string, ByteString>();
  return fileTree(entries).map((entry) => {
    const inode = inodes.get(entry.path);
    if (inode === undefined || entry.kind !== 'file') return entry;
    const target = first.get(inode);
    if (target === undefined) {
      first.set(inode, entry.path);
      return entry;
    }
    const { content: _, ...common } = entry;
    return { ...common, kind: 'hardlink', target };
  });
}

function kindOf(stat: Stats): Exclude<TreeEntry['kind'], 'hardlink'> | undefined {
  if (stat.isFile()) return 'file';
  if (stat.isDirectory()) return 'directory';
  if (stat.isSymbolicLink()) return 'symlink';
  if (stat.isFIFO()) return 'fifo';
  if (stat.isCharacterDevice()) return 'character-device';
  if (stat.isBlockDevice()) return 'block-device';
  return undefined;
}

/** Linux packs a device number as 12 bits of major within 20 bits of minor (makedev(3)). */
function deviceNumbers(rdev: number): { major: number; minor: number } {
  return { major: (rdev >>> 8) & 0xfff, minor: (rdev & 0xff) | ((rdev >>> 12) & 0xfff00) };
}

export interface WriteDiskTreeOptions {
  readonly tree: FileTree;
  /** Must not exist; its parent must. */
  readonly path: string;
  /**
   * `apply` gives entries the tree's owners and device nodes, for which one must be root; `ignore` leaves them ours,
   * and devices out.
   */
  readonly owners: 'apply' | 'ignore';
}

/**
 * Writes a tree to a path that does not exist yet, with permissions and times of the tree. Folders that the tree implies
 * but does not list get mode 0755; a tree of nothing is an empty folder. Nothing is written outside the path whatever the tree says.
 *
 * Throws `store/unsafe-tree` for names such as `..` and for entries below something that is no folder, and system
 * errors; what was written until then stays.
 */
export function writeDiskTree({ tree, path, owners }: WriteDiskTreeOptions): void {
  const base = toByteString(path);
  const place = (entryPath: ByteString) => toFilePath(entryPath === '' ? base : `${base}/${entryPath}`);
  const apply = owners === 'apply';
  const folders = new Map<ByteString, TreeEntry | undefined>();
  const copier = new RegionCopier();
  const hardLinks: TreeEntry[] = [];
  const requireFolder = (entryPath: ByteString, asked: ByteString) => {
    if (folders.has(entryPath)) return;
    if (entryPath !== '') requireFolder(parentOf(entryPath), asked);
    try {
      mkdirSync(place(entryPath), 0o755);
    } catch (error) {
      if (systemErrorCode(error) !== 'EEXIST') throw error;
      throw unsafeTree(asked);
    }
    folders.set(entryPath, undefined);
  };
  try {
    if (tree.length === 0) requireFolder('', '');
    for (const entry of tree) {
      if (!isSafe(entry.path)) throw unsafeTree(entry.path);
      if (entry.path !== '') requireFolder(parentOf(entry.path), entry.path);
      const target = place(entry.path);
      switch (entry.kind) {
        case 'directory':
          mkdirSync(target, 0o700);
          folders.set(entry.path, entry);
          break;
        case 'file':
          copier.write(entry.content, target, (descriptor) => {
            // Changing the owner clears set-id bits, so the mode comes after it.
            if (apply && (entry.uid !== 0 || entry.gid !== 0)) fchownSync(descriptor, entry.uid, entry.gid);
            fchmodSync(descriptor, entry.mode);
            futimesSync(descriptor, entry.mtime, entry.mtime);
          });
          break;
        case 'symlink':
          symlinkSync(toFilePath(entry.target), target);
          if (apply && (entry.uid !== 0 || entry.gid !== 0)) lchownSync(target, entry.uid, entry.gid);
          lutimesSync(target, entry.mtime, entry.mtime);
          break;
        case 'hardlink':
          hardLinks.push(entry);
          break;
        default:
          if (apply) throw unsupportedNode(entry.path);
      }
    }
    for (const entry of hardLinks) {
      if (entry.kind !== 'hardlink') continue;
      if (!isSafe(entry.target)) throw unsafeTree(entry.path);
      for (let at = parentOf(entry.target); at !== ''; at = parentOf(at)) {
        if (!folders.has(at)) throw unsafeTree(entry.path);
      }
      linkSync(place(entry.target), place(entry.path));
    }
  } finally {
    copier.close();
  }
  for (const [folder, entry] of [...folders].reverse()) {
    if (entry === undefined) continue;
    if (apply) chownSync(place(folder), entry.uid, entry.gid);
    chmodSync(place(folder), entry.mode);
    utimesSync(place(folder), entry.mtime, entry.mtime);
  }
}

function parentOf(path: ByteString): ByteString {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? '' : path.slice(0, slash);
}

function isSafe(path: ByteString): boolean {
  return path === '' || !/(^|\/)(\.{0,2})(\/|$)|\0/.test(path);
}

function unsafeTree(path: ByteString): TrimaranError {
  return new TrimaranError({
    code: 'store/unsafe-tree',
    message: `a tree has the entry \`${fromByteString(path)}\`, which would be written outside its target`,
    hint: 'the archive that it comes from is damaged or hostile',
  });
}

function unsupportedNode(path: ByteString): TrimaranError {
  return new TrimaranError({
    code: 'store/unsupported-file-type',
    message: `cannot make the device or pipe ${fromByteString(path)}`,
    hint: 'leave it out; container engines make /dev themselves',
  });
}

/** Writes contents to new files, keeping the file it last copied from open: neighbours mostly share a tar. */
class RegionCopier {
  #source: { readonly name: string; readonly descriptor: number } | undefined;
  readonly #buffer = Buffer.allocUnsafe(1 << 18);

  write(content: Content, target: string | Buffer, finish: (descriptor: number) => void): void {
    if (content.kind === 'region' && content.offset === 0 && content.length > this.#buffer.length) {
      // The kernel copies whole files faster, or shares their blocks.
      const whole = lstatSync(content.file);
      if (whole.isFile() && whole.size === content.length) {
        copyFileSync(content.file, target);
        chmodSync(target, 0o600);
        const descriptor = openSync(target, 'r+');
        try {
          finish(descriptor);
        } finally {
          closeSync(descriptor);
        }
        return;
      }
    }
    const descriptor = openSync(target, 'wx', 0o600);
    try {
      if (content.kind === 'bytes') writeFully(descriptor, content.bytes);
      else this.#copy(content, descriptor);
      finish(descriptor);
    } finally {
      closeSync(descriptor);
    }
  }

  #copy(content: Extract<Content, { kind: 'region' }>, descriptor: number): void {
    const source = this.#open(content.file);
    for (let done = 0; done < content.length; ) {
      const wanted = Math.min(this.#buffer.length, content.length - done);
      const count = readSync(source, this.#buffer, 0, wanted, content.offset + done);
      if (count === 0) throw shrank(content.file);
      writeFully(descriptor, this.#buffer.subarray(0, count));
      done += count;
    }
  }

  #open(file: string | Buffer): number {
    const name = file.toString('latin1');
    if (this.#source?.name !== name) {
      this.close();
      this.#source = { name, descriptor: openSync(file, 'r') };
    }
    return this.#source!.descriptor;
  }

  close(): void {
    if (this.#source !== undefined) closeSync(this.#source.descriptor);
    this.#source = undefined;
  }
}

function writeFully(descriptor: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done);
}

function shrank(file: string | Buffer): TrimaranError {
  return new TrimaranError({
    code: 'store/file-changed',
    message: `${file.toString()} became shorter while it was copied`,
    hint: 'run the command again once nothing writes to it',
    exitCode: 4,
  });
}

/** Bytes of a file's content. Throws `store/file-changed` when the file is shorter than the content says. */
export function readContent(content: Content): Buffer {
  if (content.kind === 'bytes') {
    return Buffer.from(content.bytes.buffer, content.bytes.byteOffset, content.bytes.byteLength);
  }
  const bytes = Buffer.allocUnsafe(content.length);
  const descriptor = openSync(content.file, 'r');
  try {
    for (let done = 0; done < content.length; ) {
      const count = readSync(descriptor, bytes, done, content.length - done, content.offset + done);
      if (count === 0) throw shrank(content.file);
      done += count;
    }
  } finally {
    closeSync(descriptor);
  }
  return bytes;
}

/**
 * Renames a file or folder on one disk. Moving a folder elsewhere rewrites its `..`, for which one needs permission to
 * write to it unless one is root; the permissions are the same afterwards.
 */
export function moveOnDisk(from: string, to: string): void {
  const stat = lstatSync(from);
  const locked = stat.isDirectory() && (stat.mode & 0o200) === 0;
  if (locked) chmodSync(from, 0o755);
  renameSync(from, to);
  if (locked) chmodSync(to, stat.mode & 0o7777);
}

/** Removes whatever lies at a path, read-only folders included. Nothing there is no error. */
export function removeDiskTree(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch (error) {
    const code = systemErrorCode(error);
    if (code !== 'EACCES' && code !== 'EPERM' && code !== 'ENOTEMPTY') throw error;
    // Only root may delete from a folder that has no write permission.
    makeFoldersWritable(toByteString(path));
    rmSync(path, { recursive: true, force: true });
  }
}

function makeFoldersWritable(path: ByteString): void {
  const file = toFilePath(path);
  if (!lstatSync(file).isDirectory()) return;
  chmodSync(file, 0o700);
  for (const name of readdirSync(file, 'latin1')) makeFoldersWritable(`${path}/${name}`);
}
