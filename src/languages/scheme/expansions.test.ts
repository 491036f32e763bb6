import { describe, expect, it } from 'vitest';
import { Macro } from './expand.ts';
import type { SchemeHost } from './host.ts';
import { memoryHost } from './host.ts';
import { createInterpreter } from './interpreter.ts';
import { intern } from './values.ts';

/** A host in memory with files, and a shelf of kept expansions that outlives it. */
function hostWith(
  files: Readonly<Record<string, string>>,
  shelf: Map<string, Uint8Array>,
): SchemeHost & { readonly reads: { hits: number } } {
  const reads = { hits: 0 };
  return {
    ...memoryHost(files, { loadPath: ['/modules'] }),
    reads,
    readExpansion: (key) => {
      const found = shelf.get(key);
      if (found !== undefined) reads.hits++;
      return found;
    },
    keepExpansion: (key, data) => {
      shelf.set(key, data);
    },
  };
}

const words = `(define-module (words) #:use-module (ice-9 match) #:export (shout area twice text later))
(define* (shout text #:optional (end "!") #:key (times 1) #:rest rest) (string-append text end))
(define area (match-lambda (('square a) (* a a)) (('circle r) (* 3.5 r r)) (_ 1/3)))
(define-syntax-rule (twice x) (begin x x))
(define text (list #\\a "s" 'sym #:key 123456789012345678901234567890 1.5 '#(1 (2 . 3)) #t '()))
(define later (delay (let loop ((i 0) (sum 0)) (if (= i 10) sum (loop (+ i 1) (+ sum i))))))
`;
const program = `(use-modules (words) (ice-9 receive))
(define-values (a b) (values 1 2))
(define x (receive (p . q) (values 1 2 3) (list p q)))
(define (broken) (car x x))
(list (shout "a") (area '(circle 2)) (area 1) text (force later) a b x (twice 5))`;

function run(files: Readonly<Record<string, string>>, text: string, shelf: Map<string, Uint8Array>) {
  const host = hostWith(files, shelf);
  const interpreter = createInterpreter({ host });
  const result = interpreter.write(interpreter.evaluateText(text, { file: 'program.scm' }));
  interpreter.keepExpansions();
  return { result, hits: host.reads.hits };
}

