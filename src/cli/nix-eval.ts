// `trimaran nix eval`: the value of an installable or expression.
import { evaluateNix } from '../index.ts';
import type { CommandContext } from './context.ts';
import { nixSettings } from './nix-options.ts';

export async function run(
  context: CommandContext,
  args: readonly string[],
  options: Record<string, unknown>,
): Promise<number> {
  const text = await evaluateNix({
    host: context.host,
    installable: args[0],
    settings: nixSettings(options),
    file: options.file as string | undefined,
    expression: options.expr as string | undefined,
    apply: options.apply as string | undefined,
    form: context.json ? 'json' : options.raw === true ? 'raw' : 'nix',
  });
  const isRaw = options.raw === true && !context.json;
  process.stdout.write(Buffer.from(isRaw ? text : `${text}\n`, 'latin1'));
  return 0;
}
