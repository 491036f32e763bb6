// Requests that only read, over connections that are kept. Redirects as in the Fetch standard: at most twenty, and
// credentials stay with the origin they are for.
import { type ConnectionAnswer, HttpConnections, type HttpReadRequest } from './http-connection.ts';

export type { HttpReadRequest };

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
  /** Calls `take` with each part, in memory that the next part overwrites: for much that is not kept. */
  forEachChunk?(take: (chunk: Uint8Array) => void): Promise<void>;
  cancel(): Promise<void>;
}

const mostRedirects = 20;

/** Sends a request and follows redirects. Rejects with the system's error when there is no answer. */
export type ReadOverHttp = (url: URL, request: HttpReadRequest) => Promise<HttpAnswer>;

/** A reader with connections of its own; `beforeTls` is called before each one over TLS. */
export function httpReader(options: { readonly beforeTls?: () => void } = {}): ReadOverHttp {
  const connections = new HttpConnections(options);
  return async (url, request) => {
    let at = url;
    let { headers } = request;
    for (let hops = 0; ; hops++) {
      if (at.protocol !== 'http:' && at.protocol !== 'https:')
        throw badRedirect(`redirected to ${at.protocol}`);
      const answer = await connections.ask(at, { ...request, headers });
      const location = answer.headers.get('location');
      if (![301, 302, 303, 307, 308].includes(answer.status) || location === undefined) {
        return answerFrom(answer, at, hops > 0);
      }
      await answer.body.cancel();
      if (hops === mostRedirects) throw badRedirect('too many redirects');
      const next = new URL(location, at);
      if (next.origin !== at.origin) {
        headers = Object.fromEntries(Object.entries(headers).filter(([name]) => name !== 'authorization'));
      }
      at = next;
    }
  };
}

function badRedirect(message: string): Error {
  return Object.assign(new Error(message), { code: 'ERR_BAD_REDIRECT' });
}

function answerFrom({ status, headers, body }: ConnectionAnswer, url: URL, redirected: boolean): HttpAnswer {
  return {
    status,
    ok: status >= 200 && status < 300,
    url: url.href,
    redirected,
    headers: { get: (name) => headers.get(name) ?? null },
    body,
  };
}
