// HTTP/1.1 connections that read each answer through one buffer: Node's own client copies a body into new memory piece by
// piece, which takes longer than a transfer from nearby. RFC 9112 by http-parser-js; no uploads, pipelining or proxies.
import { connect, isIP, type OnReadOpts, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { type HeaderInfo, HTTPParser } from 'http-parser-js';

export interface HttpReadRequest {
  readonly method: 'GET' | 'HEAD';
  readonly headers: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

/** The head of an answer, and its body, to be taken once: by `forEachChunk`, by iteration, or not (`cancel`). */
export interface ConnectionAnswer {
  readonly status: number;
  /** By lower-case name; what came more than once is joined by commas. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: ConnectionBody;
}

interface ConnectionBody extends AsyncIterable<Uint8Array> {
  /**
   * Calls `take` with each part as it comes, in memory that the next part overwrites. Rejects with what `take` throws, and
   * with the system's error when the connection ends before the body.
   */
  forEachChunk(take: (chunk: Uint8Array) => void): Promise<void>;
  cancel(): Promise<void>;
}

/** Milliseconds for making a connection, for which it may be silent, and for which it is kept unused. */
const connectTimeout = 10_000;
const silenceTimeout = 300_000;
const idleTimeout = 4_000;
/** Below the parser's limit for a head, towards which it counts what ends with an answer's last byte. */
const bufferSize = 64 * 1024;
/** Bytes: the rest of a body of this size is sooner read than a new connection made. */
const smallBody = 65_536;

/** Connections to servers, each kept for a while for the next request to the same one. */
export class HttpConnections {
  readonly #idle = new Map<string, Connection[]>();
  readonly #beforeTls: (() => void) | undefined;

  /** `beforeTls` is called before each connection over TLS. */
  constructor({ beforeTls }: { readonly beforeTls?: () => void } = {}) {
    this.#beforeTls = beforeTls;
  }

  /**
   * Sends a request to an address of `http:` or `https:`. Rejects with the system's error when there is no answer. Where a
   * kept connection turns out to be closed, a new one is made.
   */
  async ask(url: URL, request: HttpReadRequest): Promise<ConnectionAnswer> {
    const head = writeHead(url, request);
    const kept = this.#idle.get(url.origin)?.pop();
    if (kept !== undefined) {
      const { bytesRead } = kept.socket;
      try {
        return await kept.ask(head, request);
      } catch (error) {
        if (request.signal?.aborted === true || kept.socket.bytesRead > bytesRead) throw error;
      }
    }
    if (url.protocol === 'https:') this.#beforeTls?.();
    const onIdle = (connection: Connection) => {
      const idle = this.#idle.get(url.origin);
      if (idle === undefined) this.#idle.set(url.origin, [connection]);
      else idle.push(connection);
    };
    const onClose = (connection: Connection) => {
      const idle = this.#idle.get(url.origin) ?? [];
      this.#idle.set(
        url.origin,
        idle.filter((other) => other !== connection),
      );
    };
    return new Connection(url, { onIdle, onClose }).ask(head, request);
  }
}

/** A request until the last byte of its answer. */
interface Exchange {
  readonly method: HttpReadRequest['method'];
  readonly onHead: (answer: ConnectionAnswer) => void;
  /** Called once: when the answer is complete, or with why it will not be. */
  readonly onEnd: (failure?: unknown) => void;
  state: 'asked' | 'answering' | 'complete' | 'failed';
  failure?: unknown;
  keepsAlive: boolean;
  /** Bytes of the body, as far as the head tells. */
  length: number;
  /** Where the body goes. Without it what has come is put by, and no more is read. */
  take?: (chunk: Uint8Array) => void;
  readonly putBy: Uint8Array[];
  /** Called when something has been put by, and at the end. */
  wake?: () => void;
}

class Connection {
  readonly socket: Socket;
  readonly #parser = new HTTPParser(HTTPParser.RESPONSE);
  readonly #onIdle: (connection: Connection) => void;
  #exchange: Exchange | undefined;

  constructor(
    url: URL,
    events: {
      readonly onIdle: (connection: Connection) => void;
      readonly onClose: (connection: Connection) => void;
    },
  ) {
    this.#onIdle = events.onIdle;
    this.#parser[HTTPParser.kOnHeadersComplete] = (head) => this.#onHead(head);
    this.#parser[HTTPParser.kOnBody] = (chunk, _, length) => {
      // The parser would go back and read its text again.
      if (!(length >= 0)) throw unreadable('a chunk of less than nothing');
      this.#onBody(chunk);
    };
    this.#parser[HTTPParser.kOnMessageComplete] = () => {
      if (this.#exchange?.state === 'answering') this.#exchange.state = 'complete';
    };
    const onread: OnReadOpts = {
      buffer: Buffer.allocUnsafeSlow(bufferSize),
      callback: (size, buffer) => this.#receive((buffer as Buffer).subarray(0, size)),
    };
    this.socket = connectTo(url, onread);
    const late = (what: string) => () =>
      this.socket.destroy(Object.assign(new Error(what), { code: 'ETIMEDOUT' }));
    const connecting = setTimeout(late('no connection'), connectTimeout);
    this.socket.once(url.protocol === 'https:' ? 'secureConnect' : 'connect', () => clearTimeout(connecting));
    this.socket.on('timeout', late('no answer'));
    this.socket.on('error', (error) => this.#fail(error));
    this.socket.on('end', () => {
      // The end of a body without a length.
      this.#parser.finish();
      this.#settle();
    });
    this.socket.on('close', () => {
      clearTimeout(connecting);
      events.onClose(this);
      this.#fail(Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' }));
    });
  }

  /** Sends a request; there must be none under way. */
  ask(head: string, { method, signal }: HttpReadRequest): Promise<ConnectionAnswer> {
    return new Promise((resolve, reject) => {
      const abort = () => this.socket.destroy(new DOMException('the request was given up', 'AbortError'));
      this.#exchange = {
        method,
        onHead: resolve,
        onEnd: (failure) => {
          signal?.removeEventListener('abort', abort);
          if (failure !== undefined) reject(failure);
        },
        state: 'asked',
        keepsAlive: false,
        length: Number.POSITIVE_INFINITY,
        putBy: [],
      };
      signal?.addEventListener('abort', abort);
      if (signal?.aborted === true) abort();
      this.socket.ref();
      this.socket.setTimeout(silenceTimeout);
      this.socket.write(head, 'latin1');
    });
  }

  /** Reads what has come. False stops the reading until somebody wants the body. */
  #receive(chunk: Buffer): boolean {
    const exchange = this.#exchange;
    try {
      if (exchange === undefined) throw unreadable('what nobody asked for');
      const read = this.#parser.execute(chunk);
      if (read instanceof Error) throw unreadable(read.message);
      this.#settle();
    } catch (error) {
      this.#fail(error);
      this.socket.destroy();
      return false;
    }
    if (exchange.take === undefined) exchange.wake?.();
    return exchange.state !== 'answering' || exchange.take !== undefined;
  }

  #onHead(head: HeaderInfo): number | undefined {
    const exchange = this.#exchange;
    if (exchange?.state !== 'asked') throw unreadable('a second answer');
    if (head.statusCode === 101) throw unreadable('another protocol');
    // Informational: the answer itself follows.
    if (head.statusCode < 200) return;
    const headers = new Map<string, string>();
    for (let i = 0; i + 1 < head.headers.length; i += 2) {
      const name = head.headers[i]!.toLowerCase();
      const former = headers.get(name);
      headers.set(name, former === undefined ? head.headers[i + 1]! : `${former}, ${head.headers[i + 1]}`);
    }
    const coding = headers.get('transfer-encoding');
    const length = headers.get('content-length');
    // The parser takes whatever number JavaScript makes of it.
    if (length !== undefined && !/^\d{1,15}$/.test(length)) throw unreadable(`a length of ${length}`);
    if (coding !== undefined && coding.toLowerCase() !== 'chunked') throw unreadable(`the coding ${coding}`);
    if (length !== undefined && coding === undefined) exchange.length = Number(length);
    exchange.state = 'answering';
    exchange.keepsAlive = head.shouldKeepAlive;
    exchange.onHead({ status: head.statusCode, headers, body: new Body(exchange, this.socket) });
    return exchange.method === 'HEAD' ? 1 : undefined;
  }

  #onBody(chunk: Uint8Array): void {
    const exchange = this.#exchange;
    if (exchange?.state !== 'answering') throw unreadable('a body that nobody asked for');
    if (exchange.take !== undefined) exchange.take(chunk);
    else exchange.putBy.push(Buffer.from(chunk));
  }

  /** Where the answer is complete: tells who waits, and keeps the connection if the server does. */
  #settle(): void {
    const exchange = this.#exchange;
    if (exchange?.state !== 'complete') return;
    this.#exchange = undefined;
    exchange.onEnd();
    exchange.wake?.();
    if (!exchange.keepsAlive || this.socket.readableEnded) {
      this.socket.destroy();
      return;
    }
    this.socket.setTimeout(idleTimeout);
    this.socket.unref();
    this.#onIdle(this);
  }

  #fail(failure: unknown): void {
    const exchange = this.#exchange;
    if (exchange === undefined) return;
    this.#exchange = undefined;
    exchange.state = 'failed';
    exchange.failure = failure;
    exchange.onEnd(failure);
    exchange.wake?.();
  }
}

