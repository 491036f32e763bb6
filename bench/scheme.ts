// Our Scheme against Guile without auto-compilation: wall time of whole evaluations, as ratios.
// Usage: node scripts/run-ts.mjs bench/scheme.ts
import { spawnSync } from 'node:child_process';
import { memoryHost } from '../src/languages/scheme/host.ts';
import { createInterpreter } from '../src/languages/scheme/interpreter.ts';

const packages = Array.from(
  { length: 1000 },
  (_, i) => `(define package-${i} (pkg (name "p${i}") (version "1.${i}") (inputs (list "a" "b" ${i}))))`,
).join('\n');

const programs: Readonly<Record<string, string>> = {
  'fib 30': '(define (fib n) (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2))))) (fib 30)',
  'fold of 1,000,000': '(use-modules (srfi srfi-1)) (fold + 0 (iota 1000000))',
  'recursion 1,000,000 deep': '(define (count n) (if (= n 0) 0 (+ 1 (count (- n 1))))) (count 1000000)',
  '1,000 record forms': `(use-modules (srfi srfi-9))
(define-record-type <pkg> (make-pkg name version inputs home) pkg? (name pkg-name) (version pkg-version) (inputs pkg-inputs) (home pkg-home))
(define-syntax pkg
  (lambda (form)
    (syntax-case form ()
      ((_ (field value) ...)
       (let ((given (map cons (map syntax->datum #'(field ...)) #'(value ...))))
         (define (of name) (or (assq-ref given name) #'#f))
         #\`(let* ((field value) ...) (make-pkg #,(of 'name) #,(of 'version) #,(of 'inputs) #,(of 'home))))))))
${packages}`.replaceAll('\\`', '`'),
};

const median = (times: readonly number[]) => [...times].sort((a, b) => a - b)[times.length >> 1]!;

for (const [name, text] of Object.entries(programs)) {
  const ours = median(
    Array.from({ length: 3 }, () => {
      const start = performance.now();
      createInterpreter({ host: memoryHost() }).evaluateText(text, { file: 'bench.scm' });
      return performance.now() - start;
    }),
  );
  const theirs = median(
    Array.from({ length: 3 }, () => {
      const start = performance.now();
      spawnSync('guile', ['--no-auto-compile', '-c', text]);
      return performance.now() - start;
    }),
  );
  console.log(
    `${name}: ours ${ours.toFixed(0)} ms, Guile ${theirs.toFixed(0)} ms, ratio ${(ours / theirs).toFixed(2)}`,
  );
}
