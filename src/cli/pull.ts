// `trimaran pull`: an image out of a registry.
import { resolve } from 'node:path';
import { pullNamedImage } from '../index.ts';
import type { CommandContext } from './context.ts';

export async function run(
  context: CommandContext,
  args: readonly string[],
  options: Record<string, unknown>,
): Promise<number> {
  const reference = args[0]!;
  const pulled = await pullNamedImage(context.host, {
    reference,
    ...(options.platform === undefined ? {} : { platform: options.platform as string }),
    ...(options.output === undefined ? {} : { output: resolve(context.host.cwd, options.output as string) }),
  });
  if (context.json) context.print(JSON.stringify({ reference, ...pulled }, null, 2));
  else {
    context.print(`${reference.replace(/@sha256:.*$/, '')}@${pulled.digest}`);
    context.say(`${pulled.layers} layers of ${(pulled.bytes / 1e6).toFixed(1)} MB`);
  }
  return 0;
}
