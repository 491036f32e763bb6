// Inputs of type `git`: working trees and commits of local repositories, and remote ones through a bare copy in the
// cache. Source: Nix's libfetchers/git.cc, as of 2.34. Git LFS and commit signatures are refused by name.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { StorePath } from '../../../../formats/store-path.ts';
import type { FileTree, TreeEntry } from '../../../../foundation/file-tree.ts';
import { flakeError } from '../flake-error.ts';
import { type InputAttributes, inputFromAttributes, requiredString } from '../input.ts';
import { showInput } from '../input-url.ts';
import { type ParsedUrl, parseUrl, urlPathToPath, writeUrl } from '../url.ts';
import { exportIgnoredFilter } from './export-ignore.ts';
import { addTree, type FetchContext, type FetchResult, storeNameOf, validPath } from './fetch-context.ts';
import { type GitCommand, gitIn } from './git-command.ts';
import { readCleanStatus, treeOfIndex } from './git-index.ts';
import { type OpenRepository, openLocal, updateCopy } from './git-repository.ts';
import { readSubmodules, resolveSubmoduleUrl } from './git-submodules.ts';
import { type Gitlink, readCommitTree, withDirectories } from './git-tree.ts';
import { readWorktreeStatus, type WorktreeStatus, worktreeTree } from './git-worktree.ts';

/** Where a repository is: a folder with a working tree, or anything that git can fetch from. */
type RepositoryPlace =
  | { readonly kind: 'local'; readonly path: string }
  | { readonly kind: 'remote'; readonly url: string };

/**
 * Fetches a git input. Throws `flake/unsupported` (LFS, signatures), `flake/no-git`, `flake/fetch-failed` (the
 * repository cannot be reached), `flake/no-such-revision`, `flake/shallow`, `flake/dirty`, `flake/git-failed`.
 */
export async function fetchGit(context: FetchContext, input: InputAttributes): Promise<FetchResult> {
  refuseUnsupported(input);
  const place = repositoryPlace(context, input);
  if (place.kind === 'local' && input.ref === undefined && input.rev === undefined)
    return fetchWorktree(context, input, place.path);
  return fetchCommit(context, input, place);
}

function refuseUnsupported(input: InputAttributes): void {
  const refuse = (what: string, hint: string) => {
    throw flakeError('unsupported', `${what} not supported: '${showInput(input)}'`, { hint });
  };
  if (input.lfs === true)
    refuse('Git LFS (lfs = true) is', 'leave `lfs` out, or fetch the large files by URL');
  if (input.verifyCommit === true || input.publicKey !== undefined || input.publicKeys !== undefined)
    refuse('verifying commit signatures is', 'leave verifyCommit and publicKeys out and pin `rev` instead');
  if (input.exportIgnore === true && input.submodules === true)
    refuse('exportIgnore and submodules together are', 'leave one of them out');
}

function repositoryPlace(context: FetchContext, input: InputAttributes): RepositoryPlace {
  const url = parseUrl(requiredString(input, 'url'));
  if (url.scheme !== 'file') {
    const query = new Map([...url.query].filter(([name]) => name !== 'dir'));
    return { kind: 'remote', url: writeUrl({ ...url, query }) };
  }
  const path = resolve(context.host.cwd, urlPathToPath(url.path));
  // A bare repository is fetched from; there is no working tree to look at.
  const isBare = existsSync(path) && !existsSync(join(path, '.git'));
  const bare: ParsedUrl = { ...url, query: new Map() };
  return isBare ? { kind: 'remote', url: writeUrl(bare) } : { kind: 'local', path };
}

async function fetchWorktree(
  context: FetchContext,
  input: InputAttributes,
  path: string,
): Promise<FetchResult> {
  if (!existsSync(path))
    throw flakeError('not-found', `Git repository "${path}" does not exist`, { exitCode: 4 });
  const git = gitIn(context.host, { directory: path });
  const { status, isKnownClean } = await worktreeStatus(context, git, path);
  // Trees that hold just what the index says are known by their commit.
  const key = {
    rev: status.headRev ?? '',
    path,
    name: storeNameOf(input),
    exportIgnore: input.exportIgnore === true,
  };
  const isKeyed = isKnownClean && input.submodules !== true;
  let storePath = isKeyed
    ? validPath(context, context.cache.get('git-worktree', key)?.value.storePath)
    : undefined;
  let { isDirty } = status;
  if (storePath === undefined) {
    const read = await readWorktree(context, { git, input, path, status });
    isDirty = read.isDirty;
    storePath = addTree(context, input, read.tree);
    if (isKeyed) await context.cache.set('git-worktree', key, { storePath });
  }
  const lastModified = status.headRev === undefined ? 0 : await lastModifiedOf(context, git, status.headRev);
  const found = isDirty
    ? dirtyAttributes(context, status, path)
    : await cleanAttributes(context, git, { status, path, isShallow: input.shallow === true });
  return { input: { ...input, ...found, lastModified }, storePath };
}

