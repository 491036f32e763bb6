// What people see: lines, and errors with place and next step; progress bars are in progress-bar.ts.
// Everything here goes to standard error; results are the commands' business.
import pc from 'picocolors';
import { isTrimaranError, type Progress, type Span, type TrimaranError } from '../index.ts';

/** Progress where there is no terminal: only the notes. */
export function plainProgress(stream: NodeJS.WritableStream): Progress {
  return {
    start: () => ({ advance: () => {}, done: () => {} }),
    note: (message) => stream.write(`${message}\n`),
  };
}

/** One error as people read it; a bug says so and asks for a report. */
export function renderError(error: unknown, readSource: (file: string) => string | undefined): string {
  if (!isTrimaranError(error)) {
    const message = error instanceof Error ? error.message : String(error);
    return [
      `${pc.red('bug:')} ${message}`,
      `${pc.dim('next:')} please report this with the command you ran; TRIMARAN_DEBUG=1 shows where it happened`,
    ].join('\n');
  }
  if (error.report !== undefined) return renderReport(error, error.report);
  const lines = [`${pc.red('error:')} ${printable(error.message)} ${pc.dim(`[${error.code}]`)}`];
  if (error.span !== undefined) lines.push(...excerpt(error.span, readSource));
  for (const related of error.related) {
    lines.push(
      `${pc.dim('  note:')} ${related.message}${related.span === undefined ? '' : ` (${place(related.span)})`}`,
    );
  }
  if (error.hint !== undefined) lines.push(`${pc.dim('  next:')} ${error.hint}`);
  return lines.join('\n');
}

/** An error in the words of the tool that the command stands in for, and what Trimaran has to add. */
function renderReport({ code, hint }: TrimaranError, report: string): string {
  const lines = report
    .split('\n')
    .map((line) => printable(line).replace(/^ *error:/, (label) => pc.red(label)));
  lines.push(`${pc.dim('  code:')} ${code}`);
  // Nix has said already which names are near.
  if (hint !== undefined && !/\n *Did you mean /.test(report)) lines.push(`${pc.dim('  next:')} ${hint}`);
  return lines.join('\n');
}

/** As one would type it from here. */
function place(span: Span): string {
  const inside = `${process.cwd()}/`;
  const file = span.file.startsWith(inside) ? span.file.slice(inside.length) : span.file;
  return `${file}:${span.line}:${span.column}`;
}

/** Characters of a line that an excerpt shows at most. */
const widestExcerpt = 160;

function excerpt(span: Span, readSource: (file: string) => string | undefined): string[] {
  const lines = [`  ${pc.dim('at')} ${place(span)}`];
  const text = readSource(span.file)?.split('\n')[span.line - 1];
  if (text === undefined) return lines;
  // Lines written by programs, or no text at all, may be long: as much is shown as stands around the place.
  const start = Math.max(0, span.column - 1 - widestExcerpt / 2);
  const source = printable(text.slice(start, start + widestExcerpt));
  const number = String(span.line);
  const wanted =
    span.endLine === span.line && span.endColumn !== undefined ? span.endColumn - span.column : 1;
  const length = Math.min(Math.max(1, wanted), widestExcerpt / 2);
  const before = source.slice(0, span.column - 1 - start).replace(/[^\t]/g, ' ');
  lines.push(`  ${pc.dim(`${number} |`)} ${source}`);
  lines.push(`  ${pc.dim(`${' '.repeat(number.length)} |`)} ${before}${pc.red('^'.repeat(length))}`);
  return lines;
}

/** Text of others without what would steer a terminal: each control character but the tab as a question mark. */
function printable(text: string): string {
  return text.replace(/\x1b\[[0-9;]*m/g, '').replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, '\ufffd');
}

/** The same error for machines: one JSON object. */
export function errorToJson(error: unknown): unknown {
  if (!isTrimaranError(error)) {
    const message = error instanceof Error ? error.message : String(error);
    return { error: { code: 'trimaran/bug', message, hint: 'please report this with the command you ran' } };
  }
  return {
    error: {
      code: error.code,
      message: error.message,
      ...(error.span === undefined ? {} : { span: error.span }),
      ...(error.related.length === 0 ? {} : { related: error.related }),
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    },
  };
}
