// Where a Dockerfile that stands in a compose file (`dockerfile_inline`) really is: its lines are lines of that file.
import { isTrimaranError, type Span } from '../../foundation/error.ts';

/** The place of the first character of a text in the file that holds it. */
export interface InlinePlace {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** The text's lines are written there as they are; otherwise every place in it is told as this one. */
  readonly isVerbatim: boolean;
}

/** A place in the text as a place in the file that holds it. */
export function relocateSpan(span: Span, { file, line, column, isVerbatim }: InlinePlace): Span {
  if (!isVerbatim) return { file, line, column };
  return {
    ...span,
    file,
    line: span.line + line - 1,
    column: span.column + column - 1,
    ...(span.endLine === undefined ? {} : { endLine: span.endLine + line - 1 }),
    ...(span.endColumn === undefined ? {} : { endColumn: span.endColumn + column - 1 }),
  };
}

/** Runs something that tells of places in the text called `name`; its errors name the file that holds the text. */
export function relocateErrors<Result>(
  name: string,
  place: InlinePlace | undefined,
  run: () => Result,
): Result {
  if (place === undefined) return run();
  try {
    const result = run();
    if (!(result instanceof Promise)) return result;
    return result.catch((error: unknown) => {
      throw relocated(error, { name, place });
    }) as Result;
  } catch (error) {
    throw relocated(error, { name, place });
  }
}

function relocated(
  error: unknown,
  { name, place }: { readonly name: string; readonly place: InlinePlace },
): unknown {
  if (!isTrimaranError(error) || error.span?.file !== name) return error;
  return error.with({
    span: relocateSpan(error.span, place),
    related: error.related.map((other) =>
      other.span?.file === name ? { ...other, span: relocateSpan(other.span, place) } : other,
    ),
  });
}
