// `.dockerignore`: which files of a build context stay out. Patterns as moby's patternmatcher reads them: `*`, `?`,
// `[…]`, `**`, `\`, and `!` for exceptions; the last pattern that matches decides; a folder's match holds for what
// is in it.
import type { TrimaranError } from '../../foundation/error.ts';
import { dockerfileError } from './syntax-error.ts';

export interface IgnoreRules {
  /** Whether a file, by its path from the context with `/` between, stays out. */
  ignores(path: string): boolean;
  /** Whether some pattern starts with `!`: an ignored folder must be walked then. */
  readonly hasExceptions: boolean;
}

interface Pattern {
  readonly exception: boolean;
  readonly matches: (path: string) => boolean;
}

/**
 * Reads the text of a `.dockerignore`; `file` names it in errors. Throws `dockerfile/ignore-pattern` for a pattern that
 * Docker refuses too, such as one with an open `[`.
 */
export function parseIgnoreFile(text: string, file = '.dockerignore'): IgnoreRules {
  const patterns: Pattern[] = [];
  for (const [index, line] of text
    .replace(/^\ufeff/, '')
    .split('\n')
    .entries()) {
    if (line.startsWith('#')) continue;
    let pattern = line.trim();
    if (pattern === '') continue;
    const exception = pattern.startsWith('!');
    if (exception) pattern = pattern.slice(1).trim();
    pattern = cleanPath(pattern);
    if (exception && line.trim() === '!') throw badPattern(file, { line, number: index + 1 });
    if (pattern === '' || pattern === '.') continue;
    if (!isPattern(pattern)) throw badPattern(file, { line, number: index + 1 });
    patterns.push({ exception, matches: compilePattern(pattern) });
  }
  const ignores = (path: string): boolean => {
    const segments = path.split('/');
    let ignored = false;
    for (const pattern of patterns) {
      if (pattern.exception !== ignored) continue;
      for (let count = segments.length; count > 0; count--) {
        if (pattern.matches(segments.slice(0, count).join('/'))) {
          ignored = !pattern.exception;
          break;
        }
      }
    }
    return ignored;
  };
  return { ignores, hasExceptions: patterns.some((pattern) => pattern.exception) };
}

/** As Go's `filepath.Clean`, then without a leading slash. */
function cleanPath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.length > 0 && parts.at(-1) !== '..') parts.pop();
    else if (!path.startsWith('/')) parts.push('..');
  }
  return parts.join('/');
}

function compilePattern(pattern: string): (path: string) => boolean {
  // `**` before plain text is any beginning, not only whole folders.
  if (/^\*\*[^*?[\]\\]*$/.test(pattern)) {
    const end = pattern.slice(2);
    return (path) => path.endsWith(end) || (end.startsWith('/') && path === end.slice(1));
  }
  let source = '';
  const characters = [...pattern];
  let onlyText = true;
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at]!;
    if (character === '*' && characters[at + 1] === '*') {
      onlyText = false;
      at++;
      if (characters[at + 1] === '/') at++;
      // `**` in the end takes everything below; elsewhere any number of whole folders.
      if (at + 1 < characters.length) source += '(?:.*\\/)?';
      else source += '.*';
    } else if (character === '*') {
      onlyText = false;
      source += '[^/]*';
    } else if (character === '?') {
      onlyText = false;
      source += '[^/]';
    } else if (character === '[') {
      onlyText = false;
      const set = setAt(characters, at)!;
      source += set.source;
      at = set.end;
    } else if (character === '\\' && at + 1 < characters.length) {
      source += escapeForPattern(characters[++at]!);
      onlyText = false;
    } else {
      source += escapeForPattern(character);
    }
  }
  if (onlyText) return (path) => path === pattern;
  const compiled = new RegExp(`^${source}$`, 'su');
  return (path) => compiled.test(path);
}

function badPattern(
  file: string,
  { line, number }: { readonly line: string; readonly number: number },
): TrimaranError {
  const pattern = line.trim();
  return dockerfileError(
    'ignore-pattern',
    `\`${pattern}\` is no pattern`,
    { file, line: number, column: 1 + line.indexOf(pattern) },
    pattern === '!'
      ? 'name what to keep after `!`'
      : 'close the `[`, or write `\\[` for the character itself',
  );
}

/** Whether every `[` is closed and no `\` stands last, as Go's `filepath.Match` wants it. */
function isPattern(pattern: string): boolean {
  const characters = [...pattern];
  for (let at = 0; at < characters.length; at++) {
    if (characters[at] === '[') {
      const set = setAt(characters, at);
      if (set === undefined) return false;
      at = set.end;
    } else if (characters[at] === '\\' && ++at === characters.length) return false;
  }
  return true;
}

/** The set `[…]` that begins at `start`: where its `]` is, and what regular expressions call it. */
function setAt(
  characters: readonly string[],
  start: number,
): { readonly end: number; readonly source: string } | undefined {
  let at = start + 1;
  let source = '[';
  if (characters[at] === '^') {
    source += '^';
    at++;
  }
  const one = (): string | undefined => {
    let character = characters[at];
    if (character === undefined || character === '-' || character === ']') return undefined;
    if (character === '\\') character = characters[++at];
    at++;
    return character;
  };
  for (let count = 0; ; count++) {
    if (characters[at] === ']' && count > 0) return { end: at, source: `${source}]` };
    const from = one();
    if (from === undefined) return undefined;
    let to: string | undefined = from;
    if (characters[at] === '-') {
      at++;
      to = one();
      if (to === undefined) return undefined;
    }
    // A range that ends before it begins has nothing in it.
    if (from.codePointAt(0)! <= to.codePointAt(0)!) source += `${codePoint(from)}-${codePoint(to)}`;
  }
}

function codePoint(character: string): string {
  return `\\u{${character.codePointAt(0)!.toString(16)}}`;
}

function escapeForPattern(character: string): string {
  return /[\\^$.*+?()[\]{}|/]/.test(character) ? `\\${character}` : character;
}
