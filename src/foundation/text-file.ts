// Files that people name, read whole.
import { readFileSync, statSync } from 'node:fs';

/** The text of a file, UTF-8. Throws the system's errors, and a plain one for a pipe, which would have to be waited for. */
export function readTextFile(file: string): string {
  if (statSync(file).isFIFO()) throw new Error('it is a pipe');
  return readFileSync(file, 'utf8');
}
