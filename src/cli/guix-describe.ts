// `trimaran guix describe`: the channels in use, with the release that they stand for.
import { describeChannels, TrimaranError, writeChannels } from '../index.ts';
import type { CommandContext } from './context.ts';
import { guixSettings } from './guix-sources.ts';

export async function run(
  context: CommandContext,
  _args: readonly string[],
  options: Record<string, unknown>,
): Promise<number> {
  const format = context.json ? 'json' : (options.format as string);
  if (!['human', 'channels', 'json'].includes(format)) {
    throw new TrimaranError({
      code: 'guix/bad-option',
      message: `there is no format \`${format}'`,
      hint: 'choose human, channels or json',
      exitCode: 2,
    });
  }
  const channels = await describeChannels({ host: context.host, settings: guixSettings(context, options) });
  if (format === 'channels') context.print(writeChannels(channels));
  else if (format === 'json') context.print(JSON.stringify(channels, null, 2));
  else {
    for (const { name, url, branch, commit } of channels) {
      context.print(`  ${name} ${commit}`);
      context.print(`    repository URL: ${url}`);
      context.print(`    branch: ${branch}`);
      context.print(`    commit: ${commit}`);
    }
  }
  return 0;
}
