// A backtracking matcher that explores in libstdc++'s order, for patterns that JavaScript would match otherwise. The
// number of steps is bounded, so that a hostile pattern is an error and no hang.
import type { ByteString } from '../../foundation/byte-string.ts';
import { RegexError, type RegexNode } from './regex-parser.ts';

/** Start and end of the match and of each group; -1 for groups that took no part. */
export type Captures = Int32Array;

const maximumSteps = 20_000_000;

/** Goes on matching from an offset; tells whether that led to a solution. */
type Next = (at: number) => boolean;

export class Matcher {
  private readonly root: RegexNode;
  private readonly captures: Captures;
  private text: ByteString = '';
  private steps = 0;

  constructor(root: RegexNode, groupCount: number) {
    this.root = root;
    this.captures = new Int32Array(2 * (groupCount + 1));
  }

  /** The match that starts exactly at `start`: the whole rest of the text, or the longest. */
  match(
    text: ByteString,
    start: number,
    { whole, notEmpty }: { whole: boolean; notEmpty: boolean },
  ): Captures | undefined {
    this.text = text;
    this.steps = 0;
    const { captures } = this;
    captures.fill(-1);
    captures[0] = start;
    let best: Captures | undefined;
    this.run(this.root, start, (at) => {
      if (whole ? at !== text.length : notEmpty && at === start) return false;
      if (best === undefined || at > best[1]!) {
        best = captures.slice();
        best[1] = at;
      }
      return true;
    });
    return best;
  }

  private run(node: RegexNode, at: number, next: Next): boolean {
    if (++this.steps > maximumSteps) throw new RegexError(true);
    switch (node.kind) {
      case 'set': {
        const code = this.text.charCodeAt(at);
        return code < 256 && node.set[code] === 1 && next(at + 1);
      }
      case 'start':
        return at === 0 && next(at);
      case 'end':
        return at === this.text.length && next(at);
      case 'group':
        return this.runGroup(node, at, next);
      case 'sequence':
        return this.runSequence(node.parts, 0, at, next);
      case 'alternatives': {
        // All are explored, for a later one may lead further.
        let found = false;
        for (const part of node.parts) if (this.run(part, at, next)) found = true;
        return found;
      }
      case 'repeat':
        return this.runRepeat(node, at, next);
    }
  }

  private runSequence(parts: readonly RegexNode[], index: number, at: number, next: Next): boolean {
    const part = parts[index];
    if (part === undefined) return next(at);
    return this.run(part, at, (then) => this.runSequence(parts, index + 1, then, next));
  }

  private runGroup(node: RegexNode & { kind: 'group' }, at: number, next: Next): boolean {
    const { captures } = this;
    const slot = 2 * node.index;
    return this.run(node.inner, at, (end) => {
      const start = captures[slot]!;
      const oldEnd = captures[slot + 1]!;
      captures[slot] = at;
      captures[slot + 1] = end;
      const found = next(end);
      captures[slot] = start;
      captures[slot + 1] = oldEnd;
      return found;
    });
  }

  private runRepeat(node: RegexNode & { kind: 'repeat' }, at: number, next: Next): boolean {
    const { inner, minimum, maximum } = node;
    if (inner.kind === 'set') return this.runSetRepeat(inner.set, node, at, next);
    const round = (count: number, from: number, emptyRounds: number): boolean => {
      if (count < minimum) return this.run(inner, from, (then) => round(count + 1, then, 0));
      if (count < maximum) {
        const more = this.run(inner, from, (then) => {
          // An empty round is tried once, so that its groups take part.
          if (then !== from) return round(count + 1, then, 0);
          return emptyRounds < 1 ? round(count + 1, then, emptyRounds + 1) : next(then);
        });
        if (more) return true;
      }
      return next(from);
    };
    return round(0, at, 0);
  }

  /** Repetition of single bytes, without recursion. */
  private runSetRepeat(
    set: Uint8Array,
    { minimum, maximum }: { minimum: number; maximum: number },
    at: number,
    next: Next,
  ): boolean {
    let end = at;
    const limit = Math.min(this.text.length, at + maximum);
    while (end < limit && set[this.text.charCodeAt(end)] === 1) end++;
    for (; end >= at + minimum; end--) if (next(end)) return true;
    return false;
  }
}
