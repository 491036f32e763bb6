// Reads POSIX extended regular expressions as libstdc++ does. Source: POSIX.1-2017, base definitions, 9.4.
import type { ByteString } from '../../foundation/byte-string.ts';

/** A pattern that cannot be used; `tooBig` when it is well formed. */
export class RegexError extends Error {
  readonly tooBig: boolean;
  constructor(tooBig: boolean) {
    super('bad regular expression');
    this.tooBig = tooBig;
  }
}

export type RegexNode =
  /** One byte of a set: 256 flags. */
  | { readonly kind: 'set'; readonly set: Uint8Array }
  | { readonly kind: 'start' }
  | { readonly kind: 'end' }
  /** Groups count from 1, by their opening parentheses. */
  | { readonly kind: 'group'; readonly index: number; readonly inner: RegexNode }
  | { readonly kind: 'sequence'; readonly parts: readonly RegexNode[] }
  | { readonly kind: 'alternatives'; readonly parts: readonly RegexNode[] }
  | {
      readonly kind: 'repeat';
      readonly inner: RegexNode;
      readonly minimum: number;
      /** Infinity when there is none. */
      readonly maximum: number;
    };

/** libstdc++ copies what is repeated, and refuses patterns of more states than this. */
const maximumStates = 100_000;

const classes: Readonly<Record<string, RegExp>> = {
  alnum: /[0-9A-Za-z]/,
  alpha: /[A-Za-z]/,
  blank: /[ \t]/,
  cntrl: /[\x00-\x1f\x7f]/,
  digit: /[0-9]/,
  graph: /[\x21-\x7e]/,
  lower: /[a-z]/,
  print: /[\x20-\x7e]/,
  punct: /[!-/:-@[-`{-~]/,
  space: /[\t-\r ]/,
  upper: /[A-Z]/,
  xdigit: /[0-9A-Fa-f]/,
  d: /[0-9]/,
  w: /[0-9A-Za-z_]/,
  s: /[\t-\r ]/,
};

function setOf(accepts: (char: string) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, code) => (accepts(String.fromCharCode(code)) ? 1 : 0));
}

function single(char: string): RegexNode {
  return { kind: 'set', set: setOf((other) => other === char) };
}

class RegexParser {
  private readonly text: ByteString;
  private at = 0;
  private states = 0;
  groupCount = 0;

  constructor(text: ByteString) {
    this.text = text;
  }

  parse(): RegexNode {
    const root = this.alternatives();
    if (this.at < this.text.length) throw new RegexError(false);
    return root;
  }

  private alternatives(): RegexNode {
    const parts = [this.sequence()];
    while (this.text[this.at] === '|') {
      this.at++;
      parts.push(this.sequence());
    }
    return parts.length === 1 ? parts[0]! : { kind: 'alternatives', parts };
  }

  private sequence(): RegexNode {
    const parts: RegexNode[] = [];
    for (
      let char = this.text[this.at];
      char !== undefined && char !== '|' && char !== ')';
      char = this.text[this.at]
    ) {
      parts.push(this.piece(char));
    }
    return parts.length === 1 ? parts[0]! : { kind: 'sequence', parts };
  }

  private piece(char: string): RegexNode {
    const before = this.states;
    this.at++;
    this.states++;
    switch (char) {
      case '^':
        return { kind: 'start' };
      case '$':
        return { kind: 'end' };
      case '*':
      case '+':
      case '?':
      case '{':
        throw new RegexError(false);
      case '(': {
        const index = ++this.groupCount;
        const inner = this.alternatives();
        if (this.text[this.at] !== ')') throw new RegexError(false);
        this.at++;
        return this.repeated({ kind: 'group', index, inner }, before);
      }
      case '[':
        return this.repeated(this.bracket(), before);
      case '.':
        return this.repeated({ kind: 'set', set: setOf((other) => other !== '\0') }, before);
      case '\\':
        return this.repeated(this.escape(), before);
      default:
        return this.repeated(single(char), before);
    }
  }

  private escape(): RegexNode {
    const char = this.text[this.at];
    // Only what means something else unescaped may be escaped.
    if (char === undefined || !'^.[$()|*+?{\\'.includes(char)) throw new RegexError(false);
    this.at++;
    return single(char);
  }

  private repeated(atom: RegexNode, statesBefore: number): RegexNode {
    let node = atom;
    for (;;) {
      const char = this.text[this.at];
      let minimum: number;
      let maximum: number;
      if (char === '*' || char === '+' || char === '?') {
        this.at++;
        minimum = char === '+' ? 1 : 0;
        maximum = char === '?' ? 1 : Number.POSITIVE_INFINITY;
      } else if (char === '{') {
        const bounds = /^\{([0-9]+)(,([0-9]*))?\}/.exec(this.text.slice(this.at, this.at + 40));
        if (bounds === null) throw new RegexError(false);
        minimum = Number(bounds[1]);
        maximum =
          bounds[2] === undefined ? minimum : bounds[3] === '' ? Number.POSITIVE_INFINITY : Number(bounds[3]);
        if (maximum < minimum) throw new RegexError(false);
        this.at += bounds[0].length;
        const copies = Math.max(minimum, maximum === Number.POSITIVE_INFINITY ? 1 : maximum);
        this.states = statesBefore + (this.states - statesBefore) * Math.max(1, copies);
        if (this.states > maximumStates) throw new RegexError(true);
      } else return node;
      node = { kind: 'repeat', inner: node, minimum, maximum };
    }
  }

  private bracket(): RegexNode {
    const negated = this.text[this.at] === '^';
    if (negated) this.at++;
    const set = new Uint8Array(256);
    for (let first = true; ; first = false) {
      const char = this.text[this.at];
      if (char === undefined) throw new RegexError(false);
      if (char === ']' && !first) {
        this.at++;
        break;
      }
      if (this.namedClass(set)) continue;
      const from = this.bracketCharacter();
      let to = from;
      if (this.text[this.at] === '-' && this.at + 1 < this.text.length && this.text[this.at + 1] !== ']') {
        this.at++;
        to = this.bracketCharacter();
        if (to < from) throw new RegexError(false);
      }
      for (let code = from; code <= to; code++) set[code] = 1;
    }
    if (negated) for (let code = 0; code < 256; code++) set[code] = set[code] === 1 ? 0 : 1;
    return { kind: 'set', set };
  }

  /** Adds `[:name:]` or `[=x=]`, if one stands here. */
  private namedClass(set: Uint8Array): boolean {
    const rest = this.text.slice(this.at, this.at + 16);
    const named = /^\[:([a-z]+):\]/.exec(rest);
    if (named !== null) {
      const name = named[1]!;
      if (!Object.hasOwn(classes, name)) throw new RegexError(false);
      for (let code = 0; code < 256; code++)
        if (classes[name]!.test(String.fromCharCode(code))) set[code] = 1;
      this.at += named[0].length;
      return true;
    }
    if (rest.startsWith('[:')) throw new RegexError(false);
    const equivalent = /^\[=(.)=\]/s.exec(rest);
    if (equivalent === null) return false;
    set[equivalent[1]!.charCodeAt(0)] = 1;
    this.at += equivalent[0].length;
    return true;
  }

  private bracketCharacter(): number {
    const collating = /^\[\.(.)\.\]/s.exec(this.text.slice(this.at, this.at + 5));
    if (collating !== null) {
      this.at += collating[0].length;
      return collating[1]!.charCodeAt(0);
    }
    const code = this.text.charCodeAt(this.at);
    if (Number.isNaN(code)) throw new RegexError(false);
    this.at++;
    return code;
  }
}

/** The tree of a pattern. Throws {@link RegexError}. */
export function parseRegex(pattern: ByteString): { root: RegexNode; groupCount: number } {
  const parser = new RegexParser(pattern);
  const root = parser.parse();
  return { root, groupCount: parser.groupCount };
}
