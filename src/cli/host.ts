// The real host: this process's environment, clock, network and child processes.
import { spawn } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { constants as osConstants } from 'node:os';
import { delimiter, join } from 'node:path';
import {
  type Host,
  httpReader,
  type ProcessOptions,
  type ProcessResult,
  type Progress,
  TrimaranError,
} from '../index.ts';
import { trustExtraCertificates } from './extra-certificates.ts';

/** The host that commands run on; `progress` is where they report. */
export function realHost(progress: Progress): Host {
  return {
    env: process.env,
    // Asked for where an error of it is told.
    get cwd() {
      return currentFolder();
    },
    fetch: (...request) => {
      trustExtraCertificates(progress.note);
      return globalThis.fetch(...request);
    },
    // Node's own client alone knows the proxies that this is about.
    ...(process.env.NODE_USE_ENV_PROXY === '1'
      ? {}
      : { read: httpReader({ beforeTls: () => trustExtraCertificates(progress.note) }) }),
    now: Date.now,
    run: runProcess,
    which: (command) => findOnPath(command, process.env.PATH ?? ''),
    progress,
  };
}

/** Throws `system/no-folder` when the folder that the command was started in has been removed. */
function currentFolder(): string {
  try {
    return process.cwd();
  } catch (cause) {
    throw new TrimaranError({
      code: 'system/no-folder',
      message: 'the folder that you are in has been removed',
      hint: 'go to one that is there: `cd`',
      cause,
      exitCode: 4,
    });
  }
}

function findOnPath(command: string, path: string): string | undefined {
  for (const folder of command.includes('/') ? [''] : path.split(delimiter)) {
    const candidate = folder === '' ? command : join(folder, command);
    try {
      accessSync(candidate, constants.X_OK);
      if (statSync(candidate).isFile()) return candidate;
    } catch {
      // Not there or not executable: look further.
    }
  }
  return undefined;
}

function runProcess(options: ProcessOptions): Promise<ProcessResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(options.command, options.args, {
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: options.env === undefined ? process.env : { ...options.env },
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    // Not spawn's own timeout, which goes on after a program that could not be started.
    const end = () => {
      child.kill('SIGKILL');
      // What it started itself may hold on to its output for longer.
      child.stdout?.destroy();
      child.stderr?.destroy();
    };
    const limit = options.timeout === undefined ? undefined : setTimeout(end, options.timeout);
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout?.on('data', options.onStdout ?? ((chunk: Buffer) => stdout.push(chunk)));
    child.stderr?.on('data', options.onStderr ?? ((chunk: Buffer) => stderr.push(chunk)));
    child.on('error', (error) => {
      clearTimeout(limit);
      reject(error);
    });
    child.on('close', (code, signal) => {
      clearTimeout(limit);
      const exitCode = code ?? 128 + (signal === null ? 0 : osConstants.signals[signal]);
      resolve({ exitCode, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr) });
    });
    if (options.input !== undefined && child.stdin !== null) feed(child.stdin, options.input).catch(() => {});
  });
}

/** Writes a child's input with back-pressure. A child that closes its input early is its own business. */
async function feed(
  stdin: NodeJS.WritableStream,
  input: Uint8Array | AsyncIterable<Uint8Array>,
): Promise<void> {
  stdin.on('error', () => {});
  const chunks = input instanceof Uint8Array ? [input] : input;
  for await (const chunk of chunks) {
    if (!stdin.write(chunk)) await new Promise((resolve) => stdin.once('drain', resolve));
  }
  stdin.end();
}
