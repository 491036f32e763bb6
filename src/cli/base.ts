// `trimaran base`: an image to build upon, made of Debian packages.
import { buildBaseImage, connectEngine, findProjectLock, loadImages, trimaranRoot } from '../index.ts';
import type { CommandContext } from './context.ts';
import { writeOutput } from './write-archive.ts';

export async function run(
  context: CommandContext,
  args: readonly string[],
  options: Record<string, unknown>,
): Promise<number> {
  const { host } = context;
  const made = await buildBaseImage({
    host,
    cacheDirectory: trimaranRoot(host),
    base: args[0]!,
    lock: findProjectLock(host.cwd).lock,
    ...(options.tag === undefined ? {} : { names: options.tag as string[] }),
    ...(options.architecture === undefined ? {} : { architecture: options.architecture as string }),
  });
  const { image } = made;
  if (options.output !== undefined) await writeOutput(context, image, options.output as string);
  if (options.load === true) {
    const engine = await connectEngine(host);
    await loadImages(engine, [image], { progress: host.progress });
    context.say(`loaded into ${engine.product}`);
  }
  const names = image.names.map(({ path, tag }) => `${path.replace(/^library\//, '')}:${tag}`);
  if (context.json) {
    context.print(
      JSON.stringify(
        {
          names,
          configDigest: image.configDigest,
          diffIds: image.layers.map(({ diffId }) => diffId),
          suite: made.suite,
          timestamp: made.timestamp,
          releaseSha256: made.releaseSha256,
          packages: made.packages.map(({ name, version }) => ({ name, version })),
        },
        null,
        2,
      ),
    );
  } else {
    context.print(`${names.join(', ')}  ${image.configDigest}  debian:${made.suite}/${made.timestamp}`);
  }
  return 0;
}
