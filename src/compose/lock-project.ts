// `trimaran lock`: everything that a project's recipes leave open, looked up and written down. Flakes are evaluated, which
// locks their inputs and packages; Dockerfiles and the compose file's own images are read for what they take from outside.

import { existsSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { releaseOfSuite } from '../debian/archive-roots.ts';
import { writeFileAtomically } from '../foundation/atomic-file.ts';
import { isTrimaranError, TrimaranError } from '../foundation/error.ts';
import type { Host } from '../foundation/host.ts';
import { didYouMean } from '../foundation/nearest.ts';
import { openRegistries } from '../oci/registry-settings.ts';
import { readRecipe, recipeName } from '../routes/dockerfile/build.ts';
import { lockDockerfile, lockImage } from '../routes/dockerfile/lock-recipe.ts';
import { pinForPeople } from '../routes/dockerfile/pin-dockerfile.ts';
import { buildNix } from '../routes/nix/build.ts';
import { updateDebianInputs } from '../routes/nix/flake-commands.ts';
import { listImageOutputs } from '../routes/nix/image-outputs.ts';
import type { NixSettings } from '../routes/nix/settings.ts';
import { trimaranRoot } from '../sets/cache-root.ts';
import { LockDraft, lockNames } from '../sets/lock-draft.ts';
import { emptyLockFile, type LockFile, parseLockFile, writeLockFile } from '../sets/lock-file.ts';
import { findProjectLock } from '../sets/project-lock.ts';
import { dockerfileRecipe } from './build-project.ts';
import { hostPlatform } from './host-platform.ts';
import type { ComposeProject } from './load.ts';
import { evaluateManifests, lockGuixSources } from './lock-guix.ts';
import type { Service } from './service.ts';

export interface LockProjectRequest {
  readonly host: Host;
  readonly project: ComposeProject;
  readonly settings: NixSettings;
  /** Entries to look up anew: all of them, or those of these names. */
  readonly update: 'all' | readonly string[];
  /** Puts the pins into the Dockerfiles too. */
  readonly write: boolean;
}

export interface LockedProject {
  /** Where the lock is. */
  readonly file: string;
  readonly lock: LockFile;
  /** Whether its text is another than before. */
  readonly changed: boolean;
  /** Dockerfiles that were edited. */
  readonly edited: readonly string[];
}

/**
 * Locks a project. Rejects with `lock/unknown-name`, `lock/unreachable` when nothing could be looked up, and the errors of
 * reading recipes and the lock. The lock is written whole or not at all.
 */
export async function lockProject(request: LockProjectRequest): Promise<LockedProject> {
  const { project, update } = request;
  const { file, lock: before = emptyLockFile } = findProjectLock(project.directory);
  const textBefore = readIfThere(file);
  const flakeLock = join(project.directory, 'flake.lock');
  const flakeLockBefore = readIfThere(flakeLock);
  const restore = async () => {
    for (const [path, text] of [
      [file, textBefore],
      [flakeLock, flakeLockBefore],
    ] as const)
      if (text !== undefined && text !== readIfThere(path)) await writeFileAtomically(path, text);
  };
  const updates = updateRule(before, update);
  const unreachable: { what: string; where: string; reason: string }[] = [];
  let hint: string | undefined;
  const releases = new Map([...before.debian].filter(([suite]) => !updates(suite)));
  const ownImages = new Set<string>();
  let evaluated: LockFile;
  try {
    // Evaluation reads and extends the lock on disk, so what is to be updated must be gone from there.
    if (releases.size < before.debian.size)
      await writeFileAtomically(file, writeLockFile({ ...before, debian: releases }));
    const flake = await lockFlake(request, updates);
    unreachable.push(...flake.unreachable, ...(await evaluateManifests(request, isOutOfReach)));
    hint = flake.hint;
    for (const name of flake.imageNames) ownImages.add(name);
    evaluated = existsSync(file) ? parseLockFile(readFileSync(file, 'utf8'), file) : emptyLockFile;
  } catch (error) {
    await restore();
    throw error;
  }
  try {
    // A release that could not be had anew stays what it was.
    const debian = new Map(evaluated.debian);
    if (unreachable.length > 0)
      for (const [suite, locked] of before.debian) if (!debian.has(suite)) debian.set(suite, locked);
    const draft = new LockDraft({ ...evaluated, debian }, updates);
    for (const input of unreachable) draft.addUnpinned(input, { unreachable: true });
    await lockServices(request, { draft, ownImages });
    await lockGuixSources(request, draft);
    const { pinned, unreachable: missed } = draft.counts;
    if (pinned === 0 && missed > 0) throw nothingDone(draft.lock(), hint);
    const lock = draft.lock();
    const text = writeLockFile(lock);
    if (text !== readIfThere(file)) await writeFileAtomically(file, text);
    const edited = request.write ? await writePins(request, lock) : [];
    return { file, lock, changed: text !== textBefore, edited };
  } catch (error) {
    await restore();
    throw error;
  }
}

function readIfThere(file: string): string | undefined {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

/** Which names are to be looked up anew. Throws `lock/unknown-name`. */
function updateRule(lock: LockFile, update: 'all' | readonly string[]): (name: string) => boolean {
  if (update === 'all') return () => true;
  const wanted = update.map((name) => nameInLock(lock, name));
  return (name) =>
    wanted.some(
      (one) =>
        one === name ||
        name.replace(/[:@][^/]*$/, '') === one ||
        (lock.debian.has(name) && releaseOfSuite(name) === one),
    );
}

/** What the lock calls a name that somebody typed: suites are also told as `debian:SUITE`. */
function nameInLock(lock: LockFile, name: string): string {
  const known = lockNames(lock);
  if (known.includes(name)) return name;
  const suite = /^debian:(.+)$/.exec(name)?.[1];
  if (suite !== undefined && lock.debian.has(suite)) return suite;
  const [holder] =
    [...lock.debian].find(([, { architectures }]) =>
      [...architectures.values()].some(({ packages }) => packages.has(name)),
    ) ?? [];
  throw new TrimaranError({
    code: 'lock/unknown-name',
    message:
      holder === undefined
        ? `the lock has nothing called \`${name}\``
        : `the package \`${name}\` is locked with all of \`${holder}\`, not by itself`,
    hint:
      holder === undefined
        ? (didYouMean(name, known) ?? 'run `trimaran lock` first, or `trimaran lock --update` for everything')
        : `run \`trimaran lock --update ${holder}\``,
    exitCode: 2,
  });
}

/** Evaluates every image of the project's flake; says what was out of reach. */
async function lockFlake(
  { host, project, settings, update }: LockProjectRequest,
  updates: (name: string) => boolean,
) {
  if (!existsSync(join(project.directory, 'flake.nix')))
    return { unreachable: [], imageNames: [], hint: undefined };
  const here = { ...host, cwd: project.directory };
  try {
    // Both locks name releases, and are to name the same.
    if (update.length > 0) await updateDebianInputs({ host: here, settings, wants: updates });
    const outputs = await listImageOutputs({ host, directory: project.directory, settings });
    for (const { attributePath } of outputs) {
      await buildNix({ host: here, installables: [`.#${attributePath}`], settings, dryRun: true });
    }
    return { unreachable: [], imageNames: outputs.map(({ imageName }) => imageName), hint: undefined };
  } catch (error) {
    if (!isTrimaranError(error) || !isOutOfReach(error.code)) throw error;
    const input = { what: 'flake.nix', where: 'flake.nix', reason: error.message };
    // Trying again helps against a network that is down, not against a release that is gone.
    return {
      unreachable: [input],
      imageNames: [],
      hint: error.code.startsWith('download/') ? undefined : error.hint,
    };
  }
}

function isOutOfReach(code: string): boolean {
  return code.startsWith('download/') || code === 'debian/no-mirror' || code === 'debian/release-gone';
}

/** `ownImages` are made by the flake, so no registry is asked for them. */
async function lockServices(
  { host, project }: LockProjectRequest,
  { draft, ownImages }: { readonly draft: LockDraft; readonly ownImages: ReadonlySet<string> },
): Promise<void> {
  const session = openRegistries({ host });
  const shared = { host, session, draft, cacheDirectory: trimaranRoot(host) };
  for (const service of project.services) {
    const platform = service.platform?.value ?? hostPlatform();
    const recipe = localRecipe(service);
    if (recipe !== undefined) {
      await lockDockerfile({ ...shared, platform, recipe, projectDirectory: project.directory });
    } else if (service.build === undefined && service.image !== undefined && service.recipes.size === 0) {
      const { value, span } = service.image;
      if (value.includes('@') || ownImages.has(value.replace(/:[^:/]*$/, ''))) continue;
      const where = `${relative(project.directory, span.file)}:${span.line}`;
      await lockImage({ ...shared, platform }, { reference: value, where });
    }
  }
}

/** The Dockerfile of a service; undefined where there is none to read. */
function localRecipe(service: Service) {
  const recipe = dockerfileRecipe(service);
  if (recipe === undefined) return undefined;
  const file = recipe.dockerfile ?? join(recipe.context, 'Dockerfile');
  // A service whose `build:` stands for another recipe need not have one.
  return recipe.inline === undefined && !existsSync(file) ? undefined : recipe;
}

async function writePins({ project }: LockProjectRequest, lock: LockFile): Promise<string[]> {
  const edited: string[] = [];
  for (const service of project.services) {
    const recipe = localRecipe(service);
    if (recipe === undefined || recipe.inline !== undefined) continue;
    const platform = service.platform?.value ?? hostPlatform();
    const { text, file, resolved } = readRecipe(recipe, platform);
    const pinned = pinForPeople({
      text,
      resolved,
      lock,
      recipe: recipeName(project.directory, file),
      // As they were locked.
      stages: recipe.target === undefined ? 'all' : 'needed',
      architecture: platform.split('/')[1] ?? 'amd64',
    });
    if (pinned === text) continue;
    await writeFileAtomically(file, pinned);
    edited.push(file);
  }
  return edited;
}

function nothingDone(lock: LockFile, hint = 'try again when the network is back'): TrimaranError {
  return new TrimaranError({
    code: 'lock/unreachable',
    message: `nothing could be looked up: ${lock.unpinned.map(({ what, reason }) => `${what} (${reason})`).join('; ')}`,
    hint: `${hint}; the lock is as it was`,
    exitCode: 4,
  });
}
