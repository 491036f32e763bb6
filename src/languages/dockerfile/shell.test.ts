// biome-ignore-all lint/suspicious/noTemplateCurlyInString: Dockerfile and shell texts
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mapWhole } from './mapped-text.ts';
import { flattenCommands, readShellScript, showWord, wordText } from './shell.ts';

const none = new Map<string, string>();
const read = (text: string) => {
  const script = readShellScript(mapWhole(text, 'D'));
  expect(script.complete).toBe(true);
  return flattenCommands(script.commands).map((command) => command.words.map(showWord).join(' '));
};

describe('readShellScript', () => {
  it.each([
    ['a b && c || d; e & f', ['a b', 'c', 'd', 'e', 'f']],
    ['a "b c" \'d e\' f\\ g', ['a b c d e f g']],
    ['X=1 Y="2 3" a $X', ['a $X']],
    ['(a; b) && { c; }', ['a', 'b', 'c']],
    ['if a; then b; elif c; then d; else e; fi', ['a', 'b', 'c', 'd', 'e']],
    ['for x in a b "$y"; do echo $x; done; z', ['echo $x', 'z']],
    ['while read -r l; do a; done < f', ['read -r l', 'a', '']],
    ['case "$a" in x|y) b ;; (z) c; d;; *) e; esac; f', ['b', 'c', 'd', 'e', 'f']],
    ['a=$(b "$(c)") d `e f`', ['d …', 'b …', 'c', 'e f'].sort()],
    ['f() { a; }; f', ['a', 'f']],
    ['[[ -n $a && b < c ]] && d', ['[[ -n $a b c', 'd']],
    ['a 2>&1 >x | b', ['a', 'b']],
    ['# all\na # b\nc', ['a', 'c']],
    ['cat <<E >f\nnot a command\nE\nb', ['cat', 'b']],
    ['echo $((1 + 2)) ${x:-"}"}', ['echo … ${x:-"}"}']],
    ['bash <(curl u)', ['bash …', 'curl u']],
    ['curl u | sh -s -- -y', ['curl u', 'sh -s -- -y']],
  ])('%s', (text, expected) => {
    const commands = read(text);
    expect(text.includes('`') ? commands.sort() : commands).toEqual(expected);
  });

  it('joins pipelines, and keeps places', () => {
    const [first, second, third] = readShellScript(mapWhole('a |\n  b "c"; d', 'D')).commands;
    expect(second!.pipeline).toBe(first!.pipeline);
    expect(third!.pipeline).not.toBe(first!.pipeline);
    expect(second!.words[1]!.span).toMatchObject({ line: 2, column: 5, endLine: 2, endColumn: 8 });
  });

  it('gives a word’s text where all of it is known', () => {
    const [command] = readShellScript(mapWhole('a "x-${V}" $(b) ${V%.*}', 'D')).commands;
    const variables = new Map([['V', '1.2']]);
    expect(command!.words.map((word) => wordText(word, variables))).toEqual(['a', 'x-1.2', undefined, '1']);
    expect(wordText(command!.words[1]!, none)).toBeUndefined();
  });

  it('ends on any text', () => {
    const pieces = fc.array(
      fc.constantFrom(
        'a',
        ' ',
        ';',
        '|',
        '&',
        '(',
        ')',
        '{',
        '}',
        '$',
        '$(',
        '`',
        '"',
        "'",
        '\\',
        '\n',
        '<<',
        'case ',
        ' in ',
        'esac',
        'if ',
        'fi',
        '<',
        '#',
        '[[',
        ']]',
        '=',
        'for ',
      ),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          pieces.map((all) => all.join('')),
        ),
        (text) => {
          readShellScript(mapWhole(text, 'D'));
        },
      ),
      { numRuns: 3000 },
    );
    for (const opener of ['$(', '(', '`', 'case a in b) ', '{ ', '"$('])
      readShellScript(mapWhole(opener.repeat(20_000), 'D'));
  });
});
