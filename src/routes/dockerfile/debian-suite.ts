// Which release of Debian a stage is made from, as far as the names of images tell: `debian:bookworm-slim`,
// `python:3.11-slim-bookworm`. A name without a release moves on with Debian, so it tells nothing.
import type { Span } from '../../foundation/error.ts';
import { findInputs } from '../../languages/dockerfile/inputs.ts';
import { parseDockerfile } from '../../languages/dockerfile/parse.ts';
import { type ResolvedDockerfile, resolveDockerfile } from '../../languages/dockerfile/resolve.ts';
import { isBaseName } from '../../sets/base/base-name.ts';
import type { LockFile } from '../../sets/lock-file.ts';

const suites = ['bullseye', 'bookworm', 'trixie', 'forky', 'sid'];

/** The suite that an image's tag names. */
export function suiteOfImage(reference: string): string | undefined {
  const tag = /:([^/@]+)(?:@|$)/.exec(reference)?.[1] ?? '';
  return suites.find((suite) => tag.split(/[-.]/).includes(suite));
}

/** The image at the bottom of the stage around a place. */
function imageAt(resolved: ResolvedDockerfile, span: Span): string | undefined {
  const stage = resolved.stages.findLast(({ stage: { from } }) => from.span.line <= span.line);
  for (let at = stage?.stage.index; at !== undefined; ) {
    const { base } = resolved.stages[at]!;
    if (base.kind === 'image') return base.reference;
    if (base.kind === 'scratch' || base.index >= at) return undefined;
    at = base.index;
  }
  return undefined;
}

/** The suite of Debian that the stage around a place is made from, as far as names tell. */
export function suiteAt(resolved: ResolvedDockerfile, span: Span): string | undefined {
  const reference = imageAt(resolved, span);
  return reference === undefined ? undefined : suiteOfImage(reference);
}

/**
 * The suites that apt has besides its release's own, in the stage around a place: updates and security, as images out of
 * registries have them, and what the text of the Dockerfile names. Bases that are made here are of one suite; they are those
 * that the lock has no image for.
 */
export function additionsAt(
  resolved: ResolvedDockerfile,
  { span, text, images }: { readonly span: Span; readonly text: string; readonly images: LockFile['images'] },
): string[] {
  const reference = imageAt(resolved, span) ?? '';
  const suite = suiteOfImage(reference);
  if (suite === undefined) return [];
  const isMade = isBaseName(reference) && !images.has(reference);
  const named = text.match(
    new RegExp(`\\b${suite}-(?:updates|security|backports(?:-sloppy)?|proposed-updates)\\b`, 'g'),
  );
  // Unstable and testing come without.
  const usual = isMade || /^(?:forky|sid)$/.test(suite) ? [] : ['updates', 'security'];
  return [...new Set([...usual.map((part) => `${suite}-${part}`), ...(named ?? [])])];
}

/** Python of each release of Debian. */
const pythonOfSuite: Readonly<Record<string, string>> = { bullseye: '3.9', bookworm: '3.11', trixie: '3.13' };

/** The Python that the stage around a place has, as `3.11`, as far as names tell: an image of Python, or Debian's own. */
export function pythonAt(resolved: ResolvedDockerfile, span: Span): string | undefined {
  const reference = imageAt(resolved, span);
  if (reference === undefined) return undefined;
  const tag = /(?:^|[/-])python:(?:[a-z]+-)?(\d+\.\d+)/.exec(reference)?.[1];
  return tag ?? pythonOfSuite[suiteOfImage(reference) ?? ''];
}

/** The one Python that a Dockerfile installs into; undefined when there are several, or none is known. Throws `dockerfile/…`. */
export function pythonOfText(text: string, file: string): string | undefined {
  const resolved = resolveDockerfile(parseDockerfile(text, file));
  const pythons = findInputs(resolved)
    .filter((input) => input.kind === 'requirements' || (input.kind === 'package' && input.manager === 'pip'))
    .map(({ span }) => pythonAt(resolved, span));
  return new Set(pythons).size === 1 ? pythons[0] : undefined;
}
