// `trimaran run`: runs an image archive, built image or name known to the engine in a container.

import { join } from 'node:path';
import {
  openImage,
  parsePublishedPort,
  type Runtime,
  runImage,
  runtimes,
  TrimaranError,
  trimaranRoot,
} from '../index.ts';
import { type CommandContext, endingSignals } from './context.ts';

export async function run(
  context: CommandContext,
  args: readonly string[],
  options: Record<string, unknown>,
): Promise<number> {
  const [name, ...rest] = args;
  // As `--` ends the options of other commands, it may stand before the container's.
  const command = rest[0] === '--' ? rest.slice(1) : rest;
  const published = ((options.publish as string[] | undefined) ?? []).map(parsePublishedPort);
  const image = await openImage(context.host, name!);
  const container = await runImage({
    host: context.host,
    image,
    workDirectory: join(trimaranRoot(context.host), 'containers'),
    ...(options['runtime'] === undefined ? {} : { among: [runtimeNamed(options['runtime'] as string)] }),
    command,
    env: (options.env as string[] | undefined) ?? [],
    ports: published,
  });
  const ports = published.map(
    (port, index) => `${port.address}:${container.ports[index] ?? port.host} to ${port.container}`,
  );
  const where = ports.length === 0 ? '' : `, publishing ${ports.join(', ')}`;
  context.say(`running with ${container.runtime}${where}; Ctrl-C stops it`);
  let interrupted: number | undefined;
  for (const [signal, code] of endingSignals) {
    // The second waits no longer: what still runs is killed as this process ends.
    process.on(signal, () => {
      if (interrupted !== undefined) process.exit(interrupted);
      interrupted = code;
      void container.stop();
    });
  }
  const code = await container.exited;
  await container.stop();
  return interrupted ?? code;
}

function runtimeNamed(name: string): Runtime {
  const found = runtimes.find((runtime) => runtime === name);
  if (found !== undefined) return found;
  throw new TrimaranError({
    code: 'cli/unknown-runtime',
    message: `there is no runtime \`${name}\``,
    hint: `choose ${runtimes.join(', ')}`,
    exitCode: 2,
  });
}
