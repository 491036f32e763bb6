// `trimaran push`: an image into a registry.
import { pushNamedImage } from '../index.ts';
import type { CommandContext } from './context.ts';

export async function run(
  context: CommandContext,
  args: readonly string[],
  options: Record<string, unknown>,
): Promise<number> {
  const [name, reference] = args;
  const { digest, bytesSent, blobs } = await pushNamedImage(context.host, {
    name: name!,
    reference: reference!,
    ...(options.mountFrom === undefined ? {} : { mountFrom: options.mountFrom as string[] }),
  });
  if (context.json) context.print(JSON.stringify({ reference, digest, bytesSent, blobs }, null, 2));
  else {
    context.print(`${reference}@${digest}`);
    context.say(
      `sent ${(bytesSent / 1e6).toFixed(1)} MB: ${blobs.sent} blobs sent, ${blobs.mounted} mounted, ${blobs.present} there already`,
    );
  }
  return 0;
}
