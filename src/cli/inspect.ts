// `trimaran inspect`: configuration, layers and packages of an image.
import pc from 'picocolors';
import { describeImage, openImage } from '../index.ts';
import type { CommandContext } from './context.ts';

export async function run(context: CommandContext, args: readonly string[]): Promise<number> {
  const description = await describeImage(await openImage(context.host, args[0]!));
  if (context.json) {
    context.print(JSON.stringify(description, null, 2));
    return 0;
  }
  const { config } = description;
  const say = (label: string, value: string | undefined) => {
    if (value !== undefined && value !== '') context.print(`${pc.dim(label.padEnd(14))} ${value}`);
  };
  say('image', description.names.join(', '));
  say('id', description.configDigest);
  say('platform', description.platform);
  say('created', description.created);
  say('entry point', config.Entrypoint?.join(' '));
  say('command', config.Cmd?.join(' '));
  say('folder', config.WorkingDir);
  say('user', config.User);
  say('environment', config.Env?.join(' '));
  say('ports', Object.keys(config.ExposedPorts ?? {}).join(' '));
  say('size', `${megabytes(description.size)} in ${description.layers.length} layers`);
  for (const layer of description.layers) {
    context.print(
      `  ${pc.dim(layer.diffId.slice(7, 19))} ${megabytes(layer.size).padStart(9)}  ${shorten(layer.comment ?? layer.createdBy ?? '')}`,
    );
  }
  if (description.packages.length > 0) {
    context.print(pc.dim(`packages (${description.packages.length})`));
    for (const item of description.packages) context.print(`  ${item.name.padEnd(32)} ${item.version}`);
  }
  return 0;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function shorten(text: string): string {
  return text.length > 100 ? `${text.slice(0, 99)}…` : text;
}
