// biome-ignore-all lint/suspicious/noTemplateCurlyInString: Dockerfile texts
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expandWord } from '../../languages/dockerfile/expand.ts';
import { hasNewerReference, lowerReferences, type ReferenceScope } from './lower-variables.ts';

const scope: ReferenceScope = {
  variables: new Map([
    ['V', '1.2.3'],
    ['E', ''],
    ['S', 'a b'],
  ]),
  complete: true,
  escape: '\\',
};
function lower(text: string, given: Partial<ReferenceScope> = {}): string {
  let result = '';
  let at = 0;
  for (const { start, end, text: value } of lowerReferences(text, { ...scope, ...given })) {
    result += text.slice(at, start) + value;
    at = end;
  }
  return result + text.slice(at);
}

describe('lowerReferences', () => {
  it.each([
    ['ENV A=${V%%.*} B="${V#*.}" C=${V//./_}', 'ENV A=1 B="2.3" C=1_2_3'],
    ['ENV A=${N-x} B=${E-x} C=${V+y} D=${V:?no}', 'ENV A=x B= C=y D=1.2.3'],
    ['ENV A=${N:-${V%.*}}', 'ENV A=1.2'],
    ['ENV A=$V B=${V} C=${N:-x} D=${V:+y}', 'ENV A=$V B=${V} C=${N:-x} D=${V:+y}'],
    ["ENV A='${V%.*}' B=\\${V%.*}", "ENV A='${V%.*}' B=\\${V%.*}"],
    ['ENV A=${S%x}', 'ENV A=${S%x}'],
    ['ENV A=${N?why}', 'ENV A=${N?why}'],
    ['ENV A=${V%', 'ENV A=${V%'],
  ])('%s', (text, expected) => {
    expect(lower(text)).toBe(expected);
  });

  it('leaves what a base image may set', () => {
    expect(lower('${N-x}${V%.*}', { complete: false })).toBe('${N-x}1.2');
    expect(hasNewerReference('${N-x}')).toBe(true);
    expect(hasNewerReference('$N${N}${N:-x}${LONG_NAME}')).toBe(false);
  });

  it('never changes what a word becomes', () => {
    const pieces = fc.array(
      fc.constantFrom(
        '${',
        '}',
        'V',
        'N',
        'S',
        '%',
        '#',
        '//',
        '.',
        '*',
        '"',
        "'",
        '\\',
        ':-',
        '-',
        '+',
        ' ',
        'x',
      ),
    );
    const value = (word: string) => {
      try {
        return expandWord(word, { variables: scope.variables }).result;
      } catch {
        return undefined;
      }
    };
    fc.assert(
      fc.property(pieces, (all) => {
        const word = all.join('');
        const before = value(word);
        if (before !== undefined) expect(value(lower(word))).toBe(before);
      }),
      { numRuns: 3000 },
    );
  });
});
