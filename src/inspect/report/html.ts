// The report that people look at: one HTML file that needs neither network nor script, for light and dark, paper and
// telephone.
import type { Column, ServiceComparison } from '../compare/compare.ts';
import type { ExaminedImage, ImageFacts } from '../compare/image-facts.ts';
import { topics } from '../compare/recipe-statements.ts';
import {
  type Cell,
  columnName,
  comparisonTables,
  megabytes,
  packageTable,
  remarksOn,
  seconds,
  type Table,
  unreadDatabase,
} from '../compare/table.ts';
import { closureSection, treemapSection } from './image-sections.ts';
import { slug, escapeHtml as text } from './markup.ts';
import style from './report.css';

/** The report of a comparison. */
export function comparisonHtml(comparisons: readonly ServiceComparison[], project: string): string {
  const links = comparisons.map(({ service }) => `<li><a href="#${slug(service)}">${text(service)}</a></li>`);
  return page({
    title: `${project}: recipes side by side`,
    lead: `${comparisons.length === 1 ? 'One service' : `${comparisons.length} services`} of ${project}, each built from every recipe it has.`,
    links,
    body: comparisons.map(serviceSection).join('\n'),
  });
}

/** The report of one image. */
export function imageHtml({ names, facts }: ExaminedImage): string {
  const name = names[0] ?? facts.configDigest.slice(7, 19);
  return page({
    title: `${name}: what is in the image`,
    lead: `${megabytes(facts.size)} in ${facts.layers.length} layers, ${facts.packages.length} packages, ${facts.files} files.${facts.unread.map((path) => ` ${unreadDatabase(path)}.`).join('')}`,
    links: ['facts', 'bytes', 'why', 'packages'].map(
      (id) => `<li><a href="#${id}">${sectionNames[id]}</a></li>`,
    ),
    body: [
      `<h2 id="facts">${sectionNames.facts}</h2>`,
      tableHtml(factsTable(facts), ['image']),
      `<h2 id="bytes">${sectionNames.bytes}</h2>`,
      treemapSection(facts),
      `<h2 id="why">${sectionNames.why}</h2>`,
      closureSection(facts, 'image'),
      `<h2 id="packages">${sectionNames.packages}</h2>`,
      `<details${facts.packages.length <= 40 ? ' open' : ''}><summary>${facts.packages.length} packages, with versions and licences</summary>`,
      tableHtml(licenceTable(facts), ['version', 'size', 'licences']),
      '</details>',
    ].join('\n'),
  });
}

const sectionNames: Readonly<Record<string, string>> = {
  facts: 'The image',
  bytes: 'Where its bytes are',
  why: 'Why each package is there',
  packages: 'Packages',
};

