// Writes a flake in the way that people write them by hand: inputs, one image with its configuration, packages.
import { posix, relative } from 'node:path';
import type { Placed } from '../../compose/service.ts';
import { commentLines, type Draft, type DraftSource, freeName, mentions } from './draft.ts';
import { apartInStore, type FileGroup, fileGroups } from './file-groups.ts';
import { sameSource } from './image-needs.ts';

/** The text of a flake.nix in `directory`. */
export function writeFlake(
  draft: Draft,
  options: { readonly directory: string; readonly remarks: readonly Placed<string>[] },
): string {
  const { needs, sources } = draft;
  const git = sources.filter(({ source }) => source.kind === 'git');
  const linked = linkedSources(draft);
  const groups = namedGroups(linked, draft, options.directory);
  const lines: string[] = ['{'];
  for (const line of commentLines(options.remarks, '#')) lines.push(`  ${line}`);
  if (draft.set !== 'nixpkgs') lines.push(`  inputs.nixpkgs.url = ${text(draft.set)};`);
  for (const { name, source } of git) {
    if (source.kind !== 'git') continue;
    lines.push(
      `  inputs.${name} = {`,
      `    url = ${text(inputUrl(source.url, source.ref))};`,
      '    flake = false;',
      '  };',
    );
  }
  lines.push(
    '',
    `  outputs = {${['self', 'nixpkgs', ...git.map(({ name }) => name)].join(', ')}}: let`,
    `    system = ${text(draft.system)};`,
    '    pkgs = nixpkgs.legacyPackages.${system};',
    ...groups.flatMap((group) => groupLines(group, options.directory)),
    '  in',
    '  {',
    `    ${attribute(draft.service)} = pkgs.dockerTools.buildImage {`,
    `      name = ${text(draft.imageName)};`,
    '      tag = "latest";',
    '      config = {',
  );
  const list = (key: string, words: readonly string[]) => {
    lines.push(`        ${key} = [`, ...wordLines(words).map((line) => `          ${line}`), '        ];');
  };
  if (needs.entrypoint !== undefined) list('Entrypoint', needs.entrypoint.value);
  if (needs.command !== undefined) list('Cmd', needs.command.value);
  const working = needs.workingDirectory?.value;
  if (working?.kind === 'path') lines.push(`        WorkingDir = ${text(working.path)};`);
  else if (working?.kind === 'source') {
    const placed = sources.find((one) => one.isWorkingDirectory);
    const value = placed === undefined ? undefined : sourceExpression(placed, options.directory);
    if (value !== undefined)
      lines.push(
        `        WorkingDir = ${working.inside === '' ? value : `"\${${value}}/${text(working.inside).slice(1, -1)}"`};`,
      );
  }
  if (needs.environment.length > 0)
    list(
      'Env',
      needs.environment.map(({ value: [name, value] }) => `${name}=${value}`),
    );
  if (needs.user !== undefined) lines.push(`        User = ${text(needs.user.value)};`);
  for (const [key, values] of [
    ['ExposedPorts', draft.ports],
    ['Volumes', needs.volumes.map(({ value }) => value)],
  ] as const) {
    if (values.length === 0) continue;
    lines.push(
      `        ${key} = {`,
      ...values.map((value) => `          ${text(value)} = {};`),
      '        };',
    );
  }
  if (needs.labels.length > 0)
    lines.push(
      '        Labels = {',
      ...needs.labels.map(({ value: [name, value] }) => `          ${text(name)} = ${text(value)};`),
      '        };',
    );
  if (needs.stopSignal !== undefined) lines.push(`        StopSignal = ${text(needs.stopSignal.value)};`);
  if (needs.healthcheck !== undefined) {
    const { test, ...numbers } = needs.healthcheck.value;
    lines.push(
      '        Healthcheck = {',
      `          Test = [ ${test.map(text).join(' ')} ];`,
      ...Object.entries(numbers).flatMap(([name, value]) =>
        value > 0 ? [`          ${name[0]!.toUpperCase()}${name.slice(1)} = ${value};`] : [],
      ),
      '        };',
    );
  }
  lines.push(
    '      };',
    '      copyToRoot = pkgs.buildEnv {',
    `        name = ${text(`run-${draft.service}`)};`,
    '        paths = [',
  );
  const python = draft.names.flatMap((name) => name.python ?? []);
  if (python.length > 0) {
    lines.push('          (pkgs.python3.withPackages', '            (pypkgs: with pypkgs; [');
    const shown = python.map((name) => (isIdentifier(name) ? name : `pypkgs.${attribute(name)}`));
    lines.push(
      ...shown.map((name, index) => `              ${name}${index === shown.length - 1 ? ']))' : ''}`),
    );
  } else if (draft.python) lines.push('          pkgs.python3');
  for (const { plain } of draft.names)
    if (plain !== undefined && plain !== 'python3') lines.push(`          pkgs.${attribute(plain)}`);
  if (linked.length > 0) {
    lines.push('          (pkgs.linkFarm "files" [');
    for (const placed of linked) {
      const name = text(placed.target.slice(1));
      const path = memberExpression(placed, groups) ?? sourceExpression(placed, options.directory);
      lines.push(`            { name = ${name}; path = ${path}; }`);
    }
    lines.push('          ])');
  }
  lines.push('        ];', '      };', '    };', '  };', '}');
  return `${lines.join('\n')}\n`;
}

