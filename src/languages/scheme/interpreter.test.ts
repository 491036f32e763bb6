import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isTrimaranError, TrimaranError } from '../../foundation/error.ts';
import { memoryHost } from './host.ts';
import { createInterpreter, fromScheme, procedure, toScheme } from './interpreter.ts';
import { numberToText, parseNumber } from './number-text.ts';
import { Reader } from './reader.ts';
import { EOF, Flonum, str } from './values.ts';
import { writeText } from './write.ts';

function evaluate(text: string, files: Record<string, string> = {}): string {
  const interpreter = createInterpreter({ host: memoryHost(files, { loadPath: ['/lib'] }) });
  return interpreter.write(interpreter.evaluateText(text, { file: 'test.scm' }));
}

function failure(text: string): TrimaranError {
  try {
    evaluate(text);
  } catch (error) {
    if (isTrimaranError(error)) return error;
    throw error;
  }
  throw new Error(`no error from ${text}`);
}

describe('createInterpreter', () => {
  it('evaluates and writes', () => {
    expect(evaluate('(map (lambda (x) (* x x)) (list 1 2 3))')).toBe('(1 4 9)');
  });

  it('refuses lists without an end where all of them is needed', () => {
    const circular = '(define c (list 1 2)) (set-cdr! (cdr c) c)';
    for (const use of ['(reverse c)', '(append c (list 1))', '(map 1+ c)', '(for-each 1+ c)'])
      expect(failure(`${circular}\n${use}`).code, use).toBe('scheme/wrong-type');
  });

  it('survives recursion a million frames deep', () => {
    expect(evaluate('(define (count n) (if (= n 0) 0 (+ 1 (count (- n 1))))) (count 1000000)')).toBe(
      '1000000',
    );
  });

  it('loops a million times in constant space', () => {
    expect(evaluate('(let loop ((i 0)) (if (< i 1000000) (loop (+ i 1)) i))')).toBe('1000000');
  });

  it('resumes delimited continuations more than once', () => {
    expect(
      evaluate(
        "(call-with-prompt 'p (lambda () (* 2 (abort-to-prompt 'p 1))) (lambda (k x) (list (k x) (k 10))))",
      ),
    ).toBe('(2 20)');
  });

  it('loads modules from the load path, cycles included', () => {
    const files = {
      '/lib/a.scm':
        '(define-module (a) #:use-module (b) #:export (f)) (define (f n) (if (= n 0) 0 (g (- n 1))))',
      '/lib/b.scm': '(define-module (b) #:use-module (a) #:export (g)) (define (g n) (f n))',
    };
    expect(evaluate('(use-modules (a)) (f 5)', files)).toBe('0');
  });

  it('takes modules from TypeScript and from source', () => {
    const interpreter = createInterpreter({ host: memoryHost() });
    interpreter.defineModule(['my', 'module'], {
      twice: procedure('twice', { min: 1, max: 1 }, (x) => x * 2),
      greeting: str('hello'),
    });
    interpreter.addModuleSource(
      ['my', 'other'],
      '(define-module (my other) #:use-module (my module) #:export (quadruple)) (define (quadruple x) (twice (twice x)))',
    );
    const value = interpreter.evaluateText(
      '(use-modules (my other) (my module)) (list (quadruple 3) greeting)',
      { file: 'x' },
    );
    expect(interpreter.write(value)).toBe('(12 "hello")');
    expect(interpreter.lookup(['my', 'other'], 'quadruple')).toBeDefined();
  });

  it('leaves definitions pending when asked to', () => {
    const interpreter = createInterpreter({ host: memoryHost() });
    interpreter.addModuleSource(
      ['lazy'],
      '(define-module (lazy)) (define-public good (list 1 2)) (define-public bad (car 5))',
      { lazy: 'all' },
    );
    expect(interpreter.write(interpreter.evaluateText('(use-modules (lazy)) good', { file: 'x' }))).toBe(
      '(1 2)',
    );
    expect(() => interpreter.evaluateText('bad', { file: 'x' })).toThrow(TrimaranError);
  });

  it('converts values', () => {
    expect(fromScheme(toScheme(['a', 1, [true]]))).toEqual(['a', 1, [true]]);
  });
});

