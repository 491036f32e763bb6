// `trimaran audit`: what can change tomorrow in a project, a folder or single recipe files.
import { resolve } from 'node:path';
import pc from 'picocolors';
import {
  auditPaths,
  renderAuditJson,
  renderAuditSarif,
  renderAuditText,
  TrimaranError,
  version,
} from '../index.ts';
import type { CommandContext } from './context.ts';
import { projectChoice } from './project.ts';

export async function run(
  context: CommandContext,
  args: readonly string[],
  options: Record<string, unknown>,
): Promise<number> {
  const { host } = context;
  const format = formatOf(context, options);
  const lock = options['lock'] as string | undefined;
  const { files: composeFiles, ...compose } = projectChoice(options);
  const report = await auditPaths(args.length === 0 && composeFiles === undefined ? ['.'] : args, {
    directory: host.cwd,
    environment: host.env,
    ...(composeFiles === undefined ? {} : { composeFiles }),
    compose: Object.fromEntries(Object.entries(compose).filter(([, value]) => value !== undefined)),
    ...(lock === undefined
      ? {}
      : { lock: (await import('./audit-lock.ts')).lockAt(resolve(host.cwd, lock)) }),
  });
  const online =
    options['online'] === true
      ? await (await import('./audit-online.ts')).askOnline(context, report)
      : undefined;
  if (format === 'sarif') context.print(renderAuditSarif(report, { version, online }));
  else if (format === 'json') context.print(renderAuditJson(report, { online }));
  else context.print(renderAuditText(report, { paint, online }).trimEnd());
  if (report.findings.length > 0 || (online?.moved ?? 0) > 0) return 1;
  // Nothing is wrong as far as is known, but somebody did not answer.
  return (online?.unreachable ?? 0) > 0 ? 4 : 0;
}

function formatOf({ json }: CommandContext, { sarif, format }: Record<string, unknown>) {
  if (format === 'text' || format === 'json' || format === 'sarif') return format;
  if (format === undefined) return sarif === true ? 'sarif' : json ? 'json' : 'text';
  throw new TrimaranError({
    code: 'cli/unknown-format',
    message: `there is no format \`${String(format)}\``,
    hint: 'write text, json or sarif',
    exitCode: 2,
  });
}

const paint = {
  error: pc.red,
  warning: pc.yellow,
  note: pc.cyan,
  dim: pc.dim,
  bold: pc.bold,
};
