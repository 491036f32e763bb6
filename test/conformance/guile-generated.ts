// Random programs of a small, total subset of Scheme, run in Guile and in our interpreter.
import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { createInterpreter } from '../../src/languages/scheme/interpreter.ts';
import { normalize } from './guile-compare.ts';
import { diskHost } from './guile-disk-host.ts';

const names = ['a', 'b', 'c', 'd'] as const;

const { expression } = fc.letrec<{ expression: string }>((tie) => {
  const e = tie('expression');
  const name = fc.constantFrom(...names);
  const literal = fc.oneof(
    fc.integer({ min: -20, max: 20 }).map(String),
    fc.constantFrom('#t', '#f', "'()", "'x", '"s"', '#\\a', '1.5', '1/3', "'(1 2)", '100000000000000000000'),
  );
  return {
    expression: fc.oneof(
      { maxDepth: 6, depthIdentifier: 'scheme' },
      literal,
      name,
      fc
        .tuple(
          fc.constantFrom(
            '+',
            '-',
            '*',
            'quotient',
            'cons',
            'list',
            'eqv?',
            'equal?',
            '<',
            'append',
            'max',
            'expt',
          ),
          e,
          e,
        )
        .map(([f, x, y]) => `(${f} ${x} ${y})`),
      fc
        .tuple(
          fc.constantFrom(
            'car',
            'cdr',
            'not',
            'null?',
            'pair?',
            'number?',
            'list',
            'vector',
            'length',
            'reverse',
            'exact->inexact',
            'string?',
          ),
          e,
        )
        .map(([f, x]) => `(${f} ${x})`),
      fc.tuple(e, e, e).map(([x, y, z]) => `(if ${x} ${y} ${z})`),
      fc.tuple(name, e, e).map(([n, x, y]) => `(let ((${n} ${x})) ${y})`),
      fc.tuple(name, name, e, e, e).map(([n, m, x, y, z]) => `(let* ((${n} ${x}) (${m} ${y})) ${z})`),
      fc.tuple(name, e, e).map(([n, x, y]) => `((lambda (${n}) ${x}) ${y})`),
      fc.tuple(name, e, e).map(([n, x, y]) => `(begin (set! ${n} ${x}) ${y})`),
      fc.tuple(e, e).map(([x, y]) => `(or ${x} ${y})`),
      fc.tuple(e, e).map(([x, y]) => `(and ${x} ${y})`),
      fc.tuple(name, e, e).map(([n, x, y]) => `(map (lambda (${n}) ${x}) (list ${y} 1))`),
      fc
        .tuple(name, e, e, e)
        .map(([n, x, y, z]) => `(let ((f (lambda (${n}) (set! ${n} ${x}) ${n}))) (list (f ${y}) (f ${z})))`),
      fc
        .tuple(name, e, e)
        .map(([n, x, y]) => `(let () (define ${n} ${x}) (define (g) ${n}) (list (g) ${y}))`),
      fc.tuple(e, e).map(([x, y]) => `(call/cc (lambda (k) (cons ${x} (k ${y}))))`),
      fc.tuple(e, e).map(([x, y]) => `(catch #t (lambda () ${x}) (lambda (key . rest) (list key ${y})))`),
      fc.tuple(e, e).map(([x, y]) => `(my-or ${x} ${y})`),
      fc.tuple(name, e, e).map(([n, x, y]) => `(with-temporary ${n} ${x} ${y})`),
      fc
        .tuple(e, e, name, name)
        .map(([x, y, n, m]) =>
          `(match ${x} ((${n} . ${m}) (list ${m} ${y})) (_ ${y}))`.replace(`(${n} . ${n})`, `(${n} . _)`),
        ),
      fc.tuple(e, e).map(([x, y]) => `\`(${x.startsWith('(') ? 'q' : x} ,${x} ,@(list ${y}))`),
      fc.tuple(e, e).map(([x, y]) => `(call-with-values (lambda () (values ${x} ${y})) list)`),
    ),
  };
});

const prologue = `(use-modules (ice-9 match))
(define-syntax my-or (syntax-rules () ((_ x y) (let ((a x)) (if a a y)))))
(define-syntax with-temporary (syntax-rules () ((_ n x y) (let ((t x) (n 1)) (let ((b t)) (list b y))))))
(define a 1) (define b 'two) (define c '(3 4)) (define d "five")
(define (try n thunk)
  (set! a 1) (set! b 'two) (set! c '(3 4)) (set! d "five")
  (display n) (display " ")
  (write (catch #t thunk (lambda (key . rest) (list 'error key))))
  (newline))
`;

/** Runs `count` random programs in both; the seed makes the run repeatable. */
export function compareGenerated(options: { readonly count: number; readonly seed: number }): {
  readonly passed: number;
  readonly failures: readonly { program: string; guile: string; ours: string }[];
} {
  const programs = fc.sample(expression, { numRuns: options.count, seed: options.seed });
  const text = prologue + programs.map((program, i) => `(try ${i} (lambda () ${program}))`).join('\n');
  const guile = spawnSync('guile', ['--no-auto-compile', '-c', text], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C.UTF-8' },
    maxBuffer: 1 << 28,
  });
  let output = '';
  createInterpreter({ host: diskHost({ stdout: (piece) => (output += piece) }) }).evaluateText(text, {
    file: 'generated',
  });
  const theirs = guile.stdout.split('\n');
  const ours = output.split('\n');
  const failures: { program: string; guile: string; ours: string }[] = [];
  programs.forEach((program, i) => {
    const expected = normalize(theirs[i] ?? `nothing (${guile.stderr.slice(0, 300)})`);
    const actual = normalize(ours[i] ?? 'nothing');
    if (expected !== actual) failures.push({ program, guile: expected, ours: actual });
  });
  return { passed: programs.length - failures.length, failures };
}
