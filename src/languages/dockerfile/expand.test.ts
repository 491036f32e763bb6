// biome-ignore-all lint/suspicious/noTemplateCurlyInString: Dockerfile and shell texts
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ExpansionError, expandWord } from './expand.ts';

const variables = new Map([
  ['P', '/usr/local/lib/x.tar.gz'],
  ['E', ''],
  ['S', 'a b'],
]);
const expand = (word: string) => expandWord(word, { variables }).result;

describe('expandWord', () => {
  it.each([
    ['$P-${P}', '/usr/local/lib/x.tar.gz-/usr/local/lib/x.tar.gz'],
    ['${N:-d}${N-e}${E:-f}${E-g}', 'def'],
    ['[${N:+d}${E+e}${E:+f}${S:+$N${S}}]', '[ea b]'],
    ['${P#*/}', 'usr/local/lib/x.tar.gz'],
    ['${P##*/}', 'x.tar.gz'],
    ['${P%.*}', '/usr/local/lib/x.tar'],
    ['${P%%.*}', '/usr/local/lib/x'],
    ['${P%.???}', '/usr/local/lib/x.tar.gz'],
    ['${P/l*l/_}', '/usr/_ib/x.tar.gz'],
    ['${P//l/L}', '/usr/LocaL/Lib/x.tar.gz'],
    ['${P//\\//:}', ':usr:local:lib:x.tar.gz'],
    ['${E//*/x}', 'x'],
    ['\'$P\' "\\$P \\a" \\$P', '$P $P \\a $P'],
    ['${N:-${N:-${S}}}', 'a b'],
    ['$', '$'],
    ['$.$1x', '$.x'],
  ])('%s', (word, expected) => {
    expect(expand(word)).toBe(expected);
  });

  it('refuses what Docker does not know', () => {
    for (const word of [
      '${N:=d}',
      '${N',
      '${}',
      '${N:}',
      "'",
      '"',
      '${N?why}',
      '${E:?}',
      '${P#\\a}',
      '${N^^}',
    ]) {
      expect(() => expand(word), word).toThrow(ExpansionError);
    }
  });

  it('splits words after expansion, where nothing is quoted', () => {
    expect(expandWord('x$S "$S" y\\ z', { variables }).words).toEqual(['xa', 'b', 'a b', 'y z']);
  });

  it('meets any text with a result or an ExpansionError, in bounded time', () => {
    const pieces = fc.array(
      fc.constantFrom('$', '{', '}', 'P', '/', '#', '%', '*', '?', '"', "'", '\\', ':', '-', '<'),
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          pieces.map((all) => all.join('')),
        ),
        (word) => {
          try {
            expand(word);
          } catch (error) {
            if (!(error instanceof ExpansionError)) throw error;
          }
        },
      ),
      { numRuns: 3000 },
    );
    const long = new Map([['A', 'a'.repeat(2000)]]);
    expect(expandWord(`\${A##${'*a'.repeat(20)}b}`, { variables: long }).result).toHaveLength(2000);
    expect(() => expand('${N:-'.repeat(10_000))).toThrow(ExpansionError);
  });
});
