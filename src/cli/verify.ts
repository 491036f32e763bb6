// `trimaran verify`: builds each recipe again and says what differs.
import { defaultNixSettings, type ImageDifference, verifyProject } from '../index.ts';
import { recipeKind } from './build.ts';
import type { CommandContext } from './context.ts';
import { projectOf } from './project.ts';

export async function run(
  context: CommandContext,
  args: readonly string[],
  options: Record<string, unknown>,
): Promise<number> {
  const { host } = context;
  const project = await projectOf(context, options);
  const results = await verifyProject({
    host,
    project,
    services: args,
    kind: recipeKind(options.recipe as string | undefined),
    settings: defaultNixSettings,
    against: options.against as string | undefined,
    program: [process.execPath, process.argv[1]!],
    buildArgs: options.engine === undefined ? [] : ['--engine', options.engine as string],
  });
  const verified = results.every((result) => result.verified);
  if (context.json) {
    context.print(JSON.stringify(results, null, 2));
    return verified ? 0 : 1;
  }
  for (const { service, recipe, configDigest, difference, against, notVaried } of results) {
    const outcome = difference === undefined ? 'the same bytes twice' : 'NOT the same bytes twice';
    context.print(`${service}  ${configDigest}  ${recipe}: ${outcome}`);
    if (difference !== undefined) print(context, difference);
    if (options.against !== undefined) {
      context.print(`  against ${options.against}: ${against === undefined ? 'the same' : 'NOT the same'}`);
      if (against !== undefined) print(context, against);
    }
    if (notVaried.length > 0) context.say(`  not varied here: ${notVaried.join(', ')}`);
  }
  return verified ? 0 : 1;
}

function print(context: CommandContext, difference: ImageDifference): void {
  const { configDigests, config, layers, files, more } = difference;
  context.print(`  ${configDigests.join(' and ')}`);
  if (config.length > 0) context.print(`  configuration: ${config.join(', ')}`);
  if (layers.length > 0) context.print(`  layers: ${layers.map((index) => index + 1).join(', ')}`);
  for (const { path, change, fields, offset, before, after, cause } of files) {
    const what = change === 'changed' ? fields.join(', ') : change;
    const bytes = offset === undefined ? '' : ` at byte ${offset}: ${readable([before ?? '', after ?? ''])}`;
    context.print(`  /${path}  ${what}${bytes}${cause === 'unknown' ? '' : ` (likely ${cause})`}`);
  }
  if (more) context.print('  and more files');
}

/** Bytes that are hexadecimal digits, as text where both are text. */
function readable(both: readonly [string, string]): string {
  const texts = both.map((digits) => Buffer.from(digits, 'hex').toString('latin1'));
  const isText = texts.every((text) => /^[\x20-\x7e\n\t]*$/.test(text));
  return (isText ? texts.map((text) => JSON.stringify(text)) : both).join(' and ');
}
