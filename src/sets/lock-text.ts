// Reads the part of YAML 1.2 that trimaran.lock is written in, and that people keep to when they edit it: block
// mappings and lists, one-line scalars (plain, single- and double-quoted), one-line lists, comments. Anchors,
// tags, block scalars and the like are refused by name. Every node keeps its place. A reader of its own because a
// lock is read at each start and a general YAML library takes ten times the time that a warm run has.
import { type Span, TrimaranError } from '../foundation/error.ts';

interface Place {
  readonly line: number;
  readonly column: number;
}

interface LockScalar extends Place {
  readonly kind: 'scalar';
  readonly value: string;
}
export interface LockMapping extends Place {
  readonly kind: 'mapping';
  /** In the order of the file; keys are unique. */
  readonly entries: ReadonlyMap<string, LockEntry>;
}
export interface LockEntry {
  readonly key: LockScalar;
  readonly value: LockNode;
}
interface LockList extends Place {
  readonly kind: 'list';
  readonly items: readonly LockNode[];
}
export type LockNode = LockScalar | LockMapping | LockList;

const deepest = 16;
/** What nearly every line is: a plain key, and a plain value or none. Saves the general way its work. */
const usualLine = /^([A-Za-z0-9][^:#"']*):(?: ([A-Za-z0-9(./~][^:#]*(?::[^ :#][^:#]*)*))?$/;
const tab = 0x09;
const carriageReturn = 0x0d;
const space = 0x20;
const hash = 0x23;
const marker = /^(?:<{7}|={7}|>{7}|\|{7})(?: |$)/;
const doubleQuoted = /"(?:[^"\\]|\\.)*"/y;
const singleQuoted = /'(?:[^']|'')*'/y;
/** First characters that mean something in YAML which a lock never uses. */
const refusedIndicators: Readonly<Record<string, string>> = {
  '&': 'an anchor',
  '*': 'an alias',
  '!': 'a tag',
  '|': 'a block scalar',
  '>': 'a folded scalar',
  '%': 'a directive',
  '@': 'a reserved character',
  '`': 'a reserved character',
  '{': 'a mapping in braces',
  '?': 'an explicit key',
};

interface Line {
  readonly number: number;
  readonly indent: number;
  readonly text: string;
}

/**
 * Reads `text` into nodes; an empty file is an empty mapping.
 *
 * Throws `lock/syntax` for what is not YAML or not of the part described above, `lock/merge-conflict` for
 * conflict markers, each with its place.
 */
export function readLockText(text: string, file: string): LockMapping {
  const lines = significantLines(text, file);
  if (lines.length === 0) return { kind: 'mapping', entries: new Map(), line: 1, column: 1 };
  const reader = new LockTextReader(lines, file);
  const first = lines[0]!;
  if (first.indent !== 0) throw reader.error(first.number, first.indent + 1, 'unexpected indentation');
  const node = reader.readBlock(0, 0);
  if (node.kind !== 'mapping') throw reader.error(first.number, 1, 'expected `key: value` lines');
  return node;
}

function significantLines(text: string, file: string): Line[] {
  const lines: Line[] = [];
  let number = 0;
  for (let start = 0; start <= text.length; ) {
    let end = text.indexOf('\n', start);
    if (end < 0) end = text.length;
    let stop = end;
    while (stop > start && isSpaceOrReturn(text.charCodeAt(stop - 1))) stop--;
    number++;
    let first = start;
    while (first < stop && text.charCodeAt(first) === space) first++;
    const lead = text.charCodeAt(first);
    if (first < stop && lead !== hash) {
      if (lead === tab) {
        throw syntaxError({ file, line: number, column: first - start + 1 }, 'a tab in the indentation');
      }
      const content = text.slice(first, stop);
      if (first === start && marker.test(content)) {
        throw new TrimaranError({
          code: 'lock/merge-conflict',
          message: `${file} holds an unresolved merge conflict`,
          span: { file, line: number, column: 1 },
          hint: 'take either side, then run `trimaran lock`',
        });
      }
      if (content !== '---' || lines.length > 0) lines.push({ number, indent: first - start, text: content });
    }
    start = end + 1;
  }
  return lines;
}

function isSpaceOrReturn(unit: number): boolean {
  return unit === space || unit === carriageReturn;
}

function syntaxError(span: Span, message: string): TrimaranError {
  return new TrimaranError({
    code: 'lock/syntax',
    message,
    span,
    hint: 'restore the file from version control, or delete it and run `trimaran lock`',
  });
}

