// Builds the images of a project's services from their recipes, under the names that docker-compose looks for.
import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { isTrimaranError, TrimaranError } from '../foundation/error.ts';
import type { Host } from '../foundation/host.ts';
import { didYouMean } from '../foundation/nearest.ts';
import { type Image, renameImage } from '../oci/image.ts';
import { parseReference } from '../oci/reference.ts';
import { buildDockerfile, type DockerfileRecipe } from '../routes/dockerfile/build.ts';
import type { BuilderKind } from '../routes/dockerfile/engine-kinds.ts';
import { buildGuix } from '../routes/guix/build.ts';
import { readPackCommand } from '../routes/guix/pack-command.ts';
import { buildNix } from '../routes/nix/build.ts';
import { readBuildCommand } from '../routes/nix/build-command.ts';
import { evaluateNix } from '../routes/nix/evaluate.ts';
import { type ImageOutput, listImageOutputs } from '../routes/nix/image-outputs.ts';
import type { NixSettings } from '../routes/nix/settings.ts';
import { trimaranRoot } from '../sets/cache-root.ts';
import { knownArchives, readOwnArchive } from '../sets/known-archive.ts';
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
  let known: Promise<readonly ImageOutput[]> | undefined;
  // The flake is only asked where a service does not say which recipe it has.
  const outputs = () => {
    known ??= flakeOutputs(request);
    return known;
  };
  const selected: { service: Service; recipe: ServiceRecipe }[] = [];
  for (const service of wanted) {
    const recipe = await findRecipe(service, outputs, request);
    if (recipe !== undefined) {
      checkImageName(service);
      selected.push({ service, recipe });
      continue;
    }
    const dockerfile = service.recipes.get('dockerfile');
    if (dockerfile !== undefined && service.build === undefined)
      throw noRecipe(service, 'dockerfile').with({ span: dockerfile.span });
    if (services.length > 0 || service.build !== undefined) throw noRecipe(service, request.kind);
  }
  return selected;
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

async function findRecipe(
  service: Service,
  outputs: () => Promise<readonly ImageOutput[]>,
  request: Pick<BuildProjectRequest, 'host' | 'project' | 'kind' | 'settings'>,
): Promise<ServiceRecipe | undefined> {
  const { project, kind } = request;
  for (const candidate of ['nix', 'guix'] as const) {
    if (kind !== undefined && kind !== candidate) continue;
    const command = service.recipes.get(candidate)?.value;
    if (command !== undefined) return { kind: candidate, command };
  }
  const output = await ownOutput(service, await outputs(), request);
  if (output !== undefined) return { kind: 'nix', command: `nix build .#${output.attributePath}` };
  if (service.build === undefined || (kind !== undefined && kind !== 'dockerfile')) return undefined;
  const context = relative(project.directory, service.build.context.value);
  return { kind: 'dockerfile', command: `docker build ${context === '' ? '.' : context}` };
}

/** The output whose image is the service's; where the service names a tag, one that has that, or none of its own. */
async function ownOutput(
  { image, imageNames }: Service,
  outputs: readonly ImageOutput[],
  { host, project, settings }: Pick<BuildProjectRequest, 'host' | 'project' | 'settings'>,
): Promise<ImageOutput | undefined> {
  const [, name, tag] = /^(.*?)(?::([^:/]*))?$/s.exec(image?.value ?? '') ?? [];
  if (tag === undefined) return outputs.find(({ imageName }) => imageNames.includes(imageName));
  const here = { ...host, cwd: project.directory };
  for (const output of outputs.filter(({ imageName }) => imageName === name)) {
    const installable = `.#${output.attributePath}`;
    const apply = 'image: image.imageTag or ""';
    const own = await evaluateNix({ host: here, installable, settings, apply, form: 'raw' });
    // Without one, dockerTools takes the hash of the store path.
    if (own === tag || own === '' || /^[0-9a-df-np-sv-z]{32}$/.test(own)) return output;
  }
  return undefined;
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
  const wanted = atRecipe(service, 'nix', () =>
    readBuildCommand(wordsOf(recipe.command, 'nix/bad-recipe'), settings),
  );
  const [result] = await buildNix({ host, ...wanted });
  const archive = result!.outputs.get('out')?.physicalPath ?? [...result!.outputs.values()][0]!.physicalPath;
  const image = await readBuiltImage(archive, { host, service, recipe });
  return { service, recipe, archive, image: renameImage(image, service.imageNames) };
}

