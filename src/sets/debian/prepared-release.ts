// A Debian release made ready for recipes: verified, its index on disk, in a form that can be sent to the thread that
// evaluates. What the lock says decides which release it is.
import { existsSync, readFileSync } from 'node:fs';
import { type Archive, findMirrors, findSnapshot, openArchive } from '../../debian/archive.ts';
import { type ContentsNames, ensureContentsTable } from '../../debian/contents-names.ts';
import { openPackageIndex } from '../../debian/package-index.ts';
import { isTrimaranError, systemErrorCode, TrimaranError } from '../../foundation/error.ts';
import type { Host } from '../../foundation/host.ts';
import { readTextFile } from '../../foundation/text-file.ts';
import { type LockedArchitecture, type LockedSuite, type LockFile, parseLockFile } from '../lock-file.ts';
import { ReleaseFacts, type ReleaseIdentity } from './release-facts.ts';
import { resolutionCache } from './resolution-cache.ts';

/** What a recipe says of the release it wants. */
export interface ReleaseRequest {
  readonly suite: string;
  readonly timestamp?: string | undefined;
  readonly releaseSha256?: string | undefined;
}

/** Plain data: may be sent to another thread. */
export interface PreparedRelease {
  readonly identity: ReleaseIdentity;
  /** The table of the package index; undefined when it cannot be had and the lock must do. */
  readonly indexFile: string | undefined;
  readonly locked: LockedArchitecture | undefined;
}

export interface ReleaseSource {
  readonly host: Host;
  /** Trimaran's cache. */
  readonly cacheDirectory: string;
  /** The project's lock, if it has one. */
  readonly lock: LockFile | undefined;
}

/** Whether a recipe means the release that the lock has: it names none, or that one by its time or its hash. */
export function isLockedRelease(request: ReleaseRequest, locked: LockedSuite | undefined): boolean {
  if (request.releaseSha256 !== undefined) return request.releaseSha256 === locked?.releaseSha256;
  return request.timestamp === undefined || request.timestamp === locked?.timestamp;
}

/** The lock file at a path; undefined when there is none. Throws `lock/…`. */
export function readLockFile(file: string): LockFile | undefined {
  if (!existsSync(file)) return undefined;
  let text: string;
  try {
    text = readTextFile(file);
  } catch (cause) {
    throw new TrimaranError({
      code: 'lock/not-readable',
      message: `cannot read ${file}: ${systemErrorCode(cause) ?? (cause as Error).message}`,
      hint: 'make it a file that you can read, or move it away and run `trimaran lock`',
      cause,
      exitCode: 4,
    });
  }
  return parseLockFile(text, file);
}

/**
 * The release that a recipe means: as pinned by itself, else by the lock, else what the mirror has now. Rejects with the
 * errors of `openArchive`.
 */
export async function openRelease(
  source: ReleaseSource,
  request: ReleaseRequest,
  architecture: string,
): Promise<Archive> {
  const { host, cacheDirectory, lock } = source;
  const locked = lock?.debian.get(request.suite);
  const isLocked = isLockedRelease(request, locked);
  const timestamp = isLocked ? locked?.timestamp : request.timestamp;
  const sha256 = isLocked ? locked?.releaseSha256 : request.releaseSha256;
  return openArchive({
    host,
    cacheDirectory,
    architecture,
    suite: request.suite,
    snapshot: findSnapshot(host.env, request.suite),
    mirrors: await findMirrors({
      env: host.env,
      suite: request.suite,
      ...(locked?.mirror === undefined ? {} : { locked: [locked.mirror] }),
    }),
    ...(host.env['TRIMARAN_DEBIAN_KEYS'] === undefined
      ? {}
      : { keys: readKeys(host.env['TRIMARAN_DEBIAN_KEYS']) }),
    ...(locked === undefined ? {} : { components: locked.components }),
    ...(timestamp === undefined ? {} : { timestamp }),
    ...(sha256 === undefined ? {} : { expectedReleaseSha256: sha256 }),
  });
}

/** Armored keys that stand in for Debian's own, for archives that others sign. Throws `debian/no-keys`. */
function readKeys(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new TrimaranError({
      code: 'debian/no-keys',
      message: `TRIMARAN_DEBIAN_KEYS names ${file}, which cannot be read`,
      hint: 'name a file with armored OpenPGP keys, or unset the variable',
      cause,
      exitCode: 4,
    });
  }
}

/**
 * Makes a release ready for an architecture. Where the pinned release cannot be had any more, what the lock holds of it
 * must do. Rejects with the errors of `openArchive` and of fetching the index.
 */
export async function prepareRelease(
  source: ReleaseSource,
  request: ReleaseRequest,
  architecture: string,
): Promise<PreparedRelease> {
  const suite = source.lock?.debian.get(request.suite);
  const locked = isLockedRelease(request, suite) ? suite?.architectures.get(architecture) : undefined;
  try {
    const archive = await openRelease(source, request, architecture);
    const { release } = archive;
    if (suite?.releaseSha256 === release.sha256 && suite.timestamp !== release.timestamp) {
      throw new TrimaranError({
        code: 'lock/mismatch',
        message: `trimaran.lock has ${suite.timestamp} as the time of its release of debian:${request.suite}, which was made at ${release.timestamp}`,
        hint: 'restore trimaran.lock from version control, or run `trimaran lock --update` to lock the present release',
      });
    }
    return {
      identity: {
        suite: request.suite,
        timestamp: release.timestamp,
        releaseSha256: release.sha256,
        architecture,
      },
      indexFile: await archive.packageIndexFile(),
      locked,
    };
  } catch (error) {
    const unreachable =
      isTrimaranError(error) && (error.code === 'debian/release-gone' || error.code.startsWith('download/'));
    if (!unreachable || locked === undefined || suite === undefined) throw error;
    source.host.progress.note(
      `the index of debian:${request.suite} cannot be had; using what trimaran.lock has of it`,
    );
    return {
      identity: {
        suite: request.suite,
        timestamp: suite.timestamp,
        releaseSha256: suite.releaseSha256,
        architecture,
      },
      indexFile: undefined,
      locked,
    };
  }
}

/** The facts of a prepared release, in whatever thread. Throws `debian/bad-cache` and system errors. */
export function releaseFacts(prepared: PreparedRelease, loadContents: () => ContentsNames): ReleaseFacts {
  const { identity, indexFile, locked } = prepared;
  return new ReleaseFacts({
    identity,
    locked,
    index: indexFile === undefined ? undefined : openPackageIndex(indexFile, identity.architecture),
    loadContents,
    resolutions: indexFile === undefined ? undefined : resolutionCache(indexFile),
  });
}

/**
 * The table of Python distributions and commands of a release, made when it is not there yet. Rejects with the errors of
 * `openArchive` and `ensureContentsTable`.
 */
export async function prepareContents(
  source: ReleaseSource,
  request: ReleaseRequest,
  architecture: string,
): Promise<string> {
  return ensureContentsTable(await openRelease(source, request, architecture), source.cacheDirectory);
}
