// How the arguments of an instruction are cut: builder flags, words, JSON arrays. Each piece keeps its place.
import { isGoSpace } from './expand.ts';
import type { Command, Flag } from './instruction.ts';
import { type Located, type MappedText, sliceMapped, spanOf } from './mapped-text.ts';
import { dockerfileError } from './syntax-error.ts';

/** A piece of a logical line: its text once cut, and the offsets it was cut from. */
interface Piece {
  readonly value: string;
  readonly start: number;
  readonly end: number;
}

/** Leading `--name[=value]` of a text, and where the rest begins. Quotes and escapes are taken off. */
export function readFlags(
  source: MappedText,
  start: number,
  escapeToken: string,
): { flags: Flag[]; end: number } {
  const { text } = source;
  const flags: Flag[] = [];
  let at = start;
  for (;;) {
    while (at < text.length && isGoSpace(text[at]!)) at++;
    if (text[at] !== '-' || text[at + 1] !== '-') return { flags, end: at };
    const from = at;
    let word = '';
    let quote = '';
    let wasQuoted = false;
    let equals = -1;
    for (; at < text.length; at++) {
      let unit = text[at]!;
      if (quote === '') {
        if (isGoSpace(unit)) break;
        if (unit === "'" || unit === '"') {
          quote = unit;
          wasQuoted = true;
          continue;
        }
      } else if (unit === quote) {
        quote = '';
        continue;
      }
      if (unit === escapeToken) {
        if (at + 1 === text.length) continue;
        unit = text[++at]!;
      }
      if (unit === '=' && equals < 0) equals = at;
      word += unit;
    }
    // `--` ends the flags; the rest of the line is arguments even where it looks like flags.
    if (word === '--') return { flags, end: at };
    if (word === '' && !wasQuoted) continue;
    const cut = word.indexOf('=');
    const nameEnd = equals < 0 ? at : equals;
    const name = { value: cut < 0 ? word : word.slice(0, cut), span: spanOf(source, from, nameEnd) };
    const span = spanOf(source, from, at);
    if (cut < 0) flags.push({ name, span });
    else
      flags.push({
        name,
        span,
        value: { value: word.slice(cut + 1), span: spanOf(source, nameEnd + 1, at) },
      });
  }
}

/** Words of ARG, ENV and LABEL: cut at white space outside quotes; quotes and escapes stay for the expansion. */
export function readWords(source: MappedText, escapeToken: string): Piece[] {
  const { text } = source;
  const words: Piece[] = [];
  let at = 0;
  for (;;) {
    while (at < text.length && isGoSpace(text[at]!)) at++;
    if (at >= text.length) return words;
    const start = at;
    let value = '';
    let quote = '';
    for (; at < text.length; at++) {
      const unit = text[at]!;
      if (quote === '') {
        if (isGoSpace(unit)) break;
        if (unit === "'" || unit === '"') quote = unit;
      } else if (unit === quote) {
        quote = '';
        value += unit;
        continue;
      }
      if (unit === escapeToken && quote !== "'") {
        // An escape character at the end of the line stands for nothing.
        if (at + 1 === text.length) continue;
        value += unit;
        at++;
      }
      value += text[at];
    }
    words.push({ value, start, end: at });
  }
}

/** Pieces between runs of blanks. */
export function readBlankSeparated(source: MappedText): Located[] {
  const pieces: Located[] = [];
  for (const match of source.text.matchAll(/[^\t\v\f\r ]+/g)) {
    pieces.push({ value: match[0], span: spanOf(source, match.index, match.index + match[0].length) });
  }
  return pieces;
}

/**
 * The strings of a JSON array, or undefined when the text is no JSON array (it is for the shell then).
 * Throws `dockerfile/not-strings` for an array of other things.
 */
export function readJsonStrings(source: MappedText): Located[] | undefined {
  const { text } = source;
  if (!text.startsWith('[')) return undefined;
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(data)) return undefined;
  if (!data.every((item): item is string => typeof item === 'string')) {
    throw dockerfileError(
      'not-strings',
      'an array of this form has strings only',
      spanOf(source, 0, text.length),
      'put every item in double quotes',
    );
  }
  // JSON.parse accepted the text, so each string literal is one item.
  const literals = [...text.matchAll(/"(?:[^"\\]|\\.)*"/g)];
  return data.map((value, index) => {
    const literal = literals[index]!;
    return { value, span: spanOf(source, literal.index, literal.index + literal[0].length) };
  });
}

/** The exec form where the text is a JSON array, else the shell form. */
export function readCommand(source: MappedText): Command {
  const args = readJsonStrings(source);
  return args === undefined ? { form: 'shell', script: source } : { form: 'exec', args };
}

/** `source` without white space at both ends. */
export function trimMapped(source: MappedText, start = 0): MappedText {
  let from = start;
  let to = source.text.length;
  while (from < to && isGoSpace(source.text[from]!)) from++;
  while (to > from && isGoSpace(source.text[to - 1]!)) to--;
  return sliceMapped(source, from, to);
}

/** Go's notation of a duration (`1m30s`) in nanoseconds, or undefined. */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0;
  const match = /^([+-]?)((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/.exec(text);
  if (match === null) return undefined;
  const units: Readonly<Record<string, number>> = {
    ns: 1,
    us: 1e3,
    µs: 1e3,
    μs: 1e3,
    ms: 1e6,
    s: 1e9,
    m: 60e9,
    h: 3600e9,
  };
  let total = 0;
  for (const [, number, unit] of match[2]!.matchAll(/([\d.]+)(ns|us|µs|μs|ms|s|m|h)/g)) {
    total += Number(number) * units[unit!]!;
  }
  return match[1] === '-' ? -Math.round(total) : Math.round(total);
}
