// Configuration that maintainer scripts put in place on a fresh system: files copied from where packages keep their
// templates (cp, install, ucf(1)), links and empty files beside them, modules and sites of Apache and PHP that scripts
// switch on, and text that scripts write. Nothing that a package ships is replaced. Left out are copies of what scripts
// compute.
import { type ByteString, toByteString } from '../foundation/byte-string.ts';
import type { TreeEntry } from '../foundation/file-tree.ts';
import { packageTime } from './package-tree.ts';
import type { Metadata, RootDraft } from './root-draft.ts';
import type { ScriptCommand } from './script-reader.ts';
import { type AccountIds, readDirectoryWords } from './script-words.ts';

/** Reads a file of the draft as text; undefined for anything else. */
type ReadText = (path: ByteString) => string | undefined;

export interface ConfigurationOptions {
  readonly draft: RootDraft;
  readonly commands: readonly ScriptCommand[];
  readonly ids: AccountIds;
  readonly textAt: ReadText;
}

/** Takes up every command that puts configuration in place; others are passed over. */
export function declareConfiguration({ draft, commands, ids, textAt }: ConfigurationOptions): void {
  for (const command of commands) applyCopy(draft, command, ids);
  enableApache(draft, commands, textAt);
  enablePhp(draft, commands, textAt);
}

/** Where scripts make files for an administrator; what else they write is their own business. */
const isConfiguration = (path: string) =>
  /^\/(?:etc|srv|var\/(?:lib|www|spool|log))\//.test(path) &&
  !/\.(?:dpkg-[a-z]+|bak|old|orig|tmp|\$\$|\d+)$/.test(path);

function applyCopy(draft: RootDraft, [program, ...words]: ScriptCommand, ids: AccountIds): void {
  const options = words.filter((word) => word.startsWith('-'));
  const rest = words.filter((word) => !word.startsWith('-'));
  switch (program) {
    case 'cp': {
      const deep = options.some((option) => /^-[a-zA-Z]*[rRa]|^--(?:recursive|archive)$/.test(option));
      if (rest.length === 2) copy(draft, { from: rest[0]!, to: rest[1]!, deep });
      return;
    }
    case 'install': {
      const { isDirectory, paths, ...metadata } = readDirectoryWords(words, ids);
      const [from, to, more] = paths;
      if (isDirectory || from === undefined || to === undefined || more !== undefined) return;
      copy(draft, { from, to, deep: false, metadata: { ...metadata, mode: metadata.mode ?? 0o755 } });
      return;
    }
    case 'ucf': {
      const [from, to, more] = rest.filter((_, index) => !ucfValues.has(wordBefore(words, rest, index)));
      if (from === undefined || to === undefined || more !== undefined) return;
      if (from !== '' && draft.resolve(from) !== undefined) copy(draft, { from, to, deep: false });
      else for (const template of templatesOf(draft, to)) copy(draft, { from: template, to, deep: false });
      return;
    }
    case 'ln': {
      const [target, link, more] = rest;
      if (!options.some((option) => /^-[a-z]*s|^--symbolic$/.test(option)) || more !== undefined) return;
      const at = link !== undefined && isConfiguration(link) ? draft.pathOf(link) : undefined;
      // A link to nothing is for what this image leaves out.
      const place = target?.startsWith('/') ? target : `${link?.replace(/[^/]*$/, '')}${target}`;
      const leads = target !== undefined && draft.follow(place) !== undefined;
      if (at !== undefined && leads && draft.get(at) === undefined) draft.putLink(at, toByteString(target));
      return;
    }
    case '>': {
      const [path, text] = words;
      const isPlace = path !== undefined && (isConfiguration(path) || path.startsWith('/usr/share/'));
      const at = isPlace ? draft.pathOf(path) : undefined;
      // What scripts note for themselves and each other is of no use here.
      const isNote =
        at === undefined || /^(?:var\/lib\/(?:dpkg|ucf|apt|systemd|debconf)|etc\/python3)\//.test(at);
      if (!isNote && draft.get(at) === undefined) draft.putFile(at, text!);
      return;
    }
    case 'touch':
      for (const path of rest) {
        const at =
          /^\/(?:etc|var\/log)\//.test(path) && isConfiguration(path) ? draft.pathOf(path) : undefined;
        if (at !== undefined && draft.get(at) === undefined) draft.putFile(at, '');
      }
  }
}

/** Options of ucf that take a value. */
const ucfValues = new Set(['-s', '--src-dir', '--sum-file', '--state-dir']);

/** The word before one that is no option: the option that it may be the value of. */
function wordBefore(words: readonly string[], rest: readonly string[], index: number): string {
  let seen = -1;
  for (const [at, word] of words.entries()) {
    if (!word.startsWith('-')) seen++;
    if (seen === index && rest[index] === word) return words[at - 1] ?? '';
  }
  return '';
}

interface Copy {
  readonly from: string;
  readonly to: string;
  readonly deep: boolean;
  readonly metadata?: Metadata;
}

