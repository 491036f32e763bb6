// Copies that go into one another: `COPY . /app` and then `COPY extra /app/extra`. Whoever links files to their places needs
// them apart, so the outer folder is taken entry by entry.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { posix, resolve } from 'node:path';
import type { Placed } from '../../compose/service.ts';
import type { Source } from './image-needs.ts';

/** A folder with more entries than this is left whole. */
const mostEntries = 500;

/** The same files, none inside another as far as folders of the project go; of two at one place the later one stays. */
export function separateSources(sources: readonly Placed<Source>[]): Placed<Source>[] {
  let list = [...sources];
  for (let round = 0; round < 100; round++) {
    const at = list.findIndex((outer) =>
      list.some((inner) => inner !== outer && isOver(outer.value, inner.value)),
    );
    const outer = list[at];
    const entries = outer === undefined ? undefined : entriesOf(outer);
    if (entries === undefined) break;
    list.splice(at, 1, ...entries);
    list = list.filter(({ value }, index) =>
      list.every(
        (later, other) =>
          other <= index || later.value.target !== value.target || (isFolder(value) && isFolder(later.value)),
      ),
    );
  }
  return list;
}

/** A folder that something else lies in, or another folder is laid over. */
function isOver(outer: Source, inner: Source): boolean {
  if (!isFolder(outer)) return false;
  const [at, below] = [outer.target ?? '/', inner.target ?? '/'];
  return below.startsWith(at === '/' ? at : `${at}/`) || (at === below && isFolder(inner));
}

function isFolder(source: Source): boolean {
  return source.kind === 'local' && existsSync(source.path) && statSync(source.path).isDirectory();
}

function entriesOf({ value, span }: Placed<Source>): Placed<Source>[] | undefined {
  if (value.kind !== 'local') return undefined;
  const names = readdirSync(value.path).sort();
  if (names.length > mostEntries) return undefined;
  return names.map((name) => ({
    value: {
      kind: 'local',
      path: resolve(value.path, name),
      target: posix.join(value.target ?? '/', name),
    },
    span,
  }));
}
