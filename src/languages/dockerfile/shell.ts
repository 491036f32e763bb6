// Reads a shell script far enough to know which simple commands it runs and with which words: quotes, lists, pipes,
// subshells, substitutions, compound commands, here-documents. It runs nothing and never fails: what it cannot
// read ends the reading, and `complete` says so. POSIX sh, and of bash what stands in Dockerfiles.
import type { Span } from '../../foundation/error.ts';
import { ExpansionError, expandWord } from './expand.ts';
import type { MappedText } from './mapped-text.ts';
import { ShellReader } from './shell-reader.ts';

export type ShellPart =
  | { readonly kind: 'text'; readonly text: string }
  /** `$x` or `${x…}`, as written in `raw`. */
  | {
      readonly kind: 'parameter';
      readonly name: string;
      readonly raw: string;
      /** Inside double quotes, where its value stays one word. */
      readonly quoted?: true;
    }
  /** `$(…)`, backquotes, `<(…)`: the commands within. */
  | { readonly kind: 'substitution'; readonly commands: readonly ShellCommand[] }
  /** Arithmetic, and what else has no value here. */
  | { readonly kind: 'unknown' };

export interface ShellWord {
  readonly parts: readonly ShellPart[];
  readonly span: Span;
  /** What stands between the quotes of a word that is quoted whole, where nothing in it is escaped or expanded. */
  readonly quoted?: MappedText;
}

export interface ShellRedirect {
  readonly operator: string;
  readonly target: ShellWord;
  /** What a here-document says; its places are those of the text. Absent for other redirections. */
  readonly heredoc?: {
    readonly text: MappedText;
    /** `<<EOF`, not `<<'EOF'`: the shell puts in variables and substitutions, whose commands these are. */
    readonly commands: readonly ShellCommand[];
  };
}

export interface ShellCommand {
  readonly words: readonly ShellWord[];
  /** `name=value` before the command, or alone. */
  readonly assignments: readonly { readonly name: string; readonly value: ShellWord }[];
  readonly redirects: readonly ShellRedirect[];
  readonly span: Span;
  /** Commands joined by `|` share a number. */
  readonly pipeline: number;
}

export interface ShellScript {
  /** In the order of the text, those of compound commands included; substitutions are inside the words. */
  readonly commands: readonly ShellCommand[];
  readonly complete: boolean;
}

/** Reads a script; places are those of `source`. */
export function readShellScript(source: MappedText): ShellScript {
  const reader = new ShellReader(source, { next: 0 }, 0);
  const commands = reader.readList('end');
  return { commands, complete: reader.isComplete() };
}

/** All commands, those of substitutions included, each before what its words run. */
export function flattenCommands(commands: readonly ShellCommand[]): ShellCommand[] {
  const all: ShellCommand[] = [];
  const visitWord = (word: ShellWord) => {
    for (const part of word.parts) if (part.kind === 'substitution') visit(part.commands);
  };
  const visit = (list: readonly ShellCommand[]) => {
    for (const command of list) {
      all.push(command);
      for (const word of command.words) visitWord(word);
      for (const assignment of command.assignments) visitWord(assignment.value);
      for (const redirect of command.redirects) visitWord(redirect.target);
    }
  };
  visit(commands);
  return all;
}

/** A word's text once `variables` are put in, or undefined when it has something that is not known. */
export function wordText(word: ShellWord, variables: ReadonlyMap<string, string>): string | undefined {
  let text = '';
  for (const part of word.parts) {
    if (part.kind === 'text') text += part.text;
    else if (part.kind === 'parameter' && variables.has(part.name)) {
      try {
        text += expandWord(part.raw, { variables }).result;
      } catch (error) {
        // A modifier that sh has and Docker has not.
        if (error instanceof ExpansionError) return undefined;
        throw error;
      }
    } else return undefined;
  }
  return text;
}

/** Words as the shell has them once it has cut the values of unquoted variables at blanks. */
export function splitFields(
  words: readonly ShellWord[],
  variables: ReadonlyMap<string, string>,
): readonly ShellWord[] {
  const isSplit = (word: ShellWord) =>
    word.parts.length === 1 && word.parts[0]!.kind === 'parameter' && word.parts[0]!.quoted !== true;
  if (!words.some(isSplit)) return words;
  return words.flatMap((word): ShellWord[] => {
    const text = isSplit(word) ? wordText(word, variables) : undefined;
    if (text === undefined || !/\s/.test(text)) return [word];
    const fields = text.split(/\s+/).filter((field) => field !== '');
    return fields.map((field) => ({ parts: [{ kind: 'text', text: field }], span: word.span }));
  });
}

/** A word as near to its source as is good for showing: known text, `$name` for variables, `…` for the rest. */
export function showWord(word: ShellWord): string {
  return word.parts
    .map((part) => (part.kind === 'text' ? part.text : part.kind === 'parameter' ? part.raw : '…'))
    .join('');
}
