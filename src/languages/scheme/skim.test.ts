import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Reader } from './reader.ts';
import { skimDefinition } from './skim.ts';
import { EOF } from './values.ts';

/** Where the reader says that the form at the start of a text ends. */
function endByReader(text: string): number | undefined {
  const reader = new Reader(text, { file: 'text' });
  try {
    if (reader.read() === EOF) return undefined;
    return reader.position;
  } catch {
    return undefined;
  }
}

describe('skimming definitions', () => {
  it.each([
    ['(define x 1) y', { keyword: 'define', name: 'x', isFunction: false, end: 12 }],
    ['(define-public (f a) a)', { keyword: 'define-public', name: 'f', isFunction: true, end: 23 }],
    ['(define ((curried a) b) a)', { keyword: 'define', name: 'curried', isFunction: true, end: 26 }],
    ['(define f (lambda* (x) x))', { keyword: 'define', name: 'f', isFunction: true, end: 26 }],
    ['(define-syntax-rule (m a) a)', { keyword: 'define-syntax-rule', name: 'm', isFunction: true, end: 28 }],
    ['(define s "a)\\"b(") z', { keyword: 'define', name: 's', isFunction: false, end: 19 }],
    ['(define c #\\() z', { keyword: 'define', name: 'c', isFunction: false, end: 14 }],
    ['(define c (list #\\) #\\; #\\" #\\x)) z', { keyword: 'define', name: 'c', isFunction: false, end: 33 }],
    ['(define c ; a )\n 1) z', { keyword: 'define', name: 'c', isFunction: false, end: 19 }],
    ['(define c #{a) b}#) z', { keyword: 'define', name: 'c', isFunction: false, end: 19 }],
  ])('finds the end of %s', (text, expected) => {
    expect(skimDefinition(text, 0)).toEqual(expected);
    expect(endByReader(text)).toBe(expected.end);
  });

  it.each([
    'x',
    '(define-record-type a)',
    '(define x',
    '(define x "a)',
    '(define x #| ) |# 1)',
    '(define 1 2)',
    '(define . x)',
    '(defined x 1)',
  ])('leaves %s to the reader', (text) => {
    expect(skimDefinition(text, 0)).toBeUndefined();
  });

  it('agrees with the reader on whatever both can read', () => {
    const piece = fc.constantFrom(
      ...[
        '(',
        ')',
        '[',
        ']',
        '"',
        '\\',
        '#\\',
        ';',
        '\n',
        ' ',
        '#',
        "'",
        '`',
        ',',
        '|',
        'a',
        '1',
        '#;',
        '#t',
        '#vu8(',
      ],
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const text = `(define x ${pieces.join('')})`;
        const skimmed = skimDefinition(text, 0);
        const read = endByReader(text);
        if (skimmed !== undefined && read !== undefined) expect(skimmed.end).toBe(read);
      }),
      { numRuns: 5000 },
    );
  });
});
