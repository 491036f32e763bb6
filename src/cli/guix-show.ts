// `trimaran guix show`: what the channel says of packages.
import { showPackages, writePackage } from '../index.ts';
import type { CommandContext } from './context.ts';
import { guixSettings } from './guix-sources.ts';

export async function run(
  context: CommandContext,
  args: readonly string[],
  options: Record<string, unknown>,
): Promise<number> {
  const packages = await showPackages({
    host: context.host,
    settings: guixSettings(context, options),
    specifications: args,
  });
  context.print(
    context.json ? JSON.stringify(packages, null, 2) : `${packages.map(writePackage).join('\n\n')}\n`,
  );
  return 0;
}
