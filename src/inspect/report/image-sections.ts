// The parts of a report that show one image: where its bytes are, and why each package is there.
import type { ImageFacts, PackageFacts } from '../compare/image-facts.ts';
import { megabytes } from '../compare/table.ts';
import { type ClosureNode, closureOf, keyOf, wayTo } from './closure.ts';
import { slug, escapeHtml as text } from './markup.ts';
import { squarify } from './treemap.ts';

/** A share of the image: a package in one layer, or what no package claims there. */
interface Share {
  readonly name: string;
  readonly size: number;
  readonly layer: number;
}

/** Angles far from those of the neighbours. */
function hueOf(layer: number): number {
  return Math.round((layer * 137.5) % 360);
}

/** A treemap by package, coloured by layer, with a list of the layers. */
export function treemapSection(facts: ImageFacts): string {
  const shares: Share[] = [
    ...facts.packages.flatMap(({ name, layers }) =>
      Object.entries(layers).map(([layer, size]) => ({ name, size, layer: Number(layer) })),
    ),
    ...facts.layers.map(({ label, unowned }, layer) => ({
      name: label.split(',')[0]!,
      size: unowned,
      layer,
    })),
  ]
    .filter(({ size }) => size > 0)
    .sort((a, b) => b.size - a.size || (a.name < b.name ? -1 : 1));
  if (shares.length === 0) return '<p class="soft">The image has no files.</p>';
  const percent = (value: number) => `${Number(value.toFixed(3))}%`;
  // Twice as wide as high, as on a screen; a telephone stretches it.
  const tiles = squarify(shares, { x: 0, y: 0, width: 200, height: 100 }).map(({ item, box }) => {
    const place = `left:${percent(box.x / 2)};top:${percent(box.y)};width:${percent(box.width / 2)};height:${percent(box.height)}`;
    const about = `${item.name}: ${megabytes(item.size)}, layer ${item.layer + 1}`;
    // Style hides labels that do not fit; those that never could are left out.
    const label =
      box.width > 3 && box.height > 2 ? `<b>${text(item.name)}</b><span>${megabytes(item.size)}</span>` : '';
    return `<div style="${place};--h:${hueOf(item.layer)}" title="${text(about)}">${label}</div>`;
  });
  const largest = shares
    .slice(0, 5)
    .map(({ name, size }) => `${name} ${megabytes(size)}`)
    .join(', ');
  const layers = facts.layers.map(
    ({ size, label }, index) =>
      `<li><i style="--h:${hueOf(index)}"></i>${index + 1}: ${text(shorten(label, 42))} ${megabytes(size)}</li>`,
  );
  return [
    `<div class="treemap" role="img" aria-label="${text(`Files by package; the largest are ${largest}`)}">`,
    ...tiles,
    '</div>',
    `<details><summary>${facts.layers.length} layers</summary><ul class="layers">`,
    ...layers,
    '</ul></details>',
  ].join('\n');
}

function shorten(label: string, length: number): string {
  return label.length > length ? `${label.slice(0, length - 1)}…` : label;
}

/** The graph of what needs what, and the way to each package in words. */
export function closureSection(facts: ImageFacts, id: string): string {
  const nodes = closureOf(facts);
  if (nodes.size === 0) return '<p class="soft">No package database was found in the image.</p>';
  const entries = [...nodes].map(([key, node]) => {
    const way = wayTo(nodes, key);
    const others = node.neededBy.map((other) => nodes.get(other)!.item.name);
    const because =
      way.length === 1
        ? 'asked for by the recipe; nothing else needs it'
        : `${way.join(' → ')}${others.length > 1 ? `; needed by ${others.join(', ')}` : ''}`;
    return `<dt id="${idOf(id, node.item)}">${text(node.item.name)} <span class="soft">${text(node.item.version)}, ${megabytes(node.item.size)}</span></dt><dd>${text(because)}</dd>`;
  });
  const roots = [...nodes.values()].filter(({ because }) => because === undefined).length;
  return [
    `<p>${nodes.size} packages; ${roots} of them nothing else needs. Lines lead from a package to what it needs; the marked ones are the shortest way.</p>`,
    `<div class="scroll" tabindex="0" role="region" aria-label="${text(`Graph of what needs what, ${id}`)}">${graph(nodes, id)}</div>`,
    `<details><summary>Why is each package here?</summary><dl class="why">`,
    ...entries,
    '</dl></details>',
  ].join('\n');
}

function idOf(id: string, item: PackageFacts): string {
  return `${id}-why-${slug(keyOf(item))}`;
}

const cell = { width: 160, height: 19, gap: 34, row: 23, margin: 8 };
/** More lines than this hide what they show. */
const mostLines = 600;

/** Packages in columns by their distance from what was asked for. */
function graph(nodes: ReadonlyMap<string, ClosureNode>, id: string): string {
  const rows = new Map<number, number>();
  const places = new Map<string, { x: number; y: number }>();
  for (const [key, { depth }] of nodes) {
    const row = rows.get(depth) ?? 0;
    rows.set(depth, row + 1);
    places.set(key, {
      x: cell.margin + depth * (cell.width + cell.gap),
      y: cell.margin + row * cell.row,
    });
  }
  const width = cell.margin * 2 + rows.size * (cell.width + cell.gap) - cell.gap;
  const height = cell.margin * 2 + Math.max(...rows.values()) * cell.row;
  const lines: string[] = [];
  const marked: string[] = [];
  for (const [key, { item }] of nodes) {
    const from = places.get(key)!;
    for (const name of item.depends) {
      const other = `${item.manager} ${name}`;
      const to = places.get(other);
      if (to === undefined) continue;
      const isWay = nodes.get(other)!.because === key;
      if (!isWay && lines.length >= mostLines) continue;
      (isWay ? marked : lines).push(`<path${isWay ? ' class="way"' : ''} d="${curve(from, to)}"/>`);
    }
  }
  const boxes = [...nodes].map(([key, { item }]) => {
    const { x, y } = places.get(key)!;
    return `<a href="#${idOf(id, item)}"><title>${text(`${item.name} ${item.version}`)}</title><rect x="${x}" y="${y}" width="${cell.width}" height="${cell.height}" rx="3"/><text x="${x + 5}" y="${y + 13}">${text(shorten(item.name, 22))}</text></a>`;
  });
  return `<svg class="graph" xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">${lines.join('')}${marked.join('')}${boxes.join('')}</svg>`;
}

function curve(
  from: { readonly x: number; readonly y: number },
  to: { readonly x: number; readonly y: number },
): string {
  const [startX, startY] = [from.x + cell.width, from.y + cell.height / 2];
  const [endX, endY] = [to.x, to.y + cell.height / 2];
  // Backwards and within a column the curve swings out to the side.
  const pull = endX > startX ? (endX - startX) / 2 : 30;
  return `M${startX} ${startY}C${startX + pull} ${startY} ${endX - pull} ${endY} ${endX} ${endY}`;
}
