// What can be said of a Dockerfile's sources before an engine is asked: that a path leads out of the context, that nothing is
// there, that the name of an image is none. Engines say so later, and without the place.
import { posix } from 'node:path';
import { toByteString } from '../../foundation/byte-string.ts';
import { isTrimaranError, TrimaranError } from '../../foundation/error.ts';
import type { FileTree } from '../../foundation/file-tree.ts';
import { didYouMean } from '../../foundation/nearest.ts';
import { parseRemoteSource } from '../../languages/dockerfile/git-reference.ts';
import type { Located } from '../../languages/dockerfile/mapped-text.ts';
import type { ResolvedDockerfile } from '../../languages/dockerfile/resolve.ts';
import { parseReference } from '../../oci/reference.ts';

/** Paths that COPY and ADD take from the context, expanded. */
function contextSources(resolved: ResolvedDockerfile): Located[] {
  return resolved.needed.flatMap((index) =>
    resolved.stages[index]!.instructions.flatMap(({ instruction, values }) => {
      if (instruction.kind !== 'copy' && instruction.kind !== 'add') return [];
      if (instruction.kind === 'copy' && instruction.from !== undefined) return [];
      return values.slice(0, -1).filter(({ value }) => parseRemoteSource(value) === undefined);
    }),
  );
}

/** Throws `dockerfile/outside-context`, `dockerfile/bad-image` and `dockerfile/bad-checksum`. */
export function checkDockerfile(resolved: ResolvedDockerfile): void {
  for (const { value, span } of contextSources(resolved)) {
    if (!/^\.\.(?:\/|$)/.test(posix.normalize(value))) continue;
    throw new TrimaranError({
      code: 'dockerfile/outside-context',
      message: `\`${value}\` lies outside the build context`,
      span,
      hint: 'move it below the folder that is built, or make the folder above it the context',
    });
  }
  checkChecksums(resolved);
  for (const { reference, span } of imageNames(resolved)) {
    try {
      parseReference(reference);
    } catch (error) {
      if (!isTrimaranError(error)) throw error;
      const { message, hint } = error;
      throw new TrimaranError({ code: 'dockerfile/bad-image', message, span, hint });
    }
  }
}

/** Checksums of ADD that no download could have. */
function checkChecksums(resolved: ResolvedDockerfile): void {
  for (const index of resolved.needed) {
    for (const { instruction } of resolved.stages[index]!.instructions) {
      if (instruction.kind !== 'add' || instruction.checksum === undefined) continue;
      const { value, span } = instruction.checksum;
      if (!/^sha256:(?![0-9a-f]{64}$)/.test(value) || value.includes('$')) continue;
      throw new TrimaranError({
        code: 'dockerfile/bad-checksum',
        message: `\`${value}\` is not sha256: and 64 hexadecimal digits`,
        span,
        hint: 'leave it out and run `trimaran lock --write`, which looks it up',
      });
    }
  }
}

/** Images of FROM and of COPY --from, expanded, with their places. */
export function imageNames(
  resolved: ResolvedDockerfile,
): { readonly reference: string; readonly span: Located['span'] }[] {
  return resolved.needed.flatMap((index) => {
    const { base, stage, instructions } = resolved.stages[index]!;
    const copied = instructions.flatMap(({ instruction, sources }) =>
      sources.flatMap((source) =>
        source.kind === 'image' && instruction.kind === 'copy'
          ? [{ reference: source.reference, span: instruction.from?.span ?? instruction.span }]
          : [],
      ),
    );
    const from = base.kind === 'image' ? [{ reference: base.reference, span: stage.from.image.span }] : [];
    return [...from, ...copied];
  });
}

/** Throws `dockerfile/no-source` for a plain path that the context does not have. */
export function checkContext(resolved: ResolvedDockerfile, context: FileTree): void {
  const paths = new Set(context.map(({ path }) => path));
  const links = context.filter(({ kind }) => kind === 'symlink').map(({ path }) => `${path}/`);
  for (const { value, span } of contextSources(resolved)) {
    if (/[*?[\\]/.test(value)) continue;
    const path = toByteString(posix.normalize(value).replace(/^\/+|\/+$/g, ''));
    if (path === '' || path === '.' || paths.has(path)) continue;
    // What lies behind a link the engine knows.
    if (links.some((link) => path.startsWith(link))) continue;
    throw new TrimaranError({
      code: 'dockerfile/no-source',
      message: `the build context has no \`${value}\``,
      span,
      hint:
        didYouMean(path, [...paths]) ??
        'paths start from the folder that is built, not from the Dockerfile; see also what .dockerignore leaves out',
    });
  }
}
