// The compose project that a command works on, by the options that all such commands share.
import { type ComposeProject, projectHere } from '../index.ts';
import type { CommandContext } from './context.ts';

/** Loads the project of `--file` and `--project-name`, or the one here. Rejects as `projectHere`. */
export function projectOf(
  context: CommandContext,
  options: Record<string, unknown>,
): Promise<ComposeProject> {
  const { file, projectName } = options as { file?: string[]; projectName?: string };
  return projectHere(context.host, {
    ...(file === undefined ? {} : { files: file }),
    ...(projectName === undefined ? {} : { projectName }),
  });
}
