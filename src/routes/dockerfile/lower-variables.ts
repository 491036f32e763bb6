// References to variables in words that every builder knows: docker's classic builder and buildah have `${x}`, `${x:-y}`
// and `${x:+y}` alone. Others (`${x%.*}`, `${x//a/b}`, `${x-y}`, `${x:?y}`) are written out where their value is known.
import { ExpansionError, expandWord } from '../../languages/dockerfile/expand.ts';
import type { Instruction } from '../../languages/dockerfile/instruction.ts';

export interface ReferenceScope {
  /** ENV and ARG in force, those of the base image too where they are known. */
  readonly variables: ReadonlyMap<string, string>;
  /** Whether what `variables` lacks is unset for sure. */
  readonly complete: boolean;
  /** `\` or `` ` ``. */
  readonly escape: string;
}

/** A piece of a text by its offsets, and what stands for it. */
interface Replacement {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** Whether Docker itself expands the words of an instruction. */
export function isExpanded({ kind }: Instruction): boolean {
  return /^(?:add|arg|copy|env|expose|label|stopsignal|user|volume|workdir)$/.test(kind);
}

const newer = /\$\{\w+(?![\w}]|:[-+])/;
/** What means the same whether it is quoted or not. */
const plain = /^[\w./:@%+,=~-]*$/;

/** Whether a text has a reference that not every builder knows. */
export function hasNewerReference(text: string): boolean {
  return newer.test(text);
}

/** References to write out. What cannot be known, or would need quotes, is left: the builder knows it or says so. */
export function lowerReferences(text: string, scope: ReferenceScope): Replacement[] {
  const replacements: Replacement[] = [];
  let quote = '';
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!;
    if (character === scope.escape && quote !== "'") at++;
    else if (character === quote) quote = '';
    else if (quote === '' && (character === "'" || character === '"')) quote = character;
    else if (character === '$' && text[at + 1] === '{' && quote !== "'") {
      const end = closingBrace(text, at + 2, scope.escape);
      if (end < 0) break;
      const reference = text.slice(at, end + 1);
      const value = newer.test(reference) ? expandReference(reference, scope) : undefined;
      if (value !== undefined && plain.test(value))
        replacements.push({ start: at, end: end + 1, text: value });
      at = end;
    }
  }
  return replacements;
}

function expandReference(reference: string, scope: ReferenceScope): string | undefined {
  try {
    const { result, unmatched } = expandWord(reference, scope);
    return scope.complete || unmatched.length === 0 ? result : undefined;
  } catch (error) {
    if (error instanceof ExpansionError) return undefined;
    throw error;
  }
}

/** Where the brace is that closes a reference; -1 when there is none. */
function closingBrace(text: string, start: number, escapeCharacter: string): number {
  let depth = 1;
  for (let at = start; at < text.length; at++) {
    if (text[at] === escapeCharacter) at++;
    else if (text[at] === '$' && text[at + 1] === '{') depth++;
    else if (text[at] === '}' && --depth === 0) return at;
  }
  return -1;
}
