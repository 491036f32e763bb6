import { spawnSync } from 'node:child_process';
import { mkdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isTrimaranError, type TrimaranError } from '../../../foundation/error.ts';
import {
  canonicalFlakeReference,
  flakeReferenceFromAttributes,
  flakeReferencesEqual,
  flakeReferenceToAttributes,
  parseFlakeReference,
  parseFlakeReferenceWithFragment,
  showFlakeReference,
  writeFlakeReference,
} from './flake-reference.ts';
import type { InputAttributes } from './input.ts';
import { writeJson } from './json.ts';
import { commitAll, temporaryFolder, writeFiles } from './test-world.ts';

const rev = '4a9bd6dabd1c8d4a6c5e1d4b9cbf4e6e2c2e6a5f';

/** Texts and what `builtins.parseFlakeRef` of Nix 2.34 makes of them; a string is its error. */
const references: readonly (readonly [string, InputAttributes | RegExp])[] = [
  ['nixpkgs', { id: 'nixpkgs', type: 'indirect' }],
  ['nixpkgs/foo', { id: 'nixpkgs', ref: 'foo', type: 'indirect' }],
  [`nixpkgs/${rev}`, { id: 'nixpkgs', rev, type: 'indirect' }],
  [`nixpkgs/foo/${rev}`, { id: 'nixpkgs', ref: 'foo', rev, type: 'indirect' }],
  ['nixpkgs/foo/bar', /in flake URL 'flake:nixpkgs\/foo\/bar', 'bar' is not a commit hash/],
  ['flake:nixpkgs?x=1', { id: 'nixpkgs', type: 'indirect' }],
  ['github:a/b', { owner: 'a', repo: 'b', type: 'github' }],
  ['github:a//b', { owner: 'a', repo: 'b', type: 'github' }],
  ['github:a/b/c/d', { owner: 'a', ref: 'c/d', repo: 'b', type: 'github' }],
  [`github:a/b/${rev}`, { owner: 'a', repo: 'b', rev, type: 'github' }],
  ['github:a/b?ref=x&foo=1', { owner: 'a', ref: 'x', repo: 'b', type: 'github' }],
  [
    'github:a/b?dir=x&host=git.example.org',
    { dir: 'x', host: 'git.example.org', owner: 'a', repo: 'b', type: 'github' },
  ],
  [`github:a/b/${rev}?ref=x`, /is not an absolute path/],
  ['gitlab:a%2Fc/b', { owner: 'a/c', repo: 'b', type: 'gitlab' }],
  ['sourcehut:~a/b', { owner: '~a', repo: 'b', type: 'sourcehut' }],
  ['https://x.org/a.tar.gz?rev=5&x=1', { rev: '5', type: 'tarball', url: 'https://x.org/a.tar.gz?x=1' }],
  ['https://x.org/a', { type: 'tarball', url: 'https://x.org/a' }],
  ['tarball+https://x/a?narHash=sha256-1', { narHash: 'sha256-1', type: 'tarball', url: 'https://x/a' }],
  ['file+https://x/a?unpack=1', { type: 'file', url: 'https://x/a' }],
  ['https://x/a?[b]=c', { type: 'tarball', url: 'https://x/a?%5Bb%5D=c' }],
  ['https://x/a#b#c', /unexpected fragment 'b#c'/],
  ['https://x/[a]', /is not an absolute path/],
  ['HTTPS://x/a', /input 'HTTPS:\/\/x\/a' is unsupported/],
  [
    'git+https://x/a?submodules=1&shallow=0&lfs=1&foo=2&name=q',
    { lfs: true, shallow: false, submodules: true, type: 'git', url: 'https://x/a?foo=2&name=q' },
  ],
  ['git+ssh://git@host/a:b', { type: 'git', url: 'ssh://git@host/a:b' }],
  ['git+file:./x', { type: 'git', url: 'file:./x' }],
  ['git+file:///x?ref=..', /is not an absolute path/],
  ['git:foo', /is not an absolute path/],
  ['git@github.com:a/b', /is not an absolute path/],
  ['hg+https://x/y', { type: 'hg', url: 'https://x/y' }],
  ['path:./a', { path: './a', type: 'path' }],
  ['path:/a/../b//c', { path: '/a/../b/c', type: 'path' }],
  ['path:///a', { path: '/a', type: 'path' }],
  ['path:/a?lastModified=5&narHash=', { lastModified: 5, narHash: '', path: '/a', type: 'path' }],
  ['path:/a b', /is not an absolute path/],
  ['path://x/a', /path URL 'path:\/\/x\/a' should not have an authority \('x'\)/],
  ['path:a?lastModified=x', /path URL 'path:a\?lastModified=x' has invalid parameter 'lastModified'/],
  ['path:a?foo=1', /path URL 'path:a\?foo=1' has unsupported parameter 'foo'/],
  ['.', /flake reference '.' is not an absolute path/],
  ['./x', /flake reference '.\/x' is not an absolute path/],
];

