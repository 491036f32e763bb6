// POSIX extended regular expressions over bytes, as libstdc++'s std::regex (in its `extended` grammar) reads and
// matches them: translated to JavaScript's, which backtracks in the same order of alternatives. libstdc++ prefers the
// leftmost alternative that matches, as JavaScript does, not POSIX's longest; with one difference that matters, `^`
// and `$`, which match at the ends of the text only.
import type { ByteString } from '../../foundation/byte-string.ts';

/** Bounds on a pattern, so that no input makes the translation or the match explode. */
const maximumRepeat = 100_000;

const classes: Readonly<Record<string, string>> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  blank: ' \\t',
  cntrl: '\\x00-\\x1f\\x7f',
  digit: '0-9',
  graph: '\\x21-\\x7e',
  lower: 'a-z',
  print: '\\x20-\\x7e',
  punct: '!-\\/:-@\\[-`{-~',
  space: '\\t-\\r ',
  upper: 'A-Z',
  xdigit: '0-9A-Fa-f',
  d: '0-9',
  w: '0-9A-Za-z_',
  s: '\\t-\\r ',
};

/** A pattern that cannot be used; `tooBig` when it is well formed. */
export class RegexError extends Error {
  readonly tooBig: boolean;
  constructor(tooBig: boolean) {
    super('bad regular expression');
    this.tooBig = tooBig;
  }
}

class Translator {
  private readonly text: ByteString;
  private at = 0;
  groups = 0;

  constructor(text: ByteString) {
    this.text = text;
  }

  translate(): string {
    const result = this.alternatives();
    if (this.at < this.text.length) throw new RegexError(false);
    return result;
  }

  private alternatives(): string {
    let out = this.sequence();
    while (this.text[this.at] === '|') {
      this.at++;
      out += `|${this.sequence()}`;
    }
    return out;
  }

  private sequence(): string {
    let out = '';
    while (this.at < this.text.length) {
      const char = this.text[this.at]!;
      if (char === '|' || char === ')') break;
      out += this.piece(char);
    }
    return out;
  }

  private piece(char: string): string {
    let atom: string;
    this.at++;
    switch (char) {
      case '^':
        return '^';
      case '$':
        return '$';
      case '(': {
        this.groups++;
        atom = `(${this.alternatives()})`;
        if (this.text[this.at] !== ')') throw new RegexError(false);
        this.at++;
        break;
      }
      case '[':
        atom = this.bracket();
        break;
      case '.':
        atom = '[^\\x00]';
        break;
      case '*':
      case '+':
      case '?':
      case '{':
        throw new RegexError(false);
      case '\\':
        atom = this.escape();
        break;
      default:
        atom = literal(char);
    }
    return this.quantified(atom);
  }

  private escape(): string {
    const char = this.text[this.at];
    if (char === undefined) throw new RegexError(false);
    this.at++;
    // Only what means something else unescaped may be escaped.
    if (!'^.[$()|*+?{\\'.includes(char)) throw new RegexError(false);
    return literal(char);
  }

  private quantified(atom: string): string {
    let result = atom;
    for (;;) {
      const char = this.text[this.at];
      let quantifier: string;
      if (char === '*' || char === '+' || char === '?') {
        this.at++;
        quantifier = char;
      } else if (char === '{') {
        const found = /^\{([0-9]+)(,([0-9]*))?\}/.exec(this.text.slice(this.at, this.at + 40));
        if (found === null) throw new RegexError(false);
        const low = Number(found[1]);
        const high = found[2] === undefined ? low : found[3] === '' ? undefined : Number(found[3]);
        if (high !== undefined && high < low) throw new RegexError(false);
        if (low > maximumRepeat || (high ?? 0) > maximumRepeat) throw new RegexError(true);
        this.at += found[0].length;
        quantifier = `{${low}${high === low ? '' : `,${high ?? ''}`}}`;
      } else return result;
      result = `(?:${result})${quantifier}`;
    }
  }

  private bracket(): string {
    let out = '';
    const negated = this.text[this.at] === '^';
    if (negated) this.at++;
    let first = true;
    for (;;) {
      const char = this.text[this.at];
      if (char === undefined) throw new RegexError(false);
      if (char === ']' && !first) {
        this.at++;
        break;
      }
      first = false;
      const named = this.namedInBracket();
      if (named !== undefined) {
        out += named;
        continue;
      }
      const from = this.bracketCharacter();
      if (this.text[this.at] === '-' && this.text[this.at + 1] !== ']' && this.at + 1 < this.text.length) {
        this.at++;
        const to = this.bracketCharacter();
        if (to < from) throw new RegexError(false);
        out += `${inClass(from)}-${inClass(to)}`;
      } else out += inClass(from);
    }
    if (out === '') return negated ? '[^]' : '[]';
    return `[${negated ? '^' : ''}${out}]`;
  }

  /** `[:name:]` or `[=x=]`, if one stands here. */
  private namedInBracket(): string | undefined {
    const rest = this.text.slice(this.at, this.at + 16);
    const named = /^\[:([a-z]+):\]/.exec(rest);
    if (named !== null) {
      const members = classes[named[1]!];
      if (members === undefined) throw new RegexError(false);
      this.at += named[0].length;
      return members;
    }
    if (rest.startsWith('[:')) throw new RegexError(false);
    const equivalent = /^\[=(.)=\]/s.exec(rest);
    if (equivalent === null) return undefined;
    this.at += equivalent[0].length;
    return inClass(equivalent[1]!);
  }

  private bracketCharacter(): string {
    const collating = /^\[\.(.)\.\]/s.exec(this.text.slice(this.at, this.at + 5));
    if (collating !== null) {
      this.at += collating[0].length;
      return collating[1]!;
    }
    const char = this.text[this.at++];
    if (char === undefined) throw new RegexError(false);
    return char;
  }
}

function literal(char: string): string {
  return /[\\^$.*+?()[\]{}|/]/.test(char) ? `\\${char}` : char;
}

function inClass(char: string): string {
  return /[\\\]^[-]/.test(char) ? `\\${char}` : char;
}

/** A compiled pattern. */
export interface NixRegex {
  /** Matches the whole of a text. */
  readonly whole: RegExp;
  /** Finds the next match from `lastIndex`. */
  readonly global: RegExp;
}

/** Compiles a pattern. Throws {@link RegexError}. */
export function compileRegex(pattern: ByteString): NixRegex {
  const source = new Translator(pattern).translate();
  try {
    return { whole: new RegExp(`^(?:${source})$`, 's'), global: new RegExp(source, 'gs') };
  } catch {
    throw new RegexError(true);
  }
}
