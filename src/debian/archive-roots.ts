// Where files of an archive may lie: mirrors, and the snapshot service, which has every past state under its moment.
import { formatTimestamp, parseTimestamp } from './release.ts';

/** Where Debian keeps every past state of its archive. */
export const debianSnapshot = 'https://snapshot.debian.org/archive/debian';

/** A release (`bookworm`), and the suites that add to it: `bookworm-updates`, `bookworm-security`, `bookworm-backports` … */
const additionShape = /^(.+?)-(?:updates|security|backports(?:-sloppy)?|proposed-updates)$/;

/** The release that a suite adds to; the suite itself where it is a release. */
export function releaseOfSuite(suite: string): string {
  return additionShape.exec(suite)?.[1] ?? suite;
}

/**
 * The archive that keeps a suite, by the one that keeps its release: security has one of its own, which stands beside it
 * at Debian and at the snapshot service. Undefined where nothing tells.
 */
export function archiveOfSuite(root: string, suite: string): string | undefined {
  if (!suite.endsWith('-security')) return root;
  return /\/debian$/.test(root) ? `${root}-security` : undefined;
}

const hour = 3_600_000;
/** The service takes a new state in some hours after it was made, in milliseconds. */
export const snapshotDelays = [0, 6 * hour, 24 * hour];

/** Roots of the snapshot service's states at some delays after a moment; in milliseconds since 1970. */
export function snapshotRoots(
  options: { readonly snapshot?: string | undefined },
  pinned: number,
  delays: readonly number[] = snapshotDelays,
): string[] {
  const base = (options.snapshot ?? debianSnapshot).replace(/\/+$/, '');
  return delays.map((delay) => `${base}/${formatTimestamp(pinned + delay)}`);
}

/** Archive roots that may hold a file of a pinned state: the mirrors, then the snapshot service at and after it. */
export function archiveRoots(options: {
  readonly mirrors: readonly string[];
  readonly timestamp?: string | undefined;
  readonly snapshot?: string | undefined;
}): string[] {
  const pinned = options.timestamp === undefined ? undefined : parseTimestamp(options.timestamp);
  return [...options.mirrors, ...(pinned === undefined ? [] : snapshotRoots(options, pinned))];
}