function parsed(text: string): InputAttributes | string {
  try {
    return flakeReferenceToAttributes(parseFlakeReference(text));
  } catch (error) {
    if (!isTrimaranError(error)) throw error;
    return error.message;
  }
}

function failure(action: () => unknown): TrimaranError {
  try {
    action();
  } catch (error) {
    if (isTrimaranError(error)) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

describe('flake references', () => {
  it.for(references)('%s', ([text, expected]) => {
    if (expected instanceof RegExp) expect(parsed(text)).toMatch(expected);
    else expect(parsed(text)).toEqual(expected);
  });

  const nix = spawnSync('nix', ['--version'], { encoding: 'utf8' }).stdout ?? '';
  const isNew = /2\.(?:2[4-9]|[3-9]\d)/.test(nix);
  // Nix 2.8 has no parseFlakeRef; the table above is what 2.34 says.
  if (isNew)
    it.for(references)('%s, as Nix reads it', ([text, expected]) => {
      const args = ['--extra-experimental-features', 'nix-command flakes', 'eval', '--json'];
      const expression = `builtins.parseFlakeRef ${JSON.stringify(text)}`;
      const result = spawnSync('nix', [...args, '--expr', expression], { encoding: 'utf8' });
      if (expected instanceof RegExp) expect(result.stderr).toMatch(expected);
      else expect(result.stdout.trim()).toBe(writeJson(expected));
    });

  it('reads our own debian references', () => {
    expect(parsed('debian:bookworm')).toEqual({ type: 'debian', suite: 'bookworm' });
    const pinned = parseFlakeReference('debian:bookworm/20261101T000000Z');
    expect(flakeReferenceToAttributes(pinned)).toEqual({
      suite: 'bookworm',
      timestamp: '20261101T000000Z',
      type: 'debian',
    });
    expect(writeFlakeReference(pinned)).toBe('debian:bookworm/20261101T000000Z');
    for (const text of ['debian:bookworm/yesterday', 'debian:Bookworm', 'debian:', 'debian:a/b/c']) {
      // No path either, though there were such a folder.
      const { code, hint } = failure(() => parseFlakeReference(text, { baseDirectory: '/tmp' }));
      expect(code).toBe('flake/bad-url');
      expect(hint).toContain('debian:bookworm/20261101T000000Z');
    }
    expect(parsed('debian:bookworm/yesterday')).toMatch(/'yesterday' is not a timestamp/);
  });

  it('writes what it reads', () => {
    for (const text of [
      'flake:nixpkgs/nixos-unstable',
      'github:NixOS/nixpkgs/nixos-unstable?dir=lib&host=h.example',
      'git+https://h/x?dir=a/b&ref=refs/heads/c&submodules=1',
      'path:/a/b?lastModified=3&narHash=sha256-AmQXVDSYS6vNizlknDJwh1aOypYr5X7aCCIWWk1J1Ls%3D',
      'https://h/x.tar.gz?narHash=sha256-AmQXVDSYS6vNizlknDJwh1aOypYr5X7aCCIWWk1J1Ls%3D&q=1',
    ])
      expect(writeFlakeReference(parseFlakeReference(text))).toBe(text);
  });

  it('round-trips attributes through URLs', () => {
    const name = fc.stringMatching(/^[a-zA-Z][a-zA-Z0-9_-]{0,8}$/);
    const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 });
    const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
    const clean = (attributes: Record<string, unknown>) =>
      Object.fromEntries(
        Object.entries(attributes).filter(([, value]) => value !== undefined),
      ) as InputAttributes;
    const inputs = fc.oneof(
      fc.record({
        type: fc.constantFrom('github', 'gitlab', 'sourcehut'),
        owner: text,
        repo: text,
        ref: optional(name),
        dir: optional(text),
      }),
      fc.record({
        type: fc.constant('indirect'),
        id: name,
        ref: optional(name),
        rev: optional(fc.constant(rev)),
      }),
      fc.record({
        type: fc.constant('path'),
        path: fc.array(name, { minLength: 1 }).map((parts) => `/${parts.join('/')}`),
        lastModified: optional(fc.nat()),
        dir: optional(text),
      }),
      fc.record({
        type: fc.constant('git'),
        url: name.map((n) => `https://${n.toLowerCase()}/x`),
        ref: optional(name),
        shallow: optional(fc.constant(true)),
        dir: optional(text),
      }),
    );
    fc.assert(
      fc.property(inputs, (attributes) => {
        const reference = flakeReferenceFromAttributes(clean(attributes));
        // Slashes inside a segment are part of a name, but only Nix's own URLs keep them apart.
        fc.pre(!/\//.test(`${'owner' in attributes ? attributes.owner + attributes.repo : ''}`));
        expect(flakeReferencesEqual(parseFlakeReference(writeFlakeReference(reference)), reference)).toBe(
          true,
        );
      }),
    );
  });

  it('never fails but by a named error', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom(
        'github:',
        'git+',
        'path:',
        '://',
        '?',
        '#',
        '%',
        '%2F',
        'dir=',
        '/',
        '.',
        '..',
        'ref=',
        '@',
        '[',
        '\0',
      ),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const text = pieces.join('');
        for (const options of [
          {},
          { baseDirectory: '/nonexistent' },
          { preserveRelativePaths: true, isFlake: false },
        ])
          try {
            showFlakeReference(parseFlakeReferenceWithFragment(text, options).reference);
          } catch (error) {
            expect(isTrimaranError(error)).toBe(true);
          }
      }),
      { numRuns: 500 },
    );
  });

  it('keeps passwords out of messages', () => {
    const reference = parseFlakeReference('git+https://user:secret@host/x');
    expect(showFlakeReference(reference)).toBe('git+https://user:***@host/x');
    expect(failure(() => parseFlakeReference('foo+https://user:secret@host/x')).message).not.toContain(
      'secret',
    );
  });

  it('takes a lock of old Nix with `dir` in the URL for the same reference', () => {
    const old = flakeReferenceFromAttributes({ type: 'git', url: 'https://h/x?dir=a', dir: 'a' });
    expect(canonicalFlakeReference(old)).toEqual(parseFlakeReference('git+https://h/x?dir=a'));
  });
});

