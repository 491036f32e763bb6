// A Dockerfile to an Image: pinned in memory from the lock, built by the engine that is here with packages from the
// locked release, and freed of what differs from build to build.
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative } from 'node:path';
import { parseTimestamp } from '../../debian/release.ts';
import { sha256Hex } from '../../foundation/digest.ts';
import { download } from '../../foundation/download.ts';
import { isTrimaranError, type Span, TrimaranError } from '../../foundation/error.ts';
import { type FileTree, fileTree, type TreeEntry } from '../../foundation/file-tree.ts';
import type { Host } from '../../foundation/host.ts';
import { findInputs } from '../../languages/dockerfile/inputs.ts';
import { parseDockerfile } from '../../languages/dockerfile/parse.ts';
import { type ResolvedDockerfile, resolveDockerfile } from '../../languages/dockerfile/resolve.ts';
import { readArchive } from '../../oci/archive-read.ts';
import { writeArchive } from '../../oci/archive-write.ts';
import { digestHex, type Sha256Digest } from '../../oci/descriptor.ts';
import { connectEngine, inspectEngineImage } from '../../oci/engine.ts';
import { createImage, diffIds, type Image, renameImage } from '../../oci/image.ts';
import { writeLayer } from '../../oci/layer-write.ts';
import { parseReference } from '../../oci/reference.ts';
import { pullImage } from '../../oci/registry-pull.ts';
import { openRegistries } from '../../oci/registry-settings.ts';
import { buildBaseImage } from '../../sets/base/base-image.ts';
import { isBaseName } from '../../sets/base/base-name.ts';
import { knownArchives, readOwnArchive } from '../../sets/known-archive.ts';
import { emptyLockFile, type LockedRequirement, type LockFile, lockedUrl } from '../../sets/lock-file.ts';
import { readContent, removeDiskTree } from '../../store/disk-tree.ts';
import { StagingArea } from '../../store/stage.ts';
import { aptSettings } from './apt-settings.ts';
import { readBuildContext } from './build-context.ts';
import { memoKey, readMemo, writeMemo } from './build-memo.ts';
import { neededFeatures } from './builder-features.ts';
import { checkContext, checkDockerfile } from './check-sources.ts';
import { restoreDownloads } from './download-address.ts';
import { type BuilderKind, findBuilder, type ImageBuilder } from './engine-kinds.ts';
import { type InlinePlace, relocateErrors } from './inline-place.ts';
import { lowerHeredocs } from './lower-heredocs.ts';
import { withMissingImage } from './missing-image.ts';
import { normaliseImage } from './normalise.ts';
import { type PackageProxy, type ProxyUse, startPackageProxy } from './package-proxy.ts';
import { Places, pinForBuild, stagesForSteps } from './pin-dockerfile.ts';
import { pythonProxyVariables } from './python-proxy.ts';
import { argumentValues, shellsOf } from './step-arguments.ts';

/** A Dockerfile and what compose or a command line says of it. */
export interface DockerfileRecipe {
  /** Absolute path of the folder. */
  readonly context: string;
  /** Absolute path of the Dockerfile. */
  readonly dockerfile?: string | undefined;
  /** Its text, where it stands in the compose file. */
  readonly inline?: string | undefined;
  /** Where that is, and what the lock calls it: `compose.yaml#api`. */
  readonly inlineAt?: (InlinePlace & { readonly name: string }) | undefined;
  readonly args: ReadonlyMap<string, string>;
  readonly target?: string | undefined;
  /** Labels of the image besides those of the Dockerfile. */
  readonly labels?: ReadonlyMap<string, string> | undefined;
}

export interface DockerfileBuildRequest {
  readonly host: Host;
  /** Trimaran's cache. */
  readonly cacheDirectory: string;
  readonly recipe: DockerfileRecipe;
  readonly lock: LockFile | undefined;
  /** Folder that the lock belongs to: recipes are named from there. */
  readonly projectDirectory: string;
  readonly names: readonly string[];
  /** `linux/amd64` */
  readonly platform: string;
  readonly builder?: BuilderKind | undefined;
  /** Takes nothing from the engine's cache. */
  readonly cold?: boolean;
}

