// A registry in memory: the OCI distribution specification 1.1 on a loopback port, for tests, demonstrations and
// machines without another. Push, pull, ranges, chunked uploads, cross-repository mounts, tags; optionally Basic or
// token authentication; faults on request. Deleting is refused. https://github.com/opencontainers/distribution-spec
import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mediaTypes, parseSha256Digest, type Sha256Digest } from './descriptor.ts';

export interface RegistryServerOptions {
  /** 0, the default, lets the system choose. */
  readonly port?: number;
  readonly auth?: {
    readonly kind: 'basic' | 'bearer';
    readonly user: string;
    readonly password: string;
    /** Seconds that a token is good for; 300 unless given. */
    readonly tokenLifetime?: number;
  };
  /** Bytes of one blob; 4 GiB unless given. */
  readonly maximumBlobSize?: number;
}

/** Something to go wrong, once, at the first request that it matches. */
interface RegistryFault {
  readonly method?: string;
  /** Matched against path and query. */
  readonly path?: RegExp;
  /** Answers with this status at once. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Ends the connection after so many bytes of the answer's, or the request's, body. */
  readonly cutAfter?: number;
  /** Changes the first byte of the answer's body. */
  readonly corrupt?: true;
  /** How often; 1 unless given. */
  readonly times?: number;
}

export interface RegistryServer {
  /** `127.0.0.1:PORT`, as it stands in an image name. */
  readonly address: string;
  /** Every request so far, as `METHOD /path?query`. */
  readonly requests: readonly string[];
  inject(fault: RegistryFault): void;
  /** Makes every token that was given out useless. */
  expireTokens(): void;
  close(): Promise<void>;
}

interface Manifest {
  readonly bytes: Buffer;
  readonly mediaType: string;
}
interface Repository {
  readonly blobs: Set<Sha256Digest>;
  readonly manifests: Map<Sha256Digest, Manifest>;
  readonly tags: Map<string, Sha256Digest>;
}
interface Upload {
  readonly repository: string;
  readonly chunks: Buffer[];
  size: number;
}
interface Call {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly fault: RegistryFault | undefined;
}

class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;
  constructor(status: number, code: string, headers: Readonly<Record<string, string>> = {}) {
    super(code);
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}

const namePattern = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const longestManifest = 4 << 20;

class MemoryRegistry {
  readonly requests: string[] = [];
  readonly #options: RegistryServerOptions;
  readonly #blobs = new Map<Sha256Digest, Buffer>();
  readonly #repositories = new Map<string, Repository>();
  readonly #uploads = new Map<string, Upload>();
  readonly #tokens = new Map<string, { expires: number; scopes: string[] }>();
  #faults: { fault: RegistryFault; left: number }[] = [];

  constructor(options: RegistryServerOptions) {
    this.#options = options;
  }

  inject(fault: RegistryFault): void {
    this.#faults.push({ fault, left: fault.times ?? 1 });
  }

  expireTokens(): void {
    this.#tokens.clear();
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', `http://${request.headers.host ?? 'localhost'}`);
    this.requests.push(`${request.method} ${url.pathname}${url.search}`);
    const fault = this.#takeFault(request.method ?? 'GET', `${url.pathname}${url.search}`);
    const call: Call = { request, response, url, fault };
    response.setHeader('docker-distribution-api-version', 'registry/2.0');
    try {
      if (fault?.status !== undefined) throw new Refusal(fault.status, 'UNKNOWN', fault.headers);
      if (url.pathname === '/token') return this.#giveToken(call);
      await this.#route(call);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const body = JSON.stringify({ errors: [{ code: error.code, message: error.code.toLowerCase() }] });
      // The request's body may still be under way; nobody will read it.
      response.writeHead(error.status, {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        ...(request.complete ? {} : { connection: 'close' }),
        ...error.headers,
      });
      response.end(request.method === 'HEAD' ? undefined : body);
    }
  }

