// A copy of a compose project that can be built and changed: its folder, and what one service takes from outside of it,
// in the same places to each other.
import { cpSync, existsSync, lstatSync, mkdirSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import type { RecipeKind } from '../../compose/build-project.ts';
import type { ComposeProject } from '../../compose/load.ts';
import type { Placed, Service } from '../../compose/service.ts';
import type { Host } from '../../foundation/host.ts';
import { recipeFile } from '../convert/read-recipe.ts';

export interface CopiedProject {
  /** The same project, its paths those of the copy. */
  readonly project: ComposeProject;
  /** Where a file of the project lies in the copy; undefined when it was not copied. */
  readonly placeOf: (path: string) => string | undefined;
}

interface CopyChoice {
  readonly project: ComposeProject;
  readonly service: Service;
  readonly kind: RecipeKind;
}

/** Copies a project for building one service. `target` must not exist. Flakes see what git tracks. */
export async function copyProject(host: Host, choice: CopyChoice, target: string): Promise<CopiedProject> {
  const { project, kind } = choice;
  const roots = outermost([project.directory, ...outsideFolders(choice)]);
  const around = commonFolder(roots);
  const placeOf = (path: string): string | undefined =>
    roots.some((root) => isWithin(root, path)) ? join(target, relative(around, path)) : undefined;
  for (const root of roots) await copyFolder(host, { from: root, to: placeOf(root)!, kind });
  const placed = (path: string) => placeOf(path) ?? path;
  const moved = (given: Placed<string>): Placed<string> => ({
    ...given,
    value: placed(given.value),
  });
  return {
    placeOf,
    project: {
      ...project,
      directory: placed(project.directory),
      composeFiles: project.composeFiles.map(placed),
      files: project.files.map(placed),
      services: project.services.map((service) => {
        const { build } = service;
        if (build === undefined || !build.context.value.startsWith('/')) return service;
        return {
          ...service,
          build: {
            ...build,
            context: moved(build.context),
            ...(build.dockerfile === undefined ? {} : { dockerfile: moved(build.dockerfile) }),
          },
        };
      }),
    },
  };
}

/** Folders that the service's recipe needs beside the project's own. */
function outsideFolders({ project, service, kind }: CopyChoice): string[] {
  const context = service.build?.context.value;
  const recipe = recipeFile(project, service, kind);
  const folders = [
    ...(kind === 'dockerfile' && context?.startsWith('/') === true ? [context] : []),
    ...(recipe === undefined || recipe.inline !== undefined ? [] : [dirname(resolve(recipe.path))]),
  ];
  return folders.filter((folder) => existsSync(folder) && statSync(folder).isDirectory());
}

function isWithin(folder: string, path: string): boolean {
  return path === folder || path.startsWith(folder === '/' ? folder : `${folder}/`);
}

/** Without those that lie inside another. */
function outermost(folders: readonly string[]): string[] {
  return [...new Set(folders)].filter(
    (folder, _, all) => !all.some((other) => other !== folder && isWithin(other, folder)),
  );
}

function commonFolder(folders: readonly string[]): string {
  let common = folders[0]!;
  while (!folders.every((folder) => isWithin(common, folder))) common = dirname(common);
  return common;
}

/** What git tracks or, but for flakes, does not ignore; without git all but what nobody builds from. */
async function copyFolder(
  host: Host,
  { from, to, kind }: { readonly from: string; readonly to: string; readonly kind: RecipeKind },
): Promise<void> {
  const git = host.which('git');
  const others = kind === 'nix' ? [] : ['-o', '--exclude-standard'];
  const listed =
    git === undefined
      ? undefined
      : await host.run({
          command: git,
          args: ['-C', from, 'ls-files', '-z', '-c', ...others],
          env: { PATH: host.env.PATH ?? '', HOME: host.env.HOME ?? '/' },
        });
  const names =
    listed?.stdout
      .toString('utf8')
      .split('\0')
      .filter((name) => name !== '') ?? [];
  mkdirSync(to, { recursive: true });
  if (listed?.exitCode !== 0 || names.length === 0) {
    cpSync(from, to, {
      recursive: true,
      verbatimSymlinks: true,
      filter: (path) => !/\/(?:\.git|node_modules|result[^/]*)$/.test(path),
    });
    return;
  }
  for (const name of names) {
    const file = join(from, name);
    const found = lstatSync(file, { throwIfNoEntry: false });
    if (found === undefined || found.isDirectory()) continue;
    mkdirSync(dirname(join(to, name)), { recursive: true });
    cpSync(file, join(to, name), { verbatimSymlinks: true });
  }
}
