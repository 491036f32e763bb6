// Files as expressions see them: links followed the way Nix follows them, the evaluator's own files, and access
// refused where pure mode forbids it. All paths are absolute and normalised.
import type { ByteString } from '../../foundation/byte-string.ts';
import type { NixFileType } from './host.ts';
import type { Interpreter } from './interpreter.ts';
import { baseName, normalisePath, parentPath } from './paths.ts';

const maximumLinks = 1024;

function join(directory: ByteString, name: ByteString): ByteString {
  return directory === '/' ? `/${name}` : `${directory}/${name}`;
}

/** A path in which no component is a symbolic link. Components that do not exist are kept. */
export function resolveSymlinks(it: Interpreter, path: ByteString): ByteString {
  const known = it.resolvedPaths.get(path);
  if (known !== undefined) return known;
  const resolved = resolve(it, path, true);
  it.resolvedPaths.set(path, resolved);
  return resolved;
}

/** A path whose last component may be a link, but no other. */
export function resolveAncestors(it: Interpreter, path: ByteString): ByteString {
  if (path === '/') return path;
  return join(resolveSymlinks(it, parentPath(path)), baseName(path));
}

function resolve(it: Interpreter, path: ByteString, last: boolean): ByteString {
  const todo = path.split('/').filter((part) => part !== '');
  let done: ByteString = '/';
  let links = 0;
  for (let part = todo.shift(); part !== undefined; part = todo.shift()) {
    if (part === '.') continue;
    if (part === '..') {
      done = parentPath(done);
      continue;
    }
    const next = join(done, part);
    if (!last && todo.length === 0) return next;
    if (it.lstat(next)?.type !== 'symlink') {
      done = next;
      continue;
    }
    if (++links > maximumLinks) throw it.error('other', `infinite symlink recursion in path '${path}'`);
    const target = it.host.readLink(next);
    todo.unshift(...target.split('/').filter((piece) => piece !== ''));
    if (target.startsWith('/')) done = '/';
  }
  return done;
}

/** The file that `import` reads for a path: links followed, `default.nix` added to a directory. */
export function resolveExpressionPath(it: Interpreter, path: ByteString): ByteString {
  let current = path;
  for (let links = 0; current !== '/'; links++) {
    if (links > maximumLinks) {
      throw it.error('other', `too many symbolic links encountered while traversing the path '${path}'`);
    }
    const actual = resolveAncestors(it, current);
    const stat = it.requireFile(actual, current);
    if (stat.type !== 'symlink') break;
    current = normalisePath(absoluteFrom(parentPath(current), it.host.readLink(actual)));
  }
  const resolved = resolveSymlinks(it, current);
  return it.requireFile(resolved, current).type === 'directory' ? join(current, 'default.nix') : current;
}

function absoluteFrom(directory: ByteString, target: ByteString): ByteString {
  return target.startsWith('/') ? target : join(directory, target);
}

/** The bytes of a regular file, links followed. */
export function readRegularFile(it: Interpreter, path: ByteString): ByteString {
  return it.readFile(requireRegularFile(it, path));
}

/** Where a regular file lies, links followed. */
export function requireRegularFile(it: Interpreter, path: ByteString): ByteString {
  const resolved = resolveSymlinks(it, path);
  const { type } = it.requireFile(resolved, path);
  if (type !== 'regular') throw it.error('other', `path '${path}' is not a regular file`);
  return resolved;
}

/** Names in a directory and what they are. */
export function readDirectory(
  it: Interpreter,
  path: ByteString,
): readonly { readonly name: ByteString; readonly type: NixFileType }[] {
  const resolved = resolveSymlinks(it, path);
  const stat = it.requireFile(resolved, path);
  if (stat.type !== 'directory') throw it.error('other', `'${path}' is not a directory`);
  return it.host.readDirectory(resolved);
}