  #takeFault(method: string, path: string): RegistryFault | undefined {
    const found = this.#faults.find(
      ({ fault }) => (fault.method ?? method) === method && (fault.path?.test(path) ?? true),
    );
    if (found === undefined) return undefined;
    found.left--;
    if (found.left === 0) this.#faults = this.#faults.filter((other) => other !== found);
    return found.fault;
  }

  #giveToken({ request, response, url }: Call): void {
    const scopes = url.searchParams.getAll('scope').flatMap((scope) => scope.split(' '));
    if (!this.#hasPassword(request)) throw new Refusal(401, 'UNAUTHORIZED');
    const token = randomBytes(16).toString('hex');
    const lifetime = this.#options.auth?.tokenLifetime ?? 300;
    this.#tokens.set(token, { expires: Date.now() + lifetime * 1000, scopes });
    sendJson(response, { token, expires_in: lifetime });
  }

  #hasPassword(request: IncomingMessage): boolean {
    const { auth } = this.#options;
    if (auth === undefined) return true;
    const wanted = `Basic ${Buffer.from(`${auth.user}:${auth.password}`).toString('base64')}`;
    return request.headers.authorization === wanted;
  }

  #checkAccess({ request, url }: Call, name: string | undefined): void {
    const { auth } = this.#options;
    if (auth === undefined) return;
    if (auth.kind === 'basic') {
      if (this.#hasPassword(request)) return;
      throw new Refusal(401, 'UNAUTHORIZED', { 'www-authenticate': 'Basic realm="registry"' });
    }
    const action = request.method === 'GET' || request.method === 'HEAD' ? 'pull' : 'push';
    const given = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
    const token = given === undefined ? undefined : this.#tokens.get(given);
    const allows = (scope: string) => {
      const [, scopeName, actions] = /^repository:(.+):([a-z,]+)$/.exec(scope) ?? [];
      return scopeName === name && actions?.split(',').includes(action);
    };
    if (
      token !== undefined &&
      token.expires > Date.now() &&
      (name === undefined || token.scopes.some(allows))
    ) {
      return;
    }
    const scope =
      name === undefined ? '' : `,scope="repository:${name}:${action === 'pull' ? 'pull' : 'pull,push'}"`;
    const problem = given === undefined ? '' : ',error="invalid_token"';
    throw new Refusal(401, 'UNAUTHORIZED', {
      'www-authenticate': `Bearer realm="http://${url.host}/token",service="registry"${scope}${problem}`,
    });
  }

  async #route(call: Call): Promise<void> {
    const { request, response, url } = call;
    if (url.pathname === '/v2/' || url.pathname === '/v2') {
      this.#checkAccess(call, undefined);
      return sendJson(response, {});
    }
    const match = /^\/v2\/(.+)\/(manifests|blobs|blobs\/uploads|tags)\/([^/]*)$/.exec(url.pathname);
    if (match === null) throw new Refusal(404, 'NOT_FOUND');
    const [, name, kind, last] = match as unknown as [string, string, string, string];
    if (!namePattern.test(name)) throw new Refusal(400, 'NAME_INVALID');
    this.#checkAccess(call, name);
    const reading = request.method === 'GET' || request.method === 'HEAD';
    if (kind === 'manifests' && reading) return this.#getManifest(call, name, last);
    if (kind === 'manifests' && request.method === 'PUT') return this.#putManifest(call, name, last);
    if (kind === 'blobs' && reading) return this.#getBlob(call, name, last);
    if (kind === 'tags' && last === 'list' && reading) return this.#listTags(call, name);
    if (kind === 'blobs/uploads') return this.#upload(call, name, last);
    throw new Refusal(405, 'UNSUPPORTED');
  }

  #repository(name: string): Repository {
    let repository = this.#repositories.get(name);
    if (repository === undefined) {
      repository = { blobs: new Set(), manifests: new Map(), tags: new Map() };
      this.#repositories.set(name, repository);
    }
    return repository;
  }

  #getManifest(call: Call, name: string, reference: string): void {
    const repository = this.#repositories.get(name);
    if (repository === undefined) throw new Refusal(404, 'NAME_UNKNOWN');
    const digest = parseSha256Digest(reference) ?? repository.tags.get(reference);
    const manifest = digest === undefined ? undefined : repository.manifests.get(digest);
    if (manifest === undefined) throw new Refusal(404, 'MANIFEST_UNKNOWN');
    const headers = { 'content-type': manifest.mediaType, 'docker-content-digest': digest! };
    sendBytes(call, { status: 200, bytes: manifest.bytes, headers });
  }

  async #putManifest({ request, response }: Call, name: string, reference: string): Promise<void> {
    const bytes = Buffer.concat(await collect(request, longestManifest));
    const digest: Sha256Digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    if (reference.startsWith('sha256:') && reference !== digest) throw new Refusal(400, 'DIGEST_INVALID');
    const repository = this.#repository(name);
    let value: { mediaType?: unknown; config?: unknown; layers?: unknown; manifests?: unknown } | null;
    try {
      value = JSON.parse(bytes.toString('utf8'));
    } catch {
      throw new Refusal(400, 'MANIFEST_INVALID');
    }
    const listed = (list: unknown) =>
      (Array.isArray(list) ? list : []).map((item: { digest?: unknown } | null) =>
        parseSha256Digest(item?.digest),
      );
    const blobs = listed(
      value?.config === undefined ? value?.layers : [value.config, ...listOf(value.layers)],
    );
    if (blobs.some((blob) => blob === undefined || !repository.blobs.has(blob))) {
      throw new Refusal(400, 'MANIFEST_BLOB_UNKNOWN');
    }
    if (listed(value?.manifests).some((inner) => inner === undefined || !repository.manifests.has(inner))) {
      throw new Refusal(400, 'MANIFEST_UNKNOWN');
    }
    const mediaType = String(request.headers['content-type'] ?? value?.mediaType ?? mediaTypes.ociManifest);
    repository.manifests.set(digest, { bytes, mediaType });
    if (!reference.startsWith('sha256:')) repository.tags.set(reference, digest);
    response.writeHead(201, {
      location: `/v2/${name}/manifests/${digest}`,
      'docker-content-digest': digest,
      'content-length': 0,
    });
    response.end();
  }

  #getBlob(call: Call, name: string, reference: string): void {
    const digest = parseSha256Digest(reference);
    if (digest === undefined) throw new Refusal(400, 'DIGEST_INVALID');
    const bytes = this.#repositories.get(name)?.blobs.has(digest) ? this.#blobs.get(digest) : undefined;
    if (bytes === undefined) throw new Refusal(404, 'BLOB_UNKNOWN');
    const headers = { 'content-type': 'application/octet-stream', 'docker-content-digest': digest };
    const range = /^bytes=(\d+)-(\d*)$/.exec(call.request.headers.range ?? '');
    if (range === null) {
      sendBytes(call, { status: 200, bytes, headers: { ...headers, 'accept-ranges': 'bytes' } });
      return;
    }
    const start = Number(range[1]);
    const end = range[2] === '' ? bytes.length - 1 : Math.min(Number(range[2]), bytes.length - 1);
    if (start > end) throw new Refusal(416, 'RANGE_INVALID', { 'content-range': `bytes */${bytes.length}` });
    sendBytes(call, {
      status: 206,
      bytes: bytes.subarray(start, end + 1),
      headers: { ...headers, 'content-range': `bytes ${start}-${end}/${bytes.length}` },
    });
  }

  #listTags({ response, url }: Call, name: string): void {
    const repository = this.#repositories.get(name);
    if (repository === undefined) throw new Refusal(404, 'NAME_UNKNOWN');
    const after = url.searchParams.get('last') ?? '';
    const all = [...repository.tags.keys()].sort().filter((tag) => tag > after);
    const count = Number(url.searchParams.get('n') ?? all.length);
    const tags = all.slice(0, count);
    if (tags.length < all.length) {
      response.setHeader('link', `</v2/${name}/tags/list?n=${count}&last=${tags.at(-1) ?? ''}>; rel="next"`);
    }
    sendJson(response, { name, tags });
  }

  async #upload(call: Call, name: string, id: string): Promise<void> {
    const { request, response, url } = call;
    if (request.method === 'POST' && id === '') {
      const mount = parseSha256Digest(url.searchParams.get('mount'));
      const from = this.#repositories.get(url.searchParams.get('from') ?? '');
      if (mount !== undefined && from?.blobs.has(mount)) return this.#created(response, name, mount);
      const upload: Upload = { repository: name, chunks: [], size: 0 };
      const created = randomBytes(16).toString('hex');
      this.#uploads.set(created, upload);
      const digest = url.searchParams.get('digest');
      if (digest === null) return this.#accepted(response, created, upload);
      await this.#receive(call, upload);
      return this.#finish(response, { id: created, upload, digest });
    }
    const upload = this.#uploads.get(id);
    if (upload === undefined || upload.repository !== name) throw new Refusal(404, 'BLOB_UPLOAD_UNKNOWN');
    switch (request.method) {
      case 'GET':
        return this.#accepted(response, id, upload, 204);
      case 'PATCH': {
        const start = /^(?:bytes )?(\d+)-\d+$/.exec(request.headers['content-range'] ?? '')?.[1];
        if (start !== undefined && Number(start) !== upload.size) throw new Refusal(416, 'RANGE_INVALID');
        await this.#receive(call, upload);
        return this.#accepted(response, id, upload);
      }
      case 'PUT':
        await this.#receive(call, upload);
        return this.#finish(response, { id, upload, digest: url.searchParams.get('digest') });
      case 'DELETE':
        this.#uploads.delete(id);
        response.writeHead(204).end();
        return;
      default:
        throw new Refusal(405, 'UNSUPPORTED');
    }
  }

  async #receive({ request, fault }: Call, upload: Upload): Promise<void> {
    const limit = this.#options.maximumBlobSize ?? 2 ** 32;
    for await (const chunk of request) {
      upload.chunks.push(chunk as Buffer);
      upload.size += (chunk as Buffer).length;
      if (upload.size > limit) throw new Refusal(413, 'SIZE_INVALID');
      if (fault?.cutAfter !== undefined && upload.size > fault.cutAfter) request.socket.destroy();
    }
  }

  #accepted(response: ServerResponse, id: string, upload: Upload, status = 202): void {
    response.writeHead(status, {
      location: `/v2/${upload.repository}/blobs/uploads/${id}`,
      'docker-upload-uuid': id,
      range: `0-${Math.max(0, upload.size - 1)}`,
      ...(status === 204 ? {} : { 'content-length': 0 }),
    });
    response.end();
  }

  #finish(
    response: ServerResponse,
    { id, upload, digest }: { readonly id: string; readonly upload: Upload; readonly digest: string | null },
  ): void {
    this.#uploads.delete(id);
    const wanted = parseSha256Digest(digest);
    const bytes = Buffer.concat(upload.chunks);
    if (wanted !== `sha256:${createHash('sha256').update(bytes).digest('hex')}`) {
      throw new Refusal(400, 'DIGEST_INVALID');
    }
    this.#blobs.set(wanted as Sha256Digest, bytes);
    this.#created(response, upload.repository, wanted as Sha256Digest);
  }

  #created(response: ServerResponse, name: string, digest: Sha256Digest): void {
    this.#repository(name).blobs.add(digest);
    response.writeHead(201, {
      location: `/v2/${name}/blobs/${digest}`,
      'docker-content-digest': digest,
      'content-length': 0,
    });
    response.end();
  }
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

