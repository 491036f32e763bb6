// Inputs of type `github`, `gitlab` and `sourcehut`: the forge's interface says which commit a branch is at, its
// archive is the tree. Source: Nix's libfetchers/github.cc, as of 2.34.
import { join } from 'node:path';
import { temporaryNameFor } from '../../../../foundation/atomic-file.ts';
import { flakeError } from '../flake-error.ts';
import { type InputAttributes, isCommitHash, requiredString, stringAttribute } from '../input.ts';
import { showInput } from '../input-url.ts';
import { type FetchContext, type FetchResult, storeNameOf } from './fetch-context.ts';
import { httpText } from './http.ts';
import { fetchArchive } from './tarball.ts';

interface Forge {
  readonly defaultHost: string;
  /** Header that carries a token, secret included. */
  readonly authorization: (token: string) => readonly [string, string];
  readonly findRevision: (request: ForgeRequest, ref: string) => Promise<string>;
  readonly archiveUrl: (request: ForgeRequest, rev: string) => string;
}

interface ForgeRequest {
  readonly context: FetchContext;
  readonly host: string;
  readonly owner: string;
  readonly repo: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly shown: string;
}

/** Fetches a commit's archive. Throws `flake/fetch-failed`, `flake/no-such-revision`, `flake/bad-archive`. */
export async function fetchForge(context: FetchContext, input: InputAttributes): Promise<FetchResult> {
  const forge = forges[requiredString(input, 'type')]!;
  const host = stringAttribute(input, 'host') ?? forge.defaultHost;
  const owner = requiredString(input, 'owner');
  const repo = requiredString(input, 'repo');
  const token = accessToken(context, host, `${host}/${owner}/${repo}`);
  const headers = token === undefined ? {} : Object.fromEntries([forge.authorization(token)]);
  const request: ForgeRequest = { context, host, owner, repo, headers, shown: showInput(input) };
  const { ref: wantedRef, ...rest } = input;
  const rev =
    stringAttribute(input, 'rev')?.toLowerCase() ??
    (await forge.findRevision(request, typeof wantedRef === 'string' ? wantedRef : 'HEAD'));
  const archive = await fetchArchive(context, {
    url: forge.archiveUrl(request, rev),
    name: storeNameOf(input),
    headers,
    isImmutable: true,
  });
  return { input: { ...rest, rev, lastModified: archive.lastModified }, storePath: archive.storePath };
}

/** The longest `host/path` entry of access-tokens that the repository is below, else the host's own. */
function accessToken(context: FetchContext, host: string, path: string): string | undefined {
  let best: string | undefined;
  for (const name of context.settings.accessTokens.keys())
    if ((path === name || path.startsWith(`${name}/`)) && name.length > (best?.length ?? 0)) best = name;
  return context.settings.accessTokens.get(best ?? host);
}

/** `https://HOST`, or what TRIMARAN_FORGES puts in its place. */
function baseUrl(request: ForgeRequest, host = request.host): string {
  return request.context.settings.forgeUrls.get(host)?.replace(/\/+$/, '') ?? `https://${host}`;
}

async function ask(request: ForgeRequest, url: string): Promise<string> {
  const { cache, settings } = request.context;
  const kept = cache.get('forge', { url });
  if (kept !== undefined && typeof kept.value.text === 'string' && kept.age < settings.tarballTtl)
    return kept.value.text;
  const target = temporaryNameFor(join(request.context.directory, 'scratch', 'answer'));
  const text = await httpText(request.context, { url, target, headers: request.headers });
  await cache.set('forge', { url }, { text });
  return text;
}

function parseAnswer(request: ForgeRequest, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw unexpectedAnswer(request);
  }
}

function unexpectedAnswer(request: ForgeRequest): Error {
  return flakeError('fetch-failed', `${request.host} answered something unexpected for '${request.shown}'`, {
    hint: 'name the commit itself (`rev`), or use git+https:',
    exitCode: 4,
  });
}

function noSuchRef(request: ForgeRequest, ref: string): Error {
  return flakeError('no-such-revision', `in '${request.shown}', couldn't find ref '${ref}'`, { exitCode: 4 });
}

