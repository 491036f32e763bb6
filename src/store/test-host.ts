// A host for tests: real processes and PATH, a silent progress.
import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { constants as osConstants } from 'node:os';
import type { Host } from '../foundation/host.ts';
import { silentProgress } from '../foundation/host.ts';

export function testHost(cwd: string): Host {
  return {
    env: process.env,
    cwd,
    fetch,
    now: Date.now,
    progress: silentProgress,
    which(command) {
      const places = command.includes('/')
        ? [command]
        : (process.env.PATH ?? '').split(':').map((p) => `${p}/${command}`);
      return places.find((place) => {
        try {
          accessSync(place, constants.X_OK);
          return true;
        } catch {
          return false;
        }
      });
    },
    run: (options) =>
      new Promise((resolve, reject) => {
        const child = spawn(options.command, options.args, {
          cwd: options.cwd ?? cwd,
          env: options.env ?? {},
          stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
        });
        const stdout: Buffer[] = [];
        const stderr: Buffer[] = [];
        child.stdout?.on('data', options.onStdout ?? ((chunk: Buffer) => stdout.push(chunk)));
        child.stderr?.on('data', options.onStderr ?? ((chunk: Buffer) => stderr.push(chunk)));
        child.on('error', reject);
        child.on('close', (code, signal) => {
          const exitCode = code ?? 128 + (signal === null ? 0 : osConstants.signals[signal]);
          resolve({ exitCode, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr) });
        });
        child.stdin?.on('error', () => {});
        const feed = async () => {
          const input = options.input!;
          for await (const chunk of input instanceof Uint8Array ? [input] : input) child.stdin?.write(chunk);
          child.stdin?.end();
        };
        if (options.input !== undefined) feed();
      }),
  };
}