describe('errors', () => {
  it('names an unbound variable, its place and its neighbours', () => {
    const error = failure('(define counter 1)\n  (+ 1 countre)');
    expect(error.code).toBe('scheme/unbound-variable');
    expect(error.message).toBe('Unbound variable: countre');
    expect(error.span).toMatchObject({ file: 'test.scm', line: 2, column: 8 });
    expect(error.hint).toContain('counter');
  });

  it('says where an unmatched parenthesis was opened', () => {
    const error = failure('(define x 1)\n(list 1\n  (+ 2 3)');
    expect(error.code).toBe('scheme/read-error');
    expect(error.related[0]?.span).toMatchObject({ line: 2, column: 1 });
  });

  it('stops a macro that never ends, by name', () => {
    const error = failure('(define-syntax forever (syntax-rules () ((_ x) (forever x))))\n(forever 1)');
    expect(error.code).toBe('scheme/syntax-error');
    expect(error.message).toContain('forever');
  });

  it('stops a macro that nests forever', () => {
    const error = failure('(define-syntax deeper (syntax-rules () ((_ x) (list (deeper (x)))))) (deeper 1)');
    expect(error.code).toMatch(/^scheme\//);
  });

  it('stops a program that runs too long', () => {
    const host = memoryHost();
    let now = 0;
    const interpreter = createInterpreter({ host: { ...host, now: () => (now += 1) } });
    expect(() => interpreter.evaluateText('(let loop () (loop))', { file: 'x', timeout: 10 })).toThrow(
      /too long/,
    );
  });

  it.each([
    ['((lambda (x) x))', 'scheme/wrong-number-of-arguments'],
    ['(car 1)', 'scheme/wrong-type'],
    ['(1 2)', 'scheme/wrong-type'],
    ['(vector-ref (vector 1) 5)', 'scheme/out-of-range'],
    ['(if)', 'scheme/syntax-error'],
    ['(error "boom" 1)', 'scheme/error'],
    ['(sqrt -1)', 'scheme/unsupported'],
    ["(raise-exception 'x)", 'scheme/exception'],
    ['#2((1 2) (3 4))', 'scheme/read-error'],
    ['(use-modules (no such))', 'scheme/error'],
  ])('%s is %s', (text, code) => {
    expect(failure(text).code).toBe(code);
  });

  it('answers any text with a value or an error of its own', () => {
    fc.assert(
      fc.property(
        fc.string({ maxLength: 30, unit: fc.constantFrom(...'()[]\'`,@#;"\\ab1.+-:|x \n{}~$') }),
        (text) => {
          try {
            evaluate(text);
          } catch (error) {
            if (!isTrimaranError(error)) throw error;
          }
        },
      ),
      { numRuns: 150 },
    );
  });
});

describe('numbers as text', () => {
  it('read back what they print', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true }), (x) => {
        const back = parseNumber(numberToText(new Flonum(x)));
        return back instanceof Flonum && Object.is(back.value, x);
      }),
    );
    fc.assert(fc.property(fc.bigInt(), (x) => BigInt(parseNumber(x.toString(16), 16)) === x));
  });
});

describe('reader and writer', () => {
  it('undo one another on strings and symbols', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const datum = new Reader(writeText(str(text)), { file: 'x' }).read();
        return datum.text === text;
      }),
    );
  });
  it('reads gexps as Guix reads them', () => {
    const reader = new Reader('#~(a #$b #$@c #+d #+@e) #:k #!eof', { file: 'x' });
    expect(writeText(reader.read())).toBe(
      '(gexp (a (ungexp b) (ungexp-splicing c) (ungexp-native d) (ungexp-native-splicing e)))',
    );
    expect(writeText(reader.read())).toBe('#:k');
    expect(reader.read()).toBe(EOF);
  });
});

describe('places of run-time errors', () => {
  it.each([
    ['(define (f x)\n  (let ((y (+ x 1)))\n    (car y)))\n(f 2)', 3, 5],
    ['(define (g a b) a)\n(list 1\n  (g 1))', 3, 3],
    ['(use-modules (ice-9 match))\n(define (h x)\n  (match x ((a b) a)))\n(list (h 3))', 3, 3],
    ['(string-append "a"\n  (number->string \'x))', 2, 3],
    ['(map (lambda (x) (vector-ref (vector 1) x)) (list 0 1))', 1, 18],
    ['(list\n (error "bad thing:" 1 2))', 2, 2],
    ['(let loop ((i 0))\n  (if (< i 10) (loop (1+ i)) (undefined-thing)))', 2, 31],
    ["(eval '(+ 1\n (car 2)) (current-module))", 2, 2],
    ['(define-syntax-rule (m x) (car x))\n(list 1\n  (m 5))', 3, 3],
    ['(dynamic-wind (lambda () 1) (lambda ()\n  (throw (quote k) 1)) (lambda () (list 2)))', 2, 3],
  ])('%s', (text, line, column) => {
    expect(failure(text).span).toEqual({ file: 'test.scm', line, column });
  });
});
