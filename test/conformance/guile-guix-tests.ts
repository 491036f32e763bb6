// Runs Guix's own test files of the pure kind from a checkout of Guix, with its modules loaded from there.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterpreter } from '../../src/languages/scheme/interpreter.ts';
import { diskHost } from './guile-disk-host.ts';

const tests = [
  'base16',
  'base32',
  'base64',
  'combinators',
  'sets',
  'glob',
  'records',
  'monads',
  'search-paths',
  'read-print',
  'cpio',
  'nar',
];

/** Prints the outcome of each file; returns how many tests or files failed. */
export function runGuixTests(checkout: string): number {
  let failed = 0;
  for (const name of tests) {
    const file = join(checkout, 'tests', `${name}.scm`);
    if (!existsSync(file)) {
      console.log(`${name}: no such test file`);
      continue;
    }
    const interpreter = createInterpreter({
      host: diskHost({ stdout: (text) => process.stdout.write(text), loadPath: [checkout] }),
    });
    let problem = '';
    try {
      interpreter.evaluateText(readFileSync(file, 'utf8'), { file });
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error);
      const span = (error as { span?: { file: string; line: number } }).span;
      if (span !== undefined) problem += ` (${span.file}:${span.line})`;
    }
    const count = (kind: string) => {
      const value = interpreter.evaluateText(`((@ (srfi srfi-64) test-runner-${kind}-count) #f)`, {
        file: 'counts',
      });
      return Number(value);
    };
    const bad = count('fail') + (problem === '' ? 0 : 1);
    failed += bad;
    console.log(`${name}: ${count('pass')} passed, ${bad} failed${problem === '' ? '' : ` — ${problem}`}`);
    if (count('fail') > 0)
      console.log(interpreter.write(interpreter.lookup(['srfi', 'srfi-64'], 'failures')).slice(0, 2000));
  }
  return failed;
}
