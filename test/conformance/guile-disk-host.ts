// A host for Scheme programs in tests: reads the real disk, writes nowhere unless told.
import {
  chmodSync,
  lstatSync,
  lutimesSync,
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
import type { SchemeHost } from '../../src/languages/scheme/host.ts';

const attempt = <Result>(work: () => Result): Result | undefined => {
  try {
    return work();
  } catch {
    return undefined;
  }
};

/** Files of the disk, an empty environment, printed text to `stdout`. */
export function diskHost(options: {
  readonly stdout: (text: string) => void;
  readonly loadPath?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}): SchemeHost {
  return {
    readFile: (path) => attempt(() => (statSync(path).isDirectory() ? undefined : readFileSync(path))),
    writeFile: (path, data) => writeFileSync(path, data),
    stat: (path) =>
      attempt(() => {
        const status = lstatSync(path);
        return {
          kind: status.isDirectory()
            ? 'directory'
            : status.isSymbolicLink()
              ? 'symlink'
              : status.isFile()
                ? 'file'
                : 'other',
          size: status.size,
          mode: status.mode & 0o7777,
          mtime: Math.floor(status.mtimeMs / 1000),
          device: status.dev,
          inode: status.ino,
        };
      }),
    listDirectory: (path) => attempt(() => readdirSync(path)),
    readLink: (path) => attempt(() => readlinkSync(path)),
    makeDirectory: (path) => mkdirSync(path),
    remove: (path) => (lstatSync(path).isDirectory() ? rmdirSync(path) : unlinkSync(path)),
    symlink: (target, path) => symlinkSync(target, path),
    changeMode: (path, mode) => chmodSync(path, mode),
    changeTime: (path, mtime) => lutimesSync(path, mtime, mtime),
    rename: (from, to) => renameSync(from, to),
    env: options.env ?? {},
    cwd: process.cwd(),
    now: Date.now,
    loadPath: options.loadPath ?? [],
    stdout: options.stdout,
    stderr: () => {},
  };
}
