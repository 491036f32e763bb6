// Reads what an image needs off a Guix manifest and the `guix pack` command that packs it. Forms as text: nothing is
// evaluated.
import { existsSync, statSync } from 'node:fs';
import { dirname, posix, resolve } from 'node:path';
import { type Form, fieldOf, findForms, readSchemeForms } from '../../compose/scheme-forms.ts';
import type { Placed } from '../../compose/service.ts';
import { splitCommand } from '../../compose/split-command.ts';
import type { Span } from '../../foundation/error.ts';
import type { ImageNeeds, Source } from './image-needs.ts';
import { manifestPackages, otherOutput, specification } from './manifest-packages.ts';

export interface ManifestSource {
  readonly text: string;
  readonly file: string;
  /** The manifest's path, absolute. */
  readonly path: string;
  /** The command that packs it, where the compose file has one. */
  readonly command: Placed<string> | undefined;
}

/** Options of `guix pack` whose value is the next word. */
const withValue =
  /^(?:-m|-f|-A|-S|-C|-e|-s|-L|-r|--manifest|--format|--entry-point-argument|--symlink|--channels|--image-tag|--entry-point|--expression|--system|--workdir|--env|--expose|--user|--label|--max-layers)$/;

/** Options of a pack command by name, long or short, in their order. */
export function packOptions(command: string): readonly (readonly [string, string])[] {
  const words = splitCommand(command.replace(/\\\r?\n/g, ' ')) ?? [];
  const options: (readonly [string, string])[] = [];
  for (let at = 0; at < words.length; at++) {
    const [, name, inline] = /^(--?[a-zA-Z-]+)(?:=([\s\S]*))?$/.exec(words[at]!) ?? [];
    if (name === undefined) continue;
    if (inline !== undefined) options.push([name, inline]);
    else if (withValue.test(name) && words[at + 1] !== undefined) options.push([name, words[++at]!]);
  }
  return options;
}

/** Packages that a pack command names itself, without a manifest. */
export function packPackages(command: string): readonly string[] {
  const words = splitCommand(command.replace(/\\\r?\n/g, ' ')) ?? [];
  const packages: string[] = [];
  for (let at = words.lastIndexOf('pack') + 1; at < words.length; at++) {
    if (withValue.test(words[at]!)) at++;
    else if (!words[at]!.startsWith('-')) packages.push(words[at]!);
  }
  return packages;
}

