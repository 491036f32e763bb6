// A suite's release file: clear-signed InRelease, checked against OpenPGP keys, and the facts it states
// (https://wiki.debian.org/DebianRepository/Format). Detached Release.gpg signatures are not read.
import type { CleartextMessage, Key } from 'openpgp';
import { sha256Hex } from '../foundation/digest.ts';
import { TrimaranError } from '../foundation/error.ts';
import { field, parseControl } from './control.ts';

/** A file that a release vouches for. */
export interface ReleaseFile {
  /** Bytes. */
  readonly size: number;
  /** Lower-case hexadecimal. */
  readonly sha256: string;
}

export interface Release {
  readonly suite: string;
  readonly codename: string;
  /** `12.15`; unreleased suites have none. */
  readonly version?: string;
  /** When it was made, as the snapshot service writes times: `20260711T101637Z`. */
  readonly timestamp: string;
  /** SHA-256 of the InRelease file, lower-case hexadecimal. */
  readonly sha256: string;
  /** Milliseconds since 1970 after which it should no longer be believed. */
  readonly validUntil?: number;
  readonly architectures: readonly string[];
  readonly components: readonly string[];
  /** Whether indexes can be fetched under their hashes, so that a mirror's update in between does no harm. */
  readonly byHash: boolean;
  /** By path below `dists/SUITE/`. */
  readonly files: ReadonlyMap<string, ReleaseFile>;
}

/** The keys of Debian's archive that come with Trimaran, armored. */
export async function debianArchiveKeys(): Promise<string> {
  return (await import('./debian-archive-keys.asc')).default;
}

/** Milliseconds since 1970 as `YYYYMMDDTHHMMSSZ`. */
export function formatTimestamp(time: number): string {
  return new Date(time).toISOString().replace(/[-:]|\.\d+/g, '');
}

/** A snapshot time `YYYYMMDDTHHMMSSZ` as milliseconds since 1970, or undefined when it is none. */
export function parseTimestamp(text: string): number | undefined {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second] = match;
  const time = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  // Date.parse carries 31 February over into March.
  return Number.isNaN(time) || formatTimestamp(time) !== text ? undefined : time;
}

/**
 * Reads the facts of a verified release text. `sha256` is that of the InRelease file it came in.
 * Throws `debian/bad-release` when a needed field is missing or malformed.
 */
export function parseRelease(text: string, sha256: string): Release {
  const stanza = parseControl(text, 'InRelease')[0];
  const get = (name: string): string => {
    const value = stanza === undefined ? undefined : field(stanza, name);
    if (value === undefined || value === '') throw badRelease(`has no field ${name}`);
    return value;
  };
  const date = Date.parse(get('Date'));
  if (Number.isNaN(date)) throw badRelease(`has the date \`${get('Date')}\``);
  const files = new Map<string, ReleaseFile>();
  for (const line of get('SHA256').split('\n')) {
    if (line.trim() === '') continue;
    const match = /^\s*([0-9a-f]{64})\s+(\d{1,15})\s+(\S+)$/.exec(line);
    if (match === null) throw badRelease(`has \`${line.trim()}\` among its files`);
    files.set(match[3]!, { sha256: match[1]!, size: Number(match[2]) });
  }
  const codename = stanza === undefined ? undefined : field(stanza, 'Codename');
  const suite = stanza === undefined ? undefined : field(stanza, 'Suite');
  if (codename === undefined && suite === undefined) throw badRelease('has neither Suite nor Codename');
  const validUntil = stanza === undefined ? undefined : field(stanza, 'Valid-Until');
  const until = validUntil === undefined ? undefined : Date.parse(validUntil);
  if (Number.isNaN(until)) throw badRelease(`has the date \`${validUntil}\``);
  const version = stanza === undefined ? undefined : field(stanza, 'Version');
  return {
    ...(version === undefined ? {} : { version }),
    suite: suite ?? codename!,
    codename: codename ?? suite!,
    timestamp: formatTimestamp(date),
    sha256,
    ...(until === undefined ? {} : { validUntil: until }),
    architectures: get('Architectures').split(/\s+/),
    components: get('Components').split(/\s+/),
    byHash: (stanza === undefined ? undefined : field(stanza, 'Acquire-By-Hash')) === 'yes',
    files,
  };
}

function badRelease(what: string): TrimaranError {
  return new TrimaranError({
    code: 'debian/bad-release',
    message: `the release file ${what}`,
    hint: 'try another mirror: set TRIMARAN_DEBIAN_MIRROR',
    exitCode: 4,
  });
}

/**
 * Throws `debian/release-expired` when a release states a time until which it is valid and `now`
 * (milliseconds since 1970) is later. Pinned releases are not to be asked this.
 */
export function checkValidUntil(release: Release, now: number): void {
  if (release.validUntil === undefined || now <= release.validUntil) return;
  throw new TrimaranError({
    code: 'debian/release-expired',
    message:
      `the release file of ${release.codename} was valid until ${formatTimestamp(release.validUntil)}; ` +
      'the mirror is out of date, or somebody replays an old release',
    hint: `try another mirror, or pin that day on purpose: \`debian:${release.codename}/${release.timestamp}\``,
    exitCode: 4,
  });
}

export interface VerifyOptions {
  readonly inRelease: Buffer;
  /** Armored public keys, any number of blocks. */
  readonly keys: string;
  /** Milliseconds since 1970 at which the keys must be valid. */
  readonly at: number;
  /** The present, in milliseconds since 1970; no signature can be much younger. */
  readonly now: number;
  /** Where the file came from, for messages. */
  readonly origin: string;
}

