// A Debian archive at one moment: a verified release, and its package index fetched, checked and kept on disk.
// One suite is one set; nothing mixes `-updates` and `-security` in here.
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryNameFor, writeFileAtomically } from '../foundation/atomic-file.ts';
import { sha256Hex } from '../foundation/digest.ts';
import { download, redactUrl } from '../foundation/download.ts';
import { isTrimaranError, systemErrorCode, TrimaranError } from '../foundation/error.ts';
import type { Host } from '../foundation/host.ts';
import { mirrorsFor, readAptSources } from './apt-sources.ts';
import { ensureIndex, withIndexFile } from './archive-indexes.ts';
import { archiveOfSuite, debianSnapshot, snapshotDelays, snapshotRoots } from './archive-roots.ts';
import { explainNoSpace } from './no-space.ts';
import { openPackageIndex, type PackageIndex } from './package-index.ts';
import {
  checkValidUntil,
  debianArchiveKeys,
  formatTimestamp,
  keySetId,
  parseRelease,
  parseTimestamp,
  type Release,
  type ReleaseFile,
  verifyRelease,
} from './release.ts';

export interface ArchiveOptions {
  readonly host: Pick<Host, 'fetch' | 'now' | 'progress'>;
  /** Trimaran's cache; the archive keeps its files in `debian/` below it. */
  readonly cacheDirectory: string;
  /** Archive roots, best first; see {@link findMirrors}. */
  readonly mirrors: readonly string[];
  /** `bookworm`, `stable` … */
  readonly suite: string;
  /** `['main']` unless given. */
  readonly components?: readonly string[];
  /** Debian's name: `amd64` or `arm64`. */
  readonly architecture: string;
  /** Pins a day: `20261101T000000Z`. */
  readonly timestamp?: string;
  /** Armored keys in place of Debian's own. */
  readonly keys?: string;
  /** Pins the release file itself, by its SHA-256; with it in the cache nothing is fetched. */
  readonly expectedReleaseSha256?: string;
  /** Root of a snapshot service, without the timestamp; Debian's unless given. */
  readonly snapshot?: string;
}

export interface Archive {
  readonly release: Release;
  readonly suite: string;
  readonly components: readonly string[];
  readonly architecture: string;
  /** The suite's packages for the architecture, those for `all` included. Fetched once, then read from disk. */
  packages(): Promise<PackageIndex>;
  /** The same index's file, for `openPackageIndex` in another thread. */
  packageIndexFile(): Promise<string>;
  /**
   * Fetches a file that the release lists, gives its path to `use` and removes it after. `path` is below
   * `dists/SUITE/`. Rejects with `debian/no-such-index` when the release does not list it.
   */
  withIndexFile<T>(path: string, use: (file: string, listed: ReleaseFile) => Promise<T>): Promise<T>;
}

/**
 * Archive roots for a suite, best first: the flag's, else `TRIMARAN_DEBIAN_MIRROR` (several, separated by spaces),
 * else the lock's, else those of the host's apt sources. May be empty.
 */
export async function findMirrors(options: {
  readonly env: Host['env'];
  readonly suite: string;
  readonly flag?: string;
  readonly locked?: readonly string[];
  /** `/etc/apt` unless given. */
  readonly aptDirectory?: string;
}): Promise<string[]> {
  const given = options.flag ?? options.env.TRIMARAN_DEBIAN_MIRROR;
  if (given !== undefined && given.trim() !== '') {
    const mirrors = given.trim().split(/\s+/).map(mirrorAddress);
    const others = mirrors.map((mirror) => archiveOfSuite(mirror, options.suite) ?? mirror);
    return [...new Set([...others, ...mirrors])];
  }
  if (options.locked !== undefined && options.locked.length > 0) return [...options.locked];
  return mirrorsFor(await readAptSources(options.aptDirectory), options.suite);
}

/** A mirror as it is given. Throws `debian/bad-mirror`. */
function mirrorAddress(text: string): string {
  if (/^https?:\/\/[^/]/i.test(text) && URL.canParse(text)) return text.replace(/\/+$/, '');
  throw new TrimaranError({
    code: 'debian/bad-mirror',
    message: `\`${redactUrl(text)}\` is no address of a Debian mirror`,
    hint: 'write it as `TRIMARAN_DEBIAN_MIRROR=http://HOST/debian`',
    exitCode: 4,
  });
}

/** Root of the snapshot service for a suite: what `TRIMARAN_DEBIAN_SNAPSHOT` names, else Debian's own. */
export function findSnapshot(env: Host['env'], suite: string): string {
  const given = env.TRIMARAN_DEBIAN_SNAPSHOT?.trim().replace(/\/+$/, '') ?? '';
  const root = given === '' ? debianSnapshot : given;
  return archiveOfSuite(root, suite) ?? root;
}

