// Fetches of files whose hash is known: over HTTP, or from `file:` addresses. Downloads lie in `<root>/downloads/` under
// their hash until they are whole, so that one broken off is continued by the next run.
// Leaves out: FTP, S3, and `mirror://` without a table of mirrors.
import { copyFile, mkdir, rm, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Digest, digestOf, digestsEqual, digestToHex } from '../foundation/digest.ts';
import { download, redactUrl } from '../foundation/download.ts';
import { isTrimaranError, systemErrorCode, TrimaranError } from '../foundation/error.ts';
import type { Host } from '../foundation/host.ts';
import { hashFile } from './hash-file.ts';

export interface FetchFileOptions {
  readonly host: Pick<Host, 'fetch' | 'progress'>;
  /** Addresses of the same bytes, tried in order. */
  readonly urls: readonly string[];
  /** Full path of the file to make; its folder is made too. */
  readonly target: string;
  /** What the bytes must be. */
  readonly digest?: Digest | undefined;
  /** Refuses more bytes than this; 16 GiB unless given. */
  readonly maximumSize?: number;
  /** What progress calls it; the last part of the first address unless given. */
  readonly label?: string;
}

export interface FetchedFile {
  /** The address that gave it, without credentials. */
  readonly url: string;
  readonly size: number;
}

/** The bytes of an address were not the expected ones; `got` says what they were. */
export class UnexpectedBytes extends TrimaranError {
  readonly got: Digest;

  constructor(url: string, specified: Digest, got: Digest) {
    super({
      code: 'store/unexpected-bytes',
      message: `${url} has ${got.algorithm} ${digestToHex(got)}, but ${digestToHex(specified)} is expected`,
      hint: 'the file was changed on its way or at its source; try another address',
      exitCode: 4,
    });
    this.got = got;
  }
}

const gibibyte = 2 ** 30;

/**
 * Makes `target` from the first address with the right bytes. Throws {@link UnexpectedBytes} when an address answered with
 * others, else the last address's error: `download/…`, `store/unsupported-url`, `store/no-such-file`.
 *
 * @example
 * await fetchFile({ host, urls: ['https://example.org/a.tar.gz'], target: '/cache/a', digest });
 */
export async function fetchFile(options: FetchFileOptions): Promise<FetchedFile> {
  const task = options.host.progress.start({
    label: options.label ?? basename(options.urls[0] ?? options.target),
    unit: 'bytes',
  });
  let failure: unknown;
  try {
    for (const url of options.urls) {
      try {
        return await fetchFrom(url, options, (count) => task.advance(count));
      } catch (error) {
        if (!isTrimaranError(error) || error.code === 'download/no-space') throw error;
        // Wrong bytes tell more than an address that is gone.
        if (!(failure instanceof UnexpectedBytes)) failure = error;
      }
    }
  } finally {
    task.done();
  }
  throw (
    failure ??
    new TrimaranError({
      code: 'store/no-url',
      message: `there is no address to fetch ${basename(options.target)} from`,
    })
  );
}

async function fetchFrom(
  url: string,
  options: FetchFileOptions,
  onBytes: (count: number) => void,
): Promise<FetchedFile> {
  const { target, digest } = options;
  await mkdir(dirname(target), { recursive: true });
  if (url.startsWith('file:') || url.startsWith('/')) {
    const size = await copyLocal(url, target);
    onBytes(size);
    await checkDigest(url, target, digest);
    return { url: redactUrl(url), size };
  }
  if (!/^https?:/i.test(url)) throw unsupportedUrl(url);
  const partial = `${target}.partial`;
  const size = (await isThere(partial)) ? await lengthOf(url, options.host) : undefined;
  const maximumSize = options.maximumSize ?? 16 * gibibyte;
  const attempt = (expectedSize: number | undefined) =>
    download({
      host: options.host,
      urls: [url],
      target,
      maximumSize,
      onBytes,
      ...(expectedSize === undefined ? {} : { size: expectedSize }),
    });
  let fetched = await attempt(size);
  try {
    await checkDigest(fetched.url, target, digest, fetched.sha256);
  } catch (error) {
    // Bytes kept from another time may have been what was wrong.
    if (size === undefined || !(error instanceof UnexpectedBytes)) throw error;
    onBytes(-fetched.size);
    fetched = await attempt(undefined);
    await checkDigest(fetched.url, target, digest, fetched.sha256);
  }
  return { url: fetched.url, size: fetched.size };
}

/** Removes the file and throws when its hash is not the expected one. */
async function checkDigest(
  url: string,
  file: string,
  digest: Digest | undefined,
  sha256?: string,
): Promise<void> {
  if (digest === undefined) return;
  const got: Digest =
    digest.algorithm === 'sha256' && sha256 !== undefined
      ? { algorithm: 'sha256', bytes: Buffer.from(sha256, 'hex') }
      : hashFile(file, digest.algorithm);
  if (digestsEqual(digest, got)) return;
  await rm(file, { force: true });
  throw new UnexpectedBytes(redactUrl(url), digest, got);
}

async function copyLocal(url: string, target: string): Promise<number> {
  const source = url.startsWith('file:') ? fileURLToPath(url) : url;
  try {
    await copyFile(source, target);
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
    throw new TrimaranError({
      code: 'store/no-such-file',
      message: `${source} does not exist`,
      cause: error,
    });
  }
  return (await stat(target)).size;
}

async function isThere(file: string): Promise<boolean> {
  try {
    return (await stat(file)).size > 0;
  } catch {
    return false;
  }
}

/** The length that the address announces: only with it can an old part be told to belong to what is there now. */
async function lengthOf(url: string, host: Pick<Host, 'fetch'>): Promise<number | undefined> {
  try {
    const response = await host.fetch(url, { method: 'HEAD', headers: { 'accept-encoding': 'identity' } });
    const length = Number(response.headers.get('content-length') ?? Number.NaN);
    return response.ok && Number.isSafeInteger(length) && length > 0 ? length : undefined;
  } catch {
    return undefined;
  }
}

function unsupportedUrl(url: string): TrimaranError {
  return new TrimaranError({
    code: 'store/unsupported-url',
    message: `cannot fetch ${redactUrl(url)}: addresses of this kind are not supported`,
    hint: 'give an http:, https: or file: address of the same file',
  });
}

/** A name for a download that is the same whenever the same bytes are wanted. */
export function downloadName(digest: Digest | undefined, urls: readonly string[]): string {
  return digest === undefined
    ? `url-${digestToHex(digestOf('sha256', Buffer.from(urls.join('\n')))).slice(0, 40)}`
    : `${digest.algorithm}-${digestToHex(digest)}`;
}
