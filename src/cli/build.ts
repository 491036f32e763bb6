// `trimaran build`: the project's images, loaded into the engine when there is one.
import {
  type BuilderKind,
  builderKinds,
  buildProject,
  type ComposeProject,
  checkServiceImage,
  connectEngine,
  defaultNixSettings,
  isTrimaranError,
  knownArchives,
  loadImages,
  type RecipeKind,
  TrimaranError,
  trimaranRoot,
} from '../index.ts';
import type { CommandContext } from './context.ts';
import { projectOf } from './project.ts';
import { writeOutput } from './write-archive.ts';

export async function run(
  context: CommandContext,
  args: readonly string[],
  options: Record<string, unknown>,
): Promise<number> {
  const { host } = context;
  const project = await projectOf(context, options);
  const output = options.output as string | undefined;
  if (output !== undefined && args.length !== 1) {
    throw new TrimaranError({
      code: 'cli/one-service',
      message: '--output takes the image of one service',
      hint: 'name the service',
      exitCode: 2,
    });
  }
  const built = await buildProject({
    host,
    project,
    services: args,
    kind: recipeKind(options.recipe as string | undefined),
    settings: defaultNixSettings,
    builder: builderKind(options.engine as string | undefined),
    cold: options.cache === false,
  });
  const known = knownArchives(trimaranRoot(host));
  for (const item of built) {
    for (const finding of await checkServiceImage(item.service, item.image, known)) {
      const { file, line, column } = finding.span;
      context.say(
        `${file}:${line}:${column}: ${finding.severity}: ${finding.message}; ${finding.hint} [${finding.rule}]`,
      );
    }
  }
  if (built.length === 0) context.say(nothingToBuild(project));
  if (output !== undefined) await writeOutput(context, built[0]!.image, output);
  else if (options.load !== false && built.length > 0) await load(context, built);
  if (context.json) {
    context.print(
      JSON.stringify(
        built.map((item) => ({
          service: item.service.name,
          recipe: item.recipe,
          names: item.service.imageNames,
          configDigest: item.image.configDigest,
          archive: item.archive,
        })),
        null,
        2,
      ),
    );
  } else {
    for (const item of built)
      context.print(`${item.service.name}  ${item.image.configDigest}  ${item.recipe.command}`);
  }
  return 0;
}

function nothingToBuild(project: ComposeProject): string {
  const [first] = project.services;
  if (first === undefined) return 'nothing to build: the project has no services';
  return project.services.some((service) => service.enabled)
    ? `nothing to build: no service has a recipe; name one: x-trimaran: { ${first.name}: { nix: nix build .#${first.name} } }`
    : 'nothing to build: every service waits for a profile; name it: `--profile NAME`, or the service';
}

/** A kind of recipe as it is typed. Throws `cli/unknown-recipe`. */
export function recipeKind(text: string | undefined): RecipeKind | undefined {
  if (text === undefined || text === 'nix' || text === 'guix' || text === 'dockerfile') return text;
  throw new TrimaranError({
    code: 'cli/unknown-recipe',
    message: `there is no recipe \`${text}\``,
    hint: 'choose nix, guix or dockerfile',
    exitCode: 2,
  });
}

function builderKind(text: string | undefined): BuilderKind | undefined {
  const found = builderKinds.find((kind) => kind === text);
  if (text === undefined || found !== undefined) return found;
  throw new TrimaranError({
    code: 'cli/unknown-engine',
    message: `nothing called \`${text}\` builds Dockerfiles`,
    hint: `choose ${builderKinds.join(', ')}`,
    exitCode: 2,
  });
}

async function load(context: CommandContext, built: Awaited<ReturnType<typeof buildProject>>): Promise<void> {
  try {
    const engine = await connectEngine(context.host);
    const { bytesSent } = await loadImages(
      engine,
      built.map((item) => item.image),
      { progress: context.host.progress },
    );
    context.say(
      bytesSent === 0
        ? 'the engine has them already'
        : `loaded ${(bytesSent / 1e6).toFixed(1)} MB into ${engine.product}`,
    );
  } catch (error) {
    if (!isTrimaranError(error, 'oci/no-engine')) throw error;
    context.say('there is no engine here; for one elsewhere, write archives and load those:');
    for (const { service } of built)
      context.say(
        `  trimaran build ${service.name} -o ${service.name}.tar; docker load < ${service.name}.tar`,
      );
  }
}
