// The one error type users meet: a stable code, a message, a place and a next step.
// Whatever is not a TrimaranError is a bug in Trimaran and stays a plain Error.

/** A place in a source text. Lines and columns count from 1; columns count characters. */
export interface Span {
  /** The file as the user would name it, or a label such as `«string»`. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Past-the-end position; absent when only the start is known. */
  readonly endLine?: number;
  readonly endColumn?: number;
}

/** A second place that explains the first: "opened here", "while calling this". */
export interface RelatedSpan {
  readonly message: string;
  readonly span?: Span;
}

export interface TrimaranErrorOptions {
  /** `room/what-happened`, stable across releases: `nix/undefined-variable`. */
  readonly code: string;
  /** One sentence without a final full stop; never contains a credential. */
  readonly message: string;
  readonly span?: Span | undefined;
  /** Where else to look, nearest first. */
  readonly related?: readonly RelatedSpan[];
  /** The next thing to do, a command wherever there is one. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
  /** The whole error as the tool that Trimaran stands in for prints it: trace, excerpts and all. */
  readonly report?: string | undefined;
  /** 3 when the recipe is wrong (the default), 4 when the world failed, 2 for usage. */
  readonly exitCode?: 2 | 3 | 4;
}

/**
 * An error meant for the user.
 *
 * @example
 * throw new TrimaranError({ code: 'store/no-space', message: 'no space left', hint: 'free some', exitCode: 4 });
 */
export class TrimaranError extends Error {
  readonly code: string;
  readonly span: Span | undefined;
  readonly related: readonly RelatedSpan[];
  readonly hint: string | undefined;
  readonly report: string | undefined;
  readonly exitCode: 2 | 3 | 4;

  constructor(options: TrimaranErrorOptions) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'TrimaranError';
    this.code = options.code;
    this.span = options.span;
    this.related = options.related ?? [];
    this.hint = options.hint;
    this.report = options.report;
    this.exitCode = options.exitCode ?? 3;
  }

  /** The same error with some of it otherwise, such as the place that only a caller knows. */
  with(changes: Partial<TrimaranErrorOptions>): TrimaranError {
    const { code, message, span, related, hint, report, exitCode, cause } = this;
    return new TrimaranError({ code, message, span, related, hint, report, exitCode, cause, ...changes });
  }
}

/** Whether `error` is a {@link TrimaranError}, and, when `code` is given, one with that code. */
export function isTrimaranError(error: unknown, code?: string): error is TrimaranError {
  return error instanceof TrimaranError && (code === undefined || error.code === code);
}

/** The `code` of a Node.js system error (`ENOENT`, `ENOSPC` …), or undefined for anything else. */
export function systemErrorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** Ends a `switch` over a union: a compile-time error when a case is missing, a bug when reached. */
export function assertNever(value: never): never {
  throw new Error(`unexpected case: ${JSON.stringify(value)}`);
}