/** Reads a manifest with its command. */
export function readManifest(manifest: ManifestSource): ImageNeeds {
  const forms = readSchemeForms(manifest.text, manifest.file);
  const options = manifest.command === undefined ? [] : packOptions(manifest.command.value);
  const optionsNamed = (pattern: RegExp) =>
    options.filter(([name]) => pattern.test(name)).map(([, value]) => value);
  const remarks: Placed<string>[] = [];
  const packages = findForms(forms, 'package').flatMap(({ form, around }) => {
    const name = fieldOf(form, 'name');
    const variable = around.findLast((outer) => isDefinition(outer));
    const bound = variable?.kind === 'list' ? variable.items[1] : undefined;
    const symbol = bound?.kind === 'symbol' ? bound.text : undefined;
    const installed = installedFiles(form, manifest);
    if (installed.length > 0)
      return installed.map(({ source, into }) => ({
        ...{ name: '', variable: symbol, source, span: form.span },
        plan: [['', into]] as ReturnType<typeof installPlan>,
      }));
    const source = sourceOf(form, manifest);
    if (source === undefined)
      remarks.push({ value: 'a package of its own is not carried over', span: form.span });
    return source === undefined || name?.kind !== 'string'
      ? []
      : [
          {
            name: name.text,
            variable: symbol,
            source,
            // A file is installed by the name that the store gives it.
            plan: isFolder(source)
              ? installPlan(form)
              : installPlan(form).map(([, into]) => ['', into] as const),
            span: form.span,
          },
        ];
  });
  const entry = optionsNamed(/^--entry-point$/)[0];
  const args = optionsNamed(/^(?:-A|--entry-point-argument)$/);
  const at = manifest.command?.span ?? { file: manifest.file, line: 1, column: 1 };
  const program =
    entry === undefined
      ? undefined
      : (/^\/*bin\/([^/]+)$/.exec(entry)?.[1] ?? `/${entry.replace(/^\/+/, '')}`);
  const words = program === undefined ? [] : [program, ...args];
  const written = optionsNamed(/^(?:-S|--symlink)$/).map((text) => {
    const [link = ''] = text.split('=', 1);
    return { link, target: bare(text.slice(link.length + 1)) };
  });
  const isWhole = packages.some((item) => placeInRoot(item, written).isRoot);
  const folder = isWhole ? undefined : linkedFolder(written);
  const links = written.filter(({ link, target }) => !isEntryOf(folder, { link, target }));
  const placed = packages.map((item) => placeInRoot(item, links));
  for (const { lost, span } of placed)
    for (const link of lost) remarks.push({ value: `the link ${link} into a repository`, span });
  const inRoot = placed.filter(({ isRoot }) => isRoot);
  const named = manifestPackages(forms, new Set(packages.flatMap((item) => item.variable ?? [])));
  remarks.push(...named.remarks);
  for (const word of packPackages(manifest.command?.value ?? '')) {
    const output = otherOutput(word);
    if (output !== undefined) remarks.push({ value: output, span: at });
  }
  for (const [name, value] of options)
    if (/^(?:-s|--(?:with|without|tune|target|system|localstatedir)(?:-.*)?)$/.test(name))
      remarks.push({ value: `the option ${name}${value === '' ? '' : ` ${value}`} of guix pack`, span: at });
  const tag = optionsNamed(/^--image-tag$/)[0];
  const workdir = optionsNamed(/^--workdir$/)[0];
  const user = optionsNamed(/^--user$/)[0];
  for (const expression of optionsNamed(/^(?:-e|--expression)$/))
    remarks.push({ value: `the expression ${expression}`, span: at });
  return {
    kind: 'guix',
    file: manifest.file,
    imageName: tag,
    base: undefined,
    sources: placed.flatMap(({ sources, span }) => sources.map((value) => ({ value, span }))),
    requirements: [
      ...named.requirements,
      ...packPackages(manifest.command?.value ?? '').map((text) => ({
        value: specification(text),
        span: at,
      })),
    ],
    environment: pairsOf(optionsNamed(/^--env$/), at),
    workingDirectory:
      workdir === undefined ? undefined : { value: { kind: 'path', path: workdir }, span: at },
    rootFolder: folder === undefined ? undefined : { value: `/${folder}`, span: at },
    rootSource: inRoot.length === 1 ? { value: inRoot[0]!.sources[0]!, span: inRoot[0]!.span } : undefined,
    entrypoint: undefined,
    command: words.length === 0 ? undefined : { value: words, span: at },
    user: user === undefined ? undefined : { value: user, span: at },
    ports: optionsNamed(/^--expose$/).map((port) => ({
      value: port.includes('/') ? port : `${port}/tcp`,
      span: at,
    })),
    volumes: [],
    labels: pairsOf(optionsNamed(/^--label$/), at),
    healthcheck: undefined,
    stopSignal: undefined,
    remarks,
  };
}

interface Link {
  readonly link: string;
  readonly target: string;
}

/** The folder whose entries links in the root stand for, so that commands may start in the root as well. */
function linkedFolder(links: readonly Link[]): string | undefined {
  const [folder, ...others] = new Set(
    links.flatMap(({ link, target }) =>
      isEntryOf(posix.dirname(target), { link, target }) ? [posix.dirname(target)] : [],
    ),
  );
  const isLinked =
    folder !== undefined && links.some(({ link }) => `${bare(link)}/`.startsWith(`${folder}/`));
  return isLinked && others.length === 0 ? folder : undefined;
}

function isEntryOf(folder: string | undefined, { link, target }: Link): boolean {
  return folder !== undefined && folder !== '.' && target === `${folder}/${bare(link)}`;
}

/** A path of a profile or a source: `areas`, and nothing for all of it. */
function bare(path: string): string {
  const whole = posix.normalize(path).replace(/^\/+|\/+$/g, '');
  return whole === '.' ? '' : whole;
}

/** Paths of the source and where they come to lie in the profile; all of it unless the package says otherwise. */
function installPlan(form: Form): (readonly [source: string, target: string])[] {
  const found: (readonly [string, string])[] = [];
  const visit = (inner: Form): void => {
    if (inner.kind !== 'list') return;
    for (const [at, item] of inner.items.entries()) {
      const plan = inner.items[at + 1];
      if (item.kind === 'symbol' && item.text === '#:install-plan' && plan?.kind === 'list') {
        for (const entry of plan.items) {
          const [source, target] = entry.kind === 'list' ? entry.items : [];
          if (source?.kind !== 'string') continue;
          const into = target?.kind === 'string' ? target.text : './';
          const isInto = into.endsWith('/') && !source.text.endsWith('/') && bare(source.text) !== '';
          found.push([
            bare(source.text),
            bare(isInto ? posix.join(into, posix.basename(source.text)) : into),
          ]);
        }
      }
      visit(item);
    }
  };
  visit(form);
  return found.length === 0 ? [['', '']] : found;
}

/** Where the links of a pack command put the files of a package. */
function placeInRoot(
  {
    source,
    plan,
    span,
  }: { readonly source: Source; readonly plan: ReturnType<typeof installPlan>; readonly span: Span },
  links: readonly { readonly link: string; readonly target: string }[],
): {
  readonly sources: readonly Source[];
  readonly isRoot: boolean;
  readonly lost: readonly string[];
  readonly span: Span;
} {
  const linked = links.flatMap(({ link, target }) => {
    const entry = plan.find(([, into]) => into === '' || target === into || target.startsWith(`${into}/`));
    if (entry === undefined) return [];
    const [from, into] = entry;
    return [{ link, inside: bare(posix.join(from, target.slice(into.length))) }];
  });
  // Links that are called as what they lead to make the root look like the source; one may lead to all of it.
  const others = linked.filter(({ link, inside }) => inside === '' || bare(link) !== inside);
  const isRoot = linked.length > others.length && others.every(({ inside }) => inside === '');
  if (isRoot || linked.length === 0) {
    const [place] = others;
    const sources = place === undefined ? [source] : [{ ...source, target: place.link }];
    return {
      sources,
      isRoot,
      lost: [],
      span,
    };
  }
  const whole = linked.filter(({ inside }) => inside === '');
  if (source.kind !== 'git')
    return {
      sources: linked.map(({ link, inside }) =>
        source.kind === 'text'
          ? { ...source, target: link }
          : { ...source, path: resolve(source.path, inside), target: link },
      ),
      isRoot,
      lost: [],
      span,
    };
  return {
    sources: whole.length === 0 ? [source] : whole.map(({ link }) => ({ ...source, target: link })),
    isRoot,
    lost: linked.filter(({ inside }) => inside !== '').map(({ link }) => link),
    span,
  };
}

function pairsOf(assignments: readonly string[], span: Span): Placed<readonly [string, string]>[] {
  return assignments.map((text) => {
    const [name = ''] = text.split('=', 1);
    return { value: [name, text.slice(name.length + 1)] as const, span };
  });
}

function isDefinition(form: Form): boolean {
  const first = form.kind === 'list' ? form.items[0] : undefined;
  return first?.kind === 'symbol' && /^define(?:-public)?$/.test(first.text);
}

/** The repository or folder that a package is a copy of. */
function sourceOf(form: Form, manifest: ManifestSource): Source | undefined {
  const [reference] = findForms([form], 'git-reference');
  if (reference !== undefined) {
    const url = fieldOf(reference.form, 'url');
    const written = fieldOf(reference.form, 'commit');
    const version = fieldOf(form, 'version');
    const commit = written?.kind === 'symbol' && written.text === 'version' ? version : written;
    if (url?.kind !== 'string') return undefined;
    return { kind: 'git', url: url.text, ...(commit?.kind === 'string' ? { ref: commit.text } : {}) };
  }
  const [file] = [...findForms([form], 'local-file'), ...findForms([form], 'plain-file')];
  return file === undefined ? undefined : fileOf(file.form, manifest);
}

/** `(local-file "server")` and `(plain-file "name" "text")`. */
function fileOf(form: Form, manifest: ManifestSource): Source | undefined {
  if (form.kind !== 'list') return undefined;
  const [head, first, second] = form.items;
  if (head?.kind !== 'symbol' || first?.kind !== 'string') return undefined;
  if (head.text === 'local-file') return { kind: 'local', path: resolve(dirname(manifest.path), first.text) };
  if (head.text !== 'plain-file' || second?.kind !== 'string') return undefined;
  return { kind: 'text', text: second.text, target: `/${first.text}` };
}

/** Files that a builder puts to their places one by one: `(install FILE "/app/main.py" #o555)`, as conversions write it. */
function installedFiles(
  form: Form,
  manifest: ManifestSource,
): { readonly source: Source; readonly into: string }[] {
  return findForms([form], 'install').flatMap(({ form: call }): { source: Source; into: string }[] => {
    const [, file, place, mode] = call.kind === 'list' ? call.items : [];
    const source = file === undefined ? undefined : fileOf(file, manifest);
    if (source === undefined || place?.kind !== 'string') return [];
    const runs = mode?.kind === 'symbol' && /^#o[0-7]*[1357][0-7]{2}$/.test(mode.text);
    const into = bare(place.text);
    if (source.kind !== 'text') return [{ source, into }];
    return [{ source: { ...source, target: `/${into}`, ...(runs ? { isExecutable: true } : {}) }, into }];
  });
}

function isFolder(source: Source): boolean {
  if (source.kind !== 'local') return source.kind === 'git';
  return !existsSync(source.path) || statSync(source.path).isDirectory();
}
