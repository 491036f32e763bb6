// `trimaran nix derivation show`.
import { showDerivations, TrimaranError } from '../index.ts';
import type { CommandContext } from './context.ts';
import { nixSettings } from './nix-options.ts';

export async function run(
  context: CommandContext,
  args: readonly string[],
  options: Record<string, unknown>,
): Promise<number> {
  const [action, ...installables] = args;
  if (action !== 'show') {
    throw new TrimaranError({
      code: 'cli/unknown-action',
      message: `there is no \`nix derivation ${action}\` here`,
      hint: 'the action is show',
      exitCode: 2,
    });
  }
  const shown = await showDerivations({
    host: context.host,
    installables: installables.length === 0 ? ['.'] : installables,
    settings: nixSettings(options),
    recursive: options.recursive === true,
  });
  context.print(JSON.stringify(shown, null, 2));
  return 0;
}
