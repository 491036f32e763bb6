import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isTrimaranError } from '../foundation/error.ts';
import { field, parseControl } from './control.ts';

describe('parseControl', () => {
  it('reads stanzas, continued lines and comments', () => {
    const stanzas = parseControl(
      '# head\nPackage: a\nDescription: short\n long\n .\n end\n\n\nPACKAGE: b\nVersion:1\n',
      'status',
    );
    expect(stanzas).toHaveLength(2);
    expect(field(stanzas[0]!, 'Description')).toBe('short\nlong\n.\nend');
    expect(field(stanzas[1]!, 'package')).toBe('b');
    expect(stanzas[1]!.line).toBe(9);
  });

  it.each([
    [' lost', 'a continued line without a field'],
    ['Package a', 'neither'],
    ['A: 1\na: 2', 'twice'],
  ])('refuses %j with its place', (text, message) => {
    expect(() => parseControl(text, 'control')).toThrow(message);
    try {
      parseControl(`Ok: 1\n\n${text}`, 'control');
    } catch (error) {
      expect(isTrimaranError(error, 'debian/bad-control') && error.span?.file).toBe('control');
    }
  });

  it('meets arbitrary text with an answer or a named error', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        try {
          parseControl(text, 'x');
        } catch (error) {
          expect(isTrimaranError(error, 'debian/bad-control')).toBe(true);
        }
      }),
    );
  });
});
