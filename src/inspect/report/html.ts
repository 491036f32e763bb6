export function comparisonHtml(a: unknown, b: string): string {
  return `${String(a)}${b}`;
}
