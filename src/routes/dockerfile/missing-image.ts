// An image that the engine could not have, told with its place: `COPY --from=buidl` is a stage misspelt more often than an
// image that a registry lacks, and engines name neither the line nor the stages there are.
import { isTrimaranError } from '../../foundation/error.ts';
import { didYouMean } from '../../foundation/nearest.ts';
import type { ResolvedDockerfile } from '../../languages/dockerfile/resolve.ts';
import { imageNames } from './check-sources.ts';

/** What engines say when a registry does not give them an image; steps say other things. */
const saysMissing =
  /\/v2\/|invalid from flag value|short-name "|pull access denied|manifest (?:for \S+ not found|unknown)|failed to (?:load metadata|resolve source)|creating build container|no stage or image found|initializing source docker:/;

/** The error of a failed build, with the image and its place where that is what failed; any other error as it is. */
export function withMissingImage(
  error: unknown,
  {
    resolved,
    isKnown,
  }: { readonly resolved: ResolvedDockerfile; readonly isKnown: (reference: string) => boolean },
): unknown {
  if (!isTrimaranError(error, 'dockerfile/build-failed')) return error;
  const said = error.message.split('\n').filter((line) => saysMissing.test(line));
  if (said.length === 0) return error;
  const candidates = imageNames(resolved).filter(({ reference }) => !isKnown(reference));
  const isIn = (text: string, reference: string) =>
    text
      .split(/[\s"',;()]+/)
      .some((word) => word.replace(/:$/, '').replace(/^.*\/library\/|^--from=/, '') === reference);
  const image =
    candidates.find(({ reference }) => said.some((line) => isIn(line, reference))) ??
    candidates.findLast(({ reference }) => isIn(error.message, reference)) ??
    candidates[0];
  if (image === undefined) return error;
  const { reference, span } = image;
  const stages = resolved.stages.flatMap(({ name }) => name ?? []);
  const isPlain = /^[\w-]+$/.test(reference);
  const near = isPlain ? didYouMean(reference, stages) : undefined;
  return error.with({
    code: 'dockerfile/image-unavailable',
    message: `the engine could not have the image \`${reference}\`${isPlain ? ', and no stage before it has that name' : ''}: ${said[0]!.trim()}`,
    span,
    hint: near ?? 'check the name and the network, or pull the image first',
  });
}
