// `trimaran gc`: makes room in the cache.
import { cleanCache, TrimaranError, trimaranRoot } from '../index.ts';
import type { CommandContext } from './context.ts';

/** Milliseconds of a unit. */
const units: Readonly<Record<string, number>> = { h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 };

export async function run(
  context: CommandContext,
  _args: readonly string[],
  options: Record<string, unknown>,
): Promise<number> {
  const dryRun = options.dryRun === true;
  const unusedFor = duration(options.unusedFor as string);
  const cleaned = cleanCache({ root: trimaranRoot(context.host), unusedFor, dryRun });
  if (context.json) {
    context.print(JSON.stringify(cleaned, null, 2));
    return 0;
  }
  const { objects, layers, archives, recordings } = cleaned;
  const sum = [objects, layers, archives, recordings].reduce((total, { bytes }) => total + bytes, 0);
  context.print(
    `${dryRun ? 'would delete' : 'deleted'} ${objects.count} store paths, ${layers.count} layers, ${archives.count} archives, ${recordings.count} recordings: ${(sum / 1e6).toFixed(1)} MB`,
  );
  return 0;
}

/** Milliseconds. */
function duration(text: string): number {
  const [, count, unit] = /^(\d{1,4})([hdw])$/.exec(text) ?? [];
  if (unit !== undefined) return Number(count) * units[unit]!;
  throw new TrimaranError({
    code: 'cli/bad-duration',
    message: `\`${text}\` is no duration`,
    hint: 'write hours, days or weeks: 12h, 30d, 4w',
    exitCode: 2,
  });
}
