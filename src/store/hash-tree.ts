// Hashes of trees and files: of the NAR that a tree would make, of a file's bytes.
import { closeSync, openSync, readSync } from 'node:fs';
import { type ByteString, fromByteString } from '../foundation/byte-string.ts';
import { type Digest, type HashAlgorithm, startHash } from '../foundation/digest.ts';
import { TrimaranError } from '../foundation/error.ts';
import type { FileTree } from '../foundation/file-tree.ts';
import { readContent } from './disk-tree.ts';

/** A digest and the number of bytes it was taken of. */
export interface HashedBytes {
  readonly digest: Digest;
  readonly size: number;
}

/** Hash of the NAR of a tree. Throws what the NAR writer throws for entries that NAR cannot hold. */
export function hashNar(tree: FileTree, algorithm: HashAlgorithm): HashedBytes {
  const hash = startHash(algorithm);
  let size = 0;
  for (const chunk of encodeNar(tree)) {
    hash.update(chunk);
    size += chunk.length;
  }
  return { digest: { algorithm, bytes: hash.digest() }, size };
}

/** Hash of the bytes of a tree that is one file. Throws `store/not-a-file` for any other. */
export function hashFlat(tree: FileTree, algorithm: HashAlgorithm, name: ByteString): HashedBytes {
  const root = tree[0];
  if (tree.length !== 1 || root?.kind !== 'file' || root.path !== '') {
    throw new TrimaranError({
      code: 'store/not-a-file',
      message: `${fromByteString(name)} is to be hashed as one file, and is none`,
      hint: 'hash it recursively, as a NAR',
    });
  }
  if (root.content.kind === 'region' && root.content.offset === 0) {
    return hashFile(root.content.file, algorithm);
  }
  const bytes = readContent(root.content);
  return { digest: { algorithm, bytes: startHash(algorithm).update(bytes).digest() }, size: bytes.length };
}

/** Hash of a file of the host, of any size. Throws system errors. */
export function hashFile(file: string | Buffer, algorithm: HashAlgorithm): HashedBytes {
  const hash = startHash(algorithm);
  const buffer = Buffer.allocUnsafe(1 << 20);
  const descriptor = openSync(file, 'r');
  let size = 0;
  try {
    for (;;) {
      const count = readSync(descriptor, buffer, 0, buffer.length, null);
      if (count === 0) break;
      hash.update(buffer.subarray(0, count));
      size += count;
    }
  } finally {
    closeSync(descriptor);
  }
  return { digest: { algorithm, bytes: hash.digest() }, size };
}

// TEMPORARY until formats/nar.ts
function* encodeNar(tree: FileTree): Generator<Buffer> {
  const str = (b: Buffer) => {
    const out = Buffer.alloc(8 + b.length + ((8 - (b.length % 8)) % 8));
    out.writeBigUInt64LE(BigInt(b.length));
    b.copy(out, 8);
    return out;
  };
  const s = (t: string) => str(Buffer.from(t, 'latin1'));
  const kids = new Map<string, string[]>();
  const by = new Map(tree.map((e) => [e.path, e]));
  for (const e of tree) {
    if (e.path === '') continue;
    const i = e.path.lastIndexOf('/');
    const d = i < 0 ? '' : e.path.slice(0, i);
    kids.set(d, [...(kids.get(d) ?? []), e.path]);
  }
  function* node(path: string): Generator<Buffer> {
    let e = by.get(path)!;
    if (e.kind === 'hardlink') e = by.get(e.target)!;
    yield s('(');
    yield s('type');
    if (e.kind === 'file') {
      yield s('regular');
      if (e.mode & 0o100) yield Buffer.concat([s('executable'), s('')]);
      yield s('contents');
      yield str(readContent(e.content));
    } else if (e.kind === 'symlink') yield Buffer.concat([s('symlink'), s('target'), s(e.target)]);
    else {
      yield s('directory');
      for (const k of (kids.get(path) ?? []).sort()) {
        yield Buffer.concat([s('entry'), s('('), s('name'), s(k.slice(k.lastIndexOf('/') + 1)), s('node')]);
        yield* node(k);
        yield s(')');
      }
    }
    yield s(')');
  }
  yield s('nix-archive-1');
  yield* node('');
}
