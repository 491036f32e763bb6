import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  comparePythonVersions,
  markerApplies,
  meetsClauses,
  parsePythonRequirement,
  parsePythonVersion,
  parseVersionClauses,
} from './python-version.ts';

const version = (text: string) => parsePythonVersion(text)!;

describe('versions of distributions', () => {
  it('come in the order of PEP 440', () => {
    const ordered = [
      '1.dev0',
      '1.0.dev456',
      '1.0a1',
      '1.0a2.dev456',
      '1.0a12.dev456',
      '1.0a12',
      '1.0b1.dev456',
      '1.0b2',
      '1.0b2.post345.dev456',
      '1.0b2.post345',
      '1.0rc1.dev456',
      '1.0rc1',
      '1.0',
      '1.0+abc.5',
      '1.0+abc.7',
      '1.0+5',
      '1.0.post456.dev34',
      '1.0.post456',
      '1.0.15',
      '1.1.dev1',
      '1.10',
      '1!0.1',
    ];
    for (const [at, a] of ordered.entries())
      for (const [other, b] of ordered.entries())
        expect([a, b, Math.sign(comparePythonVersions(version(a), version(b)))]).toEqual([
          a,
          b,
          Math.sign(at - other),
        ]);
  });

  it('are the same in every spelling', () => {
    for (const [a, b] of [
      ['1.0', '1.0.0'],
      ['1.0-1', '1.0.post1'],
      ['v1.0.RC-1', '1.0rc1'],
      ['1.0alpha', '1.0a0'],
      ['1.0+ubuntu-1', '1.0+ubuntu.1'],
    ] as const)
      expect(comparePythonVersions(version(a), version(b)), `${a} ${b}`).toBe(0);
    for (const text of ['', 'latest', '1..0', '1.0-', '1.0+', 'a1'])
      expect(parsePythonVersion(text)).toBeUndefined();
  });

  it('meet clauses as PEP 440 has it', () => {
    const cases = [
      ['>=0.68.0,<0.69.0', '0.68.2', true],
      ['>=0.68.0,<0.69.0', '0.69.0', false],
      ['<2', '2.0rc1', false],
      ['<2.0rc2', '2.0rc1', true],
      ['>1.7', '1.7.0.post1', false],
      ['>1.7', '1.7.1', true],
      ['~=2.2', '2.9', true],
      ['~=2.2', '3.0', false],
      ['~=1.4.5', '1.4.9', true],
      ['~=1.4.5', '1.5.0', false],
      ['==1.1.*', '1.1.post1', true],
      ['!=1.1.*', '1.1.7', false],
      ['==1.1', '1.1+local', true],
      ['==1.1+local', '1.1', false],
      ['===1.0', '1.0', true],
      ['', '7', true],
    ] as const;
    for (const [clauses, text, expected] of cases)
      expect([clauses, text, meetsClauses(version(text), parseVersionClauses(clauses)!)]).toEqual([
        clauses,
        text,
        expected,
      ]);
    expect(parseVersionClauses('~=1')).toBeUndefined();
    expect(parseVersionClauses('=1')).toBeUndefined();
  });

  it('reads requirements, and leaves URLs alone', () => {
    expect(
      parsePythonRequirement('Uvicorn[standard, Extra_One] >=0.14 , <1 ; python_version >= "3.8"'),
    ).toEqual({
      name: 'uvicorn',
      extras: ['standard', 'extra-one'],
      clauses: [
        { operator: '>=', version: '0.14' },
        { operator: '<', version: '1' },
      ],
      marker: 'python_version >= "3.8"',
    });
    expect(parsePythonRequirement('anyio (<5,>=3.4)')?.clauses).toHaveLength(2);
    for (const text of ['a @ https://x.example/a.whl', './a', 'a b', ''])
      expect(parsePythonRequirement(text), text).toBeUndefined();
  });

  it('evaluates markers, and counts what cannot be known', () => {
    const environment = { python: '3.11', architecture: 'amd64', extras: ['standard'] };
    for (const [marker, expected] of [
      ['python_version < "3.8"', false],
      ['python_version >= "3.8" and sys_platform == "linux"', true],
      ['sys_platform == "win32" or platform_machine == "x86_64"', true],
      ['(sys_platform == "win32" or os_name == "nt") and python_version > "3"', false],
      ["extra == 'standard'", true],
      ['extra == "dev"', false],
      ['"linux" in sys_platform', true],
      ['python_full_version < "3.11.4"', true],
      ['implementation_version < "3"', true],
    ] as const)
      expect([marker, markerApplies(marker, environment)]).toEqual([marker, expected]);
    expect(markerApplies('python_version < "3.8"', { ...environment, python: undefined })).toBe(true);
  });

  it('is not upset by anything', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme-ascii' }), (text) => {
        parsePythonVersion(text);
        parsePythonRequirement(text);
        markerApplies(text, { architecture: 'amd64', extras: [] });
      }),
    );
  });
});
