// What an archive says of its packages: records by name and by provided name. An index is kept on disk as a sorted
// table, or made of plain records, such as a lock file carries.
import { fromByteString } from '../foundation/byte-string.ts';
import { field, type Stanza } from './control.ts';
import { parseDependencies } from './dependency.ts';
import { type AdministrativeRole, administrativeRole } from './script-only.ts';
import { openSortedTable, type SortedTable, writeSortedTable } from './sorted-table.ts';
import { compareVersions } from './version.ts';

/** The facts of one binary package; plain JSON. Relationship fields are kept as the archive writes them. */
export interface PackageRecord {
  readonly name: string;
  readonly version: string;
  /** `amd64`, `arm64` … or `all`. */
  readonly architecture: string;
  /** Path below the archive's root: `pool/main/…`. */
  readonly filename: string;
  /** Length of the .deb in bytes. */
  readonly size: number;
  /** SHA-256 of the .deb, lower-case hexadecimal. */
  readonly sha256: string;
  readonly depends?: string;
  readonly preDepends?: string;
  readonly breaks?: string;
  readonly conflicts?: string;
  readonly provides?: string;
  readonly replaces?: string;
  /** KiB, as the archive estimates. */
  readonly installedSize?: number;
  /** Source package, without its version. */
  readonly source?: string;
  readonly section?: string;
  readonly priority?: string;
  readonly homepage?: string;
  /** One line. */
  readonly description?: string;
  readonly multiArch?: string;
  readonly essential?: true;
  /** What it is to the system; see script-only.ts. */
  readonly role?: AdministrativeRole;
}

export interface PackageIndex {
  readonly architecture: string;
  /** Records of that very name, newest version first; empty when there is none. */
  get(name: string): readonly PackageRecord[];
  /** Records that provide `name` without having it, sorted by name. */
  providers(name: string): readonly PackageRecord[];
  /** All real names, sorted by byte. */
  names(): Iterable<string>;
}

/** An index of plain records, for one architecture. */
export function indexOfRecords(records: Iterable<PackageRecord>, architecture: string): PackageIndex {
  const { byName, provided } = groupRecords(records, architecture);
  return {
    architecture,
    get: (name) => byName.get(name) ?? [],
    providers: (name) => (provided.get(name) ?? []).flatMap((provider) => byName.get(provider)!),
    names: () => [...byName.keys()].sort(),
  };
}

function groupRecords(records: Iterable<PackageRecord>, architecture: string) {
  const byName = new Map<string, PackageRecord[]>();
  const provided = new Map<string, string[]>();
  for (const record of records) {
    const same = byName.get(record.name);
    if (same === undefined) byName.set(record.name, [record]);
    else same.push(record);
  }
  for (const [name, same] of byName) {
    same.sort((a, b) => compareVersions(b.version, a.version));
    const virtual = new Set(
      same.flatMap((record) =>
        parseDependencies(record.provides, architecture).flatMap((dependency) =>
          dependency.map((relation) => relation.name),
        ),
      ),
    );
    for (const name_ of virtual) {
      if (name_ === name) continue;
      const providers = provided.get(name_);
      if (providers === undefined) provided.set(name_, [name]);
      else providers.push(name);
    }
  }
  for (const providers of provided.values()) providers.sort();
  return { byName, provided };
}

/** Keeps records as a table on disk that {@link openPackageIndex} reads. */
export async function writePackageIndex(
  file: string,
  records: Iterable<PackageRecord>,
  architecture: string,
): Promise<void> {
  const { byName, provided } = groupRecords(records, architecture);
  const entries = new Map<string, string>();
  for (const [name, same] of byName) entries.set(`=${name}`, JSON.stringify(same));
  for (const [name, providers] of provided) entries.set(`~${name}`, providers.join(' '));
  await writeSortedTable(file, entries);
}

/**
 * Opens what {@link writePackageIndex} wrote. Throws the system error when there is no such file, and
 * `debian/bad-cache` when it is damaged.
 */
export function openPackageIndex(file: string, architecture: string): PackageIndex & { close(): void } {
  const table: SortedTable = openSortedTable(file);
  const known = new Map<string, readonly PackageRecord[]>();
  const get = (name: string): readonly PackageRecord[] => {
    let records = known.get(name);
    if (records === undefined) {
      records = JSON.parse(table.get(`=${name}`) ?? '[]') as PackageRecord[];
      known.set(name, records);
    }
    return records;
  };
  return {
    architecture,
    get,
    providers: (name) => (table.get(`~${name}`)?.split(' ') ?? []).flatMap(get),
    *names() {
      for (const key of table.keys('=')) yield key.slice(1);
    },
    close: () => table.close(),
  };
}

