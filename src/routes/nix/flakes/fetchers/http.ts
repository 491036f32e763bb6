// Downloads over http(s) for inputs: redirects followed by hand, so that `Link: …; rel="immutable"` on the way is seen
// and credentials stay with their host; conditional requests; netrc. Progress and resuming are left out.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isTrimaranError } from '../../../../foundation/error.ts';
import { flakeError, systemCode } from '../flake-error.ts';
import { redactUrl } from '../url.ts';
import type { FetchContext } from './fetch-context.ts';

export interface HttpRequest {
  readonly url: string;
  /** Sent to the first host only: they may hold a token. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly etag?: string | undefined;
  /** File to write the body to; it must not exist. */
  readonly target: string;
}

export interface HttpResult {
  /** True when the server says that what has this `etag` is still current; nothing was written then. */
  readonly isUnchanged: boolean;
  readonly etag?: string;
  /** Where the server says that these very bytes will stay. */
  readonly immutableUrl?: string;
  /** Lower-case hexadecimal SHA-256 of the body. */
  readonly sha256?: string;
}

const redirectLimit = 20;
const sizeLimit = 4 * 2 ** 30;
const idleLimit = 60_000;
const attempts = 3;

/**
 * Downloads to a file. Throws `flake/fetch-failed` with the URL (no password, no token) and the reason: a status, a
 * broken connection, too many redirects, a body that is too large. Nothing is left at the target then.
 */
export async function httpDownload(context: FetchContext, request: HttpRequest): Promise<HttpResult> {
  if (context.settings.isOffline) throw offline(shown(request.url));
  for (let attempt = 1; ; attempt++) {
    try {
      return await attemptDownload(context, request);
    } catch (error) {
      await rm(request.target, { force: true });
      if (!isTrimaranError(error, 'flake/fetch-interrupted') || attempt === attempts) throw asFinal(error);
      await new Promise((done) => setTimeout(done, 250 * 2 ** attempt));
    }
  }
}

function asFinal(error: unknown): unknown {
  if (!isTrimaranError(error, 'flake/fetch-interrupted')) return error;
  return flakeError('fetch-failed', error.message, { hint: error.hint, cause: error.cause, exitCode: 4 });
}

/** A small body as text (an API's answer). Throws as `httpDownload`. */
export async function httpText(context: FetchContext, request: HttpRequest): Promise<string> {
  await httpDownload(context, request);
  try {
    return readFileSync(request.target, 'utf8');
  } finally {
    await rm(request.target, { force: true });
  }
}

async function attemptDownload(context: FetchContext, request: HttpRequest): Promise<HttpResult> {
  let url = request.url;
  const origin = originOf(url);
  let immutableUrl: string | undefined;
  for (let step = 0; step <= redirectLimit; step++) {
    const silence = new AbortController();
    let timer = setTimeout(() => silence.abort(), idleLimit);
    const alive = () => {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), idleLimit);
    };
    try {
      const headers: Record<string, string> = { 'accept-encoding': 'identity', 'user-agent': 'trimaran' };
      if (originOf(url) === origin) Object.assign(headers, request.headers);
      if (request.etag !== undefined) headers['if-none-match'] = request.etag;
      const plain = authorize(context, url, headers);
      const response = await context.host.fetch(plain, {
        headers,
        redirect: 'manual',
        signal: silence.signal,
      });
      alive();
      immutableUrl = immutableLink(response.headers.get('link')) ?? immutableUrl;
      const location = response.headers.get('location');
      if (response.status >= 300 && response.status < 400 && response.status !== 304 && location !== null) {
        await response.body?.cancel();
        url = new URL(location, plain).href;
        continue;
      }
      const etag = response.headers.get('etag');
      const found = {
        ...(etag === null ? {} : { etag }),
        ...(immutableUrl === undefined ? {} : { immutableUrl }),
      };
      if (response.status === 304) {
        await response.body?.cancel();
        return { isUnchanged: true, ...found };
      }
      if (!response.ok) {
        const detail = await errorDetail(response);
        throw statusError(url, response.status, detail);
      }
      return {
        isUnchanged: false,
        ...found,
        sha256: await writeBody(context, response, { target: request.target, url, alive }),
      };
    } catch (error) {
      if (isTrimaranError(error)) throw error;
      throw interrupted(url, error);
    } finally {
      clearTimeout(timer);
    }
  }
  throw flakeError('fetch-failed', `unable to download '${shown(request.url)}': too many redirects`, {
    exitCode: 4,
  });
}

