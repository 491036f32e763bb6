// The command lines of package managers: which packages they install, and whether each is fixed to a version.

import {
  type Argument,
  type CommandLine,
  type Invocation,
  packageInput,
  sortArguments,
  upgradeInput,
  withVerb,
} from './command-line.ts';
import { isCommit, isCommitLike } from './git-reference.ts';
import type { DockerfileInput } from './inputs.ts';
import { readOtherManager } from './other-managers.ts';
import { readPythonCommand } from './python-commands.ts';
import { showWord } from './shell.ts';

/** Inputs that a package manager's command line has; none for any other command. */
export function readPackageCommand(
  invocation: Invocation,
  context: { readonly usesSnapshot: boolean },
): DockerfileInput[] {
  const args = invocation.words.map((word) => ({ word, text: invocation.text(word) ?? showWord(word) }));
  const { name } = invocation;
  const line: CommandLine = { name, args, command: invocation.command };
  if (/^(?:apt(?:-get|-fast)?|aptitude|nala)$/.test(name)) return readApt(line, context.usesSnapshot);
  // Of Bitnami's images, and of those made from them.
  if (name === 'install_packages') return readApt(withVerb(line), context.usesSnapshot);
  if (name === 'unattended-upgrade' || name === 'unattended-upgrades') return [upgradeInput(line, name)];
  if (name === 'apk') return readApk(line);
  const python = readPythonCommand(line);
  if (python !== undefined) return python;
  if (name === 'npm' || name === 'pnpm' || name === 'yarn' || name === 'bun') return readNpm(line);
  if (name === 'corepack') return readCorepack(line);
  if (name === 'npx' || name === 'bunx') return readNpx({ ...line, args }, name);
  if (name === 'gem') return readGem(line);
  if (name === 'bundle' || name === 'bundler') return readBundle(line);
  if (name === 'go') return readGo(line);
  if (name === 'cargo') return readCargo(line);
  if (/^(?:yum|dnf5?|microdnf|tdnf|zypper)$/.test(name)) return readRpm(line);
  if (name === 'rpm') return rpmDownloads(name, args);
  if (/^(?:conda|mamba|micromamba)$/.test(name)) return readConda(line);
  return readOtherManager(line);
}

/** `npx cowsay` runs one package, of the version that it finds. */
function readNpx(line: CommandLine, command: string): DockerfileInput[] {
  const { operands, options, values } = sortArguments(line.args, /^(?:-p|--package|-c|--call)$/);
  // What the project has installed is run from there.
  if (options.some(({ text }) => text === '--no-install' || text === '--no')) return [];
  const packages = [...(values.get('-p') ?? []), ...(values.get('--package') ?? [])];
  return (packages.length > 0 ? packages : operands.slice(0, 1)).map((argument) =>
    npmPackage(argument, { line, command }),
  );
}

/** `corepack prepare pnpm@latest --activate`: a package manager from the registry. */
function readCorepack(line: CommandLine): DockerfileInput[] {
  const { operands } = sortArguments(line.args, /^(?:-o|--output|--install-directory|--cache-folder)$/);
  const [verb, ...rest] = operands;
  if (!/^(?:prepare|use|install|up|pack)$/.test(verb?.text ?? '')) return [];
  // Without a name it is the one that package.json names.
  return rest
    .filter(({ text }) => /^(?:npm|pnpm|yarn|yarnpkg)(?:@|$)/.test(text))
    .map((argument) => npmPackage(argument, { line, command: `corepack ${verb!.text}` }));
}

function npmPackage(
  argument: Argument,
  { line, command }: { readonly line: CommandLine; readonly command: string },
): DockerfileInput {
  const at = argument.text.indexOf('@', 1);
  const version = at < 0 ? undefined : argument.text.slice(at + 1);
  const pinned = version !== undefined && /^v?\d+\.\d+\.\d+(?:[-+][\w.+-]*)?$/.test(version);
  const name = at < 0 ? argument.text : argument.text.slice(0, at);
  return packageInput('npm', argument, { line, name, version, pinned, command });
}

