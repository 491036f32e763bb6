// `trimaran nix flake lock · update · metadata · show`.
import { describeFlake, lockFlake, looksLikeFlake, showFlake, TrimaranError, updateFlake } from '../index.ts';
import type { CommandContext } from './context.ts';
import { nixSettings } from './nix-options.ts';

export async function run(
  context: CommandContext,
  args: readonly string[],
  options: Record<string, unknown>,
): Promise<number> {
  const [action, ...words] = args;
  const flake = words.find(looksLikeFlake) ?? '.';
  const request = { host: context.host, flake, settings: nixSettings(options), json: context.json };
  switch (action) {
    case 'lock':
      await lockFlake(request);
      return 0;
    case 'update':
      await updateFlake({ ...request, inputs: words.filter((word) => word !== flake) });
      return 0;
    case 'metadata':
    case 'info':
      context.print(await describeFlake(request));
      return 0;
    case 'show':
      context.print(await showFlake(request));
      return 0;
    default:
      throw new TrimaranError({
        code: 'cli/unknown-action',
        message: `there is no \`nix flake ${action}\` here`,
        hint: 'choose lock, update, metadata or show',
        exitCode: 2,
      });
  }
}
