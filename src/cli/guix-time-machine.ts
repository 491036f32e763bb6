// `trimaran guix time-machine -C FILE -- COMMAND`: a guix command with the channels of a file.
import { Command, CommanderError } from 'commander';
import { TrimaranError } from '../index.ts';
import type { CommandContext } from './context.ts';
import { addGuixCommands, type Register } from './guix-commands.ts';

export async function run(
  context: CommandContext,
  args: readonly string[],
  options: Record<string, unknown>,
): Promise<number> {
  const [name] = args;
  if (name === undefined || name === 'time-machine') {
    throw new TrimaranError({
      code: 'guix/no-command',
      message: 'the time machine was given no command to run',
      hint: 'put it after two dashes: trimaran guix time-machine -C channels.scm -- pack -m manifest.scm -f docker',
      exitCode: 2,
    });
  }
  let exitCode = 0;
  const program = new Command('guix').exitOverride().showHelpAfterError('(add --help for the options)');
  const register: Register = (parent, usage, description, load) =>
    parent
      .command(usage)
      .description(description)
      .option('--json', 'print the result as JSON')
      .action(async (...parameters: unknown[]) => {
        const self = parameters.at(-1) as Command;
        const { run: runCommand } = await load();
        const given = self.opts<Record<string, unknown>>();
        exitCode = await runCommand(
          { ...context, json: context.json || given.json === true },
          self.args,
          given,
        );
      });
  addGuixCommands(program, register, { channelsFile: options.channels });
  try {
    await program.parseAsync([...args], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? 0 : 2;
  }
  return exitCode;
}
