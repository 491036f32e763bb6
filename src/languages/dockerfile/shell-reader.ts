// The reader behind shell.ts: one pass over the text, commands collected as they end.
import { type MappedText, sliceMapped, spanOf } from './mapped-text.ts';
import type { ShellCommand, ShellPart, ShellRedirect, ShellWord } from './shell.ts';

const deepest = 60;
/** Words after which, or in whose place, a new command begins. */
const reserved = new Set([
  'if',
  'then',
  'elif',
  'else',
  'fi',
  'while',
  'until',
  'do',
  'done',
  '{',
  '}',
  '!',
  'time',
  'coproc',
]);

interface PendingHeredoc {
  readonly terminator: string;
  readonly chomp: boolean;
  readonly isExpanded: boolean;
  /** The redirection that the text belongs to, once it was read. */
  readonly redirect: { -readonly [Key in keyof ShellRedirect]: ShellRedirect[Key] };
}

type Terminator = 'end' | ')' | 'esac';

/** Reads the commands of a text; see `readShellScript`. */
export class ShellReader {
  private readonly source: MappedText;
  private readonly text: string;
  private readonly pipelines: { next: number };
  private readonly depth: number;
  private readonly heredocs: PendingHeredoc[] = [];
  private at = 0;
  private broken = false;

  constructor(source: MappedText, pipelines: { next: number }, depth: number) {
    this.source = source;
    this.text = source.text;
    this.pipelines = pipelines;
    this.depth = depth;
  }

  isComplete(): boolean {
    return !this.broken && this.at >= this.text.length;
  }

  /** Commands up to the terminator, which is consumed (`esac` with its branches' `;;`). */
  readList(terminator: Terminator, nesting = 0): ShellCommand[] {
    const commands: ShellCommand[] = [];
    if (nesting + this.depth > deepest) {
      this.broken = true;
      this.at = this.text.length;
      return commands;
    }
    let pipeline = this.pipelines.next++;
    let afterPipe = false;
    while (this.skipBlanks()) {
      const unit = this.text[this.at]!;
      if (unit === '\n') {
        this.at++;
        this.readHeredocBodies();
        if (!afterPipe) pipeline = this.pipelines.next++;
        continue;
      } else if (unit === ')') {
        if (terminator === ')') {
          this.at++;
          return commands;
        }
        // The end of a `case` pattern is eaten where patterns are read; any other has no partner.
        this.at++;
        this.broken = true;
      } else if (unit === ';' || unit === '&') {
        const isBranchEnd =
          unit === ';' && (this.text[this.at + 1] === ';' || this.text[this.at + 1] === '&');
        if (isBranchEnd && terminator === 'esac') {
          this.at += this.text.startsWith(';;&', this.at) ? 3 : 2;
          return commands;
        }
        this.at += this.text[this.at + 1] === unit ? 2 : 1;
        pipeline = this.pipelines.next++;
      } else if (unit === '|') {
        const isOr = this.text[this.at + 1] === '|';
        this.at += isOr || this.text[this.at + 1] === '&' ? 2 : 1;
        if (isOr) pipeline = this.pipelines.next++;
        afterPipe = !isOr;
        continue;
      } else if (unit === '(') {
        this.at++;
        if (this.text[this.at] === '(') this.skipArithmetic();
        else commands.push(...this.readList(')', nesting + 1));
      } else {
        const stop = this.readCommand(commands, { pipeline, nesting, terminator });
        if (stop) return commands;
      }
      afterPipe = false;
    }
    if (terminator !== 'end') this.broken = true;
    return commands;
  }

