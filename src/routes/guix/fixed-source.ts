// Checks what was fetched for a fixed output, in Guix's words.
import { writeNixBase32 } from '../../formats/nix-base32.ts';
import { digestsEqual } from '../../foundation/digest.ts';
import { TrimaranError } from '../../foundation/error.ts';
import type { BuildContext } from '../../store/builder.ts';
import { readDiskTree } from '../../store/disk-tree.ts';
import { fixedOutputOf, hashByMethod } from '../../store/fixed-output.ts';

/** Compares the output on disk with what the derivation promises. Throws `guix/hash-mismatch`. */
export function checkFixedSource(context: BuildContext): void {
  const output = context.outputs.get('out')!;
  const fixed = fixedOutputOf(context.derivation.outputs.get('out')!);
  if (fixed === undefined) return;
  const got = hashByMethod(readDiskTree(output.plain), fixed, output.path);
  if (digestsEqual(got, fixed.digest)) return;
  throw new TrimaranError({
    code: 'guix/hash-mismatch',
    message:
      `${got.algorithm} hash mismatch for ${output.path}:\n` +
      `  expected hash: ${writeNixBase32(fixed.digest.bytes)}\n` +
      `  actual hash:   ${writeNixBase32(got.bytes)}`,
    hint: 'if the source was meant to change, write the actual hash into the recipe',
  });
}

/** A string, list of strings or truth value that Scheme's `write` wrote into a derivation. */
export function readWritten(text: string): string | boolean | readonly string[] {
  if (text === '#t') return true;
  if (text === '#f') return false;
  const strings = [...text.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map((match) =>
    match[1]!.replace(/\\(.)/g, (_, character: string) => (character === 'n' ? '\n' : character)),
  );
  return text.startsWith('(') ? strings : (strings[0] ?? '');
}
