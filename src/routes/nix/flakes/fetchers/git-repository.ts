// Finds the commit that a git input means: in a repository of this machine, or in the bare copy of a remote one, which
// is fetched into the cache. Source: Nix's libfetchers/git.cc, as of 2.34.
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writeNixBase32 } from '../../../../formats/nix-base32.ts';
import { digestOf } from '../../../../foundation/digest.ts';
import { isTrimaranError } from '../../../../foundation/error.ts';
import { flakeError } from '../flake-error.ts';
import { type InputAttributes, stringAttribute } from '../input.ts';
import { redactUrl } from '../url.ts';
import type { FetchContext } from './fetch-context.ts';
import { type GitCommand, gitIn, lastLine, ownershipHint } from './git-command.ts';
import { offline } from './http.ts';

/** A repository on this machine with the commit that an input means. */
export interface OpenRepository {
  readonly git: GitCommand;
  readonly ref: string;
  readonly rev: string;
  /** For messages; no passwords. */
  readonly shown: string;
  /** What relative URLs of submodules start from. */
  readonly base: string;
}

/** Opens a repository of this machine where it is. Throws `flake/no-such-revision`, `flake/git-failed`. */
export async function openLocal(
  context: FetchContext,
  input: InputAttributes,
  path: string,
): Promise<OpenRepository> {
  const git = gitIn(context.host, { directory: path });
  let ref = stringAttribute(input, 'ref');
  if (ref === undefined) {
    const head = await git.run(['symbolic-ref', '--quiet', 'HEAD']);
    if (head.exitCode > 1)
      throw flakeError('git-failed', `cannot read the git repository '${path}': ${lastLine(head.stderr)}`, {
        hint: ownershipHint(head.stderr),
        exitCode: 4,
      });
    ref = head.stdout.trim();
    if (ref === '') {
      context.warn(`could not read HEAD ref from repo at '${path}', using 'master'`);
      ref = 'master';
    }
  }
  const wanted = stringAttribute(input, 'rev');
  const rev = await resolveRevision(git, wanted ?? ref);
  if (rev === undefined) throw noSuchRevision(wanted, ref, path);
  const origin = await git.run(['config', '--get', 'remote.origin.url']);
  return { git, ref, rev, shown: path, base: origin.stdout.trim() === '' ? path : origin.stdout.trim() };
}

function noSuchRevision(rev: string | undefined, ref: string, shown: string): Error {
  return rev === undefined
    ? flakeError('no-such-revision', `cannot find Git branch or tag '${ref}' in repository '${shown}'`, {
        hint: 'see which there are with `git ls-remote`',
        exitCode: 4,
      })
    : flakeError(
        'no-such-revision',
        `Cannot find Git revision '${rev}' in ref '${ref}' of repository '${shown}'! Please make sure that the rev ` +
          "exists on the ref you've specified or add allRefs = true; to fetchGit.",
        { exitCode: 4 },
      );
}

