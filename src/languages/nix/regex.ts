// POSIX extended regular expressions over bytes, as libstdc++'s std::regex reads and matches them in its `extended`
// grammar, for that is what Nix uses: of alternatives the one that leads to the longest match, repetition as much as
// possible, and captured groups keep what an earlier round of a repetition captured.
// Most patterns mean the same to JavaScript, which is much faster; the others are matched by regex-matcher.ts.
import type { ByteString } from '../../foundation/byte-string.ts';
import { type Captures, Matcher } from './regex-matcher.ts';
import { parseRegex, type RegexNode } from './regex-parser.ts';

/** A match: where it starts, and its text followed by its groups'; undefined for groups that took no part. */
export interface RegexMatch {
  readonly index: number;
  readonly groups: readonly (ByteString | undefined)[];
}

export interface NixRegex {
  /** Matches the whole of a text. */
  matchWhole(text: ByteString): RegexMatch | undefined;
  /** All matches, from left to right, none overlapping. */
  matchAll(text: ByteString): RegexMatch[];
}

/** Whether a pattern has groups inside repetitions, or alternatives. */
function traits(node: RegexNode): { groups: boolean; repeatedGroups: boolean; alternatives: boolean } {
  switch (node.kind) {
    case 'group': {
      const inner = traits(node.inner);
      return { ...inner, groups: true };
    }
    case 'repeat': {
      const inner = traits(node.inner);
      return { ...inner, repeatedGroups: inner.repeatedGroups || inner.groups };
    }
    case 'sequence':
    case 'alternatives': {
      const all = node.parts.map(traits);
      return {
        groups: all.some((one) => one.groups),
        repeatedGroups: all.some((one) => one.repeatedGroups),
        alternatives: node.kind === 'alternatives' || all.some((one) => one.alternatives),
      };
    }
    default:
      return { groups: false, repeatedGroups: false, alternatives: false };
  }
}

function classSource(set: Uint8Array): string {
  const hex = (code: number) => `\\x${code.toString(16).padStart(2, '0')}`;
  let out = '';
  for (let code = 0; code < 256; code++) {
    if (set[code] === 0) continue;
    const start = code;
    while (code < 255 && set[code + 1] === 1) code++;
    out += start === code ? hex(start) : `${hex(start)}-${hex(code)}`;
  }
  return `[${out}]`;
}

function toSource(node: RegexNode): string {
  switch (node.kind) {
    case 'set':
      return classSource(node.set);
    case 'start':
      return '^';
    case 'end':
      return '$';
    case 'group':
      return `(${toSource(node.inner)})`;
    case 'sequence':
      return node.parts.map(toSource).join('');
    case 'alternatives':
      return `(?:${node.parts.map(toSource).join('|')})`;
    case 'repeat': {
      const { minimum, maximum } = node;
      return `(?:${toSource(node.inner)}){${minimum},${maximum === Number.POSITIVE_INFINITY ? '' : maximum}}`;
    }
  }
}

function fromCaptures(text: ByteString, captures: Captures): RegexMatch {
  const groups: (ByteString | undefined)[] = [];
  for (let i = 0; i < captures.length; i += 2) {
    const start = captures[i]!;
    groups.push(start < 0 ? undefined : text.slice(start, captures[i + 1]!));
  }
  return { index: captures[0]!, groups };
}

function withMatcher(root: RegexNode, groupCount: number): NixRegex {
  const matcher = new Matcher(root, groupCount);
  return {
    matchWhole: (text) => {
      const captures = matcher.match(text, 0, { whole: true, notEmpty: false });
      return captures === undefined ? undefined : fromCaptures(text, captures);
    },
    matchAll: (text) => {
      const matches: RegexMatch[] = [];
      let at = 0;
      let lastEmpty = false;
      while (at <= text.length) {
        if (lastEmpty) {
          // After an empty match something longer may still start at the same place.
          const longer = matcher.match(text, at, { whole: false, notEmpty: true });
          if (longer === undefined) {
            at++;
            lastEmpty = false;
            continue;
          }
          matches.push(fromCaptures(text, longer));
          at = longer[1]!;
          lastEmpty = false;
          continue;
        }
        const captures = matcher.match(text, at, { whole: false, notEmpty: false });
        if (captures === undefined) {
          at++;
          continue;
        }
        matches.push(fromCaptures(text, captures));
        at = captures[1]!;
        lastEmpty = captures[0] === captures[1];
        if (lastEmpty && at === text.length) break;
      }
      return matches;
    },
  };
}

/** Compiles a pattern. Throws RegexError (regex-parser.ts). */
export function compileRegex(pattern: ByteString): NixRegex {
  const { root, groupCount } = parseRegex(pattern);
  const slow = withMatcher(root, groupCount);
  const { repeatedGroups, alternatives } = traits(root);
  if (repeatedGroups) return slow;
  const source = toSource(root);
  const whole = new RegExp(`^(?:${source})$`);
  const global = new RegExp(source, 'g');
  return {
    matchWhole: (text) => {
      const match = whole.exec(text);
      return match === null ? undefined : { index: 0, groups: match };
    },
    matchAll: alternatives
      ? slow.matchAll
      : (text) => [...text.matchAll(global)].map((match) => ({ index: match.index, groups: match })),
  };
}