/** The first copy wins: scripts make a file where there is none. */
function copy(draft: RootDraft, { from, to, deep, metadata }: Copy): void {
  const source = draft.resolve(from);
  if (source === undefined || !isConfiguration(to)) return;
  const isFolder = draft.resolve(to)?.kind === 'directory' || to.endsWith('/');
  const target = draft.pathOf(isFolder ? `${to}/${source.path.slice(source.path.lastIndexOf('/') + 1)}` : to);
  if (target === undefined || draft.get(target) !== undefined) return;
  if (source.kind === 'directory' ? !deep : source.kind !== 'file') return;
  const copied = [source, ...(source.kind === 'directory' ? draft.below(`${source.path}/`) : [])];
  for (const entry of copied) {
    const path = target + entry.path.slice(source.path.length);
    if (entry.kind !== 'hardlink') draft.put({ ...entry, path, mtime: packageTime });
  }
  if (metadata !== undefined) draft.change(`/${target}`, metadata);
}

/** Files that a package may keep for a configuration file, known by its name alone: a template, or the file itself. */
function templatesOf(draft: RootDraft, path: string): string[] {
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (name === '') return [];
  const wanted = ['', '.ucf', '.template', '.default', '.dist', '.sample', '.example'].map(
    (end) => `/${name}${end}`,
  );
  const isTemplate = (entry: TreeEntry) =>
    entry.kind === 'file' && wanted.some((end) => entry.path.endsWith(end));
  const found = ['usr/share/', 'usr/lib/'].flatMap((folder) => draft.below(folder).filter(isTemplate));
  // Of several files of one name nobody can tell which is meant, unless a folder says so: /usr/share/x/config for /etc/x/config.
  const folder = path.split('/').at(-2) ?? '';
  const near = found.filter((entry) => entry.path.split('/').at(-2) === folder);
  const only = found.length === 1 ? found : near;
  return only.length === 1 && !/^usr\/share\/(?:doc|bash-completion)\//.test(only[0]!.path)
    ? [`/${only[0]!.path}`]
    : [];
}

const apacheKinds: Readonly<Record<string, string>> = { mod: 'mods', conf: 'conf', site: 'sites' };

/** a2enmod(8), a2enconf(8), a2ensite(8): links beside what is available; modules bring those that they depend on. */
function enableApache(draft: RootDraft, commands: readonly ScriptCommand[], textAt: ReadText): void {
  const enable = (kind: string, name: string) => {
    const folder = `etc/apache2/${apacheKinds[kind]}`;
    for (const end of kind === 'mod' ? ['load', 'conf'] : ['conf']) {
      const link = `${folder}-enabled/${name}.${end}`;
      const text = textAt(`${folder}-available/${name}.${end}`);
      if (text === undefined || draft.get(link) !== undefined) continue;
      draft.putLink(link, `../${apacheKinds[kind]}-available/${name}.${end}`);
      const needed = /^# Depends:(.*)$/m.exec(text)?.[1] ?? '';
      for (const other of needed.split(/\s+/)) if (isName(other)) enable('mod', other);
    }
  };
  const switched = commands.find(([program]) => program === 'apache2_switch_mpm')?.[1];
  for (const [program, ...words] of commands) {
    const [first, ...rest] = words.filter((word) => !word.startsWith('-'));
    const kind = /^(?:.*\/)?a2en(mod|conf|site)$/.exec(program ?? '')?.[1];
    const names = kind === undefined ? rest : [first, ...rest];
    const wanted =
      kind ?? (program === 'apache2_invoke' ? /^en(mod|conf|site)$/.exec(first ?? '')?.[1] : undefined);
    if (wanted === undefined) continue;
    for (const name of names) {
      if (name === undefined || !isName(name)) continue;
      // Two of them cannot work together; a module such as PHP's says which it needs.
      const isOther = name.startsWith('mpm_') && switched !== undefined && name !== `mpm_${switched}`;
      if (!isOther) enable(wanted, name);
    }
  }
  if (switched !== undefined && isName(switched)) enable('mod', `mpm_${switched}`);
}

/** phpenmod(8): a link in the folder of each interface (cli, fpm, apache2), numbered by what the module's file says. */
function enablePhp(draft: RootDraft, commands: readonly ScriptCommand[], textAt: ReadText): void {
  for (const [program, action, version = '', wanted = '', name = ''] of commands) {
    if (program !== 'php_invoke' || action !== 'enmod' || !/^\d+\.\d+$/.test(version) || !isName(name))
      continue;
    const text = textAt(`etc/php/${version}/mods-available/${name}.ini`);
    if (text === undefined) continue;
    const priority = /^;\s*priority\s*=\s*(\d+)\s*$/m.exec(text)?.[1] ?? '20';
    const folder = `usr/lib/php/${version}/sapi/`;
    for (const { path } of draft.below(folder)) {
      const sapi = path.slice(folder.length);
      if (wanted !== 'ALL' && wanted !== sapi) continue;
      const link = `etc/php/${version}/${sapi}/conf.d/${priority}-${name}.ini`;
      if (draft.get(link) === undefined)
        draft.putLink(link, `/etc/php/${version}/mods-available/${name}.ini`);
    }
  }
}

const isName = (text: string) => /^[A-Za-z0-9][A-Za-z0-9._+-]*$/.test(text);
