// Errors of evaluation as the person who wrote the flake wants them: places in their own files rather than in the
// store's copies, few steps of the trace unless all are asked for, and always something to do next.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { toByteString } from '../../foundation/byte-string.ts';
import { isTrimaranError, type RelatedSpan, type Span, TrimaranError } from '../../foundation/error.ts';
import type { LocalStore } from '../../store/local-store.ts';
import { everydayName } from './everyday-names.ts';

/** Steps of a trace that are shown unless all are asked for. */
const shownSteps = 4;

export interface ExplainOptions {
  readonly store: LocalStore;
  /** The local tree that the flake was copied from, when there is one. */
  readonly sourceDirectory: string | undefined;
  readonly showTrace: boolean;
  /** Where the attribute is defined that was evaluated, for errors of building it. */
  readonly definition?: Span | undefined;
}

/** The same error with places, trace and next step as described above; what is no `TrimaranError` comes back as it is. */
export function explainError(error: unknown, options: ExplainOptions): unknown {
  if (!isTrimaranError(error)) return error;
  const files = new Map<string, string>();
  const own = (span: Span): Span => {
    const file = files.get(span.file) ?? ownFile(span.file, options);
    files.set(span.file, file);
    return file === span.file ? span : { ...span, file };
  };
  // What lies in the copy of the tree, there or not, is named as the tree has it.
  const withOwnFiles = (text: string) =>
    [...files].reduce((shown, [copy, file]) => {
      const root = copy === file ? undefined : /^.*?-source\//.exec(copy)?.[0];
      return root === undefined ? shown : shown.replaceAll(root, `${options.sourceDirectory}/`);
    }, text);
  // A trace may have thousands of steps of which all but some look alike.
  const steps = error.related.map(({ message, span }) =>
    span === undefined ? { message: plain(message) } : { message, span: own(span) },
  );
  const found = error.span ?? options.definition;
  const place = found === undefined ? undefined : own(found);
  const theirs = distinct(steps.filter(({ span }) => span !== undefined && !isInternal(span)));
  const span =
    place !== undefined && isInternal(place) && !options.showTrace
      ? (theirs[0]?.span ?? outputsPlace(options) ?? place)
      : place;
  return new TrimaranError({
    code: error.code,
    message: withOwnFiles(error.message),
    report: error.report === undefined ? undefined : withOwnFiles(error.report),
    span,
    related: options.showTrace ? steps : shortened(steps, theirs, span),
    hint:
      everydayMistake(error) ??
      error.hint ??
      untracked(error, options) ??
      knownMistake(error) ??
      nextStep(error, span, options.showTrace),
    cause: error.cause,
    exitCode: error.exitCode,
  });
}

/** A file of a tree in the store that the working tree still has, as the working tree has it; others as they are. */
function ownFile(file: string, { store, sourceDirectory }: ExplainOptions): string {
  const inStore = /^[^/]+-source\/(.+)$/.exec(
    file.startsWith(`${store.storeDirectory}/`) ? file.slice(store.storeDirectory.length + 1) : '',
  );
  if (inStore === null || sourceDirectory === undefined) return file;
  const candidate = join(sourceDirectory, inStore[1]!);
  try {
    const copy = store.readFile(toByteString(file));
    return readFileSync(candidate).equals(copy) ? candidate : file;
  } catch {
    // Whatever hinders this, the error itself matters more.
    return file;
  }
}

/** Places in what comes with Trimaran: the Debian set and the evaluator's own files. */
function isInternal({ file }: Span): boolean {
  return file.startsWith('«') || /^\/nix\/store\/[^/]+-debian-set\//.test(file);
}

