// Fixed outputs: what a derivation promises of one, and whether what was made keeps the promise.

import type { Derivation, DerivationOutput } from '../formats/derivation.ts';
import { parseHash, parseHashAlgorithm, writeHash, writePrefixedHash } from '../formats/hash-text.ts';
import { hashNarOfTree } from '../formats/nar.ts';
import { type StorePath, splitMethodAndAlgorithm, storePathName } from '../formats/store-path.ts';
import { fromByteString } from '../foundation/byte-string.ts';
import { type Digest, digestsEqual, type HashAlgorithm } from '../foundation/digest.ts';
import { TrimaranError } from '../foundation/error.ts';
import type { FileTree } from '../foundation/file-tree.ts';
import { hashFlat } from './hash-file.ts';

/** Whether what a derivation makes is known by its hash: a fetch, for the most part. */
export function hasFixedOutput({ outputs }: Derivation): boolean {
  return [...outputs.values()].some(({ hash }) => hash !== '' && hash !== 'impure');
}

/** How a fixed output is hashed, and to what. */
export interface FixedOutput {
  readonly method: 'flat' | 'nar';
  readonly digest: Digest;
}

/**
 * What an output is fixed to, or undefined for one that is not fixed. Throws `store/unsupported-output` for methods
 * other than flat and NAR, and `hash/…`.
 */
export function fixedOutputOf(output: DerivationOutput): FixedOutput | undefined {
  if (output.hash === '' || output.hashAlgorithm === '') return undefined;
  const { method, algorithm } = splitMethodAndAlgorithm(output.hashAlgorithm);
  if (method !== 'flat' && method !== 'nar') {
    throw new TrimaranError({
      code: 'store/unsupported-output',
      message: `fixed outputs hashed by the method '${method}' are not supported`,
      hint: 'use outputHashMode "flat" or "recursive"',
    });
  }
  const name: HashAlgorithm = parseHashAlgorithm(algorithm);
  return { method, digest: parseHash(output.hash, { algorithm: name }) };
}

/** Hash of what was made, by the method of the promise. */
export function hashByMethod(tree: FileTree, fixed: FixedOutput, path: StorePath): Digest {
  const { algorithm } = fixed.digest;
  return fixed.method === 'nar'
    ? hashNarOfTree(tree, { algorithm }).digest
    : hashFlat(tree, algorithm, storePathName(path));
}

/** Throws `store/hash-mismatch`, in Nix's words, unless the two digests are one. */
export function requireFixedHash(options: {
  readonly derivationPath: StorePath;
  readonly specified: Digest;
  readonly got: Digest;
}): void {
  const { specified, got, derivationPath } = options;
  if (digestsEqual(specified, got)) return;
  throw new TrimaranError({
    code: 'store/hash-mismatch',
    message:
      `hash mismatch in fixed-output derivation '${fromByteString(derivationPath)}':\n` +
      `  specified: ${writeHash(specified, 'sri')}\n` +
      `     got:    ${writeHash(got, 'sri')}`,
    hint: 'if the file was meant to change, write the new hash into the recipe; else fetch from another place',
  });
}

/** The content address of a fixed output, as narinfo has it. */
export function contentAddressOf({ method, digest }: FixedOutput): string {
  return `fixed:${method === 'nar' ? 'r:' : ''}${writePrefixedHash(digest, 'nix32')}`;
}
