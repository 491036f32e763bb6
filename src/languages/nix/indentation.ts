// Indented strings (''…''): the smallest indentation of their lines is taken off all of them.
import type { ByteString } from '../../foundation/byte-string.ts';
import { Kind, type LocalPosition, type Node } from './ast.ts';

export type IndentedPart =
  | { readonly position: LocalPosition; readonly value: Node }
  | { readonly position: LocalPosition; readonly text: ByteString; readonly hasIndentation: boolean };

function smallestIndentation(parts: readonly IndentedPart[]): number {
  let smallest = 1_000_000;
  let current = 0;
  let atStart = true;
  for (const part of parts) {
    if (!('text' in part) || !part.hasIndentation) {
      // An interpolation or an escape ends the white space that a line starts with.
      if (atStart) {
        atStart = false;
        if (current < smallest) smallest = current;
      }
      continue;
    }
    for (const char of part.text) {
      if (char === '\n') {
        atStart = true;
        current = 0;
      } else if (atStart) {
        if (char === ' ') current++;
        else {
          atStart = false;
          if (current < smallest) smallest = current;
        }
      }
    }
  }
  return smallest;
}

/** The expression that an indented string stands for. */
export function stripIndentation(position: LocalPosition, parts: readonly IndentedPart[]): Node {
  const indentation = smallestIndentation(parts);
  const result: { position: LocalPosition; value: Node }[] = [];
  let atStart = true;
  let dropped = 0;
  for (const [index, part] of parts.entries()) {
    if (!('text' in part)) {
      atStart = false;
      dropped = 0;
      result.push(part);
      continue;
    }
    let text = '';
    for (const char of part.text) {
      if (!atStart) {
        text += char;
        if (char === '\n') atStart = true;
      } else if (char === ' ') {
        if (dropped++ >= indentation) text += char;
      } else {
        dropped = 0;
        text += char;
        if (char !== '\n') atStart = false;
      }
    }
    // The closing quotes' own line does not count when there is nothing but spaces on it.
    if (index === parts.length - 1) {
      const lineEnd = text.lastIndexOf('\n');
      if (lineEnd >= 0 && /^ *$/.test(text.slice(lineEnd + 1))) text = text.slice(0, lineEnd + 1);
    }
    if (text !== '')
      result.push({ position: part.position, value: { kind: Kind.string, position: 0, text } });
  }
  if (result.length === 0) return { kind: Kind.string, position: 0, text: '' };
  if (result.length === 1 && result[0]!.value.kind === Kind.string) return result[0]!.value;
  return { kind: Kind.concatStrings, position, forceString: true, parts: result };
}
