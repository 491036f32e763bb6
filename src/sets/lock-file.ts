// trimaran.lock: what a project's recipes leave open, fixed by content. The model, its one canonical text (sorted,
// one fact a line, so that diffs and merge conflicts read well), and the reader that checks every value.
// The shape is described by docs/trimaran-lock.schema.json. Resolving and fetching are elsewhere.

import { compareBytes } from '../foundation/byte-string.ts';
import { redactCredentials, withoutCredentials } from '../foundation/credentials.ts';
import { readLockNodes, relationshipFields } from './lock-reader.ts';

/** The version of the format written here, and the newest that is read. */
const lockFileVersion = 1;

/** One .deb. Relationship fields are the control file's text, absent when empty. */
export interface LockedPackage {
  readonly version: string;
  /** `amd64`, `arm64` …, or `all`. */
  readonly architecture: string;
  /** File name below the archive's root: `pool/main/…/x_1_amd64.deb`. */
  readonly path: string;
  /** Bytes of the .deb. */
  readonly size: number;
  /** Lower-case hexadecimal. */
  readonly sha256: string;
  readonly depends?: string;
  readonly preDepends?: string;
  readonly provides?: string;
  readonly conflicts?: string;
  readonly breaks?: string;
  readonly replaces?: string;
  readonly multiArch?: string;
  readonly essential?: true;
}

/** What is used of one architecture of a suite. */
export interface LockedArchitecture {
  /** By package name. */
  readonly packages: ReadonlyMap<string, LockedPackage>;
  /** Python distribution name as the recipe has it (`PyJWT`) to the package that ships it. */
  readonly python: ReadonlyMap<string, string>;
}

export interface LockedSuite {
  /** As snapshot.debian.org writes it: `20261101T000000Z`. */
  readonly timestamp: string;
  /** SHA-256 of the InRelease file, lower-case hexadecimal. */
  readonly releaseSha256: string;
  readonly components: readonly string[];
  /** Base URL of the archive, when the project fixes one. Without credentials. */
  readonly mirror?: string;
  /** By Debian architecture name. */
  readonly architectures: ReadonlyMap<string, LockedArchitecture>;
}

export interface LockedImage {
  /** Digest of what the tag names: the index, or the manifest when there is only one. `sha256:…`. */
  readonly digest: string;
  /** `linux/amd64`, `linux/arm64/v8` … to the digest of that platform's manifest. */
  readonly platforms: ReadonlyMap<string, string>;
}

export interface LockedRequirement {
  readonly version: string;
  /** `sha256:…` of each file of that version that may be installed, sorted. */
  readonly hashes: readonly string[];
}

/** An input that nothing can fix, recorded so that it is known. */
export interface UnpinnedInput {
  readonly what: string;
  /** File, and line when there is one: `web/Dockerfile:12`. */
  readonly where: string;
  readonly reason: string;
}

export interface LockFile {
  /** By suite as recipes name it: `bookworm`. */
  readonly debian: ReadonlyMap<string, LockedSuite>;
  /** By reference as recipes write it: `python:3.11`. */
  readonly images: ReadonlyMap<string, LockedImage>;
  /** URL to the SHA-256 of its bytes, lower-case hexadecimal. */
  readonly urls: ReadonlyMap<string, string>;
  /** URL, then ref (`HEAD`, a branch, a tag), to a commit. */
  readonly git: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** Recipe file, then requirement as written or as pip resolved it. */
  readonly pip: ReadonlyMap<string, ReadonlyMap<string, LockedRequirement>>;
  readonly unpinned: readonly UnpinnedInput[];
}

/** A lock that fixes nothing. */
export const emptyLockFile: LockFile = {
  debian: new Map(),
  images: new Map(),
  urls: new Map(),
  git: new Map(),
  pip: new Map(),
  unpinned: [],
};

const header = [
  '# trimaran.lock: the inputs of this project that its recipes leave open, fixed by content.',
  '# Written by `trimaran lock`; refreshed by `trimaran lock --update [NAME]`. Keep it in version control.',
];

/**
 * The canonical text of a lock: sorted by key, so the same lock gives the same bytes. Credentials in URLs are
 * left out. `parseLockFile` undoes it.
 */
