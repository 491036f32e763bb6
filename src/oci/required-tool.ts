// For tests that need a program or a service that not every machine has: they skip with a reason, except in CI.
import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

interface TestContext {
  skip(note?: string): void;
}

/** Full path of a command on PATH. Skips the test when there is none; in CI (CI=true) fails it. */
export function requiredTool(context: TestContext, name: string): string {
  for (const folder of [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin']) {
    const file = join(folder, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // Not there; look further.
    }
  }
  return missing(context, `${name} is not installed`);
}

/** Value of an environment variable. Skips the test when it is not set; in CI (CI=true) fails it. */
export function requiredVariable(context: TestContext, name: string): string {
  return process.env[name] || missing(context, `${name} is not set`);
}

function missing(context: TestContext, why: string): never {
  if (process.env.CI !== 'true') context.skip(why);
  throw new Error(`${why}, and CI=true forbids to skip this test`);
}

/** Runs a command to its end and gives what it printed. Rejects when it fails. */
export async function output(command: string, args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(command, args, { maxBuffer: 1 << 26 });
  return stdout;
}