describe('kept expansions', () => {
  it('give what expanding gives', () => {
    const shelf = new Map<string, Uint8Array>();
    const files = { '/modules/words.scm': words };
    const plain = run(files, program, new Map());
    expect(plain.result).toContain('"a!"');
    const first = run(files, program, shelf);
    expect(first).toEqual({ result: plain.result, hits: 0 });
    expect(shelf.size).toBeGreaterThan(1);
    const kept = new Map([...shelf].map(([key, data]) => [key, Buffer.from(data).toString('utf8')]));
    const second = run(files, program, shelf);
    expect(second.result).toBe(plain.result);
    expect(second.hits).toBeGreaterThan(1);
    // Nothing new came of it.
    expect([...shelf].every(([key, data]) => kept.get(key) === Buffer.from(data).toString('utf8'))).toBe(
      true,
    );
  });

  it('are those of the macros that were in force', () => {
    const shelf = new Map<string, Uint8Array>();
    const module = (body: string) => ({
      '/modules/words.scm': `(define-module (words) #:export (m))\n(define-syntax-rule (m x) ${body})`,
    });
    const use = '(use-modules (words))\n(define y (m 2))\ny';
    expect(run(module('(+ x 1)'), use, shelf).result).toBe('3');
    expect(run(module('(* x 10)'), use, shelf).result).toBe('20');
    expect(run(module('(+ x 1)'), use, shelf).result).toBe('3');
  });

  it('follow macros through modules that use modules', () => {
    const shelf = new Map<string, Uint8Array>();
    const files = (inner: string) => ({
      '/modules/inner.scm': `(define-module (inner) #:export (n))\n(define-syntax-rule (n) ${inner})`,
      '/modules/words.scm':
        '(define-module (words) #:use-module (inner) #:export (m))\n(define-syntax-rule (m) (n))',
    });
    const use = '(use-modules (words))\n(define y (m))\ny';
    expect(run(files('1'), use, shelf).result).toBe('1');
    expect(run(files('2'), use, shelf).result).toBe('2');
  });

  it('leave places of errors as they are', () => {
    const shelf = new Map<string, Uint8Array>();
    const files = { '/modules/words.scm': words };
    const text = '(use-modules (words))\n(define (f)\n  (car 5))\n(f)';
    const errors = [1, 2].map(() => {
      const interpreter = createInterpreter({ host: hostWith(files, shelf) });
      try {
        interpreter.evaluateText(text, { file: 'program.scm' });
      } catch (error) {
        interpreter.keepExpansions();
        return error;
      }
      return undefined;
    });
    for (const error of errors)
      expect(error).toMatchObject({ span: { file: 'program.scm', line: 3, column: 3 } });
  });

  it('that are damaged are made anew', () => {
    const files = { '/modules/words.scm': words };
    const shelf = new Map<string, Uint8Array>();
    const { result } = run(files, program, shelf);
    for (const key of shelf.keys()) shelf.set(key, Buffer.from('[[0,'));
    expect(run(files, program, shelf).result).toBe(result);
    for (const key of shelf.keys()) shelf.set(key, Buffer.from('[[0,[3,"[[\\"run\\",\\"\\",[7]]]"]]]'));
    expect(run(files, program, shelf).result).toBe(result);
  });

  describe('of forms that give macros', () => {
    // A table that a function and a macro share under a name that nobody wrote.
    const recordsModule = `(define-module (words) #:export (define-counter))
(define-syntax define-counter
  (lambda (s)
    (syntax-case s ()
      ((_ macro function)
       (with-syntax (((table) (generate-temporaries #'(a))))
         #'(begin
             (define table (make-hash-table))
             (define (function) (hash-ref table 'count 0))
             (define-syntax macro
               (lambda (s)
                 (syntax-case s ()
                   ((_ step) #'(hash-set! table 'count (+ step (hash-ref table 'count 0)))))))))))))`;
    const files = {
      '/modules/words.scm': recordsModule,
      '/modules/user.scm': `(define-module (user) #:use-module (words) #:export (add! count tick! ticks))
(define-counter add! count)
(define-counter tick! ticks)`,
    };

    function evaluate(text: string, shelf: Map<string, Uint8Array>, lazy: 'none' | 'functions') {
      const interpreter = createInterpreter({ host: hostWith(files, shelf), lazyModules: () => lazy });
      const result = interpreter.write(interpreter.evaluateText(text, { file: 'program.scm' }));
      interpreter.keepExpansions();
      return result;
    }

    it.each(['none', 'functions'] as const)('share what they define (%s waits)', (lazy) => {
      const shelf = new Map<string, Uint8Array>();
      const program = (step: number) =>
        `(use-modules (user))\n(add! ${step})\n(add! 2)\n(tick! 5)\n(list (count) (ticks))`;
      expect(evaluate(program(1), shelf, lazy)).toBe('(3 5)');
      expect(evaluate(program(1), shelf, lazy)).toBe('(3 5)');
      // The uses are new, the definitions are not.
      for (const step of [10, 20]) expect(evaluate(program(step), shelf, lazy)).toBe(`(${step + 2} 5)`);
      // In another order than they were defined in.
      expect(evaluate('(use-modules (user))\n(tick! 1)\n(add! 7)\n(list (count) (ticks))', shelf, lazy)).toBe(
        '(7 1)',
      );
    });

    it('do not expand a macro that nobody uses again', () => {
      const shelf = new Map<string, Uint8Array>();
      evaluate('(use-modules (user))\n(count)', shelf, 'none');
      const form = [...shelf.values()].map((data) => Buffer.from(data).toString('utf8'));
      expect(form.some((text) => text.includes('syntax') && text.includes('add!'))).toBe(true);
      const interpreter = createInterpreter({ host: hostWith(files, shelf) });
      interpreter.evaluateText('(use-modules (user))\n(count)', { file: 'program.scm' });
      const macro = interpreter.session.modules.get('user')?.local(intern('add!'));
      expect(macro).toMatchObject({ value: undefined, pendingSyntax: true });
      expect(macro?.force()).toBeInstanceOf(Macro);
    });

    const twice = (text: string, uses: readonly string[] = ['']) => {
      const shelf = new Map<string, Uint8Array>();
      const results = (on: Map<string, Uint8Array>) =>
        uses.map((use) => {
          const interpreter = createInterpreter({ host: hostWith(files, on) });
          // Only a program that uses modules has its expansions kept.
          const before = `(use-modules (words))\n${text}\n`;
          const result = interpreter.write(interpreter.evaluateText(before + use, { file: 'program.scm' }));
          interpreter.keepExpansions();
          return result;
        });
      const plain = uses.flatMap((use) => {
        const interpreter = createInterpreter({ host: memoryHost(files, { loadPath: ['/modules'] }) });
        return interpreter.write(
          interpreter.evaluateText(`(use-modules (words))\n${text}\n${use}`, { file: 'program.scm' }),
        );
      });
      expect(results(shelf)).toEqual(plain);
      expect(results(shelf)).toEqual(plain);
      return plain;
    };

    it.each([
      ['(define-syntax-rule (m) 1)\n(define (f) (m))\n(define-syntax-rule (m) 2)\n(list (f) (m))', '(1 2)'],
      ['(define-syntax-rule (m) 1)\n(define x (m))\n(define (m) 2)\n(list x (m))', '(1 2)'],
      [
        '(define-syntax-rule (m) 1)\n(begin (define x (m)) (define-syntax-rule (m) 2))\n(list x (m))',
        '(1 2)',
      ],
      ['(begin (define-syntax-rule (m) 1) (define x (m)) (define-syntax-rule (m) 2))\n(list x (m))', '(1 2)'],
      ['(begin (define-syntax-rule (m) (n)) (define-syntax-rule (n) 3))\n(list (m) (n))', '(3 3)'],
      ['(begin (define (help) 4) (define-syntax m (lambda (s) (datum->syntax s (help)))))\n(m)', '4'],
      ["(define-syntax-parameter p (lambda (s) #'1))\n(syntax-parameterize ((p (lambda (s) #'2))) (p))", '2'],
      ['(define-syntax x (identifier-syntax 5))\n(+ x 1)', '6'],
      ['(define-values (a b) (values 1 2))\n(define-syntax-rule (m) (list a b))\n(m)', '(1 2)'],
      ['(let-syntax ((inner (syntax-rules () ((_) 7)))) (define-syntax-rule (m) (inner)))\n(m)', '7'],
    ])('mean what they mean: %s', (text, result) => {
      expect(twice(text)).toEqual([result]);
    });

    it('carry out what making a transformer does, each time', () => {
      const shelf = new Map<string, Uint8Array>();
      const text = `(use-modules (words))
(define made 0)
(define-syntax m (begin (set! made (+ made 1)) (lambda (s) #'1)))
made`;
      for (let i = 0; i < 3; i++) expect(evaluate(text, shelf, 'none')).toBe('1');
    });
  });
});
