// .narinfo: a binary cache's signed description of one store path. Source: the Nix reference manual, "binary cache";
// signatures are ed25519 over the fingerprint. Left out: the signatures of Guix's servers, which have a form of their own.
import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { type ByteString, fromByteString } from '../foundation/byte-string.ts';
import type { Digest } from '../foundation/digest.ts';
import { TrimaranError } from '../foundation/error.ts';
import { parseHash, writePrefixedHash } from './hash-text.ts';
import { parseStorePath, type StorePath } from './store-path.ts';

export interface NarInfo {
  readonly storePath: StorePath;
  /** Where the NAR is, relative to the cache unless absolute. */
  readonly url: ByteString;
  /** `none`, `xz`, `zstd` …; a cache that does not say means bzip2. */
  readonly compression: ByteString;
  /** Of the file at `url`. */
  readonly fileHash: Digest | undefined;
  readonly fileSize: number | undefined;
  /** Of the NAR; SHA-256. */
  readonly narHash: Digest;
  /** In bytes, at least 1. */
  readonly narSize: number;
  /** Sorted, each once; the path itself when it refers to itself. */
  readonly references: readonly StorePath[];
  readonly deriver: StorePath | undefined;
  /** `key-name:base64`. */
  readonly signatures: readonly ByteString[];
  /** Content address, `fixed:r:sha256:…` or `text:sha256:…`. */
  readonly contentAddress: ByteString | undefined;
}

/**
 * Reads a .narinfo of a cache for `storeDirectory`; `source` names it in errors. Unknown fields are passed over, as Nix
 * does. Throws `narinfo/malformed`.
 */
export function parseNarInfo(
  text: ByteString,
  options: { readonly storeDirectory: string; readonly source?: string },
): NarInfo {
  const malformed = (what: string, cause?: unknown) =>
    new TrimaranError({
      code: 'narinfo/malformed',
      message: `${options.source ?? '.narinfo'} is damaged: ${what}`,
      hint: 'try another cache',
      exitCode: 4,
      cause,
    });
  const fields = new Map<string, ByteString>();
  const signatures: ByteString[] = [];
  const lines = text.split('\n');
  if (lines.pop() !== '') throw malformed('its last line is cut off');
  for (const [index, line] of lines.entries()) {
    const colon = line.indexOf(':');
    if (colon < 0) throw malformed(`no colon in line ${index + 1}`);
    const name = line.slice(0, colon);
    const value = line.slice(colon + 2);
    if (name === 'Sig') signatures.push(value);
    else if ((name === 'References' || name === 'CA') && fields.has(name))
      throw malformed(`${name} occurs twice`);
    else fields.set(name, value);
  }
  const checked = <Result>(name: string, parse: () => Result): Result => {
    try {
      return parse();
    } catch (error) {
      throw malformed(`${name} is wrong`, error);
    }
  };
  const required = (name: string): ByteString => {
    const value = fields.get(name);
    if (value === undefined || value === '') throw malformed(`${name} is missing`);
    return value;
  };
  const size = (name: string): number | undefined => {
    const value = fields.get(name);
    if (value === undefined) return undefined;
    if (!/^[0-9]{1,15}$/.test(value)) throw malformed(`${name} is wrong`);
    return Number(value);
  };
  const path = (baseName: ByteString) =>
    parseStorePath(`${options.storeDirectory}/${baseName}`, options.storeDirectory);
  const storePath = checked('StorePath', () => parseStorePath(required('StorePath'), options.storeDirectory));
  const narHash = checked('NarHash', () => parseHash(required('NarHash'), { algorithm: 'sha256' }));
  const narSize = size('NarSize');
  if (narSize === undefined || narSize === 0) throw malformed('NarSize is missing or zero');
  const fileHash = fields.get('FileHash');
  const deriver = fields.get('Deriver');
  const references = fields.get('References')?.split(' ').filter(Boolean) ?? [];
  return {
    storePath,
    url: required('URL'),
    compression: fields.get('Compression') || 'bzip2',
    fileHash: fileHash === undefined ? undefined : checked('FileHash', () => parseHash(fileHash)),
    fileSize: size('FileSize'),
    narHash,
    narSize,
    references: checked('References', () => [...new Set(references.map(path))].sort()),
    deriver:
      deriver === undefined || deriver === 'unknown-deriver'
        ? undefined
        : checked('Deriver', () => path(deriver)),
    signatures,
    contentAddress: fields.get('CA') || undefined,
  };
}

