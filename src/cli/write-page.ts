// Writes a report where the user wants it.
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { TrimaranError } from '../index.ts';
import type { CommandContext } from './context.ts';

/** Writes a page and says so. Throws `cli/cannot-write` when the place cannot be written to. */
export function writePage(context: CommandContext, page: string, text: string): void {
  try {
    writeFileSync(resolve(context.host.cwd, page), text);
  } catch (cause) {
    throw new TrimaranError({
      code: 'cli/cannot-write',
      message: `the report cannot be written to ${page}: ${(cause as Error).message}`,
      hint: 'name a file in a folder that is there and that you may write to',
      cause,
      exitCode: 4,
    });
  }
  context.say(`wrote ${page}`);
}
