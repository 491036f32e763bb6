// Fetches one file over HTTP into a place on disk: resumed, retried, bounded, and hashed before it gets its name.
// Leaves out: what is fetched from where (callers give addresses) and whether a file is there already.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { temporaryNameFor } from './atomic-file.ts';
import { type Digest, digestToHex } from './digest.ts';
import { isTrimaranError, systemErrorCode, TrimaranError } from './error.ts';
import type { Host } from './host.ts';

export interface DownloadOptions {
  readonly host: Pick<Host, 'fetch'>;
  /** Addresses of the same bytes, tried in order; user and password in one become a Basic authorization. */
  readonly urls: readonly string[];
  /** Full path of the file to make. */
  readonly target: string;
  /** What the bytes must be; without it the caller checks them by other means (a signature). */
  readonly digest?: Digest;
  /** Exact length in bytes, when known. */
  readonly size?: number;
  /** Refuses more than so many bytes when `size` is not known. 1 GiB unless given. */
  readonly maximumSize?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Called with the number of new bytes on disk; negative when a useless part is dropped. */
  readonly onBytes?: (count: number) => void;
  /** Attempts for each address; 3 unless given. */
  readonly attempts?: number;
  /** Milliseconds without a byte after which a connection is given up; 30 000 unless given. */
  readonly idleTimeout?: number;
}

export interface Downloaded {
  /** The address that answered, without credentials. */
  readonly url: string;
  readonly size: number;
  /** SHA-256 of the file, lower-case hexadecimal. */
  readonly sha256: string;
}

/** An address as it may be shown: user, password and the values of its query are replaced by `***`. */
export function redactUrl(url: string): string {
  try {
    const parsed = new URL(url);
    if (parsed.username !== '') parsed.username = '***';
    if (parsed.password !== '') parsed.password = '***';
    for (const key of [...parsed.searchParams.keys()]) parsed.searchParams.set(key, '***');
    return parsed.href;
  } catch {
    return url.replace(/\/\/[^/@]*@/, '//***@');
  }
}

/**
 * Makes `target` from the first address that gives the right bytes. A partial file of an earlier attempt, also
 * of a process that died, is continued with a Range request where the server agrees.
 *
 * Throws `download/not-found` (every address says 404, 403 or 410), `download/unreachable` (no connection, or broken
 * too often), `download/refused` (another HTTP status), `download/mismatch` (size or digest differ),
 * `download/too-large` and `download/no-space`; all with exit code 4. Nothing is left under `target` then.
 *
 * @example
 * await download({ host, urls: ['https://example.org/a.deb'], target: '/cache/a.deb', digest, size: 1234 });
 */
export async function download(options: DownloadOptions): Promise<Downloaded> {
  await mkdir(dirname(options.target), { recursive: true });
  let failure: TrimaranError | undefined;
  for (const url of options.urls) {
    const attempts = options.attempts ?? 3;
    for (let attempt = 1; attempt <= attempts; attempt++) {
      try {
        return await attemptDownload(url, options);
      } catch (error) {
        if (isSpaceError(error)) throw noSpace(options.target, error);
        if (!isTrimaranError(error)) throw error;
        // What a later address says matters less than that an earlier one had wrong bytes.
        if (failure === undefined || rank(error) >= rank(failure)) failure = error;
        if (error.code !== 'download/unreachable' && error.code !== 'download/busy') break;
        if (attempt < attempts) await new Promise((resolve) => setTimeout(resolve, 200 * 4 ** (attempt - 1)));
      }
    }
  }
  if (failure?.code === 'download/busy') {
    throw new TrimaranError({ ...pick(failure), code: 'download/refused', exitCode: 4 });
  }
  throw (
    failure ??
    new TrimaranError({
      code: 'download/not-found',
      message: `there is no address to fetch ${basename(options.target)} from`,
      exitCode: 4,
    })
  );
}

function pick(error: TrimaranError) {
  return { message: error.message, hint: error.hint, cause: error.cause };
}

function rank(error: TrimaranError): number {
  return ['download/not-found', 'download/refused', 'download/busy', 'download/unreachable'].indexOf(
    error.code,
  ) < 0
    ? 2
    : error.code === 'download/not-found'
      ? 0
      : 1;
}

function isSpaceError(error: unknown): boolean {
  const code = systemErrorCode(error);
  return code === 'ENOSPC' || code === 'EDQUOT';
}

