// `.dockerignore`: which files of a build context stay out. Patterns as moby's patternmatcher reads them: `*`, `?`,
// `[…]`, `**`, `\`, and `!` for exceptions; the last pattern that matches decides; a folder's match holds for what
// is in it.

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

/** Reads the text of a `.dockerignore`. Patterns that cannot be matched (an open `[`) match nothing. */
export function parseIgnoreFile(text: string): IgnoreRules {
  const patterns: Pattern[] = [];
  for (const line of text.replace(/^\ufeff/, '').split('\n')) {
    if (line.startsWith('#')) continue;
    let pattern = line.trim();
    if (pattern === '') continue;
    const exception = pattern.startsWith('!');
    if (exception) pattern = pattern.slice(1).trim();
    pattern = cleanPath(pattern);
    if (pattern === '' || pattern === '.') continue;
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
      const close = characters.indexOf(']', at + 2);
      if (close < 0) return () => false;
      const body = characters.slice(at + 1, close).join('');
      source += `[${body.replace(/[[&~]/g, '\\$&')}]`;
      at = close;
    } else if (character === '\\' && at + 1 < characters.length) {
      source += escapeForPattern(characters[++at]!);
      onlyText = false;
    } else {
      source += escapeForPattern(character);
    }
  }
  if (onlyText) return (path) => path === pattern;
  try {
    const compiled = new RegExp(`^${source}$`, 's');
    return (path) => compiled.test(path);
  } catch {
    return () => false;
  }
}

function escapeForPattern(character: string): string {
  return /[\\^$.*+?()[\]{}|/]/.test(character) ? `\\${character}` : character;
}