async function worktreeStatus(
  context: FetchContext,
  git: GitCommand,
  path: string,
): Promise<{ readonly status: WorktreeStatus; readonly isKnownClean: boolean }> {
  const { cache } = context;
  const readClean = () =>
    readCleanStatus(path, (rev) => {
      const tree = cache.get('git-commit-tree', { rev })?.value.tree;
      return typeof tree === 'string' ? tree : undefined;
    });
  const clean = readClean();
  if (clean !== undefined) return { status: clean, isKnownClean: true };
  const status = await readWorktreeStatus(git, path);
  const tree = status.isDirty || status.headRev === undefined ? undefined : treeOfIndex(path);
  if (tree === undefined) return { status, isKnownClean: false };
  await cache.set('git-commit-tree', { rev: status.headRev! }, { tree });
  // What git calls clean may still differ from its commit: in modes that it was told to pass over, for one.
  return { status, isKnownClean: readClean() !== undefined };
}

async function readWorktree(
  context: FetchContext,
  worktree: {
    readonly git: GitCommand;
    readonly input: InputAttributes;
    readonly path: string;
    readonly status: WorktreeStatus;
  },
): Promise<{ readonly tree: FileTree; readonly isDirty: boolean }> {
  const { git, input, path, status } = worktree;
  let tree = worktreeTree(path, status);
  if (input.exportIgnore === true) {
    const keeps = await exportIgnoredFilter(git, tree, { kind: 'index' });
    tree = tree.filter((entry) => keeps(entry.path));
  }
  if (input.submodules !== true) return { tree, isDirty: status.isDirty };
  let { isDirty } = status;
  const mounts = new Map<string, FileTree>();
  for (const submodule of status.submodules) {
    const inner = inputFromAttributes({
      type: 'git',
      url: join(path, Buffer.from(submodule, 'latin1').toString('utf8')),
      submodules: true,
    });
    const fetched = await fetchGit(context, inner);
    // A submodule that is dirty makes its parent so.
    if (fetched.input.rev === undefined) isDirty = true;
    mounts.set(submodule, storedTree(context, fetched));
  }
  return { tree: mountTrees(tree, mounts), isDirty };
}

function dirtyAttributes(context: FetchContext, status: WorktreeStatus, path: string): InputAttributes {
  if (!context.settings.allowDirty)
    throw flakeError('dirty', `Git tree '${path}' is dirty`, {
      hint: 'commit the changes, or set allow-dirty = true in nix.conf',
    });
  if (context.settings.warnDirty) context.warn(`Git tree '${path}' is dirty`);
  const rev = status.headRev;
  return rev === undefined ? {} : { dirtyRev: `${rev}-dirty`, dirtyShortRev: `${rev.slice(0, 7)}-dirty` };
}

async function cleanAttributes(
  context: FetchContext,
  git: GitCommand,
  options: { readonly status: WorktreeStatus; readonly path: string; readonly isShallow: boolean },
): Promise<InputAttributes> {
  const { headRev, headRef } = options.status;
  const rev = headRev ?? '0'.repeat(40);
  return {
    ...(headRef === undefined ? {} : { ref: headRef }),
    rev,
    ...(options.isShallow
      ? {}
      : {
          revCount: headRev === undefined ? 0 : await revCountOf(context, git, { rev, place: options.path }),
        }),
  };
}

async function fetchCommit(
  context: FetchContext,
  input: InputAttributes,
  place: RepositoryPlace,
): Promise<FetchResult> {
  const repository =
    place.kind === 'local'
      ? await openLocal(context, input, place.path)
      : await updateCopy(context, input, place.url);
  const { git, ref, rev, shown } = repository;
  const lastModified = await lastModifiedOf(context, git, rev);
  const counted =
    input.shallow === true ? {} : { revCount: await revCountOf(context, git, { rev, place: shown }) };
  const storePath = await commitStorePath(context, { ...repository, input });
  return { input: { ...input, ref, rev, lastModified, ...counted }, storePath };
}