function fieldOf(value: unknown, ...names: readonly (string | number)[]): unknown {
  let at = value;
  for (const name of names) {
    if (typeof at !== 'object' || at === null) return undefined;
    at = (at as Record<string | number, unknown>)[name];
  }
  return at;
}

const github: Forge = {
  defaultHost: 'github.com',
  authorization: (token) => ['authorization', `token ${token}`],
  async findRevision(request, ref) {
    const { host, owner, repo } = request;
    const api = host === 'github.com' ? baseUrl(request, 'api.github.com') : `${baseUrl(request)}/api/v3`;
    const answer = parseAnswer(request, await ask(request, `${api}/repos/${owner}/${repo}/commits/${ref}`));
    const sha = fieldOf(answer, 'sha');
    if (typeof sha !== 'string' || !isCommitHash(sha)) throw unexpectedAnswer(request);
    return sha;
  },
  archiveUrl(request, rev) {
    const { host, owner, repo, headers } = request;
    if (host !== 'github.com') return `${baseUrl(request)}/api/v3/repos/${owner}/${repo}/tarball/${rev}`;
    // Without a token the public archive is not counted against a limit.
    return Object.keys(headers).length === 0
      ? `${baseUrl(request)}/${owner}/${repo}/archive/${rev}.tar.gz`
      : `${baseUrl(request, 'api.github.com')}/repos/${owner}/${repo}/tarball/${rev}`;
  },
};

const gitlab: Forge = {
  defaultHost: 'gitlab.com',
  authorization(token) {
    const colon = token.indexOf(':');
    const kind = token.slice(0, Math.max(0, colon));
    const value = token.slice(colon + 1);
    if (kind === 'OAuth2') return ['authorization', `Bearer ${value}`];
    return [kind === 'PAT' || kind === '' ? 'private-token' : kind, value];
  },
  async findRevision(request, ref) {
    const { owner, repo } = request;
    const url = `${projectUrl(request, owner, repo)}/repository/commits?ref_name=${ref}`;
    const answer = parseAnswer(request, await ask(request, url));
    if (Array.isArray(answer) && answer.length === 0)
      throw flakeError(
        'no-such-revision',
        `No commits returned by GitLab API for '${request.shown}' -- does the git ref really exist?`,
        { exitCode: 4 },
      );
    const id = fieldOf(answer, 0, 'id');
    if (typeof id !== 'string' || !isCommitHash(id)) throw unexpectedAnswer(request);
    return id;
  },
  archiveUrl: (request, rev) =>
    `${projectUrl(request, request.owner, request.repo)}/repository/archive.tar.gz?sha=${rev}`,
};

// A group inside a group has slashes in its name, and the whole is one segment.
function projectUrl(request: ForgeRequest, owner: string, repo: string): string {
  return `${baseUrl(request)}/api/v4/projects/${encodeURIComponent(`${owner}/${repo}`)}`;
}

const sourcehut: Forge = {
  defaultHost: 'git.sr.ht',
  authorization: (token) => ['authorization', `Bearer ${token}`],
  async findRevision(request, ref) {
    const base = `${baseUrl(request)}/${request.owner}/${request.repo}`;
    let names = [`refs/heads/${ref}`, `refs/tags/${ref}`];
    if (ref === 'HEAD') {
      const target = /^(?:ref: *)?(\S+)/.exec(await ask(request, `${base}/HEAD`))?.[1];
      if (target === undefined) throw noSuchRef(request, ref);
      names = [target];
    }
    for (const line of (await ask(request, `${base}/info/refs`)).split('\n')) {
      const match = /^([0-9a-f]{40})\s+(\S+)$/.exec(line);
      if (match !== null && names.includes(match[2]!)) return match[1]!;
    }
    throw noSuchRef(request, ref);
  },
  archiveUrl: (request, rev) => `${baseUrl(request)}/${request.owner}/${request.repo}/archive/${rev}.tar.gz`,
};

const forges: Readonly<Record<string, Forge>> = { github, gitlab, sourcehut };
