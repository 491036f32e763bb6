// `trimaran sbom`: what is in an image, in CycloneDX or SPDX.
import {
  examineImage,
  findImage,
  findProjectLock,
  type RecipeKind,
  type SbomFormat,
  TrimaranError,
  writeSbom,
} from '../index.ts';
import type { CommandContext } from './context.ts';
import { projectChoice } from './project.ts';
import { recipeKind } from './recipe-kind.ts';

export async function run(
  context: CommandContext,
  args: readonly string[],
  options: Record<string, unknown>,
): Promise<number> {
  const { host } = context;
  const kind: RecipeKind | undefined = recipeKind(options.recipe as string | undefined);
  const { image, recipe } = await findImage(host, {
    name: args[0]!,
    kind,
    ...projectChoice(options),
  });
  const text = writeSbom({
    examined: await examineImage(host, image),
    format: formatOf(options.format as string),
    recipe: recipe?.command,
    lock: findProjectLock(host.cwd).lock,
  });
  context.print(text.trimEnd());
  return 0;
}

function formatOf(text: string): SbomFormat {
  if (text === 'cyclonedx' || text === 'spdx') return text;
  throw new TrimaranError({
    code: 'cli/unknown-format',
    message: `there is no format \`${text}\``,
    hint: 'choose cyclonedx or spdx',
    exitCode: 2,
  });
}
