// What Scheme programs of the user reach: files of this machine, read only, and package modules by any name. Files
// that were looked at are noted, so that a later run can tell whether anything has changed.
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { writeCacheFile } from '../../foundation/atomic-file.ts';
import { systemErrorCode } from '../../foundation/error.ts';
import type { SchemeHost } from '../../languages/scheme/host.ts';

/** Where package modules are that no file holds. */
const packageModuleFolder = '/trimaran/package-modules';

export interface SchemeHostOptions {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Folders of modules of the user's own. */
  readonly loadPath: readonly string[];
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Milliseconds that count against a program's time. */
  readonly elapsed: () => number;
  /** Gets the name of every variable of the environment that was asked for; undefined for all. */
  readonly sawVariable: (name: string | undefined) => void;
  readonly note: (text: string) => void;
  /** Gets the absolute path of every file that was looked at, there or not. */
  readonly sawFile: (path: string) => void;
  /** Folder where expansions of Scheme are kept; made when there is something to keep. */
  readonly expansions: string;
  /** The text of a module that no file holds, by its path on the load path. */
  readonly moduleText: (path: string) => string | undefined;
}

/** A {@link SchemeHost} on this machine. */
export function createSchemeHost(options: SchemeHostOptions): SchemeHost {
  const { cwd } = options;
  const seen = (path: string) => {
    const absolute = resolve(cwd, path);
    options.sawFile(absolute);
    return absolute;
  };
  return {
    cwd,
    env: options.env,
    now: options.now,
    elapsed: options.elapsed,
    sawVariable: options.sawVariable,
    loadPath: [...options.loadPath, packageModuleFolder],
    readFile: (path) => {
      if (path.startsWith(`${packageModuleFolder}/`)) {
        const text = options.moduleText(path.slice(packageModuleFolder.length + 1));
        return text === undefined ? undefined : Buffer.from(text, 'utf8');
      }
      return unlessMissing(() => readFileSync(seen(path)));
    },
    stat: (path) => {
      const found = unlessMissing(() => lstatSync(seen(path)));
      if (found === undefined) return undefined;
      return {
        kind: found.isFile()
          ? 'file'
          : found.isDirectory()
            ? 'directory'
            : found.isSymbolicLink()
              ? 'symlink'
              : 'other',
        size: found.size,
        mode: found.mode,
        mtime: Math.floor(found.mtimeMs / 1000),
      };
    },
    listDirectory: (path) => unlessMissing(() => readdirSync(seen(path))),
    ...keptExpansions(options.expansions),
    readLink: (path) => unlessMissing(() => readlinkSync(seen(path))),
    stdout: options.note,
    stderr: options.note,
  };
}

/** Files kept before all are forgotten: every edit of a manifest leaves one behind. */
const keptAtMost = 2000;

function keptExpansions(folder: string): Required<Pick<SchemeHost, 'readExpansion' | 'keepExpansion'>> {
  return {
    readExpansion: (key) => unlessMissing(() => readFileSync(join(folder, key))),
    keepExpansion: (key, data) => {
      try {
        if (!existsSync(folder)) {
          // What another version of this program kept is of no use to this one.
          rmSync(dirname(folder), { recursive: true, force: true });
        } else if (readdirSync(folder).length > keptAtMost) {
          for (const name of readdirSync(folder)) rmSync(join(folder, name), { force: true });
        }
        writeCacheFile(join(folder, key), data);
      } catch (error) {
        // Without what is kept the next run takes longer, and no more than that.
        if (systemErrorCode(error) === undefined) throw error;
      }
    },
  };
}

function unlessMissing<Result>(work: () => Result): Result | undefined {
  try {
    return work();
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR' || code === 'EINVAL') return undefined;
    throw error;
  }
}
