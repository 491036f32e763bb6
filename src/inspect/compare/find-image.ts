// An image as a person names it: a file, a service of the project here, or a name that the engine knows.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { buildProject, type RecipeKind, type ServiceRecipe } from '../../compose/build-project.ts';
import { loadProjectOrFolder } from '../../compose/folder-project.ts';
import { type ComposeProject, type LoadComposeOptions, loadComposeProject } from '../../compose/load.ts';
import { isTrimaranError } from '../../foundation/error.ts';
import type { Host } from '../../foundation/host.ts';
import type { Image } from '../../oci/image.ts';
import { defaultNixSettings } from '../../routes/nix/settings.ts';
import { openImage } from '../open-image.ts';

/** What a command line says about the project; absent where it says nothing. See `LoadComposeOptions`. */
export interface ProjectChoice {
  readonly files?: readonly string[] | undefined;
  readonly projectName?: string | undefined;
  readonly profiles?: readonly string[] | undefined;
  readonly envFile?: string | undefined;
  readonly projectDirectory?: string | undefined;
}

export interface FoundImage {
  readonly image: Image;
  /** Of a service that was built. */
  readonly recipe?: ServiceRecipe;
}

/** The compose project of the current folder. Rejects as `loadComposeProject`. */
export function projectHere(host: Host, choice: ProjectChoice): Promise<ComposeProject> {
  return loadComposeProject(placeOf(host, choice));
}

/** The same, or the current folder where it has a flake and no compose file. */
export function projectOrFolderHere(host: Host, choice: ProjectChoice): Promise<ComposeProject> {
  return loadProjectOrFolder(placeOf(host, choice));
}

function placeOf(host: Host, choice: ProjectChoice): LoadComposeOptions {
  const { files, projectName, profiles, envFile, projectDirectory } = choice;
  return {
    directory: host.cwd,
    environment: host.env,
    ...(files === undefined ? {} : { files }),
    ...(projectName === undefined ? {} : { projectName }),
    ...(profiles === undefined ? {} : { profiles }),
    ...(envFile === undefined ? {} : { envFile }),
    ...(projectDirectory === undefined ? {} : { projectDirectory }),
  };
}

/** Opens the image, building it first when the name is a service's. Rejects as `openImage` and `buildProject`. */
export async function findImage(
  host: Host,
  request: ProjectChoice & { readonly name: string; readonly kind?: RecipeKind | undefined },
): Promise<FoundImage> {
  const { name, kind } = request;
  if (!existsSync(resolve(host.cwd, name)) && /^[A-Za-z0-9._-]+$/.test(name)) {
    const project = await projectHere(host, request).catch((error: unknown) => {
      // Outside a project a name is the engine's.
      if (isTrimaranError(error) && request.files === undefined) return undefined;
      throw error;
    });
    if (project?.services.some((service) => service.name === name) === true) {
      const [built] = await buildProject({
        host,
        project,
        services: [name],
        kind,
        settings: defaultNixSettings,
      });
      return { image: built!.image, recipe: built!.recipe };
    }
  }
  return { image: await openImage(host, name) };
}