/** The text of a .narinfo, as Nix writes it. */
export function writeNarInfo(info: NarInfo): ByteString {
  const lines = [
    `StorePath: ${info.storePath}`,
    `URL: ${info.url}`,
    `Compression: ${info.compression}`,
    ...(info.fileHash === undefined ? [] : [`FileHash: ${writePrefixedHash(info.fileHash, 'nix32')}`]),
    ...(info.fileSize === undefined ? [] : [`FileSize: ${info.fileSize}`]),
    `NarHash: ${writePrefixedHash(info.narHash, 'nix32')}`,
    `NarSize: ${info.narSize}`,
    `References: ${info.references.map(baseName).join(' ')}`,
    ...(info.deriver === undefined ? [] : [`Deriver: ${baseName(info.deriver)}`]),
    ...info.signatures.map((signature) => `Sig: ${signature}`),
    ...(info.contentAddress === undefined ? [] : [`CA: ${info.contentAddress}`]),
  ];
  return `${lines.join('\n')}\n`;
}

/** What a signature signs: path, NAR and references; where the NAR is found is left open. */
export function narInfoFingerprint(
  info: Pick<NarInfo, 'storePath' | 'narHash' | 'narSize' | 'references'>,
): ByteString {
  return `1;${info.storePath};${writePrefixedHash(info.narHash, 'nix32')};${info.narSize};${info.references.join(',')}`;
}

/** A key that caches sign with, by its name. */
export interface CacheKey {
  readonly name: ByteString;
  readonly key: KeyObject;
}

// RFC 8410: an ed25519 key's raw bytes stand behind a fixed prefix.
const publicPrefix = Buffer.from('302a300506032b6570032100', 'hex');
const privatePrefix = Buffer.from('302e020100300506032b657004220420', 'hex');

/**
 * A public key, `name:base64`, as in `trusted-public-keys`. Throws `narinfo/bad-key`.
 *
 * @example
 * parsePublicKey('cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=').name; // 'cache.nixos.org-1'
 */
export function parsePublicKey(text: ByteString): CacheKey {
  const { name, bytes } = parseNamed(text, 32) ?? badKey('public', text);
  const der = Buffer.concat([publicPrefix, bytes]);
  return { name, key: createPublicKey({ key: der, format: 'der', type: 'spki' }) };
}

/** A secret key as `nix-store --generate-binary-cache-key` writes it. Throws `narinfo/bad-key`, without the key's text. */
export function parseSecretKey(text: ByteString): CacheKey {
  // The seed, then the public key again.
  const { name, bytes } = parseNamed(text.trimEnd(), 64) ?? badKey('secret');
  const der = Buffer.concat([privatePrefix, bytes.subarray(0, 32)]);
  return { name, key: createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }) };
}

/** The name of the key among `keys` whose signature on `info` holds; undefined when none does. */
export function verifyNarInfo(info: NarInfo, keys: readonly CacheKey[]): ByteString | undefined {
  const fingerprint = Buffer.from(narInfoFingerprint(info), 'latin1');
  for (const signature of info.signatures) {
    const parsed = parseNamed(signature, 64);
    if (parsed === undefined) continue;
    for (const { name, key } of keys) {
      if (name === parsed.name && verify(null, fingerprint, key, parsed.bytes)) return name;
    }
  }
  return undefined;
}

/** `info` with one more signature. */
export function signNarInfo(info: NarInfo, { name, key }: CacheKey): NarInfo {
  const bytes = sign(null, Buffer.from(narInfoFingerprint(info), 'latin1'), key);
  return { ...info, signatures: [...info.signatures, `${name}:${bytes.toString('base64')}`] };
}

function baseName(path: StorePath): ByteString {
  return path.slice(path.lastIndexOf('/') + 1);
}

function parseNamed(
  text: ByteString,
  length: number,
): { readonly name: ByteString; readonly bytes: Buffer } | undefined {
  const colon = text.indexOf(':');
  const encoded = text.slice(colon + 1);
  if (colon <= 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(encoded)) return undefined;
  const bytes = Buffer.from(encoded, 'base64');
  return bytes.length === length ? { name: text.slice(0, colon), bytes } : undefined;
}

function badKey(kind: 'public' | 'secret', text?: ByteString): never {
  throw new TrimaranError({
    code: 'narinfo/bad-key',
    message: text === undefined ? `not a ${kind} key` : `'${fromByteString(text)}' is no ${kind} key`,
    hint: 'a key is written as `name:base64`',
  });
}
