// Writes a Guix manifest, its channels and the command that packs it, in Guix's own words. What `guix pack` cannot say
// becomes a remark.
import { posix, relative } from 'node:path';
import type { Placed } from '../../compose/service.ts';
import { commentLines, type Draft, type DraftSource, freeName } from './draft.ts';

export interface ManifestText {
  readonly manifest: string;
  /** Undefined where the set's own channels do. */
  readonly channels: string | undefined;
  /** `guix pack …`, ready for `x-trimaran`. */
  readonly command: string;
}

export interface ManifestOptions {
  readonly directory: string;
  readonly remarks: readonly Placed<string>[];
  /** Names in the top folder of a source; undefined where they are not known. */
  readonly entriesOf: (source: DraftSource) => readonly string[] | undefined;
  /** What lies in the working directory, which links in the root stand for. */
  readonly workingEntries: WorkingEntries;
  /** Base 32 hash of a repository's files; undefined where it is not known. */
  readonly hashOf: (source: DraftSource) => string | undefined;
}

export interface WorkingEntries {
  /** Names in the root, and their places in the profile. */
  readonly links: readonly (readonly [name: string, inside: string])[];
  /** Names that mean something else in the root. */
  readonly skipped: readonly string[];
}

/** Names that an image has in its root, or a profile has. */
const rootNames =
  /^(?:bin|boot|dev|etc|gnu|home|include|lib|lib64|libexec|manifest|mnt|opt|proc|root|run|sbin|share|srv|sys|tmp|usr|var)$/;

/** Links that make the root look like the working directory. `entries` lists a folder of a source. */
export async function workingEntries(
  { sources, workingDirectory }: Draft,
  entries: (source: DraftSource, inside: string) => Promise<readonly string[] | undefined>,
): Promise<WorkingEntries> {
  const links = new Map<string, string>();
  const skipped = new Set<string>();
  if (workingDirectory === undefined || workingDirectory === '/') return { links: [], skipped: [] };
  const taken = new Set(sources.map(({ target }) => target.split('/')[1]!));
  const add = (name: string) => {
    if (name.startsWith('.') || /^(?:Dockerfile|Containerfile)/.test(name)) return;
    if (rootNames.test(name) || taken.has(name) || name.includes('=')) skipped.add(name);
    else links.set(name, posix.join(workingDirectory, name).slice(1));
  };
  for (const source of sources) {
    const { target } = source;
    if (target === '/') continue;
    if (`${workingDirectory}/`.startsWith(`${target}/`))
      for (const name of (await entries(source, workingDirectory.slice(target.length + 1))) ?? []) add(name);
    else if (target.startsWith(`${workingDirectory}/`))
      add(target.slice(workingDirectory.length + 1).split('/')[0]!);
  }
  return { links: [...links], skipped: [...skipped] };
}

/** What Guix's image cannot have, for the report. */
export function manifestRemarks(
  draft: Draft,
  options: Pick<ManifestOptions, 'workingEntries' | 'hashOf'>,
): Placed<string>[] {
  const { needs } = draft;
  if (hasOwnOptions(draft)) return [...ownOptionRemarks(draft), ...unknownHashes(draft, options)];
  const { links, skipped } = options.workingEntries;
  const folder = draft.workingDirectory ?? '/';
  return [
    ...say(
      needs.workingDirectory,
      links.length > 0
        ? `guix pack sets no working directory; what lies in ${folder} is linked to / instead`
        : `guix pack sets no working directory; give the service \`working_dir: ${folder}\``,
    ),
    ...(skipped.length === 0
      ? []
      : say(
          needs.workingDirectory,
          `the links /${skipped.join(', /')} to what lies in ${folder}, since the root has those names; give the service \`working_dir: ${folder}\``,
        )),
    ...say(
      needs.ports[0],
      `guix pack exposes no ports (${draft.ports.join(', ')}); compose publishes them all the same`,
    ),
    ...(needs.environment.length === 0
      ? []
      : say(
          needs.environment[0],
          `guix pack sets no variables; give the service \`environment:\` ${needs.environment.map(({ value }) => value[0]).join(', ')}`,
        )),
    ...say(needs.user, `guix pack sets no user; give the service \`user: "${needs.user?.value}"\``),
    ...say(needs.labels[0], 'guix pack sets no labels'),
    ...unsaid(draft),
    ...unknownHashes(draft, options),
  ];
}

function unknownHashes(draft: Draft, options: Pick<ManifestOptions, 'hashOf'>): Placed<string>[] {
  const span = { file: draft.needs.file, line: 1, column: 1 };
  return draft.sources.flatMap((source) =>
    source.source.kind === 'git' && options.hashOf(source) === undefined
      ? [
          {
            value: `the hash of ${source.source.url} is not known; \`trimaran guix hash -rx .\` in a clone gives it`,
            span,
          },
        ]
      : [],
  );
}

