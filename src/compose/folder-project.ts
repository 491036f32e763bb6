// A folder that has recipes and no compose file: a project without services, whose flake can be locked all the same.
import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { isTrimaranError } from '../foundation/error.ts';
import { type ComposeProject, type LoadComposeOptions, loadComposeProject } from './load.ts';
import { projectName } from './project-name.ts';

/** The compose project, or where none is found the folder with the `flake.nix` in it. Throws as `loadComposeProject`. */
export async function loadProjectOrFolder(options: LoadComposeOptions): Promise<ComposeProject> {
  try {
    return await loadComposeProject(options);
  } catch (error) {
    const directory = resolve(options.directory);
    const isElsewhere = options.files !== undefined || !existsSync(join(directory, 'flake.nix'));
    if (!isTrimaranError(error, 'compose/no-file') || isElsewhere) throw error;
    const name = projectName([options.projectName], basename(directory));
    return { name, directory, composeFiles: [], files: [], services: [], unsetVariables: [] };
  }
}
