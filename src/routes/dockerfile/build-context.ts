// The build context as the engine gets it: files of a folder that .dockerignore leaves in, with times, owners and
// permissions that do not tell whose checkout it was. Files that are links out of the folder are refused where they
// would have to be followed: never, since links are sent as links.
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fromByteString, toByteString } from '../../foundation/byte-string.ts';
import { systemErrorCode, TrimaranError } from '../../foundation/error.ts';
import { type FileTree, fileTree, type TreeEntry } from '../../foundation/file-tree.ts';
import { type IgnoreRules, parseIgnoreFile } from '../../languages/dockerfile/ignore.ts';

export interface ContextOptions {
  /** Absolute path of the folder. */
  readonly directory: string;
  /** Absolute path of the Dockerfile: `NAME.dockerignore` beside it comes before the context's own. */
  readonly dockerfile?: string;
  /** Seconds since 1970 that every file gets. */
  readonly mtime: number;
}

/**
 * Reads a context: regular files 0644 or 0755 as git knows them, all owned by root; sockets and devices are left out.
 * Throws `dockerfile/no-context`, `dockerfile/ignore-pattern`, and system errors for what cannot be read.
 */
export function readBuildContext(options: ContextOptions): FileTree {
  const { directory, mtime } = options;
  let stat: ReturnType<typeof lstatSync> | undefined;
  try {
    stat = lstatSync(directory);
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
  }
  if (stat?.isDirectory() !== true && stat?.isSymbolicLink() !== true) {
    throw new TrimaranError({
      code: 'dockerfile/no-context',
      message: `the build context ${directory} is not a folder`,
      hint: 'correct `build:` in the compose file',
    });
  }
  const rules = readRules(options);
  const entries: TreeEntry[] = [];
  const visit = (path: string): boolean => {
    let kept = false;
    for (const name of readdirSync(join(directory, fromByteString(path)), 'latin1').sort()) {
      const at = path === '' ? name : `${path}/${name}`;
      const file = join(directory, fromByteString(at));
      const found = lstatSync(file);
      const ignored = rules?.ignores(fromByteString(at)) === true;
      const common = { path: at, uid: 0, gid: 0, mtime };
      if (found.isDirectory()) {
        if (ignored && rules?.hasExceptions !== true) continue;
        const place = entries.length;
        const inside = visit(at);
        if (ignored && !inside) continue;
        entries.splice(place, 0, { ...common, kind: 'directory', mode: 0o755 });
      } else if (ignored) {
        continue;
      } else if (found.isSymbolicLink()) {
        entries.push({ ...common, kind: 'symlink', mode: 0o777, target: toByteString(readlinkSync(file)) });
      } else if (found.isFile()) {
        entries.push({
          ...common,
          kind: 'file',
          mode: found.mode & 0o100 ? 0o755 : 0o644,
          content: { kind: 'region', file, offset: 0, length: found.size },
        });
      } else continue;
      kept = true;
    }
    return kept;
  };
  visit('');
  return fileTree(entries);
}

function readRules({ directory, dockerfile }: ContextOptions): IgnoreRules | undefined {
  for (const file of [
    ...(dockerfile === undefined ? [] : [`${dockerfile}.dockerignore`]),
    join(directory, '.dockerignore'),
  ]) {
    try {
      return parseIgnoreFile(readFileSync(file, 'utf8'), file);
    } catch (error) {
      if (systemErrorCode(error) !== 'ENOENT') throw error;
    }
  }
  return undefined;
}