/** The Debian channel is Trimaran's own, and so may be the options of the command that packs from it. */
function hasOwnOptions({ set }: Draft): boolean {
  return set.startsWith('debian:');
}

/** Options that `trimaran guix pack` has beyond Guix's. */
function ownOptions({ needs, ports, workingDirectory }: Draft): string[] {
  return [
    ...(workingDirectory === undefined ? [] : [`--workdir=${workingDirectory}`]),
    ...needs.environment.map(({ value: [name, value] }) => `--env=${name}=${value}`),
    ...(needs.user === undefined ? [] : [`--user=${needs.user.value}`]),
    ...ports.map((port) => `--expose=${port}`),
    ...needs.labels.map(({ value: [name, value] }) => `--label=${name}=${value}`),
  ];
}

function ownOptionRemarks(draft: Draft): Placed<string>[] {
  const { needs } = draft;
  const [first] = [
    needs.workingDirectory,
    needs.environment[0],
    needs.user,
    needs.ports[0],
    needs.labels[0],
  ].filter((place) => place !== undefined);
  const names = [...new Set(ownOptions(draft).map((option) => option.replace(/=[\s\S]*$/, '')))];
  return [
    ...(names.length === 0
      ? []
      : [
          {
            value: `${names.join(', ')} ${names.length === 1 ? 'is an option' : 'are options'} of Trimaran's guix pack; Guix's own has none for that`,
            span: first?.span ?? { file: needs.file, line: 1, column: 1 },
          },
        ]),
    ...unsaid(draft),
  ];
}

/** A remark on what the recipe says at a place; none where it says nothing. */
function say(place: Placed<unknown> | undefined, value: string): Placed<string>[] {
  return place === undefined ? [] : [{ value, span: place.span }];
}

/** What no pack command has a word for. */
function unsaid({ needs }: Draft): Placed<string>[] {
  return [
    ...say(needs.healthcheck, 'guix pack sets no health check; give the service `healthcheck:`'),
    ...say(needs.stopSignal, 'guix pack sets no stop signal; give the service `stop_signal:`'),
    ...say(needs.volumes[0], 'guix pack declares no volumes; compose mounts them all the same'),
  ];
}

export function writeManifest(draft: Draft, options: ManifestOptions): ManifestText {
  const { sources } = draft;
  const placed = sources.filter(({ target }) => target !== '/');
  const lines: string[] = [];
  const command = packCommand(draft, options);
  lines.push(`;; ${command}`, ...commentLines(options.remarks, ';;'));
  const together = filesTogether(placed);
  const alone = placed.filter((source) => !together.includes(source));
  if (placed.length > 0)
    lines.push(
      '(use-modules (guix packages)',
      '             (guix gexp)',
      ...(alone.length > 0
        ? ['             (guix git-download)', '             (guix build-system copy))']
        : ['             (guix build-system trivial))']),
    );
  if (alone.length > 0 && together.length > 0) lines.push('(use-modules (guix build-system trivial))');
  for (const source of alone) lines.push(...packageLines(source, options));
  const packages = alone.map(({ name }) => name);
  if (together.length > 0) {
    const name = freeName('files', new Set(placed.map((source) => source.name)));
    packages.push(name);
    lines.push(...togetherLines(name, together, options));
  }
  const names = specificationNames(draft);
  const specifications = [
    '  (specifications->manifest',
    '    (list',
    ...names.map((name) => `      ${text(name)}`),
  ];
  specifications[specifications.length - 1] += '))';
  if (placed.length === 0) lines.push(...specifications.map((line) => line.slice(2)));
  else {
    lines.push('(concatenate-manifests', '  (list', ...specifications.map((line) => `  ${line}`));
    lines.push(`    (packages->manifest (list ${packages.join(' ')}))))`);
  }
  return {
    manifest: `${lines.join('\n')}\n`,
    channels: draft.set.startsWith('debian:')
      ? `(list (channel\n        (name 'guix)\n        (url ${text(draft.set)})))\n`
      : undefined,
    command,
  };
}

function specificationNames(draft: Draft): string[] {
  const names = draft.names.flatMap((name) =>
    name.python === undefined ? plainNames(name) : [`python-${name.python}`],
  );
  return [...new Set([...(draft.python ? ['python'] : []), ...names])];
}

/** Names that a set gives to several Debian packages or to a version of one mean nothing to a manifest; theirs do. */
function plainNames({ plain, debian }: Draft['names'][number]): readonly string[] {
  if (plain === 'python3') return ['python'];
  const names = debian.length === 0 || debian.includes(plain!) ? [plain!] : debian;
  return names.map((name) => (name === 'python3' ? 'python' : name));
}

/** Files that one package holds, so that they find each other, or that only a builder can make. */
function filesTogether(placed: readonly DraftSource[]): readonly DraftSource[] {
  const own = placed.filter(({ source }) => source.kind !== 'git');
  const needsBuilder = own.some(({ source }) => source.kind === 'text' && source.isExecutable === true);
  return own.length > 1 || needsBuilder ? own : [];
}