class LockTextReader {
  private readonly lines: readonly Line[];
  private readonly file: string;
  private index = 0;

  constructor(lines: readonly Line[], file: string) {
    this.lines = lines;
    this.file = file;
  }

  error(line: number, column: number, message: string): TrimaranError {
    return syntaxError({ file: this.file, line, column }, message);
  }

  /** The block of lines at `indent` that starts at the current line. */
  readBlock(indent: number, depth: number): LockNode {
    const line = this.lines[this.index]!;
    if (depth > deepest) throw this.error(line.number, indent + 1, 'nested too deeply');
    const node = isItem(line.text) ? this.readList(indent, depth) : this.readMapping(indent, depth);
    const next = this.lines[this.index];
    if (next !== undefined && next.indent > indent) {
      throw this.error(next.number, next.indent + 1, 'unexpected indentation');
    }
    return node;
  }

  private readMapping(indent: number, depth: number): LockMapping {
    const first = this.lines[this.index]!;
    const entries = new Map<string, LockEntry>();
    for (
      let line = this.lines[this.index];
      line !== undefined && line.indent === indent && !isItem(line.text);
      line = this.lines[this.index]
    ) {
      this.index++;
      this.readEntry(line, 0, entries, depth);
    }
    return { kind: 'mapping', entries, line: first.number, column: indent + 1 };
  }

  /** `key: value` at `offset` of a line, its nested block included, into `entries`. */
  private readEntry(line: Line, offset: number, entries: Map<string, LockEntry>, depth: number): void {
    const indent = line.indent + offset;
    const { text } = line;
    const usual = offset === 0 ? usualLine.exec(text) : null;
    if (usual?.[2] !== undefined && !entries.has(usual[1]!)) {
      const name = usual[1]!;
      const start = indent + name.length + 3;
      entries.set(name, {
        key: { kind: 'scalar', value: name, line: line.number, column: indent + 1 },
        value: { kind: 'scalar', value: usual[2], line: line.number, column: start },
      });
      return;
    }
    let key: LockScalar;
    let colon: number;
    if (text[offset] === '"' || text[offset] === "'") {
      const quoted = this.readQuoted(line, offset);
      key = quoted.scalar;
      colon = quoted.end;
      if (text[colon] !== ':')
        throw this.error(line.number, line.indent + colon + 1, 'expected `:` after the key');
    } else {
      colon = plainKeyEnd(text, offset);
      if (colon < 0) throw this.error(line.number, indent + 1, 'expected `key: value`');
      this.refuseIndicator(line, offset);
      key = { kind: 'scalar', value: text.slice(offset, colon), line: line.number, column: indent + 1 };
    }
    if (entries.has(key.value)) throw this.error(line.number, indent + 1, `\`${key.value}\` occurs twice`);
    const start = skipSpaces(text, colon + 1);
    let value: LockNode;
    if (start < text.length && text[start] !== '#') {
      value = this.readInline(line, start);
    } else {
      const next = this.lines[this.index];
      // A list may stand at its key's own indentation.
      const nested =
        next !== undefined && (next.indent > indent || (next.indent === indent && isItem(next.text)));
      value = nested
        ? this.readBlock(next.indent, depth + 1)
        : { kind: 'scalar', value: '', line: line.number, column: indent + 1 };
    }
    entries.set(key.value, { key, value });
  }

  private readList(indent: number, depth: number): LockList {
    const first = this.lines[this.index]!;
    const items: LockNode[] = [];
    for (
      let line = this.lines[this.index];
      line !== undefined && line.indent === indent && isItem(line.text);
      line = this.lines[this.index]
    ) {
      const start = skipSpaces(line.text, 1);
      this.index++;
      if (start >= line.text.length) throw this.error(line.number, indent + 1, 'an empty list item');
      const quoted = line.text[start] === '"' || line.text[start] === "'";
      const isEntry = quoted
        ? line.text[this.readQuoted(line, start).end] === ':'
        : line.text[start] !== '[' && plainKeyEnd(line.text, start) >= 0;
      if (!isEntry) {
        items.push(this.readInline(line, start));
        continue;
      }
      const entries = new Map<string, LockEntry>();
      this.readEntry(line, start, entries, depth + 1);
      for (
        let more = this.lines[this.index];
        more !== undefined && more.indent === indent + start && !isItem(more.text);
        more = this.lines[this.index]
      ) {
        this.index++;
        this.readEntry(more, 0, entries, depth + 1);
      }
      const next = this.lines[this.index];
      if (next !== undefined && next.indent > indent) {
        throw this.error(next.number, next.indent + 1, 'unexpected indentation');
      }
      items.push({ kind: 'mapping', entries, line: line.number, column: indent + start + 1 });
    }
    return { kind: 'list', items, line: first.number, column: indent + 1 };
  }

