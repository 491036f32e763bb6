// A service's recipes: which there are, and what each says its image needs.
import { existsSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import type { RecipeKind } from '../../compose/build-project.ts';
import type { ComposeProject } from '../../compose/load.ts';
import type { Service } from '../../compose/service.ts';
import { splitCommand } from '../../compose/split-command.ts';
import { systemErrorCode } from '../../foundation/error.ts';
import type { Host } from '../../foundation/host.ts';
import type { ImageNeeds, Source } from './image-needs.ts';
import { readDockerfile } from './read-dockerfile.ts';
import { readFlake } from './read-flake.ts';
import { packOptions, packPackages, readManifest } from './read-manifest.ts';

export interface RecipeRequest {
  readonly host: Host;
  readonly project: ComposeProject;
  readonly service: Service;
  readonly kind: RecipeKind;
}

/** Kinds of recipes that a service has, in the order in which they are preferred. */
export function recipesOf(project: ComposeProject, service: Service): RecipeKind[] {
  return (['dockerfile', 'nix', 'guix'] as const).filter(
    (kind) => recipeFile(project, service, kind) !== undefined,
  );
}

/** Where a recipe is: absolute, or the text itself for a Dockerfile inside the compose file. */
export function recipeFile(
  project: ComposeProject,
  service: Service,
  kind: RecipeKind,
): { readonly path: string; readonly inline?: string } | undefined {
  const { directory } = project;
  const command = service.recipes.get(kind)?.value;
  switch (kind) {
    case 'dockerfile': {
      const { build } = service;
      if (build?.inline !== undefined) return { path: build.inline.span.file, inline: build.inline.value };
      const path = build?.dockerfile?.value;
      return path !== undefined && existsSync(path) ? { path } : undefined;
    }
    case 'nix': {
      const reference = (splitCommand(command ?? '') ?? []).slice(2).find((word) => !word.startsWith('-'));
      const folder = (reference ?? '.').replace(/^path:/, '').replace(/[#?].*$/, '');
      const path = resolve(directory, folder === '' ? '.' : folder, 'flake.nix');
      return existsSync(path) ? { path } : undefined;
    }
    case 'guix': {
      const named = packOptions(command ?? '').find(
        ([option]) => option === '-m' || option === '--manifest',
      )?.[1];
      const place = service.recipes.get(kind)?.span.file;
      // A command that names its packages is the whole recipe.
      if (named === undefined && place !== undefined && packPackages(command ?? '').length > 0)
        return { path: resolve(directory, place), inline: '' };
      const path = resolve(directory, named ?? 'manifest.scm');
      return existsSync(path) ? { path } : undefined;
    }
  }
}

/**
 * What one recipe says; undefined when the service has no such recipe or its flake has no such image as text. Rejects
 * with what parsing a Dockerfile throws.
 */
export async function readRecipe(
  request: RecipeRequest,
  readSourceFile: (source: Source, path: string) => Promise<string | undefined> = readLocal,
): Promise<ImageNeeds | undefined> {
  const { project, service, kind } = request;
  const found = recipeFile(project, service, kind);
  if (found === undefined) return undefined;
  const { path, inline } = found;
  const inside = relative(project.directory, path);
  const file = inside.startsWith('..') ? path : inside;
  const text = inline ?? readFileSync(path, 'utf8');
  switch (kind) {
    case 'dockerfile': {
      const { build } = service;
      return readDockerfile({
        text,
        file,
        context: build?.context.value ?? project.directory,
        resolve: {
          buildArgs: new Map([...(build?.args ?? [])].map(([name, { value }]) => [name, value])),
          ...(build?.target === undefined ? {} : { target: build.target.value }),
          ...(service.platform === undefined ? {} : { platform: service.platform.value }),
        },
        readSourceFile,
      });
    }
    case 'nix': {
      const command = service.recipes.get('nix')?.value;
      const wanted = /#(?:packages\.[^.]+\.)?([\w-]+)/.exec(command ?? '')?.[1];
      return readFlake({
        text,
        file,
        directory: join(path, '..'),
        isWanted: (imageName, attribute) =>
          service.imageNames.some((name) => name === imageName || withoutTag(name) === imageName) ||
          (wanted !== undefined && attribute === wanted),
        isNamed: command !== undefined,
      });
    }
    case 'guix':
      return readManifest({ text, file, path, command: service.recipes.get('guix') });
  }
}

function withoutTag(name: string): string {
  return name.replace(/@.*$/, '').replace(/:[^/:]*$/, '');
}

async function readLocal(source: Source, path: string): Promise<string | undefined> {
  if (source.kind !== 'local') return undefined;
  try {
    return readFileSync(join(source.path, path), 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === undefined) throw error;
    return undefined;
  }
}
