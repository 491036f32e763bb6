// A package manager's command line, cut into operands and options.
import type { DockerfileInput, PackageManager } from './inputs.ts';
import type { ShellCommand, ShellWord } from './shell.ts';

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

export interface Argument {
  readonly word: ShellWord;
  /** Its text, or how it is written where that is not known. */
  readonly text: string;
}

export interface CommandLine {
  readonly name: string;
  readonly args: readonly Argument[];
  readonly command: ShellCommand;
}

/** Arguments by kind: operands, and options; `withValue` tells those whose value is the next word. */
export function sortArguments(
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

export function packageInput(
  manager: PackageManager,
  argument: Argument,
  details: {
    readonly name: string;
    readonly version?: string | undefined;
    readonly pinned: boolean;
    readonly command: string;
    readonly upgrade?: boolean;
    readonly constraints?: readonly string[];
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
    constraints: details.constraints ?? [],
    ...(details.version === undefined ? {} : { version: details.version }),
  };
}

/** A command that takes whatever is newest. */
export function upgradeInput(line: CommandLine, subject: string): DockerfileInput {
  return { kind: 'upgrade', span: line.command.span, subject, pinned: false };
}

/** The line of a command that only installs, with the verb that others have for it. */
export function withVerb(line: CommandLine): CommandLine {
  const word = line.command.words[0]!;
  return { ...line, args: [{ word, text: 'install' }, ...line.args] };
}
