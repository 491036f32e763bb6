// An HTTP proxy on loopback for the steps of a build. Whatever Debian mirror a step asks, it gets the release that the
// lock fixes, each index and package checked against that release; a pinned build so needs no change of its apt
// sources, and none to the network either once the packages are in the cache. Other plain HTTP passes through, and is
// told. apt's HTTPS ends here, by a certificate that steps get for it alone (apt-settings.ts), and is answered alike; what
// others ask over HTTPS is tunnelled unseen, so all that can be told of it is where it went.
import { createReadStream, readFileSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Archive, findMirrors, findSnapshot } from '../../debian/archive.ts';
import { archiveRoots } from '../../debian/archive-roots.ts';
import { fetchDebs } from '../../debian/fetch-debs.ts';
import type { PackageRecord } from '../../debian/package-index.ts';
import { download, redactUrl } from '../../foundation/download.ts';
import { isTrimaranError, systemErrorCode } from '../../foundation/error.ts';
import type { Host } from '../../foundation/host.ts';
import { openRelease } from '../../sets/debian/prepared-release.ts';
import { type LockedRequirement, type LockFile, lockedUrl } from '../../sets/lock-file.ts';
import { isApt } from './apt-settings.ts';
import { decodePath, parseArchivePath } from './archive-path.ts';
import { parseDownloadPath, proxyName } from './download-address.ts';
import { type LoopbackCertificate, openLoopbackCertificate } from './loopback-certificate.ts';
import { PythonProxy } from './python-proxy.ts';

export interface PackageProxyOptions {
  readonly host: Host;
  /** Trimaran's cache. */
  readonly cacheDirectory: string;
  readonly lock: LockFile | undefined;
  /** Debian's name of the architecture that is built for. */
  readonly architecture: string;
  /** What the lock has of the recipe's Python distributions. */
  readonly python?: ReadonlyMap<string, LockedRequirement>;
}

/** What went through a proxy. */
export interface ProxyUse {
  /** Packages given out, by suite. */
  readonly packages: ReadonlyMap<string, ReadonlyMap<string, PackageRecord>>;
  /** Releases given out, by suite. */
  readonly releases: ReadonlyMap<string, { readonly timestamp: string; readonly sha256: string }>;
  /** What nothing fixes: URLs without credentials, `https://HOST:PORT` for tunnels, suites, distributions of Python. */
  readonly passed: readonly string[];
  /** Why requests failed, for the error of a build that failed. */
  readonly failures: readonly string[];
}

export interface PackageProxy {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  readonly use: ProxyUse;
  /** What apt's HTTPS is answered with, PEM. */
  readonly certificate: string;
  /** Gives a file out too, under the address returned. `name` ends that address. */
  serve(file: string, name: string): string;
  close(): Promise<void>;
}

/** Below the ports that systems give out by themselves. */
const usualPort = 28_418;

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** Starts a proxy on a free port of loopback. */
export async function startPackageProxy(options: PackageProxyOptions): Promise<PackageProxy> {
  const proxy = new ReleaseProxy(options);
  const tls = await openLoopbackCertificate(certificateFile(options.cacheDirectory));
  const server = createServer((request, response) => void proxy.answer(request, response));
  const inside = answerInside(tls, proxy);
  const tunnels = new Set<Socket>();
  server.on('connect', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    tunnels.add(socket);
    socket.once('close', () => tunnels.delete(socket));
    if (isApt(request.headers)) inside({ socket, head });
    else proxy.tunnel(request.url ?? '', { socket, head });
  });
  // Steps may keep their environment, the proxy's address with it, so that is the same for as long as nobody else has it.
  await listen(server, usualPort).catch(() => listen(server, 0));
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    use: proxy,
    certificate: tls.certificate,
    serve: (file, name) => {
      const path = `/trimaran/${proxy.served.length}/${encodeURIComponent(name)}`;
      proxy.served.push(file);
      return `${url}${path}`;
    },
    close: () => {
      for (const socket of tunnels) socket.destroy();
      return closeServer(server);
    },
  };
}

function certificateFile(cacheDirectory: string): string {
  return join(cacheDirectory, 'dockerfile', 'loopback-tls.json');
}

