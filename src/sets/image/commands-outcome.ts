// What a recipe's commands leave at the root of an image, as it lies over packages: the store paths that it names, and links
// that would lead to themselves there, because a package's store path stands for the root.

import { type ByteString, byteStringToBuffer } from '../../foundation/byte-string.ts';
import { isTrimaranError } from '../../foundation/error.ts';
import type { FileTree, TreeEntry } from '../../foundation/file-tree.ts';
import { readContent } from '../../store/disk-tree.ts';
import type { LocalStore } from '../../store/local-store.ts';

/** Where the store's links for packages lead from, which are no words of a recipe. */
const storeFolder = /^nix\/store\//;

/** Bytes of a file that are looked at together, and those that the next piece has again, at least a name's length. */
const pieceLength = 1 << 22;
const overlap = 64;

/** The contents of files and the targets of links in pieces that overlap, for a look at what they name. */
export function* textsOf(tree: FileTree): Generator<Buffer, void, undefined> {
  for (const entry of tree) {
    if (storeFolder.test(entry.path)) continue;
    if (entry.kind === 'symlink') yield byteStringToBuffer(entry.target);
    if (entry.kind !== 'file') continue;
    const { content } = entry;
    if (content.kind === 'bytes') yield readContent(content);
    else {
      for (let start = 0; start < content.length; start += pieceLength) {
        const length = Math.min(pieceLength + overlap, content.length - start);
        yield readContent({ ...content, offset: content.offset + start, length });
      }
    }
  }
}

/** More links than the kernel follows. */
const mostLinks = 41;

/**
 * The tree without links that lead to no end: what they were to stand for lies at their place already, in packages or in
 * `before`, the tree that the commands found.
 */
export function withoutLoops(tree: FileTree, before: FileTree, store: LocalStore): FileTree {
  const links = new Map(
    tree.flatMap((entry) => (entry.kind === 'symlink' ? [[entry.path, entry.target] as const] : [])),
  );
  const merged = /^(?:bin|sbin|lib|lib32|lib64|libx32|include|libexec|share)(?=\/)/;
  const storeStart = `${store.storeDirectory.slice(1)}/`;
  const next = (path: ByteString): ByteString | undefined => {
    const target = links.get(path);
    if (target !== undefined) return resolved(path, target);
    const [, name, rest] =
      /^([^/]+)\/(.+)$/.exec(path.startsWith(storeStart) ? path.slice(storeStart.length) : '') ?? [];
    if (name === undefined) return undefined;
    if (links.get(`${storeStart}${name}`) === '/') return rest;
    const entry = entryIn(store, `${store.storeDirectory}/${name}/${rest}`);
    return entry?.kind === 'symlink' ? resolved(path, entry.target) : undefined;
  };
  const isLoop = (start: ByteString) => {
    let path: ByteString | undefined = start;
    for (let step = 0; step < mostLinks; step++) {
      path = next(path)?.replace(merged, 'usr/$&');
      if (path === undefined) return false;
      if (path === start) return true;
    }
    return true;
  };
  const earlier = new Map(before.map((entry) => [entry.path, entry]));
  return tree.flatMap((entry) => {
    if (entry.kind !== 'symlink' || !isLoop(entry.path)) return [entry];
    const found = earlier.get(entry.path);
    return found === undefined ? [] : [found];
  });
}

/** An entry of the store; undefined where a path leads out of it, or names what it does not have. */
function entryIn(store: LocalStore, path: ByteString): TreeEntry | undefined {
  try {
    return store.lstat(path);
  } catch (error) {
    if (isTrimaranError(error) && error.code.startsWith('store/')) return undefined;
    throw error;
  }
}

/** Where a link leads, as a path without a slash in front. */
function resolved(path: ByteString, target: ByteString): ByteString {
  const parts: string[] = target.startsWith('/') ? [] : path.split('/').slice(0, -1);
  for (const part of target.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/');
}