export interface DockerfileBuild {
  readonly image: Image;
  /** The archive on this machine. */
  readonly archive: string;
  readonly builder: Pick<ImageBuilder, 'kind' | 'name'>;
  /** What the steps took over HTTP. */
  readonly use: ProxyUse;
}

/** Reads and resolves a Dockerfile. Throws `dockerfile/…`, also `dockerfile/no-file`. */
export function readRecipe(
  recipe: DockerfileRecipe,
  platform: string,
): { readonly text: string; readonly file: string; readonly resolved: ResolvedDockerfile } {
  const file = recipe.inlineAt?.name ?? recipe.dockerfile ?? join(recipe.context, 'Dockerfile');
  if (/^(?:[a-z]+:\/\/|git@|github\.com\/)/.test(recipe.context)) {
    throw new TrimaranError({
      code: 'dockerfile/remote-context',
      message: `the build context ${recipe.context} is remote, which is not supported`,
      hint: 'clone it at a commit and name the folder',
    });
  }
  if (recipe.inline === undefined && !existsSync(file)) {
    throw new TrimaranError({
      code: 'dockerfile/no-file',
      message: `there is no ${file}`,
      hint: 'correct `build:` in the compose file',
    });
  }
  const text = recipe.inline ?? readFileSync(file, 'utf8');
  const resolved = relocateErrors(file, recipe.inlineAt, () =>
    resolveDockerfile(parseDockerfile(text, file), {
      buildArgs: recipe.args,
      platform,
      ...(recipe.target === undefined ? {} : { target: recipe.target }),
    }),
  );
  return { text, file, resolved };
}

/** How a lock calls a recipe: its path from the project's folder. */
export function recipeName(projectDirectory: string, file: string): string {
  const path = relative(projectDirectory, file);
  return path.startsWith('..') || isAbsolute(path) ? file : path;
}

/**
 * Builds. Rejects with `dockerfile/…` (also `no-builder` and `build-failed`), and the errors of locks, bases, engines
 * and downloads.
 */
export async function buildDockerfile(request: DockerfileBuildRequest): Promise<DockerfileBuild> {
  const { inlineAt } = request.recipe;
  return await relocateErrors(inlineAt?.name ?? '', inlineAt, () => buildFromText(request));
}

