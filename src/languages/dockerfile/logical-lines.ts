// A Dockerfile's text as logical lines: parser directives taken off the head, comments and empty lines skipped,
// continued lines joined, and the bodies of here-documents attached. Which lines may have here-documents is the
// caller's to say. As BuildKit's parser, its leniences included.
import type { Span } from '../../foundation/error.ts';
import { ExpansionError, expandWord, isGoSpace, trimGoSpace } from './expand.ts';
import type { Directive, Heredoc } from './instruction.ts';
import { type MappedText, mapWhole, type Segment } from './mapped-text.ts';
import { dockerfileError } from './syntax-error.ts';

interface PhysicalLine {
  readonly text: string;
  /** With its line end. */
  readonly raw: string;
}

interface LogicalLine {
  readonly source: MappedText;
  readonly comments: readonly string[];
  /** Reads the here-documents that the line announces, which follow it in the file. */
  readHeredocs(): Heredoc[];
  /** From the first character of the line to the last one, here-documents included once they are read. */
  span(): Span;
}

export interface LineReader {
  readonly directives: readonly Directive[];
  readonly escape: '\\' | '`';
  /** The next logical line, or undefined at the end. Directives are complete after the first call. */
  next(): LogicalLine | undefined;
}

const directivePattern = /^([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$/;
const heredocPattern = /^(\d*)<<(-?)\s*([^<]*)$/;

/** Starts reading `text`. Throws `dockerfile/directive` for a repeated or impossible directive. */
export function readLogicalLines(text: string, file: string): LineReader {
  const lines = splitLines(text);
  const directives: Directive[] = [];
  let escapeToken: '\\' | '`' = '\\';
  let atHead = true;
  let index = 0;
  let comments: string[] = [];

  /** Whether the comment at `line` is a directive; the first line that is none ends the head. */
  const readDirective = (line: string, indent: number): boolean => {
    if (!atHead) return false;
    const body = /^#\s*/.exec(line);
    const match = body === null ? null : directivePattern.exec(line.slice(body[0].length));
    const name = match === null ? undefined : match[1]!.toLowerCase();
    if (match === null || (name !== 'syntax' && name !== 'escape' && name !== 'check')) {
      atHead = false;
      return false;
    }
    const column = indent + line.lastIndexOf(match[2]!) + 1;
    const span: Span = {
      file,
      line: index + 1,
      column,
      endLine: index + 1,
      endColumn: column + match[2]!.length,
    };
    if (directives.some((directive) => directive.name === name)) {
      throw dockerfileError(
        'directive',
        `the parser directive \`${name}\` occurs twice`,
        span,
        'remove one of them',
      );
    }
    if (name === 'escape') {
      if (match[2] !== '\\' && match[2] !== '`') {
        throw dockerfileError(
          'directive',
          `\`${match[2]}\` cannot be the escape character`,
          span,
          'use \\ or `',
        );
      }
      escapeToken = match[2];
    }
    directives.push({ name, value: { value: match[2]!, span } });
    return true;
  };

  const next = (): LogicalLine | undefined => {
    while (index < lines.length) {
      const first = lines[index]!;
      const indent = leadingSpace(first.text);
      const stripped = first.text.slice(indent);
      const bom = index === 0 && text.startsWith('\ufeff') ? 1 : 0;
      if (stripped[0] === '#') {
        const isDirective = readDirective(stripped, indent + bom);
        if (!isDirective) {
          const comment = trimGoSpace(stripped.slice(1));
          if (comment === '') comments = [];
          else comments.push(comment);
        }
        index++;
        continue;
      }
      atHead = false;
      let { content, continues } = cutContinuation(stripped, escapeToken);
      if (!continues && content === '') {
        index++;
        continue;
      }
      const start = index++;
      const segments: Segment[] = [{ offset: 0, line: start + 1, column: indent + bom + 1 }];
      let joined = content;
      while (continues && index < lines.length) {
        const line = lines[index++]!;
        const space = leadingSpace(line.text);
        // Comments and empty lines between continued lines are skipped, not joined.
        if (space === line.text.length || line.text[space] === '#') continue;
        ({ content, continues } = cutContinuation(line.text, escapeToken));
        segments.push({ offset: joined.length, line: index, column: 1 });
        joined += content;
      }
      const source: MappedText = { text: joined, file, segments };
      const before = comments;
      comments = [];
      let last = index;
      const span = (): Span => ({
        file,
        line: start + 1,
        column: indent + bom + 1,
        endLine: last,
        endColumn: lines[last - 1]!.text.length + 1,
      });
      const readHeredocs = (): Heredoc[] => {
        const heredocs = joined.includes('<<') ? announcedHeredocs(joined, span()) : [];
        return heredocs.map((heredoc) => {
          const from = index;
          let content = '';
          for (; index < lines.length; index++) {
            const candidate = heredoc.chomp ? lines[index]!.text.replace(/^\t+/, '') : lines[index]!.text;
            if (candidate === heredoc.name) {
              last = ++index;
              return { ...heredoc, content: mapWhole(content, file, from + 1) };
            }
            content += lines[index]!.raw;
          }
          throw dockerfileError(
            'unterminated-heredoc',
            `the here-document \`${heredoc.name}\` is never closed`,
            span(),
            `end it with a line that is \`${heredoc.name}\` alone`,
          );
        });
      };
      return { source, comments: before, readHeredocs, span };
    }
    return undefined;
  };
  return {
    directives,
    get escape() {
      return escapeToken;
    },
    next,
  };
}

function splitLines(text: string): PhysicalLine[] {
  const lines: PhysicalLine[] = [];
  for (let start = text.startsWith('\ufeff') ? 1 : 0; start < text.length; ) {
    const end = text.indexOf('\n', start);
    const raw = end < 0 ? text.slice(start) : text.slice(start, end + 1);
    let stop = raw.length;
    while (stop > 0 && (raw[stop - 1] === '\n' || raw[stop - 1] === '\r')) stop--;
    lines.push({ text: raw.slice(0, stop), raw });
    start += raw.length;
  }
  return lines;
}

function leadingSpace(text: string): number {
  let at = 0;
  while (at < text.length && isGoSpace(text[at]!)) at++;
  return at;
}

/** A line without its continuation character, which counts unless another one stands before it. */
function cutContinuation(line: string, escapeToken: string): { content: string; continues: boolean } {
  let end = line.length;
  while (end > 0 && (line[end - 1] === ' ' || line[end - 1] === '\t')) end--;
  const continues = line[end - 1] === escapeToken && line[end - 2] !== escapeToken;
  return continues ? { content: line.slice(0, end - 1), continues } : { content: line, continues };
}

function announcedHeredocs(line: string, span: Span): Omit<Heredoc, 'content'>[] {
  let words: readonly string[];
  try {
    words = expandWord(line, {
      variables: new Map(),
      rawQuotes: true,
      rawEscapes: true,
      keepUnset: true,
    }).words;
  } catch (error) {
    // Quotes that do not close belong to the shell; such a line announces nothing.
    if (error instanceof ExpansionError) return [];
    throw error;
  }
  const heredocs: Omit<Heredoc, 'content'>[] = [];
  for (const word of words) {
    const heredoc = parseHeredocWord(word, span);
    if (heredoc !== undefined) heredocs.push(heredoc);
  }
  return heredocs;
}

/** A word such as `<<EOF`, `3<<-"EOF"`; undefined when it is none. */
export function parseHeredocWord(word: string, span: Span): Omit<Heredoc, 'content'> | undefined {
  const match = heredocPattern.exec(word);
  if (match === null || match[3] === '') return undefined;
  const [, descriptor, dash, rest] = match;
  try {
    const options = { variables: new Map<string, string>(), keepUnset: true };
    const words = expandWord(rest!, options).words;
    if (words.length !== 1) return undefined;
    const raw = expandWord(rest!, { ...options, rawQuotes: true }).words;
    return {
      name: words[0]!,
      // A quoted word has fewer quotes once they are taken off.
      expand: quotes(words[0]!) === quotes(raw[0] ?? ''),
      chomp: dash === '-',
      fileDescriptor: descriptor === '' ? 0 : Number(descriptor),
    };
  } catch (error) {
    if (!(error instanceof ExpansionError)) throw error;
    throw dockerfileError('syntax', `in the word of a here-document: ${error.message}`, span);
  }
}

function quotes(text: string): number {
  return text.replace(/[^'"]/g, '').length;
}
