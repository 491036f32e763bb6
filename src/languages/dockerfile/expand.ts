// Variable expansion and word splitting of Dockerfiles, as BuildKit's shell lexer does them: $x ${x} and the
// modifiers - + ? (each also with a colon) # ## % %% / //; quotes and the escape character. Not a shell:
// no command substitution, no arithmetic, and `${x:=y}` is an error.
import { parseShellPattern, replaceMatches, trimMatch } from './glob-pattern.ts';

/** White space as Go's `unicode.IsSpace` sees it. */
const goSpace = /[\t\n\v\f\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

export function isGoSpace(character: string): boolean {
  return goSpace.test(character);
}

/** `text` without white space at both ends, as Go's `strings.TrimSpace`. */
export function trimGoSpace(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && goSpace.test(text[start]!)) start++;
  while (end > start && goSpace.test(text[end - 1]!)) end--;
  return text.slice(start, end);
}

export interface ExpandOptions {
  /** `\` or `` ` ``; `\` when absent. */
  readonly escape?: string;
  readonly variables: ReadonlyMap<string, string>;
  /** Leaves quotes in the result. */
  readonly rawQuotes?: boolean;
  /** Leaves escape characters in the result. */
  readonly rawEscapes?: boolean;
  /** Takes quotes as ordinary characters, as in the body of a heredoc. */
  readonly plainQuotes?: boolean;
  /** Leaves references to unset variables as they stand. */
  readonly keepUnset?: boolean;
}

export interface Expansion {
  readonly result: string;
  /** The result split at white space that is neither quoted nor escaped. */
  readonly words: readonly string[];
  /** Names that were looked up and are set, in order of first use. */
  readonly matched: readonly string[];
  /** Names that were looked up and are not set. */
  readonly unmatched: readonly string[];
}

/** Why an expansion failed; the caller knows the place. */
export class ExpansionError extends Error {}

/**
 * Expands a word. Throws {@link ExpansionError} for a quote or brace that is never closed, a modifier that
 * Docker does not know and a failed `${x?…}`.
 *
 * @example
 * expandWord('v${V:-1}', { variables: new Map() }).result; // 'v1'
 */
export function expandWord(word: string, options: ExpandOptions): Expansion {
  const lexer = new WordLexer(word, options);
  const { result, words } = lexer.run();
  return { result, words, matched: [...lexer.matched], unmatched: [...lexer.unmatched] };
}

const specialParameters = '@*#?-$!0';
const letter = /^[\p{L}\p{Nd}_]$/u;
const digit = /^\p{Nd}$/u;
const deepest = 200;

/** Collects words while a result is written. */
class WordCollector {
  readonly words: string[] = [];
  private current = '';
  private inWord = false;

  add(character: string): void {
    if (!isGoSpace(character)) this.addRaw(character);
    else if (this.inWord && this.current !== '') {
      this.words.push(this.current);
      this.current = '';
      this.inWord = false;
    }
  }

  addRaw(text: string): void {
    this.current += text;
    this.inWord = true;
  }

  finish(): string[] {
    if (this.current !== '') this.words.push(this.current);
    this.current = '';
    return this.words;
  }
}

class WordLexer {
  readonly matched = new Set<string>();
  readonly unmatched = new Set<string>();
  private readonly characters: readonly string[];
  private readonly options: ExpandOptions;
  private readonly escape: string;
  private rawEscapes: boolean;
  private at = 0;
  private depth = 0;

  constructor(word: string, options: ExpandOptions) {
    this.characters = [...word];
    this.options = options;
    this.escape = options.escape ?? '\\';
    this.rawEscapes = options.rawEscapes ?? false;
  }

  run(): { result: string; words: string[] } {
    return this.readUntil(undefined, this.rawEscapes);
  }

  private readUntil(stop: string | undefined, rawEscapes: boolean): { result: string; words: string[] } {
    if (++this.depth > deepest) throw new ExpansionError('nested too deeply');
    const before = this.rawEscapes;
    this.rawEscapes = rawEscapes;
    let result = '';
    const collector = new WordCollector();
    for (let character = this.peek(); character !== undefined; character = this.peek()) {
      if (character === stop) {
        this.at++;
        this.rawEscapes = before;
        this.depth--;
        return { result, words: collector.finish() };
      }
      if (character === '$') {
        const value = this.readDollar();
        result += value;
        for (const unit of value) collector.add(unit);
      } else if (character === '<') {
        const text = this.readPossibleHeredoc();
        result += text;
        collector.addRaw(text);
      } else if (!this.options.plainQuotes && (character === "'" || character === '"')) {
        const text = character === "'" ? this.readSingleQuoted() : this.readDoubleQuoted();
        result += text;
        collector.addRaw(text);
      } else if (character === this.escape) {
        this.at++;
        if (this.rawEscapes) {
          collector.addRaw(character);
          result += character;
        }
        const escaped = this.next();
        if (escaped === undefined) break;
        collector.addRaw(escaped);
        result += escaped;
      } else {
        this.at++;
        collector.add(character);
        result += character;
      }
    }
    if (stop !== undefined) throw new ExpansionError(`\`${stop}\` is missing`);
    this.rawEscapes = before;
    this.depth--;
    return { result, words: collector.finish() };
  }

