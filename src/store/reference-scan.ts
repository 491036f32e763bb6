// Which store paths an output refers to: those whose hash part occurs anywhere in its NAR (in contents, link targets
// or names), as Nix finds them. Hashes the NAR on the way, since it passes by.
import { setImmediate } from 'node:timers/promises';
import { encodeNar } from '../formats/nar.ts';
import { type StorePath, storePathHash } from '../formats/store-path.ts';
import { type Digest, startHash } from '../foundation/digest.ts';
import type { FileTree } from '../foundation/file-tree.ts';

const hashLength = 32;

/** Which bytes are digits of nix-base32. */
const isDigit = new Uint8Array(256);
for (const digit of '0123456789abcdfghijklmnpqrsvwxyz') isDigit[digit.charCodeAt(0)] = 1;

export interface ScannedTree {
  /** Those of the candidates that occur, sorted. */
  readonly references: readonly StorePath[];
  readonly narDigest: Digest;
  readonly narSize: number;
}

/** Looks for the candidates' hash parts in a tree. Lets other work go on now and then. Throws as `encodeNar`. */
export async function scanReferences(tree: FileTree, candidates: Iterable<StorePath>): Promise<ScannedTree> {
  const scanner = new ReferenceScanner(candidates);
  const hash = startHash('sha256');
  let narSize = 0;
  for (const chunk of encodeNar(tree)) {
    hash.update(chunk);
    scanner.update(chunk);
    narSize += chunk.length;
    if (narSize % (1 << 24) < chunk.length) await setImmediate();
  }
  return {
    references: scanner.found(),
    narDigest: { algorithm: 'sha256', bytes: hash.digest() },
    narSize,
  };
}

/** Those of the candidates whose hash parts occur in any of these pieces, sorted. Pieces do not continue each other. */
export function referencesIn(
  pieces: Iterable<Buffer>,
  candidates: Iterable<StorePath>,
): readonly StorePath[] {
  const scanner = new ReferenceScanner(candidates);
  for (const piece of pieces) {
    scanner.update(piece);
    scanner.update(separator);
  }
  return scanner.found();
}
const separator = Buffer.alloc(hashLength);

/** Looks for hash parts in a stream of chunks, across their borders too. */
class ReferenceScanner {
  readonly #wanted = new Map<string, StorePath>();
  readonly #found: StorePath[] = [];
  #tail: Buffer = Buffer.alloc(0);

  constructor(candidates: Iterable<StorePath>) {
    for (const path of candidates) this.#wanted.set(storePathHash(path), path);
  }

  update(chunk: Buffer): void {
    if (this.#wanted.size === 0) return;
    const border = Buffer.concat([this.#tail, chunk.subarray(0, hashLength - 1)]);
    this.#search(border);
    this.#search(chunk);
    this.#tail = Buffer.from((chunk.length >= hashLength ? chunk : border).subarray(1 - hashLength));
  }

  found(): readonly StorePath[] {
    return this.#found.sort();
  }

  #search(bytes: Buffer): void {
    // Reads a window from its end, so that one byte that is no digit skips all windows that hold it.
    let start = 0;
    while (start + hashLength <= bytes.length) {
      let at = start + hashLength - 1;
      while (at >= start && isDigit[bytes[at]!] === 1) at--;
      if (at >= start) {
        start = at + 1;
        continue;
      }
      const hash = bytes.toString('latin1', start, start + hashLength);
      const path = this.#wanted.get(hash);
      if (path !== undefined) {
        this.#wanted.delete(hash);
        this.#found.push(path);
      }
      start++;
    }
  }
}
