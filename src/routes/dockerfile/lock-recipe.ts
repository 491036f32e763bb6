// Locks one Dockerfile: every input that it leaves open is looked up, unless the lock before has it already. Results go
// into a draft that several recipes share.
import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { resolve } from '../../debian/resolve.ts';
import { omitNothing } from '../../debian/script-only.ts';
import { isTrimaranError } from '../../foundation/error.ts';
import type { Host } from '../../foundation/host.ts';
import { type DockerfileInput, findInputs } from '../../languages/dockerfile/inputs.ts';
import { lockRequests } from '../../languages/dockerfile/lock-requests.ts';
import type { ResolvedDockerfile } from '../../languages/dockerfile/resolve.ts';
import type { RegistrySession } from '../../oci/registry-session.ts';
import { isBaseName } from '../../sets/base/base-image.ts';
import { openRelease } from '../../sets/debian/prepared-release.ts';
import { lockedPackage } from '../../sets/debian/release-facts.ts';
import type { LockDraft } from '../../sets/lock-draft.ts';
import { type DockerfileRecipe, readRecipe, recipeName } from './build.ts';
import { suiteAt, suiteOfImage } from './debian-suite.ts';
import { type Found, findCommit, findDistribution, findImageDigest, findUrlDigest } from './lock-entry.ts';

export interface LockRecipeOptions {
  readonly host: Host;
  /** Trimaran's cache. */
  readonly cacheDirectory: string;
  readonly projectDirectory: string;
  readonly session: RegistrySession;
  readonly recipe: DockerfileRecipe;
  /** `linux/amd64` */
  readonly platform: string;
  readonly draft: LockDraft;
}

/** Locks the inputs of a Dockerfile. Throws `dockerfile/…`; what is out of reach is recorded as unpinned instead. */
export async function lockDockerfile(options: LockRecipeOptions): Promise<void> {
  const { projectDirectory, draft } = options;
  const { file, resolved } = readRecipe(options.recipe, options.platform);
  const recipe = recipeName(projectDirectory, file);
  const apt = new Map<string, DockerfileInput[]>();
  for (const input of findInputs(resolved)) {
    const where = `${recipe}:${input.span.line}`;
    const requests = lockRequests([input], recipe);
    for (const unpinned of requests.unpinned) draft.addUnpinned(unpinned);
    for (const { reference } of requests.images) await lockImage(options, { reference, where });
    for (const url of requests.urls) {
      if (draft.keepUrl(url)) continue;
      const found = await findUrlDigest(options, url);
      note(options, found, { name: url, where, what: input.subject });
      if (found.found !== undefined) draft.setUrl(url, found.found);
    }
    for (const { url, ref } of requests.git) {
      if (draft.keepCommit(url, ref)) continue;
      const found = await findCommit(options.host, { url, ref });
      note(options, found, { name: url, where, what: input.subject });
      if (found.found !== undefined) draft.setCommit(url, { ref, commit: found.found });
    }
    for (const requirement of requests.pip) await lockPip(options, { requirement, where, recipe, resolved });
    if (requests.apt.length > 0) {
      const suite = suiteAt(resolved, input.span) ?? '';
      apt.set(suite, [...(apt.get(suite) ?? []), input]);
    }
  }
  for (const [suite, inputs] of apt) await lockPackages(options, { suite, inputs, recipe });
}

/** Locks the image of a reference, which a recipe or a compose file at `where` names. */
export async function lockImage(
  options: Pick<LockRecipeOptions, 'host' | 'cacheDirectory' | 'session' | 'draft' | 'platform'>,
  { reference, where }: { readonly reference: string; readonly where: string },
): Promise<void> {
  const { draft } = options;
  if (draft.keepImage(reference)) return;
  const suite = isBaseName(reference) ? suiteOfImage(reference) : undefined;
  // Once a base is made of packages it stays so until it is asked for anew: another day's network is no reason to change it.
  if (suite !== undefined && draft.keepBase(suite)) return;
  const found = await findImageDigest(options, reference);
  if (found.found !== undefined) {
    draft.setImage(reference, found.found);
    return;
  }
  // Without a registry a base of Debian is made from its packages, and the release decides about those.
  if (suite !== undefined) {
    try {
      await openSuite(options, suite);
      options.host.progress.note(
        `${reference} is made from the packages of debian:${suite} (${found.reason})`,
      );
      return;
    } catch (error) {
      if (!isTrimaranError(error)) throw error;
      note(
        options,
        { reason: `${found.reason}; ${error.message}` },
        { name: reference, where, what: reference },
      );
      return;
    }
  }
  note(options, found, { name: reference, where, what: reference });
}