/** Where a flake's outputs are, for what is wrong with them as a whole. */
function outputsPlace({ sourceDirectory, definition }: ExplainOptions): Span | undefined {
  if (definition !== undefined || sourceDirectory === undefined) return definition;
  const file = join(sourceDirectory, 'flake.nix');
  if (!existsSync(file)) return undefined;
  const before = /^.*?\boutputs\b(?=\s*=)/s.exec(readFileSync(file, 'utf8'))?.[0].split('\n');
  if (before === undefined) return undefined;
  return { file, line: before.length, column: before.at(-1)!.length - 'outputs'.length + 1 };
}

function distinct(steps: readonly RelatedSpan[]): RelatedSpan[] {
  const seen = new Set<string>();
  return steps.filter(({ message, span }) => {
    const key = `${message} ${span?.file}:${span?.line}:${span?.column}`;
    return !seen.has(key) && seen.add(key) !== undefined;
  });
}

function shortened(
  all: readonly RelatedSpan[],
  theirs: readonly RelatedSpan[],
  place: Span | undefined,
): RelatedSpan[] {
  const elsewhere = theirs.filter(({ span }) => place === undefined || !isSamePlace(span, place));
  // Steps without a place say what was being done: "while updating the flake input".
  const placeless = all.some(({ span }) => span !== undefined) ? [] : distinct(all);
  return [...elsewhere, ...placeless].slice(0, shownSteps);
}

function isSamePlace(a: Span | undefined, b: Span): boolean {
  return a !== undefined && a.file === b.file && a.line === b.line && a.column === b.column;
}

/** A flake reference without what locks it: `path:/project?lastModified=…&narHash=…` says no more to people. */
function plain(message: string): string {
  return message.replace(/\?(?:lastModified|narHash|rev|revCount|dirtyRev)=[^'\s]*(?=')/g, '');
}

/** What to do where a flake reads a file that is there, and that the copy of its tree lacks. */
function untracked(
  { message }: TrimaranError,
  { store, sourceDirectory }: ExplainOptions,
): string | undefined {
  const [, path] = /^path '([^']+)' does not exist/.exec(message) ?? [];
  const [, file] = new RegExp(`^${store.storeDirectory}/[^/]+-source/(.+)$`).exec(path ?? '') ?? [];
  if (file === undefined || sourceDirectory === undefined || !existsSync(join(sourceDirectory, file)))
    return undefined;
  return `run \`git add ${file}\`: of a Git repository only the files that Git tracks count`;
}

/** What to write for a name that many try, whatever names are near. */
function everydayMistake({ code, message }: TrimaranError): string | undefined {
  const [, missing, unknown] =
    /^(?:attribute '([^']+)' missing|undefined variable '([^']+)')$/.exec(message) ?? [];
  const name = missing ?? unknown;
  return name !== undefined && code.startsWith('nix/') ? everydayName(name) : undefined;
}

/** What to do about mistakes that many make once. */
function knownMistake({ message }: TrimaranError): string | undefined {
  const [, name] = /^attribute '([^']+)' missing$/.exec(message) ?? [];
  if (name === 'currentSystem')
    return 'write the system itself, such as "x86_64-linux": an image is the same on every machine; or add --impure';
  if (name !== undefined && /-darwin$/.test(name))
    return 'images are for Linux: write x86_64-linux or aarch64-linux, whatever the machine';
  if (name === 'packages' || name === 'pkgs') return 'a package set is `legacyPackages.x86_64-linux`';
  return undefined;
}

function nextStep(
  { code, exitCode }: TrimaranError,
  span: Span | undefined,
  showTrace: boolean,
): string | undefined {
  if (span?.file.endsWith('/flake.lock'))
    return 'restore it from version control, or delete it and run `trimaran nix flake lock`';
  if (!code.startsWith('nix/') && !code.startsWith('flake/')) return undefined;
  // Nothing is wrong with what is written.
  if (exitCode === 4) return 'run the same command again when that is mended';
  if (code === 'nix/parse' || code.startsWith('flake/') || showTrace)
    return 'correct it there, then run the same command again';
  return 'correct it there, or add --show-trace to see every step that led here';
}
