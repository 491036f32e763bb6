// Store paths, `/nix/store/<hash>-<name>`, and how each kind of them is computed from what it names.
// Source: the Nix reference manual, protocols/store-path. The store directory is part of every hash; Guix's is /gnu/store.
import { type ByteString, fromByteString } from '../foundation/byte-string.ts';
import { type Digest, digestToHex, sha256Hex } from '../foundation/digest.ts';
import { TrimaranError } from '../foundation/error.ts';
import { compressHash } from './hash-text.ts';
import { writeNixBase32 } from './nix-base32.ts';
import { sha256HexOfText, sha256OfText } from './sha256.ts';
import { sortedOnce } from './sorted-once.ts';

declare const storePathBrand: unique symbol;

/** A whole, checked store path: `/nix/store/<32 digits>-<name>`, nothing after the name. */
export type StorePath = ByteString & { readonly [storePathBrand]: true };

/** The logical store directories. */
export const nixStoreDirectory = '/nix/store';
export const guixStoreDirectory = '/gnu/store';

/** Digits of the hash in a store path. */
const hashDigits = 32;
const nameLimit = 211;

const hashPattern = /^[0-9abcdfghijklmnpqrsvwxyz]{32}$/;
const namePattern = /^[0-9a-zA-Z+\-._?=]+$/;
const storePathPattern = /^\/.+\/[0-9abcdfghijklmnpqrsvwxyz]{32}-[0-9a-zA-Z+\-._?=]{1,211}$/;

/** Throws `store-path/bad-name` unless `name` may follow the hash in a store path. */
export function checkStorePathName(name: ByteString): void {
  const problem = problemWithName(name);
  if (problem === undefined) return;
  throw new TrimaranError({
    code: 'store-path/bad-name',
    message: problem,
    hint: 'names have 1 to 211 letters, digits or characters of +-._?= and are not `.` or `..`, alone or before a dash',
  });
}

/**
 * Checks a whole store path below `storeDirectory`. Throws `store-path/outside-store` when it is not directly in there,
 * and `store-path/malformed`.
 *
 * @example
 * parseStorePath('/nix/store/7h7qgvs4kgzsn8a6rb273saxyqh4jxlz-konsole-18.12.3', '/nix/store');
 */
export function parseStorePath(text: ByteString, storeDirectory: string): StorePath {
  const start = storeDirectory.length + 1;
  if (!text.startsWith(storeDirectory) || text[start - 1] !== '/' || text.includes('/', start)) {
    throw new TrimaranError({
      code: 'store-path/outside-store',
      message: `path '${fromByteString(text)}' is not in the store '${storeDirectory}'`,
    });
  }
  const problem = problemWithBaseName(text.slice(start));
  if (problem !== undefined) {
    throw new TrimaranError({
      code: 'store-path/malformed',
      message: `path '${fromByteString(text)}' is not a valid store path: ${problem}`,
    });
  }
  return text as StorePath;
}

/** Whether `text` is a store path of any store directory. */
export function isStorePath(text: ByteString): text is StorePath {
  return storePathPattern.test(text) && problemWithName(storePathName(text as StorePath)) === undefined;
}

/**
 * The store path that `path` lies in or is, and what follows it (`''` or `/…`); undefined when it is not below
 * `storeDirectory` or the first component there is no store path.
 */
export function splitStorePath(
  path: ByteString,
  storeDirectory: string,
): { readonly storePath: StorePath; readonly rest: ByteString } | undefined {
  const start = storeDirectory.length + 1;
  if (!path.startsWith(storeDirectory) || path[start - 1] !== '/') return undefined;
  const slash = path.indexOf('/', start);
  const end = slash < 0 ? path.length : slash;
  if (problemWithBaseName(path.slice(start, end)) !== undefined) return undefined;
  return { storePath: path.slice(0, end) as StorePath, rest: path.slice(end) };
}

/** The 32 digits of a store path. */
export function storePathHash(path: StorePath): ByteString {
  const start = path.lastIndexOf('/') + 1;
  return path.slice(start, start + hashDigits);
}

/** What follows the hash and its dash. */
export function storePathName(path: StorePath): ByteString {
  return path.slice(path.lastIndexOf('/') + 1 + hashDigits + 1);
}

/** What other store objects a content-addressed one refers to. */
export interface StoreReferences {
  readonly references?: Iterable<ByteString>;
  /** Whether it refers to itself. */
  readonly selfReference?: boolean;
}

/** How the hash of a fixed output is taken: of the file, of the NAR, of the git tree, or of a text with references. */
export type ContentAddressMethod = 'flat' | 'nar' | 'git' | 'text';

/** What stands before the algorithm in a derivation's output, and in a content address. */
const methodPrefixes: Readonly<Record<ContentAddressMethod, ByteString>> = {
  flat: '',
  nar: 'r:',
  git: 'git:',
  text: 'text:',
};

/** `r:sha256`, `sha1`, `git:sha1` … as a derivation's output has it. */
export function writeMethodAndAlgorithm(method: ContentAddressMethod, algorithm: ByteString): ByteString {
  return methodPrefixes[method] + algorithm;
}

/** The two parts of `r:sha256` and its like. */
export function splitMethodAndAlgorithm(text: ByteString): {
  readonly method: ContentAddressMethod;
  readonly algorithm: ByteString;
} {
  for (const method of ['nar', 'git', 'text'] as const) {
    const prefix = methodPrefixes[method];
    if (text.startsWith(prefix)) return { method, algorithm: text.slice(prefix.length) };
  }
  return { method: 'flat', algorithm: text };
}

interface NamedPath {
  readonly name: ByteString;
  readonly storeDirectory: string;
}

