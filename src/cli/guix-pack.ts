// `trimaran guix pack`: an image or archive of packages; prints its path, so that `docker load < $(…)` works.
import { readPackSettings, refuseOptions } from '../index.ts';
import type { CommandContext } from './context.ts';
import { buildAndPrint, guixSources } from './guix-sources.ts';

export async function run(
  context: CommandContext,
  args: readonly string[],
  options: Record<string, unknown>,
): Promise<number> {
  if (options.listFormats === true) {
    context.print('tarball  a tarball of the profile and what it needs\ndocker   an image for docker load');
    return 0;
  }
  refuseOptions(options);
  const settings = readPackSettings(options);
  const sources = guixSources(context, args, options);
  return buildAndPrint(context, { kind: 'pack', sources, settings }, options);
}
