// What the world outside offers, passed in rather than reached for: only cli/ makes the real one.
// Files are reached through node:fs directly, below directories that a caller names; what varies between
// runs and machines (environment, clock, network, processes, progress) comes through here.
import type { ReadOverHttp } from './http-read.ts';

/** A child process that has ended. */
export interface ProcessResult {
  /** Exit code, or 128 + signal number as a shell would say it. */
  readonly exitCode: number;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

export interface ProcessOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  /** The whole environment of the child; the host's own is not inherited. */
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: Uint8Array | AsyncIterable<Uint8Array>;
  /** Called with each chunk of output as it comes; the result then holds none of that stream. */
  readonly onStdout?: (chunk: Buffer) => void;
  readonly onStderr?: (chunk: Buffer) => void;
  /** Kills the child after so many milliseconds. */
  readonly timeout?: number;
}

/** Reports how far work has come. All methods are cheap and may be called often. */
export interface Progress {
  /** Starts one piece of work; `total` in `unit`s when known. End it exactly once with `done`. */
  start(task: {
    readonly label: string;
    readonly total?: number;
    readonly unit?: 'bytes' | 'items';
  }): ProgressTask;
  /** A line worth telling, shown above the bars. */
  note(message: string): void;
}
export interface ProgressTask {
  advance(amount: number): void;
  done(): void;
}

export interface Host {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** `fetch` of the platform; tests pass one that reaches loopback only. */
  readonly fetch: typeof fetch;
  /** `GET` and `HEAD` with less overhead than `fetch`, which does it where this is missing. */
  readonly read?: ReadOverHttp | undefined;
  /** Milliseconds since 1970. Never part of a result. */
  now(): number;
  /** Runs a process to its end. Rejects with a system error when it cannot be started. */
  run(options: ProcessOptions): Promise<ProcessResult>;
  /** Full path of a command on PATH, or undefined. */
  which(command: string): string | undefined;
  readonly progress: Progress;
}

/** A {@link Progress} that says nothing. */
export const silentProgress: Progress = {
  start: () => ({ advance: () => {}, done: () => {} }),
  note: () => {},
};
