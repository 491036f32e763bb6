// `trimaran guix search`: packages of the channel by regular expressions.
import { searchForPackages, writePackage } from '../index.ts';
import type { CommandContext } from './context.ts';
import { guixSettings } from './guix-sources.ts';

export async function run(
  context: CommandContext,
  args: readonly string[],
  options: Record<string, unknown>,
): Promise<number> {
  const packages = await searchForPackages({
    host: context.host,
    settings: guixSettings(context, options),
    patterns: args,
  });
  if (context.json) context.print(JSON.stringify(packages, null, 2));
  else for (const item of packages) context.print(`${writePackage(item)}\n`);
  return packages.length === 0 ? 1 : 0;
}