async function lastModifiedOf(context: FetchContext, git: GitCommand, rev: string): Promise<number> {
  const kept = context.cache.get('git-last-modified', { rev })?.value.lastModified;
  if (typeof kept === 'number') return kept;
  const lastModified = Number(
    (await git.text(['log', '-1', '--format=%ct', '--no-show-signature', rev])).trim(),
  );
  await context.cache.set('git-last-modified', { rev }, { lastModified });
  return lastModified;
}

async function revCountOf(
  context: FetchContext,
  git: GitCommand,
  { rev, place }: { readonly rev: string; readonly place: string },
): Promise<number> {
  const kept = context.cache.get('git-rev-count', { rev })?.value.revCount;
  if (typeof kept === 'number') return kept;
  const shallow = await git.text(['rev-parse', '--is-shallow-repository']);
  if (shallow.trim() === 'true')
    throw flakeError(
      'shallow',
      `'${place}' is a shallow Git repository, but shallow repositories are only allowed when \`shallow = true;\` is specified`,
      { hint: 'add ?shallow=1 to its URL, or fetch the rest with `git fetch --unshallow`' },
    );
  const revCount = Number((await git.text(['rev-list', '--count', rev])).trim());
  await context.cache.set('git-rev-count', { rev }, { revCount });
  return revCount;
}

/** The store path of a commit's tree; kept by commit, so that an unchanged one is not read again. */
async function commitStorePath(
  context: FetchContext,
  repository: OpenRepository & { readonly input: InputAttributes },
): Promise<StorePath> {
  const { git, rev, input } = repository;
  const name = storeNameOf(input);
  const key = { rev, name, submodules: input.submodules === true, exportIgnore: input.exportIgnore === true };
  const kept = validPath(context, context.cache.get('git-tree', key)?.value.storePath);
  if (kept !== undefined) return kept;
  const commit = await readCommitTree(git, rev, { scratch: join(context.directory, 'scratch') });
  try {
    let { tree } = commit;
    if (input.exportIgnore === true) {
      const scratch = join(context.directory, 'scratch');
      const keeps = await exportIgnoredFilter(git, tree, { kind: 'commit', rev, scratch });
      tree = tree.filter((entry) => keeps(entry.path));
    }
    if (input.submodules === true && commit.gitlinks.length > 0)
      tree = mountTrees(tree, await fetchSubmodules(context, repository, commit.gitlinks));
    const storePath = addTree(context, input, tree);
    await context.cache.set('git-tree', key, { storePath });
    return storePath;
  } finally {
    commit.dispose();
  }
}

async function fetchSubmodules(
  context: FetchContext,
  repository: OpenRepository,
  gitlinks: readonly Gitlink[],
): Promise<ReadonlyMap<string, FileTree>> {
  const mounts = new Map<string, FileTree>();
  for (const submodule of await readSubmodules(repository.git, repository.rev)) {
    const link = gitlinks.find(({ path }) => path === submodule.path);
    if (link === undefined) continue;
    const ref = submodule.branch === '.' ? repository.ref : submodule.branch;
    const inner = inputFromAttributes({
      type: 'git',
      url: resolveSubmoduleUrl(submodule.url, repository.base),
      ...(ref === undefined ? {} : { ref }),
      rev: link.rev,
      submodules: true,
      allRefs: true,
      shallow: true,
    });
    mounts.set(submodule.path, storedTree(context, await fetchGit(context, inner)));
  }
  return mounts;
}

function storedTree(context: FetchContext, fetched: FetchResult): FileTree {
  return context.store.tree(fetched.storePath);
}

function mountTrees(tree: FileTree, mounts: ReadonlyMap<string, FileTree>): FileTree {
  if (mounts.size === 0) return tree;
  const entries: TreeEntry[] = tree.filter((entry) => !mounts.has(entry.path));
  for (const [path, mounted] of mounts)
    for (const entry of mounted)
      entries.push({ ...entry, path: entry.path === '' ? path : `${path}/${entry.path}` });
  return withDirectories(entries);
}
