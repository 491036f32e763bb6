// Which release of Debian a stage is made from, as far as the names of images tell: `debian:bookworm-slim`,
// `python:3.11-slim-bookworm`. A name without a release moves on with Debian, so it tells nothing.
import type { Span } from '../../foundation/error.ts';
import type { ResolvedDockerfile } from '../../languages/dockerfile/resolve.ts';

const suites = ['bullseye', 'bookworm', 'trixie', 'forky', 'sid'];

/** The suite that an image's tag names. */
export function suiteOfImage(reference: string): string | undefined {
  const tag = /:([^/@]+)(?:@|$)/.exec(reference)?.[1] ?? '';
  return suites.find((suite) => tag.split(/[-.]/).includes(suite));
}

/** The suite of the image at the bottom of a stage. */
function suiteOfStage(resolved: ResolvedDockerfile, index: number): string | undefined {
  for (let at = index; ; ) {
    const { base } = resolved.stages[at]!;
    if (base.kind === 'image') return suiteOfImage(base.reference);
    if (base.kind === 'scratch' || base.index >= at) return undefined;
    at = base.index;
  }
}

/** The suite of Debian that the stage around a place is made from, as far as names tell. */
export function suiteAt(resolved: ResolvedDockerfile, span: Span): string | undefined {
  const stage = resolved.stages.findLast(({ stage: { from } }) => from.span.line <= span.line);
  return stage === undefined ? undefined : suiteOfStage(resolved, stage.stage.index);
}