  /** A scalar or a one-line list that fills the rest of the line. */
  private readInline(line: Line, start: number): LockNode {
    const { text } = line;
    const place = { line: line.number, column: line.indent + start + 1 };
    if (text[start] === '[') return this.readFlowList(line, start);
    if (text === '{}' || text.startsWith('{}', start)) {
      this.expectEnd(line, start + 2);
      return { kind: 'mapping', entries: new Map(), ...place };
    }
    if (text[start] === '"' || text[start] === "'") {
      const { scalar, end } = this.readQuoted(line, start);
      this.expectEnd(line, end);
      return scalar;
    }
    this.refuseIndicator(line, start);
    const comment = text.indexOf(' #', start);
    const value = (comment < 0 ? text.slice(start) : text.slice(start, comment)).trimEnd();
    if (value.includes(': ') || value.endsWith(':')) {
      throw this.error(place.line, place.column, 'a `:` in a plain value; quote it');
    }
    return { kind: 'scalar', value, ...place };
  }

  private readFlowList(line: Line, start: number): LockList {
    const { text } = line;
    const items: LockNode[] = [];
    let at = skipSpaces(text, start + 1);
    while (text[at] !== ']') {
      if (at >= text.length)
        throw this.error(line.number, line.indent + start + 1, 'this `[` is never closed');
      if (text[at] === '"' || text[at] === "'") {
        const { scalar, end } = this.readQuoted(line, at);
        items.push(scalar);
        at = end;
      } else {
        this.refuseIndicator(line, at);
        const end = at + text.slice(at).search(/[,[\]{}]|$/);
        const value = text.slice(at, end).trimEnd();
        if (value === '') throw this.error(line.number, line.indent + at + 1, 'expected a value');
        items.push({ kind: 'scalar', value, line: line.number, column: line.indent + at + 1 });
        at = end;
      }
      at = skipSpaces(text, at);
      if (text[at] === ',') at = skipSpaces(text, at + 1);
      else if (text[at] !== ']') throw this.error(line.number, line.indent + at + 1, 'expected `,` or `]`');
    }
    this.expectEnd(line, at + 1);
    return { kind: 'list', items, line: line.number, column: line.indent + start + 1 };
  }

  private readQuoted(line: Line, start: number): { scalar: LockScalar; end: number } {
    const pattern = line.text[start] === '"' ? doubleQuoted : singleQuoted;
    pattern.lastIndex = start;
    const token = pattern.exec(line.text)?.[0];
    const place = { line: line.number, column: line.indent + start + 1 };
    if (token === undefined) throw this.error(place.line, place.column, 'this quote is never closed');
    let value: string;
    if (token[0] === "'") value = token.slice(1, -1).replaceAll("''", "'");
    else {
      try {
        value = JSON.parse(token) as string;
      } catch {
        throw this.error(place.line, place.column, 'an escape that JSON does not know');
      }
    }
    return { scalar: { kind: 'scalar', value, ...place }, end: start + token.length };
  }

  private expectEnd(line: Line, at: number): void {
    const next = skipSpaces(line.text, at);
    if (next < line.text.length && line.text[next] !== '#') {
      throw this.error(line.number, line.indent + next + 1, 'unexpected text after the value');
    }
  }

  private refuseIndicator(line: Line, at: number): void {
    const what = refusedIndicators[line.text[at] ?? ''];
    if (what !== undefined) {
      throw this.error(line.number, line.indent + at + 1, `${what} is not used in a lock file`);
    }
  }
}

function isItem(text: string): boolean {
  return text[0] === '-' && (text.length === 1 || text[1] === ' ');
}

function skipSpaces(text: string, at: number): number {
  while (text.charCodeAt(at) === space) at++;
  return at;
}

/** Index of the `:` that ends a plain key, or -1. */
function plainKeyEnd(text: string, from: number): number {
  for (let at = text.indexOf(':', from); at >= 0; at = text.indexOf(':', at + 1)) {
    if (at + 1 === text.length || text.charCodeAt(at + 1) === space) {
      const comment = text.indexOf(' #', from);
      return comment >= 0 && comment < at ? -1 : at;
    }
  }
  return -1;
}
