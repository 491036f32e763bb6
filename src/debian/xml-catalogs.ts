// Catalogs of XML and SGML: where programs find document types and style sheets that documents name by a public identifier or an
// address. What update-xmlcatalog(8) and update-catalog(8) write for packages, byte for byte.
// Leaves out `update-xmlcatalog --local FILE --file`, which changes a catalog of the administrator's.
import type { RootDraft } from './root-draft.ts';
import type { ScriptCommand } from './script-reader.ts';

/** The catalog that leads to those of packages. */
const rootCatalog = 'catalog';

const head = `<?xml version="1.0"?>
<!DOCTYPE catalog PUBLIC "-//OASIS//DTD XML Catalogs V1.0//EN"
  "file:///usr/share/xml/schema/xml-core/catalog.dtd">
<catalog xmlns="urn:oasis:names:tc:entity:xmlns:xml:catalog">
`;

/** What an entry is, and what begins with what is looked up in another catalog. */
const kinds: Readonly<Record<string, readonly [string, string] | undefined>> = {
  public: ['delegatePublic', 'publicIdStartString'],
  system: ['delegateSystem', 'systemIdStartString'],
  uri: ['delegateURI', 'uriStartString'],
};

/** Puts the catalogs of XML that scripts ask for in the draft, and what update-xmlcatalog(8) keeps about them. */
export function declareXmlCatalogs(draft: RootDraft, commands: readonly ScriptCommand[]): void {
  const catalogs = new Map<string, Map<string, string>>();
  for (const [program, ...words] of commands) {
    if (program !== 'update-xmlcatalog' || !words.includes('--add')) continue;
    const after = (option: string) => (words.includes(option) ? words[words.indexOf(option) + 1] : undefined);
    const [type, id, owner, local] = ['--type', '--id', '--package', '--local'].map(after);
    const kind = type !== undefined && Object.hasOwn(kinds, type) ? kinds[type] : undefined;
    if (kind === undefined || id === undefined || owner === undefined || !/^[A-Za-z0-9+._-]+$/.test(owner))
      continue;
    const isRoot = words.includes('--root');
    const leads = isRoot ? catalogs.has(owner) : local !== undefined && isFile(draft, local);
    if (!leads) continue;
    const name = isRoot ? rootCatalog : owner;
    const entries = catalogs.get(name) ?? new Map<string, string>();
    catalogs.set(name, entries);
    const key = `${kind[0]} ${kind[1]}="${id}"`;
    // Who is first keeps the name.
    if (!entries.has(key)) entries.set(key, `catalog="file://${isRoot ? `/etc/xml/${owner}.xml` : local}"`);
  }
  for (const [name, entries] of catalogs) {
    const sorted = [...entries].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    const path = `etc/xml/${name === rootCatalog ? name : `${name}.xml`}`;
    if (draft.get(path) !== undefined) continue;
    const lines = sorted.map(([key, entry]) => `<${key} ${entry}/>\n`);
    draft.putFile(path, `${head}${lines.join('')}</catalog>\n`);
    draft.putFile(`var/lib/xml-core/${name}`, sorted.map(([key, entry]) => `<${key}><${entry}>\n`).join(''));
  }
}

function isFile(draft: RootDraft, path: string): boolean {
  return path.startsWith('/') && draft.follow(path)?.kind === 'file';
}

/** Puts the catalog of SGML in the draft that leads to those in /etc/sgml, where sgml-base is there. */
export function declareSgmlCatalog(draft: RootDraft): void {
  if (draft.get('usr/sbin/update-catalog') === undefined || draft.get('etc/sgml/catalog') !== undefined)
    return;
  const catalogs = draft
    .inside('etc/sgml')
    .filter(({ path }) => /^[^.][^/]*\.cat$/.test(path.slice('etc/sgml/'.length)));
  const text = [
    '--',
    '## This file is created by update-catalog with update-super.',
    '## Please see update-catalog(8) for how to modify this file.',
    '--',
    ...catalogs.map(({ path }) => `CATALOG /${path}`),
    '',
  ].join('\n');
  draft.putFile('var/lib/sgml-base/supercatalog', text);
  draft.putLink('etc/sgml/catalog', '/var/lib/sgml-base/supercatalog');
}