const copied = [
  ['depends', 'depends'],
  ['preDepends', 'pre-depends'],
  ['breaks', 'breaks'],
  ['conflicts', 'conflicts'],
  ['provides', 'provides'],
  ['replaces', 'replaces'],
  ['section', 'section'],
  ['priority', 'priority'],
  ['homepage', 'homepage'],
  ['multiArch', 'multi-arch'],
] as const;

/**
 * The record of a stanza (in byte strings) of a `Packages` file, or undefined when a needed field is missing or malformed
 * (a path outside the archive included): such a package cannot be fetched, so it is as good as not there.
 */
export function recordOfStanza(stanza: Stanza): PackageRecord | undefined {
  const name = field(stanza, 'Package');
  const version = field(stanza, 'Version');
  const architecture = field(stanza, 'Architecture');
  const filename = field(stanza, 'Filename');
  const size = Number(field(stanza, 'Size'));
  const sha256 = field(stanza, 'SHA256')?.toLowerCase();
  if (name === undefined || !/^[a-z0-9][a-z0-9+.-]*$/.test(name)) return undefined;
  if (version === undefined || !/^[A-Za-z0-9.+~:-]+$/.test(version) || architecture === undefined)
    return undefined;
  if (filename === undefined || !isSafePath(filename)) return undefined;
  if (!Number.isSafeInteger(size) || size <= 0) return undefined;
  if (sha256 === undefined || !/^[0-9a-f]{64}$/.test(sha256)) return undefined;
  const record: Record<string, unknown> = { name, version, architecture, filename, size, sha256 };
  for (const [key, fieldName] of copied) {
    const value = field(stanza, fieldName);
    if (value !== undefined && value !== '') record[key] = value.replace(/\s*\n\s*/g, ' ');
  }
  const installedSize = Number(field(stanza, 'Installed-Size'));
  if (Number.isSafeInteger(installedSize)) record.installedSize = installedSize;
  const source = field(stanza, 'Source')?.replace(/\s*\(.*/, '');
  if (source !== undefined) record.source = source;
  const description = field(stanza, 'Description')?.split('\n')[0];
  if (description !== undefined) record.description = fromByteString(description);
  if (field(stanza, 'Essential') === 'yes') record.essential = true;
  const role = administrativeRole(stanza);
  if (role !== undefined) record.role = role;
  return record as unknown as PackageRecord;
}

function isSafePath(path: string): boolean {
  return (
    !path.startsWith('/') && path.split('/').every((part) => part !== '' && part !== '..' && part !== '.')
  );
}

/**
 * Records of the text of a `Packages` file, as a byte string. Stanzas that are no usable package are left out.
 * The scan looks at the fields it needs only: 63 000 stanzas take about half a second.
 */
export function* parsePackages(text: string): Generator<PackageRecord> {
  let start = 0;
  while (start < text.length) {
    let end = text.indexOf('\n\n', start);
    if (end < 0) end = text.length;
    const record = recordOfStanza({ fields: scanFields(text, start, end), line: 0 });
    if (record !== undefined) yield record;
    start = end + 1;
    while (text.charCodeAt(start) === 10) start++;
  }
}

/** Fields of text[start, end) by lower-case name, leniently: what is not a field is passed over. */
function scanFields(text: string, start: number, end: number): Map<string, string> {
  const fields = new Map<string, string>();
  let position = start;
  while (position < end) {
    let lineEnd = text.indexOf('\n', position);
    if (lineEnd < 0 || lineEnd > end) lineEnd = end;
    // Continued lines begin with a space or a tab.
    while (lineEnd < end && (text.charCodeAt(lineEnd + 1) === 32 || text.charCodeAt(lineEnd + 1) === 9)) {
      lineEnd = text.indexOf('\n', lineEnd + 1);
      if (lineEnd < 0 || lineEnd > end) lineEnd = end;
    }
    const colon = text.indexOf(':', position);
    if (colon > position && colon < lineEnd) {
      const name = text.slice(position, colon).toLowerCase();
      if (!fields.has(name)) fields.set(name, text.slice(colon + 1, lineEnd).trim());
    }
    position = lineEnd + 1;
  }
  return fields;
}