function readApt(line: CommandLine, usesSnapshot: boolean): DockerfileInput[] {
  const { operands, options } = sortArguments(
    line.args,
    /^-(?:o|c|t|a)$|^--(?:option|config-file|target-release|default-release|host-architecture)$/,
  );
  const [verb, ...rest] = operands;
  if (verb === undefined) return [];
  if (
    options.some(({ text }) =>
      /^(?:-[a-z]*s[a-z]*|--(?:simulate|just-print|dry-run|recon|no-act))$/.test(text),
    )
  )
    return [];
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
  if (!/^(?:install|reinstall|build-dep|source|download)$/.test(verb.text)) return [];
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
        command: `apt-get ${verb.text === 'reinstall' ? 'install' : verb.text}`,
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
        /^([^=<>~@]+)(?:@[^=<>~]+)?(?:(~=|=~|=|~|[<>]=?)(.*))?$/.exec(argument.text) ?? [];
      return packageInput('apk', argument, {
        line,
        name,
        version,
        pinned: operator === '=',
        command: 'apk add',
      });
    });
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
  if (verb !== undefined && /^(?:update|upgrade|up)$/.test(verb.text))
    return [upgradeInput(line, `${name} ${verb.text}`)];
  if (/^(?:dlx|exec|x)$/.test(verb?.text ?? '') && !(name === 'yarn' && verb!.text === 'exec'))
    return readNpx({ ...line, args: rest.concat(options) }, `${name} ${verb!.text}`);
  if (/^(?:create|init)$/.test(verb?.text ?? '')) {
    // `npm create vite` runs create-vite; `npm init` without a name asks questions.
    return rest
      .slice(0, 1)
      .map((argument) => npmPackage(argument, { line, command: `${name} ${verb!.text}` }));
  }
  if (name === 'yarn' && verb?.text === 'set' && rest[0]?.text === 'version')
    return rest
      .slice(1)
      .map(({ word, text }) =>
        npmPackage({ word, text: `yarn@${text}` }, { line, command: 'yarn set version' }),
      );
  if (
    verb === undefined
      ? name !== 'yarn' || has(/^(?:-v|--version|-h|--help)$/)
      : !npmInstalls(name, verb.text)
  )
    return [];
  if (rest.length === 0) {
    if (has(/^--(?:frozen-lockfile|immutable)/) && !has(/=false$/)) return [];
    const subject = verb === undefined ? name : `${name} ${verb.text}`;
    const locks = has(/^--no-(?:package-)?lock(?:file)?$/) ? [] : npmLocks;
    return [
      {
        kind: 'project-dependencies',
        manager: 'npm',
        span: line.command.span,
        subject,
        pinned: false,
        locks,
      },
    ];
  }
  return rest
    .filter(({ text }) => !/^(?:\.{0,2}\/|\.$|file:|.*\.tgz$)/.test(text))
    .map((argument) => npmPackage(argument, { line, command: `${name} ${verb!.text}` }));
}

const npmLocks = [
  'package-lock.json',
  'npm-shrinkwrap.json',
  'yarn.lock',
  'pnpm-lock.yaml',
  'bun.lock',
  'bun.lockb',
];

/** npm has many ways to write `install`. */
function npmInstalls(name: string, verb: string): boolean {
  return name === 'npm'
    ? /^(?:i|in|ins|inst|insta|instal|install|isnt\w*|add|it|install-test)$/.test(verb)
    : /^(?:add|install|i)$/.test(verb);
}

/** `bundle install` takes Gemfile.lock, where there is one that fits. */
function readBundle(line: CommandLine): DockerfileInput[] {
  const { operands, options } = sortArguments(
    line.args,
    /^(?:--(?:gemfile|jobs|path|retry|without|with)|-j)$/,
  );
  const verb = operands[0]?.text ?? 'install';
  if (verb === 'update') return [upgradeInput(line, 'bundle update')];
  if (verb !== 'install' || options.some(({ text }) => /^(?:--version|-v|--help)$/.test(text))) return [];
  const isStrict = options.some(({ text }) => /^--(?:deployment|frozen)$/.test(text));
  return [
    {
      kind: 'project-dependencies',
      manager: 'gem',
      span: line.command.span,
      subject: 'bundle install',
      pinned: false,
      locks: ['Gemfile.lock', 'gems.locked'],
      ...(isStrict ? { isStrict } : {}),
    },
  ];
}

