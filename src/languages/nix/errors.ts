// Errors while a Nix expression is parsed or evaluated, and Nix's way of showing them. Inside the evaluator they
// are plain objects (no stack is captured, traces are added on the way out); at its boundary they become
// TrimaranErrors that keep everything needed to print what Nix prints.
import { type ByteString, fromByteString, toByteString } from '../../foundation/byte-string.ts';
import { type RelatedSpan, type Span, TrimaranError } from '../../foundation/error.ts';
import {
  codeLines,
  type Position,
  type PositionTable,
  type ResolvedPosition,
  showPosition,
} from './positions.ts';

/** What went wrong; the TrimaranError's code is `nix/` and this. */
export type NixErrorKind =
  | 'parse'
  | 'eval'
  | 'type'
  | 'undefined-variable'
  | 'missing-argument'
  | 'assertion'
  | 'throw'
  | 'abort'
  | 'infinite-recursion'
  | 'stack-overflow'
  | 'too-large'
  | 'restricted-path'
  | 'import-from-derivation'
  | 'unsupported'
  | 'usage'
  | 'other';

interface TraceEntry {
  readonly position: Position;
  readonly hint: ByteString;
  /** Shown even when the trace is cut short. */
  readonly always: boolean;
  readonly inner: TraceEntry | undefined;
}

/** An error on its way out of the evaluator. Positions are numbers of the evaluator's position table. */
export class NixError {
  readonly kind: NixErrorKind;
  readonly message: ByteString;
  position: Position;
  /** Outermost first. */
  trace: TraceEntry | undefined = undefined;
  readonly suggestions: readonly ByteString[];
  /** The thunk that was found to need itself. */
  readonly cycle: object | undefined;
  /** A TrimaranError of the host (or a bug) that is passed on with Nix's trace around it. */
  readonly cause: unknown;

  constructor(
    kind: NixErrorKind,
    message: ByteString,
    options: {
      position?: Position;
      suggestions?: readonly ByteString[];
      cycle?: object;
      cause?: unknown;
    } = {},
  ) {
    this.kind = kind;
    this.message = message;
    this.position = options.position ?? 0;
    this.suggestions = options.suggestions ?? [];
    this.cycle = options.cycle;
    this.cause = options.cause;
  }

  addTrace(position: Position, hint: ByteString): this {
    this.trace = { position, hint, always: false, inner: this.trace };
    return this;
  }

  addTraceAlways(position: Position, hint: ByteString): this {
    this.trace = { position, hint, always: true, inner: this.trace };
    return this;
  }

  /** A copy that collects its own traces. */
  clone(): NixError {
    const copy = new NixError(this.kind, this.message, {
      position: this.position,
      suggestions: this.suggestions,
      ...(this.cycle === undefined ? {} : { cycle: this.cycle }),
      cause: this.cause,
    });
    copy.trace = this.trace;
    return copy;
  }
}

/** Whether `tryEval` catches it. */
export function isCatchable(error: unknown): error is NixError {
  return error instanceof NixError && (error.kind === 'throw' || error.kind === 'assertion');
}

/** Whatever was thrown, as a NixError: a RangeError is a stack overflow or too large a value, a host's error keeps its text. */
export function toNixError(thrown: unknown): NixError {
  if (thrown instanceof NixError) return thrown;
  if (thrown instanceof RangeError && /call stack/i.test(thrown.message)) {
    return new NixError('stack-overflow', 'stack overflow (possible infinite recursion)');
  }
  // V8's limits: half a gigabyte of text, a few hundred million elements.
  const tooLarge = thrown instanceof RangeError && /^Invalid (string|array) length$/.exec(thrown.message);
  if (tooLarge) {
    const what = tooLarge[1] === 'string' ? 'string' : 'list';
    return new NixError('too-large', `a ${what} grew longer than ${what}s can be here`);
  }
  if (!(thrown instanceof TrimaranError)) throw thrown;
  const error = new NixError('other', toByteString(thrown.message), { cause: thrown });
  // What else the host says about it, but for places, which are not the evaluator's.
  for (const { message, span } of thrown.related) {
    if (span === undefined) error.addTrace(0, toByteString(message));
  }
  return error;
}