/** What a flake cannot have as the image had it, for the report. */
export function flakeRemarks(draft: Draft, directory: string): Placed<string>[] {
  const linked = linkedSources(draft);
  const apart = apartInStore(linked, fileGroups(linked, directory));
  if (apart === undefined) return [];
  const [{ target }, other] = apart;
  const placed = draft.needs.sources.find(({ value }) => sameSource(value, other.source));
  return [
    {
      value: `${target} and ${other.target} are links to objects of the store that lie apart; a program that follows the link to itself finds the other only by its path in the image`,
      span: placed?.span ?? { file: draft.needs.file, line: 1, column: 1 },
    },
  ];
}

interface NamedGroup extends FileGroup {
  readonly name: string;
}

function namedGroups(linked: readonly DraftSource[], draft: Draft, directory: string): NamedGroup[] {
  const taken = new Set(draft.sources.map(({ name }) => name));
  return fileGroups(linked, directory).map((group) => {
    const name = freeName('files', taken);
    taken.add(name);
    return { ...group, name };
  });
}

/** Files that belong together are one object of the store. */
function groupLines({ name, root, members }: NamedGroup, directory: string): string[] {
  const patterns = new Set<string>();
  for (const { inside, isFolder } of members) {
    const parts = inside.split('/').map(quoted);
    for (let at = 1; at <= parts.length; at++) patterns.add(parts.slice(0, at).join('/'));
    if (isFolder) patterns.add(`${parts.join('/')}/.*`);
  }
  return [
    `    ${name} = pkgs.lib.sourceByRegex ${pathExpression(root, directory)} [`,
    ...[...patterns].map((pattern) => `      ${text(pattern)}`),
    '    ];',
  ];
}

function memberExpression(placed: DraftSource, groups: readonly NamedGroup[]): string | undefined {
  for (const { name, members } of groups) {
    const member = members.find((one) => one.placed === placed);
    if (member !== undefined) return `"\${${name}}/${text(member.inside).slice(1, -1)}"`;
  }
  return undefined;
}

/** Sources that must lie at their place: all but the working directory, and that when something names it. */
function linkedSources({ sources, needs }: Draft): DraftSource[] {
  return sources.filter(
    ({ isWorkingDirectory, target }) =>
      target !== '/' &&
      !sources.some((outer) => target.startsWith(`${outer.target}/`)) &&
      (!isWorkingDirectory ||
        mentions(needs).some((word) =>
          new RegExp(`(^|[:=\\s'"])${quoted(target)}(/|$|[:\\s'"])`).test(word),
        )),
  );
}

function quoted(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

function sourceExpression({ source, name }: DraftSource, directory: string): string {
  if (source.kind === 'git') return name;
  if (source.kind === 'text') {
    const write = source.isExecutable === true ? 'writeScript' : 'writeText';
    return `(pkgs.${write} ${text(name)} ${text(source.text)})`;
  }
  const path = pathExpression(source.path, directory);
  // A store takes no name with a space in it, and older ones none that starts with a dot.
  return /^(?:\.|[\w+?=-][\w+.?=-]*)$/.test(posix.basename(path))
    ? path
    : `(builtins.path { path = ${path}; name = ${text(name)}; })`;
}

function pathExpression(full: string, directory: string): string {
  const path = relative(directory, full);
  if (path === '') return './.';
  if (path.startsWith('..')) return `(/. + ${text(full)})`;
  return /^[A-Za-z0-9._+/-]+$/.test(path) ? `./${path}` : `(./. + ${text(`/${path}`)})`;
}

/** Tags and branches are told by their look, since a URL must say which it means. */
function inputUrl(url: string, ref: string | undefined): string {
  const base = /^(?:https?|ssh|file|git):\/\//.test(url)
    ? `git+${url}`
    : `git+ssh://${url.replace(':', '/')}`;
  if (ref === undefined) return base;
  if (/^[0-9a-f]{40}$/.test(ref)) return `${base}?rev=${ref}`;
  return `${base}?ref=${/^v?\d/.test(ref) ? `refs/tags/${ref}` : ref}`;
}

/** Words one to a line; an option and its value share theirs. */
function wordLines(words: readonly string[]): string[] {
  const lines: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    const value = words[at + 1];
    if (/^--?[a-z]/.test(word) && !word.includes('=') && value !== undefined && !value.startsWith('-')) {
      lines.push(`${text(word)} ${text(value)}`);
      at++;
    } else lines.push(text(word));
  }
  return lines;
}

/** A string of the Nix language. */
function text(value: string): string {
  const escaped = value
    .replace(/[\\"]/g, '\\$&')
    .replaceAll('${', '\\${')
    .replaceAll('\n', '\\n')
    .replaceAll('\t', '\\t')
    .replaceAll('\r', '\\r');
  return `"${escaped}"`;
}

const keywords = /^(?:assert|else|if|in|inherit|let|or|rec|then|with)$/;

function isIdentifier(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_'-]*$/.test(name) && !keywords.test(name);
}

function attribute(name: string): string {
  return isIdentifier(name) ? name : text(name);
}
