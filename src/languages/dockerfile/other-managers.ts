// Package managers that are met less often, each by its verb and by how it writes an exact version.
import {
  type Argument,
  type CommandLine,
  packageInput,
  sortArguments,
  upgradeInput,
} from './command-line.ts';
import type { DockerfileInput } from './inputs.ts';

interface Manager {
  /** What installs; the packages are the operands behind it. */
  readonly verb: RegExp;
  /** A package with its exact version. */
  readonly exact?: RegExp;
  /** An option that says the version of them all. */
  readonly versionOption?: RegExp;
  readonly upgrade?: RegExp;
  /** Options whose value is the next word. */
  readonly values?: RegExp;
  /** The files that say which versions, when no package is named. */
  readonly locks?: readonly string[];
}

const managers: Readonly<Record<string, Manager>> = {
  composer: {
    verb: /^(?:require|(?:global )?require|install|create-project)$/,
    exact: /[:=]v?\d+(?:\.\d+){2,}(?:-[\w.]+)?$/,
    upgrade: /^(?:update|upgrade|u)$/,
    locks: ['composer.lock'],
  },
  pecl: {
    verb: /^install$/,
    exact: /-\d+(?:\.\d+)+\w*$/,
    upgrade: /^upgrade(?:-all)?$/,
    values: /^(?:-D|--configureoptions)$/,
  },
  pear: { verb: /^install$/, exact: /-\d+(?:\.\d+)+\w*$/, upgrade: /^upgrade(?:-all)?$/ },
  luarocks: { verb: /^install$/, values: /^--(?:server|tree|lua-version)$/ },
  cpan: { verb: /^(?=[A-Z]\w*(?:::|$))/, exact: /[@=]v?\d/ },
  cpanm: { verb: /^(?=[A-Z]\w*(?:::|@|~|$))/, exact: /@v?\d+(?:\.\d+)+$/, values: /^-[Ll]$/ },
  brew: { verb: /^install$/, upgrade: /^upgrade$/, exact: /$^/ },
  choco: {
    verb: /^install$/,
    versionOption: /^--version(?:=|$)/,
    upgrade: /^upgrade$/,
    values: /^(?:--version|-s|--source)$/,
  },
  snap: {
    verb: /^install$/,
    versionOption: /^--revision(?:=|$)/,
    values: /^--(?:channel|revision)$/,
    upgrade: /^refresh$/,
  },
  opam: { verb: /^install$/, exact: /\.v?\d+(?:\.\d+)+$/, upgrade: /^upgrade$/ },
  cabal: { verb: /^(?:v2-)?install$/, exact: /-\d+(?:\.\d+)+$/ },
  pacman: { verb: /^-S[a-z]*$/, upgrade: /^-S[a-z]*u[a-z]*$/, exact: /$^/ },
  emerge: { verb: /^(?=[\w=-]+\/?\w)/, exact: /^=[\w-]+\/[\w+-]+-\d[\w.]*(?:-r\d+)?$/ },
  'nix-env': { verb: /^-(?:i|iA|f)$/, upgrade: /^-u[A-Za-z]*$/, values: /^-f$/ },
  rustup: {
    verb: /^(?:toolchain install|install|default)$/,
    upgrade: /^update$/,
    exact: /^(?:\d+\.\d+\.\d+|(?:nightly|beta)-\d{4}-\d{2}-\d{2})/,
  },
  deno: { verb: /^(?:install|add)$/, exact: /@\d+\.\d+\.\d+$/, values: /^(?:-n|--name|--root|--config)$/ },
  dotnet: {
    verb: /^tool (?:install|update)$/,
    versionOption: /^--version(?:=|$)/,
    values: /^--(?:version|tool-path|add-source|framework)$/,
  },
  bower: { verb: /^install$/, exact: /#\d+\.\d+\.\d+$/, locks: [] },
  flatpak: { verb: /^install$/, upgrade: /^update$/ },
  install2: { verb: /^(?=\w)/ },
};

/** Inputs of a package manager that has no rules of its own; none for any other command. */
export function readOtherManager(line: CommandLine): DockerfileInput[] {
  const key = line.name === 'install2.r' ? 'install2' : line.name;
  if (key === 'Rscript' || key === 'R') return readR(line);
  const manager = Object.hasOwn(managers, key) ? managers[key] : undefined;
  if (manager === undefined) return [];
  const { operands, options } = sortArguments(line.args, manager.values ?? /$^/);
  // pacman and nix-env have options for verbs.
  const words = [...options, ...operands].map(({ text }) => text);
  const flagVerb = manager.verb.source.startsWith('^-');
  if (
    words.some((text) => manager.upgrade?.test(text) === true) &&
    (flagVerb || manager.upgrade?.test(operands[0]?.text ?? ''))
  )
    return [upgradeInput(line, `${line.name} ${words.find((text) => manager.upgrade!.test(text))}`)];
  const taken = verbLength(manager, {
    operands: operands.map(({ text }) => text),
    options: options.map(({ text }) => text),
  });
  if (taken === undefined) return [];
  const verb = [
    line.name,
    ...(flagVerb
      ? options.map(({ text }) => text).filter((text) => manager.verb.test(text))
      : operands.slice(0, taken).map(({ text }) => text)),
  ].join(' ');
  const packages = operands.slice(taken).filter(({ text }) => !/^\.{0,2}\/|^\.$/.test(text));
  const pinnedByOption = options.some(({ text }) => manager.versionOption?.test(text) === true);
  if (packages.length === 0 && manager.locks !== undefined) {
    return [
      {
        kind: 'project-dependencies',
        manager: 'other',
        span: line.command.span,
        subject: verb,
        pinned: false,
        locks: manager.locks,
        isStrict: true,
      },
    ];
  }
  return joinVersions(packages, verb).map((argument) => {
    const pinned = pinnedByOption || manager.exact?.test(argument.text) === true;
    return packageInput('other', argument, { line, name: argument.text, pinned, command: verb });
  });
}

/** `composer require a/b 1.2.3` and `composer create-project a/b folder 1.2.3`: a version may be a word of its own. */
function joinVersions(packages: readonly Argument[], verb: string): Argument[] {
  if (!verb.startsWith('composer')) return [...packages];
  if (verb.endsWith('create-project')) {
    const [name, , version] = packages;
    return name === undefined
      ? []
      : [version === undefined ? name : { ...name, text: `${name.text}:${version.text}` }];
  }
  const joined: Argument[] = [];
  for (const argument of packages) {
    const last = joined.at(-1);
    if (last !== undefined && /^[v^~<>=!]*\d/.test(argument.text))
      joined[joined.length - 1] = { ...last, text: `${last.text}:${argument.text}` };
    else joined.push(argument);
  }
  return joined;
}

/** How many operands the verb takes; undefined where it is another one. */
function verbLength(
  { verb }: Manager,
  { operands, options }: { readonly operands: readonly string[]; readonly options: readonly string[] },
): number | undefined {
  if (verb.source.startsWith('^-')) return options.some((text) => verb.test(text)) ? 0 : undefined;
  if (operands[0] === undefined) return undefined;
  if (verb.source.startsWith('^(?=')) return verb.test(operands[0]) ? 0 : undefined;
  if (operands[1] !== undefined && verb.test(`${operands[0]} ${operands[1]}`)) return 2;
  return verb.test(operands[0]) ? 1 : undefined;
}

/** `R -e 'install.packages("x")'` */
function readR(line: CommandLine): DockerfileInput[] {
  return line.args
    .filter(({ text }) =>
      /\b(?:install\.packages|BiocManager::install|install_github|pak::pak)\s*\(/.test(text),
    )
    .map((argument) => {
      const [, name = '…'] = /\(\s*c?\(?\s*["']([^"']+)["']/.exec(argument.text) ?? [];
      const pinned = /packagemanager\.\S+\/\d{4}-\d{2}-\d{2}|snapshot/.test(argument.text);
      return packageInput(
        'other',
        { ...argument, text: name },
        { line, name, pinned, command: `${line.name} install.packages` },
      );
    });
}
