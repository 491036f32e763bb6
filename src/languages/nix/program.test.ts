import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from './parser.ts';
import { type Program, readProgram, writeProgram } from './program.ts';
import { randomExpression } from './random-expression.ts';
import { resolveProgram } from './resolve.ts';

const options = { base: 1, pipeOperators: false, showPosition: String };
const programOf = (text: string) =>
  resolveProgram(parse(text, options), { base: 1, sourceLength: text.length, isGlobal: () => true });

/** With all strings, which are private. */
const shown = (program: Program | undefined) =>
  program === undefined ? undefined : { ...program, strings: program.strings.all() };

describe('programs', () => {
  it('are read back as they were written', () => {
    fc.assert(
      fc.property(randomExpression, (text) => {
        const program = programOf(text);
        const read = readProgram(writeProgram(program));
        expect(shown(read)).toEqual(shown(program));
      }),
      { numRuns: 100 },
    );
  });

  it('of other formats, or damaged, are not read', () => {
    const bytes = writeProgram(programOf('let a = "x"; in a + "y"'));
    expect(readProgram(new Uint8Array())).toBeUndefined();
    expect(readProgram(bytes.subarray(0, bytes.length - 1))).toBeUndefined();
    expect(readProgram(bytes.subarray(0, 30))).toBeUndefined();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (random) => {
        expect(readProgram(random)).toBeUndefined();
      }),
    );
  });

  it('are read at any alignment', () => {
    const bytes = writeProgram(programOf('[ 1 2 ]'));
    const moved = new Uint8Array(bytes.length + 1);
    moved.set(bytes, 1);
    expect(shown(readProgram(moved.subarray(1)))).toEqual(shown(programOf('[ 1 2 ]')));
  });
});
