// `trimaran run`: runs an image archive, built image or name known to the engine in a container.

import { join } from 'node:path';
import { openImage, parsePublishedPort, type Runtime, runImage, trimaranRoot } from '../index.ts';
import type { CommandContext } from './context.ts';

export async function run(
  context: CommandContext,
  args: readonly string[],
  options: Record<string, unknown>,
): Promise<number> {
  const [name, ...command] = args;
  const image = await openImage(context.host, name!);
  const container = await runImage({
    host: context.host,
    image,
    workDirectory: join(trimaranRoot(context.host), 'containers'),
    runtime: options.runtime as Runtime | undefined,
    command,
    env: (options.env as string[] | undefined) ?? [],
    ports: ((options.publish as string[] | undefined) ?? []).map(parsePublishedPort),
  });
  context.say(`running with ${container.runtime}; Ctrl-C stops it`);
  const stop = () => void container.stop();
  process.once('SIGINT', stop).once('SIGTERM', stop);
  const code = await container.exited;
  await container.stop();
  return code;
}