function readGem(line: CommandLine): DockerfileInput[] {
  const { operands, values } = sortArguments(
    line.args,
    /^(?:-v|--version|-s|--source|-i|--install-dir|-n|--bindir|-P|--trust-policy|--platform)$/,
  );
  const [verb, ...rest] = operands;
  if (verb?.text === 'update') return [upgradeInput(line, 'gem update')];
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
  const { operands, options } = sortArguments(
    line.args,
    /^-(?:ldflags|tags|gcflags|asmflags|o|mod|modfile|C|p|buildmode)$/,
  );
  const [verb, ...rest] = operands;
  if (
    verb?.text === 'get' &&
    options.some(({ text }) => /^-u(?:=|$)/.test(text)) &&
    rest.every(({ text }) => /^\.|^all$/.test(text))
  )
    return [upgradeInput(line, 'go get -u')];
  if (verb?.text !== 'install' && verb?.text !== 'get' && verb?.text !== 'run') return [];
  return rest
    .filter(({ text }) => /^[^./$][^/]*\.[^/]+\//.test(text) && (verb.text === 'get' || text.includes('@')))
    .map((argument) => {
      const [name = '', version] = argument.text.split('@', 2);
      const pinned = version !== undefined && (/^v\d+\.\d+\.\d+/.test(version) || isCommitLike(version));
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
  if (verb?.text === 'update') return [upgradeInput(line, 'cargo update')];
  if (!/^(?:install|binstall)$/.test(verb?.text ?? '') || values.has('--path')) return [];
  // A binary that was built with what its author had.
  const isBuilt = verb!.text === 'binstall';
  const locked = isBuilt || options.some(({ text }) => text === '--locked' || text === '--frozen');
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
    return packageInput('cargo', argument, { line, name, version, pinned, command: `cargo ${verb!.text}` });
  });
}

function readRpm(line: CommandLine): DockerfileInput[] {
  const { operands } = sortArguments(
    line.args,
    /^(?:-c|-x|--config|--installroot|--releasever|--enablerepo|--disablerepo|--exclude|--setopt|--repo|-r|--from)$/,
  );
  const isGroup = /^(?:group|groups|module)$/.test(operands[0]?.text ?? '');
  const [verb, ...rest] = isGroup ? operands.slice(1) : operands;
  if (verb === undefined) return [];
  if (/^(?:update|upgrade|up|distro-sync|dist-upgrade|dup)$/.test(verb.text)) {
    return [
      { kind: 'upgrade', span: line.command.span, subject: `${line.name} ${verb.text}`, pinned: false },
    ];
  }
  if (!/^(?:install|in|reinstall|groupinstall|localinstall)$/.test(verb.text)) return [];
  return [
    ...rpmDownloads(line.name, rest),
    ...rest
      .filter(({ text }) => !/^(?:\.{0,2}\/|.*\.rpm$)|:\/\//.test(text))
      .map((argument) => {
        const [, name = argument.text, version] =
          // Name, version, and the release where it is said.
          /^(.+?)-(\d[\w.+~^:]*-\d[\w.+~^]*|\d\w*(?:\.[\w+~^]+){2,})$/.exec(argument.text) ?? [];
        return packageInput('rpm', argument, {
          line,
          name,
          version,
          pinned: version !== undefined,
          command: `${line.name} ${verb.text}`,
        });
      }),
  ];
}

/** Packages by address, `rpm -i https://…` and `dnf install https://…`. */
function rpmDownloads(name: string, operands: readonly Argument[]): DockerfileInput[] {
  return operands
    .filter(({ text }) => /^(?:https?|ftp):\/\//i.test(text))
    .map(({ text, word }) => ({
      kind: 'url',
      by: 'program',
      span: word.span,
      subject: `${name} ${text}`,
      pinned: false,
      toShell: false,
      ...(text.includes('$') ? {} : { url: text }),
    }));
}

function readConda(line: CommandLine): DockerfileInput[] {
  const { operands, values } = sortArguments(
    line.args,
    /^(?:-[ncpf]|--(?:name|channel|prefix|file|solver|platform))$/,
  );
  const environment = operands[0]?.text === 'env';
  const [verb, ...rest] = environment ? operands.slice(1) : operands;
  if (/^(?:update|upgrade)$/.test(verb?.text ?? ''))
    return [upgradeInput(line, `${line.name} ${verb!.text}`)];
  if (verb?.text !== 'install' && verb?.text !== 'create') return [];
  const files = [...(values.get('-f') ?? []), ...(values.get('--file') ?? [])];
  if (environment || files.length > 0) {
    const named = files.length > 0 ? files : [{ word: verb.word, text: 'environment.yml' }];
    return (
      named
        // An explicit file, which `conda list --explicit` or conda-lock wrote, names each build.
        .filter(({ text }) => !/explicit|lock/.test(text))
        .map((argument) =>
          packageInput('conda', argument, {
            line,
            name: argument.text,
            pinned: false,
            command: `${line.name} ${verb.text} -f`,
          }),
        )
    );
  }
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
