// Builds the images of a project's services from their recipes, under the names that docker-compose looks for.
import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { isTrimaranError, TrimaranError } from '../foundation/error.ts';
import type { Host } from '../foundation/host.ts';
import { didYouMean } from '../foundation/nearest.ts';
import { readArchive } from '../oci/archive-read.ts';
import { type Image, renameImage } from '../oci/image.ts';
import { parseReference } from '../oci/reference.ts';
import { buildDockerfile, type DockerfileRecipe } from '../routes/dockerfile/build.ts';
import type { BuilderKind } from '../routes/dockerfile/engine-kinds.ts';
import { buildGuix } from '../routes/guix/build.ts';
import { readPackCommand } from '../routes/guix/pack-command.ts';
import { buildNix } from '../routes/nix/build.ts';
import { type ImageOutput, listImageOutputs } from '../routes/nix/image-outputs.ts';
import type { NixSettings } from '../routes/nix/settings.ts';
import { trimaranRoot } from '../sets/cache-root.ts';
import { findProjectLock } from '../sets/project-lock.ts';
import { hostPlatform } from './host-platform.ts';
import type { ComposeProject } from './load.ts';
import type { Service } from './service.ts';
import { splitCommand } from './split-command.ts';

export type RecipeKind = 'nix' | 'guix' | 'dockerfile';

/** A recipe that a service can be built from. */
export interface ServiceRecipe {
  readonly kind: RecipeKind;
  /** As one would type it. */
  readonly command: string;
}

export interface BuiltService {
  readonly service: Service;
  readonly recipe: ServiceRecipe;
  /** Named as both docker-compose 1.29 and Compose 2 would name it. */
  readonly image: Image;
  /** The archive on this machine. */
  readonly archive: string;
}

export interface BuildProjectRequest {
  readonly host: Host;
  readonly project: ComposeProject;
  /** Names; all that have a recipe when empty. */
  readonly services: readonly string[];
  readonly kind?: RecipeKind | undefined;
  readonly settings: NixSettings;
  /** Which program builds Dockerfiles; the first there is when absent. */
  readonly builder?: BuilderKind | undefined;
  /** Takes nothing from the cache of that program. */
  readonly cold?: boolean;
}

/** Builds services in turn. Rejects with `compose/unknown-service`, `compose/no-recipe` and the errors of the routes. */
export async function buildProject(request: BuildProjectRequest): Promise<BuiltService[]> {
  const built: BuiltService[] = [];
  for (const { service, recipe } of await selectRecipes(request)) {
    built.push(await buildService(request, service, recipe));
  }
  return built;
}

/** The services that are asked for, each with the recipe it is built from. Rejects as {@link buildProject}. */
export async function selectRecipes(
  request: Pick<BuildProjectRequest, 'host' | 'project' | 'services' | 'kind' | 'settings'>,
): Promise<{ readonly service: Service; readonly recipe: ServiceRecipe }[]> {
  const { project, services } = request;
  for (const name of services) {
    if (project.services.some((service) => service.name === name)) continue;
    throw new TrimaranError({
      code: 'compose/unknown-service',
      message: `the project has no service \`${name}\``,
      hint:
        didYouMean(
          name,
          project.services.map((service) => service.name),
        ) ?? `it has ${project.services.map((service) => service.name).join(', ')}`,
      exitCode: 2,
    });
  }
  const wanted = project.services.filter((service) =>
    services.length === 0 ? service.enabled : services.includes(service.name),
  );
  const outputs = await flakeOutputs(request);
  return wanted.flatMap((service) => {
    const recipe = findRecipe(service, outputs, request);
    if (recipe !== undefined) {
      checkImageName(service);
      return [{ service, recipe }];
    }
    if (services.length === 0 && service.build === undefined) return [];
    throw noRecipe(service, request.kind);
  });
}

/** Refuses to build an image that no engine would take under its name: compose could never run it. */
function checkImageName(service: Service): void {
  const { image, name } = service;
  const [imageName = ''] = service.imageNames;
  let reason: string;
  try {
    if (parseReference(imageName).digest === undefined) return;
    reason = `\`${imageName}\` names an image by its digest, which one that is built here has not`;
  } catch (error) {
    if (!isTrimaranError(error, 'oci/bad-reference')) throw error;
    reason =
      image === undefined
        ? `the image of service \`${name}\` would be called \`${imageName}\`, which no engine takes`
        : error.message;
  }
  throw new TrimaranError({
    code: 'compose/image-name',
    message: reason,
    span: image?.span ?? service.span,
    hint:
      image === undefined
        ? 'name the project in lower case (`-p NAME`, `COMPOSE_PROJECT_NAME`), or give the service an `image:`'
        : 'write `image: [HOST[:PORT]/]NAME[:TAG]`, in lower case',
  });
}

