import { expect, it } from 'vitest';
import { createEvaluator } from './evaluator.ts';
import { createInMemoryHost } from './in-memory-host.ts';

/** What real Nix 2.34 says. */
const refused: readonly (readonly [text: string, place: string, problem: string])[] = [
  ['nul', 'line 1, column 4', "value - invalid literal; last read: 'nul'"],
  [' nul', 'line 1, column 5', "value - invalid literal; last read: ' nul'"],
  ['[1,]', 'line 1, column 4', "value - unexpected ']'; expected '[', '{', or a literal"],
  ['[1 2]', 'line 1, column 4', "array - unexpected number literal; expected ']'"],
  ['{"a" 1}', 'line 1, column 6', "object separator - unexpected number literal; expected ':'"],
  ['{"a":1,}', 'line 1, column 8', "object key - unexpected '}'; expected string literal"],
  ['01', 'line 1, column 2', 'value - unexpected number literal; expected end of input'],
  [' 1 // c', 'line 1, column 4', "value - invalid literal; last read: '1 /'; expected end of input"],
  ['-', 'line 1, column 2', "value - invalid number; expected digit after '-'; last read: '-'"],
  ['1.e5', 'line 1, column 3', "value - invalid number; expected digit after '.'; last read: '1.e'"],
  [
    '"a\nb"',
    'line 2, column 0',
    "value - invalid string: control character U+000A (LF) must be escaped to \\u000A or \\n; last read: '\"a<U+000A>'",
  ],
  [
    '"\\x"',
    'line 1, column 3',
    "value - invalid string: forbidden character after backslash; last read: '\"\\x'",
  ],
  [
    '"\\ud83d"',
    'line 1, column 8',
    'value - invalid string: surrogate U+D800..U+DBFF must be followed by U+DC00..U+DFFF; last read: \'"\\ud83d"\'',
  ],
];

function read(text: string): string {
  const evaluator = createEvaluator({ host: createInMemoryHost({}) });
  const fn = evaluator.evaluateText('builtins.fromJSON');
  return evaluator.print(evaluator.forceDeep(evaluator.callFunction(fn, [evaluator.makeString(text, [])])));
}

it.each(refused)('%j is refused in the words of Nix', (text, place, problem) => {
  expect(() => read(text)).toThrow(
    `[json.exception.parse_error.101] parse error at ${place}: syntax error while parsing ${problem}`,
  );
});

it('a float that is too large is an error', () => {
  expect(() => read('[1E400]')).toThrow("[json.exception.out_of_range.406] number overflow parsing '1E400'");
});

it('nothing at all is refused, and a byte order mark is skipped', () => {
  expect(() => read('')).toThrow('attempting to parse an empty input');
  expect(read('\xef\xbb\xbf[1]')).toBe('[ 1 ]');
});
