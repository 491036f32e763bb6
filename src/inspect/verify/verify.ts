// Verification: each recipe is built again from the lock, twice, in stores and surroundings that have nothing in common,
// and the results are compared; with a given image too.
import { mkdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import type { RecipeKind } from '../../compose/build-project.ts';
import { selectRecipes } from '../../compose/build-project.ts';
import type { ComposeProject } from '../../compose/load.ts';
import { temporaryNameFor } from '../../foundation/atomic-file.ts';
import type { Host } from '../../foundation/host.ts';
import { connectEngine } from '../../oci/engine.ts';
import { diffIds, type Image } from '../../oci/image.ts';
import { type BuilderKind, builderKinds, findBuilder } from '../../routes/dockerfile/engine-kinds.ts';
import type { NixSettings } from '../../routes/nix/settings.ts';
import { trimaranRoot } from '../../sets/cache-root.ts';
import { removeDiskTree } from '../../store/disk-tree.ts';
import { openImage } from '../open-image.ts';
import { compareBuilds, type ImageDifference } from './difference.ts';
import { buildVaried, chooseSurroundings, isOpenToOthers, type Surroundings } from './varied-build.ts';

export interface VerifyRequest {
  readonly host: Host;
  readonly project: ComposeProject;
  /** Names; all that have a recipe when empty. */
  readonly services: readonly string[];
  readonly kind?: RecipeKind | undefined;
  readonly settings: NixSettings;
  /** An image to compare the build with: an archive, a layout, an engine's or (`docker://`) a registry's. */
  readonly against?: string | undefined;
  /** Our own program: `node`, then its file. */
  readonly program: readonly string[];
  /** Further arguments of `trimaran build`, such as `--engine docker`. */
  readonly buildArgs: readonly string[];
}

export interface VerifiedService {
  readonly service: string;
  readonly recipe: string;
  readonly configDigest: string;
  readonly diffIds: readonly string[];
  readonly surroundings: readonly [Surroundings, Surroundings];
  /** What could not be varied on this machine. */
  readonly notVaried: readonly string[];
  /** Between the two builds; absent when they are the same bytes. */
  readonly difference?: ImageDifference;
  /** Between the given image and the build; absent when they are the same, or none was given. */
  readonly against?: ImageDifference;
  readonly verified: boolean;
}

/** Verifies services in turn. Rejects with `verify/build-failed`, and the errors of `buildProject` and `openImage`. */
export async function verifyProject(request: VerifyRequest): Promise<VerifiedService[]> {
  const { host, project } = request;
  const given = request.against === undefined ? undefined : await openImage(host, request.against);
  const selected = await selectRecipes(request);
  const verified: VerifiedService[] = [];
  for (const { service, recipe } of selected) {
    const kind = recipe.kind;
    const builder = kind === 'dockerfile' ? await builderOf(request) : undefined;
    const access = await accessOfOthers(request, builder);
    const directory = temporaryNameFor(join(placeFor(host, access), 'verify', service.name));
    mkdirSync(directory, { recursive: true });
    try {
      const { pair, notVaried } = chooseSurroundings(host, {
        mayChangeUser: access !== undefined,
        group: access?.group,
      });
      const images: Image[] = [];
      const folders = pair.map((_, at) => join(directory, String(at)));
      for (const [at, surroundings] of pair.entries()) {
        const task = host.progress.start({ label: `${service.name}: build ${at + 1} of 2` });
        try {
          images.push(
            await buildVaried({
              host,
              program: request.program,
              projectDirectory: project.directory,
              args: [...composeArgs(project), '--recipe', kind, ...request.buildArgs, service.name],
              surroundings,
              directory: folders[at]!,
              sharedCache: trimaranRoot(host),
            }),
          );
        } finally {
          task.done();
        }
      }
      const hints = [
        ...folders,
        ...pair.flatMap(({ hostName }) => (hostName === undefined ? [] : [hostName])),
      ];
      const [first, second] = images as [Image, Image];
      const difference = await compareBuilds([first, second], hints);
      const against = given === undefined ? undefined : await compareBuilds([given, first], hints);
      verified.push({
        service: service.name,
        recipe: recipe.command,
        configDigest: first.configDigest,
        diffIds: diffIds(first),
        surroundings: pair,
        notVaried: isEngine(builder) ? [...notVaried, ...ofEngine] : notVaried,
        verified: difference === undefined && against === undefined,
        ...(difference === undefined ? {} : { difference }),
        ...(against === undefined ? {} : { against }),
      });
    } finally {
      removeDiskTree(directory);
      rmSync(directory, { recursive: true, force: true });
    }
  }
  return verified;
}

/** What surrounds steps that an engine's daemon runs: it is the same one for both builds. */
const ofEngine = ['host name and cores of the engine’s steps'];

function isEngine(builder: BuilderKind | undefined): boolean {
  return builder === 'docker' || builder === 'buildkit';
}

async function builderOf({ host, buildArgs }: VerifyRequest): Promise<BuilderKind> {
  const at = buildArgs.indexOf('--engine');
  const wanted = builderKinds.find((builder) => builder === buildArgs[at + 1]);
  return (await findBuilder(host, { wanted: at < 0 ? undefined : wanted, needed: [] })).kind;
}

/** What another user needs to build; undefined where none can. */
async function accessOfOthers(
  { host, project, program }: VerifyRequest,
  builder: BuilderKind | undefined,
): Promise<{ readonly group?: number } | undefined> {
  const needed = [
    project.directory,
    ...program.filter((word) => isAbsolute(word)).map((file) => dirname(file)),
  ];
  if (!needed.every(isOpenToOthers)) return undefined;
  if (builder === undefined) return {};
  // Podman and buildah want ids of their own for each user.
  if (!isEngine(builder)) return undefined;
  const { endpoint } = await connectEngine(host);
  if (endpoint.kind !== 'unix' || !isOpenToOthers(dirname(endpoint.socketPath))) return undefined;
  const { mode, gid } = statSync(endpoint.socketPath);
  if ((mode & 0o006) === 0o006) return {};
  return (mode & 0o060) === 0o060 ? { group: gid } : undefined;
}

/** Trimaran's own folder, or one that another user can get to. */
function placeFor(host: Host, access: object | undefined): string {
  const own = trimaranRoot(host);
  if (access === undefined || isOpenToOthers(own)) return own;
  const shared = join(tmpdir(), 'trimaran');
  mkdirSync(shared, { recursive: true, mode: 0o755 });
  return isOpenToOthers(shared) && statSync(shared).uid === process.getuid?.() ? shared : own;
}

function composeArgs({ name, composeFiles }: ComposeProject): string[] {
  return ['--project-name', name, ...composeFiles.flatMap((file) => ['--file', file])];
}