async function collect(request: IncomingMessage, limit: number): Promise<Buffer[]> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    chunks.push(chunk as Buffer);
    size += (chunk as Buffer).length;
    if (size > limit) throw new Refusal(413, 'MANIFEST_INVALID');
  }
  return chunks;
}

function sendJson(response: ServerResponse, value: unknown): void {
  const body = JSON.stringify(value);
  response.setHeader('content-type', 'application/json');
  response.setHeader('content-length', Buffer.byteLength(body));
  response.end(body);
}

function sendBytes(
  { request, response, fault }: Call,
  {
    status,
    bytes,
    headers,
  }: { readonly status: number; readonly bytes: Buffer; readonly headers: Readonly<Record<string, string>> },
): void {
  response.writeHead(status, { ...headers, 'content-length': bytes.length });
  if (request.method === 'HEAD') {
    response.end();
    return;
  }
  let body = bytes;
  if (fault?.corrupt === true && bytes.length > 0) {
    body = Buffer.from(bytes);
    body[0] = bytes[0]! ^ 0xff;
  }
  if (fault?.cutAfter !== undefined && fault.cutAfter < body.length) {
    response.write(body.subarray(0, fault.cutAfter), () => setTimeout(() => response.destroy(), 10));
    return;
  }
  response.end(body);
}

/**
 * Starts a registry on 127.0.0.1; close it when done. Rejects with the system's error when the port is taken.
 *
 * @example
 * const registry = await startRegistry();
 * // docker push 127.0.0.1:PORT/app
 * await registry.close();
 */
export async function startRegistry(options: RegistryServerOptions = {}): Promise<RegistryServer> {
  const registry = new MemoryRegistry(options);
  const server = createServer((request, response) => {
    // What is left to fail here is a connection that broke; the client has noticed.
    registry.handle(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: registry.requests,
    inject: (fault) => registry.inject(fault),
    expireTokens: () => registry.expireTokens(),
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve, reject) => {
        server.close((error) => (error === undefined ? resolve() : reject(error)));
      });
    },
  };
}