/** One line of a trace, worked out. */
export interface NixTrace {
  readonly hint: ByteString;
  readonly position: ResolvedPosition | undefined;
  readonly always: boolean;
}

/** A Nix error outside the evaluator. `span` and `related` say the same for programs; `traces` is outermost first. */
export class NixEvaluationError extends TrimaranError {
  readonly nixMessage: ByteString;
  readonly position: ResolvedPosition | undefined;
  readonly traces: readonly NixTrace[];
  readonly suggestions: readonly ByteString[];

  constructor(
    options: ConstructorParameters<typeof TrimaranError>[0],
    details: {
      nixMessage: ByteString;
      position: ResolvedPosition | undefined;
      traces: readonly NixTrace[];
      suggestions: readonly ByteString[];
    },
  ) {
    super(options);
    this.nixMessage = details.nixMessage;
    this.position = details.position;
    this.traces = details.traces;
    this.suggestions = details.suggestions;
  }
}

function spanOf(position: ResolvedPosition | undefined): Span | undefined {
  if (position === undefined) return undefined;
  return { file: fromByteString(position.origin.label), line: position.line, column: position.column };
}

/** The error as the rest of Trimaran sees it: code `nix/KIND` (or the host error's own), span, related places. */
export function toEvaluationError(thrown: unknown, positions: PositionTable): NixEvaluationError {
  if (thrown instanceof NixEvaluationError) return thrown;
  const error = toNixError(thrown);
  const traces: NixTrace[] = [];
  for (let entry = error.trace; entry !== undefined; entry = entry.inner) {
    traces.push({ hint: entry.hint, position: positions.resolve(entry.position), always: entry.always });
  }
  const position = positions.resolve(error.position);
  const related: RelatedSpan[] = traces
    .filter((trace) => trace.hint !== '')
    .reverse()
    .map((trace) => {
      const span = spanOf(trace.position);
      return span === undefined
        ? { message: fromByteString(trace.hint) }
        : { message: fromByteString(trace.hint), span };
    });
  const cause = error.cause;
  const suggestions = error.suggestions;
  const hint =
    cause instanceof TrimaranError
      ? cause.hint
      : suggestions.length > 0
        ? `did you mean ${fromByteString(listSuggestions(suggestions))}?`
        : undefined;
  return new NixEvaluationError(
    {
      code: cause instanceof TrimaranError ? cause.code : `nix/${error.kind}`,
      message: fromByteString(error.message),
      span: spanOf(position) ?? related.find((entry) => entry.span !== undefined)?.span,
      related,
      hint,
      cause,
      ...(cause instanceof TrimaranError ? { exitCode: cause.exitCode } : {}),
    },
    { nixMessage: error.message, position, traces, suggestions },
  );
}

// Nix's own distance: Levenshtein, without swaps.
function levenshtein(a: ByteString, b: ByteString): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 0; i < a.length; i++) {
    const current = [i + 1];
    for (let j = 0; j < b.length; j++) {
      const substitution = a[i] === b[j] ? previous[j]! : previous[j]! + 1;
      current.push(Math.min(previous[j + 1]! + 1, current[j]! + 1, substitution));
    }
    previous = current;
  }
  return previous[b.length]!;
}

/** The names nearest to `wanted`: at most 5 and at most 2 edits away, nearest first, as Nix suggests them. */
export function nearestAttributes(wanted: ByteString, names: Iterable<ByteString>): ByteString[] {
  const near: { name: ByteString; distance: number }[] = [];
  for (const name of names) {
    if (Math.abs(name.length - wanted.length) > 2) continue;
    const distance = levenshtein(wanted, name);
    if (distance <= 2) near.push({ name, distance });
  }
  near.sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1));
  return near.slice(0, 5).map((entry) => entry.name);
}

