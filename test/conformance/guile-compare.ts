// Runs the cases of guile-*.scm in Guile and in our interpreter and compares what they print.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterpreter } from '../../src/languages/scheme/interpreter.ts';
import { listToArray } from '../../src/languages/scheme/values.ts';
import { diskHost } from './guile-disk-host.ts';

/** One case: what each implementation printed. */
export interface Comparison {
  readonly file: string;
  readonly index: number;
  readonly guile: string;
  readonly ours: string;
}

/** What a person may not rely on in Guile's output: addresses, and where eval.scm keeps a closure. */
export function normalize(text: string): string {
  return text
    .replace(/#<procedure [^>]*>/g, '#<procedure>')
    .replace(/ at [^ >]+:\d+:\d+/g, '')
    .replace(/\b[57][0-9a-f]{11}\b/g, 'ADDRESS')
    .trim();
}

function parse(output: string): Map<number, string> {
  const results = new Map<number, string>();
  for (const line of output.split('\n')) {
    const match = /^(\d+)(?: (.*))?$/.exec(line);
    if (match !== null) results.set(Number(match[1]), match[2] ?? '');
  }
  return results;
}

function driver(directory: string, casesFile: string, first: number): string {
  const text = readFileSync(join(directory, 'guile-driver.scm'), 'utf8');
  return `(define cases-file ${JSON.stringify(casesFile)}) (define first-case ${first}) (define last-case 1000000)\n${text}`;
}

/** Guile's answers. A case that kills Guile is recorded as such, and the rest goes on in a new process. */
function runGuile(directory: string, casesFile: string): Map<number, string> {
  const temporary = mkdtempSync(join(tmpdir(), 'guile-cases-'));
  const results = new Map<number, string>();
  try {
    let first = 0;
    for (let attempt = 0; attempt < 50; attempt++) {
      const program = join(temporary, 'driver.scm');
      writeFileSync(program, driver(directory, casesFile, first));
      const run = spawnSync('guile', ['--no-auto-compile', program], {
        encoding: 'utf8',
        env: { ...process.env, LC_ALL: 'C.UTF-8' },
        maxBuffer: 1 << 28,
        timeout: 300_000,
      });
      for (const [index, result] of parse(run.stdout)) results.set(index, result);
      if (/^end$/m.test(run.stdout)) return results;
      first = Math.max(first - 1, ...parse(run.stdout).keys()) + 1;
      results.set(first, 'guile-died');
      first++;
    }
    return results;
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

function runOurs(directory: string, casesFile: string): Map<number, string> {
  let output = '';
  const interpreter = createInterpreter({ host: diskHost({ stdout: (text) => (output += text) }) });
  interpreter.evaluateText(driver(directory, casesFile, 0), { file: 'guile-driver.scm' });
  return parse(output);
}

/** Compares the cases of one file; those that kill Guile are left out. */
export function compareFile(directory: string, file: string): Comparison[] {
  const casesFile = join(directory, file);
  const guile = runGuile(directory, casesFile);
  const ours = runOurs(directory, casesFile);
  return [...guile]
    .filter(([, result]) => result !== 'guile-died')
    .map(([index, result]) => ({
      file,
      index,
      guile: normalize(result),
      ours: normalize(ours.get(index) ?? 'nothing'),
    }));
}

/** The programs of a case file, by index, as text. */
export function caseTexts(directory: string, file: string): string[] {
  const text = readFileSync(join(directory, 'guile-driver.scm'), 'utf8');
  const definitions = text.slice(0, text.indexOf('(define (fresh-module'));
  const interpreter = createInterpreter({ host: diskHost({ stdout: () => {} }) });
  const list = interpreter.evaluateText(
    `${definitions} (cdr (read-cases ${JSON.stringify(join(directory, file))}))`,
    { file: 'cases' },
  );
  return listToArray(list).map((datum) => interpreter.write(datum));
}

export const caseFiles = [
  'guile-numbers.scm',
  'guile-lists.scm',
  'guile-strings.scm',
  'guile-syntax.scm',
  'guile-control.scm',
  'guile-libraries.scm',
  'guile-standards.scm',
  'guile-torture.scm',
] as const;
