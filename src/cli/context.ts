// What a command gets: the host, where to print, and how to end.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Host, isTrimaranError, type Progress, TrimaranError, trimaranRoot } from '../index.ts';
import { realHost } from './host.ts';
import { errorToJson, plainProgress, renderError } from './terminal.ts';

export interface CommandContext {
  readonly host: Host;
  /** Whether the result is to be JSON. */
  readonly json: boolean;
  /** A line of the result. */
  print(line: string): void;
  /** A line for people, on standard error. */
  say(line: string): void;
}

/** The context of this process; notes alone are reported unless `progress` does more. */
export function makeContext(
  json: boolean,
  progress: Progress = plainProgress(process.stderr),
): CommandContext {
  return {
    host: realHost(progress),
    json,
    print: (line) => process.stdout.write(`${line}\n`),
    say: (line) => process.stderr.write(`${line}\n`),
  };
}

/** Signals that end a command, and its exit code then. */
export const endingSignals = [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const;

/** Prints an error as the context wants it and gives the exit code: the error's own, or 4 for a bug. */
export function fail(context: CommandContext, thrown: unknown): number {
  const error = explainSystemError(thrown);
  if (context.json) context.print(JSON.stringify(errorToJson(error), null, 2));
  else context.say(renderError(error, sourceReader(context)));
  if (process.env.TRIMARAN_DEBUG !== undefined && thrown instanceof Error) context.say(thrown.stack ?? '');
  return isTrimaranError(error) ? error.exitCode : 4;
}

/**
 * Makes the process end as people expect whatever happens: quietly when nobody reads on, with 130 when interrupted, and
 * with an error in place of a stack trace. Gives what to call when the command has ended: a process that ends before
 * that had nothing left to wait for, which is a defect.
 */
export function guardProcess(json: boolean): () => void {
  let ended = false;
  const exit = (code?: number) => {
    ended = true;
    process.exit(code);
  };
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return exit();
    const message = `the result cannot be written to standard output: ${error.code ?? error.message}`;
    const hint = 'send it to a place that has room: `… > FILE`';
    fail(
      makeContext(false),
      new TrimaranError({ code: 'cli/output', message, hint, cause: error, exitCode: 4 }),
    );
    exit(4);
  });
  // There is nobody left to tell.
  process.stderr.on('error', () => {});
  for (const [signal, code] of endingSignals) {
    process.on(signal, () => {
      // A command with a handler of its own has something to stop first.
      if (process.listenerCount(signal) === 1) exit(code);
    });
  }
  const give = (error: unknown) => exit(fail(makeContext(json), error));
  process.on('uncaughtException', give).on('unhandledRejection', give);
  process.once('exit', (code) => {
    if (ended || code !== 0) return;
    process.exitCode = fail(makeContext(json), new Error('the command stopped before it was done'));
  });
  return () => {
    ended = true;
  };
}

/** What to do about what the system refused: anywhere, and where it is about Trimaran's own folder. */
const systemErrors: Readonly<Record<string, readonly [code: string, hint: string, own?: string]>> = {
  EACCES: [
    'system/no-access',
    'run the command as a user who may, or change who may: `chmod`, `chown`',
    'run the command as a user who may, or set XDG_CACHE_HOME to a folder of your own',
  ],
  EPERM: [
    'system/no-access',
    'run the command as a user who may, or change who may: `chmod`, `chown`',
    'run the command as a user who may, or set XDG_CACHE_HOME to a folder of your own',
  ],
  EROFS: [
    'system/read-only',
    'run the command in a folder on a disk that can be written',
    'set XDG_CACHE_HOME to a folder on a disk that can be written',
  ],
  ENOSPC: [
    'system/no-space',
    'free some space on that disk',
    'free some space, or set XDG_CACHE_HOME to a larger disk',
  ],
  EDQUOT: [
    'system/no-space',
    'free some space on that disk',
    'free some space, or set XDG_CACHE_HOME to a larger disk',
  ],
  EFBIG: ['system/no-space', 'raise the limit on the size of files (`ulimit -f`)'],
  ENOTDIR: [
    'system/not-a-folder',
    'move away the file that is where a folder should be',
    'set XDG_CACHE_HOME to a folder',
  ],
  EEXIST: [
    'system/not-a-folder',
    'move away the file that is where a folder should be',
    'set XDG_CACHE_HOME to a folder',
  ],
  ENAMETOOLONG: ['system/name-too-long', 'use a shorter name, or a folder that lies less deep'],
  ELOOP: ['system/link-loop', 'take away the symbolic link that leads to itself'],
  EMFILE: ['system/too-many-files', 'raise the limit on open files (`ulimit -n`)'],
  ENFILE: ['system/too-many-files', 'end other programs that have many files open'],
  ENOMEM: ['system/no-memory', 'end other programs, raise the limit (`ulimit -v`), or take a larger machine'],
  EAGAIN: ['system/too-many-processes', 'end other programs, or raise the limit on processes (`ulimit -u`)'],
};

/** What the system refused, said for people; whatever else it is comes back as it is. */
function explainSystemError(error: unknown): unknown {
  if (isTrimaranError(error) || !(error instanceof Error)) return error;
  // Errors from other threads have lost all but their message; these are Node's own about threads and memory.
  const said = error.message
    .replace(/^Worker initialization failure: (E[A-Z]+)$/, '$1: no further thread can be started')
    .replace(/^WebAssembly\.\w+\(\): Out of memory.*/s, 'ENOMEM: there is no more memory to be had')
    .replace(/^spawn \S+ (?=(E[A-Z]+)$)/, '$1: no program can be started, ');
  const [, name, rest] = /^([A-Z]{4,}): (.*)/s.exec(said) ?? [];
  const known = systemErrors[name ?? ''];
  if (known === undefined) return error;
  const [code, hint, own = hint] = known;
  // Without a path it is about what Trimaran writes most: its own folder.
  const isOwn = !/'\//.test(rest!) || rest!.includes(`'${trimaranRoot(process)}`);
  return new TrimaranError({ code, message: rest!, hint: isOwn ? own : hint, cause: error, exitCode: 4 });
}

/** A file's text as errors show it; those of the logical store lie below Trimaran's root. */
function sourceReader({ host }: CommandContext): (file: string) => string | undefined {
  return (file) => {
    try {
      const inStore = /^\/(?:nix|gnu)\/store\//.test(file);
      return readFileSync(inStore ? join(trimaranRoot(host), file) : file, 'utf8');
    } catch {
      return undefined;
    }
  };
}
