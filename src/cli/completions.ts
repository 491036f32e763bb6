// `trimaran completions bash|zsh`: a completion script, made from the commands themselves.
import type { Command } from 'commander';
import { TrimaranError } from '../index.ts';
import type { CommandContext } from './context.ts';
import { program } from './main.ts';

export async function run(context: CommandContext, args: readonly string[]): Promise<number> {
  const shell = args[0];
  if (shell !== 'bash' && shell !== 'zsh') {
    throw new TrimaranError({
      code: 'cli/unknown-shell',
      message: `there are no completions for \`${shell}\``,
      hint: 'ask for bash or zsh',
      exitCode: 2,
    });
  }
  const words = wordsByCommand(program, '');
  context.print(shell === 'bash' ? bashScript(words) : zshScript(words));
  return 0;
}

/** What may follow each command, by the command's words: its subcommands and options. */
function wordsByCommand(command: Command, path: string): ReadonlyMap<string, readonly string[]> {
  const options = command.options.flatMap((option) =>
    option.long === undefined || option.long === null ? [] : [option.long],
  );
  const words = new Map([[path, [...command.commands.map((child) => child.name()), ...options]]]);
  for (const child of command.commands) {
    for (const [name, entries] of wordsByCommand(child, `${path} ${child.name()}`.trim()))
      words.set(name, [...entries]);
  }
  return words;
}

function bashScript(words: ReadonlyMap<string, readonly string[]>): string {
  const cases = [...words].map(([path, entries]) => `    '${path}') words='${entries.join(' ')}' ;;`);
  return [
    '# trimaran completions for bash: eval "$(trimaran completions bash)"',
    '_trimaran() {',
    '  local path= word words=',
    '  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
    '    [[ $word == -* ]] || path="${path:+$path }$word"',
    '  done',
    '  case $path in',
    ...cases,
    '  esac',
    '  mapfile -t COMPREPLY < <(compgen -W "$words" -o default -- "${COMP_WORDS[COMP_CWORD]}")',
    '}',
    'complete -F _trimaran trimaran',
  ].join('\n');
}

function zshScript(words: ReadonlyMap<string, readonly string[]>): string {
  const cases = [...words].map(([path, entries]) => `    '${path}') compadd -- ${entries.join(' ')} ;;`);
  return [
    '#compdef trimaran',
    '# trimaran completions for zsh: eval "$(trimaran completions zsh)"',
    '_trimaran() {',
    '  local path= word',
    '  for word in "${words[@]:1:$((CURRENT - 2))}"; do',
    '    [[ $word == -* ]] || path="${path:+$path }$word"',
    '  done',
    '  case $path in',
    ...cases,
    '    *) _files ;;',
    '  esac',
    '}',
    'compdef _trimaran trimaran',
  ].join('\n');
}
