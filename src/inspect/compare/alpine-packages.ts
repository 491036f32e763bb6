// Packages of Alpine and its kin: apk's database, one letter a field. https://wiki.alpinelinux.org/wiki/Apk_spec
import type { PackageRecord } from './image-packages.ts';
import type { ImageTree } from './image-tree.ts';

const database = 'lib/apk/db/installed';

interface Entry {
  readonly fields: ReadonlyMap<string, string>;
  /** Paths without a slash before them. */
  readonly files: readonly string[];
}

function readDatabase(text: string): Entry[] {
  return text.split(/\n{2,}/).flatMap((block): Entry[] => {
    const fields = new Map<string, string>();
    const files: string[] = [];
    let folder = '';
    for (const line of block.split('\n')) {
      const [, letter, value] = /^([A-Za-z]):(.*)$/.exec(line) ?? [];
      if (letter === undefined) continue;
      if (letter === 'F') folder = value!;
      else if (letter === 'R') files.push(folder === '' ? value! : `${folder}/${value}`);
      else if (!fields.has(letter)) fields.set(letter, value!);
    }
    return fields.has('P') && fields.has('V') ? [{ fields, files }] : [];
  });
}

/** `so:libc.so.1=1` and `name>=2` as what is needed or provided. */
function bareName(word: string): string {
  return word.replace(/[=<>~].*$/, '');
}

function words(text: string | undefined): string[] {
  return (text ?? '').split(' ').filter((word) => word !== '');
}

/** What the database says is installed; nothing where there is none. */
export function alpinePackages(tree: ImageTree): PackageRecord[] {
  const entries = readDatabase(tree.text(database) ?? '');
  const providers = new Map<string, string>();
  for (const { fields } of entries) {
    const name = fields.get('P')!;
    for (const word of words(fields.get('p'))) providers.set(bareName(word), name);
  }
  for (const { fields } of entries) providers.set(fields.get('P')!, fields.get('P')!);
  return entries.map(({ fields, files }): PackageRecord => {
    const name = fields.get('P')!;
    const needs = words(fields.get('D')).flatMap((word) => providers.get(bareName(word)) ?? []);
    const [origin, supplier, description, homepage] = ['o', 'm', 'T', 'U'].map((letter) =>
      fields.get(letter),
    );
    return {
      manager: 'alpine',
      name,
      version: fields.get('V')!,
      architecture: fields.get('A') ?? '',
      depends: [...new Set(needs)].filter((other) => other !== name).sort(),
      licences: fields.get('L') === undefined || fields.get('L') === '' ? [] : [fields.get('L')!],
      registration: database,
      listed: files,
      ...(origin === undefined || origin === name ? {} : { source: origin }),
      ...(supplier === undefined || supplier === '' ? {} : { supplier }),
      ...(description === undefined || description === '' ? {} : { description }),
      ...(homepage === undefined || homepage === '' ? {} : { homepage }),
    };
  });
}