function noSpace(target: string, cause: unknown): TrimaranError {
  return new TrimaranError({
    code: 'download/no-space',
    message: `no space left to write ${target}`,
    hint: 'free some space, or set XDG_CACHE_HOME to a larger disk',
    cause,
    exitCode: 4,
  });
}

/** Takes over the partial file of an earlier attempt by renaming it, so that only one process ever writes to it. */
async function claimPartial(target: string, mine: string): Promise<void> {
  const directory = dirname(target);
  const prefix = `${basename(target)}.tmp-`;
  for (const name of await readdir(directory)) {
    if (name === `${basename(target)}.partial`) {
      if (await renamed(join(directory, name), mine)) return;
    } else if (name.startsWith(prefix)) {
      const pid = Number.parseInt(name.slice(prefix.length), 10);
      if (Number.isInteger(pid) && pid !== process.pid && !isAlive(pid)) {
        if (await renamed(join(directory, name), mine)) return;
      }
    }
  }
}

async function renamed(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemErrorCode(error) !== 'ESRCH';
  }
}

async function attemptDownload(url: string, options: DownloadOptions): Promise<Downloaded> {
  const mine = temporaryNameFor(options.target);
  await claimPartial(options.target, mine);
  const file = await open(mine, 'a+');
  const resumed = options.size !== undefined && (await file.stat()).size > 0;
  let keep = false;
  try {
    const result = await fill(file, url, options);
    await file.datasync();
    await rename(mine, options.target);
    return result;
  } catch (error) {
    // Only a broken connection leaves bytes worth continuing.
    keep = isTrimaranError(error, 'download/unreachable');
    // The old part may be what was wrong; it is gone now, so one more try from the start tells.
    if (resumed && isTrimaranError(error, 'download/mismatch')) return await attemptDownload(url, options);
    throw error;
  } finally {
    await file.close();
    if (keep) await renamed(mine, `${options.target}.partial`);
    else await rm(mine, { force: true });
  }
}

async function fill(file: FileHandle, url: string, options: DownloadOptions): Promise<Downloaded> {
  const shown = redactUrl(url);
  const limit = options.size ?? options.maximumSize ?? 2 ** 30;
  let have = (await file.stat()).size;
  if (options.size === undefined || have > options.size) {
    // Without a known length nothing says that old bytes belong to what the address gives now.
    await file.truncate(0);
    have = 0;
  }
  const sha256 = createHash('sha256');
  const wanted = options.digest;
  const other =
    wanted !== undefined && wanted.algorithm !== 'sha256' ? createHash(wanted.algorithm) : undefined;
  if (have > 0) {
    for await (const chunk of createReadStream('', { fd: file.fd, start: 0, autoClose: false })) {
      sha256.update(chunk as Buffer);
      other?.update(chunk as Buffer);
    }
    options.onBytes?.(have);
  }
  let hashes = { sha256, other };
  if (have < (options.size ?? Number.POSITIVE_INFINITY)) {
    const idle = new AbortController();
    const idleTimeout = options.idleTimeout ?? 30_000;
    let timer = setTimeout(() => idle.abort(), idleTimeout);
    try {
      const response = await options.host.fetch(...requestFor(url, have, options, idle.signal));
      if (have > 0 && response.status !== 206) {
        await file.truncate(0);
        options.onBytes?.(-have);
        have = 0;
        hashes = {
          sha256: createHash('sha256'),
          other: other === undefined || wanted === undefined ? undefined : createHash(wanted.algorithm),
        };
      }
      if (!response.ok) {
        await response.body?.cancel();
        throw refused(shown, response.status);
      }
      for await (const chunk of response.body ?? []) {
        clearTimeout(timer);
        timer = setTimeout(() => idle.abort(), idleTimeout);
        have += chunk.length;
        if (have > limit) throw tooLarge(shown, limit, options.size !== undefined);
        hashes.sha256.update(chunk);
        hashes.other?.update(chunk);
        await writeAll(file, chunk);
        options.onBytes?.(chunk.length);
      }
    } catch (error) {
      if (isTrimaranError(error) || isSpaceError(error)) throw error;
      throw unreachable(shown, error);
    } finally {
      clearTimeout(timer);
      idle.abort();
    }
  }
  if (options.size !== undefined && have < options.size) {
    throw new TrimaranError({
      code: 'download/unreachable',
      message: `the connection to ${shown} ended after ${have} of ${options.size} bytes`,
      hint: 'run the same command again; it continues where it stopped',
      exitCode: 4,
    });
  }
  const digest = hashes.sha256.digest();
  if (wanted !== undefined) {
    const actual = hashes.other?.digest() ?? digest;
    if (Buffer.compare(actual, wanted.bytes) !== 0) {
      throw new TrimaranError({
        code: 'download/mismatch',
        message:
          `${shown} has ${wanted.algorithm} ${actual.toString('hex')}, ` +
          `but ${digestToHex(wanted)} is expected`,
        hint: 'the file was changed on its way or at its source; try another mirror',
        exitCode: 4,
      });
    }
  }
  return { url: shown, size: have, sha256: digest.toString('hex') };
}