function page(parts: {
  readonly title: string;
  readonly lead: string;
  readonly links: readonly string[];
  readonly body: string;
}): string {
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>${text(parts.title)}</title>
<style>${style}</style>
</head>
<body>
<header>
<h1>${text(parts.title)}</h1>
<p>${text(parts.lead)}</p>
${parts.links.length > 1 ? `<nav aria-label="Sections"><ul>${parts.links.join('')}</ul></nav>` : ''}
</header>
<main>
${parts.body}
</main>
<footer><p>Made by Trimaran. This file is complete: it loads nothing.</p></footer>
</body>
</html>
`;
}

function serviceSection(comparison: ServiceComparison): string {
  const { service, columns } = comparison;
  const id = slug(service);
  const names = columns.map((column) => columnName(column));
  const sections: string[] = [];
  const heading = (title: string) => {
    const place = slug(`${id}-${title}`);
    sections.push(`<li><a href="#${place}">${text(title)}</a></li>`);
    return `<h3 id="${place}">${text(title)}</h3>`;
  };
  const lines: string[] = [];
  for (const remark of remarksOn(comparison)) lines.push(`<p class="soft">${text(remark)}</p>`);
  const begin = [`<section aria-labelledby="${id}">`, `<h2 id="${id}">${text(service)}</h2>`];
  if (columns.length === 0) return [...begin, ...lines, '</section>'].join('\n');
  for (const table of comparisonTables(comparison)) {
    lines.push(
      heading(table.title),
      tableHtml(table, names, (cell, index) => cellHtml(cell, columns[index]!, id)),
    );
  }
  lines.push(heading('Sizes and times'), bars(columns));
  for (const column of columns) {
    const { image } = column;
    if (image === undefined) continue;
    const columnId = slug(`${id}-${columnName(column)}`);
    const name = columnName(column);
    lines.push(
      heading(`${name}: where its bytes are`),
      treemapSection(image.facts),
      heading(`${name}: why each package is there`),
      closureSection(image.facts, columnId),
    );
  }
  const packages = packageTable(comparison);
  if (packages.rows.length > 0) {
    const differing = packages.rows.filter((row) => row.differs).length;
    lines.push(
      heading('Packages'),
      `<details${packages.rows.length <= 40 ? ' open' : ''}><summary>${packages.rows.length} packages, ${differing} that differ</summary>`,
      tableHtml(packages, names),
      '</details>',
    );
  }
  lines.push(
    heading('The recipes'),
    '<div class="recipes">',
    ...columns.map((column) => recipeSection(column, columns, id)),
    '</div>',
  );
  const contents = `<nav aria-label="${text(`Sections of ${service}`)}"><ul>${sections.join('')}</ul></nav>`;
  return [...begin, contents, ...lines, '</section>'].join('\n');
}

function tableHtml(
  table: Table,
  names: readonly string[],
  cellOf: (cell: Cell, index: number) => string = (cell) => cellText(cell.text),
): string {
  const rows = table.rows.map(({ label, cells, differs }) => {
    const shown = cells.map(
      (cell, index) => `<td data-column="${text(names[index]!)}"${classOf(cell)}>${cellOf(cell, index)}</td>`,
    );
    return `<tr${differs === true ? ' class="differs"' : ''}><th scope="row">${text(label)}</th>${shown.join('')}</tr>`;
  });
  return [
    `<table class="wide${names.length === 1 ? ' single' : ''}"><colgroup><col class="label">${names.map(() => '<col>').join('')}</colgroup>`,
    `<thead><tr><td></td>${names.map((name) => `<th scope="col">${text(name)}</th>`).join('')}</tr></thead>`,
    '<tbody>',
    ...rows,
    '</tbody></table>',
  ].join('\n');
}

function classOf({ tone, text: shown }: Cell): string {
  const names = [...(tone === undefined ? [] : [tone]), ...(shown === '—' ? ['empty'] : [])];
  return names.length === 0 ? '' : ` class="${names.join(' ')}"`;
}

/** Beyond this a cell shows its beginning and its end, and the whole when it is opened. */
const mostText = 900;

function cellText(value: string): string {
  if (value.length <= mostText) return text(value);
  const short = `${value.slice(0, 240).trimEnd()} … ${value.slice(-240).trimStart()}`;
  return `<details class="long"><summary>${text(short)}</summary>${text(value)}</details>`;
}

/** A cell whose place is a link to the recipe's lines. */
function cellHtml(cell: Cell, column: Column, id: string): string {
  const { place } = cell;
  const file = place === undefined ? -1 : column.texts.findIndex((one) => one.file === place.file);
  if (place === undefined || file < 0) return cellText(cell.text);
  const [said] = cell.text.split('\n');
  const line = place.lines[0] ?? 1;
  const short = place.file.replace(/^.*\/(?=[^/]*\/)/, '');
  return `${text(said!)}<a class="place" href="#${lineId({ id, kind: column.set ?? column.kind, file, line })}">${text(`${short}:${line}`)}</a>`;
}

function lineId(at: {
  readonly id: string;
  readonly kind: string;
  readonly file: number;
  readonly line: number;
}): string {
  return `${at.id}-${slug(at.kind)}-${at.file}-L${at.line}`;
}

/** A recipe's text by line; those that say something are marked, and lead to those of the other recipes. */
function recipeSection(column: Column, columns: readonly Column[], id: string): string {
  const lines = [
    `<section aria-label="${text(`${id}, ${columnName(column)}`)}">`,
    `<h4>${text(columnName(column))}</h4>`,
  ];
  for (const [file, { file: name, text: source }] of column.texts.entries()) {
    const topicsAt = new Map<number, string[]>();
    for (const { topic, label } of topics) {
      const says = column.says?.[topic];
      if (says?.kind !== 'says' || says.file !== name) continue;
      for (const [index, line] of says.lines.entries()) {
        const known = topicsAt.get(line) ?? [];
        topicsAt.set(line, known);
        if (index === 0) known.push(`${text(label)}${otherRecipes({ topic, column, columns, id })}`);
      }
    }
    const shown = name.replace(/^.*\/(?=[^/]*\/)/, '');
    lines.push(
      `<p class="mono soft">${text(shown)}</p>`,
      `<div class="scroll" tabindex="0" role="region" aria-label="${text(`${id}, ${columnName(column)}: ${shown}`)}"><ol class="lines mono">`,
    );
    for (const [index, line] of source.replace(/\n$/, '').split('\n').entries()) {
      const said = topicsAt.get(index + 1);
      const links =
        said === undefined || said.length === 0 ? '' : `<span class="links">${said.join('<br>')}</span>`;
      const place = lineId({ id, kind: column.set ?? column.kind, file, line: index + 1 });
      lines.push(
        said === undefined
          ? `<li>${text(line)}</li>`
          : `<li id="${place}" class="said">${text(line)}${links}</li>`,
      );
    }
    lines.push('</ol></div>');
  }
  lines.push('</section>');
  return lines.join('\n');
}

function otherRecipes(at: {
  readonly topic: (typeof topics)[number]['topic'];
  readonly column: Column;
  readonly columns: readonly Column[];
  readonly id: string;
}): string {
  const links = at.columns.flatMap((other) => {
    const says = other.says?.[at.topic];
    if (other === at.column || says?.kind !== 'says') return [];
    const file = other.texts.findIndex((one) => one.file === says.file);
    if (file < 0) return [];
    const place = lineId({ id: at.id, kind: other.set ?? other.kind, file, line: says.lines[0] ?? 1 });
    return [`<a href="#${place}">${text(columnName(other))}</a>`];
  });
  return links.length === 0 ? '' : ` → ${links.join(', ')}`;
}

/** Sizes, and times where they were measured: for each measure the recipes, against the greatest of them. */
function bars(columns: readonly Column[]): string {
  const measures: readonly (readonly [
    string,
    (column: Column) => number | undefined,
    (value: number) => string,
  ])[] = [
    ['size', ({ image }) => image?.facts.size, megabytes],
    ['size, packed', ({ image }) => image?.packed, megabytes],
    ['built from nothing', ({ times }) => times?.cold, seconds],
    ['built again', ({ times }) => times?.warm, seconds],
    ['after one file changed', ({ times }) => times?.changed, seconds],
    ['first answer', ({ probe }) => (probe?.answers === true ? probe.milliseconds : undefined), seconds],
  ];
  const groups = measures.flatMap(([name, measure, show]) => {
    const values = columns.flatMap((column) => {
      const value = measure(column);
      return value === undefined ? [] : [{ label: columnName(column), value }];
    });
    const most = Math.max(...values.map(({ value }) => value), 1);
    const rows = values.map(
      ({ label, value }) =>
        `<dt>${text(label)}</dt><dd><span class="bar" style="width:${((value / most) * 72).toFixed(1)}%"></span>${show(value)}</dd>`,
    );
    return rows.length === 0 ? [] : [`<div><h4>${name}</h4><dl class="bars">${rows.join('')}</dl></div>`];
  });
  return groups.length === 0
    ? '<p class="soft">Nothing was built here.</p>'
    : `<div class="measures">${groups.join('\n')}</div>`;
}

function factsTable(facts: ImageFacts): Table {
  const { config } = facts;
  const row = (label: string, value: string | undefined) => ({
    label,
    cells: [value === undefined || value === '' ? ({ text: '—', tone: 'none' } as const) : { text: value }],
  });
  const list = (paths: readonly string[]) => (paths.length === 0 ? 'none' : paths.join(' '));
  return {
    title: '',
    rows: [
      row('id', facts.configDigest),
      row('platform', facts.platform),
      row('created', facts.created),
      row('entry point', config.Entrypoint?.join(' ')),
      row('command', config.Cmd?.join(' ')),
      row('working directory', config.WorkingDir),
      row('user', config.User),
      row('environment', config.Env?.join('\n')),
      row('ports', Object.keys(config.ExposedPorts ?? {}).join(' ')),
      row('volumes', Object.keys(config.Volumes ?? {}).join(' ')),
      row('set-id files', list(facts.setId)),
      row('world-writable', list(facts.worldWritable)),
      row('shells', list(facts.shells)),
    ].filter(({ cells }) => cells[0]?.text !== '—'),
  };
}

function licenceTable(facts: ImageFacts): Table {
  return {
    title: '',
    rows: facts.packages.map(({ name, version, size, licences }) => ({
      label: name,
      cells: [
        { text: version },
        { text: megabytes(size) },
        licences.length === 0 ? { text: '—', tone: 'none' as const } : { text: licences.join(', ') },
      ],
    })),
  };
}
