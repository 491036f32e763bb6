// What `guix pack` and `guix build` share: where packages come from, and how results are printed and linked.
import { resolve } from 'node:path';
import {
  buildGuix,
  type GuixBuildRequest,
  type GuixBuildResult,
  type GuixSettings,
  type GuixSources,
  linkResult,
  refuseOptions,
  TrimaranError,
  trimaranRoot,
} from '../index.ts';
import type { CommandContext } from './context.ts';

/** The sources that options and arguments name. */
export function guixSources(
  context: CommandContext,
  specifications: readonly string[],
  options: Record<string, unknown>,
): GuixSources {
  const list = (name: string) => (options[name] as readonly string[] | undefined) ?? [];
  const sources: GuixSources = {
    specifications,
    expressions: list('expression'),
    manifests: list('manifest').map((file) => resolve(context.host.cwd, file)),
    files: list('file').map((file) => resolve(context.host.cwd, file)),
  };
  if (Object.values(sources).some((items) => items.length > 0)) return sources;
  throw new TrimaranError({
    code: 'guix/nothing-to-build',
    message: 'no packages are named',
    hint: 'name some, or give a manifest with -m',
    exitCode: 2,
  });
}

/** The settings that every guix command has. */
export function guixSettings(context: CommandContext, options: Record<string, unknown>): GuixSettings {
  const loadPath = options.loadPath as readonly string[] | undefined;
  return {
    channelsFile: options.channelsFile as string | undefined,
    system: options.system as string | undefined,
    loadPath: loadPath?.map((folder) => resolve(context.host.cwd, folder)),
  };
}

/** Builds, prints and links as the options say. */
export async function buildAndPrint(
  context: CommandContext,
  action: GuixBuildRequest['action'],
  options: Record<string, unknown>,
): Promise<number> {
  refuseOptions(options);
  const onlyDerivation = options.derivation === true;
  const dryRun = options.dryRun === true;
  const results = await buildGuix({
    host: context.host,
    settings: guixSettings(context, options),
    action,
    dryRun: dryRun || onlyDerivation,
    ...(Number(options.verbosity ?? 1) >= 2 ? { log: context.say } : {}),
  });
  if (context.json) {
    context.print(JSON.stringify(results.map(toJson)));
    return 0;
  }
  if (onlyDerivation) for (const result of results) context.print(result.physicalDrvPath);
  else if (dryRun) sayPlan(context, results);
  else {
    for (const result of results) for (const output of result.outputs) context.print(output.physicalPath);
    if (options.root !== undefined) {
      linkResult(resolve(context.host.cwd, options.root as string), {
        target: results[0]!.outputs[0]!.physicalPath,
        root: trimaranRoot(context.host),
      });
    }
  }
  return 0;
}

function sayPlan(context: CommandContext, results: readonly GuixBuildResult[]): void {
  const missing = results.filter((result) => !result.wasThere);
  if (missing.length === 0) return;
  context.say(
    missing.length === 1
      ? 'The following derivation would be built:'
      : 'The following derivations would be built:',
  );
  for (const result of missing) context.say(`  ${result.drvPath}`);
}

function toJson(result: GuixBuildResult): unknown {
  return {
    derivation: result.drvPath,
    outputs: Object.fromEntries(result.outputs.map(({ name, path }) => [name, path])),
    files: Object.fromEntries(result.outputs.map(({ name, physicalPath }) => [name, physicalPath])),
  };
}