/** Answers what comes through a tunnel itself, in the place of the host it leads to. */
function answerInside(
  { key, certificate }: LoopbackCertificate,
  proxy: ReleaseProxy,
): (connection: { readonly socket: Socket; readonly head: Buffer }) => void {
  const server = createTlsServer({ key, cert: certificate }, (request, response) => {
    void proxy.answer(request, response, `https://${request.headers.host ?? ''}`);
  });
  // Who asks knows; a hand that was not given ends with its connection.
  server.on('tlsClientError', () => {});
  return ({ socket, head }) => {
    socket.on('error', () => socket.destroy());
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
    if (head.length > 0) socket.unshift(head);
    server.emit('connection', socket);
  };
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

/** Path of a file to answer with; undefined for one that the archive does not have. */
type Answer = string | undefined;

class ReleaseProxy implements ProxyUse {
  readonly packages = new Map<string, Map<string, PackageRecord>>();
  readonly releases = new Map<string, { timestamp: string; sha256: string }>();
  readonly passed: string[] = [];
  readonly failures: string[] = [];
  /** Files to give out by number. */
  readonly served: string[] = [];
  readonly #options: PackageProxyOptions;
  readonly #archives = new Map<string, Promise<Archive>>();
  readonly #python: PythonProxy;

  constructor(options: PackageProxyOptions) {
    this.#options = options;
    const { host, cacheDirectory, python: requirements = new Map() } = options;
    const onUnlocked = (name: string) => this.#note(`pip install ${name}`);
    this.#python = new PythonProxy({ host, cacheDirectory, requirements, onUnlocked });
    for (const suite of options.lock?.debian.keys() ?? []) void this.#archive(suite).catch(() => {});
  }

  /** Answers a request for a whole address, or for a path below `origin`. */
  async answer(
    request: IncomingMessage,
    response: ServerResponse,
    origin = 'http://127.0.0.1',
  ): Promise<void> {
    try {
      const url = new URL(request.url ?? '', origin);
      const path = decodePath(url);
      const own = /^\/trimaran\/(\d+)\//.exec(path);
      if (own !== null && url.hostname === '127.0.0.1')
        await this.#send(response, this.served[Number(own[1])]);
      else if (url.hostname === proxyName) await this.#sendOwn(response, path);
      else if (!(await this.#sendArchived(url, response))) {
        if (request.method === 'GET') await this.#pass(url, request.headers.authorization, response);
        else response.writeHead(405).end();
      }
    } catch (error) {
      const message = isTrimaranError(error) ? error.message : String(error);
      if (!this.failures.includes(message)) this.failures.push(message);
      if (response.headersSent) response.destroy();
      else response.writeHead(502, { 'content-type': 'text/plain' }).end(`${message}\n`);
    }
  }

  /** Passes bytes on both ways between a step and `HOST:PORT`, through the caller's own proxy where there is one. */
  tunnel(target: string, { socket, head }: { readonly socket: Socket; readonly head: Buffer }): void {
    const place = parseTarget(target);
    if (place === undefined) {
      socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
      return;
    }
    this.#note(`https://${place.host}${place.port === 443 ? '' : `:${place.port}`}`);
    const { env } = this.#options.host;
    const next = parseProxy(env.https_proxy ?? env.HTTPS_PROXY);
    const onward = connect(next ?? place);
    onward.setTimeout(idleTunnel, () => onward.destroy());
    onward.once('connect', () => {
      if (next === undefined) socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      else {
        const login =
          next.authorization === undefined ? '' : `Proxy-Authorization: ${next.authorization}\r\n`;
        onward.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n${login}\r\n`);
      }
      onward.write(head);
      onward.pipe(socket);
      socket.pipe(onward);
    });
    onward.once('error', (error) => {
      const failure = `${target}: ${systemErrorCode(error) ?? error.message}`;
      if (!this.failures.includes(failure)) this.failures.push(failure);
      if (onward.connecting || onward.bytesRead === 0) socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
      else socket.destroy();
    });
    onward.once('close', () => socket.end());
    socket.once('error', () => onward.destroy());
    socket.once('close', () => onward.destroy());
  }

  #note(what: string): void {
    if (!this.passed.includes(what)) this.passed.push(what);
  }

  /** Downloads of the lock by their digest, and what pip asks for. */
  async #sendOwn(response: ServerResponse, path: string): Promise<void> {
    const sha256 = parseDownloadPath(path);
    const url = [...(this.#options.lock?.urls ?? [])].find(([, digest]) => digest === sha256)?.[0];
    if (sha256 !== undefined && url !== undefined)
      return this.#send(response, await this.#lockedUrl(url, { sha256, authorization: undefined }));
    const answer = await this.#python.answer(path);
    if (answer?.kind !== 'text') return this.#send(response, answer?.file);
    response.writeHead(200, { 'content-type': `${answer.type}; charset=utf-8` }).end(answer.text);
  }

  #archive(suite: string): Promise<Archive> {
    let archive = this.#archives.get(suite);
    if (archive === undefined) {
      const { host, cacheDirectory, lock, architecture } = this.#options;
      archive = openRelease({ host, cacheDirectory, lock }, { suite }, architecture);
      this.#archives.set(suite, archive);
    }
    return archive;
  }

  /** Sends a file of Debian's archive; false where the address is of something else. */
  async #sendArchived(url: URL, response: ServerResponse): Promise<boolean> {
    const known = await this.#knownRoots();
    const archived = parseArchivePath(url, known);
    if (archived === undefined) return false;
    if (archived.kind === 'index') {
      await this.#send(response, await this.#index(archived.suite, archived.path));
      return true;
    }
    const file = await this.#package(archived.filename);
    if (file === undefined) return false;
    await this.#send(response, file);
    return true;
  }

  /** Mirrors that the caller or the lock names. */
  async #knownRoots(): Promise<string[]> {
    const suites = ['', ...(this.#options.lock?.debian.keys() ?? [])];
    return (await Promise.all(suites.map((suite) => this.#mirrors(suite)))).flat();
  }

  #mirrors(suite: string): Promise<string[]> {
    const { host, lock } = this.#options;
    const mirror = lock?.debian.get(suite)?.mirror;
    return findMirrors({
      env: host.env,
      suite,
      ...(mirror === undefined ? {} : { locked: [mirror] }),
    });
  }

  /** A file of `dists/SUITE/`, from the cache where it has been fetched before. */
  async #index(suite: string, path: string): Promise<Answer> {
    const { host, cacheDirectory } = this.#options;
    const { release } = await this.#archive(suite);
    this.releases.set(suite, { timestamp: release.timestamp, sha256: release.sha256 });
    if (this.#options.lock?.debian.has(suite) !== true) this.#note(`the apt suite ${suite}`);
    const byHash = /\/by-hash\/SHA256\/([0-9a-f]{64})$/.exec(path)?.[1];
    const listed =
      byHash === undefined
        ? release.files.get(path)
        : [...release.files.values()].find(({ sha256 }) => sha256 === byHash);
    const sha256 = path === 'InRelease' ? release.sha256 : listed?.sha256;
    // Without detached signatures apt is content with InRelease.
    if (sha256 === undefined) return undefined;
    const file = join(cacheDirectory, 'debian', 'apt', sha256);
    if (sizeOf(file) !== undefined) return file;
    const roots = archiveRoots({
      mirrors: await this.#mirrors(suite),
      timestamp: release.timestamp,
      snapshot: findSnapshot(host.env, suite),
    });
    const names =
      release.byHash && listed !== undefined
        ? [`${path.replace(/\/(?:by-hash\/SHA256\/)?[^/]+$/, '')}/by-hash/SHA256/${sha256}`, path]
        : [path];
    let failure: unknown;
    for (const url of roots.flatMap((root) => names.map((name) => `${root}/dists/${suite}/${name}`))) {
      try {
        const digest = { algorithm: 'sha256', bytes: Buffer.from(sha256, 'hex') } as const;
        await download({
          host,
          urls: [url],
          target: file,
          digest,
          ...(listed === undefined ? {} : { size: listed.size }),
        });
        return file;
      } catch (error) {
        // A mirror that has moved on has another release; the snapshot service keeps this one.
        if (!isTrimaranError(error) || !error.code.startsWith('download/')) throw error;
        failure = error;
      }
    }
    throw failure ?? new Error(`no mirror is known for ${suite}`);
  }

  async #package(path: string): Promise<Answer> {
    const { host, cacheDirectory } = this.#options;
    const name = /([^/_]+)_[^/]*$/.exec(path)?.[1] ?? '';
    for (const [suite, opened] of this.#archives) {
      const archive = await opened.catch(() => undefined);
      if (archive === undefined) continue;
      const index = await archive.packages();
      const record = index.get(name).find(({ filename }) => filename === path);
      if (record === undefined) continue;
      const used = this.packages.get(suite) ?? new Map<string, PackageRecord>();
      this.packages.set(suite, used.set(record.name, record));
      const [file] = await fetchDebs({
        host,
        cacheDirectory,
        packages: [record],
        mirrors: await this.#mirrors(suite),
        timestamp: archive.release.timestamp,
        snapshot: findSnapshot(host.env, suite),
      });
      return file;
    }
    return undefined;
  }

  async #pass(url: URL, given: string | undefined, response: ServerResponse): Promise<void> {
    const { lock } = this.#options;
    const sha256 = lock === undefined ? undefined : lockedUrl(lock, url.href);
    if (sha256 !== undefined) {
      await this.#send(response, await this.#lockedUrl(url.href, { sha256, authorization: given }));
      return;
    }
    this.#note(redactUrl(url.href));
    const user = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    const authorization = user === ':' ? given : `Basic ${Buffer.from(user).toString('base64')}`;
    url.username = '';
    url.password = '';
    const answer = await this.#options.host.fetch(url, {
      redirect: 'manual',
      ...(authorization === undefined ? {} : { headers: { authorization } }),
    });
    const headers = Object.fromEntries(
      ['content-type', 'location', 'last-modified', 'etag'].flatMap((name) => {
        const value = answer.headers.get(name);
        return value === null ? [] : [[name, value]];
      }),
    );
    response.writeHead(answer.status, headers);
    if (answer.body === null) response.end();
    else await pipeline(Readable.fromWeb(answer.body as Parameters<typeof Readable.fromWeb>[0]), response);
  }

  /** A download that the lock fixes, whichever command asks for it. */
  async #lockedUrl(
    url: string,
    { sha256, authorization }: { readonly sha256: string; readonly authorization: string | undefined },
  ): Promise<string> {
    const { host, cacheDirectory } = this.#options;
    const target = join(cacheDirectory, 'fetch', 'urls', sha256);
    const digest = { algorithm: 'sha256', bytes: Buffer.from(sha256, 'hex') } as const;
    const headers = authorization === undefined ? {} : { headers: { authorization } };
    if (sizeOf(target) === undefined) await download({ host, urls: [url], target, digest, ...headers });
    return target;
  }

  async #send(response: ServerResponse, file: Answer): Promise<void> {
    if (file === undefined) {
      response.writeHead(404).end();
      return;
    }
    const { size } = statSync(file);
    // The same answer whenever it is asked for: apt writes this time down.
    response.writeHead(200, { 'content-length': size, 'last-modified': 'Thu, 01 Jan 1970 00:00:01 GMT' });
    if (size < 1 << 16) response.end(readFileSync(file));
    else await pipeline(createReadStream(file), response);
  }
}

/** Milliseconds without a byte after which a tunnel is given up. */
const idleTunnel = 120_000;

function parseTarget(target: string): { readonly host: string; readonly port: number } | undefined {
  const match = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):(\d{1,5})$/.exec(target);
  const port = Number(match?.[2]);
  if (match === null || port < 1 || port > 65_535) return undefined;
  return { host: match[1]!.replace(/^\[|\]$/g, ''), port };
}

/** Another proxy before us, which plain HTTP is spoken to. */
function parseProxy(
  address: string | undefined,
): { readonly host: string; readonly port: number; readonly authorization?: string } | undefined {
  if (address === undefined || !URL.canParse(address)) return undefined;
  const url = new URL(address);
  if (url.protocol !== 'http:') return undefined;
  const user = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  return {
    host: url.hostname,
    port: Number(url.port || 80),
    ...(user === ':' ? {} : { authorization: `Basic ${Buffer.from(user).toString('base64')}` }),
  };
}

function sizeOf(file: string): number | undefined {
  try {
    return statSync(file).size;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
