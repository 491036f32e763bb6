// Source positions as one integer: every parsed text gets a range of numbers, one per byte. Lines and columns are
// worked out only when somebody asks, by reading the text again.
import { type ByteString, toByteString } from '../../foundation/byte-string.ts';

/** A place in some source; 0 is "nowhere". */
export type Position = number;
const noPosition: Position = 0;

/** A text that positions point into. */
export interface Origin {
  /** As errors name it: a path, `«string»` or `«stdin»`. */
  readonly label: ByteString;
  /** The path of a real file, for `unsafeGetAttrPos`; absent for strings. */
  readonly path?: ByteString;
  /** The text again, or undefined when it can no longer be read. */
  readonly source: () => ByteString | undefined;
}

/** A position worked out. */
export interface ResolvedPosition {
  readonly origin: Origin;
  /** From 1. */
  readonly line: number;
  /** From 1, in bytes. */
  readonly column: number;
}

interface Range {
  readonly base: number;
  readonly origin: Origin;
  lineStarts: number[] | undefined;
}

/** Offsets at which lines start; `\n`, `\r\n` and a lone `\r` each end a line. */
function lineStartsOf(text: ByteString): number[] {
  const starts = [0];
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 10) starts.push(i + 1);
    else if (c === 13) {
      if (text.charCodeAt(i + 1) === 10) i++;
      starts.push(i + 1);
    }
  }
  return starts;
}

export class PositionTable {
  private readonly ranges: Range[] = [];
  private next = 1;

  /** Reserves positions for a text of `length` bytes; a byte's position is the result plus its offset. */
  addOrigin(origin: Origin, length: number): number {
    const base = this.next;
    this.ranges.push({ base, origin, lineStarts: undefined });
    this.next += length + 2;
    return base;
  }

  private rangeOf(position: Position): Range | undefined {
    let low = 0;
    let high = this.ranges.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.ranges[middle]!.base <= position) low = middle;
      else high = middle - 1;
    }
    return this.ranges[low];
  }

  originOf(position: Position): Origin | undefined {
    return position === noPosition ? undefined : this.rangeOf(position)?.origin;
  }

  /** Line and column of a position, or undefined for {@link noPosition}. */
  resolve(position: Position): ResolvedPosition | undefined {
    if (position === noPosition) return undefined;
    const range = this.rangeOf(position);
    if (range === undefined) return undefined;
    if (range.lineStarts === undefined) range.lineStarts = lineStartsOf(range.origin.source() ?? '');
    const starts = range.lineStarts;
    const offset = position - range.base;
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return { origin: range.origin, line: low + 1, column: offset - starts[low]! + 1 };
  }
}

/** `file:line:column`, as Nix writes a position. */
export function showPosition(position: ResolvedPosition | undefined): ByteString {
  if (position === undefined) return toByteString('«none»:0');
  return `${position.origin.label}:${position.line}:${position.column}`;
}

/** The lines before, at and after a position, without their line ends; undefined where there is no such line. */
export function codeLines(
  position: ResolvedPosition,
): { previous?: ByteString; current?: ByteString; next?: ByteString } | undefined {
  const text = position.origin.source();
  if (text === undefined) return undefined;
  // Texts that are no files end at a NUL, as Nix keeps them in C strings.
  const end = position.origin.path === undefined ? text.indexOf('\0') : -1;
  const lines = (end < 0 ? text : text.slice(0, end)).split(/\r\n|\n|\r/);
  if (text === '') lines.length = 0;
  const at = position.line - 1;
  return {
    ...(at > 0 && lines[at - 1] !== undefined ? { previous: lines[at - 1]! } : {}),
    ...(lines[at] !== undefined ? { current: lines[at]! } : {}),
    ...(lines[at + 1] !== undefined ? { next: lines[at + 1]! } : {}),
  };
}
