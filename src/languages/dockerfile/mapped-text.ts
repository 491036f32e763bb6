// Text that was put together from pieces of a file (lines joined at their continuation) and still knows where each
// of its characters came from.
import type { Span } from '../../foundation/error.ts';

/** From `offset` of the text on, characters come from `line` and `column` of the file (both from 1). */
export interface Segment {
  readonly offset: number;
  readonly line: number;
  readonly column: number;
}

export interface MappedText {
  readonly text: string;
  readonly file: string;
  /** In ascending order of offset; the first has offset 0. */
  readonly segments: readonly Segment[];
}

/** A value and the place in the file that it was written at. */
export interface Located {
  readonly value: string;
  readonly span: Span;
}

/** The place of the characters from `start` up to `end` of a text. */
export function spanOf(source: MappedText, start: number, end: number): Span {
  const from = segmentAt(source.segments, start);
  // The end belongs to the segment of the last character, not to the one that follows it.
  const to = segmentAt(source.segments, Math.max(start, end - 1));
  return {
    file: source.file,
    line: from.line,
    column: from.column + (start - from.offset),
    endLine: to.line,
    endColumn: to.column + (Math.max(start, end) - to.offset),
  };
}

/** The characters from `start` up to `end`, each still knowing its place. */
export function sliceMapped(source: MappedText, start: number, end = source.text.length): MappedText {
  const first = segmentAt(source.segments, start);
  const segments = [{ offset: 0, line: first.line, column: first.column + (start - first.offset) }];
  for (const segment of source.segments) {
    if (segment.offset > start && segment.offset < end) {
      segments.push({ offset: segment.offset - start, line: segment.line, column: segment.column });
    }
  }
  return { text: source.text.slice(start, end), file: source.file, segments };
}

/** A whole text whose first character stands at `line` and `column` of a file. */
export function mapWhole(text: string, file: string, line = 1, column = 1): MappedText {
  const segments: Segment[] = [{ offset: 0, line, column }];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) {
    segments.push({ offset: at + 1, line: ++line, column: 1 });
  }
  return { text, file, segments };
}

function segmentAt(segments: readonly Segment[], offset: number): Segment {
  let low = 0;
  let high = segments.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (segments[middle]!.offset <= offset) low = middle;
    else high = middle - 1;
  }
  return segments[low]!;
}
