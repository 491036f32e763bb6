import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isVariantType, writeVariant } from './variant.ts';
import { parseVariant } from './variant-text.ts';

const bytesOf = (type: string, text: string) => {
  const value = parseVariant(type, text);
  return value === undefined ? undefined : writeVariant(value).toString('latin1');
};

describe('parseVariant and writeVariant', () => {
  it('give the bytes that the serialisation’s description has as examples', () => {
    const examples: [string, string, string][] = [
      ['s', "'hello world'", 'hello world\0'],
      ['ms', "'hello world'", 'hello world\0\0'],
      ['ms', 'nothing', ''],
      ['ab', '[true, false, false, true, true]', '\x01\0\0\x01\x01'],
      ['(si)', "('foo', -1)", 'foo\0\xff\xff\xff\xff\x04'],
      [
        'a(si)',
        "[('hi', -2), ('bye', -1)]",
        'hi\0\0\xfe\xff\xff\xff\x03\0\0\0bye\0\xff\xff\xff\xff\x04\x09\x15',
      ],
      ['as', "['i', 'can', 'has', 'strings?']", 'i\0can\0has\0strings?\0\x02\x06\x0a\x13'],
      ['((ys)as)', "((105, 'can'), ['has', 'strings?'])", 'ican\0has\0strings?\0\x04\x0d\x05'],
      ['(yy)', '(0x70, 0x80)', '\x70\x80'],
      ['(iy)', '(96, 0x70)', '\x60\0\0\0\x70\0\0\0'],
      ['(yi)', '(0x70, 96)', '\x70\0\0\0\x60\0\0\0'],
      ['a(iy)', '[(96, 0x70), (648, 0xf7)]', '\x60\0\0\0\x70\0\0\0\x88\x02\0\0\xf7\0\0\0'],
      ['ay', '[4, 5, 6, 7]', '\x04\x05\x06\x07'],
      ['ai', '[4, 258]', '\x04\0\0\0\x02\x01\0\0'],
      ['{si}', "{'a key', 514}", 'a key\0\0\0\x02\x02\0\0\x06'],
    ];
    for (const [type, text, bytes] of examples) expect(bytesOf(type, text), text).toBe(bytes);
  });

  it('find the types of what variants hold', () => {
    const types = (text: string) => bytesOf('v', `<${text}>`)?.replace(/^.*\0/s, '');
    expect(types('1')).toBe('i');
    expect(types('1.5')).toBe('d');
    expect(types('[1, 2.5]')).toBe('ad');
    expect(types('[[], [1]]')).toBe('aai');
    expect(types("{'a': <1>}")).toBe('a{sv}');
    expect(types('uint32 1')).toBe('u');
    expect(types('@mi nothing')).toBe('mi');
    expect(types("b'a'")).toBe('ay');
    expect(types("(true, 'x')")).toBe('(bs)');
    for (const open of ['[]', 'nothing', "[1, 'x']", '{}']) expect(types(open), open).toBeUndefined();
  });

  it('refuse what is no value of the type', () => {
    const refused: [string, string][] = [
      ['i', '2147483648'],
      ['i', '08'],
      ['i', '1.0'],
      ['u', '-1'],
      ['y', '256'],
      ['d', '1e400'],
      ['d', '1.5.2'],
      ['d', 'infinity'],
      ['b', 'True'],
      ['s', "'a"],
      ['s', 'a'],
      ['s', "'\\u00'"],
      ['s', "'\\ud800'"],
      ['o', "'a/b'"],
      ['g', "'(i'"],
      ['as', "['a',]"],
      ['as', '{}'],
      ['(i)', '(1)'],
      ['(ii)', '(1, 2,)'],
      ['i', '1 2'],
      ['i', ''],
      ['ai', '['.repeat(100)],
    ];
    for (const [type, text] of refused) expect(parseVariant(type, text), text).toBeUndefined();
  });

  it('read anything', () => {
    const pieces = fc.array(
      fc.constantFrom(...'[](){}<>,:@\'"\\ u0aib', 'just ', 'int32 ', '@as ', '1.5', "b'"),
    );
    const types = fc.constantFrom('i', 's', 'as', 'v', 'a{sv}', '(iv)', 'mmi', 'ay', 'd', 'g');
    fc.assert(
      fc.property(
        types,
        fc.oneof(
          pieces.map((each) => each.join('')),
          fc.string(),
        ),
        (type, text) => {
          const value = parseVariant(type, text);
          if (value !== undefined) writeVariant(value);
        },
      ),
    );
  });
});

describe('isVariantType', () => {
  it('takes whole types alone', () => {
    for (const type of ['i', 'a{sv}', '(ii)', '()', 'aas', 'm(ss)'])
      expect(isVariantType(type), type).toBe(true);
    for (const type of ['', 'ii', 'a', '(i', '{vs}', '{s}', 'r', '*', `${'a'.repeat(200)}i`])
      expect(isVariantType(type), type).toBe(false);
  });
});