/**
 * The path of a text file with references: derivations, `builtins.toFile`, `writeText` of an evaluator. `contents` are
 * its bytes, or their SHA-256 digest. Throws `store-path/bad-name`.
 */
export function makeTextPath(
  options: NamedPath & {
    readonly contents: ByteString | Uint8Array | Digest;
    readonly references?: Iterable<ByteString>;
  },
): StorePath {
  return makeStorePath({
    ...options,
    type: typeWithReferences('text', options),
    hash: sha256Of(options.contents),
  });
}

/** The path of a tree added as it is (`path:`, `builtins.path`), from the SHA-256 of its NAR. Throws `store-path/bad-name`. */
export function makeSourcePath(
  options: NamedPath & StoreReferences & { readonly narHash: Digest },
): StorePath {
  return makeFixedOutputPath({ ...options, method: 'nar', digest: options.narHash });
}

/**
 * The path of a fixed output. Only SHA-256 of a NAR, and a text, may have references.
 * Throws `store-path/bad-name`, `store-path/references-not-allowed`, `store-path/bad-method`.
 */
export function makeFixedOutputPath(
  options: NamedPath & StoreReferences & { readonly method: ContentAddressMethod; readonly digest: Digest },
): StorePath {
  const { method, digest, name, storeDirectory } = options;
  if (method === 'text') {
    if (digest.algorithm !== 'sha256') throw badMethod('text', digest, 'sha256');
    return makeTextPath({ ...options, contents: digest });
  }
  if (method === 'git' && digest.algorithm !== 'sha1' && digest.algorithm !== 'sha256') {
    throw badMethod('git', digest, 'sha1 or sha256');
  }
  const hash = `${digest.algorithm}:${digestToHex(digest)}`;
  if (method === 'nar' && digest.algorithm === 'sha256') {
    return makeStorePath({ name, storeDirectory, type: typeWithReferences('source', options), hash });
  }
  if (typeWithReferences('', options) !== '') {
    throw new TrimaranError({
      code: 'store-path/references-not-allowed',
      message: `fixed output '${fromByteString(name)}' is not allowed to refer to other store paths`,
      hint: 'use outputHashMode = "recursive" with sha256, or leave the references out',
    });
  }
  const inner = sha256Of(`fixed:out:${methodPrefixes[method]}${hash}:`);
  return makeStorePath({ name, storeDirectory, type: 'output:out', hash: inner });
}

/**
 * The path of a derivation's output, from the derivation's hash modulo fixed outputs (64 hexadecimal digits). `name` is
 * the derivation's; outputs but `out` add theirs. Throws `store-path/bad-name`.
 */
export function makeOutputPath(
  options: NamedPath & { readonly derivationHash: string; readonly output: ByteString },
): StorePath {
  const { output, name, storeDirectory, derivationHash } = options;
  return makeStorePath({
    type: `output:${output}`,
    hash: `sha256:${derivationHash}`,
    name: outputPathName(name, output),
    storeDirectory,
  });
}

/** The name of an output's path: the derivation's own, or `name-output`. */
export function outputPathName(name: ByteString, output: ByteString): ByteString {
  return output === 'out' ? name : `${name}-${output}`;
}

/** What `builtins.placeholder` gives: stands for an output's path until it is known. */
export function outputPlaceholder(output: ByteString): ByteString {
  return `/${writeNixBase32(sha256OfText(`nix-output:${output}`))}`;
}

function makeStorePath(options: NamedPath & { readonly type: ByteString; readonly hash: string }): StorePath {
  const { type, hash, storeDirectory, name } = options;
  checkStorePathName(name);
  const digest = sha256OfText(`${type}:${hash}:${storeDirectory}:${name}`);
  return `${storeDirectory}/${writeNixBase32(compressHash(digest, 20))}-${name}` as StorePath;
}

/** References are part of the type: sorted, each once, the path itself last as `self`. */
function typeWithReferences(type: ByteString, { references, selfReference }: StoreReferences): ByteString {
  let result = type;
  if (references !== undefined) {
    const sorted = sortedOnce(references);
    for (let i = 0; i < sorted.length; i++) result += `:${sorted[i]!}`;
  }
  return selfReference ? `${result}:self` : result;
}

function sha256Of(contents: ByteString | Uint8Array | Digest): string {
  if (typeof contents === 'object' && 'algorithm' in contents) return `sha256:${digestToHex(contents)}`;
  return `sha256:${typeof contents === 'string' ? sha256HexOfText(contents) : sha256Hex(contents)}`;
}

function problemWithBaseName(baseName: ByteString): string | undefined {
  if (baseName.length < hashDigits + 1) return `'${fromByteString(baseName)}' is too short`;
  if (!hashPattern.test(baseName.slice(0, hashDigits)))
    return 'its hash part has a digit that is not base 32';
  if (baseName[hashDigits] !== '-') return 'the hash part is not followed by a dash';
  return problemWithName(baseName.slice(hashDigits + 1));
}

function problemWithName(name: ByteString): string | undefined {
  if (name === '') return 'name must not be empty';
  if (name.length > nameLimit) {
    return `name '${fromByteString(name)}' must be no longer than ${nameLimit} characters`;
  }
  if (/^\.{1,2}(?:-|$)/.test(name)) return `name '${fromByteString(name)}' is not valid`;
  if (!namePattern.test(name)) {
    const illegal = fromByteString(name).match(/[^0-9a-zA-Z+\-._?=]/u)?.[0];
    return `name '${fromByteString(name)}' contains illegal character '${illegal}'`;
  }
  return undefined;
}

function badMethod(method: string, digest: Digest, allowed: string): TrimaranError {
  return new TrimaranError({
    code: 'store-path/bad-method',
    message: `a ${method} hash must be ${allowed}, not ${digest.algorithm}`,
  });
}
