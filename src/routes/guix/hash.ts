// `guix hash`: hashes of files and folders as recipes need them.

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type HashFormat, writeHash } from '../../formats/hash-text.ts';
import { hashPathAsNarSync } from '../../formats/nar.ts';
import { digestOf, type HashAlgorithm } from '../../foundation/digest.ts';
import { systemErrorCode, TrimaranError } from '../../foundation/error.ts';

export interface GuixHashRequest {
  /** What relative paths start from. */
  readonly directory: string;
  readonly path: string;
  /** Whether the tree counts (`-r`, `-S nar`) or the bytes of one file. */
  readonly recursive: boolean;
  /** Leaves out folders of version control (`-x`). */
  readonly excludeVcs: boolean;
  readonly algorithm: HashAlgorithm;
  readonly format: GuixHashFormat;
}

/** `base32` is that of RFC 4648 in small letters without padding; `nix32` is Nix's. */
export type GuixHashFormat = Exclude<HashFormat, 'sri'> | 'base32';

const vcsFolders = new Set(['.git', '.svn', '.hg', '.bzr', 'CVS', '.jj']);

/** The hash as text. Throws `guix/no-such-file` and the errors of NAR. */
export function hashForGuix(request: GuixHashRequest): string {
  const file = resolve(request.directory, request.path);
  const { algorithm, excludeVcs } = request;
  try {
    const digest = request.recursive
      ? hashPathAsNarSync(file, {
          algorithm,
          ...(excludeVcs
            ? {
                filter: (path, kind) =>
                  kind !== 'directory' || !vcsFolders.has(path.slice(path.lastIndexOf('/') + 1)),
              }
            : {}),
        }).digest
      : digestOf(algorithm, readFileSync(file));
    return request.format === 'base32' ? writeBase32(digest.bytes) : writeHash(digest, request.format);
  } catch (cause) {
    const code = systemErrorCode(cause);
    if (code === undefined) throw cause;
    throw new TrimaranError({
      code: 'guix/no-such-file',
      message:
        code === 'EISDIR' ? `${request.path}: Is a directory` : `${request.path}: No such file or directory`,
      hint: code === 'EISDIR' ? 'hash a folder with `trimaran guix hash -r`' : undefined,
      cause,
    });
  }
}

const base32Digits = 'abcdefghijklmnopqrstuvwxyz234567';

function writeBase32(bytes: Uint8Array): string {
  let text = '';
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xfff;
    bits += 8;
    for (; bits >= 5; bits -= 5) text += base32Digits[(held >> (bits - 5)) & 31];
  }
  return bits === 0 ? text : text + base32Digits[(held << (5 - bits)) & 31];
}