async function buildFromText(request: DockerfileBuildRequest): Promise<DockerfileBuild> {
  const { host, cacheDirectory, recipe, platform } = request;
  const lock = request.lock ?? emptyLockFile;
  const architecture = platform.split('/')[1] ?? 'amd64';
  const { text, file, resolved } = readRecipe(recipe, platform);
  checkDockerfile(resolved);
  const places = new Places(text);
  const epoch = sourceEpoch(host, lock);
  const builder = await findBuilder(host, { wanted: request.builder, needed: neededFeatures(resolved) });
  const context = readBuildContext({ directory: recipe.context, dockerfile: file, mtime: epoch });
  checkContext(resolved, context);
  const memo = await memoKey({
    text,
    resolved,
    lock,
    context,
    settings: [
      ...[
        request.names,
        platform,
        [...recipe.args],
        [...(recipe.labels ?? [])],
        recipe.target,
        epoch,
        builder.kind,
        builder.name,
      ],
      recipeName(request.projectDirectory, file),
    ],
    engineImage: (reference) => engineImageId(host, { builder, reference }),
  });
  if (memo !== undefined && request.cold !== true) {
    const known = await openMemo(cacheDirectory, memo);
    if (known !== undefined) return { ...known, builder, use: nothingUsed };
  }
  const bases = await findBases(request, resolved, lock);
  const scratch = new StagingArea(join(cacheDirectory, 'staging')).freshPath();
  mkdirSync(scratch, { recursive: true });
  const name = recipeName(request.projectDirectory, file);
  const python = lock.pip.get(name) ?? new Map<string, LockedRequirement>();
  const proxy = await startPackageProxy({ host, cacheDirectory, lock: request.lock, architecture, python });
  const task = host.progress.start({ label: `${builder.name} builds ${request.names[0] ?? file}` });
  try {
    const served = await serveUrls(request, { resolved, lock, proxy });
    const lowered = lowerHeredocs(resolved, (span) => places.slice(span));
    const withAptSettings = lock.debian.size > 0 && stagesForSteps(resolved).size > 0;
    const settings = withAptSettings ? aptSettings(proxy) : [];
    const files = await filesBase(fileTree([...lowered.files, ...settings]), scratch);
    const variables = stepVariables(lock, python);
    const pinned = pinForBuild({
      text,
      resolved,
      lock,
      architecture,
      epoch,
      recipe: name,
      variables,
      heredocs: lowered.instructions,
      filesImage: files?.name ?? 'scratch',
      withAptSettings,
      environmentOf: (reference) => environmentOf(bases.get(reference)?.image),
      replaceImage: (reference) => bases.get(reference)?.name,
      replaceUrl: (url) => served.get(url),
    });
    const archive = join(scratch, 'built.tar');
    await builder
      .build(
        {
          host,
          scratch,
          platform,
          dockerfile: dockerfileName,
          context: withDockerfile(context, { pinned, mtime: epoch }),
          bases: [...bases.values(), ...(files === undefined ? [] : [files])].map(({ image }) => image),
          buildArgs: recipe.args,
          labels: recipe.labels ?? new Map(),
          target: recipe.target,
          noCache: request.cold === true,
          proxy: proxy.url,
          onLine: () => {},
        },
        archive,
      )
      .catch((error) => {
        throw withProxyFailures(
          withMissingImage(error, { resolved, isKnown: (reference) => bases.has(reference) }),
          proxy.use,
        );
      });
    // Raw and normalised layers go with the scratch folder; the archive holds what counts.
    const layers = join(scratch, 'layers');
    const [built] = await readArchive(archive, { cacheDirectory: layers });
    const base = await baseDiffIds(request, { resolved, bases, builder });
    const ids = diffIds(built!);
    let baseLayers = 0;
    while (baseLayers < base.length && ids[baseLayers] === base[baseLayers]) baseLayers++;
    const normalised = await normaliseImage({
      image: built!,
      baseLayers,
      epoch,
      cacheDirectory: layers,
      names: request.names,
      restore: (step) =>
        [...served].reduce((text, [url, at]) => text.replaceAll(at, url), restoreDownloads(step, lock)),
      shells: shellsOf(resolved),
      argumentValues: argumentValues(resolved, { epoch, variables }),
    });
    const target = join(
      cacheDirectory,
      'dockerfile',
      `${digestHex(normalised.configDigest)}-${sha256Hex(Buffer.from(request.names.join(' '))).slice(0, 8)}.tar`,
    );
    mkdirSync(dirname(target), { recursive: true });
    await writeArchive([normalised], target);
    const [image] = await openArchive(cacheDirectory, target);
    tellPassed(host, proxy.use);
    if (memo !== undefined && proxy.use.passed.length === 0)
      writeMemo(cacheDirectory, memo, { archive: target, configDigest: normalised.configDigest });
    return { image: image!, archive: target, builder, use: proxy.use };
  } finally {
    task.done();
    await proxy.close();
    removeDiskTree(scratch);
    await rm(scratch, { recursive: true, force: true });
  }
}

function openArchive(cacheDirectory: string, archive: string): Promise<Image[]> {
  return readOwnArchive(archive, {
    cacheDirectory: join(cacheDirectory, 'layers'),
    knownDirectory: knownArchives(cacheDirectory),
  });
}

const nothingUsed: ProxyUse = { packages: new Map(), releases: new Map(), passed: [], failures: [] };

/** The image of an earlier build of the same inputs; undefined when it is not there any more, or damaged. */
async function openMemo(
  cacheDirectory: string,
  key: string,
): Promise<Pick<DockerfileBuild, 'image' | 'archive'> | undefined> {
  const known = readMemo(cacheDirectory, key);
  if (known === undefined) return undefined;
  try {
    const [image] = await openArchive(cacheDirectory, known.archive);
    return image?.configDigest === known.configDigest ? { image, archive: known.archive } : undefined;
  } catch (error) {
    if (isTrimaranError(error)) return undefined;
    throw error;
  }
}