class Body implements ConnectionBody {
  readonly #exchange: Exchange;
  readonly #socket: Socket;

  constructor(exchange: Exchange, socket: Socket) {
    this.#exchange = exchange;
    this.#socket = socket;
  }

  async forEachChunk(take: (chunk: Uint8Array) => void): Promise<void> {
    const exchange = this.#exchange;
    try {
      for (const chunk of exchange.putBy.splice(0)) take(chunk);
      exchange.take = take;
      while (await this.#more());
    } catch (error) {
      this.#abandon();
      throw error;
    }
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    try {
      do yield* this.#exchange.putBy.splice(0);
      while (await this.#more());
      yield* this.#exchange.putBy.splice(0);
    } finally {
      this.#abandon();
    }
  }

  async cancel(): Promise<void> {
    if (this.#exchange.length <= smallBody) await this.forEachChunk(() => {}).catch(() => {});
    else this.#abandon();
  }

  /** Waits until more has been put by; false when that was all. Throws the failure, if it is one that ends it. */
  async #more(): Promise<boolean> {
    const exchange = this.#exchange;
    if (exchange.state === 'answering') {
      await new Promise<void>((resolve) => {
        exchange.wake = resolve;
        this.#socket.resume();
      });
    }
    if (exchange.state === 'failed') throw exchange.failure;
    return exchange.state === 'answering';
  }

  #abandon(): void {
    if (this.#exchange.state === 'answering') this.#socket.destroy();
  }
}

function connectTo(url: URL, onread: OnReadOpts): Socket {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (url.protocol === 'http:') return connect({ host, port: Number(url.port || 80), onread });
  const options: ConnectionOptions & { readonly onread: OnReadOpts } = {
    host,
    port: Number(url.port || 443),
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ALPNProtocols: ['http/1.1'],
    onread,
  };
  return connectTls(options);
}

function writeHead(url: URL, { method, headers }: HttpReadRequest): string {
  let head = `${method} ${url.pathname}${url.search} HTTP/1.1\r\n`;
  for (const [name, value] of Object.entries({ host: url.host, connection: 'keep-alive', ...headers })) {
    if (/[^\t\x20-\x7e\x80-\xff]/.test(value)) {
      throw Object.assign(new TypeError(`the header ${name} has a character that it may not have`), {
        code: 'ERR_INVALID_CHAR',
      });
    }
    head += `${name}: ${value}\r\n`;
  }
  return `${head}\r\n`;
}

/** As Node's own client calls an answer that is none. */
function unreadable(what: string): Error {
  return Object.assign(new Error(`the server sent ${what}`), { code: 'HPE_INVALID_CONSTANT' });
}
