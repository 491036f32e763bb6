// `trimaran compare`: every recipe of a service side by side.
import pc from 'picocolors';
import {
  columnName,
  compareRecipes,
  comparisonHtml,
  comparisonMarkdown,
  comparisonTables,
  packageTable,
  parseProbe,
  remarksOn,
  type ServiceComparison,
  type Table,
  TrimaranError,
} from '../index.ts';
import type { CommandContext } from './context.ts';
import { projectOf } from './project.ts';
import { writePage } from './write-page.ts';

export async function run(
  context: CommandContext,
  args: readonly string[],
  options: Record<string, unknown>,
): Promise<number> {
  const { host } = context;
  const probe = options.probe === undefined ? undefined : parseProbe(options.probe as string);
  const patience = patienceOf(options.probeTimeout as string | undefined);
  const project = await projectOf(context, options);
  const comparisons = await compareRecipes({
    host,
    project,
    services: args,
    measure: options.measure === true,
    verify: options.verify === true,
    probe,
    patience,
    sets: ((options.sets as string | undefined) ?? '').split(',').filter((set) => set !== ''),
  });
  const page = options.html as string | undefined;
  if (page !== undefined) {
    writePage(context, page, comparisonHtml(comparisons, project.name));
  }
  if (context.json) context.print(JSON.stringify(comparisons, null, 2));
  else if (options.markdown === true) context.print(comparisonMarkdown(comparisons).trimEnd());
  else if (page === undefined)
    for (const comparison of comparisons) printComparison(context, comparison, options.packages === true);
  return exitCodeOf(comparisons);
}

/** Milliseconds. Throws `compare/bad-timeout`. */
function patienceOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const seconds = Number(text);
  if (seconds > 0 && seconds <= 3600) return seconds * 1000;
  throw new TrimaranError({
    code: 'compare/bad-timeout',
    message: `\`${text}\` is no number of seconds`,
    hint: 'write a number above 0, at most 3600: --probe-timeout 120',
    exitCode: 2,
  });
}

/**
 * The first problem's own code, and 1 when a recipe gave other bits or did not answer. That nothing on this machine
 * builds Dockerfiles is no failure as long as another recipe stands.
 */
function exitCodeOf(comparisons: readonly ServiceComparison[]): number {
  const columns = comparisons.flatMap((comparison) => comparison.columns);
  const problems = [...comparisons, ...columns].flatMap(({ problem }) => problem ?? []);
  const stands = columns.some((column) => column.problem === undefined);
  const problem = problems.find(({ code }) => !stands || code !== 'dockerfile/no-builder');
  if (problem !== undefined) return problem.exitCode;
  return columns.some((column) => column.reproducible?.same === false || column.probe?.answers === false)
    ? 1
    : 0;
}

function printComparison(context: CommandContext, comparison: ServiceComparison, all: boolean): void {
  if (comparison.columns.length === 0) {
    context.print(pc.bold(comparison.service));
    for (const line of remarksOn(comparison)) context.print(pc.red(line));
    context.print('');
    return;
  }
  const names = comparison.columns.map((column) => `${columnName(column)} (${column.file})`);
  const packages = packageTable(comparison);
  const differing = packages.rows.filter((row) => row.differs);
  const tables: Table[] = [
    ...comparisonTables(comparison),
    { ...packages, rows: all ? packages.rows : differing.slice(0, 20) },
  ].filter((table) => table.rows.length > 0);
  const width = Math.max(60, Math.min(process.stdout.columns ?? 120, 200));
  const labels = Math.min(
    26,
    Math.max(...tables.flatMap(({ rows }) => rows.map(({ label }) => label.length))),
  );
  const column = Math.max(14, Math.floor((width - labels - 2 * names.length) / names.length));
  context.print(pc.bold(comparison.service));
  for (const line of remarksOn(comparison)) context.print(line);
  for (const table of tables) {
    context.print('');
    const heads = names.map((name) => wrap(name, column));
    for (let line = 0; line < Math.max(...heads.map((lines) => lines.length)); line++) {
      const head = (line === 0 ? table.title : '').padEnd(labels);
      const rest = heads.map((lines) => `  ${pc.dim((lines[line] ?? '').padEnd(column))}`);
      context.print(`${pc.bold(head)}${rest.join('')}`.trimEnd());
    }
    for (const { label, cells, differs } of table.rows) {
      const wrapped = cells.map((cell) => wrap(cell.text, column));
      const height = Math.max(...wrapped.map((lines) => lines.length));
      for (let line = 0; line < height; line++) {
        const head = line === 0 ? label.slice(0, labels).padEnd(labels) : ' '.repeat(labels);
        const rest = wrapped.map((lines, index) => {
          const text = (lines[line] ?? '').padEnd(column);
          const tone = cells[index]!.tone;
          return `  ${tone === 'bad' ? pc.red(text) : tone === 'good' ? pc.green(text) : tone === 'none' ? pc.dim(text) : text}`;
        });
        context.print(`${differs === true ? pc.yellow(head) : pc.dim(head)}${rest.join('')}`.trimEnd());
      }
    }
  }
  if (!all && differing.length > 20)
    context.print(pc.dim(`… ${differing.length - 20} more packages differ; --packages shows all`));
  context.print('');
}

/** Lines no longer than `width`, broken at spaces where there are any. */
function wrap(text: string, width: number): string[] {
  return text.split('\n').flatMap((line) => {
    const lines: string[] = [];
    let rest = line;
    while (rest.length > width) {
      const space = rest.lastIndexOf(' ', width);
      const cut = space > width / 3 ? space : width;
      lines.push(rest.slice(0, cut));
      rest = rest.slice(cut).trimStart();
    }
    return [...lines, rest];
  });
}