/**
 * Opens a suite of an archive: finds its release file in the cache, on a mirror or at the snapshot service, and
 * verifies it.
 *
 * Rejects with `debian/no-mirror`, `debian/bad-mirror`, `debian/bad-timestamp`, `debian/release-gone` (the pinned release is on no mirror nor
 * snapshot), `debian/no-such-suite`, the errors of {@link verifyRelease}, {@link checkValidUntil} and
 * {@link parseRelease}, `debian/unsupported-architecture`, `debian/no-such-component`, and those of `download`.
 *
 * @example
 * const archive = await openArchive({ host, cacheDirectory, mirrors, suite: 'bookworm', architecture: 'amd64' });
 * (await archive.packages()).get('bash')[0]?.version;
 */
export async function openArchive(options: ArchiveOptions): Promise<Archive> {
  if (!/^[a-z0-9][a-z0-9.+-]*(?:\/[a-z0-9][a-z0-9.+-]*)*$/.test(options.suite)) {
    throw new TrimaranError({
      code: 'debian/no-such-suite',
      message: `\`${options.suite}\` is not the name of a suite`,
      hint: 'write it like `bookworm`',
    });
  }
  const release = await findRelease(options);
  const components = options.components ?? ['main'];
  if (!release.architectures.includes(options.architecture)) {
    throw new TrimaranError({
      code: 'debian/unsupported-architecture',
      message: `${release.codename} has no packages for ${options.architecture}`,
      hint: `it has them for ${release.architectures.filter((name) => name !== 'all').join(', ')}`,
    });
  }
  // The archive of security updates says `updates/main` and has its indexes in `main`, as apt knows.
  const known = release.components.map((component) => component.replace(/^updates\//, ''));
  const missing = components.find((component) => !known.includes(component));
  if (missing !== undefined) {
    throw new TrimaranError({
      code: 'debian/no-such-component',
      message: `${release.codename} has no component \`${missing}\``,
      hint: `it has ${known.join(', ')}`,
    });
  }
  const archive: Archive = {
    release,
    suite: options.suite,
    components,
    architecture: options.architecture,
    packages: async () => openPackageIndex(await archive.packageIndexFile(), options.architecture),
    packageIndexFile: () => ensureIndex(archive, options.cacheDirectory, options.host),
    withIndexFile: (path, use) => withIndexFile({ ...options, release, path }, use),
  };
  return archive;
}

async function findRelease(options: ArchiveOptions): Promise<Release> {
  const now = options.host.now();
  const pinned = options.timestamp === undefined ? undefined : parseTimestamp(options.timestamp);
  if (options.timestamp !== undefined && pinned === undefined) {
    throw new TrimaranError({
      code: 'debian/bad-timestamp',
      message: `\`${options.timestamp}\` is not a time of the form YYYYMMDDTHHMMSSZ`,
      hint: `write it like \`debian:${options.suite}/${formatTimestamp(now)}\``,
    });
  }
  const keys = options.keys ?? (await debianArchiveKeys());
  const directory = join(options.cacheDirectory, 'debian', 'releases');
  const keptAs = (sha256: string) => join(directory, `${sha256}-${keySetId(keys)}.Release`);
  const expected = options.expectedReleaseSha256;
  if (expected !== undefined) {
    const text = await readIfThere(keptAs(expected));
    if (text !== undefined) {
      const release = parseRelease(text, expected);
      if (!isOfSuite(release, options.suite)) throw otherSuite(release, options.suite);
      return release;
    }
  }
  if (expected === undefined && pinned !== undefined && pinned > now + 86_400_000) {
    throw new TrimaranError({
      code: 'debian/bad-timestamp',
      message: `${options.timestamp} lies in the future, so the archive's state then is not known`,
      hint: `the present is \`debian:${options.suite}/${formatTimestamp(now)}\``,
    });
  }
  const failures: TrimaranError[] = [];
  for (const root of releaseRoots(options, pinned)) {
    const origin = `${redactUrl(root.url)}/dists/${options.suite}/InRelease`;
    try {
      const { bytes, sha256 } = await fetchSmall(
        options,
        `${root.url}/dists/${options.suite}/InRelease`,
        directory,
      );
      if (expected !== undefined && sha256 !== expected) {
        failures.push(goneRelease(options, `${origin} is another release by now`));
        continue;
      }
      let text = await readIfThere(keptAs(sha256));
      if (text === undefined) {
        text = await verifyRelease({ inRelease: bytes, keys, at: pinned ?? now, now, origin });
        checkSuiteName(parseRelease(text, sha256), options.suite, origin);
        await writeFileAtomically(keptAs(sha256), text).catch((error: unknown) => {
          throw explainNoSpace(error, 'keep the release file');
        });
      }
      const release = parseRelease(text, sha256);
      checkSuiteName(release, options.suite, origin);
      if (pinned === undefined && expected === undefined) checkValidUntil(release, now);
      // What a mirror has today was already there on a past day when it was made before that day.
      if (expected === undefined && root.current && pinned !== undefined) {
        const made = parseTimestamp(release.timestamp);
        if (made === undefined || made > pinned) {
          failures.push(goneRelease(options, `${origin} was made after ${options.timestamp}`));
          continue;
        }
      }
      return release;
    } catch (error) {
      if (!isTrimaranError(error)) throw error;
      failures.push(error);
      // Another mirror may answer where this one does not, but what is wrong is not passed over in silence.
      if (!error.code.startsWith('download/')) throw error;
      if (error.code === 'download/no-space') throw error;
    }
  }
  throw summarise(options, failures);
}

function isOfSuite(release: Release, suite: string): boolean {
  return release.suite === suite || release.codename === suite || suite.includes('/');
}

/** A lock in which somebody changed the suite alone. */
function otherSuite(release: Release, suite: string): TrimaranError {
  return new TrimaranError({
    code: 'lock/mismatch',
    message: `the release that is locked for debian:${suite} is one of ${release.codename} (${release.suite})`,
    hint: 'restore flake.lock and trimaran.lock from version control, or run `trimaran lock --update` to lock the present release',
  });
}

/** A release file that answers for another suite is a trick, or a badly set up mirror. */
function checkSuiteName(release: Release, suite: string, origin: string): void {
  if (isOfSuite(release, suite)) return;
  throw new TrimaranError({
    code: 'debian/bad-release',
    message: `${origin} is the release file of ${release.codename} (${release.suite}), not of ${suite}`,
    hint: 'try another mirror: set TRIMARAN_DEBIAN_MIRROR',
    exitCode: 4,
  });
}

/**
 * Roots of `debian/` trees to look for the release in. The snapshot service takes a new state in some hours after
 * it was made, so a release pinned by its own date is looked for at later moments too.
 */
function releaseRoots(options: ArchiveOptions, pinned: number | undefined) {
  const roots = options.mirrors.map((url) => ({ url, current: true }));
  if (pinned !== undefined) {
    const later = options.expectedReleaseSha256 === undefined ? [0] : snapshotDelays;
    for (const url of snapshotRoots(options, pinned, later)) roots.push({ url, current: false });
  }
  if (roots.length === 0) throw noMirror(options.suite);
  return roots;
}

function noMirror(suite: string): TrimaranError {
  return new TrimaranError({
    code: 'debian/no-mirror',
    message: `no Debian mirror is known for ${suite}: this host's apt sources name none`,
    hint: 'set TRIMARAN_DEBIAN_MIRROR to the address of one',
    exitCode: 4,
  });
}

function goneRelease(options: ArchiveOptions, why: string): TrimaranError {
  return new TrimaranError({
    code: 'debian/release-gone',
    message: `the pinned release of ${options.suite} cannot be found: ${why}`,
    hint: 'run `trimaran lock --update` to pin the present release',
    exitCode: 4,
  });
}

function summarise(options: ArchiveOptions, failures: readonly TrimaranError[]): TrimaranError {
  const gone = failures.find((failure) => failure.code === 'debian/release-gone');
  const first = failures[0]!;
  if (gone !== undefined) return gone;
  if (failures.every((failure) => failure.code === 'download/not-found')) {
    return options.timestamp === undefined && options.expectedReleaseSha256 === undefined
      ? new TrimaranError({
          code: 'debian/no-such-suite',
          message: `the mirror has no suite \`${options.suite}\`: ${first.message}`,
          hint: 'name a suite such as `bookworm`, or set TRIMARAN_DEBIAN_MIRROR to a mirror that has it',
          cause: first,
        })
      : goneRelease(options, first.message);
  }
  return failures.find((failure) => failure.code !== 'download/not-found') ?? first;
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** A file without a known hash, read whole into memory; at most 4 MiB, a release file has 150 KB. */
async function fetchSmall(
  options: ArchiveOptions,
  url: string,
  directory: string,
): Promise<{ bytes: Buffer; sha256: string }> {
  const target = temporaryNameFor(join(directory, 'InRelease'));
  try {
    await download({ host: options.host, urls: [url], target, maximumSize: 4 << 20 });
    const bytes = await readFile(target);
    return { bytes, sha256: sha256Hex(bytes) };
  } finally {
    // Nobody comes back to a part of it: a release file has another name each time.
    for (const file of [target, `${target}.partial`]) await rm(file, { force: true });
  }
}