function togetherLines(
  name: string,
  sources: readonly DraftSource[],
  options: Pick<ManifestOptions, 'directory'>,
): string[] {
  const calls = sources.map(({ source, name: own, target }) => {
    if (source.kind === 'git') return '';
    const file =
      source.kind === 'text'
        ? `(plain-file ${text(own)} ${text(source.text)})`
        : `(local-file ${text(relative(options.directory, source.path) || '.')} ${text(own)} #:recursive? #t)`;
    const mode = source.kind === 'text' && source.isExecutable === true ? ' #o555' : '';
    return `(install #$${file} ${text(target)}${mode})`;
  });
  return [
    `(define ${name}`,
    '  (package',
    `    (name ${text(name)})`,
    '    (version "0")',
    '    (source #f)',
    '    (build-system trivial-build-system)',
    '    (arguments',
    "      (list #:modules '((guix build utils))",
    '            #:builder',
    '            #~(begin',
    '                (use-modules (guix build utils))',
    '                (define* (install file place #:optional mode)',
    '                  (let ((target (string-append #$output place)))',
    '                    (mkdir-p (dirname target))',
    '                    (copy-recursively file target)',
    '                    (when mode (chmod target mode))))',
    ...calls.map((call, at) => `                ${call}${at === calls.length - 1 ? ')))' : ''}`),
    '    (synopsis "Files of the project")',
    '    (description "Files of the project, as they are.")',
    '    (home-page "")',
    '    (license #f)))',
  ];
}

function packageLines(source: DraftSource, options: ManifestOptions): string[] {
  const { name, target } = source;
  const inside = target.slice(1);
  const lines = [`(define ${name}`, '  (package', `    (name ${text(name)})`];
  if (source.source.kind === 'git') {
    lines.push(
      `    (version ${text(source.source.ref ?? 'HEAD')})`,
      '    (source',
      '      (origin',
      '        (method git-fetch)',
      '        (uri (git-reference',
      `               (url ${text(source.source.url)})`,
      '               (commit version)))',
      `        (sha256 (base32 ${text(options.hashOf(source) ?? '0'.repeat(52))}))))`,
    );
  } else if (source.source.kind === 'text') {
    lines.push('    (version "0")', `    (source (plain-file ${text(name)} ${text(source.source.text)}))`);
  } else {
    const path = relative(options.directory, source.source.path) || '.';
    lines.push('    (version "0")', `    (source (local-file ${text(path)} ${text(name)} #:recursive? #t))`);
  }
  // A file by itself is unpacked to a folder that holds it.
  const isFile = options.entriesOf(source) === undefined && source.source.kind !== 'git';
  const plan = isFile ? `(${text(name)} ${text(inside)})` : `("." ${text(`${inside}/`)})`;
  lines.push(
    '    (build-system copy-build-system)',
    `    (arguments '(#:install-plan '(${plan})))`,
    `    (synopsis ${text(`Files of ${name}`)})`,
    `    (description ${text(`Files of ${name}, as they are.`)})`,
    '    (home-page "")',
    '    (license #f)))',
  );
  return lines;
}

/** The command, links and entry point included; nothing in it needs a shell. */
function packCommand(draft: Draft, options: ManifestOptions): string {
  const { needs, sources } = draft;
  const words = [
    'guix',
    ...(draft.set.startsWith('debian:') ? ['time-machine', '-C', 'channels.scm', '--'] : []),
    'pack',
  ];
  words.push('-m', 'manifest.scm', '-f', 'docker', `--image-tag=${draft.imageName}`);
  const all = [...(needs.entrypoint?.value ?? []), ...(needs.command?.value ?? [])];
  const [program, ...rest] = all;
  if (program !== undefined) {
    words.push(`--entry-point=${entryPoint(program, draft.workingDirectory)}`);
    for (const argument of rest) words.push('-A', argument);
  }
  for (const source of sources) {
    if (source.target === '/') continue;
    const inside = source.target.slice(1);
    words.push('-S', `${source.target}=${inside}`);
  }
  if (hasOwnOptions(draft)) words.push(...ownOptions(draft));
  else for (const [name, inside] of options.workingEntries.links) words.push('-S', `/${name}=${inside}`);
  return words.map(shellWord).join(' ');
}

/** A program's place in the profile, where all commands are in `bin`. */
function entryPoint(program: string, workingDirectory = '/'): string {
  if (!program.includes('/')) return `bin/${program}`;
  const path = posix.resolve(workingDirectory, program);
  return path.replace(/^\/(?:usr\/(?:local\/)?)?s?bin\//, '/bin/').slice(1);
}

function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** A string of Scheme. */
function text(value: string): string {
  return `"${value.replace(/[\\"]/g, '\\$&')}"`;
}
