// What the end-to-end tests share: the command line as users run it, in folders and caches of their own, with
// packages fetched beforehand (scripts/test.mjs), so that a test itself talks to nobody.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { removeDiskTree } from '../../src/store/disk-tree.ts';

export const projectRoot = resolve(import.meta.dirname, '../..');

/** Folder with fetched .debs and indexes; undefined when set-up could not fetch them. */
const fetched = process.env.TRIMARAN_TEST_DEBIAN_CACHE;

/** The engine that tests may use, as DOCKER_HOST wants it. */
export const dockerHost = process.env.TRIMARAN_TEST_DOCKER_HOST;

const inCi = process.env.CI === 'true';

/** Whether tests that need packages can run; in CI they must. */
export const hasPackages = inCi || fetched !== undefined;
/** Whether tests that need an engine can run; in CI they must. */
export const hasEngine = inCi || dockerHost !== undefined;

/** Whether a tool is there; in CI it must be. */
export function hasTool(command: string): boolean {
  return inCi || (process.env.PATH ?? '').split(':').some((folder) => existsSync(join(folder, command)));
}

export interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}

/** Runs a command to its end. */
export function run(command: string, args: readonly string[], options: RunOptions): Promise<Ended> {
  return new Promise((settle, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: { ...process.env, CI: '', ...options.env },
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.stdin?.end(options.input);
    child.on('error', reject);
    child.on('close', (code) => settle({ exitCode: code ?? 137, stdout, stderr }));
  });
}

/** A temporary folder with a copy of the example and an empty cache that has the fetched packages. */
export class Workspace {
  readonly root: string;
  readonly example: string;
  readonly cache: string;
  readonly env: Readonly<Record<string, string>>;

  constructor() {
    this.root = mkdtempSync(join(tmpdir(), 'trimaran-e2e-'));
    this.example = join(this.root, 'areas');
    this.cache = join(this.root, 'cache');
    cpSync(join(projectRoot, 'examples/areas'), this.example, {
      recursive: true,
      filter: (path) => !/\/result[^/]*$/.test(path),
    });
    mkdirSync(join(this.cache, 'trimaran'), { recursive: true });
    if (fetched !== undefined) cpSync(fetched, join(this.cache, 'trimaran/debian'), { recursive: true });
    // Port 9 of this machine discards: whatever is not in the cache cannot be had.
    this.env = { XDG_CACHE_HOME: this.cache, TRIMARAN_DEBIAN_MIRROR: 'http://127.0.0.1:9/debian' };
  }

  /** `trimaran ARGS` in the example's folder. */
  trimaran(args: readonly string[], options: Partial<RunOptions> = {}): Promise<Ended> {
    return run(process.execPath, [join(projectRoot, 'bin/trimaran'), ...args], {
      cwd: options.cwd ?? this.example,
      env: { ...this.env, ...options.env },
    });
  }

  remove(): void {
    removeDiskTree(this.cache);
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** Of a file's bytes, in hexadecimal. */
export function sha256Of(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

/** The body of a URL once it answers 200; asks for at most a minute. */
export async function answerOf(url: string): Promise<string> {
  let last = 'no answer';
  for (let attempt = 0; attempt < 240; attempt++) {
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(5000) });
      const body = await response.text();
      if (response.status === 200) return body;
      last = `${response.status}: ${body.slice(0, 200)}`;
    } catch (error) {
      last = String(error);
    }
    await new Promise((wake) => setTimeout(wake, 250));
  }
  throw new Error(`${url} did not answer 200; last: ${last}`);
}
