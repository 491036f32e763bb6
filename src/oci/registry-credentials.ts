// Credentials for a registry, as `docker login` left them: in ~/.docker/config.json or with a credential helper, which
// speaks https://github.com/docker/docker-credential-helpers. They go into requests and nowhere else.
import { TrimaranError } from '../foundation/error.ts';
import type { Host } from '../foundation/host.ts';
import { type DockerAuthEntry, readDockerConfig } from './docker-config.ts';

export type Credentials =
  | { readonly kind: 'password'; readonly user: string; readonly password: string }
  /** A refresh token, which a token server changes into an access token. */
  | { readonly kind: 'identity-token'; readonly token: string };

/** The key under which Docker keeps the credentials of Docker Hub. */
const dockerHubKey = 'https://index.docker.io/v1/';

function keyOf(domain: string): string {
  return domain === 'docker.io' ? dockerHubKey : domain;
}

async function askHelper(
  host: Pick<Host, 'env' | 'run'>,
  { helper, key }: { readonly helper: string; readonly key: string },
): Promise<Credentials | undefined> {
  const failed = (why: string, cause?: unknown) =>
    new TrimaranError({
      code: 'oci/credential-helper-failed',
      message: `the credential helper ${JSON.stringify(helper)} for ${key} ${why}`,
      hint: 'repair `credsStore` or `credHelpers` in ~/.docker/config.json, or run `docker login` again',
      exitCode: 4,
      cause,
    });
  // The name becomes part of a command's; nothing but a name may stand there.
  if (!/^[\w.-]+$/.test(helper)) throw failed('has a name that is none');
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(host.env)) if (value !== undefined) env[name] = value;
  const command = `docker-credential-${helper}`;
  let result: Awaited<ReturnType<Host['run']>>;
  try {
    result = await host.run({ command, args: ['get'], env, input: Buffer.from(key), timeout: 30_000 });
  } catch (cause) {
    throw failed(`cannot be started (is ${command} installed?)`, cause);
  }
  const text = result.stdout.toString('utf8');
  if (result.exitCode !== 0) {
    // Helpers say it so, on stdout, when they know nothing of a registry.
    if (/credentials not found/i.test(text + result.stderr.toString('utf8'))) return undefined;
    throw failed(`failed with status ${result.exitCode}`);
  }
  let answer: { Username?: unknown; Secret?: unknown } | null;
  try {
    answer = JSON.parse(text);
  } catch {
    throw failed('did not answer with JSON');
  }
  const { Username: user, Secret: secret } = answer ?? {};
  if (typeof user !== 'string' || typeof secret !== 'string') throw failed('gave no user or secret');
  if (secret === '') return undefined;
  return user === '<token>'
    ? { kind: 'identity-token', token: secret }
    : { kind: 'password', user, password: secret };
}

function ofEntry(entry: DockerAuthEntry | undefined): Credentials | undefined {
  if (entry === undefined) return undefined;
  if (typeof entry.identitytoken === 'string' && entry.identitytoken !== '') {
    return { kind: 'identity-token', token: entry.identitytoken };
  }
  if (typeof entry.auth === 'string' && entry.auth !== '') {
    const text = Buffer.from(entry.auth, 'base64').toString('utf8');
    const colon = text.indexOf(':');
    if (colon < 0) return undefined;
    // Docker pads the password with zero bytes at times.
    return {
      kind: 'password',
      user: text.slice(0, colon),
      password: text.slice(colon + 1).replace(/\0+$/, ''),
    };
  }
  const { username: user, password } = entry;
  return typeof user === 'string' && typeof password === 'string'
    ? { kind: 'password', user, password }
    : undefined;
}

/**
 * The credentials for a registry, by its domain in normal form, or undefined. A helper is asked before the file is
 * looked into. Throws `oci/bad-docker-config` and `oci/credential-helper-failed`.
 */
export async function findCredentials(
  host: Pick<Host, 'env' | 'run'>,
  domain: string,
): Promise<Credentials | undefined> {
  const config = await readDockerConfig(host);
  const key = keyOf(domain);
  const helper = config.credHelpers[domain] ?? config.credHelpers[key] ?? config.credsStore;
  if (helper !== undefined) {
    const found = await askHelper(host, { helper, key });
    if (found !== undefined) return found;
  }
  // Old clients wrote addresses where today's write names.
  const bare = (name: string) => name.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
  const entry =
    config.auths[key] ??
    config.auths[domain] ??
    Object.entries(config.auths).find(([name]) => domain !== 'docker.io' && bare(name) === domain)?.[1];
  return ofEntry(entry);
}
