// `trimaran nix build`: installables to store paths, with the `result` link that Nix makes.
import { buildNix, linkResults } from '../index.ts';
import type { CommandContext } from './context.ts';
import { nixSettings } from './nix-options.ts';

export async function run(
  context: CommandContext,
  args: readonly string[],
  options: Record<string, unknown>,
): Promise<number> {
  const results = await buildNix({
    host: context.host,
    installables: args.length === 0 ? ['.'] : args,
    settings: nixSettings(options),
    file: options.file as string | undefined,
    expression: options.expr as string | undefined,
    dryRun: options.dryRun === true,
    rebuild: options.rebuild === true,
    showLogs: options.printBuildLogs === true,
  });
  if (options.dryRun !== true && options.link !== false) {
    linkResults(results, context.host, options.outLink as string);
  }
  if (context.json) {
    context.print(
      JSON.stringify(
        results.map(({ drvPath, outputs }) => ({
          drvPath,
          outputs: Object.fromEntries([...outputs].map(([name, output]) => [name, output.path])),
        })),
      ),
    );
  } else if (options.printOutPaths === true) {
    for (const result of results) for (const output of result.outputs.values()) context.print(output.path);
  }
  return 0;
}
