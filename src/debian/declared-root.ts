// What maintainer scripts would have done that an image needs, as a tree to lay over the packages: links of the merged
// /usr, accounts, directories and owners, configuration files, alternatives, certificates, time zone, names service.
// Scripts are read, not run: see script-reader.ts for how far that goes.
//
// Left out: the databases of dpkg and update-alternatives, since nothing is installed later; daemons' links in rc*.d and
// systemd, as an image starts one program; python byte code, which is made elsewhere.
import { closeSync, openSync, readSync } from 'node:fs';
import type { ByteString } from '../foundation/byte-string.ts';
import { TrimaranError } from '../foundation/error.ts';
import {
  type Content,
  contentLength,
  type FileTree,
  fileTree,
  type TreeEntry,
} from '../foundation/file-tree.ts';
import {
  AccountRequests,
  type Accounts,
  writeGroup,
  writeGshadow,
  writePasswd,
  writeShadow,
} from './accounts.ts';
import { type Alternative, chooseAlternatives, readAlternative } from './alternatives.ts';
import { certificateBytes, layOutCertificates } from './certificates.ts';
import { declareComputedResults } from './computed-results.ts';
import { declareConfiguration } from './configuration-files.ts';
import { writeJavaKeystore } from './java-keystore.ts';
import { declareLibraryIndex } from './library-index.ts';
import { mergedDirectories, packageTime } from './package-tree.ts';
import { declarePam } from './pam-configuration.ts';
import { applyCommand, applyTmpfiles, RootDraft } from './root-draft.ts';
import { readScript, type ScriptCommand } from './script-reader.ts';
import { declareTriggeredFiles } from './triggered-files.ts';
import { type TreePackage, uniteTrees } from './unite-trees.ts';

/** For keys of what is kept: raised whenever the same packages give another tree. */
export const declaredRootFormat = 12;

export interface DeclareRootOptions {
  /** All packages of the image, in any order. */
  readonly packages: readonly TreePackage[];
  /** Whether dpkg goes on managing the root, so that nothing lies there but what packages and their scripts make. */
  readonly managed?: boolean;
  /** Which Debian this is, for `/etc/os-release` where the package base-files is left out. */
  readonly release?: { readonly codename: string; readonly version?: string };
}

/**
 * The entries to lay over the packages' own, each needed directory included. The same packages give the same tree, whatever
 * their order. Throws the errors of {@link uniteTrees}, and `debian/content-changed` when an unpacked file cannot be read as
 * its tree says.
 *
 * @example
 * const top = declareRoot({ packages: [{ control, tree }] });
 */
export function declareRoot(options: DeclareRootOptions): FileTree {
  const packages = [...options.packages].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  const united = uniteTrees(packages);
  const draft = new RootDraft(united.tree);
  for (const entry of united.contested) draft.put(entry);
  layOutDirectories(draft);
  const commands = packages.flatMap(commandsOf);
  const accounts = declareAccounts(draft, commands);
  const ids = {
    uid: (name: string) => numberOr(name, accounts.users.find((user) => user.name === name)?.uid),
    gid: (name: string) => numberOr(name, accounts.groups.find((group) => group.name === name)?.gid),
  };
  for (const [home, owner] of accounts.homes) {
    draft.makeDirectory(home, {
      mode: 0o755,
      uid: ids.uid(owner),
      gid: accounts.users.find((user) => user.name === owner)?.gid,
    });
  }
  // Files first, since scripts make them before they say whose they are.
  declareConfiguration({ draft, commands, ids, textAt: (path) => textAt(draft, path) });
  for (const command of commands) applyCommand(draft, command, ids);
  declareComputedResults(draft, packages.map(nameOf), ids);
  for (const text of configurationTexts(draft, 'usr/lib/tmpfiles.d/')) applyTmpfiles(draft, text, ids);
  declareAlternatives(draft, commands);
  linkServerPrograms(draft);
  if (options.managed !== true) linkSystemPrograms(draft);
  declareCertificates(draft);
  declareTriggeredFiles({
    draft,
    commands,
    versions: new Map(packages.map((owner) => [nameOf(owner), owner.control.fields.version ?? ''])),
    textOf: (entry) => readContent(entry).toString('utf8'),
  });
  declarePam(draft, (path) => textAt(draft, path));
  declareSmallFiles(draft, options);
  const library = packages.find((owner) => nameOf(owner) === 'libc-bin')?.control.fields;
  if (library?.version !== undefined) {
    declareLibraryIndex({
      draft,
      version: library.version,
      architecture: library.architecture ?? '',
      textAt: (path) => textAt(draft, path),
    });
  }
  return fileTree(draft.changes());
}

