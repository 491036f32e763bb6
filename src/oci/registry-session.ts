// A conversation with registries: which address, which credentials, tokens, retries. OCI distribution specification 1.1
// and https://distribution.github.io/distribution/spec/auth/token/. What is said in it: registry-image.ts, registry-push.ts.
import { systemErrorCode, TrimaranError } from '../foundation/error.ts';
import type { Host } from '../foundation/host.ts';
import type { HttpAnswer, HttpReadRequest } from '../foundation/http-read.ts';
import type { Reference } from './reference.ts';
import { type Credentials, findCredentials } from './registry-credentials.ts';
import { expiredToken, registryRefusal, unreachable } from './registry-errors.ts';

export interface RegistryOptions {
  readonly host: Pick<Host, 'fetch' | 'read' | 'env' | 'run' | 'progress'>;
  /** By domain (`docker.io`): addresses such as `https://mirror.example/hub` to ask before it when pulling. */
  readonly mirrors?: Readonly<Record<string, readonly string[]>>;
  /** Domains that may be spoken to without TLS. Loopback always may. */
  readonly insecure?: readonly string[];
  /** Attempts for one request; 4 unless given. */
  readonly attempts?: number;
  /** Milliseconds before the second attempt, doubled for each further one; 500 unless given. */
  readonly retryDelay?: number;
  /** Longest wait in milliseconds that a Retry-After may ask for, more is a refusal; 60 000 unless given. */
  readonly longestWait?: number;
}

/** One address that serves a registry's repositories. */
export interface RegistryEndpoint {
  /** For errors and credentials: the domain of image names, or the mirror's host. */
  readonly domain: string;
  /** `https://host[/prefix]`, without a slash at the end. */
  readonly base: string;
}

export interface RegistryRequest {
  readonly endpoint: RegistryEndpoint;
  readonly repository: string;
  readonly access: 'pull' | 'push';
  /** Absolute, or below `/v2/REPOSITORY/`. */
  readonly url: string;
  /** For errors: what is asked for. */
  readonly label: string;
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'PUT';
  readonly headers?: Readonly<Record<string, string>>;
  /** Made anew for each attempt. */
  readonly body?: () => Uint8Array | AsyncIterable<Uint8Array>;
  /** Statuses besides 2xx that the caller deals with. */
  readonly allow?: readonly number[];
  /** Overrides the session's number of attempts: 1 for what cannot be sent twice. */
  readonly attempts?: number;
  /** Further repositories to read from, for mounts. */
  readonly alsoPull?: readonly string[];
  readonly signal?: AbortSignal;
}

interface Challenge {
  readonly scheme: 'basic' | 'bearer';
  readonly parameters: Readonly<Record<string, string>>;
}

const longestToken = 1 << 20;

function isLoopback(domain: string): boolean {
  const name = domain.replace(/:\d+$/, '').toLowerCase();
  return (
    name === 'localhost' ||
    name.endsWith('.localhost') ||
    /^127\.\d+\.\d+\.\d+$/.test(name) ||
    name === '[::1]'
  );
}