function listSuggestions(names: readonly ByteString[]): ByteString {
  if (names.length === 1) return names[0]!;
  return `one of ${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
}

const ellipsis = toByteString('…');

function positionLines(indent: string, position: ResolvedPosition): string {
  let out = `${indent}at ${showPosition(position)}:`;
  const lines = codeLines(position);
  if (lines !== undefined) {
    const number = (n: number) => String(n).padStart(5);
    if (lines.previous !== undefined) out += `\n ${number(position.line - 1)}| ${lines.previous}`;
    if (lines.current !== undefined) {
      out += `\n ${number(position.line)}| ${lines.current}`;
      if (position.column > 0) out += `\n      |${' '.repeat(position.column)}^`;
    }
    if (lines.next !== undefined) out += `\n ${number(position.line + 1)}| ${lines.next}`;
    out += '\n';
  }
  return out;
}

/** Terminal colours, which Nix leaves out when it does not write to a terminal. */
const colourCode = /\x1b\[[0-9;]*m/g;

function chomp(text: string): string {
  return text.replace(/[ \n\r\t]+$/, '');
}

function indentLines(first: string, rest: string, text: string): string {
  return text
    .split('\n')
    .map((line, index) => chomp((index === 0 ? first : rest) + line))
    .join('\n');
}

/**
 * The error as `nix` prints it (without colours and without a final newline), as a byte string. With
 * `showTrace` the whole trace, else the first few entries and those marked to be shown always.
 *
 * @example
 * try { evaluator.evaluateText('1 + ""') } catch (error) { console.error(renderNixError(error)) }
 */
export function renderNixError(error: unknown, options: { showTrace?: boolean } = {}): ByteString {
  if (!(error instanceof NixEvaluationError)) {
    return `error: ${error instanceof Error ? error.message : String(error)}`;
  }
  return renderReport('error: ', error, options);
}

/** A warning as Nix prints it; `prefix` is `warning: ` or `evaluation warning: `. */
export function renderReport(
  prefix: string,
  report: {
    nixMessage: ByteString;
    position: ResolvedPosition | undefined;
    traces: readonly NixTrace[];
    suggestions: readonly ByteString[];
  },
  options: { showTrace?: boolean } = {},
): ByteString {
  let out = '';
  if (report.traces.length > 0) {
    const seen = new Set<string>();
    let skipped: NixTrace[] = [];
    let count = 0;
    let truncated = false;
    const print = (trace: NixTrace) => {
      out += `\n${ellipsis} ${trace.hint}\n`;
      if (trace.position !== undefined) {
        out += positionLines('  ', trace.position);
        count++;
      }
    };
    const printSkipped = () => {
      if (skipped.length === 0) return;
      if (skipped.length <= 5) for (const trace of skipped) print(trace);
      else out += `\n(${skipped.length} duplicate frames omitted)\n`;
      skipped = [];
    };
    for (const trace of report.traces) {
      if (trace.hint === '') continue;
      if (!options.showTrace && count > 3) truncated = true;
      if (truncated && !trace.always) continue;
      const key = `${trace.position === undefined ? '' : showPosition(trace.position)}\n${trace.hint}`;
      if (seen.has(key)) {
        skipped.push(trace);
        continue;
      }
      seen.add(key);
      printSkipped();
      count++;
      print(trace);
    }
    printSkipped();
    if (truncated) {
      out += `\n(stack trace truncated; use '--show-trace' to show the full, detailed trace)\n`;
    }
    out += `\n${prefix}`;
  }
  out += `${report.nixMessage}\n`;
  if (report.position !== undefined) out += positionLines('', report.position);
  if (report.suggestions.length > 0) out += `Did you mean ${listSuggestions(report.suggestions)}?\n`;
  return indentLines(prefix, ' '.repeat(prefix.length), chomp(out)).replace(colourCode, '');
}
