// The command line: names and options of every command. A command's own code is loaded only when it runs,
// since start-up time is part of the product.
import { Command, CommanderError } from 'commander';
import { type Progress, version } from '../index.ts';
import { commandFirst } from './command-first.ts';
import { type CommandContext, fail, guardProcess, makeContext } from './context.ts';
import { addGuixCommands } from './guix-commands.ts';
import { joinPairs } from './paired-options.ts';

type Run = (
  context: CommandContext,
  args: readonly string[],
  options: Record<string, unknown>,
) => Promise<number>;

const program = new Command('trimaran')
  .description(
    'Build a compose service’s image from a Dockerfile, a Nix flake or a Guix manifest: the same bytes every time.',
  )
  .version(version)
  .enablePositionalOptions()
  .showHelpAfterError('(add --help for the options)')
  .configureHelp({ sortSubcommands: false })
  .exitOverride();

/** Progress bars, where there is a terminal for them. */
async function progressBars(): Promise<Progress | undefined> {
  return process.stderr.isTTY ? (await import('./progress-bar.ts')).barProgress(process.stderr) : undefined;
}

/** Registers a command whose code `load` brings in. */
function command(
  parent: Command,
  usage: string,
  description: string,
  load: () => Promise<{ run: Run }>,
): Command {
  return parent
    .command(usage)
    .description(description)
    .option('--json', 'print the result as JSON')
    .action(async (...parameters: unknown[]) => {
      const self = parameters.at(-1) as Command;
      const options = self.opts<Record<string, unknown>>();
      const context = makeContext(options.json === true, await progressBars());
      try {
        const { run } = await load();
        process.exitCode = await run(context, self.args, options);
      } catch (error) {
        process.exitCode = fail(context, error);
      }
    });
}

/** An option that may be given several times, a value each time: the word after the value is an argument again. */
function repeated(target: Command, flags: string, description: string): Command {
  return target.option(flags, description, (value: string, earlier: string[] = []) => [...earlier, value]);
}

function projectOptions(target: Command): Command {
  repeated(target, '-f, --file <file>', 'a compose file; several are merged (default: compose.yaml …)');
  repeated(target, '--profile <name>', 'a profile whose services take part');
  return target
    .option('-p, --project-name <name>', 'project name (default: the folder’s name)')
    .option('--env-file <file>', 'variables of the compose files (default: .env)')
    .option('--project-directory <folder>', 'where relative paths start (default: the first file’s folder)');
}

function nixOptions(target: Command): Command {
  repeated(
    target,
    '--override-input <name=ref>',
    'use another flake reference for an input (two words: NAME REF)',
  );
  repeated(target, '--option <name=value>', 'a setting of nix.conf (two words: NAME VALUE)');
  return target
    .option('--impure', 'allow access to files, time and environment outside the flake')
    .option('--no-write-lock-file', 'do not write flake.lock')
    .option('--no-update-lock-file', 'refuse to run when flake.lock needs a change')
    .option('--refresh', 'do not trust what was fetched lately')
    .option('--show-trace', 'print the whole trace of an evaluation error')
    .option('--extra-experimental-features <features>', 'accepted, as nix has it')
    .option('--experimental-features <features>', 'accepted, as nix has it')
    .option('--offline', 'use only what is here already');
}

