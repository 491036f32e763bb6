import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isTrimaranError } from '../foundation/error.ts';
import { formatDependency, meetsConstraint, parseDependencies } from './dependency.ts';

describe('parseDependencies', () => {
  it('reads alternatives, versions, qualifiers and restrictions', () => {
    expect(
      parseDependencies(
        'debconf (>= 0.5) | debconf-2.0, python3:any (<< 3.12),\n libx [i386], liby[!i386], g++ (>2)',
        'amd64',
      ),
    ).toEqual([
      [{ name: 'debconf', constraint: { operator: '>=', version: '0.5' } }, { name: 'debconf-2.0' }],
      [{ name: 'python3', qualifier: 'any', constraint: { operator: '<<', version: '3.12' } }],
      [{ name: 'liby' }],
      [{ name: 'g++', constraint: { operator: '>=', version: '2' } }],
    ]);
    expect(parseDependencies(undefined, 'amd64')).toEqual([]);
  });

  it.each(['a b', 'a (1)', 'a (>= 1', '(>= 1)', 'a <!nocheck>', '| a'])('refuses %j', (text) => {
    expect(() => parseDependencies(text, 'amd64')).toThrow(
      expect.objectContaining({ code: 'debian/bad-dependency' }),
    );
  });

  it('undoes formatDependency', () => {
    const relation = fc.record(
      {
        name: fc.stringMatching(/^[a-z0-9][a-z0-9+.-]{0,8}$/),
        qualifier: fc.constantFrom('any', 'native', 'amd64'),
        constraint: fc.record({
          operator: fc.constantFrom('<<' as const, '<=' as const, '=' as const, '>=' as const, '>>' as const),
          version: fc.stringMatching(/^[0-9][0-9a-z.+~:-]{0,6}$/),
        }),
      },
      { requiredKeys: ['name'] },
    );
    fc.assert(
      fc.property(fc.array(relation, { minLength: 1, maxLength: 3 }), (dependency) => {
        expect(parseDependencies(formatDependency(dependency), 'amd64')).toEqual([dependency]);
      }),
    );
  });

  it('meets arbitrary text with an answer or a named error', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          parseDependencies(text, 'amd64');
        } catch (error) {
          expect(isTrimaranError(error, 'debian/bad-dependency')).toBe(true);
        }
      }),
    );
  });
});

describe('meetsConstraint', () => {
  it('holds for every version without a constraint', () => {
    expect(meetsConstraint('1', { name: 'a' })).toBe(true);
    expect(meetsConstraint('1', { name: 'a', constraint: { operator: '>>', version: '1' } })).toBe(false);
  });
});
