// `trimaran guix pack`: an image or archive of packages; prints its path, so that `docker load < $(…)` works.
import { readPackSettings } from '../index.ts';
import type { CommandContext } from './context.ts';
import { buildAndPrint, guixSources } from './guix-sources.ts';

export async function run(
  context: CommandContext,
  args: readonly string[],
  options: Record<string, unknown>,
): Promise<number> {
  const settings = readPackSettings(options);
  const sources = guixSources(context, args, options);
  return buildAndPrint(context, { kind: 'pack', sources, settings }, options);
}