async function resolveRevision(git: GitCommand, name: string): Promise<string | undefined> {
  const result = await git.run(['rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`]);
  const rev = result.stdout.trim();
  return result.exitCode === 0 && /^[0-9a-f]{40,64}$/.test(rev) ? rev : undefined;
}

/**
 * Opens the bare copy of a remote repository, brought up to date as far as this input needs it. Throws
 * `flake/fetch-failed`, `flake/no-such-revision`, `flake/offline`.
 */
export async function updateCopy(
  context: FetchContext,
  input: InputAttributes,
  url: string,
): Promise<OpenRepository> {
  const isShallow = input.shallow === true;
  const name = writeNixBase32(digestOf('sha256', Buffer.from(url)).bytes) + (isShallow ? '-shallow' : '');
  const directory = join(context.directory, 'git', name);
  const shown = redactUrl(url);
  await mkdir(join(context.directory, 'git'), { recursive: true });
  return context.store.locks.with({ key: `git-${name}` }, async () => {
    if (!existsSync(join(directory, 'HEAD')))
      await gitIn(context.host).text(['init', '--quiet', '--bare', directory]);
    const git = gitIn(context.host, { directory, bare: true });
    const ref = stringAttribute(input, 'ref') ?? (await remoteHead(context, git, url));
    const wanted = stringAttribute(input, 'rev');
    const local = ref.startsWith('refs/') ? ref : ref === 'HEAD' ? 'refs/remotes/HEAD' : `refs/heads/${ref}`;
    if (wanted === undefined) {
      const { tarballTtl } = context.settings;
      const key = { url, ref, isShallow };
      const kept = await resolveRevision(git, local);
      const age = context.cache.get('git-ref', key)?.age ?? Number.POSITIVE_INFINITY;
      if (kept === undefined || input.allRefs === true || age >= tarballTtl) {
        const spec =
          input.allRefs === true
            ? 'refs/*:refs/*'
            : `${ref.startsWith('refs/') || ref === 'HEAD' ? ref : `refs/heads/${ref}`}:${local}`;
        try {
          await fetchInto(context, git, { url, spec, isShallow });
          await context.cache.set('git-ref', key, {});
        } catch (error) {
          if (kept === undefined || !isTrimaranError(error)) throw error;
          context.warn(
            `could not update local clone of Git repository '${shown}'; continuing with the most recent version`,
          );
        }
      }
      const rev = await resolveRevision(git, local);
      if (rev === undefined) throw noSuchRevision(undefined, ref, shown);
      return { git, ref, rev, shown, base: url };
    }
    if ((await resolveRevision(git, wanted)) === undefined)
      await fetchRevision(context, git, { url, rev: wanted, ref, isShallow });
    const rev = await resolveRevision(git, wanted);
    if (rev === undefined) throw noSuchRevision(wanted, ref, shown);
    return { git, ref, rev, shown, base: url };
  });
}

// Servers may refuse a commit by its hash; then it has to come with the branch it is on.
async function fetchRevision(
  context: FetchContext,
  git: GitCommand,
  request: { readonly url: string; readonly rev: string; readonly ref: string; readonly isShallow: boolean },
): Promise<void> {
  const { url, rev, ref, isShallow } = request;
  const branch = ref.startsWith('refs/') || ref === 'HEAD' ? ref : `refs/heads/${ref}`;
  let failure: unknown;
  for (const spec of [rev, `+${branch}:refs/fetched/${branch}`, '+refs/*:refs/fetched/*']) {
    try {
      await fetchInto(context, git, { url, spec, isShallow: isShallow && spec === rev });
    } catch (error) {
      if (!isTrimaranError(error, 'flake/fetch-failed')) throw error;
      failure ??= error;
      continue;
    }
    if ((await resolveRevision(git, rev)) !== undefined) return;
  }
  // The server answered in the end, so it is the revision that is missing.
  const probe = await git.run(['ls-remote', '--exit-code', '--', url, 'HEAD']);
  if (probe.exitCode !== 0 && failure !== undefined) throw failure;
}

async function fetchInto(
  context: FetchContext,
  git: GitCommand,
  request: { readonly url: string; readonly spec: string; readonly isShallow: boolean },
): Promise<void> {
  const { url, spec, isShallow } = request;
  if (isNetworkUrl(url) && context.settings.isOffline) throw offline(redactUrl(url));
  const depth = isShallow ? ['--depth', '1'] : [];
  const task = context.host.progress.start({ label: `fetching ${redactUrl(url)}` });
  const result = await git
    .run([
      ...['-c', 'gc.auto=0', 'fetch', '--quiet', '--force', '--no-tags', '--update-head-ok', ...depth],
      ...['--', url, spec],
    ])
    .finally(() => task.done());
  if (result.exitCode !== 0) throw fetchFailed(url, result.stderr);
}

function fetchFailed(url: string, stderr: string): Error {
  return flakeError(
    'fetch-failed',
    `Failed to fetch git repository '${redactUrl(url)}': ${lastLine(stderr)}`,
    {
      hint: ownershipHint(stderr),
      exitCode: 4,
    },
  );
}

function isNetworkUrl(url: string): boolean {
  return !url.startsWith('file:');
}

/** The branch that HEAD of a remote points to, asked for at most once in `tarball-ttl`. */
async function remoteHead(context: FetchContext, git: GitCommand, url: string): Promise<string> {
  const kept = context.cache.get('git-head', { url });
  const keptRef = typeof kept?.value.ref === 'string' ? kept.value.ref : undefined;
  if (kept !== undefined && keptRef !== undefined && kept.age < context.settings.tarballTtl) return keptRef;
  if (isNetworkUrl(url) && context.settings.isOffline) throw offline(redactUrl(url));
  const result = await git.run(['ls-remote', '--symref', '--', url, 'HEAD']);
  const match = /^ref: *(\S+)\t+HEAD$/m.exec(result.stdout);
  if (match !== null) {
    await context.cache.set('git-head', { url }, { ref: match[1]! });
    return match[1]!;
  }
  if (keptRef !== undefined) {
    context.warn(
      `could not get HEAD ref for repository '${redactUrl(url)}'; using expired cached ref '${keptRef}'`,
    );
    return keptRef;
  }
  if (result.exitCode !== 0) throw fetchFailed(url, result.stderr);
  // An old server, or a detached HEAD.
  if (/^[0-9a-f]{40,64}\tHEAD$/m.test(result.stdout)) return 'HEAD';
  context.warn(`could not read HEAD ref from repo at '${redactUrl(url)}', using 'master'`);
  return 'master';
}
