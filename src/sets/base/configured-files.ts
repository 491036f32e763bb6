// Files that the scripts of Debian's base system write when it is installed, and that programs rely on afterwards: those
// of base-files, PAM's stacks (pam-auth-update), the list of shells, apt's folders, empty records of log-ins. Only a
// base image needs them; declared-root.ts does what every image needs.
import { closeSync, openSync, readSync } from 'node:fs';
import type { FileEntry, TreeEntry } from '../../foundation/file-tree.ts';

/** Gives the entry at a path, or undefined. */
type LookUp = (path: string) => TreeEntry | undefined;

const time = 1;

/** What is not there yet of those files; parents of what they name exist. */
export function configuredFiles(
  lookUp: LookUp,
  ids: { gid(group: string): number; uid(user: string): number },
) {
  const entries: TreeEntry[] = [];
  const file = (path: string, bytes: Uint8Array | string, mode = 0o644, gid = 0) => {
    if (lookUp(path) !== undefined) return;
    const content = { kind: 'bytes', bytes: Buffer.from(bytes as string) } as const;
    entries.push({ kind: 'file', path, mode, uid: 0, gid, mtime: time, content });
  };
  const folder = (path: string, mode = 0o755, gid = 0) => {
    if (lookUp(path) !== undefined) return;
    entries.push({ kind: 'directory', path, mode, uid: 0, gid, mtime: time });
  };
  const link = (path: string, target: string) => {
    if (lookUp(path) !== undefined) return;
    entries.push({ kind: 'symlink', path, mode: 0o777, uid: 0, gid: 0, mtime: time, target });
  };
  for (const [name, path] of defaults) {
    const source = lookUp(`usr/share/base-files/${name}`);
    if (source?.kind === 'file') file(path, readFile(source));
  }
  for (const path of ['mnt', 'srv', 'opt', 'etc/opt', 'var/opt', 'media', 'usr/local']) folder(path);
  for (const name of ['share', 'share/man', 'bin', 'games', 'lib', 'include', 'sbin', 'src', 'etc'])
    folder(`usr/local/${name}`);
  link('usr/local/man', 'share/man');
  folder('var/mail', 0o2775, ids.gid('mail'));
  folder('var/spool');
  link('var/spool/mail', '../mail');
  if (lookUp('etc/dpkg/origins/debian') !== undefined) link('etc/dpkg/origins/default', 'debian');
  for (const [name, mode] of Object.entries({ wtmp: 0o664, btmp: 0o660, lastlog: 0o664 }))
    file(`var/log/${name}`, '', mode, ids.gid('utmp'));
  for (const name of ['environment', 'subgid', 'subuid']) file(`etc/${name}`, '');
  file('etc/fstab', '# UNCONFIGURED FSTAB FOR BASE SYSTEM\n');
  // apt drops its privileges to this account for downloads; the package has these folders as root's.
  for (const path of ['var/lib/apt/lists/partial', 'var/cache/apt/archives/partial']) {
    entries.push({ kind: 'directory', path, mode: 0o700, uid: ids.uid('_apt'), gid: 0, mtime: time });
  }
  declareShells(lookUp, file);
  declarePam(lookUp, { file, folder });
  return entries;
}

/** Templates of base-files and where they go. */
const defaults: readonly (readonly [string, string])[] = [
  ['dot.profile', 'root/.profile'],
  ['dot.bashrc', 'root/.bashrc'],
  ['profile', 'etc/profile'],
  ['motd', 'etc/motd'],
  ['info.dir', 'usr/share/info/dir'],
];

type PutFile = (path: string, text: string, mode?: number) => void;

function declareShells(lookUp: LookUp, file: PutFile): void {
  const shells = ['bash', 'dash'].flatMap((name) => {
    const entry = lookUp(`usr/share/debianutils/shells.d/${name}`);
    return entry?.kind === 'file' ? readFile(entry).toString('utf8').split('\n').filter(Boolean) : [];
  });
  const both = ['/bin/sh', '/usr/bin/sh', ...shells.flatMap((shell) => [shell, `/usr${shell}`])];
  const lines = [...new Set(both)];
  file('etc/shells', `# /etc/shells: valid login shells\n${lines.join('\n')}\n`);
  file('var/lib/shells.state', `${shells.flatMap((shell) => [shell, `/usr${shell}`]).join('\n')}\n`);
}

/** The stacks of PAM, by what their templates and `pam-auth-update`'s state call them. */
const stacks: readonly {
  readonly name: string;
  readonly field: string;
  readonly variable: string;
  readonly type: string;
}[] = [
  { name: 'account', field: 'account', variable: 'account', type: 'account' },
  { name: 'auth', field: 'auth', variable: 'auth', type: 'auth' },
  { name: 'password', field: 'password', variable: 'password', type: 'password' },
  { name: 'session', field: 'session', variable: 'session', type: 'session' },
  { name: 'session-noninteractive', field: 'session', variable: 'session_nonint', type: 'session' },
];

/** What pam-auth-update makes of the profile `unix`, the only one that is on by default. */
function declarePam(
  lookUp: LookUp,
  { file, folder }: { readonly file: PutFile; readonly folder: (path: string) => void },
): void {
  const profile = lookUp('usr/share/pam-configs/unix');
  if (profile?.kind !== 'file') return;
  const lines = readFile(profile).toString('utf8').split('\n');
  const modulesOf = (field: string): string => {
    const at = lines.findIndex((line) => line.toLowerCase() === `${field}-initial:`);
    return lines[at + 1]?.trim() ?? '';
  };
  const isPrimary = (field: string) => lines.some((line) => line.toLowerCase() === `${field}-type: primary`);
  folder('var/lib/pam');
  for (const { name, field, variable, type } of stacks) {
    const template = lookUp(`usr/share/pam/common-${name}`);
    if (template?.kind !== 'file') continue;
    const module = modulesOf(field);
    const permit = '[default=1]\t\t\tpam_permit.so';
    // `end` jumps behind the pam_deny that follows: over one line, as the profile is alone. pam-auth-update puts a
    // blank behind a module without options.
    const spaced = `${type}\t${module.replace('success=end', 'success=1')}${/\.so$/.test(module) ? ' ' : ''}`;
    const primary = isPrimary(field) ? spaced : `${type}\t${permit}`;
    const text = readFile(template)
      .toString('utf8')
      .replace(`$${variable}_primary`, primary)
      .replace(
        isPrimary(field) ? `$${variable}_additional\n` : `$${variable}_additional`,
        isPrimary(field) ? '' : spaced,
      );
    file(`etc/pam.d/common-${name}`, text);
    const state = isPrimary(field)
      ? `Module: unix\n${module}\n`
      : `Module: null\n${permit}\nModule: unix\n${module}\n`;
    file(`var/lib/pam/${name}`, state);
  }
  const others = lookUp('usr/share/pam-configs/mkhomedir') === undefined ? '' : 'mkhomedir\n';
  file('var/lib/pam/seen', `unix\n${others}`);
  file('etc/security/opasswd', '', 0o600);
}

function readFile({ content }: FileEntry): Buffer {
  if (content.kind === 'bytes') return Buffer.from(content.bytes);
  const bytes = Buffer.alloc(content.length);
  const descriptor = openSync(content.file, 'r');
  try {
    readSync(descriptor, bytes, 0, bytes.length, content.offset);
  } finally {
    closeSync(descriptor);
  }
  return bytes;
}