function nameOf({ control }: TreePackage): string {
  return control.fields.package ?? '';
}

function numberOr(name: string, found: number | undefined): number | undefined {
  return found ?? (/^\d{1,9}$/.test(name) ? Number(name) : undefined);
}

/** What a script that asks the administrator does with these depends on the answers: links, texts, capabilities. */
const answered = new Set(['ln', '>', 'setcap']);

/** The commands that a fresh installation could run, in the order in which dpkg would run the scripts. */
function commandsOf(owner: TreePackage): ScriptCommand[] {
  const variables = {
    DPKG_MAINTSCRIPT_PACKAGE: nameOf(owner),
    DPKG_MAINTSCRIPT_ARCH: owner.control.fields.architecture ?? '',
    DPKG_ROOT: '',
  };
  return ['preinst', 'postinst'].flatMap((name) => {
    const script = owner.control.scripts[name];
    if (script === undefined) return [];
    const commands = inFolders(readScript(script, variables));
    return /\bdb_get\b/.test(script) ? commands.filter(([program]) => !answered.has(program!)) : commands;
  });
}

/** Commands with the paths that `cd` has made relative to a known folder as absolute ones, where files are copied. */
function inFolders(commands: readonly ScriptCommand[]): ScriptCommand[] {
  let folder: string | undefined;
  return commands.map((command) => {
    const [program, ...words] = command;
    if (program === 'cd') folder = words[0]?.startsWith('/') ? words[0] : undefined;
    if (program !== 'cp' || folder === undefined) return command;
    return [program, ...words.map((word) => (/^[-/]/.test(word) ? word : `${folder}/${word}`))];
  });
}

/** Directories that programs and container engines expect, by path, with their modes. */
const directories: Readonly<Record<string, number>> = {
  dev: 0o755,
  etc: 0o755,
  home: 0o755,
  proc: 0o755,
  root: 0o700,
  run: 0o755,
  'run/lock': 0o1777,
  sys: 0o755,
  tmp: 0o1777,
  usr: 0o755,
  'usr/bin': 0o755,
  'usr/lib': 0o755,
  'usr/sbin': 0o755,
  var: 0o755,
  'var/cache': 0o755,
  'var/lib': 0o755,
  'var/log': 0o755,
  'var/tmp': 0o1777,
};

function layOutDirectories(draft: RootDraft): void {
  for (const [path, mode] of Object.entries(directories)) {
    const present = draft.get(path);
    // A package that has /tmp by the way does not decide its mode; base-files, which does, has these modes.
    const isUsual = present?.kind === 'directory' && present.mode === mode;
    if (!isUsual && present?.kind !== 'symlink') draft.makeDirectory(`/${path}`, { mode, uid: 0, gid: 0 });
  }
  for (const name of mergedDirectories) {
    const isNeeded = ['bin', 'lib', 'sbin'].includes(name) || draft.get(`usr/${name}`) !== undefined;
    if (isNeeded && draft.get(name) === undefined) draft.putLink(name, `usr/${name}`);
  }
  // What bash's script does where there is no other shell; system() and popen() need it.
  if (draft.get('usr/bin/sh') === undefined && draft.get('usr/bin/bash') !== undefined) {
    draft.putLink('usr/bin/sh', 'bash');
  }
  if (draft.get('var/run') === undefined) draft.putLink('var/run', '/run');
  if (draft.get('var/lock') === undefined) draft.putLink('var/lock', '/run/lock');
}

