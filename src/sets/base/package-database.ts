// The databases of dpkg, apt, update-alternatives and debconf for packages that nobody installed: with them
// `apt-get install` works in an image made without running a script. Formats: dpkg's doc/triggers.txt, dpkg-divert(1),
// update-alternatives(1).
import type { Alternative } from '../../debian/alternatives.ts';
import type { TreeEntry } from '../../foundation/file-tree.ts';
import type { InstalledRecord } from './deb-records.ts';

export interface PackageDatabaseOptions {
  readonly records: readonly InstalledRecord[];
  /** What the packages' scripts offered, in the order of the packages. */
  readonly alternatives: readonly Alternative[];
  /** The architecture of the image. */
  readonly architecture: string;
  /** Whether a path exists in the image. */
  readonly exists: (path: string) => boolean;
}

const time = 1;

/** Files and folders below `/var/lib` and `/var/cache`; parents included. */
export function packageDatabase(options: PackageDatabaseOptions): TreeEntry[] {
  const entries = new Map<string, TreeEntry>();
  const folder = (path: string, mode = 0o755, uid = 0) => {
    const parent = path.slice(0, Math.max(0, path.lastIndexOf('/')));
    if (parent !== '' && !entries.has(parent)) folder(parent);
    entries.set(path, { kind: 'directory', path, mode, uid, gid: 0, mtime: time });
  };
  const file = (path: string, bytes: Uint8Array | string, mode = 0o644) => {
    const parent = path.slice(0, path.lastIndexOf('/'));
    if (!entries.has(parent)) folder(parent);
    const content = { kind: 'bytes', bytes: Buffer.from(bytes as string) } as const;
    entries.set(path, { kind: 'file', path, mode, uid: 0, gid: 0, mtime: time, content });
  };
  const records = [...options.records].sort((a, b) => (a.name < b.name ? -1 : 1));
  const dpkg = 'var/lib/dpkg';
  file(`${dpkg}/status`, records.map(({ status }) => `${status}\n\n`).join(''));
  file(`${dpkg}/available`, '');
  file(`${dpkg}/arch`, `${options.architecture}\n`);
  file(`${dpkg}/diversions`, records.some(({ name }) => name === 'dash') ? dashDiversions : '');
  file(`${dpkg}/statoverride`, '');
  file(`${dpkg}/lock`, '', 0o640);
  file(`${dpkg}/lock-frontend`, '', 0o640);
  file(`${dpkg}/info/format`, '1\n');
  for (const { info } of records) {
    for (const [name, { bytes, mode }] of info) file(`${dpkg}/info/${name}`, bytes, mode);
  }
  folder(`${dpkg}/parts`);
  folder(`${dpkg}/updates`);
  for (const [name, text] of triggerFiles(records)) file(`${dpkg}/triggers/${name}`, text);
  for (const [name, text] of alternativeFiles(options)) file(`${dpkg}/alternatives/${name}`, text);
  folder('var/lib/apt/lists');
  folder('var/cache/apt/archives');
  folder('var/lib/apt/periodic');
  folder('var/lib/apt/mirrors/partial');
  folder('var/log/apt');
  return [...entries.values()];
}

/** What dash registers when it is configured, so that another package may take over /bin/sh. */
const dashDiversions = `/usr/share/man/man1/sh.1.gz
/usr/share/man/man1/sh.distrib.1.gz
dash
/bin/sh
/bin/sh.distrib
dash
`;

/** `File` names who waits for paths, a file for each other trigger who waits for it. */
function triggerFiles(records: readonly InstalledRecord[]): Map<string, string> {
  const files = new Map<string, string>([
    ['File', ''],
    ['Unincorp', ''],
    ['Lock', ''],
  ]);
  const append = (name: string, line: string) => files.set(name, `${files.get(name) ?? ''}${line}\n`);
  for (const { name, interests } of records) {
    for (const interest of interests) {
      const [directive = '', trigger = ''] = interest.split(/\s+/);
      const owner = directive === 'interest-noawait' ? `${name}/noawait` : name;
      if (trigger.startsWith('/')) append('File', `${trigger} ${owner}`);
      else append(trigger, owner);
    }
  }
  return files;
}

/** A file for each group: mode, link, names and links of slaves, then each choice with its priority and slaves. */
function alternativeFiles({ alternatives, exists }: PackageDatabaseOptions): Map<string, string> {
  const groups = new Map<string, Alternative[]>();
  for (const alternative of alternatives) {
    if (!exists(alternative.path)) continue;
    const group = groups.get(alternative.name);
    if (group === undefined) groups.set(alternative.name, [alternative]);
    else if (!group.some(({ path }) => path === alternative.path)) group.push(alternative);
  }
  const files = new Map<string, string>();
  for (const [name, group] of groups) {
    const slaves = new Map<string, string>();
    for (const { slaves: own } of group) for (const slave of own) slaves.set(slave.name, slave.link);
    const names = [...slaves.keys()].sort();
    const lines = ['auto', group[0]!.link];
    for (const slave of names) lines.push(slave, slaves.get(slave)!);
    lines.push('');
    for (const choice of [...group].sort((a, b) => (a.path < b.path ? -1 : 1))) {
      lines.push(choice.path, String(choice.priority));
      for (const slave of names) lines.push(choice.slaves.find((own) => own.name === slave)?.path ?? '');
    }
    lines.push('');
    files.set(name, `${lines.join('\n')}\n`);
  }
  return files;
}
