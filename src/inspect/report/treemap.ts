// A squarified treemap. Bruls, Huizing, van Wijk: Squarified Treemaps (2000).

export interface TreemapItem {
  /** Above zero. */
  readonly size: number;
}

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Boxes for items sorted by size, largest first, that fill `area` in proportion. */
export function squarify<Item extends TreemapItem>(
  items: readonly Item[],
  area: Box,
): { readonly item: Item; readonly box: Box }[] {
  const total = items.reduce((sum, item) => sum + item.size, 0);
  if (total <= 0) return [];
  const scale = (area.width * area.height) / total;
  const placed: { item: Item; box: Box }[] = [];
  let rest = area;
  for (let start = 0; start < items.length; ) {
    const side = Math.min(rest.width, rest.height);
    let end = start + 1;
    let sum = items[start]!.size * scale;
    let worst = worstRatio(items, { start, end, sum, side, scale });
    while (end < items.length) {
      const next = sum + items[end]!.size * scale;
      const ratio = worstRatio(items, { start, end: end + 1, sum: next, side, scale });
      if (ratio > worst) break;
      worst = ratio;
      sum = next;
      end++;
    }
    const isWide = rest.width >= rest.height;
    const thickness = side === 0 ? 0 : sum / side;
    let along = 0;
    for (let index = start; index < end; index++) {
      const length = thickness === 0 ? 0 : (items[index]!.size * scale) / thickness;
      const box = isWide
        ? { x: rest.x, y: rest.y + along, width: thickness, height: length }
        : { x: rest.x + along, y: rest.y, width: length, height: thickness };
      placed.push({ item: items[index]!, box });
      along += length;
    }
    rest = isWide
      ? { ...rest, x: rest.x + thickness, width: Math.max(0, rest.width - thickness) }
      : { ...rest, y: rest.y + thickness, height: Math.max(0, rest.height - thickness) };
    start = end;
  }
  return placed;
}

/** The longest side to the shortest, of the boxes that a row would have. */
function worstRatio(
  items: readonly TreemapItem[],
  row: {
    readonly start: number;
    readonly end: number;
    readonly sum: number;
    readonly side: number;
    readonly scale: number;
  },
): number {
  const largest = items[row.start]!.size * row.scale;
  const smallest = items[row.end - 1]!.size * row.scale;
  const square = row.side * row.side;
  const area = row.sum * row.sum;
  return Math.max((square * largest) / area, area / (square * smallest));
}
