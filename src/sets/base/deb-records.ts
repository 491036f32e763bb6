// One package as dpkg's database has it once it is installed: read from the .deb, nothing run. deb-control(5).
import { createHash } from 'node:crypto';
import { field, parseControl } from '../../debian/control.ts';
import { type ExpectedDeb, openDeb, readVerifiedDeb } from '../../debian/deb.ts';
import { readAr } from '../../formats/ar.ts';
import { decompress } from '../../formats/compression.ts';
import { readTar } from '../../formats/tar-read.ts';
import type { TreeEntry } from '../../foundation/file-tree.ts';

/** What dpkg keeps of an installed package. */
export interface InstalledRecord {
  readonly name: string;
  /** Stanza of `/var/lib/dpkg/status`, without the empty line after it. */
  readonly status: string;
  /** Files of `/var/lib/dpkg/info`, by name (`libc6:amd64.list`). */
  readonly info: ReadonlyMap<string, { readonly bytes: Uint8Array; readonly mode: number }>;
  /** Lines of `triggers` that say what it waits for. */
  readonly interests: readonly string[];
}

/** 1 GiB: no package of the base system comes near it. */
const dataLimit = 1 << 30;
const controlLimit = 32 << 20;

/** Reads a .deb. Rejects as `readVerifiedDeb` and `openDeb` do. */
export async function readInstalledRecord(file: string, expected: ExpectedDeb): Promise<InstalledRecord> {
  const bytes = readVerifiedDeb(file, expected);
  const { data } = await openDeb(bytes, file);
  const member = readAr(bytes, file).find(({ name }) => name.startsWith('control.tar'))!;
  const control = readTar(await decompress(member.data, { limit: controlLimit, name: file }), {
    archive: file,
  });
  const files = readTar(await decompress(data.data, { limit: dataLimit, name: file }), { archive: file });
  const text = contentOf(control.find(({ path }) => path === 'control'))?.toString('utf8') ?? '';
  const stanza = parseControl(text, `${file}/control`)[0]!;
  const name = field(stanza, 'Package')!;
  const prefix = field(stanza, 'Multi-Arch') === 'same' ? `${name}:${field(stanza, 'Architecture')}` : name;
  const info = new Map<string, { bytes: Uint8Array; mode: number }>();
  info.set(`${prefix}.list`, { bytes: Buffer.from(fileList(files), 'latin1'), mode: 0o644 });
  for (const entry of control) {
    const content = contentOf(entry);
    if (content === undefined || entry.path === 'control') continue;
    info.set(`${prefix}.${entry.path}`, { bytes: content, mode: entry.mode & 0o111 ? 0o755 : 0o644 });
  }
  const conffiles = textOf(control, 'conffiles')
    .split('\n')
    .filter((line) => line.startsWith('/'));
  const interests = textOf(control, 'triggers')
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((line) => line.startsWith('interest'));
  return { name, info, interests, status: statusStanza(text, { conffiles, files }) };
}

/** As `dpkg -L` prints it: every path of the archive in its order, the root as `/.`. */
function fileList(files: readonly TreeEntry[]): string {
  const paths = files.map(({ path }) => (path === '' ? '/.' : `/${path}`));
  return `${(paths[0] === '/.' ? paths : ['/.', ...paths]).join('\n')}\n`;
}

function statusStanza(
  control: string,
  { conffiles, files }: { readonly conffiles: readonly string[]; readonly files: readonly TreeEntry[] },
): string {
  const lines = control.trimEnd().split('\n');
  const at = lines.findIndex((line) => /^package:/i.test(line));
  lines.splice(at + 1, 0, 'Status: install ok installed');
  if (conffiles.length === 0) return lines.join('\n');
  const byPath = new Map(files.map((entry) => [`/${entry.path}`, entry]));
  const sums = conffiles.map((path) => {
    const content = contentOf(byPath.get(path)) ?? Buffer.alloc(0);
    return ` ${path} ${createHash('md5').update(content).digest('hex')}`;
  });
  const description = lines.findIndex((line) => /^description:/i.test(line));
  lines.splice(description < 0 ? lines.length : description, 0, 'Conffiles:', ...sums);
  return lines.join('\n');
}

function textOf(entries: readonly TreeEntry[], path: string): string {
  return contentOf(entries.find((entry) => entry.path === path))?.toString('utf8') ?? '';
}

function contentOf(entry: TreeEntry | undefined): Buffer | undefined {
  if (entry?.kind !== 'file' || entry.content.kind !== 'bytes') return undefined;
  return Buffer.from(entry.content.bytes);
}
