// `nix hash path · file · convert`.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type HashFormat, parseHash, writeHash } from '../../formats/hash-text.ts';
import { hashPathAsNarSync } from '../../formats/nar.ts';
import { type Digest, digestOf, type HashAlgorithm } from '../../foundation/digest.ts';
import { systemErrorCode, TrimaranError } from '../../foundation/error.ts';

export interface HashRequest {
  /** What relative paths start from. */
  readonly directory: string;
  readonly paths: readonly string[];
  /** `path` hashes the NAR of a file or folder, `file` the bytes of a file. */
  readonly kind: 'path' | 'file';
  readonly algorithm: HashAlgorithm;
  readonly format: HashFormat;
}

/** Hashes of files, in order. Throws `nix/no-such-file` and the errors of NAR. */
export function hashFiles(request: HashRequest): string[] {
  return request.paths.map((path) => {
    const file = resolve(request.directory, path);
    return writeHash(hashOf(file, request), request.format);
  });
}

function hashOf(file: string, { kind, algorithm }: HashRequest): Digest {
  try {
    if (kind === 'path') return hashPathAsNarSync(file, { algorithm }).digest;
    return digestOf(algorithm, readFileSync(file));
  } catch (cause) {
    const code = systemErrorCode(cause);
    if (code === undefined) throw cause;
    throw new TrimaranError({
      code: 'nix/no-such-file',
      message:
        code === 'EISDIR'
          ? `${file} is a folder; hash it with \`nix hash path\``
          : `cannot read ${file} (${code})`,
      cause,
      exitCode: 4,
    });
  }
}

/** A hash in another form. Throws `hash/…`. */
export function convertHash(text: string, format: HashFormat, algorithm: HashAlgorithm | undefined): string {
  return writeHash(parseHash(text, algorithm === undefined ? {} : { algorithm }), format);
}