/** Id of an image that docker would take for a name; undefined for builders with storage of their own. */
async function engineImageId(
  host: Host,
  { builder, reference }: { readonly builder: ImageBuilder; readonly reference: string },
): Promise<string | undefined> {
  if (builder.kind !== 'docker' && builder.kind !== 'buildkit') return undefined;
  return (await inspectEngineImage(await connectEngine(host), reference))?.id;
}

/** What steps are told besides the epoch. Engines must not take a step of another lock from their cache. */
function stepVariables(
  lock: LockFile,
  python: ReadonlyMap<string, LockedRequirement>,
): ReadonlyMap<string, string> {
  const downloads = [
    [...lock.urls],
    [...python],
    [...lock.debian].map(([, { releaseSha256 }]) => releaseSha256),
  ];
  const isEmpty = downloads.every((entries) => entries.length === 0);
  const fingerprint = sha256Hex(Buffer.from(JSON.stringify(downloads))).slice(0, 16);
  return new Map([
    ...(isEmpty ? [] : [['TRIMARAN_LOCK', fingerprint] as const]),
    ...(python.size === 0 ? [] : pythonProxyVariables),
  ]);
}

/** Name of the pinned Dockerfile in the context. */
const dockerfileName = '.trimaran.Dockerfile';

/** The context with the pinned Dockerfile in it, which `.dockerignore` keeps out of COPY (itself too, unless it was there). */
function withDockerfile(
  context: readonly TreeEntry[],
  { pinned, mtime }: { readonly pinned: string; readonly mtime: number },
) {
  const file = (path: string, text: string): TreeEntry => ({
    kind: 'file',
    path,
    mode: 0o644,
    uid: 0,
    gid: 0,
    mtime,
    content: { kind: 'bytes', bytes: Buffer.from(text) },
  });
  // As docker itself does it where a Dockerfile lies outside: rules that are there stay, and apply once more.
  const own = context.find(({ path }) => path === '.dockerignore');
  const rules = own?.kind === 'file' ? `${readContent(own.content).toString('utf8')}\n` : '.dockerignore\n';
  return fileTree([
    ...context.filter((entry) => entry !== own),
    file('.dockerignore', `${rules}${dockerfileName}\n`),
    file(dockerfileName, pinned),
  ]);
}

/** Seconds since 1970 that files made by a build get: SOURCE_DATE_EPOCH of the caller, else that of the newest locked release. */
function sourceEpoch(host: Host, lock: LockFile): number {
  const given = host.env.SOURCE_DATE_EPOCH;
  if (given !== undefined && /^\d{1,11}$/.test(given)) return Number(given);
  const times = [...lock.debian.values()].map(({ timestamp }) => parseTimestamp(timestamp) ?? 0);
  return Math.max(1, ...times.map((time) => Math.floor(time / 1000)));
}

/** An error of the world with the line that asked for it. */
function placedAt(error: unknown, span: Span): unknown {
  return isTrimaranError(error) && error.span === undefined ? error.with({ span }) : error;
}

interface Base {
  readonly name: string;
  readonly image: Image;
}

/**
 * Images that the Dockerfile builds upon or copies from, by reference: those that are pinned are pulled, bases of Debian
 * that are not are made. What is left the engine must find.
 */
async function findBases(
  request: DockerfileBuildRequest,
  resolved: ResolvedDockerfile,
  lock: LockFile,
): Promise<Map<string, Base>> {
  const { host, cacheDirectory } = request;
  const [os = 'linux', architecture = 'amd64', variant] = request.platform.split('/');
  const session = openRegistries({ host });
  const bases = new Map<string, Base>();
  for (const input of findInputs(resolved)) {
    if (input.kind !== 'image' || input.role === 'syntax' || bases.has(input.reference)) continue;
    const locked = lock.images.get(input.reference);
    let image: Image;
    if (input.pinned || locked !== undefined) {
      const text = input.pinned ? input.reference : `${input.reference}@${locked!.digest}`;
      const platform = { os, architecture, ...(variant === undefined ? {} : { variant }) };
      const options = { platform, cacheDirectory: join(cacheDirectory, 'layers') };
      try {
        ({ image } = await pullImage(session, { reference: parseReference(text), ...options }));
      } catch (error) {
        // The engine may have it from a day with a network; its digest decides all the same.
        if (isTrimaranError(error, 'oci/registry-unreachable')) continue;
        throw placedAt(error, input.span);
      }
    } else if (isBaseName(input.reference)) {
      ({ image } = await buildBaseImage({ host, cacheDirectory, base: input.reference, architecture, lock }));
    } else continue;
    const name = `localhost/trimaran-base:${digestHex(image.configDigest).slice(0, 16)}`;
    bases.set(input.reference, { name, image: renameImage(image, [name]) });
  }
  return bases;
}

