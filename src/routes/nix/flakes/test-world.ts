// For the tests of this folder: a host of this machine, a store in a temporary folder, a session over both.
import { execFileSync, spawn } from 'node:child_process';
import { accessSync, constants, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterAll } from 'vitest';
import {
  type Host,
  type ProcessOptions,
  type ProcessResult,
  silentProgress,
} from '../../../foundation/host.ts';
import { removeDiskTree } from '../../../store/disk-tree.ts';
import { LocalStore } from '../../../store/local-store.ts';
import { FlakeSession, type FlakeSessionOptions } from './flake-session.ts';
import { readFlake } from './read-flake.ts';

const made: string[] = [];
afterAll(() => made.splice(0).forEach(removeDiskTree));

/** A fresh folder below the system's temporary one, there until the file's tests are over. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'trimaran-flakes-'));
  made.push(folder);
  return folder;
}

/** This machine with an empty home and no configuration; `fetch` and processes are real. */
export function testHost(home: string, env: Readonly<Record<string, string>> = {}): Host {
  return {
    env: { PATH: process.env.PATH, HOME: home, NIX_CONF_DIR: join(home, 'etc'), ...env },
    cwd: home,
    fetch: globalThis.fetch,
    now: Date.now,
    run: runProcess,
    which: (command) => onPath(command),
    progress: silentProgress,
  };
}

function onPath(command: string): string | undefined {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const candidate = join(folder, command);
    try {
      accessSync(candidate, constants.X_OK);
      return candidate;
    } catch {
      // Look further.
    }
  }
  return undefined;
}

function runProcess(options: ProcessOptions): Promise<ProcessResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(options.command, options.args, {
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: options.env ?? {},
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', options.onStdout ?? ((chunk: Buffer) => stdout.push(chunk)));
    child.stderr.on('data', options.onStderr ?? ((chunk: Buffer) => stderr.push(chunk)));
    child.on('error', reject);
    child.on('close', (code) =>
      resolve({ exitCode: code ?? 255, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr) }),
    );
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
  });
}

export interface TestWorld {
  readonly home: string;
  readonly store: LocalStore;
  readonly warnings: string[];
  /** A new session over the same store: what another run of the program would have. */
  session(options?: Partial<FlakeSessionOptions>): FlakeSession;
}

/** A world of its own for one test. */
export function testWorld(env: Readonly<Record<string, string>> = {}): TestWorld {
  const home = temporaryFolder();
  const store = new LocalStore({ root: join(home, 'cache'), storeDirectory: '/nix/store' });
  const warnings: string[] = [];
  return {
    home,
    store,
    warnings,
    session: (options = {}) =>
      new FlakeSession({
        host: testHost(home, env),
        store,
        readFlake,
        lockDebian: async (input) => ({ timestamp: '20261101T000000Z', ...input }),
        warn: (message) => warnings.push(message),
        ...options,
        settings: { flakeRegistry: '', ...options.settings },
      }),
  };
}

/** Writes files below a folder, making folders on the way. Returns the folder. */
export function writeFiles(folder: string, files: Readonly<Record<string, string>>): string {
  for (const [name, text] of Object.entries(files)) {
    const file = join(folder, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  return folder;
}

const gitEnvironment = {
  PATH: process.env.PATH ?? '',
  HOME: '/nonexistent',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'A',
  GIT_AUTHOR_EMAIL: 'a@example.org',
  GIT_COMMITTER_NAME: 'A',
  GIT_COMMITTER_EMAIL: 'a@example.org',
  GIT_AUTHOR_DATE: '2020-01-01T00:00:00Z',
  GIT_COMMITTER_DATE: '2020-01-02T00:00:00Z',
};

/** Runs git in a folder with a fixed identity and time; returns what it prints. */
export function git(folder: string, ...args: string[]): string {
  return execFileSync('git', ['-C', folder, '-c', 'protocol.file.allow=always', ...args], {
    env: gitEnvironment,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  }).trim();
}

/** Makes a folder a git repository with everything in it committed; returns the commit. */
export function commitAll(folder: string, message = 'x'): string {
  git(folder, 'init', '--quiet', '--initial-branch=main');
  git(folder, 'add', '--all');
  git(folder, 'commit', '--quiet', '--allow-empty', '--message', message);
  return git(folder, 'rev-parse', 'HEAD');
}
