// `trimaran convert`: writes one kind of recipe from another.
import { existsSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import pc from 'picocolors';
import { convertRecipe, TrimaranError } from '../index.ts';
import type { CommandContext } from './context.ts';
import { projectOf } from './project.ts';
import { recipeKind } from './recipe-kind.ts';

export async function run(
  context: CommandContext,
  args: readonly string[],
  options: Record<string, unknown>,
): Promise<number> {
  const { host } = context;
  const to = recipeKind(options.to as string | undefined);
  if (to === undefined) {
    throw new TrimaranError({
      code: 'cli/no-target',
      message: 'convert to what?',
      hint: 'add --to nix, --to guix or --to dockerfile',
      exitCode: 2,
    });
  }
  const project = await projectOf(context, options);
  const result = await convertRecipe({
    host,
    project,
    service: args[0]!,
    to,
    from: recipeKind(options.from as string | undefined),
    set: options.set as string | undefined,
  });
  const files = result.files.map((file) => ({ ...file, shown: relative(host.cwd, file.path) }));
  if (options.write === true) {
    const taken = files.find(({ path }) => existsSync(path));
    if (taken !== undefined && options.force !== true) {
      throw new TrimaranError({
        code: 'convert/already-there',
        message: `${taken.shown} is there already`,
        hint: 'move it away, or add --force to replace it',
        exitCode: 2,
      });
    }
    for (const { path, text } of files) writeFileSync(path, text);
  }
  if (context.json) {
    const shown = files.map(({ shown: path, text }) => ({ path, text }));
    context.print(JSON.stringify({ ...result, files: shown }, null, 2));
    return 0;
  }
  for (const { shown, text } of files) {
    if (options.write === true) context.print(`wrote ${shown}`);
    else {
      if (files.length > 1) context.say(pc.dim(`── ${shown}`));
      context.print(text.trimEnd());
    }
  }
  context.say(pc.dim(`from the ${result.from} recipe, with names of ${result.set}; build it with`));
  context.say(`  ${result.command}`);
  if (to === 'guix')
    context.say(pc.dim(`in the compose file: x-trimaran: { ${args[0]!}: { guix: … } } with that command`));
  if (result.remarks.length > 0) context.say(`${result.remarks.length} not carried over as it was:`);
  for (const { value, span } of result.remarks)
    context.say(`  ${pc.dim(`${relative(host.cwd, span.file) || span.file}:${span.line}`)} ${value}`);
  return 0;
}