  /** One simple command, or a compound's head. Whether it was the `esac` that was waited for. */
  private readCommand(
    commands: ShellCommand[],
    context: { pipeline: number; nesting: number; terminator: Terminator },
  ): boolean {
    const start = this.at;
    const words: ShellWord[] = [];
    const assignments: ShellCommand['assignments'][number][] = [];
    const redirects: ShellCommand['redirects'][number][] = [];
    let end = start;
    while (this.skipBlanks()) {
      const unit = this.text[this.at]!;
      if (unit === '<' || unit === '>' || /^\d+[<>]/.test(this.text.slice(this.at, this.at + 4))) {
        if ((unit === '<' || unit === '>') && this.text[this.at + 1] === '(') {
          words.push(this.readWord());
        } else {
          const redirect = this.readRedirect();
          if (redirect !== undefined) redirects.push(redirect);
        }
        end = this.at;
        continue;
      }
      if (unit === '(' && words.length === 1 && /^\([ \t]*\)/.test(this.text.slice(this.at, this.at + 40))) {
        // `name ()`: a function; its body is read as commands of its own.
        this.at = this.text.indexOf(')', this.at) + 1;
        return false;
      }
      if (unit === '\n' || unit === ';' || unit === '&' || unit === '|' || unit === '(' || unit === ')')
        break;
      const from = this.at;
      const word = this.readWord();
      if (this.at === from) {
        this.at++;
        this.broken = true;
        break;
      }
      const raw = this.text.slice(from, this.at);
      if (words.length === 0 && redirects.length === 0) {
        if (assignments.length === 0) {
          if (reserved.has(raw)) return false;
          if (raw === 'function') {
            this.skipBlanks();
            this.readWord();
            return false;
          }
          if (raw === 'esac' && context.terminator === 'esac') return true;
          if (raw === 'for' || raw === 'select') {
            this.skipForHead();
            return false;
          }
          if (raw === 'case') {
            this.readCase(commands, context.nesting);
            return false;
          }
          if (raw === '[[') {
            words.push(word, ...this.readDoubleBracket());
            end = this.at;
            break;
          }
        }
        const name = /^([A-Za-z_][A-Za-z0-9_]*)\+?=/.exec(raw);
        if (name !== null) {
          assignments.push({ name: name[1]!, value: withoutPrefix(word, name[0].length) });
          end = this.at;
          continue;
        }
      }
      words.push(word);
      end = this.at;
    }
    if (words.length + assignments.length + redirects.length > 0) {
      const span = spanOf(this.source, start, end);
      commands.push({ words, assignments, redirects, span, pipeline: context.pipeline });
    }
    return false;
  }

