// The file system that a builder sees: its inputs below the store directory, its outputs, and its temporary folder.
// Everything else does not exist, and nothing else can be written.
import {
  chmodSync,
  cpSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, posix } from 'node:path';
import type { StorePath } from '../../formats/store-path.ts';
import { systemErrorCode } from '../../foundation/error.ts';
import type { FileStatus } from '../../languages/scheme/host.ts';
import type { LocalStore } from '../../store/local-store.ts';
import type { BuilderRequest } from './builder-request.ts';

/** The builder's current folder as it sees it. */
export const buildFolder = '/tmp/guix-build';

/** Links followed on the way to one file. */
const mostLinks = 40;

/** A denied or failed file operation, as Guile reports it. */
export interface FileFailure {
  readonly operation: string;
  readonly path: string;
  readonly errno: number;
  readonly message: string;
}

export class BuilderFiles {
  cwd = buildFolder;
  readonly #request: BuilderRequest;
  readonly #store: LocalStore;
  readonly #readable: ReadonlySet<string>;
  readonly #fail: (failure: FileFailure) => Error;

  constructor(options: {
    readonly request: BuilderRequest;
    readonly store: LocalStore;
    /** Makes the exception that the program gets. */
    readonly fail: (failure: FileFailure) => Error;
  }) {
    this.#request = options.request;
    this.#store = options.store;
    this.#readable = new Set(options.request.readable);
    this.#fail = options.fail;
  }

  readFile(path: string): Buffer | undefined {
    return this.#read(path, 'follow', (place) => readFileSync(place));
  }

  status(path: string, links: 'follow' | 'keep'): FileStatus | undefined {
    if (this.#isAbove(this.#logical(path))) return { kind: 'directory', size: 0, mode: 0o755, mtime: 1 };
    return this.#read(path, links, (place) => {
      const found = lstatSync(place);
      const kind = found.isFile()
        ? 'file'
        : found.isDirectory()
          ? 'directory'
          : found.isSymbolicLink()
            ? 'symlink'
            : 'other';
      return { kind, size: found.size, mode: found.mode, mtime: 1 } as const;
    });
  }

  list(path: string): string[] | undefined {
    const own = this.#logical(path);
    if (own === this.#request.storeDirectory) {
      return this.#request.readable.map((item) => item.slice(own.length + 1)).sort();
    }
    return this.#read(path, 'follow', (place) => readdirSync(place).sort());
  }

  readLink(path: string): string | undefined {
    return this.#read(path, 'keep', (place) => readlinkSync(place));
  }

  writeFile(path: string, data: Uint8Array): void {
    this.#write('open-file', path, (place) => writeFileSync(place, data));
  }

  makeDirectory(path: string): void {
    this.#write('mkdir', path, (place) => mkdirSync(place));
  }

  remove(path: string): void {
    this.#write('delete-file', path, (place) =>
      lstatSync(place).isDirectory() ? rmdirSync(place) : unlinkSync(place),
    );
  }

  symlink(target: string, path: string): void {
    this.#write('symlink', path, (place) => symlinkSync(target, place));
  }

  chmod(path: string, mode: number): void {
    this.#write('chmod', path, (place) => chmodSync(place, mode & 0o777));
  }

  copy(from: string, to: string): void {
    const source = this.#place(from, 'follow');
    if (source === undefined) throw this.#missing('copy-file', from);
    this.#write('copy-file', to, (place) => {
      cpSync(source, place, { dereference: true });
      chmodSync(place, (statSync(source).mode & 0o111) === 0 ? 0o644 : 0o755);
    });
  }

  rename(from: string, to: string): void {
    this.#write('rename-file', from, (source) =>
      this.#write('rename-file', to, (target) => renameSync(source, target)),
    );
  }

  change(path: string): void {
    if (this.status(path, 'follow')?.kind !== 'directory') throw this.#missing('chdir', path);
    this.cwd = this.#logical(path);
  }

  /** Whether a folder is there only because something lies in it. */
  #isAbove(path: string): boolean {
    return [this.#request.storeDirectory, '/tmp'].some(
      (place) => place === path || place.startsWith(`${path === '/' ? '' : path}/`),
    );
  }

  #missing(operation: string, path: string): Error {
    return this.#fail({ operation, path, errno: 2, message: 'No such file or directory' });
  }

  #logical(path: string): string {
    return posix.resolve(this.cwd, path);
  }

  #read<Result>(path: string, links: 'follow' | 'keep', work: (place: string) => Result): Result | undefined {
    const place = this.#place(path, links);
    if (place === undefined) return undefined;
    try {
      return work(place);
    } catch (error) {
      const code = systemErrorCode(error);
      if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR' || code === 'EINVAL') return undefined;
      throw error;
    }
  }

  /** Where a path lies on this machine, links followed as the builder sees them. */
  #place(path: string, links: 'follow' | 'keep'): string | undefined {
    let parts = this.#logical(path)
      .split('/')
      .filter((part) => part !== '');
    let logical = '';
    for (let count = 0; parts.length > 0; ) {
      const [part, ...rest] = parts as [string, ...string[]];
      const next = `${logical}/${part}`;
      const place = this.#own(next);
      const isLink =
        place !== undefined &&
        (rest.length > 0 || links === 'follow') &&
        lstatSync(place, { throwIfNoEntry: false })?.isSymbolicLink() === true;
      if (!isLink) {
        logical = next;
        parts = rest;
        continue;
      }
      if (++count > mostLinks) return undefined;
      const target = posix.resolve(dirname(next), readlinkSync(place));
      parts = [...target.split('/').filter((item) => item !== ''), ...rest];
      logical = '';
    }
    return this.#own(logical);
  }

  /** The physical place of a logical path that has no links above its last part. */
  #own(path: string): string | undefined {
    const { storeDirectory, outputs, folder } = this.#request;
    if (path === buildFolder || path.startsWith(`${buildFolder}/`))
      return join(folder, path.slice(buildFolder.length));
    if (!path.startsWith(`${storeDirectory}/`)) return undefined;
    const end = path.indexOf('/', storeDirectory.length + 1);
    const object = end < 0 ? path : path.slice(0, end);
    const rest = end < 0 ? '' : path.slice(end);
    const output = outputs[object];
    if (output !== undefined) return `${output}${rest}`;
    return this.#readable.has(object) ? `${this.#store.materialise(object as StorePath)}${rest}` : undefined;
  }

  #write(operation: string, path: string, work: (place: string) => void): void {
    const logical = this.#logical(path);
    const parent = this.#place(dirname(logical), 'follow');
    const isOutput = this.#request.outputs[logical] !== undefined;
    const place = isOutput
      ? this.#own(logical)
      : parent === undefined
        ? undefined
        : join(parent, posix.basename(logical));
    if (place === undefined || !this.#isWritable(place)) {
      throw this.#fail({ operation, path, errno: 13, message: 'Permission denied' });
    }
    try {
      work(place);
    } catch (error) {
      const code = systemErrorCode(error);
      if (code === 'ENOENT' || code === 'ENOTDIR') throw this.#missing(operation, path);
      if (code === 'EEXIST') throw this.#fail({ operation, path, errno: 17, message: 'File exists' });
      if (code === 'EISDIR') throw this.#fail({ operation, path, errno: 21, message: 'Is a directory' });
      if (code === 'ENOTEMPTY')
        throw this.#fail({ operation, path, errno: 39, message: 'Directory not empty' });
      throw error;
    }
  }

  #isWritable(place: string): boolean {
    const { outputs, folder } = this.#request;
    return [folder, ...Object.values(outputs)].some((root) => place === root || place.startsWith(`${root}/`));
  }
}