/**
 * Checks the signatures of an InRelease file and resolves to the signed text, and nothing around it. As apt
 * does, one good signature of a known key suffices, signatures of unknown keys are passed over, and a wrong
 * signature of a known key spoils the file.
 *
 * Rejects with `debian/bad-signature`, `debian/unknown-key`, `debian/expired-key`, `debian/revoked-key` or `debian/bad-keys`.
 */
export async function verifyRelease(options: VerifyOptions): Promise<string> {
  // 200 ms to load, so only when there is something to verify.
  const openpgp = await import('openpgp');
  let message: CleartextMessage;
  try {
    message = await openpgp.readCleartextMessage({ cleartextMessage: options.inRelease.toString('utf8') });
  } catch (error) {
    throw badSignature(options, 'it is not a clear-signed message', error);
  }
  let keys: Key[];
  try {
    keys = await readArmoredKeys(openpgp.readKeys, options.keys);
  } catch (error) {
    throw new TrimaranError({
      code: 'debian/bad-keys',
      message: 'the archive keys cannot be read as armored OpenPGP public keys',
      hint: 'name a file that begins with `-----BEGIN PGP PUBLIC KEY BLOCK-----` in TRIMARAN_DEBIAN_KEYS, or unset it',
      cause: error,
      exitCode: 4,
    });
  }
  const unknown: string[] = [];
  const expired: string[] = [];
  let good = 0;
  for (const keyId of message.getSigningKeyIDs()) {
    const name = keyId.toHex().toUpperCase();
    const owner = keys.find((key) => key.getKeys(keyId).length > 0);
    if (owner === undefined) {
      unknown.push(name);
      continue;
    }
    const madeAt = await signatureTime(message, keyId.toHex(), openpgp);
    // Judged at its own time first, so that a wrong signature and an expired key are told apart.
    const { signatures } = await openpgp.verify({ message, verificationKeys: owner, date: madeAt });
    const result = signatures.find((signature) => signature.keyID.equals(keyId));
    try {
      if (result === undefined) throw new Error('the signature cannot be found');
      await result.verified;
    } catch (error) {
      if (await owner.isRevoked()) {
        throw new TrimaranError({
          code: 'debian/revoked-key',
          message: `${options.origin} cannot be trusted: its key ${name} was revoked`,
          hint: 'name a file with the archive’s present keys in TRIMARAN_DEBIAN_KEYS, or try another mirror: set TRIMARAN_DEBIAN_MIRROR',
          cause: error,
          exitCode: 4,
        });
      }
      throw badSignature(options, `the signature of key ${name} is wrong`, error);
    }
    if (madeAt.getTime() > options.now + 86_400_000) {
      throw badSignature(options, `the signature of key ${name} was made in the future`, undefined);
    }
    const expiries = await Promise.all([
      owner.getExpirationTime(),
      ...owner.getSubkeys(keyId).map((subkey) => subkey.getExpirationTime()),
    ]);
    if (expiries.some((expiry) => expiry !== null && Number(expiry) < options.at)) expired.push(name);
    else good++;
  }
  if (good > 0) return signedText(message);
  if (expired.length > 0) {
    throw new TrimaranError({
      code: 'debian/expired-key',
      message: `${options.origin} is signed by ${expired.join(', ')} alone, and that key has expired`,
      hint: 'update Trimaran for newer archive keys, or give the keys with TRIMARAN_DEBIAN_KEYS=FILE',
      exitCode: 4,
    });
  }
  throw new TrimaranError({
    code: 'debian/unknown-key',
    message:
      unknown.length === 0
        ? `${options.origin} has no signature`
        : `${options.origin} is signed by no known key (${unknown.join(', ')})`,
    hint: 'if the archive is not Debian’s own, give its keys with TRIMARAN_DEBIAN_KEYS=FILE',
    exitCode: 4,
  });
}

/** The text as it was signed: OpenPGP's canonical form has CR LF line ends. */
function signedText(message: CleartextMessage): string {
  return message.getText().replace(/\r\n/g, '\n');
}

async function readArmoredKeys(
  readKeys: (options: { armoredKeys: string }) => Promise<Key[]>,
  text: string,
): Promise<Key[]> {
  const blocks =
    text.match(/-----BEGIN PGP PUBLIC KEY BLOCK-----[\s\S]*?-----END PGP PUBLIC KEY BLOCK-----/g) ?? [];
  if (blocks.length === 0) throw new Error('no armored block');
  return (await Promise.all(blocks.map((armoredKeys) => readKeys({ armoredKeys })))).flat();
}

async function signatureTime(
  message: CleartextMessage,
  keyId: string,
  openpgp: typeof import('openpgp'),
): Promise<Date> {
  const { signatures } = await openpgp.verify({ message, verificationKeys: [] });
  for (const signature of signatures) {
    // Without keys there is no verdict; only the packet is wanted.
    signature.verified.catch(() => {});
    if (signature.keyID.toHex() !== keyId) continue;
    const created = (await signature.signature).packets[0]?.created;
    if (created instanceof Date) return created;
  }
  return new Date(0);
}

function badSignature(options: VerifyOptions, why: string, cause: unknown): TrimaranError {
  return new TrimaranError({
    code: 'debian/bad-signature',
    message: `${options.origin} cannot be trusted: ${why}`,
    hint: 'the file was changed on its way or at its source; try another mirror: set TRIMARAN_DEBIAN_MIRROR',
    cause,
    exitCode: 4,
  });
}

/** SHA-256 that names a set of armored keys. */
export function keySetId(keys: string): string {
  return sha256Hex(Buffer.from(keys)).slice(0, 16);
}