/** Registers each command of a first word; making them all would be a fifth of a short command's time. */
const commands: Readonly<Record<string, () => void>> = {
  build() {
    projectOptions(
      command(
        program,
        'build [services...]',
        'build the project’s images, and load them into the engine if there is one',
        () => import('./build.ts'),
      ),
    )
      .option('--recipe <kind>', 'which recipe to build: nix, guix or dockerfile')
      .option('--engine <kind>', 'what builds Dockerfiles: buildkit, docker, podman or buildah')
      .option('--no-cache', 'take nothing from the engine’s cache')
      .option('-o, --output <file>', 'write the archive here instead of loading it (one service)')
      .option('--no-load', 'build only');
  },
  nix() {
    const nix = program.command('nix').description('Nix’s own commands, without Nix');
    nixOptions(
      command(
        nix,
        'build [installables...]',
        'build installables such as .#docker',
        () => import('./nix-build.ts'),
      ),
    )
      .option('-o, --out-link <path>', 'name of the symlink to the result', 'result')
      .option('--no-link', 'make no symlink')
      .option('--print-out-paths', 'print the store paths of the results')
      .option('--dry-run', 'show what would be built')
      .option('--rebuild', 'build again and compare')
      .option('-f, --file <file>', 'take attributes from a Nix file')
      .option('--expr <expression>', 'take attributes from an expression')
      .option('-L, --print-build-logs', 'show build logs as they come');
    nixOptions(
      command(
        nix,
        'eval [installable]',
        'evaluate an installable or expression',
        () => import('./nix-eval.ts'),
      ),
    )
      .option('--raw', 'print a string without quotes')
      .option('--apply <function>', 'apply a function to the result')
      .option('-f, --file <file>', 'evaluate a Nix file')
      .option('--expr <expression>', 'evaluate an expression');
    nixOptions(
      command(
        nix,
        'flake <action> [arguments...]',
        'lock, update, metadata or show a flake',
        () => import('./nix-flake.ts'),
      ),
    );
    nixOptions(
      command(
        nix,
        'derivation <action> [installables...]',
        'show: print derivations as JSON',
        () => import('./nix-derivation.ts'),
      ),
    ).option('-r, --recursive', 'with all they depend on');
    command(
      nix,
      'hash <action> [arguments...]',
      'path, file or convert: hashes as Nix writes them',
      () => import('./nix-hash.ts'),
    )
      .option('--type <algorithm>', 'md5, sha1, sha256 or sha512', 'sha256')
      .option('--to <format>', 'base16, nix32, base64 or sri')
      .option('--sri', 'print as SRI')
      .option('--base16', 'print as base 16')
      .option('--base32', 'print as Nix’s base 32')
      .option('--base64', 'print as base 64');
  },
  guix() {
    addGuixCommands(
      program.command('guix').description('Guix’s own commands, without Guix, on packages of Debian'),
      command,
    );
  },
  lock() {
    projectOptions(
      command(program, 'lock', 'pin what the project’s recipes leave open', () => import('./lock.ts')),
    )
      .option('--update [name...]', 'take the newest of everything, or of these inputs')
      .option('--write', 'put the pins into the Dockerfiles too');
  },
  audit() {
    projectOptions(
      command(program, 'audit [paths...]', 'list what can change tomorrow', () => import('./audit.ts')),
    )
      .option('--sarif', 'print SARIF 2.1.0')
      .option('--format <format>', 'text, json or sarif')
      .option('--online', 'ask the network what has moved since the lock')
      .option('--lock <file>', 'the lock to take into account');
  },
  inspect() {
    command(
      program,
      'inspect <image> [other]',
      'what an image is made of: configuration, layers, packages; with another, what differs',
      () => import('./inspect.ts'),
    ).option('--html <file>', 'write a report to look at');
  },
  compare() {
    projectOptions(
      command(
        program,
        'compare [services...]',
        'build every recipe of a service and set them side by side',
        () => import('./compare.ts'),
      ),
    )
      .option('--markdown', 'print Markdown')
      .option('--html <file>', 'write a report to look at')
      .option('--sets <references>', 'the flake over package sets instead: debian:bookworm,debian:trixie')
      .option('--packages', 'list every package, not only those that differ')
      .option('--measure', 'build from nothing, again, and after one file changed; in a copy')
      .option('--verify', 'build twice and compare the bits')
      .option('--probe <url>', 'run each image and wait for 200: http://:8000/docs')
      .option('--probe-timeout <seconds>', 'how long an image may take to answer (default: 60)');
  },
  convert() {
    projectOptions(
      command(
        program,
        'convert <service>',
        'write one kind of recipe from another',
        () => import('./convert.ts'),
      ),
    )
      .option('--to <kind>', 'nix, guix or dockerfile')
      .option('--from <kind>', 'the recipe to start from (default: the first there is)')
      .option(
        '--set <reference>',
        'where names resolve: debian:bookworm, nixpkgs, guix, a flake (default: the project’s)',
      )
      .option('--write', 'write the files instead of printing them')
      .option('--force', 'replace files that are there');
  },
  sbom() {
    projectOptions(
      command(
        program,
        'sbom <image>',
        'bill of materials of an image or service, in CycloneDX or SPDX',
        () => import('./sbom.ts'),
      ),
    )
      .option('--format <format>', 'cyclonedx or spdx', 'cyclonedx')
      .option('--recipe <kind>', 'which recipe of a service: nix, guix or dockerfile');
  },
  base() {
    const base = command(
      program,
      'base <name>',
      'make an image to build upon, such as debian:bookworm, the same bytes every time',
      () => import('./base.ts'),
    );
    repeated(base, '-t, --tag <name>', 'name of the image (default: as the base is called)')
      .option('-o, --output <file>', 'write an archive here')
      .option('--architecture <name>', 'amd64 or arm64', 'amd64')
      .option('--load', 'load it into the engine');
  },
  verify() {
    projectOptions(
      command(
        program,
        'verify [services...]',
        'build recipes again in other surroundings, and compare',
        () => import('./verify.ts'),
      ),
    )
      .option('--recipe <kind>', 'which recipe to build: nix, guix or dockerfile')
      .option('--engine <kind>', 'what builds Dockerfiles: buildkit, docker, podman or buildah')
      .option('--against <image>', 'compare with this image too; docker://NAME for a registry’s');
  },
  push() {
    const push = command(
      program,
      'push <image> <reference>',
      'send an image to a registry; an archive, or the name of one in the engine',
      () => import('./push.ts'),
    );
    repeated(push, '--mount-from <repository>', 'a repository of that registry that may have its layers');
  },
  pull() {
    command(
      program,
      'pull <reference>',
      'bring an image from a registry into the cache, or into a file',
      () => import('./pull.ts'),
    )
      .option(
        '-o, --output <path>',
        'write an archive for docker load (FILE.tar), or an OCI layout (any other)',
      )
      .option('--platform <os/architecture>', 'of an image for several platforms (default: this machine’s)');
  },
  run() {
    const run = command(
      program,
      'run <image> [command...]',
      'run an image in a container',
      () => import('./run.ts'),
    )
      // What follows the image is the command's own.
      .passThroughOptions();
    repeated(run, '-p, --publish <port>', 'HOST:CONTAINER');
    repeated(run, '-e, --env <variable>', 'NAME=VALUE')
      .option('--runtime <name>', 'docker, podman, crun, runc or unshare (default: the first there is)')
      .option('--rm', 'accepted; containers are always removed');
  },
  gc() {
    command(program, 'gc', 'delete what the cache has not needed for long', () => import('./gc.ts'))
      .option('--unused-for <duration>', 'hours, days or weeks: 12h, 30d, 4w', '14d')
      .option('--dry-run', 'only say what would go');
  },
  doctor() {
    command(
      program,
      'doctor',
      'which engines, caches and runtimes this machine has',
      () => import('./doctor.ts'),
    );
  },
  demo() {
    command(program, 'demo', 'do the main job on the example', () => import('./demo.ts'));
  },
  completions() {
    command(
      program,
      'completions <shell>',
      'shell completions for bash or zsh',
      () => import('./completions.ts'),
    );
  },
};
const words = joinPairs(commandFirst(process.argv.slice(2)));
const first = words[0] ?? '';
// Help, completions and what is misspelt are about all of them.
const only = first !== 'completions' && Object.hasOwn(commands, first) ? commands[first] : undefined;
for (const register of only === undefined ? Object.values(commands) : [only]) register();

const wantsJson = process.argv.includes('--json');

async function main(): Promise<void> {
  try {
    await program.parseAsync(words, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    process.exitCode = error.exitCode === 0 ? 0 : 2;
    if (wantsJson && process.exitCode === 2) {
      const message = error.message.replace(/^error: /, '');
      console.log(
        JSON.stringify({ error: { code: 'cli/usage', message, hint: 'add --help for the options' } }),
      );
    }
  }
}

const ended = guardProcess(wantsJson);
void main().then(ended);

export { program };
