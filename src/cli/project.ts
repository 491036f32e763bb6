// The compose project that a command works on, by the options that all such commands share.
import { type ComposeProject, type ProjectChoice, projectHere, projectOrFolderHere } from '../index.ts';
import type { CommandContext } from './context.ts';

/** Loads the project that the options choose, or the one here. Rejects as `projectHere`. */
export function projectOf(
  context: CommandContext,
  options: Record<string, unknown>,
): Promise<ComposeProject> {
  return projectHere(context.host, projectChoice(options));
}

/** The same, or a folder with a flake and no compose file. */
export function projectOrFolder(
  context: CommandContext,
  options: Record<string, unknown>,
): Promise<ComposeProject> {
  return projectOrFolderHere(context.host, projectChoice(options));
}

/** What the shared options say about the project. */
export function projectChoice(options: Record<string, unknown>): ProjectChoice {
  return {
    files: options['file'] as string[] | undefined,
    projectName: options['projectName'] as string | undefined,
    profiles: options['profile'] as string[] | undefined,
    envFile: options['envFile'] as string | undefined,
    projectDirectory: options['projectDirectory'] as string | undefined,
  };
}
