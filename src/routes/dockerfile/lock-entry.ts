// Asks the world what one input is now: an image's digest, a URL's bytes, a ref's commit. Each answers with what a lock
// keeps, or with the reason why it cannot be fixed.
import { mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryNameFor } from '../../foundation/atomic-file.ts';
import { download } from '../../foundation/download.ts';
import { isTrimaranError } from '../../foundation/error.ts';
import type { Host } from '../../foundation/host.ts';
import { connectEngine, inspectEngineImage } from '../../oci/engine.ts';
import { parseReference } from '../../oci/reference.ts';
import { resolveReference } from '../../oci/registry-image.ts';
import type { RegistrySession } from '../../oci/registry-session.ts';
import type { LockedImage } from '../../sets/lock-file.ts';

/** What was found, or why nothing was, with the stable code of that reason. */
export type Found<Value> =
  | { readonly found: Value; readonly reason?: undefined; readonly code?: undefined }
  | { readonly found?: undefined; readonly reason: string; readonly code: string };

/** An error that says that something is out of reach, as an answer; other errors are thrown on. */
export function notFound(error: unknown): { readonly reason: string; readonly code: string } {
  if (isTrimaranError(error)) return { reason: error.message, code: error.code };
  throw error;
}

/** The digests of an image at its registry. */
export async function findImageDigest(
  { host, session }: { readonly host: Host; readonly session: RegistrySession },
  reference: string,
): Promise<Found<LockedImage>> {
  try {
    const { digest, platforms } = await resolveReference(session, parseReference(reference));
    const entries = platforms.map(({ platform, digest: of }) => {
      const { os, architecture, variant } = platform;
      return [`${os}/${architecture}${variant === undefined ? '' : `/${variant}`}`, of] as const;
    });
    return { found: { digest, platforms: new Map(entries) } };
  } catch (error) {
    const { reason, code } = notFound(error);
    const local = await idInEngine(host, reference);
    if (local === undefined) return { reason, code };
    return {
      reason: `only the engine of this machine has it, as ${local}, which no registry vouches for (${reason})`,
      code,
    };
  }
}

async function idInEngine(host: Host, reference: string): Promise<string | undefined> {
  try {
    return (await inspectEngineImage(await connectEngine(host), reference))?.id;
  } catch (error) {
    notFound(error);
    return undefined;
  }
}

/** SHA-256 of what a URL gives now, in hexadecimal; the bytes are kept for the build. */
export async function findUrlDigest(
  { host, cacheDirectory }: { readonly host: Host; readonly cacheDirectory: string },
  url: string,
): Promise<Found<string>> {
  const folder = join(cacheDirectory, 'fetch', 'urls');
  const target = temporaryNameFor(join(folder, 'new'));
  try {
    mkdirSync(folder, { recursive: true });
    const { sha256 } = await download({ host, urls: [url], target, attempts: 2 });
    renameSync(target, join(folder, sha256));
    return { found: sha256 };
  } catch (error) {
    return notFound(error);
  }
}

/** The commit that a ref of a repository names now. A tag counts before a branch, as with `git clone -b`. */
export async function findCommit(
  host: Host,
  { url, ref }: { readonly url: string; readonly ref: string },
): Promise<Found<string>> {
  const git = host.which('git');
  if (git === undefined) return { reason: 'git is not installed here', code: 'lock/no-git' };
  const env: Record<string, string> = {
    GIT_TERMINAL_PROMPT: '0',
    GIT_SSH_COMMAND: 'ssh -o BatchMode=yes -o ConnectTimeout=20',
    // Its own helper for HTTP would outlive it otherwise.
    GIT_HTTP_LOW_SPEED_LIMIT: '1',
    GIT_HTTP_LOW_SPEED_TIME: '20',
  };
  for (const name of ['PATH', 'HOME', 'SSH_AUTH_SOCK', 'https_proxy', 'http_proxy', 'GIT_SSL_CAINFO']) {
    const value = host.env[name];
    if (value !== undefined) env[name] = value;
  }
  const { exitCode, stdout, stderr } = await host.run({
    command: git,
    args: ['ls-remote', '--', url],
    env,
    timeout: 60_000,
  });
  if (exitCode !== 0) {
    const said = stderr.toString('utf8').trim().split('\n').at(-1) ?? '';
    const why = exitCode === 128 + 9 ? 'no answer within a minute' : said.replace(/\/\/[^/@\s]*@/g, '//');
    return { reason: `git ls-remote failed: ${why}`, code: 'lock/git-unreachable' };
  }
  const refs = new Map(
    stdout
      .toString('utf8')
      .split('\n')
      .flatMap((line) => {
        const [commit, name] = line.split('\t');
        return name === undefined ? [] : [[name, commit!] as const];
      }),
  );
  // An annotated tag is an object of its own; `^{}` is the commit behind it.
  for (const name of [`refs/tags/${ref}^{}`, `refs/tags/${ref}`, `refs/heads/${ref}`, `${ref}^{}`, ref]) {
    const commit = refs.get(name);
    if (commit !== undefined && /^[0-9a-f]{40,64}$/.test(commit)) return { found: commit };
  }
  return { reason: `the repository has no branch or tag \`${ref}\``, code: 'lock/no-such-ref' };
}