/** What could not be looked up is unpinned, except where the lock before still has it. */
function note(
  { draft, host }: Pick<LockRecipeOptions, 'draft' | 'host'>,
  found: Found<unknown>,
  input: { readonly name: string; readonly where: string; readonly what: string },
): void {
  if (found.found !== undefined) return;
  if (draft.keepOld(input.name)) {
    host.progress.note(`${input.what} stays as it was locked: ${found.reason}`);
    return;
  }
  draft.addUnpinned({ what: input.what, where: input.where, reason: found.reason! }, { unreachable: true });
}

async function openSuite(
  {
    host,
    cacheDirectory,
    draft,
    platform,
  }: Pick<LockRecipeOptions, 'host' | 'cacheDirectory' | 'draft' | 'platform'>,
  suite: string,
) {
  const architecture = platform.split('/')[1] ?? 'amd64';
  const archive = await openRelease({ host, cacheDirectory, lock: draft.lock() }, { suite }, architecture);
  draft.setSuite(suite, {
    timestamp: archive.release.timestamp,
    releaseSha256: archive.release.sha256,
    components: archive.components,
  });
  return archive;
}

async function lockPackages(
  options: LockRecipeOptions,
  wanted: { readonly suite: string; readonly inputs: readonly DockerfileInput[]; readonly recipe: string },
): Promise<void> {
  const { draft } = options;
  const { suite, inputs, recipe } = wanted;
  const cannot = (input: DockerfileInput, reason: string, unreachable: boolean) => {
    draft.addUnpinned(
      { what: input.subject, where: `${recipe}:${input.span.line}`, reason },
      { unreachable },
    );
  };
  if (suite === '') {
    for (const input of inputs)
      cannot(input, 'the image’s name does not tell which release of Debian it has', false);
    return;
  }
  try {
    const archive = await openSuite(options, suite);
    const index = await archive.packages();
    for (const input of inputs) {
      if (input.kind !== 'package') continue;
      try {
        const { packages } = resolve({ index, wanted: [[{ name: input.name }]], omit: omitNothing });
        draft.addPackages(suite, {
          architecture: archive.architecture,
          packages: packages.map((record) => [record.name, lockedPackage(record)] as const),
        });
      } catch (error) {
        if (!isTrimaranError(error)) throw error;
        cannot(input, error.message, false);
      }
    }
  } catch (error) {
    if (!isTrimaranError(error)) throw error;
    for (const input of inputs) cannot(input, error.message, true);
  }
}

async function lockPip(
  options: LockRecipeOptions,
  wanted: {
    readonly requirement: string;
    readonly where: string;
    readonly recipe: string;
    readonly resolved: ResolvedDockerfile;
  },
): Promise<void> {
  const { draft, host, recipe: source } = options;
  const { requirement, where, recipe } = wanted;
  const file = /^-r (.*)$/.exec(requirement)?.[1];
  const lines = file === undefined ? [requirement] : requirementsIn(source.context, file);
  if (lines === undefined) {
    const reason = 'the file is not in the build context, so what it asks for is not known';
    draft.addUnpinned({ what: `pip install ${requirement}`, where, reason });
    return;
  }
  for (const line of lines) {
    if (draft.keepRequirement(recipe, line)) continue;
    const found = await findDistribution(host, line);
    note(options, found, { name: line, where, what: `pip install ${line}` });
    if (found.found !== undefined) draft.setRequirement(recipe, { requirement: line, locked: found.found });
  }
}

/** Requirements of a file, looked for in the context under its path and its name; hashes, options and comments aside. */
function requirementsIn(context: string, file: string): string[] | undefined {
  const candidates = [file.replace(/^\/+/, ''), file.replace(/^\/?[^/]+\//, ''), basename(file)];
  const found = candidates.map((name) => join(context, name)).find((path) => existsSync(path));
  if (found === undefined) return undefined;
  return readFileSync(found, 'utf8')
    .replace(/\\\r?\n/g, ' ')
    .split('\n')
    .map((line) =>
      line
        .replace(/(?:^|\s)#.*$/, '')
        .replace(/\s--hash=\S+/g, '')
        .replace(/;.*$/, '')
        .trim(),
    )
    .filter((line) => line !== '' && !line.startsWith('-'));
}
