// Finds where a top-level form ends without reading it, so that definitions can wait as text until they are used.
// Leaves to the reader whatever it is not sure of.

/** A definition that may wait: its whole text, and what it defines. */
export interface SkimmedDefinition {
  /** `define`, `define-public`, `define-syntax-rule` … as written. */
  readonly keyword: string;
  readonly name: string;
  /** Whether the form says `(define (name …) …)` or defines a lambda. */
  readonly isFunction: boolean;
  /** Index just past the closing parenthesis. */
  readonly end: number;
}

const head =
  /\((define(?:\*)?(?:-public)?|define-syntax|define-syntax-rule)[ \t\n]+(\(*)([^\s()[\]";'`,#|\\{}]+)(?=[\s()])/y;
const lambda = /\s*\((?:case-)?lambda\*?[\s(]/y;
const interesting = /[()[\]";|#]/g;

/** The definition whose opening parenthesis is at `start`, or undefined when the text there is anything else. */
export function skimDefinition(text: string, start: number): SkimmedDefinition | undefined {
  head.lastIndex = start;
  const match = head.exec(text);
  if (match === null) return undefined;
  const [whole, keyword, parentheses, name] = match as unknown as [string, string, string, string];
  if (name === '.' || /^[-+.]?\d/.test(name)) return undefined;
  const end = formEnd(text, start);
  if (end === undefined) return undefined;
  lambda.lastIndex = start + whole.length;
  return { keyword, name, isFunction: parentheses !== '' || lambda.test(text), end };
}

/** Index past the parenthesis that closes the one at `start`; undefined when none does, or it is hard to tell. */
function formEnd(text: string, start: number): number | undefined {
  let depth = 0;
  let at = start;
  for (;;) {
    interesting.lastIndex = at;
    const match = interesting.exec(text);
    if (match === null) return undefined;
    const { index } = match;
    switch (text.charCodeAt(index)) {
      case 40: // (
      case 91: // [
        depth++;
        at = index + 1;
        break;
      case 41: // )
      case 93: // ]
        depth--;
        at = index + 1;
        if (depth === 0) return at;
        break;
      case 34: {
        const end = stringEnd(text, index + 1);
        if (end === undefined) return undefined;
        at = end;
        break;
      }
      case 59: {
        const end = text.indexOf('\n', index);
        if (end < 0) return undefined;
        at = end + 1;
        break;
      }
      case 35: {
        const end = afterHash(text, index);
        if (end === undefined) return undefined;
        at = end;
        break;
      }
      default:
        // `|` is part of a symbol in Guile.
        at = index + 1;
    }
  }
}

function stringEnd(text: string, from: number): number | undefined {
  let at = from;
  for (;;) {
    const quote = text.indexOf('"', at);
    if (quote < 0) return undefined;
    let backslashes = 0;
    while (quote - 1 - backslashes >= from && text[quote - 1 - backslashes] === '\\') backslashes++;
    if (backslashes % 2 === 0) return quote + 1;
    at = quote + 1;
  }
}

function afterHash(text: string, index: number): number | undefined {
  let before = index - 1;
  while (/['`,]/.test(text[before]!)) before--;
  if (!/[\s()[\]";]/.test(text[before]!)) {
    // Within a symbol it means nothing; after a prefix of more than one character it may.
    return /[\\{|;!]/.test(text[index + 1] ?? '') ? undefined : index + 1;
  }
  switch (text[index + 1]) {
    case '\\':
      // The character itself, which may be a parenthesis; a longer name holds none.
      return index + 2 + (text.codePointAt(index + 2)! > 0xffff ? 2 : 1);
    case '{': {
      const end = text.indexOf('}#', index);
      return end < 0 ? undefined : end + 2;
    }
    case '|':
    case '!':
      return undefined;
    case ';':
      // A datum comment: the datum is balanced as any other.
      return index + 2;
    default:
      return index + 1;
  }
}
