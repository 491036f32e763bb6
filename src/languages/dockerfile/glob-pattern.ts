// Shell patterns of `${x#p}`, `${x%p}` and `${x/p/r}` as BuildKit reads them: `*`, `?` and escapes, no brackets.
// Matched by following all possibilities at once, so no pattern takes more than pattern × text steps.

type Token =
  | { readonly kind: 'star' }
  | { readonly kind: 'any' }
  | { readonly kind: 'unit'; readonly unit: string };

/** A pattern as tokens; `undefined` when it escapes a character that needs none. */
export function parseShellPattern(pattern: string): readonly Token[] | undefined {
  const tokens: Token[] = [];
  const characters = [...pattern];
  for (let i = 0; i < characters.length; i++) {
    let unit = characters[i]!;
    if (unit === '*') {
      if (tokens.at(-1)?.kind !== 'star') tokens.push({ kind: 'star' });
      continue;
    }
    if (unit === '?') {
      tokens.push({ kind: 'any' });
      continue;
    }
    if (unit === '\\') {
      unit = characters[++i] ?? '';
      if (!['*', '?', '\\', '}', '/'].includes(unit)) return undefined;
    }
    tokens.push({ kind: 'unit', unit });
  }
  return tokens;
}

/** Length of the longest or shortest match that starts at `start` of `characters`, or -1. */
function matchLength(
  tokens: readonly Token[],
  characters: readonly string[],
  start: number,
  greedy: boolean,
): number {
  let states = new Set<number>();
  const add = (into: Set<number>, state: number) => {
    while (tokens[state]?.kind === 'star') into.add(state++);
    into.add(state);
  };
  add(states, 0);
  let best = -1;
  for (let at = start; ; at++) {
    if (states.has(tokens.length)) {
      best = at - start;
      if (!greedy) return best;
    }
    const character = characters[at];
    if (character === undefined || states.size === 0) return best;
    const next = new Set<number>();
    for (const state of states) {
      const token = tokens[state];
      if (token === undefined) continue;
      // Neither `*` nor `?` crosses a line end, as in the regular expressions BuildKit makes of them.
      if (token.kind === 'star') {
        if (character !== '\n') add(next, state);
      } else if (token.kind === 'any' ? character !== '\n' : token.unit === character) add(next, state + 1);
    }
    states = next;
  }
}

/** `value` without the prefix (or suffix) that matches, the longest one when `greedy`. */
export function trimMatch(
  value: string,
  tokens: readonly Token[],
  options: { readonly from: 'start' | 'end'; readonly greedy: boolean },
): string {
  const characters = [...value];
  if (options.from === 'start') {
    const length = matchLength(tokens, characters, 0, options.greedy);
    return length < 0 ? value : characters.slice(length).join('');
  }
  const length = matchLength([...tokens].reverse(), characters.reverse(), 0, options.greedy);
  return length < 0 ? value : characters.slice(length).reverse().join('');
}

/** `value` with its first match, or each of its matches, replaced. */
export function replaceMatches(
  value: string,
  tokens: readonly Token[],
  options: { readonly replacement: string; readonly all: boolean },
): string {
  const characters = [...value];
  let result = '';
  let copied = 0;
  let afterMatch = -1;
  for (let at = 0; at <= characters.length; ) {
    const length = matchLength(tokens, characters, at, true);
    // An empty match right after another match counts for nothing.
    if (length < 0 || (length === 0 && at === afterMatch)) {
      at++;
      continue;
    }
    const matched = characters.slice(at, at + length).join('');
    result += characters.slice(copied, at).join('');
    result += options.all ? expandTemplate(options.replacement, matched) : options.replacement;
    copied = at + length;
    afterMatch = copied;
    if (!options.all) break;
    at = length === 0 ? at + 1 : copied;
  }
  return result + characters.slice(copied).join('');
}

/** `$0`, `${0}` and `$$` in a replacement of all matches, which BuildKit hands to Go's regular expressions. */
function expandTemplate(template: string, matched: string): string {
  return template.replace(/\$(?:\$|\{([\p{L}\p{Nd}_]+)\}|([\p{L}\p{Nd}_]+))/gu, (whole, braced, bare) =>
    whole === '$$' ? '$' : (braced ?? bare) === '0' ? matched : '',
  );
}
