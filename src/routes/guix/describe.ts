// `guix describe`, `guix show` and `guix search`: channels and packages as text that Guix would print.
import type { Host } from '../../foundation/host.ts';
import { type GuixSettings, withEvaluated } from './evaluate.ts';
import type { GuixChannel, ShownPackage } from './evaluation-request.ts';

export type { GuixChannel, ShownPackage };

interface Request {
  readonly host: Host;
  readonly settings: GuixSettings;
}

/** The channels with the commits that are used. Rejects with `guix/…` and the errors of opening a release. */
export async function describeChannels(request: Request): Promise<readonly GuixChannel[]> {
  return withEvaluated({ ...request, action: { kind: 'describe' } }, async (_session, { result }) =>
    result.kind === 'channels' ? result.channels : [],
  );
}

/** Packages by specification. Rejects with `guix/unknown-package` and `guix/unknown-version`. */
export async function showPackages(
  request: Request & { readonly specifications: readonly string[] },
): Promise<readonly ShownPackage[]> {
  const { specifications } = request;
  return withEvaluated(
    { ...request, action: { kind: 'show', specifications } },
    async (_session, { result }) => (result.kind === 'packages' ? result.packages : []),
  );
}

/** Packages that have all patterns in name or description, nearest first. Rejects with `guix/bad-pattern`. */
export async function searchForPackages(
  request: Request & { readonly patterns: readonly string[] },
): Promise<readonly ShownPackage[]> {
  const { patterns } = request;
  return withEvaluated({ ...request, action: { kind: 'search', patterns } }, async (_session, { result }) =>
    result.kind === 'packages' ? result.packages : [],
  );
}

/** Channels as Scheme that `time-machine -C` reads. */
export function writeChannels(channels: readonly GuixChannel[]): string {
  const items = channels.map(
    ({ name, url, branch, commit }) =>
      `(channel\n        (name '${name})\n        (url ${JSON.stringify(url)})\n        (branch ${JSON.stringify(branch)})\n        (commit\n          ${JSON.stringify(commit)}))`,
  );
  return `(list ${items.join('\n      ')})`;
}

/** A package in recutils form, as `guix show` prints it. */
export function writePackage(item: ShownPackage): string {
  const lines = [
    `name: ${item.name}`,
    `version: ${item.version}`,
    'outputs:',
    '+ out: everything',
    `dependencies: ${item.dependencies.join(' ')}`,
    `homepage: ${item.homePage}`,
    `synopsis: ${item.synopsis}`,
    `description: ${item.description}`,
    ...(item.relevance === undefined ? [] : [`relevance: ${item.relevance}`]),
  ];
  return lines.map((line) => line.trimEnd()).join('\n');
}
