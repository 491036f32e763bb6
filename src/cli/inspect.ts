// `trimaran inspect`: configuration, layers and packages of an image; two images by what differs.
import pc from 'picocolors';
import {
  diffImages,
  type ExaminedImage,
  examineImage,
  type ImageChanges,
  imageHtml,
  openImage,
  TrimaranError,
  unreadDatabase,
} from '../index.ts';
import type { CommandContext } from './context.ts';
import { writePage } from './write-page.ts';

export async function run(
  context: CommandContext,
  args: readonly string[],
  options: Record<string, unknown>,
): Promise<number> {
  const { host } = context;
  const page = options.html as string | undefined;
  if (args[1] !== undefined) {
    if (page === undefined) return compareTwo(context, args[0]!, args[1]);
    throw new TrimaranError({
      code: 'cli/conflicting-options',
      message: 'a page of two images is not made',
      hint: 'leave --html away, or name one image',
      exitCode: 2,
    });
  }
  const examined = await examineImage(host, await openImage(host, args[0]!));
  if (page !== undefined) writePage(context, page, imageHtml(examined));
  const { format: _, ...facts } = examined.facts;
  if (context.json) context.print(JSON.stringify({ names: examined.names, ...facts }, null, 2));
  else if (page === undefined) printImage(context, examined);
  return 0;
}

function printImage(context: CommandContext, { names, facts }: ExaminedImage): void {
  const { config } = facts;
  const say = (label: string, value: string | undefined) => {
    if (value !== undefined && value !== '') context.print(`${pc.dim(label.padEnd(14))} ${value}`);
  };
  say('image', names.join(', '));
  say('id', facts.configDigest);
  say('platform', facts.platform);
  say('created', facts.created);
  say('entry point', config.Entrypoint?.join(' '));
  say('command', config.Cmd?.join(' '));
  say('folder', config.WorkingDir);
  say('user', config.User);
  say('environment', config.Env?.join(' '));
  say('ports', Object.keys(config.ExposedPorts ?? {}).join(' '));
  say('size', `${megabytes(facts.size)} in ${facts.layers.length} layers`);
  for (const layer of facts.layers) {
    context.print(
      `  ${pc.dim(layer.diffId.slice(7, 19))} ${megabytes(layer.size).padStart(9)}  ${shorten(layer.label)}`,
    );
  }
  for (const path of facts.unread) context.print(pc.yellow(unreadDatabase(path)));
  if (facts.packages.length > 0) {
    context.print(pc.dim(`packages (${facts.packages.length})`));
    for (const item of facts.packages) context.print(`  ${item.name.padEnd(32)} ${item.version}`);
  }
}

/** Exit code 1 when the images are not the same. */
async function compareTwo(context: CommandContext, before: string, after: string): Promise<number> {
  const { host } = context;
  const examine = async (name: string) => examineImage(host, await openImage(host, name));
  const difference = diffImages(host, await examine(before), await examine(after));
  if (context.json) context.print(JSON.stringify(difference, null, 2));
  else printDifference(context, difference);
  return difference.identical ? 0 : 1;
}

function printDifference(context: CommandContext, difference: ImageChanges): void {
  if (difference.identical) {
    context.print('the images are the same');
    return;
  }
  const growth = (bytes: number) => `${bytes < 0 ? '−' : '+'}${megabytes(Math.abs(bytes))}`;
  context.print(
    `${pc.dim('size'.padEnd(14))} ${growth(difference.growth)}, ${difference.sharedLayers} layers in both`,
  );
  for (const { name, before, after, growth: bytes } of difference.packages) {
    const sign = before === undefined ? pc.green('+') : after === undefined ? pc.red('-') : pc.yellow('~');
    const versions =
      before === after ? before : [before, after].filter((version) => version !== undefined).join(' → ');
    context.print(`${sign} ${name.padEnd(32)} ${versions ?? ''} ${pc.dim(`(${growth(bytes)})`)}`);
  }
  for (const { field, values } of difference.config) {
    context.print(`${pc.yellow('~')} ${field}`);
    context.print(`    ${pc.red(values[0] ?? '—')}`);
    context.print(`    ${pc.green(values[1] ?? '—')}`);
  }
  for (const [sign, { count, folders }] of [
    ['only before', difference.onlyBefore],
    ['only after', difference.onlyAfter],
  ] as const) {
    const shown = folders.slice(0, 3).map(([folder, files]) => `${folder} ${files}`);
    if (count > 0) context.print(`${pc.dim(sign.padEnd(14))} ${count} files: ${shown.join(', ')}`);
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function shorten(text: string): string {
  return text.length > 100 ? `${text.slice(0, 99)}…` : text;
}