/** The first challenge of a WWW-Authenticate header that we can meet. */
export function parseChallenge(header: string): Challenge | undefined {
  const found: Challenge[] = [];
  for (const match of header.matchAll(
    /(?:^|,)\s*(basic|bearer)(?=\s|,|$)([\s\S]*?)(?=,\s*(?:basic|bearer)\b|$)/gi,
  )) {
    const parameters: Record<string, string> = {};
    for (const part of match[2]!.matchAll(/([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/g)) {
      parameters[part[1]!.toLowerCase()] = part[2]?.replace(/\\(.)/g, '$1') ?? part[3]!;
    }
    found.push({ scheme: match[1]!.toLowerCase() as 'basic' | 'bearer', parameters });
  }
  return found.find(({ scheme }) => scheme === 'bearer') ?? found[0];
}

/** Holds tokens, credentials and addresses for as long as one command runs. */
export class RegistrySession {
  readonly host: RegistryOptions['host'];
  readonly #options: RegistryOptions;
  readonly #tokens = new Map<string, { header: string; expires: number }>();
  readonly #credentials = new Map<string, Promise<Credentials | undefined>>();
  readonly #bases = new Map<string, Promise<string>>();

  constructor(options: RegistryOptions) {
    this.host = options.host;
    this.#options = options;
  }

  /** Where to read a reference from, in order: its mirrors, then its registry. */
  async pullEndpoints({ domain }: Pick<Reference, 'domain'>): Promise<RegistryEndpoint[]> {
    const mirrors = (this.#options.mirrors?.[domain] ?? []).map((address): RegistryEndpoint => {
      let url: URL;
      try {
        url = new URL(address.includes('://') ? address : `https://${address}`);
      } catch (cause) {
        throw new TrimaranError({
          code: 'oci/bad-mirror',
          message: `the mirror ${JSON.stringify(address.replace(/[^/]*@/, '…@'))} of ${domain} is not an address`,
          hint: 'write it as https://HOST[:PORT][/PATH]',
          exitCode: 2,
          cause,
        });
      }
      this.#checkSecure(url, url.host);
      return { domain: url.host, base: `${url.origin}${url.pathname.replace(/\/+$/, '')}` };
    });
    return [...mirrors, await this.endpoint({ domain })];
  }

  /** The registry of a reference. Throws `oci/registry-unreachable` when nobody is there (loopback only). */
  async endpoint({ domain }: Pick<Reference, 'domain'>): Promise<RegistryEndpoint> {
    let base = this.#bases.get(domain);
    if (base === undefined) {
      base = this.#findBase(domain);
      this.#bases.set(domain, base);
    }
    return { domain, base: await base };
  }

  async #findBase(domain: string): Promise<string> {
    const name = domain === 'docker.io' ? 'registry-1.docker.io' : domain;
    if (this.#options.insecure?.includes(domain)) return `http://${name}`;
    if (!isLoopback(domain)) return `https://${name}`;
    // On loopback either may be spoken. A TLS server answers plain HTTP with 400, or not at all.
    try {
      const response = await this.#read(new URL(`http://${name}/v2/`), { method: 'GET', headers: {} });
      await response.body?.cancel();
      if (response.status !== 400) return `http://${name}`;
    } catch (error) {
      const { cause = error } = error as { cause?: unknown };
      // Nobody is there, or somebody speaks plain HTTP, and nonsense.
      if (['ECONNREFUSED', 'ERR_BAD_REDIRECT'].includes(systemErrorCode(cause) ?? ''))
        throw unreachable(domain, error);
    }
    return `https://${name}`;
  }

  #checkSecure(url: URL, domain: string): void {
    if (url.protocol === 'https:') return;
    if (url.protocol === 'http:' && (isLoopback(url.host) || this.#options.insecure?.includes(domain)))
      return;
    throw new TrimaranError({
      code: 'oci/registry-insecure',
      message: `${url.protocol}//${url.host} would be spoken to without TLS`,
      hint: `use https, or allow plain HTTP: TRIMARAN_REGISTRY_INSECURE=${domain}`,
      exitCode: 4,
    });
  }

  /**
   * Sends a request, with credentials once they are asked for, and again after 429, 5xx and broken connections.
   * Resolves with a 2xx or allowed answer. Throws the errors of registry-errors.ts, `oci/registry-insecure`, and what
   * finding credentials throws.
   */
  async request(request: RegistryRequest): Promise<HttpAnswer> {
    const { endpoint, label } = request;
    const url = new URL(request.url, `${endpoint.base}/v2/${request.repository}/`);
    this.#checkSecure(url, endpoint.domain);
    const attempts = request.attempts ?? this.#options.attempts ?? 4;
    let sentToken: string | undefined;
    let renewed = false;
    for (let attempt = 1; ; attempt++) {
      // Some registries have uploads sent to another host, which the token is not for.
      const own = url.origin === new URL(endpoint.base).origin;
      const authorization = own ? this.#tokenFor(request) : undefined;
      sentToken = authorization;
      let response: HttpAnswer;
      try {
        response = await this.#send(url, request, authorization);
      } catch (error) {
        const failure = unreachable(endpoint.domain, error);
        // Nobody gets another certificate meanwhile, or sends elsewhere.
        const isLasting = ['oci/registry-tls', 'oci/registry-redirect'].includes(failure.code);
        if (request.signal?.aborted === true || attempt >= attempts || isLasting) throw failure;
        await pause(this.#delay(attempt, null));
        continue;
      }
      if (response.redirected) this.#checkSecure(new URL(response.url), endpoint.domain);
      if (response.ok || request.allow?.includes(response.status)) return response;
      const { status } = response;
      if (status === 401 && own) {
        if (!renewed) {
          renewed = true;
          const challenge = parseChallenge(response.headers.get('www-authenticate') ?? '');
          if (challenge !== undefined && (await this.#authenticate(request, challenge))) {
            await response.body?.cancel();
            attempt--;
            continue;
          }
        } else if (sentToken?.startsWith('Bearer ')) {
          await response.body?.cancel();
          throw expiredToken(endpoint.domain, label);
        }
      }
      const temporary = status === 429 || (status >= 500 && status !== 501);
      const delay = this.#delay(attempt, response.headers.get('retry-after'));
      if (!temporary || attempt >= attempts || delay > (this.#options.longestWait ?? 60_000))
        throw await registryRefusal(response, {
          label,
          domain: endpoint.domain,
          sentCredentials: sentToken?.startsWith('Basic ') === true,
        });
      await response.body?.cancel();
      await pause(delay);
    }
  }

  async #send(url: URL, request: RegistryRequest, authorization: string | undefined): Promise<HttpAnswer> {
    const { method = 'GET', signal } = request;
    const headers = {
      'user-agent': 'trimaran',
      'accept-encoding': 'identity',
      ...request.headers,
      ...(authorization === undefined ? {} : { authorization }),
    };
    if (method === 'GET' || method === 'HEAD') return this.#read(url, { method, headers, signal });
    const body = request.body?.();
    return this.host.fetch(url, {
      method,
      headers,
      ...(body === undefined ? {} : { body: body as NonNullable<RequestInit['body']>, duplex: 'half' }),
      ...(signal === undefined ? {} : { signal }),
      // A redirected upload would have to be sent anew.
      redirect: 'manual',
    });
  }

  /** Downloads are redirected to content networks, so redirects are followed. */
  #read(url: URL, { method, headers, signal }: HttpReadRequest): Promise<HttpAnswer> {
    const given = signal === undefined ? {} : { signal };
    const { read = this.host.fetch } = this.host;
    return read(url, { method, headers: { ...headers }, ...given });
  }

  /** Milliseconds before the next attempt: more each time, and what the registry asks for. */
  #delay(attempt: number, retryAfter: string | null): number {
    const own = (this.#options.retryDelay ?? 500) * 2 ** (attempt - 1);
    if (retryAfter === null) return own;
    const seconds = Number(retryAfter);
    const asked = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(retryAfter) - Date.now();
    return Number.isFinite(asked) ? Math.max(own, asked) : own;
  }

  #scopesOf({ repository, access, alsoPull = [] }: RegistryRequest): string[] {
    return [
      `repository:${repository}:${access === 'push' ? 'pull,push' : 'pull'}`,
      ...alsoPull.map((name) => `repository:${name}:pull`),
    ];
  }

  #tokenKey(request: RegistryRequest): string {
    return [request.endpoint.base, ...this.#scopesOf(request)].join(' ');
  }

  #tokenFor(request: RegistryRequest): string | undefined {
    const key = this.#tokenKey(request);
    const token = this.#tokens.get(key);
    if (token !== undefined && token.expires > Date.now()) return token.header;
    this.#tokens.delete(key);
    return undefined;
  }

  #credentialsFor(domain: string): Promise<Credentials | undefined> {
    let found = this.#credentials.get(domain);
    if (found === undefined) {
      found = findCredentials(this.host, domain);
      this.#credentials.set(domain, found);
    }
    return found;
  }

  /** Gets what the challenge asks for; false when there is nothing to get it with. */
  async #authenticate(request: RegistryRequest, challenge: Challenge): Promise<boolean> {
    const { domain } = request.endpoint;
    const credentials = await this.#credentialsFor(domain);
    const basic =
      credentials?.kind === 'password'
        ? `Basic ${Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64')}`
        : undefined;
    if (challenge.scheme === 'basic') {
      if (basic === undefined) return false;
      this.#tokens.set(this.#tokenKey(request), { header: basic, expires: Number.POSITIVE_INFINITY });
      return true;
    }
    const { realm, service } = challenge.parameters;
    if (realm === undefined || !URL.canParse(realm)) return false;
    const url = new URL(realm);
    this.#checkSecure(url, domain);
    const scopes = this.#scopesOf(request);
    let init: RequestInit = {
      headers: { 'user-agent': 'trimaran', ...(basic === undefined ? {} : { authorization: basic }) },
    };
    if (credentials?.kind === 'identity-token') {
      init = {
        method: 'POST',
        headers: { 'user-agent': 'trimaran' },
        body: new URLSearchParams({
          grant_type: 'refresh_token',
          client_id: 'trimaran',
          refresh_token: credentials.token,
          service: service ?? '',
          scope: scopes.join(' '),
        }),
      };
    } else {
      if (service !== undefined) url.searchParams.set('service', service);
      for (const scope of scopes) url.searchParams.append('scope', scope);
    }
    let response: Response;
    try {
      response = await this.host.fetch(url, { ...init, redirect: 'manual' });
    } catch (error) {
      throw unreachable(url.host, error);
    }
    if (!response.ok) {
      const sentCredentials = credentials !== undefined;
      throw await registryRefusal(response, { label: request.label, domain, sentCredentials });
    }
    const token = await readToken(response, domain);
    // A little early, so that a token does not expire on its way.
    const lifetime = Math.max(1, token.lifetime - 5);
    this.#tokens.set(this.#tokenKey(request), {
      header: `Bearer ${token.value}`,
      expires: Date.now() + lifetime * 1000,
    });
    return true;
  }
}

const pause = (delay: number) => new Promise<void>((resolve) => setTimeout(resolve, delay));

async function readToken(response: Response, domain: string): Promise<{ value: string; lifetime: number }> {
  const text = await response.text();
  let answer: { token?: unknown; access_token?: unknown; expires_in?: unknown } | null = null;
  try {
    if (text.length <= longestToken) answer = JSON.parse(text);
  } catch {
    // Said below, without the text: it may hold a token.
  }
  const value = answer?.token || answer?.access_token;
  if (typeof value !== 'string' || !/^[\x21-\x7e]+$/.test(value)) {
    throw new TrimaranError({
      code: 'oci/registry-error',
      message: `the token server of ${domain} gave no token`,
      hint: `run \`docker login ${domain}\``,
      exitCode: 4,
    });
  }
  // Without a word about it, the specification says 60 seconds.
  return { value, lifetime: typeof answer?.expires_in === 'number' ? answer.expires_in : 60 };
}
