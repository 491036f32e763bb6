// Which inputs a shell script takes: the commands that download, clone and install, told from their words.
import type { Invocation } from './command-line.ts';
import { wrapperLength } from './command-wrappers.ts';
import { isDownloader, readDownload, Verification } from './downloads.ts';
import { Clones } from './git-command.ts';
import type { DockerfileInput } from './inputs.ts';
import { mapWhole } from './mapped-text.ts';
import { findNondeterminism } from './nondeterminism.ts';
import { readPackageCommand } from './package-commands.ts';
import { programInputs } from './program-inputs.ts';
import {
  readShellScript,
  type ShellCommand,
  type ShellWord,
  showWord,
  splitFields,
  wordText,
} from './shell.ts';

export interface ScriptContext {
  /** ENV and ARG in force. */
  readonly variables: ReadonlyMap<string, string>;
  /** apt reads a snapshot of the archive, so its versions are fixed. */
  readonly usesSnapshot: boolean;
}

const shells = /^(?:ba|da|a|z|k|fi)?sh$/;
const interpreters = /^(?:(?:ba|da|a|z|k|fi)?sh|python[0-9.]*|perl|node|ruby|php)$/;
const deepest = 8;

export interface ScriptInputs {
  /** In the order of the commands. */
  readonly inputs: DockerfileInput[];
  /** The commit that a checkout without a clone in the script names. */
  readonly checkedOut?: string;
  /** Names of files that the script runs. */
  readonly ran: readonly string[];
}

/** Inputs of a script's commands. */
export function readScriptInputs(commands: readonly ShellCommand[], context: ScriptContext): ScriptInputs {
  const reader = new ScriptReader(context);
  reader.visit(commands, undefined);
  return reader.finish();
}

class ScriptReader {
  private readonly inputs: DockerfileInput[] = [];
  private readonly clones = new Clones();
  private readonly verification = new Verification();
  private readonly variables: Map<string, string>;
  private readonly usesSnapshot: boolean;
  private readonly ran: string[] = [];

  constructor(context: ScriptContext) {
    this.variables = new Map(context.variables);
    this.usesSnapshot = context.usesSnapshot;
  }

  finish(): ScriptInputs {
    const { checkedOut } = this.clones;
    const inputs = this.inputs.map((input): DockerfileInput => {
      if (input.kind === 'git') return this.clones.settled(input);
      // A checksum or a signature checked anywhere in the script is taken to be for what it downloads.
      const isChecked = this.verification.isDone && input.kind === 'url' && !input.toShell;
      return isChecked ? { ...input, pinned: true } : input;
    });
    return { inputs, ran: this.ran, ...(checkedOut === undefined ? {} : { checkedOut }) };
  }

  /** `toShell`: what these commands print is run by a shell. */
  visit(commands: readonly ShellCommand[], toShell: 'shell' | undefined, depth = 0): void {
    if (depth > deepest) return;
    for (const [index, command] of commands.entries()) {
      const invocation = this.unwrap(command);
      for (const { name, value } of command.assignments) {
        const text = wordText(value, this.variables);
        if (text !== undefined && command.words.length === 0) this.variables.set(name, text);
        else if (command.words.length === 0) this.variables.delete(name);
      }
      const piped = commands
        .slice(index + 1)
        .filter((other) => other.pipeline === command.pipeline)
        .some((other) => readsProgram(this.unwrap(other)));
      if (invocation !== undefined) this.readInvocation(invocation, piped || toShell === 'shell', depth);
      this.inputs.push(...findNondeterminism(command, invocation, this.variables));
      const runs = invocation !== undefined && runsItsWords(invocation.name);
      const words = [
        ...command.words,
        ...command.assignments.map((assignment) => assignment.value),
        ...command.redirects.map((redirect) => redirect.target),
      ];
      for (const word of words) {
        for (const part of word.parts) {
          if (part.kind === 'substitution') this.visit(part.commands, runs ? 'shell' : undefined, depth + 1);
        }
      }
      for (const { heredoc } of command.redirects) {
        if (heredoc === undefined) continue;
        const isScript = invocation !== undefined && shells.test(invocation.name) && readsProgram(invocation);
        const inner = isScript ? readShellScript(heredoc.text).commands : heredoc.commands;
        this.visit(inner, undefined, depth + 1);
      }
    }
  }