describe('paths on the command line', () => {
  it('are repositories where there is one, from the folder of flake.nix', () => {
    const root = realpathSync(temporaryFolder());
    writeFiles(root, { 'flake.nix': '', 'sub/flake.nix': '', 'sub/deep/x': '' });
    commitAll(root);
    const at = (text: string) => writeFlakeReference(parseFlakeReference(text, { baseDirectory: root }));
    expect(at('.')).toBe(`git+file://${root}`);
    expect(at('./sub')).toBe(`git+file://${root}?dir=sub`);
    expect(at('./sub?submodules=1')).toBe(`git+file://${root}?dir=sub&submodules=1`);
    expect(at('path:./sub')).toBe(`path:${root}/sub`);
    expect(at('git+file:.')).toBe(`git+file:${root}`);
    const warnings: string[] = [];
    const warn = (message: string) => warnings.push(message);
    expect(writeFlakeReference(parseFlakeReference('./sub/deep', { baseDirectory: root, warn }))).toBe(
      `git+file://${root}?dir=sub`,
    );
    expect(warnings).toEqual([`path "${root}/sub/deep" does not contain a 'flake.nix', searching up`]);
    parseFlakeReference('./sub/flake.nix', { baseDirectory: root, warn });
    expect(warnings[1]).toMatch(/should point at the directory containing the 'flake.nix' file/);
    expect(failure(() => at('./sub?dir=x')).message).toBe(
      "flake URL './sub?dir=x' has an inconsistent 'dir' parameter",
    );
  });

  it('are plain folders elsewhere, and must hold a flake', () => {
    const root = realpathSync(temporaryFolder());
    writeFiles(root, { 'a/flake.nix': '', 'b/x': '' });
    expect(writeFlakeReference(parseFlakeReference('./a', { baseDirectory: root }))).toBe(`path:${root}/a`);
    mkdirSync(join(root, 'b/.git'));
    const missing = failure(() => parseFlakeReference('./b', { baseDirectory: root }));
    expect(missing).toMatchObject({ code: 'flake/not-found', hint: expect.stringContaining('flake.nix') });
    expect(missing.message).toMatch(/is not part of a flake/);
    expect(failure(() => parseFlakeReference('./nothing', { baseDirectory: root })).code).toBe(
      'flake/not-found',
    );
    expect(failure(() => parseFlakeReference('./b/x', { baseDirectory: root })).message).toMatch(
      /not a directory/,
    );
  });

  it('have a fragment, decoded', () => {
    const root = realpathSync(temporaryFolder());
    writeFiles(root, { 'flake.nix': '' });
    const { fragment } = parseFlakeReferenceWithFragment('.#packages."a%20b"', { baseDirectory: root });
    expect(fragment).toBe('packages."a b"');
  });
});
