// `debian:SUITE[-slim][/TIMESTAMP]` to a base image: reads the name, opens the release, builds.
import { findMirrors } from '../../debian/archive.ts';
import { TrimaranError } from '../../foundation/error.ts';
import type { Host } from '../../foundation/host.ts';
import { openRelease } from '../debian/prepared-release.ts';
import type { LockFile } from '../lock-file.ts';
import { baseNameShape } from './base-name.ts';
import { buildDebianBase, type DebianBase } from './debian-base.ts';

export interface BaseRequest {
  readonly host: Host;
  /** Trimaran's cache. */
  readonly cacheDirectory: string;
  /** `debian:bookworm`, `debian:bookworm-slim`, each with `/20261101T000000Z` behind it or not. */
  readonly base: string;
  /** Docker's name of an architecture; `amd64` unless given. */
  readonly architecture?: string;
  /** Names of the image; `base` without its time unless given. */
  readonly names?: readonly string[];
  /** The lock that decides which release it is. */
  readonly lock: LockFile | undefined;
}

export interface BaseImage extends DebianBase {
  readonly suite: string;
  /** The release's own date. */
  readonly timestamp: string;
  readonly releaseSha256: string;
}

/** Makes the image. Rejects with `base/unknown` and the errors of `openRelease` and `buildDebianBase`. */
export async function buildBaseImage(request: BaseRequest): Promise<BaseImage> {
  const { host, cacheDirectory, base, lock, architecture = 'amd64' } = request;
  const match = baseNameShape.exec(base);
  if (match === null) {
    throw new TrimaranError({
      code: 'base/unknown',
      message: `there is no base image \`${base}\` to make`,
      hint: 'write it as debian:bookworm, debian:bookworm-slim or debian:bookworm/20261101T000000Z',
      exitCode: 2,
    });
  }
  const [, suite, slim, timestamp] = match;
  const archive = await openRelease(
    { host, cacheDirectory, lock },
    { suite: suite!, timestamp },
    architecture,
  );
  const locked = lock?.debian.get(suite!)?.mirror;
  const built = await buildDebianBase({
    host,
    cacheDirectory,
    archive,
    variant: slim === undefined ? 'full' : 'slim',
    names: request.names ?? [base.replace(/\/.*/, '')],
    mirrors: await findMirrors({
      env: host.env,
      suite: suite!,
      ...(locked === undefined ? {} : { locked: [locked] }),
    }),
  });
  return {
    ...built,
    suite: suite!,
    timestamp: archive.release.timestamp,
    releaseSha256: archive.release.sha256,
  };
}
