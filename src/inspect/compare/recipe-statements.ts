// How a recipe says the five things that every image of a program needs: fetch the source, install what it requires, set
// the working directory, the command, the port. Each with the lines that say it.
import { statSync } from 'node:fs';
import type { Placed } from '../../compose/service.ts';
import type { Span } from '../../foundation/error.ts';
import type { ImageNeeds } from '../convert/image-needs.ts';

export type Topic = 'clone' | 'install' | 'workdir' | 'command' | 'port';

export const topics: readonly { readonly topic: Topic; readonly label: string }[] = [
  { topic: 'clone', label: 'get the source' },
  { topic: 'install', label: 'install requirements' },
  { topic: 'workdir', label: 'set the working directory' },
  { topic: 'command', label: 'set the command' },
  { topic: 'port', label: 'expose the port' },
];

export type Statement =
  /** `text` is what the lines say; `lines` count from 1, ascending. */
  | { readonly kind: 'says'; readonly text: string; readonly file: string; readonly lines: readonly number[] }
  /** The language could, the recipe does not. */
  | { readonly kind: 'silent' }
  | { readonly kind: 'cannot'; readonly why: string };

export type Statements = Readonly<Record<Topic, Statement>>;

/** What a recipe says. `readLines` gives a file's lines by the name that spans have for it. */
export function recipeStatements(
  needs: ImageNeeds,
  readLines: (file: string) => readonly string[],
): Statements {
  const says = (places: readonly (Placed<unknown> | undefined)[], text: string): Statement => {
    const spans = places.flatMap((place) => place?.span ?? []);
    const [first] = spans;
    if (first === undefined) return { kind: 'silent' };
    const lines = new Set<number>();
    for (const span of spans)
      if (span.file === first.file) for (const line of linesOf(span, readLines)) lines.add(line);
    return { kind: 'says', text, file: first.file, lines: [...lines].sort((a, b) => a - b) };
  };
  const cannot = (why: string): Statement => ({ kind: 'cannot', why });
  const guix = needs.kind === 'guix';
  const unread = needs.unreadRequirements ?? [];
  const working = needs.workingDirectory?.value;
  const sources = needs.sources.filter(({ value }) => value.kind === 'git' || value.target !== '/');
  return {
    clone: says(
      sources,
      sources
        .map(({ value }) =>
          value.kind === 'git'
            ? `${value.url}${value.ref === undefined ? '' : ` at ${value.ref}`}`
            : value.kind === 'text'
              ? `the text ${value.target}`
              : `the ${isFile(value.path) ? 'file' : 'folder'} ${value.path.replace(/^.*\//, '')}`,
        )
        .join(', '),
    ),
    install: says(
      [...unread, ...needs.requirements].sort((a, b) => a.span.line - b.span.line),
      [
        ...needs.requirements.map(({ value }) => `${value.name}${value.version}`),
        ...(unread.length === 0
          ? []
          : [
              `what ${unread.map(({ value }) => value).join(' and ')} ${unread.length === 1 ? 'names' : 'name'}`,
            ]),
      ].join(' '),
    ),
    workdir:
      working === undefined && guix
        ? cannot('guix pack has no option for it')
        : says(
            [needs.workingDirectory],
            working === undefined ? '' : working.kind === 'path' ? working.path : 'the source',
          ),
    command: says(
      [needs.entrypoint, needs.command],
      [...(needs.entrypoint?.value ?? []), ...(needs.command?.value ?? [])].join(' '),
    ),
    port:
      guix && needs.ports.length === 0
        ? cannot('guix pack has no option for it')
        : says(needs.ports, needs.ports.map(({ value }) => value).join(' ')),
  };
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

/** Lines of a place; of one that has a start only, those up to the bracket that closes what it opens. */
function linesOf(span: Span, readLines: (file: string) => readonly string[]): number[] {
  const end = span.endLine ?? closingLine(readLines(span.file), span.line);
  return Array.from(
    { length: Math.max(1, Math.min(end, span.line + 40) - span.line + 1) },
    (_, index) => span.line + index,
  );
}

function closingLine(lines: readonly string[], line: number): number {
  let depth = 0;
  for (let at = line; at <= Math.min(lines.length, line + 40); at++) {
    for (const unit of (lines[at - 1] ?? '').replace(/"(?:[^"\\]|\\.)*"/g, '')) {
      if ('([{'.includes(unit)) depth++;
      else if (')]}'.includes(unit)) depth--;
    }
    if (depth <= 0) return at;
  }
  return line;
}
