import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isTrimaranError } from '../../../foundation/error.ts';
import { isLegalRefName, parseGitUrl } from './git-url.ts';
import { parseUrl, redactUrl, writeUrl } from './url.ts';

describe('git URLs', () => {
  // As `flakeRefToString` of Nix 2.34 shows them, without its `git+`.
  const urls: readonly (readonly [string, string | RegExp])[] = [
    ['/a b', 'file:///a%20b'],
    ['./x', 'file:./x'],
    ['x/y', 'file:x/y'],
    ['~/x', 'file:~/x'],
    ['foo/bar:baz', 'file:foo/bar:baz'],
    ['file:x', 'file:x'],
    ['git+https://h/a', 'https://h/a'],
    ['git@h:a/b', 'ssh://git@h/a/b'],
    ['git@h:/a', 'ssh://git@h/a'],
    ['user@[::1]:p', 'ssh://user@[::1]/p'],
    ['h:a', /SCP-like URL 'h:a' is not supported/],
    ['git:foo', /SCP-like URL 'git:foo' is not supported/],
    ['https:h/a', /names no host/],
    ['https://h/a b', /is not a valid URL/],
  ];
  it.for(urls)('%s', ([text, expected]) => {
    if (typeof expected === 'string') expect(writeUrl(parseGitUrl(text))).toBe(expected);
    else expect(() => parseGitUrl(text)).toThrow(expected);
  });
});

it('knows the names that git takes', () => {
  for (const name of ['main', 'a/b', 'refs/heads/x', 'HEAD', 'v1.0', 'ü', 'a@b'])
    expect(isLegalRefName(name), name).toBe(true);
  for (const name of [
    '',
    '@',
    '-a',
    'a..b',
    'a b',
    'a~',
    'a^',
    'a:b',
    'a?',
    'a*',
    'a[',
    'a\\b',
    'a.lock',
    '.a',
    'a/.b',
    'a//b',
    '/a',
    'a/',
    'a.',
    'a@{b',
    'a\x7f',
    'a\n',
  ])
    expect(isLegalRefName(name), JSON.stringify(name)).toBe(false);
});

describe('URLs', () => {
  it('are written as they were read, once encoded', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 6 });
    const url = fc.record({
      scheme: fc.constantFrom('https', 'git+ssh', 'x'),
      authority: fc.record({
        host: fc.stringMatching(/^[a-z0-9.-]{1,8}$/),
        port: fc.nat(65535),
        user: text,
        password: text,
      }),
      path: fc.array(text).map((parts) => ['', ...parts]),
      query: fc.array(fc.tuple(text, text)).map((pairs) => new Map(pairs)),
      fragment: text,
    });
    fc.assert(
      fc.property(url, (parts) => {
        const parsed = parseUrl(writeUrl(parts));
        expect({ ...parsed, query: [...parsed.query].sort() }).toEqual({
          ...parts,
          query: [...parts.query].sort(),
        });
      }),
    );
  });

  it('fail by a named error only', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        try {
          parseUrl(text, { lenient: true });
        } catch (error) {
          expect(isTrimaranError(error, 'flake/bad-url')).toBe(true);
        }
      }),
    );
  });

  it('are shown without passwords', () => {
    expect(redactUrl('https://u:p@h/x?y#z')).toBe('https://u:***@h/x?y#z');
    expect(redactUrl('no URL: a@b')).toBe('no URL: a@b');
  });
});