  private readSingleQuoted(): string {
    const close = this.characters.indexOf("'", this.at + 1);
    if (close < 0) throw new ExpansionError('a single quote is never closed');
    const text = this.characters.slice(this.at + 1, close).join('');
    this.at = close + 1;
    return this.options.rawQuotes ? `'${text}'` : text;
  }

  private readDoubleQuoted(): string {
    this.at++;
    let result = this.options.rawQuotes ? '"' : '';
    for (;;) {
      const character = this.peek();
      if (character === undefined) throw new ExpansionError('a double quote is never closed');
      if (character === '"') {
        this.at++;
        return this.options.rawQuotes ? `${result}"` : result;
      }
      if (character === '$') {
        result += this.readDollar();
        continue;
      }
      this.at++;
      if (character !== this.escape) {
        result += character;
        continue;
      }
      if (this.rawEscapes) result += character;
      const escaped = this.peek();
      if (escaped === undefined) continue;
      if (escaped === '"' || escaped === '$' || escaped === this.escape) {
        this.at++;
        result += escaped;
      } else {
        result += character;
      }
    }
  }

  private readDollar(): string {
    this.at++;
    if (this.peek() !== '{') {
      const name = this.readName();
      if (name === '') return '$';
      const value = this.lookUp(name);
      if (value === undefined) return this.options.keepUnset ? `$${name}` : '';
      return value;
    }
    this.at++;
    const first = this.peek();
    if (first === undefined) throw new ExpansionError('`}` is missing');
    if (first === '{' || first === '}' || first === ':') throw new ExpansionError('bad substitution');
    const name = this.readName();
    const modifier = this.next();
    switch (modifier) {
      case '}': {
        const value = this.lookUp(name);
        if (value === undefined) return this.options.keepUnset ? `\${${name}}` : '';
        return value;
      }
      case '/':
        return this.readReplacement(name);
      case ':':
        return this.readModifier(name, this.next(), true);
      case undefined:
        throw new ExpansionError('`}` is missing');
      default:
        return this.readModifier(name, modifier, false);
    }
  }

  private readModifier(name: string, modifier: string | undefined, emptyIsUnset: boolean): string {
    const isPattern = modifier === '#' || modifier === '%';
    const shown = `${emptyIsUnset ? ':' : ''}${modifier ?? ''}`;
    if (modifier === undefined || !'+-?#%'.includes(modifier) || (isPattern && emptyIsUnset)) {
      throw new ExpansionError(`Docker does not know \`${shown}\` in \`\${${name}${shown}…}\``);
    }
    const { result: word } = this.readUntil('}', isPattern);
    const value = this.lookUp(name);
    if (value === undefined && this.options.keepUnset) return `\${${name}${shown}${word}}`;
    const isUnset = value === undefined || (emptyIsUnset && value === '');
    switch (modifier) {
      case '-':
        return isUnset ? word : value;
      case '+':
        return isUnset ? '' : word;
      case '?': {
        if (!isUnset) return value;
        const reason = value === undefined ? 'is not allowed to be unset' : 'is not allowed to be empty';
        throw new ExpansionError(`${name}: ${word === '' ? reason : word}`);
      }
      default: {
        const greedy = word[0] === modifier;
        const pattern = parseShellPattern(greedy ? word.slice(1) : word);
        if (pattern === undefined) throw new ExpansionError(`invalid escape in pattern \`${word}\``);
        return trimMatch(value ?? '', pattern, { from: modifier === '#' ? 'start' : 'end', greedy });
      }
    }
  }

  private readReplacement(name: string): string {
    const all = this.peek() === '/';
    if (all) this.at++;
    const { result: pattern } = this.readUntil('/', true);
    const { result: replacement } = this.readUntil('}', true);
    const value = this.lookUp(name);
    // What stays unset loses the second slash, as in BuildKit.
    if (value === undefined && this.options.keepUnset) return `\${${name}/${pattern}/${replacement}}`;
    const tokens = parseShellPattern(pattern);
    if (tokens === undefined) throw new ExpansionError(`invalid escape in pattern \`${pattern}\``);
    return replaceMatches(value ?? '', tokens, { replacement, all });
  }

  private readName(): string {
    const first = this.peek();
    if (first === undefined) return '';
    let name = '';
    if (digit.test(first)) {
      for (let next = this.peek(); next !== undefined && digit.test(next); next = this.peek()) {
        name += next;
        this.at++;
      }
      return name;
    }
    if (specialParameters.includes(first)) {
      this.at++;
      return first;
    }
    for (let next = this.peek(); next !== undefined && letter.test(next); next = this.peek()) {
      name += next;
      this.at++;
    }
    return name;
  }

  /** `<<` and the white space behind it stay together, so that a heredoc's word is one word. */
  private readPossibleHeredoc(): string {
    this.at++;
    if (this.peek() !== '<') return '<';
    this.at++;
    let space = '';
    for (let next = this.peek(); next === ' ' || next === '\t' || next === '\r'; next = this.peek()) {
      space += next;
      this.at++;
    }
    return `<<${space}`;
  }

  private lookUp(name: string): string | undefined {
    const value = this.options.variables.get(name);
    (value === undefined ? this.unmatched : this.matched).add(name);
    return value;
  }

  private peek(): string | undefined {
    return this.characters[this.at];
  }

  private next(): string | undefined {
    const character = this.characters[this.at];
    if (character !== undefined) this.at++;
    return character;
  }
}
