// Locks one Dockerfile: every input that it leaves open is looked up, unless the lock before has it already. Results go
// into a draft that several recipes share.
import { readFileSync, statSync } from 'node:fs';
import { basename, dirname, relative, resolve as resolvePath } from 'node:path';
import { unitedIndex } from '../../debian/package-index.ts';
import { resolve } from '../../debian/resolve.ts';
import { omitNothing } from '../../debian/script-only.ts';
import { redactCredentials } from '../../foundation/credentials.ts';
import { isTrimaranError, type Span } from '../../foundation/error.ts';
import type { Host } from '../../foundation/host.ts';
import { type DockerfileInput, findInputs, findTriggerInputs } from '../../languages/dockerfile/inputs.ts';
import { lockRequests } from '../../languages/dockerfile/lock-requests.ts';
import { projectLockPaths } from '../../languages/dockerfile/project-locks.ts';
import { parseRequirementsFile } from '../../languages/dockerfile/requirements-file.ts';
import type { RegistrySession } from '../../oci/registry-session.ts';
import { isBaseName } from '../../sets/base/base-name.ts';
import { openRelease } from '../../sets/debian/prepared-release.ts';
import { lockedPackage } from '../../sets/debian/release-facts.ts';
import type { LockDraft } from '../../sets/lock-draft.ts';
import { type DockerfileRecipe, readRecipe, recipeName } from './build.ts';
import { additionsAt, pythonAt, suiteAt, suiteOfImage } from './debian-suite.ts';
import { relocateSpan } from './inline-place.ts';
import { type Found, findCommit, findImageDigest, findUrlDigest } from './lock-entry.ts';
import { lockPython } from './lock-python.ts';

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
  const { file, text, resolved } = readRecipe(options.recipe, options.platform);
  const recipe = recipeName(projectDirectory, file);
  // A line in the compose file where the Dockerfile stands there.
  const { inlineAt } = options.recipe;
  const whereIs = ({ span }: { readonly span: Span }) =>
    inlineAt === undefined
      ? `${recipe}:${span.line}`
      : `${recipeName(projectDirectory, inlineAt.file)}:${relocateSpan(span, inlineAt).line}`;
  const apt = new Map<string, { inputs: DockerfileInput[]; additions: Set<string> }>();
  const pip: PipRequest[] = [];
  // Without a target any stage may be asked for one day, and engines without BuildKit make them all.
  for (const input of findInputs(resolved, options.recipe.target === undefined ? 'all' : 'needed')) {
    if (input.kind === 'project-dependencies' && input.isStrict === true) {
      const { context } = options.recipe;
      const paths = projectLockPaths(resolved, input.locks).map((path) => resolvePath(context, path));
      if (paths.some((path) => !relative(context, path).startsWith('..') && isFile(path))) continue;
    }
    const where = whereIs(input);
    const requests = lockRequests([input], recipe);
    for (const unpinned of requests.unpinned) draft.addUnpinned({ ...unpinned, where });
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
    for (const requirement of requests.pip)
      pip.push({ requirement, where, python: pythonAt(resolved, input.span) });
    if (requests.apt.length > 0) {
      const suite = suiteAt(resolved, input.span) ?? '';
      const wanted = apt.get(suite) ?? { inputs: [], additions: new Set<string>() };
      wanted.inputs.push(input);
      const { images } = draft.lock();
      for (const name of additionsAt(resolved, { span: input.span, text, images }))
        wanted.additions.add(name);
      apt.set(suite, wanted);
    }
  }
  for (const input of findTriggerInputs(resolved)) {
    if (input.pinned) continue;
    const reason = 'ONBUILD runs it when another image is built from this one';
    draft.addUnpinned({ what: input.subject, where: whereIs(input), reason });
  }
  await lockPip(options, { requests: pip, recipe });
  for (const [suite, wanted] of apt) await lockPackages(options, { suite, ...wanted, whereIs });
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
        { reason: `${found.reason}; ${error.message}`, code: error.code },
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
    host.progress.note(redactCredentials(`${input.what} stays as it was locked: ${found.reason}`));
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
  wanted: {
    readonly suite: string;
    readonly inputs: readonly DockerfileInput[];
    /** Suites that apt takes packages from as well. */
    readonly additions: ReadonlySet<string>;
    readonly whereIs: (input: DockerfileInput) => string;
  },
): Promise<void> {
  const { draft } = options;
  const { suite, inputs, whereIs } = wanted;
  const cannot = (input: DockerfileInput, reason: string, unreachable: boolean) => {
    draft.addUnpinned({ what: input.subject, where: whereIs(input), reason }, { unreachable });
  };
  if (suite === '') {
    for (const input of inputs)
      cannot(input, 'the image’s name does not tell which release of Debian it has', false);
    return;
  }
  try {
    const archive = await openSuite(options, suite);
    const sources = [{ suite, index: await archive.packages() }];
    for (const addition of wanted.additions) {
      try {
        const { packages } = await openSuite(options, addition);
        // What backports and proposed updates have is only installed where somebody asks for it.
        if (/^[a-z]+-(?:updates|security)$/.test(addition))
          sources.push({ suite: addition, index: await packages() });
      } catch (error) {
        if (!isTrimaranError(error)) throw error;
        draft.addUnpinned(
          { what: `the apt suite ${addition}`, where: whereIs(inputs[0]!), reason: error.message },
          { unreachable: true },
        );
      }
    }
    const [first, ...others] = sources.map(({ index }) => index);
    const index = unitedIndex([first!, ...others]);
    for (const input of inputs) {
      if (input.kind !== 'package') continue;
      try {
        const { packages } = resolve({ index, wanted: [[{ name: input.name }]], omit: omitNothing });
        for (const source of sources) {
          const own = packages.filter(
            (record) =>
              sources.find(({ index }) =>
                index.get(record.name).some(({ sha256 }) => sha256 === record.sha256),
              ) === source,
          );
          if (own.length === 0) continue;
          draft.addPackages(source.suite, {
            architecture: archive.architecture,
            packages: own.map((record) => [record.name, lockedPackage(record)] as const),
          });
        }
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

/** One `pip install`: its requirements, or a file of them, and where it stands. */
interface PipRequest {
  readonly requirement: string;
  readonly where: string;
  readonly python: string | undefined;
}

/**
 * Locks what pip installs, and what that depends on. What the lock before has stays, unless something was added, taken
 * away or is to be updated.
 */
async function lockPip(
  options: LockRecipeOptions,
  { requests, recipe }: { readonly requests: readonly PipRequest[]; readonly recipe: string },
): Promise<void> {
  const { draft, host, recipe: source } = options;
  const wanted = new Map<string, PipRequest>();
  for (const request of requests) {
    const file = /^-r (.*)$/.exec(request.requirement)?.[1];
    if (file === undefined) {
      wanted.set(request.requirement, request);
      continue;
    }
    const found = readRequirementsFile(source.context, file);
    if (found === undefined) {
      const reason = 'the file is not in the build context, so what it asks for is not known';
      draft.addUnpinned({ what: `pip install ${request.requirement}`, where: request.where, reason });
    } else if (!found.hashed) for (const line of found.requirements) wanted.set(line, request);
  }
  if (wanted.size === 0 || draft.keepRequirements(recipe, [...wanted.keys()])) return;
  const pythons = [...new Set([...wanted.values()].map(({ python }) => python))];
  const locked = await lockPython({
    host,
    cacheDirectory: options.cacheDirectory,
    requirements: [...wanted.keys()],
    // Stages with different interpreters share one set of versions, and none of them decides.
    python: pythons.length === 1 ? pythons[0] : undefined,
    architecture: options.platform.split('/')[1] ?? 'amd64',
    preferred: draft.preferredVersions(recipe),
  });
  for (const [requirement, entry] of locked.direct)
    draft.setRequirement(recipe, { requirement, locked: entry });
  for (const [name, entry] of locked.indirect)
    draft.setRequirement(recipe, { requirement: `${name}==${entry.version}`, locked: entry });
  const first = [...wanted.values()][0]!;
  for (const { requirement, reason, code } of locked.missed) {
    const { where } = wanted.get(requirement) ?? first;
    const unreachable = code === 'lock/index-unreachable' || code === 'lock/index-refused';
    if (unreachable && draft.keepOldRequirement(recipe, requirement)) {
      host.progress.note(`pip install ${requirement} stays as it was locked: ${reason}`);
      continue;
    }
    const what = wanted.has(requirement) ? `pip install ${requirement}` : `pip install: ${requirement}`;
    draft.addUnpinned({ what, where, reason }, { unreachable });
  }
  if (locked.missed.some(({ code }) => code === 'lock/index-unreachable')) draft.keepOldDependencies(recipe);
}

const deepestFile = 10;

/**
 * A requirements file of the build context, with those it takes in: there under the path that a RUN knows it by, or by
 * its last parts; undefined where it is not.
 */
function readRequirementsFile(
  context: string,
  path: string,
): { readonly requirements: readonly string[]; readonly hashed: boolean } | undefined {
  const inside = path.replace(/^(?:\.?\/)+/, '');
  const file = [inside, inside.replace(/^[^/]+\//, ''), basename(inside)]
    .map((name) => resolvePath(context, name))
    // Never outside the context, whatever the Dockerfile says.
    .find((name) => !relative(context, name).startsWith('..') && isFile(name));
  return file === undefined ? undefined : readWithFiles(file, { context, depth: 0 });
}

function readWithFiles(
  file: string,
  { context, depth }: { readonly context: string; readonly depth: number },
): { readonly requirements: readonly string[]; readonly hashed: boolean } {
  const { requirements, files, hashed } = parseRequirementsFile(readFileSync(file, 'utf8'));
  const all = [...requirements];
  for (const name of files) {
    const other = resolvePath(dirname(file), name);
    if (relative(context, other).startsWith('..') || depth >= deepestFile || !isFile(other)) continue;
    all.push(...readWithFiles(other, { context, depth: depth + 1 }).requirements);
  }
  return { requirements: [...new Set(all)], hashed };
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}
