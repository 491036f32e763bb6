// Patterns of COPY and ADD over the files of a build context, as Go's filepath.Match has them: `*` and `?` stay within
// one name, `[…]` is a class. https://pkg.go.dev/path/filepath#Match
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Paths below `folder` that a pattern names, sorted; at most a thousand. */
export function expandPattern(folder: string, pattern: string): string[] {
  const parts = pattern.split('/').filter((part) => part !== '' && part !== '.');
  let found = [''];
  for (const part of parts) {
    const matches = /[*?[\\]/.test(part) ? nameMatcher(part) : (name: string) => name === part;
    if (matches === undefined) return [];
    found = found.flatMap((path) =>
      namesIn(join(folder, path))
        .filter((name) => matches(name))
        .map((name) => (path === '' ? name : `${path}/${name}`)),
    );
    if (found.length > 1000) return found.slice(0, 1000);
  }
  return found.filter((path) => path !== '').sort();
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    // A file, or nothing: the pattern asks for what is below it.
    return [];
  }
}

/** Undefined for a pattern that is malformed. */
function nameMatcher(pattern: string): ((name: string) => boolean) | undefined {
  const source = pattern.replace(
    /\\(.)|\[(\^?)((?:\\.|[^\]\\])+)\]|(.)/gs,
    (whole, escaped, not, members, plain) => {
      if (escaped !== undefined) return quoted(escaped);
      if (members !== undefined) return `[${not}${(members as string).replace(/[[\]^]/g, '\\$&')}]`;
      if (plain === '*') return '[^/]*';
      if (plain === '?') return '[^/]';
      return quoted(plain ?? whole);
    },
  );
  try {
    const expression = new RegExp(`^${source}$`, 's');
    return (name) => expression.test(name);
  } catch {
    return undefined;
  }
}

function quoted(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
}
