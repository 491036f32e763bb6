// Enforces the table of rooms in docs/architecture.md: who may import whom.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const source = resolve(import.meta.dirname, '../src');

/** Room prefix below src/ to its number. The longest prefix that matches a file is its room. */
const rooms: Readonly<Record<string, number>> = {
  'foundation/': 0,
  'formats/': 1,
  'languages/nix/': 2,
  'languages/scheme/': 2,
  'languages/dockerfile/': 2,
  'store/': 3,
  'debian/': 3,
  'oci/': 3,
  'sets/': 4,
  'containers/': 4,
  'routes/nix/': 5,
  'routes/guix/': 5,
  'routes/dockerfile/': 5,
  'compose/': 6,
  'inspect/': 7,
  'index.ts': 8,
  'cli/': 9,
};

function roomOf(file: string): string | undefined {
  return Object.keys(rooms)
    .filter((prefix) => file.startsWith(prefix))
    .sort((a, b) => b.length - a.length)[0];
}

function importsOf(file: string): string[] {
  const text = readFileSync(join(source, file), 'utf8');
  const specifiers = text.matchAll(
    /(?:^|[;\s])(?:import|export)\s[^'"]*?from\s*['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]/gm,
  );
  const bare = text.matchAll(/^import\s*['"]([^'"]+)['"]/gm);
  return [...specifiers, ...bare]
    .map((match) => (match[1] ?? match[2])!)
    .filter((name) => name.startsWith('.'));
}

const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter(
  (file) => file.endsWith('.ts') && !file.endsWith('.d.ts'),
);

describe('architecture', () => {
  it('gives every file a room', () => {
    expect(files.filter((file) => roomOf(file) === undefined)).toEqual([]);
  });

  it('lets a room import only rooms below it', () => {
    const violations: string[] = [];
    for (const file of files) {
      const from = roomOf(file);
      if (from === undefined) continue;
      for (const specifier of importsOf(file)) {
        const target = relative(source, resolve(dirname(join(source, file)), specifier));
        const to = roomOf(target);
        if (to === from) continue;
        if (to === undefined || rooms[to]! >= rooms[from]!) violations.push(`${file} imports ${target}`);
        if (from === 'cli/' && to !== 'index.ts') violations.push(`${file} imports ${target} past index.ts`);
      }
    }
    expect(violations).toEqual([]);
  });
});