async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let written = 0; written < chunk.length; ) {
    written += (await file.write(chunk, written)).bytesWritten;
  }
}

/** `fetch` refuses addresses with a user or password in them; they go into a header instead. */
function requestFor(
  url: string,
  offset: number,
  options: DownloadOptions,
  signal: AbortSignal,
): [string, RequestInit] {
  // The bytes are hashed as the server keeps them, so no content coding may be put around them.
  const headers: Record<string, string> = { 'accept-encoding': 'identity', ...options.headers };
  if (offset > 0) headers.range = `bytes=${offset}-`;
  const parsed = new URL(url);
  if (parsed.username !== '' || parsed.password !== '') {
    const credentials = `${decodeURIComponent(parsed.username)}:${decodeURIComponent(parsed.password)}`;
    headers.authorization = `Basic ${Buffer.from(credentials).toString('base64')}`;
    parsed.username = '';
    parsed.password = '';
  }
  return [parsed.href, { headers, signal, redirect: 'follow' }];
}

function refused(shown: string, status: number): TrimaranError {
  const gone = status === 404 || status === 410 || status === 403;
  return new TrimaranError({
    code: gone
      ? 'download/not-found'
      : status >= 500 || status === 429
        ? 'download/busy'
        : 'download/refused',
    message: `${shown} answered with HTTP status ${status}`,
    hint: gone ? 'check the address' : 'run the same command again later, or try another mirror',
    exitCode: 4,
  });
}

function tooLarge(shown: string, limit: number, exact: boolean): TrimaranError {
  return new TrimaranError({
    code: exact ? 'download/mismatch' : 'download/too-large',
    message: `${shown} gives more than ${exact ? 'the expected' : 'the allowed'} ${limit} bytes`,
    hint: exact
      ? 'the file was changed on its way or at its source; try another mirror'
      : 'check the address: something else than the file wanted may be there',
    exitCode: 4,
  });
}

function unreachable(shown: string, cause: unknown): TrimaranError {
  return new TrimaranError({
    code: 'download/unreachable',
    message: `cannot fetch ${shown}: ${reasonOf(cause)}`,
    hint: 'check the network connection and run the same command again; it continues where it stopped',
    cause,
    exitCode: 4,
  });
}

function reasonOf(cause: unknown): string {
  if (cause instanceof Error && cause.name === 'AbortError') return 'the connection went silent';
  const inner = cause instanceof Error && cause.cause !== undefined ? cause.cause : cause;
  const code = systemErrorCode(inner);
  if (code === undefined)
    return (inner instanceof Error ? inner.message : String(inner)) || 'no answer to use came';
  if (code.startsWith('HPE_')) return `what answers there does not speak HTTP (${code})`;
  if (code.startsWith('Z_')) return `what came is not compressed as its headers say (${code})`;
  const words = reasons[code];
  return words === undefined ? code : `${words} (${code})`;
}

const reasons: Readonly<Record<string, string>> = {
  ENOTFOUND: 'the name of the host is not known',
  EAI_AGAIN: 'the name of the host cannot be looked up',
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was cut',
  EHOSTUNREACH: 'there is no way to the host',
  ENETUNREACH: 'there is no network',
  ETIMEDOUT: 'the host does not answer',
  UND_ERR_CONNECT_TIMEOUT: 'the host does not answer',
  UND_ERR_SOCKET: 'the connection was cut',
  UND_ERR_HEADERS_OVERFLOW: 'what answers there sends headers without end',
  ERR_INVALID_URL: 'it leads on to an address that is none',
};
