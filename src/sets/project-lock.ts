// trimaran.lock of the project that a recipe belongs to: found beside the recipe or above it, and given what an
// evaluation used of Debian releases, as flake.lock is given inputs.
import { existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { temporaryNameFor } from '../foundation/atomic-file.ts';
import { systemErrorCode } from '../foundation/error.ts';
import type { Host } from '../foundation/host.ts';
import { readLockFile } from './debian/prepared-release.ts';
import { lockedPackage, type ReleaseFacts } from './debian/release-facts.ts';
import {
  emptyLockFile,
  type LockedArchitecture,
  type LockedPackage,
  type LockedSuite,
  type LockFile,
  writeLockFile,
} from './lock-file.ts';

const composeFiles = ['compose.yaml', 'compose.yml', 'docker-compose.yml', 'docker-compose.yaml'];

/** What was used of a Debian release, to be locked. */
export interface UsedRelease {
  readonly suite: string;
  readonly timestamp: string;
  readonly releaseSha256: string;
  readonly architecture: string;
  readonly packages: readonly (readonly [string, LockedPackage])[];
  readonly python: readonly (readonly [string, string])[];
}

/** What was used of a release up to now. */
export function usedRelease(facts: ReleaseFacts): UsedRelease {
  const { packages, python } = facts.used();
  return {
    ...facts.identity,
    packages: [...packages].map(([name, record]) => [name, lockedPackage(record)] as const),
    python: [...python],
  };
}

export interface ProjectLock {
  /** Where the lock is, or will be. */
  readonly file: string;
  readonly lock: LockFile | undefined;
}

/** The lock of the project around a folder: an existing one there or above, else one beside the nearest compose file. */
export function findProjectLock(directory: string): ProjectLock {
  let beside: string | undefined;
  for (let folder = directory; ; folder = dirname(folder)) {
    // What lies in /tmp is anybody's, and no project.
    if (folder !== directory && isOpenToAll(folder)) break;
    const file = join(folder, 'trimaran.lock');
    const lock = readLockFile(file);
    if (lock !== undefined) return { file, lock };
    if (beside === undefined && composeFiles.some((name) => existsSync(join(folder, name)))) beside = file;
    // A project ends where its repository does.
    if (existsSync(join(folder, '.git')) || dirname(folder) === folder) break;
  }
  return { file: beside ?? join(directory, 'trimaran.lock'), lock: undefined };
}

function isOpenToAll(folder: string): boolean {
  const found = statSync(folder, { throwIfNoEntry: false });
  return found !== undefined && (found.mode & 0o002) !== 0;
}

/**
 * Adds what was used and is not locked yet. A release other than the locked one is not mixed in: whoever wants it
 * updates the lock. Where the folder cannot be written to, says so and goes on.
 */
export function recordUsedPackages(host: Host, place: ProjectLock, used: readonly UsedRelease[]): void {
  const before = place.lock ?? emptyLockFile;
  let lock = before;
  for (const release of used) lock = withRelease(lock, release);
  if (lock === before) return;
  const text = writeLockFile(lock);
  if (existsSync(place.file) && readFileSync(place.file, 'utf8') === text) return;
  const temporary = temporaryNameFor(place.file);
  try {
    writeFileSync(temporary, text);
    renameSync(temporary, place.file);
    host.progress.note(`${place.lock === undefined ? 'wrote' : 'added packages to'} ${place.file}`);
  } catch (error) {
    rmSync(temporary, { force: true });
    const code = systemErrorCode(error);
    if (code !== 'EACCES' && code !== 'EROFS' && code !== 'EPERM') throw error;
    host.progress.note(`cannot write ${place.file}; the packages used are not locked`);
  }
}

function withRelease(lock: LockFile, used: UsedRelease): LockFile {
  if (used.packages.length === 0) return lock;
  const known = lock.debian.get(used.suite);
  if (known !== undefined && known.releaseSha256 !== used.releaseSha256) return lock;
  const suite: LockedSuite = known ?? {
    timestamp: used.timestamp,
    releaseSha256: used.releaseSha256,
    components: ['main'],
    architectures: new Map(),
  };
  const architecture: LockedArchitecture = suite.architectures.get(used.architecture) ?? {
    packages: new Map(),
    python: new Map(),
  };
  const isNew =
    used.packages.some(([name]) => !architecture.packages.has(name)) ||
    used.python.some(([name]) => !architecture.python.has(name));
  if (!isNew) return lock;
  const grown: LockedArchitecture = {
    packages: new Map([...architecture.packages, ...used.packages]),
    python: new Map([...architecture.python, ...used.python]),
  };
  const architectures = new Map(suite.architectures).set(used.architecture, grown);
  return { ...lock, debian: new Map(lock.debian).set(used.suite, { ...suite, architectures }) };
}