function declareAccounts(draft: RootDraft, commands: readonly ScriptCommand[]): Accounts {
  const requests = new AccountRequests();
  for (const command of commands) requests.readCommand(command);
  for (const text of configurationTexts(draft, 'usr/lib/sysusers.d/')) requests.readSysusers(text);
  const passwd = textAt(draft, 'usr/share/base-passwd/passwd.master');
  const group = textAt(draft, 'usr/share/base-passwd/group.master');
  const accounts = requests.allocate({
    ...(passwd === undefined ? {} : { passwd }),
    ...(group === undefined ? {} : { group }),
  });
  draft.putFile('etc/passwd', writePasswd(accounts));
  draft.putFile('etc/group', writeGroup(accounts));
  const gid = accounts.groups.find(({ name }) => name === 'shadow')?.gid ?? 0;
  draft.putFile('etc/shadow', writeShadow(accounts), { mode: 0o640, gid });
  draft.putFile('etc/gshadow', writeGshadow(accounts), { mode: 0o640, gid });
  return accounts;
}

function declareAlternatives(draft: RootDraft, commands: readonly ScriptCommand[]): void {
  const offered = commands.map(readAlternative).filter((found): found is Alternative => found !== undefined);
  for (const { link, name, path } of chooseAlternatives(
    offered,
    (wanted) => draft.resolve(wanted) !== undefined,
  )) {
    const at = draft.pathOf(link);
    // Like update-alternatives, never put a link where a package has a file.
    if (at === undefined || (draft.get(at) !== undefined && draft.get(at)?.kind !== 'symlink')) continue;
    draft.putLink(at, `/etc/alternatives/${name}`);
    draft.putLink(`etc/alternatives/${name}`, path);
  }
}

/**
 * PostgreSQL's programs lie in a folder for each version, and in /usr/bin only those of clients. A name that is free there
 * leads to the newest, so that `postgres` and `initdb` are found without a path.
 */
function linkServerPrograms(draft: RootDraft): void {
  const versioned = /^usr\/lib\/postgresql\/(\d+)\/bin\/([^/]+)$/;
  const newest = new Map<string, number>();
  for (const { path } of draft.below('usr/lib/postgresql/')) {
    const [, version, name] = versioned.exec(path) ?? [];
    if (name !== undefined) newest.set(name, Math.max(Number(version), newest.get(name) ?? 0));
  }
  for (const [name, version] of newest) {
    const link = `usr/bin/${name}`;
    if (draft.get(link) === undefined) draft.putLink(link, `../lib/postgresql/${version}/bin/${name}`);
  }
}

/** Recipes look for all programs in `bin`, as other distributions have them: nginx, which Debian has in /usr/sbin, too. */
function linkSystemPrograms(draft: RootDraft): void {
  for (const { kind, path, mode } of draft.inside('usr/sbin')) {
    const name = path.slice('usr/sbin/'.length);
    const isProgram =
      kind === 'symlink' || ((kind === 'file' || kind === 'hardlink') && (mode & 0o111) !== 0);
    if (isProgram && draft.get(`usr/bin/${name}`) === undefined)
      draft.putLink(`usr/bin/${name}`, `../sbin/${name}`);
  }
}

function declareCertificates(draft: RootDraft): void {
  const files = draft
    .below('usr/share/ca-certificates/')
    .concat(draft.below('usr/local/share/ca-certificates/'))
    .filter((entry) => entry.kind === 'file' && entry.path.endsWith('.crt'));
  if (files.length === 0) return;
  const certificates = files.map((entry) => ({ path: `/${entry.path}`, pem: readContent(entry) }));
  const { links, bundle } = layOutCertificates(certificates);
  // Java trusts what its own store says, and nobody without one.
  const java = 'etc/ssl/certs/java';
  if (draft.get(java)?.kind === 'directory' && draft.get(`${java}/cacerts`) === undefined) {
    const trusted = certificates.flatMap(({ path, pem }) => {
      const der = certificateBytes(pem);
      const name = path.slice(path.lastIndexOf('/') + 1).replace(/\.crt$/, '.pem');
      return der === undefined
        ? []
        : [{ alias: `debian:${name.replace(/[A-Z]/g, (letter) => letter.toLowerCase())}`, der }];
    });
    draft.putFile(`${java}/cacerts`, writeJavaKeystore(trusted, packageTime));
  }
  for (const [name, target] of links) draft.putLink(`etc/ssl/certs/${name}`, target);
  draft.putFile('etc/ssl/certs/ca-certificates.crt', bundle);
  // The script that makes the bundle again takes out what its list does not have. It runs openssl, which few images have.
  const hasOpenssl = draft.get('usr/bin/openssl') !== undefined;
  if (hasOpenssl && draft.get('usr/sbin/update-ca-certificates') !== undefined) {
    const folder = 'usr/share/ca-certificates/';
    const listed = files.flatMap(({ path }) => (path.startsWith(folder) ? [path.slice(folder.length)] : []));
    const list = 'etc/ca-certificates.conf';
    if (draft.get(list) === undefined) draft.putFile(list, `${listed.sort().join('\n')}\n`);
    draft.makeDirectory('/usr/local/share/ca-certificates', {});
  }
  // The package openssl, which few images need, has OpenSSL's directory; the library looks for certificates there.
  if (draft.get('usr/lib/ssl/certs') === undefined) draft.putLink('usr/lib/ssl/certs', '/etc/ssl/certs');
}

