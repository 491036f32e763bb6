// Strings and names as Nix prints them.
import type { ByteString } from '../../foundation/byte-string.ts';

const reserved = new Set(['if', 'then', 'else', 'assert', 'with', 'let', 'in', 'rec', 'inherit']);

/** A string literal for a string; past `maximum` bytes the rest is only counted. */
export function quoteString(text: ByteString, maximum = Number.POSITIVE_INFINITY): ByteString {
  let out = '"';
  for (let i = 0; i < text.length; i++) {
    if (i >= maximum) {
      const rest = text.length - i;
      return `${out}" \xc2\xab${rest} ${rest === 1 ? 'byte' : 'bytes'} elided\xc2\xbb`;
    }
    const char = text[i]!;
    if (char === '"' || char === '\\') out += `\\${char}`;
    else if (char === '\n') out += '\\n';
    else if (char === '\r') out += '\\r';
    else if (char === '\t') out += '\\t';
    else if (char === '$' && text[i + 1] === '{') out += '\\$';
    else out += char;
  }
  return `${out}"`;
}

/** A name inside a printed expression. */
export function printSymbol(name: ByteString): ByteString {
  if (name === '') return '""';
  if (reserved.has(name)) return `"${name}"`;
  return /^[a-zA-Z_][a-zA-Z0-9_'-]*$/.test(name) ? name : quoteString(name);
}

/** The name of an attribute in a printed set. */
export function printAttrName(name: ByteString): ByteString {
  return /^[a-zA-Z_][a-zA-Z0-9_'-]*$/.test(name) && !reserved.has(name) ? name : quoteString(name);
}
