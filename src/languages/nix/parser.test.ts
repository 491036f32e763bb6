import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NixError } from './errors.ts';
import { parse } from './parser.ts';
import { showNode } from './show-node.ts';

const options = { base: 1, pipeOperators: true, showPosition: (position: number) => `@${position}` };
const show = (text: string) => showNode(parse(text, options));
const fail = (text: string): NixError => {
  try {
    parse(text, options);
  } catch (error) {
    if (error instanceof NixError) return error;
    throw error;
  }
  throw new Error(`parses: ${text}`);
};

describe('parse', () => {
  it.each([
    ['1 + 2 * 3', '(1 + (__mul 2 3))'],
    ['a -> b -> c', '(a -> (b -> c))'],
    ['a // b // c', '(a // (b // c))'],
    ['a - b - c', '(__sub (__sub a b) c)'],
    ['!a == b', '((! a) == b)'],
    ['!a + b', '(! (a + b))'],
    ['-a ? b', '(((__sub 0 a)) ? b)'],
    ['f a b', '(f a b)'],
    ['(f a) b', '(f a b)'],
    ['x: y: x', '(x: (y: x))'],
    ['{ a, b ? 1, ... }@c: a', '({ a, b ? 1, ... } @ c: a)'],
    ['a |> f |> g', '(g (f a))'],
    ['f <| g <| a', '(f (g a))'],
    ['a.b.c or d', '(a).b.c or (d)'],
    ['a ? b.c', '((a) ? b.c)'],
    ['[ a (b c) ]', '[ (a) ((b c)) ]'],
    ['"a${b}c"', '("a" + b + "c")'],
    ["''\n  a\n    b\n  ''", '"a\\n  b\\n"'],
    ['rec { a = 1; inherit b; }', 'rec { inherit b; a = 1; }'],
    ['{ a.b = 1; a.c = 2; }', '{ a = { b = 1; c = 2; }; }'],
    ['let { body = 1; }', '(rec { body = 1; }).body'],
    ['http://example.org/x', '"http://example.org/x"'],
    ['<nixpkgs/lib>', '(__findFile __nixPath "nixpkgs/lib")'],
    ['./a/${b}/c', '(./a/ + b + "/c")'],
    ['1.5e3', '1500'],
  ])('reads %s', (text, expected) => {
    expect(show(text).replace(/^\((.*)\)$/, '$1')).toBe(expected.replace(/^\((.*)\)$/, '$1'));
  });

  it.each([
    ['{ x = 1; x = 2; }', "attribute 'x' already defined at @3"],
    ['{ a ... }', "syntax error, unexpected '...', expecting '.' or '='"],
    ['{x, x}: x', "duplicate formal function argument 'x'"],
    ['let ${a} = 1; in 2', 'dynamic attributes not allowed in let'],
    ['1 == 2 == 3', "syntax error, unexpected '=='"],
    ['"abc', "syntax error, unexpected end of file, expecting '\"'"],
    ['99999999999999999999', "invalid integer '99999999999999999999'"],
    ['"a\0b"', 'contains null bytes'],
    ['a b)', "unexpected ')', expecting end of file"],
    ['/a/ ', 'path has a trailing slash'],
  ])('refuses %s', (text, message) => {
    expect(fail(text).message).toContain(message);
  });

  it('places syntax errors at the token, or past the end', () => {
    expect(fail('1 + ').position).toBe(5);
    expect(fail('1 + ;').position).toBe(5);
  });

  it('refuses whatever it cannot read with a NixError', () => {
    const token = fc.constantFrom(
      ..."{ } [ ] ( ) ; = . , : @ ? \" '' ${ } let in rec with if then else inherit a b 1 1.5 + - // ++ ./x <y> ... or ! == -> |>".split(
        ' ',
      ),
    );
    fc.assert(
      fc.property(fc.array(token, { maxLength: 12 }), (tokens) => {
        try {
          parse(tokens.join(' '), options);
        } catch (error) {
          expect(error).toBeInstanceOf(NixError);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('refuses random bytes with a NixError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        try {
          parse(Buffer.from(bytes).toString('latin1'), options);
        } catch (error) {
          expect(error).toBeInstanceOf(NixError);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
