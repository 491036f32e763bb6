// Asks the world what one input is now: an image's digest, a URL's bytes, a ref's commit, a distribution's files. Each
// answers with what a lock keeps, or with the reason why it cannot be fixed.
import { mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryNameFor } from '../../foundation/atomic-file.ts';
import { download } from '../../foundation/download.ts';
import { isTrimaranError } from '../../foundation/error.ts';
import type { Host } from '../../foundation/host.ts';
import { connectEngine, inspectEngineImage } from '../../oci/engine.ts';
import { parseReference } from '../../oci/reference.ts';
import { resolveReference } from '../../oci/registry-pull.ts';
import type { RegistrySession } from '../../oci/registry-session.ts';
import type { LockedImage, LockedRequirement } from '../../sets/lock-file.ts';

/** What was found, or why nothing was. */
export type Found<Value> =
  | { readonly found: Value; readonly reason?: undefined }
  | { readonly found?: undefined; readonly reason: string };

/** Reason of an error that says that something is out of reach; other errors are thrown on. */
function reasonOf(error: unknown): string {
  if (isTrimaranError(error)) return error.message;
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
    const reason = reasonOf(error);
    const local = await idInEngine(host, reference);
    if (local === undefined) return { reason };
    return {
      reason: `only the engine of this machine has it, as ${local}, which no registry vouches for (${reason})`,
    };
  }
}

async function idInEngine(host: Host, reference: string): Promise<string | undefined> {
  try {
    return (await inspectEngineImage(await connectEngine(host), reference))?.id;
  } catch (error) {
    reasonOf(error);
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
    return { reason: reasonOf(error) };
  }
}

/** The commit that a ref of a repository names now. A tag counts before a branch, as with `git clone -b`. */
export async function findCommit(
  host: Host,
  { url, ref }: { readonly url: string; readonly ref: string },
): Promise<Found<string>> {
  const git = host.which('git');
  if (git === undefined) return { reason: 'git is not installed here' };
  const env: Record<string, string> = { GIT_TERMINAL_PROMPT: '0', GIT_SSH_COMMAND: 'ssh -o BatchMode=yes' };
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
    return { reason: `git ls-remote failed: ${said.replace(/\/\/[^/@\s]*@/g, '//')}` };
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
  return { reason: `the repository has no branch or tag \`${ref}\`` };
}

interface IndexFile {
  readonly filename?: unknown;
  readonly hashes?: { readonly sha256?: unknown };
  readonly yanked?: unknown;
}

/**
 * The version of a distribution that pip would take now and the digests of its files, from an index that speaks the
 * simple API in JSON (PEP 691). Only `name` and `name==version` are decided here.
 */
export async function findDistribution(host: Host, requirement: string): Promise<Found<LockedRequirement>> {
  const match = /^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?\s*(?:==\s*([A-Za-z0-9.+!_-]+))?\s*$/.exec(
    requirement,
  );
  if (match === null) return { reason: 'only `name` and `name==version` can be locked; this asks for more' };
  const name = match[1]!.toLowerCase().replace(/[-_.]+/g, '-');
  const index = (host.env.PIP_INDEX_URL ?? 'https://pypi.org/simple').replace(/\/+$/, '');
  let files: readonly IndexFile[];
  try {
    const response = await host.fetch(`${index}/${name}/`, {
      headers: { accept: 'application/vnd.pypi.simple.v1+json' },
      signal: AbortSignal.timeout(30_000),
    });
    if (!response.ok) return { reason: `the index answers ${response.status} for ${name}` };
    const body = (await response.json()) as { files?: unknown };
    files = Array.isArray(body.files) ? (body.files as IndexFile[]) : [];
  } catch {
    return { reason: 'the package index cannot be reached' };
  }
  const byVersion = new Map<string, string[]>();
  for (const { filename, hashes, yanked } of files) {
    if (typeof filename !== 'string' || typeof hashes?.sha256 !== 'string') continue;
    if (yanked !== undefined && yanked !== false) continue;
    if (!/^[0-9a-f]{64}$/.test(hashes.sha256)) continue;
    const version = versionOfFile(filename);
    if (version === undefined) continue;
    byVersion.set(version, [...(byVersion.get(version) ?? []), `sha256:${hashes.sha256}`]);
  }
  const wanted = match[2] ?? newest([...byVersion.keys()]);
  const hashes = wanted === undefined ? undefined : byVersion.get(wanted);
  if (wanted === undefined || hashes === undefined) return { reason: `the index has no ${requirement}` };
  return { found: { version: wanted, hashes: [...new Set(hashes)].sort() } };
}

/** `name-1.2-py3-none-any.whl`, `name-1.2.tar.gz` → `1.2`. */
function versionOfFile(filename: string): string | undefined {
  if (filename.endsWith('.whl')) return filename.split('-')[1];
  return /-([0-9][^-]*)\.(?:tar\.gz|zip|tar\.bz2)$/.exec(filename)?.[1];
}

/** The highest final release: numbers compared part by part. */
function newest(versions: readonly string[]): string | undefined {
  const parts = (version: string) => version.split('.').map(Number);
  return versions
    .filter((version) => /^\d+(?:\.\d+)*$/.test(version))
    .sort((a, b) => {
      const left = parts(a);
      const right = parts(b);
      for (let at = 0; at < Math.max(left.length, right.length); at++) {
        const difference = (left[at] ?? 0) - (right[at] ?? 0);
        if (difference !== 0) return difference;
      }
      return 0;
    })
    .at(-1);
}