export function writeLockFile(lock: LockFile): string {
  const out = [...header, `version: ${lockFileVersion}`];
  section(out, 'debian', lock.debian, '  # suite: its release, and each .deb used', (suite, name) => {
    out.push(`  ${key(name)}:`);
    out.push(`    timestamp: ${scalar(suite.timestamp)}`);
    out.push(`    release-sha256: ${scalar(suite.releaseSha256)}`);
    out.push(`    components: [${[...suite.components].map(flowScalar).join(', ')}]`);
    if (suite.mirror !== undefined) out.push(`    mirror: ${scalar(withoutCredentials(suite.mirror))}`);
    out.push(suite.architectures.size === 0 ? '    architectures: {}' : '    architectures:');
    for (const [architecture, used] of sorted(suite.architectures)) {
      out.push(`      ${key(architecture)}:`);
      writeArchitecture(out, architecture, used);
    }
  });
  section(
    out,
    'images',
    lock.images,
    '  # reference: digest of the tag and of each platform',
    (image, name) => {
      out.push(`  ${key(name)}:`, `    digest: ${scalar(image.digest)}`);
      for (const [platform, digest] of sorted(image.platforms))
        out.push(`    ${key(platform)}: ${scalar(digest)}`);
    },
  );
  section(out, 'urls', lock.urls, '  # URL: digest of its bytes', (sha256, url) => {
    out.push(`  ${key(withoutCredentials(url))}: ${scalar(`sha256:${sha256}`)}`);
  });
  section(out, 'git', lock.git, '  # repository, ref: commit', (refs, url) => {
    if (refs.size === 0) return;
    out.push(`  ${key(withoutCredentials(url))}:`);
    for (const [ref, commit] of sorted(refs)) out.push(`    ${key(ref)}: ${scalar(commit)}`);
  });
  section(out, 'pip', lock.pip, '  # recipe, requirement: version and digests', (requirements, recipe) => {
    if (requirements.size === 0) return;
    out.push(`  ${key(recipe)}:`);
    for (const [requirement, locked] of sorted(requirements)) {
      out.push(`    ${key(requirement)}:`, `      version: ${scalar(locked.version)}`);
      out.push(locked.hashes.length === 0 ? '      hashes: []' : '      hashes:');
      for (const hash of [...locked.hashes].sort(compareBytes)) out.push(`        - ${scalar(hash)}`);
    }
  });
  if (lock.unpinned.length > 0) {
    out.push('', 'unpinned:  # what nothing here can fix, and why');
    // Sorted as they are written, so that what is read again is in the same order.
    const inputs = lock.unpinned.map(({ what, where, reason }) => ({
      what: redactCredentials(what),
      where: redactCredentials(where),
      reason: redactCredentials(reason),
    }));
    for (const { what, where, reason } of inputs.sort(compareUnpinned)) {
      out.push(`  - what: ${scalar(what)}`, `    where: ${scalar(where)}`, `    reason: ${scalar(reason)}`);
    }
  }
  return `${out.join('\n')}\n`;
}

function compareUnpinned(a: UnpinnedInput, b: UnpinnedInput): number {
  return compareBytes(a.where, b.where) || compareBytes(a.what, b.what) || compareBytes(a.reason, b.reason);
}

function section<Value>(
  out: string[],
  name: string,
  entries: ReadonlyMap<string, Value>,
  comment: string,
  write: (value: Value, key: string) => void,
): void {
  if (entries.size === 0) return;
  out.push('', `${name}:${comment}`);
  const length = out.length;
  for (const [entryKey, value] of sorted(entries)) write(value, entryKey);
  if (out.length === length) out.splice(length - 2, 2);
}

function writeArchitecture(out: string[], architecture: string, used: LockedArchitecture): void {
  if (used.packages.size === 0 && used.python.size === 0) out[out.length - 1] += ' {}';
  if (used.packages.size > 0) out.push('        packages:');
  for (const [name, pkg] of sorted(used.packages)) {
    out.push(
      `          ${key(name)}:`,
      `            version: ${scalar(pkg.version)}`,
      `            path: ${scalar(pkg.path)}`,
      `            size: ${pkg.size}`,
      `            sha256: ${scalar(pkg.sha256)}`,
    );
    if (pkg.architecture !== architecture) out.push(`            architecture: ${scalar(pkg.architecture)}`);
    if (pkg.essential === true) out.push('            essential: true');
    for (const [field, property] of relationshipFields) {
      const value = pkg[property];
      if (value !== undefined) out.push(`            ${field}: ${scalar(value)}`);
    }
  }
  if (used.python.size > 0) out.push('        python:');
  for (const [name, pkg] of sorted(used.python)) out.push(`          ${key(name)}: ${scalar(pkg)}`);
}

function sorted<Value>(entries: ReadonlyMap<string, Value>): [string, Value][] {
  return [...entries].sort((a, b) => compareBytes(a[0], b[0]));
}

/** Plain scalars that YAML reads back as this very string, in every version of YAML. */
const plain = /^[A-Za-z0-9_./~+=(][^\x00-\x1f\x7f-\uffff"'`{}[\]&*!%@\\]*$/;
const notString =
  /^(?:[-+.]?[0-9][0-9_,.:xXoObBeE+-]*|0x[0-9a-f]+|[-+]?\.(?:inf|nan)|~|null|true|false|yes|no|on|off|y|n|=|<<|\d+-\d\d?-\d\d?.*)$/i;

function scalar(value: string): string {
  if (plain.test(value) && !notString.test(value) && !/: | #|[: ]$/.test(value)) return value;
  return JSON.stringify(value).replace(
    /[\x7f-\x9f\u2028\u2029\ufeff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

const key = scalar;

function flowScalar(value: string): string {
  return /^[A-Za-z][A-Za-z0-9./+-]*$/.test(value) && !notString.test(value) ? value : JSON.stringify(value);
}

/** The commit that a lock has for a ref of a repository, whose URL may have credentials that the lock has not. */
export function lockedCommit(
  lock: LockFile,
  { url, ref }: { readonly url?: string | undefined; readonly ref?: string | undefined },
): string | undefined {
  return url === undefined ? undefined : lock.git.get(withoutCredentials(url))?.get(ref ?? 'HEAD');
}

/** The SHA-256 that a lock has for what a URL gives, credentials aside. */
export function lockedUrl(lock: LockFile, url: string | undefined): string | undefined {
  return url === undefined ? undefined : lock.urls.get(withoutCredentials(url));
}

/**
 * Reads a lock. `file` names it in errors.
 *
 * Throws `lock/newer-version` for a format newer than {@link lockFileVersion}, `lock/syntax` and
 * `lock/merge-conflict` as {@link readLockText} does, `lock/unknown-key` for a key that means nothing (with the
 * nearest that does) and `lock/invalid` for a value of the wrong form; each at its line and column.
 */
export function parseLockFile(text: string, file: string): LockFile {
  return readLockNodes(text, file, lockFileVersion);
}
