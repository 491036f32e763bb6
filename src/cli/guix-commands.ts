// Names and options of the guix commands. The time machine reads them too, for the command that it runs.
import { type Command, Option } from 'commander';
import { ignoredOptions, refusedOptions } from '../index.ts';
import type { CommandContext } from './context.ts';

type Run = (
  context: CommandContext,
  args: readonly string[],
  options: Record<string, unknown>,
) => Promise<number>;

/** Registers one command on a parent. */
export type Register = (
  parent: Command,
  usage: string,
  description: string,
  load: () => Promise<{ run: Run }>,
) => Command;

const collect = (value: string, previous: readonly string[] = []): readonly string[] => [...previous, value];

/** Adds the guix commands to `parent`; `settings` go to each with its options. */
export function addGuixCommands(
  parent: Command,
  register: Register,
  settings: Readonly<Record<string, unknown>> = {},
): void {
  const add = (usage: string, description: string, load: () => Promise<{ run: Run }>) =>
    withNearestOptions(
      register(parent, usage, description, async () => {
        const { run } = await load();
        return { run: (context, args, options) => run(context, args, { ...options, ...settings }) };
      }),
    );
  sources(add('pack [packages...]', 'pack packages into an image or archive', () => import('./guix-pack.ts')))
    .option('-f, --format <format>', 'docker or tarball', 'tarball')
    .option('--list-formats', 'print the formats')
    .option('--max-layers <n>', 'at most so many layers', '100')
    .option('--image-tag <name>', 'name of the image, with or without a tag')
    .option('--entry-point <program>', 'program of the profile that a container starts')
    .option('-A, --entry-point-argument <argument>', 'argument of the entry point (again for more)', collect)
    .option('-S, --symlink <spec>', 'link SOURCE=TARGET, TARGET in the profile (again for more)', collect)
    .option('-C, --compression <tool>', 'none, gzip or zstd', 'none')
    .option('--save-provenance', 'keep the channels in the profile')
    .option('--workdir <folder>', 'working directory of containers')
    .option('--env <variable>', 'NAME=VALUE (again for more)', collect)
    .option('--expose <port>', 'port such as 80 or 53/udp (again for more)', collect)
    .option('--user <user>', 'user that containers run as')
    .option('--label <label>', 'KEY=VALUE (again for more)', collect);
  sources(
    add('build [packages...]', 'build packages and print their paths', () => import('./guix-build.ts')),
    '-f, ',
  ).option('-S, --source', 'build the sources');
  add(
    'time-machine [command...]',
    'run a guix command with the channels of a file: -C FILE -- COMMAND',
    () => import('./guix-time-machine.ts'),
  ).option('-C, --channels <file>', 'the channels file');
  add('describe', 'print the channels in use', () => import('./guix-describe.ts')).option(
    '-f, --format <format>',
    'human, channels or json',
    'human',
  );
  add('hash <files...>', 'print the hashes of files or folders', () => import('./guix-hash.ts'))
    .option('-r, --recursive', 'the tree counts, not one file’s bytes')
    .option('-S, --serializer <type>', 'none or nar')
    .option('-x, --exclude-vcs', 'leave .git and its kin out')
    .option('-H, --hash <algorithm>', 'md5, sha1, sha256 or sha512', 'sha256')
    .option('-f, --format <format>', 'nix-base32, base32, base16, hex or base64', 'nix-base32');
  add('show <packages...>', 'describe packages', () => import('./guix-show.ts'));
  add('search <patterns...>', 'look for packages by regular expressions', () => import('./guix-search.ts'));
}

/** Commander looks for the nearest of `--nmae=value`, which is near to none. */
function withNearestOptions(target: Command): Command {
  const command = target as Command & { unknownOption(flag: string): void };
  const report = command.unknownOption.bind(command);
  command.unknownOption = (flag) => report(flag.replace(/=.*$/s, ''));
  return command;
}

function sources(target: Command, short = ''): Command {
  for (const { long, short: letter, takesValue } of [...ignoredOptions, ...refusedOptions]) {
    const flags = `${letter === undefined ? '' : `-${letter}, `}--${long}${takesValue ? ' <value>' : ''}`;
    // Commander takes --no-x for a switch that is on.
    target.addOption(new Option(flags).hideHelp());
  }
  return target
    .option('-m, --manifest <file>', 'take the packages of a manifest (again for more)', collect)
    .option('-e, --expression <expression>', 'take what a Scheme expression gives (again for more)', collect)
    .option(`${short}--file <file>`, 'take the package that a file gives (again for more)', collect)
    .option('-L, --load-path <folder>', 'look for modules there first (again for more)', collect)
    .option('-s, --system <system>', 'x86_64-linux or aarch64-linux')
    .option('-d, --derivation', 'print the derivation instead of building')
    .option('-n, --dry-run', 'say what would be built')
    .option('-r, --root <file>', 'make this a link to the result')
    .option('-v, --verbosity <level>', 'accepted, as guix has it; 2 and more show build logs');
}