/** Name services: accounts from files, hosts from /etc/hosts and then DNS. */
const nameServices = `passwd: files
group: files
shadow: files
gshadow: files
hosts: files dns
networks: files
protocols: db files
services: db files
ethers: db files
rpc: db files
`;

function declareSmallFiles(draft: RootDraft, options: DeclareRootOptions): void {
  if (draft.get('etc/nsswitch.conf') === undefined) {
    const template = ['usr/share/libc-bin/nsswitch.conf', 'usr/share/base-files/nsswitch.conf']
      .map((path) => textAt(draft, path))
      .find((text) => text !== undefined);
    draft.putFile('etc/nsswitch.conf', template ?? nameServices);
  }
  if (draft.get('usr/share/zoneinfo/Etc/UTC') !== undefined) {
    if (draft.get('etc/localtime') === undefined)
      draft.putLink('etc/localtime', '/usr/share/zoneinfo/Etc/UTC');
    if (draft.get('etc/timezone') === undefined) draft.putFile('etc/timezone', 'Etc/UTC\n');
  }
  const { release } = options;
  if (
    release !== undefined &&
    draft.get('usr/lib/os-release') === undefined &&
    draft.get('etc/os-release') === undefined
  ) {
    // base-files writes the major version alone.
    const version = release.version?.replace(/\..*/, '');
    const lines = [
      `PRETTY_NAME="Debian GNU/Linux ${version === undefined ? release.codename : `${version} (${release.codename})`}"`,
      'NAME="Debian GNU/Linux"',
      ...(version === undefined
        ? []
        : [`VERSION_ID="${version}"`, `VERSION="${version} (${release.codename})"`]),
      `VERSION_CODENAME=${release.codename}`,
      'ID=debian',
    ];
    draft.putFile('usr/lib/os-release', `${lines.join('\n')}\n`);
    draft.putLink('etc/os-release', '../usr/lib/os-release');
  }
}

/** Texts of the `.conf` files of a directory, in the order of their names. */
function configurationTexts(draft: RootDraft, directory: ByteString): string[] {
  return draft
    .below(directory)
    .filter((entry) => entry.kind === 'file' && entry.path.endsWith('.conf'))
    .map((entry) => readContent(entry).toString('utf8'));
}

function textAt(draft: RootDraft, path: ByteString): string | undefined {
  const entry = draft.get(path);
  return entry?.kind === 'file' ? readContent(entry).toString('utf8') : undefined;
}

function readContent(entry: TreeEntry): Buffer {
  if (entry.kind !== 'file') return Buffer.alloc(0);
  const content: Content = entry.content;
  if (content.kind === 'bytes') return Buffer.from(content.bytes);
  const bytes = Buffer.alloc(contentLength(content));
  const descriptor = openSync(content.file, 'r');
  try {
    for (let filled = 0; filled < bytes.length; ) {
      const got = readSync(descriptor, bytes, filled, bytes.length - filled, content.offset + filled);
      if (got === 0) {
        throw new TrimaranError({
          code: 'debian/content-changed',
          message: `${String(content.file)} became shorter since it was unpacked`,
          hint: 'run the same command again',
          exitCode: 4,
        });
      }
      filled += got;
    }
  } finally {
    closeSync(descriptor);
  }
  return bytes;
}