  private readCase(commands: ShellCommand[], nesting: number): void {
    this.skipBlanks();
    this.readWord();
    this.skipWhite();
    if (this.text.startsWith('in', this.at)) this.at += 2;
    for (;;) {
      this.skipWhite();
      if (this.at >= this.text.length) {
        this.broken = true;
        return;
      }
      if (/^esac(?![A-Za-z0-9_])/.test(this.text.slice(this.at, this.at + 5))) {
        this.at += 4;
        return;
      }
      if (this.text[this.at] === '(') this.at++;
      for (this.skipWhite(); this.at < this.text.length && this.text[this.at] !== ')'; this.skipWhite()) {
        const from = this.at;
        if (this.text[this.at] === '|') this.at++;
        else this.readWord();
        if (this.at === from) this.at++;
      }
      this.at++;
      const before = this.at;
      commands.push(...this.readList('esac', nesting + 1));
      // The last branch may end at `esac` without `;;`.
      const read = this.text.slice(before, this.at);
      if (/(?:^|[\s;&)])esac$/.test(read)) return;
      if (this.at >= this.text.length) return;
    }
  }

  private skipForHead(): void {
    while (this.skipBlanks()) {
      const unit = this.text[this.at]!;
      if (unit === '\n' || unit === ';') return;
      const from = this.at;
      if (unit === '(') {
        this.at++;
        this.skipArithmetic();
      } else if (this.readWord() && this.at === from) this.at++;
    }
  }

  /** The words up to `]]`, operators left out. */
  private readDoubleBracket(): ShellWord[] {
    const words: ShellWord[] = [];
    const close = this.text.indexOf(']]', this.at);
    if (close < 0) this.broken = true;
    const end = close < 0 ? this.text.length : close;
    while (this.at < end) {
      const from = this.at;
      if (/[\s;&|<>()]/.test(this.text[from]!)) this.at++;
      else words.push(this.readWord());
      if (this.at === from) this.at++;
    }
    // A bracket inside a word was none that closes.
    this.at = Math.max(this.at, close < 0 ? end : close + 2);
    return words;
  }

  private skipArithmetic(): void {
    const close = this.text.indexOf('))', this.at);
    if (close < 0) this.broken = true;
    this.at = close < 0 ? this.text.length : close + 2;
  }

  private readRedirect(): ShellCommand['redirects'][number] | undefined {
    const match = /^\d*(?:<<<|<<-?|<&|>&|>>|<>|>\||[<>])/.exec(this.text.slice(this.at, this.at + 12));
    if (match === null) {
      this.at++;
      return undefined;
    }
    this.at += match[0].length;
    const operator = match[0].replace(/^\d+/, '');
    this.skipBlanks();
    const from = this.at;
    const target = this.readWord();
    if (operator === '<<' || operator === '<<-') {
      const written = this.text.slice(from, this.at);
      const terminator = written.replace(/['"\\]/g, '');
      const redirect = { operator, target };
      if (terminator !== '')
        this.heredocs.push({
          terminator,
          chomp: operator === '<<-',
          isExpanded: terminator === written,
          redirect,
        });
      return redirect;
    }
    return { operator, target };
  }

  private readHeredocBodies(): void {
    for (const { terminator, chomp, isExpanded, redirect } of this.heredocs.splice(0)) {
      const start = this.at;
      let last = start;
      while (this.at < this.text.length) {
        last = this.at;
        const end = this.text.indexOf('\n', this.at);
        const line = this.text.slice(this.at, end < 0 ? undefined : end);
        this.at = end < 0 ? this.text.length : end + 1;
        if ((chomp ? line.replace(/^\t+/, '') : line) === terminator) break;
        last = this.at;
      }
      const text = sliceMapped(this.source, start, last);
      redirect.heredoc = { text, commands: isExpanded ? this.substitutionsIn(start, last) : [] };
    }
  }

  /** Commands of the substitutions in a text that is no list of words. */
  private substitutionsIn(start: number, end: number): ShellCommand[] {
    const commands: ShellCommand[] = [];
    const after = this.at;
    this.at = start;
    while (this.at < end) {
      const unit = this.text[this.at];
      if (unit === '\\') this.at += 2;
      else if (unit === '`' || unit === '$') {
        const part = this.readExpansion();
        if (part?.kind === 'substitution') commands.push(...part.commands);
      } else this.at++;
    }
    this.at = after;
    return commands;
  }

  private readWord(): ShellWord {
    const start = this.at;
    const parts: ShellPart[] = [];
    let text = '';
    const flush = () => {
      if (text !== '') parts.push({ kind: 'text', text });
      text = '';
    };
    let quote = false;
    let wasQuoted = false;
    for (; this.at < this.text.length; ) {
      const unit = this.text[this.at]!;
      if (unit === '\\') {
        const escaped = this.text[this.at + 1] ?? '';
        this.at += 2;
        if (escaped === '\n') continue;
        text += quote && !'$`"\\'.includes(escaped) ? unit + escaped : escaped;
      } else if (unit === '"') {
        quote = !quote;
        wasQuoted = true;
        this.at++;
      } else if (unit === '$' || unit === '`') {
        if (unit === '$' && this.text[this.at + 1] === "'" && !quote) {
          this.at++;
          continue;
        }
        const part = this.readExpansion();
        if (part === undefined) text += unit;
        else {
          flush();
          parts.push(quote && part.kind === 'parameter' ? { ...part, quoted: true } : part);
        }
      } else if (quote) {
        text += unit;
        this.at++;
      } else if (unit === "'") {
        wasQuoted = true;
        const close = this.text.indexOf("'", this.at + 1);
        if (close < 0) this.broken = true;
        text += this.text.slice(this.at + 1, close < 0 ? undefined : close);
        this.at = close < 0 ? this.text.length : close + 1;
      } else if ((unit === '<' || unit === '>') && this.text[this.at + 1] === '(' && this.at === start) {
        flush();
        this.at += 2;
        parts.push({ kind: 'substitution', commands: this.readNested() });
      } else if (' \t\r\n;&|<>()'.includes(unit)) {
        break;
      } else {
        text += unit;
        this.at++;
      }
    }
    if (quote) this.broken = true;
    flush();
    if (parts.length === 0 && wasQuoted) parts.push({ kind: 'text', text: '' });
    const quoted = this.quotedText(parts, start);
    return {
      parts,
      span: spanOf(this.source, start, this.at),
      ...(quoted === undefined ? {} : { quoted }),
    };
  }

  private quotedText(parts: readonly ShellPart[], start: number): MappedText | undefined {
    const [only] = parts;
    const raw = this.text.slice(start, this.at);
    const isWhole = raw.length > 2 && /^["']/.test(raw) && raw.at(-1) === raw[0];
    if (!isWhole || parts.length !== 1 || only?.kind !== 'text' || raw.slice(1, -1) !== only.text)
      return undefined;
    return sliceMapped(this.source, start + 1, this.at - 1);
  }

  /** What `$` or a backquote starts; undefined for a `$` that stands for itself. */
  private readExpansion(): ShellPart | undefined {
    const start = this.at;
    if (this.text[start] === '`') {
      let close = start + 1;
      while (close < this.text.length && this.text[close] !== '`') close += this.text[close] === '\\' ? 2 : 1;
      if (close >= this.text.length) this.broken = true;
      this.at = Math.min(this.text.length, close + 1);
      const inner = sliceMapped(this.source, start + 1, Math.min(close, this.text.length));
      const reader = new ShellReader(inner, this.pipelines, this.depth + 1);
      return { kind: 'substitution', commands: reader.readList('end') };
    }
    const next = this.text[start + 1] ?? '';
    if (next === '(') {
      this.at += 2;
      if (this.text[this.at] === '(') {
        this.at++;
        this.skipArithmetic();
        return { kind: 'unknown' };
      }
      return { kind: 'substitution', commands: this.readNested() };
    }
    if (next === '{') {
      const close = this.closingBrace(start + 2);
      this.at = close + 1;
      const raw = this.text.slice(start, this.at);
      const name = /^\$\{([A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#?$!-])/.exec(raw)?.[1];
      return name === undefined ? { kind: 'unknown' } : { kind: 'parameter', name, raw };
    }
    const name = /^(?:[A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-])/.exec(
      this.text.slice(start + 1, start + 129),
    )?.[0];
    if (name === undefined) {
      this.at++;
      return undefined;
    }
    this.at += 1 + name.length;
    return { kind: 'parameter', name, raw: `$${name}` };
  }

  private readNested(): ShellCommand[] {
    const reader = new ShellReader(this.source, this.pipelines, this.depth + 1);
    reader.at = this.at;
    const commands = reader.readList(')');
    this.at = reader.at;
    if (reader.broken) this.broken = true;
    return commands;
  }

  /** Index of the `}` that closes `${`, quotes and nested braces minded. */
  private closingBrace(from: number): number {
    let depth = 1;
    for (let at = from; at < this.text.length; at++) {
      const unit = this.text[at];
      if (unit === '\\') at++;
      else if (unit === "'") {
        const close = this.text.indexOf("'", at + 1);
        if (close > 0) at = close;
      } else if (unit === '"') {
        for (at++; at < this.text.length && this.text[at] !== '"'; at++) if (this.text[at] === '\\') at++;
      } else if (unit === '{' && this.text[at - 1] === '$') depth++;
      else if (unit === '}' && --depth === 0) return at;
    }
    this.broken = true;
    return this.text.length;
  }

  /** Past blanks, escaped line ends and comments. Whether anything is left. */
  private skipBlanks(): boolean {
    for (;;) {
      const unit = this.text[this.at];
      if (unit === ' ' || unit === '\t' || unit === '\r') this.at++;
      else if (unit === '\\' && this.text[this.at + 1] === '\n') this.at += 2;
      else if (unit === '#' && (this.at === 0 || ' \t\n;&|('.includes(this.text[this.at - 1]!))) {
        const end = this.text.indexOf('\n', this.at);
        this.at = end < 0 ? this.text.length : end;
      } else return unit !== undefined;
    }
  }

  private skipWhite(): void {
    while (this.skipBlanks() && this.text[this.at] === '\n') this.at++;
  }
}

/** A word less its first `length` characters, which are plain text. */
function withoutPrefix(word: ShellWord, length: number): ShellWord {
  const [first, ...rest] = word.parts;
  if (first?.kind !== 'text') return word;
  const text = first.text.slice(length);
  return { parts: text === '' ? rest : [{ kind: 'text', text }, ...rest], span: word.span };
}
