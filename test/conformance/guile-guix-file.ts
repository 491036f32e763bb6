// One of Guix's test files in our Scheme, in a thread of its own.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TrimaranError } from '../../src/foundation/error.ts';
import { createInterpreter, type Interpreter } from '../../src/languages/scheme/interpreter.ts';
import type { Value } from '../../src/languages/scheme/values.ts';
import { diskHost } from './guile-disk-host.ts';
import { defineGuixModules } from './guile-guix-modules.ts';
import { TestStore } from './guile-guix-store.ts';

/** Guile's own modules, where Debian puts them. */
const guileFiles = '/usr/share/guile/3.0';

/** What became of a test file. */
export interface GuixTestResult {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Names of failed tests with what was expected and seen. */
  readonly failures: readonly string[];
  /** Why the file could not be run to its end. */
  readonly problem: string | undefined;
}

/** An interpreter with a checkout's modules, a store that computes paths, and a folder for a program's files. */
function withCheckout<Result>(
  checkout: string,
  use: (interpreter: Interpreter, output: () => string) => Result,
): Result {
  // Tests look for the script that runs uninstalled programs and make their own files beside it.
  const scratch = mkdtempSync(join(tmpdir(), 'guix-test-'));
  writeFileSync(join(scratch, 'pre-inst-env'), '');
  let output = '';
  const store = new TestStore(join(scratch, 'store'));
  const disk = diskHost({
    stdout: (text) => (output += text),
    // Some derivations hold files of Guile itself.
    loadPath: [scratch, checkout, ...(existsSync(guileFiles) ? [guileFiles] : [])],
    env: { HOME: scratch, TMPDIR: scratch, PATH: process.env['PATH'] ?? '' },
  });
  const interpreter = createInterpreter({
    host: {
      ...disk,
      readFile: (path) => disk.readFile(store.place(path)),
      stat: (path) => disk.stat?.(store.place(path)),
      listDirectory: (path) => disk.listDirectory?.(store.place(path)),
      readLink: (path) => disk.readLink?.(store.place(path)),
      connect: (path) => (path.endsWith('/daemon-socket/socket') ? store.connect() : undefined),
    },
    // Package definitions refer to each other in circles and wait until somebody asks for them.
    lazyModules: (label) => (/^gnu packages /.test(label) ? 'all' : 'functions'),
  });
  defineGuixModules(interpreter, checkout);
  try {
    return use(interpreter, () => output);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** The path of a package's derivation, without grafts; `base:hello` is `hello` of (gnu packages base). */
export function derivationOfPackage(checkout: string, name: string): string {
  const [module, variable] = name.split(':');
  const program = `(use-modules (guix store) (guix packages) (guix derivations))
(define package (module-ref (resolve-interface '(gnu packages ${module})) '${variable}))
(derivation-file-name (package-derivation (open-connection) package #:graft? #f))`;
  return withCheckout(checkout, (interpreter) => {
    try {
      return interpreter.display(interpreter.evaluateText(program, { file: 'derivation' }));
    } catch (error) {
      return describe(error as Error);
    }
  });
}

/** Runs a test file of a checkout. */
export function runGuixTestFile({
  checkout,
  file,
}: {
  readonly checkout: string;
  readonly file: string;
}): GuixTestResult {
  return withCheckout(checkout, (interpreter, output) => runTests(interpreter, { file, output }));
}

function runTests(
  interpreter: Interpreter,
  { file, output }: { readonly file: string; readonly output: () => string },
): GuixTestResult {
  let problem: string | undefined;
  const failures: string[] = [];
  const counts = new Map<string, number>();
  interpreter.defineModule(['trimaran', 'test-results'], {
    '%note': (kind: Value, name: Value, details: Value) => {
      const label = interpreter.display(kind);
      counts.set(label, (counts.get(label) ?? 0) + 1);
      if (label === 'fail' || label === 'xpass')
        failures.push(`${interpreter.display(name)}: ${interpreter.write(details).slice(0, 500)}`);
      return true;
    },
  });
  interpreter.evaluateText(
    `(test-runner-factory
       (lambda ()
         (let ((runner (test-runner-null)))
           (test-runner-on-test-end! runner
             (lambda (runner)
               (%note (test-result-kind runner)
                      (let ((name (test-runner-test-name runner)))
                        (if (equal? name "") (test-result-ref runner 'source-form) name))
                      (filter (lambda (entry) (memq (car entry) '(expected-value actual-value actual-error)))
                              (test-result-alist runner)))))
           runner)))`,
    { file: 'test-runner', module: testRunnerModule(interpreter) },
  );
  try {
    interpreter.evaluateText(readFileSync(file, 'utf8'), { file });
  } catch (error) {
    problem = describe(error as Error);
  }
  if (process.env['SHOW_OUTPUT'] !== undefined) process.stderr.write(output());
  const count = (kind: string) => counts.get(kind) ?? 0;
  return {
    passed: count('pass') + count('xfail'),
    failed: count('fail') + count('xpass'),
    skipped: count('skip'),
    failures,
    problem,
  };
}

/** A module that sees the tests' library and what notes their results. */
function testRunnerModule(interpreter: Interpreter): string[] {
  const name = ['trimaran', 'test-runner'];
  interpreter.addModuleSource(
    name,
    '(define-module (trimaran test-runner) #:use-module (srfi srfi-64) #:use-module (srfi srfi-1) #:use-module (trimaran test-results))',
  );
  return name;
}

function describe(error: Error): string {
  const { span } = error as TrimaranError;
  const place = span === undefined ? '' : `${span.file}:${span.line}:${span.column}: `;
  const inside = error.name === 'TrimaranError' ? '' : `\n${error.stack ?? ''}`;
  return `${place}${error.message}${inside}`;
}