/** The images of the project's own flake, if it has one. */
async function flakeOutputs({
  project,
  host,
  settings,
  kind,
}: Pick<BuildProjectRequest, 'host' | 'project' | 'settings' | 'kind'>): Promise<readonly ImageOutput[]> {
  if (kind !== undefined && kind !== 'nix') return [];
  if (!existsSync(join(project.directory, 'flake.nix'))) return [];
  return listImageOutputs({ host, directory: project.directory, settings });
}

function findRecipe(
  service: Service,
  outputs: readonly ImageOutput[],
  { project, kind }: Pick<BuildProjectRequest, 'project' | 'kind'>,
): ServiceRecipe | undefined {
  for (const candidate of ['nix', 'guix'] as const) {
    if (kind !== undefined && kind !== candidate) continue;
    const command = service.recipes.get(candidate)?.value;
    if (command !== undefined) return { kind: candidate, command };
  }
  const output = outputs.find((candidate) => service.imageNames.includes(candidate.imageName));
  if (output !== undefined) return { kind: 'nix', command: `nix build .#${output.attributePath}` };
  if (service.build === undefined || (kind !== undefined && kind !== 'dockerfile')) return undefined;
  const context = relative(project.directory, service.build.context.value);
  return { kind: 'dockerfile', command: `docker build ${context === '' ? '.' : context}` };
}

async function buildService(
  request: BuildProjectRequest,
  service: Service,
  recipe: ServiceRecipe,
): Promise<BuiltService> {
  const { project, settings } = request;
  if (recipe.kind === 'dockerfile') return buildFromDockerfile(request, service, recipe);
  const host = { ...request.host, cwd: project.directory };
  if (recipe.kind === 'guix') return buildFromManifest(host, service, recipe);
  const [result] = await buildNix({ host, installables: [installableOf(recipe.command)], settings });
  const archive = result!.outputs.get('out')?.physicalPath ?? [...result!.outputs.values()][0]!.physicalPath;
  const [image] = await readArchive(archive, { cacheDirectory: join(trimaranRoot(host), 'layers') });
  return { service, recipe, archive, image: renameImage(image!, service.imageNames) };
}

async function buildFromManifest(host: Host, service: Service, recipe: ServiceRecipe): Promise<BuiltService> {
  const [result] = await buildGuix(readPackCommand(host, splitCommand(recipe.command) ?? []));
  const archive = result!.outputs[0]!.physicalPath;
  const [image] = await readArchive(archive, { cacheDirectory: join(trimaranRoot(host), 'layers') });
  return { service, recipe, archive, image: renameImage(image!, service.imageNames) };
}

async function buildFromDockerfile(
  request: BuildProjectRequest,
  service: Service,
  recipe: ServiceRecipe,
): Promise<BuiltService> {
  const { host, project } = request;
  const [unsupported] = service.build?.unsupported ?? [];
  if (unsupported !== undefined) {
    throw new TrimaranError({
      code: 'compose/unsupported-build',
      message: `\`build.${unsupported.value}\` of the service \`${service.name}\` is not supported`,
      span: unsupported.span,
      hint: 'build this image with docker-compose, or put what it needs into the build context',
    });
  }
  const { image, archive } = await buildDockerfile({
    host,
    cacheDirectory: trimaranRoot(host),
    recipe: dockerfileRecipe(service)!,
    lock: findProjectLock(project.directory).lock,
    projectDirectory: project.directory,
    names: service.imageNames,
    platform: service.platform?.value ?? hostPlatform(),
    builder: request.builder,
    ...(request.cold === undefined ? {} : { cold: request.cold }),
  });
  return { service, recipe, archive, image };
}

/** The `build:` of a service as the route takes it. */
export function dockerfileRecipe({ build, name }: Service): DockerfileRecipe | undefined {
  if (build === undefined) return undefined;
  return {
    context: build.context.value,
    dockerfile: build.dockerfile?.value,
    inline: build.inline?.value,
    inlineAt: build.inline && { ...build.inline.place, name: `${build.inline.place.file}#${name}` },
    args: new Map([...build.args].map(([name, { value }]) => [name, value])),
    // `target: ""` is what is left of a variable that is not set.
    target: build.target?.value === '' ? undefined : build.target?.value,
    labels: build.labels,
  };
}

/** The installable of `nix build INSTALLABLE`, options aside. */
function installableOf(command: string): string {
  const words = splitCommand(command) ?? [];
  const rest = words
    .slice(words[0] === 'nix' && words[1] === 'build' ? 2 : 0)
    .filter((word) => !word.startsWith('-'));
  return rest[0] ?? '.';
}

function noRecipe(service: Service, kind: RecipeKind | undefined): TrimaranError {
  return new TrimaranError({
    code: 'compose/no-recipe',
    message: `the service \`${service.name}\` has no ${kind === undefined ? 'recipe' : `${kind} recipe`} that Trimaran can build`,
    span: service.span,
    hint: `name one in the compose file: x-trimaran: { ${service.name}: { nix: nix build .#${service.name} } }`,
  });
}