async function buildFromManifest(host: Host, service: Service, recipe: ServiceRecipe): Promise<BuiltService> {
  const wanted = atRecipe(service, 'guix', () =>
    readPackCommand(host, wordsOf(recipe.command, 'guix/bad-recipe')),
  );
  const [result] = await buildGuix(wanted);
  const archive = result!.outputs[0]!.physicalPath;
  const image = await readBuiltImage(archive, { host, service, recipe });
  return { service, recipe, archive, image: renameImage(image, service.imageNames) };
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

/** The image in what a recipe made. Throws `compose/not-an-image` for whatever is no archive of one. */
async function readBuiltImage(
  archive: string,
  {
    host,
    service,
    recipe,
  }: { readonly host: Host; readonly service: Service; readonly recipe: ServiceRecipe },
): Promise<Image> {
  try {
    const root = trimaranRoot(host);
    const [image] = await readOwnArchive(archive, {
      cacheDirectory: join(root, 'layers'),
      knownDirectory: knownArchives(root),
    });
    if (image !== undefined) return image;
  } catch (error) {
    const isOther = isTrimaranError(error) && /^(?:oci|tar|compression)\//.test(error.code);
    if (!isOther || error.code.endsWith('/no-space')) throw error;
  }
  const isProgram = startsLikeProgram(archive);
  throw new TrimaranError({
    code: 'compose/not-an-image',
    message: `\`${recipe.command}\` of the service \`${service.name}\` makes ${isProgram ? 'a program' : 'something'} that is no image archive`,
    span: service.recipes.get(recipe.kind === 'guix' ? 'guix' : 'nix')?.span ?? service.span,
    hint:
      recipe.kind === 'guix'
        ? 'pack it as an image: `guix pack -f docker …`'
        : `name an output made by dockerTools.buildImage or buildLayeredImage${isProgram ? ', not streamLayeredImage' : ''}`,
  });
}

function startsLikeProgram(path: string): boolean {
  if (!statSync(path).isFile()) return false;
  const file = openSync(path, 'r');
  try {
    const start = Buffer.alloc(2);
    return readSync(file, start) === 2 && start.toString('latin1') === '#!';
  } finally {
    closeSync(file);
  }
}

function wordsOf(command: string, code: string): string[] {
  const words = splitCommand(command);
  if (words !== undefined && words.length > 0) return words;
  const reason = words === undefined ? `\`${command}\` has a quote that is never closed` : 'it is empty';
  throw new TrimaranError({
    code,
    message: `the recipe cannot be built: ${reason}`,
    hint: 'write it as you would type it: `nix build .#docker`',
  });
}

/** What `read` makes of a recipe of the compose file; its errors are told where the recipe stands. */
function atRecipe<Result>(service: Service, kind: 'nix' | 'guix', read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    const span = service.recipes.get(kind)?.span;
    if (!isTrimaranError(error) || error.span !== undefined || span === undefined) throw error;
    throw error.with({ span });
  }
}

function noRecipe(service: Service, kind: RecipeKind | undefined): TrimaranError {
  return new TrimaranError({
    code: 'compose/no-recipe',
    message: `the service \`${service.name}\` has no ${kind === undefined ? 'recipe' : `${kind} recipe`} that Trimaran can build`,
    span: service.span,
    hint: nextRecipe(service, kind),
  });
}

function nextRecipe({ name, recipes, build }: Service, kind: RecipeKind | undefined): string {
  const there: RecipeKind[] = [...recipes.keys()].filter((one) => one !== 'dockerfile');
  if (build !== undefined) there.push('dockerfile');
  const others = there.filter((one) => one !== kind);
  const other = others.length === 0 ? '' : `, or leave out \`--recipe\`: it has ${others.join(' and ')}`;
  if (kind === 'dockerfile') return `give it one: \`build: .\`${other}`;
  const command = kind === 'guix' ? 'guix pack -m manifest.scm -f docker' : `nix build .#${name}`;
  return `name one in the compose file: x-trimaran: { ${name}: { ${kind ?? 'nix'}: ${command} } }${other}`;
}
