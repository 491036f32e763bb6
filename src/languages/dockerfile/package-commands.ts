// The command lines of package managers: which packages they install, and whether each is fixed to a version.
import { isCommit } from './git-reference.ts';
import type { DockerfileInput, PackageManager } from './inputs.ts';
import { type ShellCommand, type ShellWord, showWord } from './shell.ts';

/** A command with its wrappers taken off. */
export interface Invocation {
  /** Without its folder. */
  readonly name: string;
  /** Behind the name. */
  readonly words: readonly ShellWord[];
  readonly command: ShellCommand;
  /** A word's text, or undefined when it has variables that nobody knows. */
  readonly text: (word: ShellWord) => string | undefined;
}

interface Argument {
  readonly word: ShellWord;
  /** Its text, or how it is written where that is not known. */
  readonly text: string;
}

/** Inputs that a package manager's command line has; none for any other command. */
export function readPackageCommand(
  invocation: Invocation,
  context: { readonly usesSnapshot: boolean },
): DockerfileInput[] {
  const args = invocation.words.map((word) => ({ word, text: invocation.text(word) ?? showWord(word) }));
  const { name } = invocation;
  const line: CommandLine = { name, args, command: invocation.command };
  if (name === 'apt-get' || name === 'apt' || name === 'aptitude') return readApt(line, context.usesSnapshot);
  if (name === 'apk') return readApk(line);
  if (/^pip[0-9.]*$/.test(name)) return readPip(line, name);
  if (/^python[0-9.]*$/.test(name) && args[0]?.text === '-m' && /^pip$/.test(args[1]?.text ?? '')) {
    return readPip({ ...line, args: args.slice(2) }, 'pip');
  }
  if (name === 'pipx' || name === 'uv') return readPip({ ...line, args: uvArguments(name, args) }, name);
  if (name === 'npm' || name === 'pnpm' || name === 'yarn') return readNpm(line);
  if (name === 'gem') return readGem(line);
  if (name === 'go') return readGo(line);
  if (name === 'cargo') return readCargo(line);
  if (/^(?:yum|dnf|microdnf|tdnf|zypper)$/.test(name)) return readRpm(line);
  if (/^(?:conda|mamba|micromamba)$/.test(name)) return readConda(line);
  return [];
}

interface CommandLine {
  readonly name: string;
  readonly args: readonly Argument[];
  readonly command: ShellCommand;
}

/** Arguments by kind: operands, and options; `withValue` tells those whose value is the next word. */
function sortArguments(
  args: readonly Argument[],
  withValue: RegExp,
): { operands: Argument[]; options: Argument[]; values: Map<string, Argument[]> } {
  const operands: Argument[] = [];
  const options: Argument[] = [];
  const values = new Map<string, Argument[]>();
  const addValue = (option: string, value: Argument) =>
    values.set(option, [...(values.get(option) ?? []), value]);
  for (let at = 0; at < args.length; at++) {
    const argument = args[at]!;
    if (argument.text === '--') {
      operands.push(...args.slice(at + 1));
      break;
    }
    if (!argument.text.startsWith('-') || argument.text === '-') operands.push(argument);
    else {
      options.push(argument);
      const [, option, inline] = /^(--[^=]+)=(.*)$/.exec(argument.text) ?? [];
      if (option !== undefined) addValue(option, { word: argument.word, text: inline! });
      else if (withValue.test(argument.text) && args[at + 1] !== undefined)
        addValue(argument.text, args[++at]!);
    }
  }
  return { operands, options, values };
}

function packageInput(
  manager: PackageManager,
  argument: Argument,
  details: {
    readonly name: string;
    readonly version?: string | undefined;
    readonly pinned: boolean;
    readonly command: string;
    readonly upgrade?: boolean;
    readonly line: CommandLine;
  },
): DockerfileInput {
  return {
    kind: 'package',
    manager,
    span: argument.word.span,
    subject: `${details.command} ${argument.text}`,
    requirement: argument.text,
    name: details.name,
    pinned: details.pinned,
    upgrade: details.upgrade ?? false,
    command: details.line.command.span,
    ...(details.version === undefined ? {} : { version: details.version }),
  };
}