async function writeBody(
  context: FetchContext,
  response: Response,
  options: { readonly target: string; readonly url: string; readonly alive: () => void },
): Promise<string> {
  await mkdir(dirname(options.target), { recursive: true });
  const file = await open(options.target, 'wx', 0o600);
  const hash = createHash('sha256');
  const length = Number(response.headers.get('content-length') ?? Number.NaN);
  const task = context.host.progress.start({
    label: `fetching ${shown(options.url)}`,
    unit: 'bytes',
    ...(Number.isSafeInteger(length) ? { total: length } : {}),
  });
  let size = 0;
  try {
    for await (const chunk of response.body ?? []) {
      options.alive();
      size += chunk.length;
      if (size > sizeLimit)
        throw flakeError('fetch-failed', `'${shown(options.url)}' gives more than ${sizeLimit} bytes`, {
          exitCode: 4,
        });
      hash.update(chunk);
      for (let start = 0; start < chunk.length; ) start += (await file.write(chunk, start)).bytesWritten;
      task.advance(chunk.length);
    }
  } finally {
    task.done();
    await file.close();
  }
  return hash.digest('hex');
}

/** Passwords and query values can be secrets. */
function shown(url: string): string {
  return redactUrl(url).replace(/([?&](?:[^=&]*token|private_token|access_token)=)[^&]*/gi, '$1***');
}

function originOf(url: string): string {
  try {
    return new URL(url).origin;
  } catch {
    throw flakeError('fetch-failed', `'${redactUrl(url)}' is not a URL that can be downloaded`, {
      exitCode: 4,
    });
  }
}

async function errorDetail(response: Response): Promise<string> {
  try {
    const text = (await response.text()).slice(0, 300);
    const message = /"message"\s*:\s*"([^"]*)"/.exec(text)?.[1];
    return message === undefined ? '' : ` (${message})`;
  } catch {
    return '';
  }
}

function statusError(url: string, status: number, detail: string): Error {
  const message = `unable to download '${shown(url)}': HTTP error ${status}${detail}`;
  if (status === 429 || status >= 500)
    return flakeError('fetch-interrupted', message, { hint: 'try again later', exitCode: 4 });
  return flakeError('fetch-failed', message, {
    exitCode: 4,
    hint:
      status === 401 || status === 403 || status === 404
        ? 'check the name; for a private source set access-tokens in nix.conf, or a netrc file'
        : 'check the address, then run the same command again',
  });
}

function interrupted(url: string, error: unknown): Error {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const reason =
    error instanceof Error && error.name === 'AbortError'
      ? 'the connection went silent'
      : (systemCode(cause) ?? (cause instanceof Error ? cause.message : String(cause)));
  return flakeError('fetch-interrupted', `unable to download '${shown(url)}': ${reason}`, {
    hint: 'check the network and the address, then run the same command again',
    cause: error,
    exitCode: 4,
  });
}

/** Said instead of asking a source. */
export function offline(source: string): Error {
  return flakeError('offline', `'${source}' was not fetched before, and the network is not to be used`, {
    hint: 'run the command again without --offline',
    exitCode: 4,
  });
}

/** The target of `Link: <…>; rel="immutable"`. */
function immutableLink(header: string | null): string | undefined {
  return header === null ? undefined : /<([^>]*)>; *rel="immutable"/.exec(header)?.[1];
}

// `fetch` refuses URLs with credentials in them; they go into a header, as does what netrc says of the host.
function authorize(context: FetchContext, url: string, headers: Record<string, string>): string {
  const parsed = new URL(url);
  if (headers.authorization !== undefined || headers.Authorization !== undefined) return url;
  let login = decodeURIComponent(parsed.username);
  let password = decodeURIComponent(parsed.password);
  if (login === '' && password === '') {
    const entry = netrcEntry(context.settings.netrcFile, parsed.hostname);
    if (entry === undefined) return url;
    ({ login, password } = entry);
  }
  parsed.username = '';
  parsed.password = '';
  headers.authorization = `Basic ${Buffer.from(`${login}:${password}`).toString('base64')}`;
  return parsed.href;
}

function netrcEntry(
  file: string,
  host: string,
): { readonly login: string; readonly password: string } | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return undefined;
  }
  let matches = false;
  let login: string | undefined;
  let password: string | undefined;
  const words = text
    .replace(/^\s*#.*$/gm, '')
    .split(/\s+/)
    .filter((word) => word !== '');
  for (let i = 0; i < words.length; i++) {
    if (words[i] === 'machine' || words[i] === 'default') {
      if (matches && login !== undefined) break;
      matches = words[i] === 'default' || words[++i] === host;
    } else if (words[i] === 'login') {
      i++;
      if (matches) login = words[i];
    } else if (words[i] === 'password') {
      i++;
      if (matches) password = words[i];
    }
  }
  return login === undefined ? undefined : { login, password: password ?? '' };
}