  /** A command without `sudo`, `env X=y`, `exec` and the like before it. */
  private unwrap(command: ShellCommand): Invocation | undefined {
    let words = splitFields(command.words, this.variables);
    let fed: ShellWord[] = [];
    for (;;) {
      const [first] = words;
      if (first === undefined) return undefined;
      const name = (wordText(first, this.variables) ?? '').replace(/^.*\//, '');
      const skip = wrapperLength(name, words, this.variables);
      if (skip === undefined)
        return {
          name,
          words: [...words.slice(1), ...fed],
          command,
          text: (word) => wordText(word, this.variables),
        };
      words = words.slice(skip);
      // Further words come from another command; `-I` says where they go.
      if (name === 'xargs') fed = words.some((word) => showWord(word).includes('{}')) ? [] : [fedWord(first)];
    }
  }

  private readInvocation(invocation: Invocation, toShell: boolean, depth: number): void {
    const { name } = invocation;
    const args = invocation.words.map((word) => ({ word, text: invocation.text(word) }));
    if (shells.test(name) || name === 'su' || name === 'runuser' || name === 'eval') {
      this.noteRun(invocation);
      const flag =
        name === 'eval' ? 0 : args.findIndex(({ text }) => text !== undefined && /^-[a-z]*c$/.test(text)) + 1;
      const script = flag > 0 || name === 'eval' ? args[flag] : undefined;
      if (script?.text !== undefined) this.visit(commandsIn(script.word, script.text), undefined, depth + 1);
      return;
    }
    this.noteRun(invocation);
    this.verification.see(invocation);
    if (isDownloader(name)) this.inputs.push(...readDownload(invocation, toShell));
    else if (/^(?:git|svn|hg|bzr|gh)$/.test(name)) this.inputs.push(...this.clones.read(invocation));
    else if (name === 'cd' || name === 'pushd') this.clones.enter(args[0]?.text ?? '');
    else {
      this.inputs.push(
        ...readPackageCommand(invocation, { usesSnapshot: this.usesSnapshot }),
        ...programInputs(invocation),
      );
    }
  }

  /** `sh install.sh`, `. ./env`, `./setup.py`: a file that the script runs. */
  private noteRun({ name, words, command, text }: Invocation): void {
    const base = (word: ShellWord) => (text(word) ?? showWord(word)).replace(/^.*\//, '');
    if (runsItsWords(name) && name !== 'eval') {
      const file = words.find((word) => !(text(word) ?? showWord(word)).startsWith('-'));
      if (file !== undefined) this.ran.push(base(file));
    } else {
      const own = command.words.find((word) => base(word) === name);
      const written = own === undefined ? '' : (text(own) ?? showWord(own));
      if (/\//.test(written) && /\.(?:sh|bash|py|pl|run)$|install|setup|bootstrap/i.test(name))
        this.ran.push(name);
    }
  }
}

function fedWord({ span }: ShellWord): ShellWord {
  return { parts: [{ kind: 'unknown' }], span };
}

/** The commands of a script that is a word. */
function commandsIn({ quoted, span }: ShellWord, text: string): readonly ShellCommand[] {
  const source = quoted?.text === text ? quoted : mapWhole(text, span.file, span.line, span.column);
  return readShellScript(source).commands;
}

/** An interpreter that runs what comes in through the pipe: `| sh -s -- -y`, `| python -`. */
function readsProgram(invocation: Invocation | undefined): boolean {
  if (invocation === undefined || !interpreters.test(invocation.name)) return false;
  const first = invocation.words.map((word) => invocation.text(word) ?? '').find((text) => text !== '');
  return (
    first === undefined || first === '-' || first === '/dev/stdin' || /^-(?!c$|e$|m$|-version$)/.test(first)
  );
}

/** Commands that run the text or file their words are: `sh -c "$(curl …)"`, `. <(curl …)`. */
function runsItsWords(name: string): boolean {
  return interpreters.test(name) || name === 'eval' || name === 'source' || name === '.';
}
