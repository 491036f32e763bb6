// What an archive says of its packages: records by name and by provided name. An index is kept on disk as a sorted
// table, or made of plain records, such as a lock file carries.
import { bufferToByteString, fromByteString } from '../foundation/byte-string.ts';
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
  /** All real names, or those that begin with `prefix`, sorted by byte. */
  names(prefix?: string): Iterable<string>;
}

/** An index of plain records, for one architecture. */
export function indexOfRecords(records: Iterable<PackageRecord>, architecture: string): PackageIndex {
  const byName = new Map<string, PackageRecord[]>();
  const provided = new Map<string, Set<string>>();
  for (const record of records) {
    append(byName, record.name, record);
    addProvides(provided, record, architecture);
  }
  for (const same of byName.values()) same.sort(newestFirst);
  return {
    architecture,
    get: (name) => byName.get(name) ?? [],
    providers: (name) => [...(provided.get(name) ?? [])].sort().flatMap((provider) => byName.get(provider)!),
    names: (prefix = '') => [...byName.keys()].filter((name) => name.startsWith(prefix)).sort(),
  };
}

/** Several indexes of one architecture as one, as apt sees its sources. */
export function unitedIndex(indexes: readonly [PackageIndex, ...PackageIndex[]]): PackageIndex {
  const byName = (a: PackageRecord, b: PackageRecord) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
  return {
    architecture: indexes[0].architecture,
    get: (name) => indexes.flatMap((index) => index.get(name)).sort(newestFirst),
    providers: (name) => indexes.flatMap((index) => index.providers(name)).sort(byName),
    names: (prefix) => [...new Set(indexes.flatMap((index) => [...index.names(prefix)]))].sort(),
  };
}

function append<Value>(map: Map<string, Value[]>, key: string, value: Value): void {
  const present = map.get(key);
  if (present === undefined) map.set(key, [value]);
  else present.push(value);
}

function newestFirst(a: PackageRecord, b: PackageRecord): number {
  return compareVersions(b.version, a.version);
}

function addProvides(provided: Map<string, Set<string>>, record: PackageRecord, architecture: string): void {
  if (record.provides === undefined) return;
  for (const { name } of parseDependencies(record.provides, architecture).flat()) {
    if (name === record.name) continue;
    const providers = provided.get(name);
    if (providers === undefined) provided.set(name, new Set([record.name]));
    else providers.add(record.name);
  }
}

/** Collects records for a table on disk that {@link openPackageIndex} reads. Records are kept as text, which is small. */
export class PackageIndexWriter {
  private readonly architecture: string;
  /** JSON of all records of a name, newest first: what the table will hold. */
  private readonly byName = new Map<string, string>();
  private readonly provided = new Map<string, Set<string>>();

  constructor(architecture: string) {
    this.architecture = architecture;
  }

  /** Takes up a record; one that is there already, and those for other architectures, are passed over. */
  add(record: PackageRecord): void {
    if (record.architecture !== this.architecture && record.architecture !== 'all') return;
    const present = this.byName.get(record.name);
    if (present === undefined) {
      this.byName.set(record.name, JSON.stringify([record]));
    } else {
      const records = JSON.parse(present) as PackageRecord[];
      if (records.some(({ version, sha256 }) => version === record.version && sha256 === record.sha256))
        return;
      this.byName.set(record.name, JSON.stringify([...records, record].sort(newestFirst)));
    }
    addProvides(this.provided, record, this.architecture);
  }

  /** Writes the table. */
  async write(file: string): Promise<void> {
    const entries = new Map<string, string>();
    for (const [name, text] of this.byName) entries.set(`=${name}`, text);
    for (const [name, providers] of this.provided) entries.set(`~${name}`, [...providers].sort().join(' '));
    await writeSortedTable(file, entries);
  }
}

/**
 * Opens what {@link PackageIndexWriter} wrote. Throws the system error when there is no such file, and
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
    *names(prefix = '') {
      for (const key of table.keys(`=${prefix}`)) yield key.slice(1);
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

/** Fields that a record is made from, as Debian spells them. */
const usedFields = new Map(
  [
    'Package Version Architecture Filename Size SHA256 Installed-Size Source Description Essential Tag',
    'Depends Pre-Depends Breaks Conflicts Provides Replaces Section Priority Homepage Multi-Arch',
  ]
    .join(' ')
    .split(' ')
    .map((name) => [name, name.toLowerCase()]),
);

/**
 * The record of a stanza (in byte strings) of a `Packages` file, or undefined when a needed field is missing or malformed
 * (a path outside the archive included): such a package cannot be fetched, so it is as good as not there.
 */
function recordOfStanza(stanza: Stanza): PackageRecord | undefined {
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
    const value = stanza.fields.get(fieldName);
    if (value !== undefined && value !== '')
      record[key] = value.includes('\n') ? value.replace(/\s*\n\s*/g, ' ') : value;
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

/** Bytes that are made text at once: a text of the whole would live as long as any word of it. */
const windowSize = 1 << 20;

/**
 * Records of the bytes of a `Packages` file. Stanzas that are no usable package are left out. The scan looks at the fields it
 * needs only: bookworm's 63 000 stanzas (50 MB) take about a second, with their table.
 */
export function* parsePackages(bytes: Buffer): Generator<PackageRecord> {
  for (let start = 0; start < bytes.length; ) {
    let end = bytes.length;
    if (start + windowSize < bytes.length) {
      const gap = bytes.indexOf('\n\n', start + windowSize);
      if (gap >= 0) end = gap + 2;
    }
    const text = bufferToByteString(bytes.subarray(start, end));
    yield* parseWhole(text, text.length);
    start = end;
  }
}

function* parseWhole(text: string, limit: number): Generator<PackageRecord> {
  let start = 0;
  while (start < limit) {
    let end = text.indexOf('\n\n', start);
    if (end < 0 || end > limit) end = limit;
    const record = recordOfStanza({ fields: scanFields(text, start, end), line: 0 });
    if (record !== undefined) yield record;
    start = end + 1;
    while (text.charCodeAt(start) === 10) start++;
  }
}

/** The used fields of text[start, end) by lower-case name, leniently: what is not a field is passed over. */
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
      const name = usedFields.get(text.slice(position, colon));
      if (name !== undefined && !fields.has(name)) fields.set(name, text.slice(colon + 1, lineEnd).trim());
    }
    position = lineEnd + 1;
  }
  return fields;
}
