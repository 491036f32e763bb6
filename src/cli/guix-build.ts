// `trimaran guix build`: packages and file-like objects, built; prints where they lie.
import type { CommandContext } from './context.ts';
import { buildAndPrint, guixSources } from './guix-sources.ts';

export async function run(
  context: CommandContext,
  args: readonly string[],
  options: Record<string, unknown>,
): Promise<number> {
  const sources = guixSources(context, args, options);
  return buildAndPrint(context, { kind: 'build', sources, wantSources: options.source === true }, options);
}
