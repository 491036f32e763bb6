// Absolute paths as texts.
import type { ByteString } from '../../foundation/byte-string.ts';

/** An absolute path without `.`, `..`, doubled or trailing slashes. */
export function normalisePath(path: ByteString): ByteString {
  if (isNormal(path)) return path;
  const parts: ByteString[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') parts.pop();
    else parts.push(part);
  }
  return `/${parts.join('/')}`;
}

function isNormal(path: ByteString): boolean {
  if (path.charCodeAt(0) !== 47 || path.length === 1) return path === '/';
  return !path.endsWith('/') && !path.includes('//') && !path.includes('/.');
}

/** The directory a path lies in; the root lies in itself. */
export function parentPath(path: ByteString): ByteString {
  const slash = path.lastIndexOf('/');
  return slash <= 0 ? '/' : path.slice(0, slash);
}

/** The last component of a path. */
export function baseName(path: ByteString): ByteString {
  return path.slice(path.lastIndexOf('/') + 1);
}