function readApt(line: CommandLine, usesSnapshot: boolean): DockerfileInput[] {
  const { operands } = sortArguments(
    line.args,
    /^-(?:o|c|t|a)$|^--(?:option|config-file|target-release|default-release|host-architecture)$/,
  );
  const [verb, ...rest] = operands;
  if (verb === undefined) return [];
  if (/^(?:upgrade|dist-upgrade|full-upgrade|safe-upgrade)$/.test(verb.text)) {
    return [
      {
        kind: 'upgrade',
        span: line.command.span,
        subject: `${line.name} ${verb.text}`,
        pinned: usesSnapshot,
      },
    ];
  }
  if (verb.text !== 'install' && verb.text !== 'build-dep') return [];
  return rest
    .filter(({ text }) => !/^(?:\.?\.?\/|.*\.deb$)/.test(text) && !/[^+]-$/.test(text))
    .map((argument) => {
      const [name = '', version] = argument.text.replace(/\+$/, '').split('=', 2);
      const pinned = usesSnapshot || (version !== undefined && version !== '' && !version.includes('*'));
      return packageInput('apt', argument, {
        line,
        name: name.replace(/[:/].*$/, ''),
        version,
        pinned,
        command: 'apt-get install',
      });
    });
}

function readApk(line: CommandLine): DockerfileInput[] {
  const { operands } = sortArguments(
    line.args,
    /^(?:-t|--virtual|-X|--repository|-p|--root|--keys-dir|--repositories-file|--arch|--wait|--cache-dir|--cache-max-age)$/,
  );
  const [verb, ...rest] = operands;
  if (verb?.text === 'upgrade') {
    return [{ kind: 'upgrade', span: line.command.span, subject: 'apk upgrade', pinned: false }];
  }
  if (verb?.text !== 'add') return [];
  return rest
    .filter(({ text }) => !/^[.!]|\.apk$|^\//.test(text))
    .map((argument) => {
      const [, name = argument.text, operator, version] =
        /^([^=<>~@]+)(?:@[^=<>~]+)?(?:(=|~=|=~|~|[<>]=?)(.*))?$/.exec(argument.text) ?? [];
      return packageInput('apk', argument, {
        line,
        name,
        version,
        pinned: operator === '=',
        command: 'apk add',
      });
    });
}

const pipValueOptions =
  /^(?:-[rcieftdbC]|--(?:requirement|constraint|index-url|extra-index-url|editable|find-links|target|dest|build|prefix|root|src|log|proxy|retries|timeout|exists-action|trusted-host|cert|client-cert|cache-dir|platform|python-version|implementation|abi|progress-bar|report|python|config-settings?|global-option|no-binary|only-binary|group|pip-args|suffix))$/;

/** `uv pip install x`, `uv tool install x`, `pipx install x` as pip would have it. */
function uvArguments(name: string, args: readonly Argument[]): readonly Argument[] {
  if (name === 'pipx') return args;
  return args[0]?.text === 'pip' || args[0]?.text === 'tool' ? args.slice(1) : [];
}

function readPip(line: CommandLine, name: string): DockerfileInput[] {
  const { operands, options, values } = sortArguments(line.args, pipValueOptions);
  const [verb, ...rest] = operands;
  if (!/^(?:install|download|wheel)$/.test(verb?.text ?? '')) return [];
  const has = (pattern: RegExp) => options.some(({ text }) => pattern.test(text));
  const hashed = has(/^--require-hashes$/);
  const upgrade = has(/^(?:-[a-zA-Z]*U|--upgrade)$/);
  const command = `${name} ${verb!.text}`;
  const inputs: DockerfileInput[] = [];
  for (const option of ['-r', '--requirement']) {
    for (const file of values.get(option) ?? []) {
      const { span } = file.word;
      inputs.push({
        kind: 'requirements',
        span,
        subject: `${command} -r ${file.text}`,
        file: file.text,
        pinned: hashed,
      });
    }
  }
  // `-rfile` in one word.
  for (const { text, word } of options) {
    const [, file] = /^-r(.+)$/.exec(text) ?? [];
    if (file !== undefined) {
      inputs.push({
        kind: 'requirements',
        span: word.span,
        subject: `${command} -r ${file}`,
        file,
        pinned: hashed,
      });
    }
  }
  const editable = [...(values.get('-e') ?? []), ...(values.get('--editable') ?? [])];
  for (const argument of [...rest, ...editable]) {
    inputs.push(
      ...readRequirement(argument, {
        line,
        hashed,
        upgrade,
        command,
        noDependencies: has(/^--no-deps$/),
      }),
    );
  }
  return inputs;
}

function readRequirement(
  argument: Argument,
  context: {
    readonly hashed: boolean;
    readonly upgrade: boolean;
    readonly command: string;
    readonly noDependencies: boolean;
    readonly line: CommandLine;
  },
): DockerfileInput[] {
  const { text, word } = argument;
  const { command, hashed, upgrade, line } = context;
  const [, vcsUrl] = /^(?:[^@\s]+@\s*)?git\+(\S+)$/.exec(text) ?? [];
  if (vcsUrl !== undefined) {
    const [, url = vcsUrl, ref] = /^([a-z]+:\/\/(?:[^/@]+@)?[^@#]+)(?:@([^#]+))?/.exec(vcsUrl) ?? [];
    const pinned = ref !== undefined && isCommit(ref);
    return [
      {
        kind: 'git',
        by: 'clone',
        span: word.span,
        url,
        subject: `${command} ${text}`,
        pinned,
        shallow: false,
        ...(ref === undefined ? {} : { ref }),
      },
    ];
  }
  if (/^https?:\/\//.test(text)) {
    const pinned = hashed || /#.*(?:sha256|sha512)=/.test(text);
    return [
      {
        kind: 'url',
        by: 'curl',
        span: word.span,
        url: text.replace(/#.*$/, ''),
        subject: `${command} ${text}`,
        pinned,
        toShell: false,
      },
    ];
  }
  // A path: the project's own code, whose dependencies pip chooses.
  if (/^(?:\.{0,2}\/|\.{1,2}(?:\[.*\])?$)/.test(text) || /\.(?:whl|tar\.gz|zip)$/.test(text)) {
    if (hashed || context.noDependencies) return [];
    return [
      {
        kind: 'project-dependencies',
        manager: 'pip',
        span: word.span,
        subject: `${command} ${text}`,
        pinned: false,
      },
    ];
  }
  const [, name = text, operator, version] =
    /^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?\s*(===?|~=|!=|[<>]=?)?\s*([^;,\s]*)/.exec(text) ?? [];
  const exact =
    (operator === '==' || operator === '===') &&
    version !== '' &&
    !version!.includes('*') &&
    !/[,]/.test(text);
  return [
    packageInput('pip', argument, {
      line,
      name,
      version: exact ? version : undefined,
      pinned: hashed || exact,
      command,
      upgrade,
    }),
  ];
}

function readNpm(line: CommandLine): DockerfileInput[] {
  const { name } = line;
  const { operands, options } = sortArguments(
    line.args,
    /^(?:--prefix|-C|--registry|--cache|--workspace|-w|--cwd|--modules-folder|--filter|-F|--dir)$/,
  );
  const global = operands[0]?.text === 'global';
  const [verb, ...rest] = global ? operands.slice(1) : operands;
  const has = (pattern: RegExp) => options.some(({ text }) => pattern.test(text));
  const installs = name === 'npm' ? /^(?:install|i|add)$/ : /^(?:add|install|i)$/;
  if (verb === undefined ? name !== 'yarn' || has(/^(?:-v|--version|-h|--help)$/) : !installs.test(verb.text))
    return [];
  if (rest.length === 0) {
    if (has(/^--(?:frozen-lockfile|immutable)/)) return [];
    const subject = verb === undefined ? name : `${name} ${verb.text}`;
    return [
      { kind: 'project-dependencies', manager: 'npm', span: line.command.span, subject, pinned: false },
    ];
  }
  return rest
    .filter(({ text }) => !/^(?:\.{0,2}\/|\.$|file:|.*\.tgz$)/.test(text))
    .map((argument) => {
      const at = argument.text.indexOf('@', 1);
      const version = at < 0 ? undefined : argument.text.slice(at + 1);
      const pinned = version !== undefined && /^v?\d+\.\d+\.\d+(?:[-+][\w.+-]*)?$/.test(version);
      return packageInput('npm', argument, {
        line,
        name: at < 0 ? argument.text : argument.text.slice(0, at),
        version,
        pinned,
        command: `${name} ${verb!.text}`,
      });
    });
}

function readGem(line: CommandLine): DockerfileInput[] {
  const { operands, values } = sortArguments(
    line.args,
    /^(?:-v|--version|-s|--source|-i|--install-dir|-n|--bindir|-P|--trust-policy|--platform)$/,
  );
  const [verb, ...rest] = operands;
  if (verb?.text !== 'install' && verb?.text !== 'i') return [];
  const given = (values.get('-v') ?? values.get('--version'))?.[0]?.text;
  return rest
    .filter(({ text }) => !text.endsWith('.gem'))
    .map((argument) => {
      const [name = '', own] = argument.text.split(':', 2);
      const version = own ?? given;
      const pinned = version !== undefined && /^=?\s*\d+(?:\.\w+)*$/.test(version);
      return packageInput('gem', argument, { line, name, version, pinned, command: 'gem install' });
    });
}

function readGo(line: CommandLine): DockerfileInput[] {
  const { operands } = sortArguments(
    line.args,
    /^-(?:ldflags|tags|gcflags|asmflags|o|mod|modfile|C|p|buildmode)$/,
  );
  const [verb, ...rest] = operands;
  if (verb?.text !== 'install' && verb?.text !== 'get' && verb?.text !== 'run') return [];
  return rest
    .filter(({ text }) => /^[^./$][^/]*\.[^/]+\//.test(text) && (verb.text === 'get' || text.includes('@')))
    .map((argument) => {
      const [name = '', version] = argument.text.split('@', 2);
      const pinned = version !== undefined && (/^v\d+\.\d+\.\d+/.test(version) || isCommit(version));
      return packageInput('go', argument, { line, name, version, pinned, command: `go ${verb.text}` });
    });
}

function readCargo(line: CommandLine): DockerfileInput[] {
  const args = line.args[0]?.text.startsWith('+') ? line.args.slice(1) : line.args;
  const { operands, options, values } = sortArguments(
    args,
    /^(?:--(?:version|vers|git|rev|tag|branch|path|root|features|target|profile|bin|example|registry|index|target-dir|config|jobs)|-[FjZ])$/,
  );
  const [verb, ...rest] = operands;
  if (verb?.text !== 'install' || values.has('--path')) return [];
  const locked = options.some(({ text }) => text === '--locked' || text === '--frozen');
  const [git] = values.get('--git') ?? [];
  if (git !== undefined) {
    const rev = values.get('--rev')?.[0]?.text;
    const ref = rev ?? values.get('--tag')?.[0]?.text ?? values.get('--branch')?.[0]?.text;
    const pinned = rev !== undefined && isCommit(rev);
    return [
      {
        kind: 'git',
        by: 'clone',
        span: git.word.span,
        url: git.text,
        subject: `cargo install --git ${git.text}`,
        pinned,
        shallow: false,
        ...(ref === undefined ? {} : { ref }),
      },
    ];
  }
  const given = (values.get('--version') ?? values.get('--vers'))?.[0]?.text;
  return rest.map((argument) => {
    const [name = '', own] = argument.text.split('@', 2);
    const version = own ?? given;
    const pinned = locked && version !== undefined && /^=?\d+\.\d+\.\d+/.test(version);
    return packageInput('cargo', argument, { line, name, version, pinned, command: 'cargo install' });
  });
}

function readRpm(line: CommandLine): DockerfileInput[] {
  const { operands } = sortArguments(
    line.args,
    /^(?:-c|-x|--config|--installroot|--releasever|--enablerepo|--disablerepo|--exclude|--setopt|--repo|-r|--from)$/,
  );
  const [verb, ...rest] = operands;
  if (verb === undefined) return [];
  if (/^(?:update|upgrade|up|distro-sync|dist-upgrade|dup)$/.test(verb.text)) {
    return [
      { kind: 'upgrade', span: line.command.span, subject: `${line.name} ${verb.text}`, pinned: false },
    ];
  }
  if (!/^(?:install|in|reinstall|groupinstall|localinstall)$/.test(verb.text)) return [];
  return rest
    .filter(({ text }) => !/^(?:\.{0,2}\/|.*\.rpm$)/.test(text))
    .map((argument) => {
      const [, name = argument.text, version] =
        /^(.+?)-(\d[\w.+~^:]*-\d[\w.+~^]*)$/.exec(argument.text) ?? [];
      return packageInput('rpm', argument, {
        line,
        name,
        version,
        pinned: version !== undefined,
        command: `${line.name} ${verb.text}`,
      });
    });
}

function readConda(line: CommandLine): DockerfileInput[] {
  const { operands } = sortArguments(
    line.args,
    /^(?:-[ncpf]|--(?:name|channel|prefix|file|solver|platform))$/,
  );
  const [verb, ...rest] = operands;
  if (verb?.text !== 'install' && verb?.text !== 'create') return [];
  return rest.map((argument) => {
    const [, name = argument.text, operator, version] =
      /^(?:[^:]+::)?([A-Za-z0-9_.-]+)\s*(==?|[<>!~]=?)?\s*(.*)$/.exec(argument.text) ?? [];
    const pinned =
      (operator === '=' || operator === '==') &&
      /^\d+(?:\.\w+)+/.test(version ?? '') &&
      !/[*,|]/.test(version ?? '');
    return packageInput('conda', argument, {
      line,
      name,
      version: operator === undefined ? undefined : version,
      pinned,
      command: `${line.name} ${verb.text}`,
    });
  });
}
