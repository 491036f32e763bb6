// Requests that only read, on Node's http: the platform's own fetch spends more on its streams than a transfer from
// nearby takes. Redirects as in the Fetch standard: at most twenty, and credentials stay with the origin they are for.
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';

/** What the client looks at in an answer; a `Response` is one. */
export interface HttpAnswer {
  readonly status: number;
  readonly ok: boolean;
  /** After redirects. */
  readonly url: string;
  readonly redirected: boolean;
  readonly headers: { get(name: string): string | null };
  readonly body: AnswerBody | null;
}

interface AnswerBody extends AsyncIterable<Uint8Array> {
  cancel(): Promise<void>;
}

export interface HttpReadRequest {
  readonly method: 'GET' | 'HEAD';
  readonly headers: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

const mostRedirects = 20;
/** Milliseconds for a connection, and without a byte. */
const connectTimeout = 10_000;
const silenceTimeout = 300_000;

/** Sends a request and follows redirects. Rejects with the system's error when there is no answer. */
export async function readOverHttp(url: URL, request: HttpReadRequest): Promise<HttpAnswer> {
  let at = url;
  let headers = request.headers;
  for (let hops = 0; ; hops++) {
    const message = await open(at, { ...request, headers });
    const status = message.statusCode ?? 0;
    const { location } = message.headers;
    if (![301, 302, 303, 307, 308].includes(status) || location === undefined) {
      return answer(message, { status, url: at, redirected: hops > 0 });
    }
    message.resume();
    if (hops === mostRedirects) throw badRedirect('too many redirects');
    const next = new URL(location, at);
    if (next.origin !== at.origin) {
      headers = Object.fromEntries(Object.entries(headers).filter(([name]) => name !== 'authorization'));
    }
    at = next;
  }
}

function badRedirect(message: string): Error {
  return Object.assign(new Error(message), { code: 'ERR_BAD_REDIRECT' });
}

function open(url: URL, { method, headers, signal }: HttpReadRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    if (url.protocol !== 'http:' && url.protocol !== 'https:') {
      reject(badRedirect(`redirected to ${url.protocol}`));
      return;
    }
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const sent = send(url, { method, headers, ...(signal === undefined ? {} : { signal }) }, resolve);
    const late = (what: string) => () => sent.destroy(Object.assign(new Error(what), { code: 'ETIMEDOUT' }));
    const connecting = setTimeout(late('no connection'), connectTimeout);
    sent.setTimeout(silenceTimeout, late('no answer'));
    sent.on('socket', (socket) => {
      if (socket.connecting) socket.once('connect', () => clearTimeout(connecting));
      else clearTimeout(connecting);
    });
    sent.on('error', reject);
    sent.on('close', () => clearTimeout(connecting));
    sent.end();
  });
}

function answer(
  message: IncomingMessage,
  { status, url, redirected }: { readonly status: number; readonly url: URL; readonly redirected: boolean },
): HttpAnswer {
  const cancel = async () => {
    // What is left of a small answer is sooner read than a new connection made.
    if (Number(message.headers['content-length'] ?? Number.POSITIVE_INFINITY) < 65_536) message.resume();
    else message.destroy();
  };
  return {
    status,
    ok: status >= 200 && status < 300,
    url: url.href,
    redirected,
    headers: {
      get: (name) => {
        const value = message.headers[name];
        return value === undefined ? null : String(value);
      },
    },
    body: Object.assign(message, { cancel }),
  };
}
