// What a command gets: the host, where to print, and how to end.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Host, isTrimaranError, trimaranRoot } from '../index.ts';
import { realHost } from './host.ts';
import { errorToJson, renderError, terminalProgress } from './terminal.ts';

export interface CommandContext {
  readonly host: Host;
  /** Whether the result is to be JSON. */
  readonly json: boolean;
  /** A line of the result. */
  print(line: string): void;
  /** A line for people, on standard error. */
  say(line: string): void;
}

/** The context of this process. */
export function makeContext(json: boolean): CommandContext {
  return {
    host: realHost(terminalProgress(process.stderr)),
    json,
    print: (line) => process.stdout.write(`${line}\n`),
    say: (line) => process.stderr.write(`${line}\n`),
  };
}

/** Prints an error as the context wants it and gives the exit code: the error's own, or 4 for a bug. */
export function fail(context: CommandContext, error: unknown): number {
  if (context.json && isTrimaranError(error)) context.print(JSON.stringify(errorToJson(error), null, 2));
  else context.say(renderError(error, sourceReader(context)));
  if (process.env.TRIMARAN_DEBUG !== undefined && error instanceof Error) context.say(error.stack ?? '');
  return isTrimaranError(error) ? error.exitCode : 4;
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
