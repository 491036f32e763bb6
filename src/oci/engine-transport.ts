// HTTP to an engine over its socket, and the errors that can come of it. `fetch` cannot speak to unix sockets.
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { Readable } from 'node:stream';
import { isTrimaranError, systemErrorCode, TrimaranError } from '../foundation/error.ts';
import type { EngineEndpoint } from './engine-endpoint.ts';

export interface EngineCall {
  readonly method?: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: AsyncIterable<Buffer>;
  /** Milliseconds until the answer's headers must be there; no limit when absent. */
  readonly timeout?: number;
}

/** JSON answers are small; more than this is not one. */
const longestJson = 64 << 20;

/** The error for an engine that stopped answering or answers nonsense. */
export function engineGone(endpoint: EngineEndpoint, what: string, cause?: unknown): TrimaranError {
  return new TrimaranError({
    code: 'oci/engine-gone',
    message: `lost the engine at ${endpoint.address}: ${what}`,
    hint: 'see whether it still runs (`docker version`), then run the command again',
    exitCode: 4,
    cause,
  });
}

function connectionError(endpoint: EngineEndpoint, error: unknown): unknown {
  if (isTrimaranError(error)) return error;
  const code = systemErrorCode(error);
  switch (code) {
    case 'ENOENT':
    case 'ECONNREFUSED':
    case 'ENOTFOUND':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'EAI_AGAIN':
      return new TrimaranError({
        code: 'oci/no-engine',
        message: `no engine answers at ${endpoint.address} (${code}; named by ${endpoint.source})`,
        hint:
          endpoint.source === 'default'
            ? 'start it (`sudo systemctl start docker`), or set DOCKER_HOST to where one listens'
            : `start it, or correct ${endpoint.source}`,
        exitCode: 4,
        cause: error,
      });
    case 'EACCES':
    case 'EPERM':
      return new TrimaranError({
        code: 'oci/engine-permission',
        message: `this user may not use the engine's socket at ${endpoint.address}`,
        hint: 'run `sudo usermod -aG docker $USER` and log in again, or use a rootless engine',
        exitCode: 4,
        cause: error,
      });
    default:
      if (/^(?:ERR_TLS|ERR_SSL|EPROTO|CERT_|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED)/.test(code ?? '')) {
        return new TrimaranError({
          code: 'oci/engine-tls',
          message: `the engine at ${endpoint.address} cannot be trusted or does not speak TLS (${code})`,
          hint: 'check DOCKER_CERT_PATH (ca.pem, cert.pem, key.pem) and DOCKER_TLS_VERIFY',
          exitCode: 4,
          cause: error,
        });
      }
      return engineGone(endpoint, code ?? (error instanceof Error ? error.message : String(error)), error);
  }
}

/**
 * Sends a request and resolves with the answer once its headers are there and its status is 2xx. Throws
 * `oci/no-engine`, `oci/engine-permission`, `oci/engine-tls`, `oci/engine-gone`, `oci/engine-no-image` (404) and
 * `oci/engine-error` (other statuses), and what reading the body throws.
 */
export async function callEngine(endpoint: EngineEndpoint, call: EngineCall): Promise<IncomingMessage> {
  const response = await send(endpoint, call);
  const status = response.statusCode ?? 0;
  if (status >= 200 && status < 300) return response;
  let message = `status ${status}`;
  try {
    const body = await readJson(endpoint, response);
    if (typeof body.message === 'string') message = body.message;
    else if (typeof body.cause === 'string') message = body.cause;
  } catch (error) {
    if (!isTrimaranError(error)) throw error;
  }
  throw new TrimaranError({
    code: status === 404 ? 'oci/engine-no-image' : 'oci/engine-error',
    message: `the engine at ${endpoint.address} refused: ${message}`,
    hint:
      status === 404 ? 'run `docker images` to see what it has' : 'look at the engine’s log for the reason',
    exitCode: 4,
  });
}

function send(endpoint: EngineEndpoint, call: EngineCall): Promise<IncomingMessage> {
  const options: RequestOptions = {
    method: call.method ?? 'GET',
    path: call.path,
    agent: false,
    ...(endpoint.kind === 'unix'
      ? { socketPath: endpoint.socketPath, headers: { host: 'docker', ...call.headers } }
      : { hostname: endpoint.hostname, port: endpoint.port, headers: { ...call.headers } }),
  };
  const tls = endpoint.kind === 'tcp' ? endpoint.tls : undefined;
  return new Promise((resolve, reject) => {
    const request =
      tls === undefined
        ? httpRequest(options)
        : httpsRequest({
            ...options,
            rejectUnauthorized: tls.verify,
            ...(tls.ca === undefined ? {} : { ca: tls.ca }),
            ...(tls.cert === undefined ? {} : { cert: tls.cert, key: tls.key }),
          });
    let answered = false;
    let bodyError: unknown;
    const timer =
      call.timeout === undefined
        ? undefined
        : setTimeout(() => request.destroy(new Error(`no answer for ${call.timeout} ms`)), call.timeout);
    request.once('response', (response) => {
      answered = true;
      clearTimeout(timer);
      resolve(response);
    });
    // Not `once`: a connection that breaks after an early answer fails again.
    request.on('error', (error) => {
      clearTimeout(timer);
      reject(bodyError ?? connectionError(endpoint, error));
    });
    if (call.body === undefined) {
      request.end();
      return;
    }
    const body = Readable.from(call.body, { objectMode: false, highWaterMark: 4 << 20 });
    body.once('error', (error) => {
      bodyError = error;
      request.destroy();
      // After an answer nobody listens for `error` any more, and the answer says what matters.
      if (!answered) reject(error);
    });
    request.once('close', () => body.destroy());
    body.pipe(request);
  });
}

/** The whole of a JSON answer. Throws `oci/engine-gone` when it breaks off or is none. */
export async function readJson(
  endpoint: EngineEndpoint,
  response: IncomingMessage,
): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of response) {
      length += (chunk as Buffer).length;
      if (length > longestJson) throw engineGone(endpoint, 'its answer is too long');
      chunks.push(chunk as Buffer);
    }
  } catch (error) {
    if (isTrimaranError(error)) throw error;
    throw engineGone(endpoint, 'the connection broke', error);
  }
  try {
    const value: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw engineGone(endpoint, 'its answer is not JSON');
}
