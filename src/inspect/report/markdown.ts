// A comparison as Markdown: tables that forges render.
import type { ServiceComparison } from '../compare/compare.ts';
import { columnName, comparisonTables, packageTable, remarksOn, type Table } from '../compare/table.ts';

/** The whole text, ending in a line break. */
export function comparisonMarkdown(comparisons: readonly ServiceComparison[]): string {
  const lines: string[] = [];
  for (const comparison of comparisons) {
    const names = comparison.columns.map((column) => columnName(column));
    lines.push(`# ${escapeText(comparison.service)}`, '');
    for (const remark of remarksOn(comparison)) lines.push(escapeText(remark), '');
    if (names.length === 0) continue;
    const tables = [...comparisonTables(comparison), packageTable(comparison)].filter(
      (table) => table.rows.length > 0,
    );
    for (const table of tables) lines.push(`## ${table.title}`, '', ...markdownTable(table, names), '');
  }
  return `${lines.join('\n').trimEnd()}\n`;
}

function markdownTable(table: Table, names: readonly string[]): string[] {
  return [
    `| | ${names.join(' | ')} |`,
    `|---|${names.map(() => '---|').join('')}`,
    ...table.rows.map(
      ({ label, cells, differs }) =>
        `| ${differs === true ? `**${escapeText(label)}**` : escapeText(label)} | ${cells.map((cell) => escapeText(cell.text)).join(' | ')} |`,
    ),
  ];
}

/** Text in a cell: what Markdown and tables would take for their own is escaped; line breaks stay. */
function escapeText(text: string): string {
  return text
    .replace(/[\\`*_[\]<>|#~]/g, '\\$&')
    .replaceAll('&', '&amp;')
    .replaceAll('\n', '<br>');
}