function environmentOf(image: Image | undefined): ReadonlyMap<string, string> | undefined {
  return image === undefined
    ? undefined
    : new Map(
        (image.config.config?.Env ?? []).map((line) => {
          const at = line.indexOf('=');
          return [line.slice(0, at), line.slice(at + 1)] as const;
        }),
      );
}

/** An image of files that the build needs besides its context. */
async function filesBase(files: FileTree, scratch: string): Promise<Base | undefined> {
  if (files.length === 0) return undefined;
  const layer = await writeLayer(files, { directory: join(scratch, 'files') });
  const name = `localhost/trimaran-files:${digestHex(layer.diffId).slice(0, 16)}`;
  const platform = { os: 'linux', architecture: process.arch === 'arm64' ? 'arm64' : 'amd64' };
  return { name, image: createImage({ platform, layers: [layer], names: [name] }) };
}

/** Fetches what ADD takes from URLs that the lock or the Dockerfile fixes; gives the proxy's address of each. */
async function serveUrls(
  { host, cacheDirectory }: DockerfileBuildRequest,
  options: { readonly resolved: ResolvedDockerfile; readonly lock: LockFile; readonly proxy: PackageProxy },
): Promise<Map<string, string>> {
  const served = new Map<string, string>();
  for (const input of findInputs(options.resolved)) {
    if (input.kind !== 'url' || input.by !== 'add' || input.url === undefined) continue;
    const sha256 = input.sha256 ?? lockedUrl(options.lock, input.url);
    if (sha256 === undefined || served.has(input.url)) continue;
    const target = join(cacheDirectory, 'fetch', 'urls', sha256);
    if (!existsSync(target) || sha256Hex(readFileSync(target)) !== sha256) {
      const digest = { algorithm: 'sha256', bytes: Buffer.from(sha256, 'hex') } as const;
      await download({ host, urls: [input.url], target, digest }).catch((error) => {
        throw placedAt(error, input.span);
      });
    }
    served.set(input.url, options.proxy.serve(target, basename(new URL(input.url).pathname)));
  }
  return served;
}

/** Layers of the target's base, as far as they can be known. */
async function baseDiffIds(
  { host }: DockerfileBuildRequest,
  options: {
    readonly resolved: ResolvedDockerfile;
    readonly bases: ReadonlyMap<string, Base>;
    readonly builder: ImageBuilder;
  },
): Promise<readonly Sha256Digest[]> {
  const { stages, target } = options.resolved;
  let { base } = stages[target]!;
  while (base.kind === 'stage') base = stages[base.index]!.base;
  if (base.kind !== 'image') return [];
  const found = options.bases.get(base.reference);
  if (found !== undefined) return diffIds(found.image);
  if (options.builder.kind !== 'docker' && options.builder.kind !== 'buildkit') return [];
  return (await inspectEngineImage(await connectEngine(host), base.reference))?.diffIds ?? [];
}

/** Steps took something that may be another thing tomorrow. */
function tellPassed({ progress }: Host, { passed }: ProxyUse): void {
  if (passed.length === 0) return;
  const shown = passed.slice(0, 8).join(', ');
  const more = passed.length > 8 ? ` and ${passed.length - 8} more` : '';
  progress.note(`the lock does not fix what steps took from outside: ${shown}${more}`);
}

function withProxyFailures(error: unknown, use: ProxyUse): unknown {
  if (!isTrimaranError(error, 'dockerfile/build-failed') || use.failures.length === 0) return error;
  return new TrimaranError({
    code: error.code,
    message: `${error.message}\nrequests that failed: ${use.failures.join('; ')}`,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    exitCode: 4,
  });
}
