// Hashes of files' bytes, as flat fixed outputs have them (formats/nar.ts hashes trees).
import { closeSync, openSync, readSync } from 'node:fs';
import { type ByteString, fromByteString } from '../foundation/byte-string.ts';
import { type Digest, type HashAlgorithm, startHash } from '../foundation/digest.ts';
import { TrimaranError } from '../foundation/error.ts';
import type { FileTree } from '../foundation/file-tree.ts';
import { readContent } from './disk-tree.ts';

/** Hash of the bytes of a tree that is one file. Throws `store/not-a-file` for any other. */
export function hashFlat(tree: FileTree, algorithm: HashAlgorithm, name: ByteString): Digest {
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
  return { algorithm, bytes: startHash(algorithm).update(bytes).digest() };
}

/** Hash of a file of the host, of any size. Throws system errors. */
export function hashFile(file: string | Buffer, algorithm: HashAlgorithm): Digest {
  const hash = startHash(algorithm);
  const buffer = Buffer.allocUnsafe(1 << 20);
  const descriptor = openSync(file, 'r');
  try {
    for (;;) {
      const count = readSync(descriptor, buffer, 0, buffer.length, null);
      if (count === 0) break;
      hash.update(buffer.subarray(0, count));
    }
  } finally {
    closeSync(descriptor);
  }
  return { algorithm, bytes: hash.digest() };
}
