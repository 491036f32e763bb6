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
  const entries = completionsOf(program, '');
  context.print(shell === 'bash' ? bashScript(entries) : zshScript(entries));
  return 0;
}

/** What may follow a command, which is named by its words. */
interface Completion {
  readonly path: string;
  readonly commands: readonly string[];
  readonly options: readonly string[];
}

function completionsOf(command: Command, path: string): Completion[] {
  const options = command.options.flatMap(({ long }) => (long === undefined || long === null ? [] : [long]));
  const commands = command.commands.map((child) => child.name());
  return [
    { path, commands, options: [...options, '--help'] },
    ...command.commands.flatMap((child) => completionsOf(child, `${path} ${child.name()}`.trim())),
  ];
}

/** Branches of a `case`: which words are commands. Others are arguments, and values of options. */
function commandWords(entries: readonly Completion[]): string {
  return entries
    .map(({ path }) => path)
    .filter((path) => path !== '')
    .map((path) => `'${path}'`)
    .join('|');
}

function choices(entries: readonly Completion[]): string[] {
  return entries.map(
    ({ path, commands, options }) =>
      `    '${path}') commands='${commands.join(' ')}' options='${options.join(' ')}' ;;`,
  );
}

function bashScript(entries: readonly Completion[]): string {
  return [
    '# trimaran completions for bash: eval "$(trimaran completions bash)"',
    '_trimaran() {',
    '  local current=${COMP_WORDS[COMP_CWORD]} path= word commands= options=',
    '  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
    '    case "${path:+$path }$word" in',
    `      ${commandWords(entries)}) path="\${path:+$path }$word" ;;`,
    '    esac',
    '  done',
    '  case $path in',
    ...choices(entries),
    '  esac',
    '  # Where nothing is offered, readline offers files.',
    '  [[ $current == -* ]] && commands=$options',
    '  COMPREPLY=($(compgen -W "$commands" -- "$current"))',
    '}',
    'complete -o default -F _trimaran trimaran',
  ].join('\n');
}

function zshScript(entries: readonly Completion[]): string {
  return [
    '#compdef trimaran',
    '# trimaran completions for zsh: eval "$(trimaran completions zsh)", after compinit',
    '_trimaran() {',
    '  local path_= word commands= options=',
    '  for word in "${(@)words[2,CURRENT-1]}"; do',
    '    case "${path_:+$path_ }$word" in',
    `      (${commandWords(entries)}) path_="\${path_:+$path_ }$word" ;;`,
    '    esac',
    '  done',
    '  case $path_ in',
    ...choices(entries).map((line) => line.replace("    '", "    ('")),
    '  esac',
    '  if [[ ${words[CURRENT]} == -* ]]; then',
    '    compadd -- ${=options}',
    '  elif [[ -n $commands ]]; then',
    '    compadd -- ${=commands}',
    '  else',
    '    _files',
    '  fi',
    '}',
    '(( $+functions[compdef] )) || { autoload -Uz compinit; compinit; }',
    'compdef _trimaran trimaran',
  ].join('\n');
}
