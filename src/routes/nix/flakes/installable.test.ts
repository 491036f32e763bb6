import { expect, it } from 'vitest';
import {
  attributePathsFor,
  parseAttributePath,
  parseInstallable,
  showAttributePaths,
} from './installable.ts';

it('separates reference, attribute and outputs', () => {
  expect(parseInstallable('nixpkgs#hello^dev,out')).toMatchObject({
    reference: { input: { id: 'nixpkgs' } },
    fragment: 'hello',
    outputs: { kind: 'names', names: ['dev', 'out'] },
  });
  expect(parseInstallable('nixpkgs#hello^*').outputs).toEqual({ kind: 'all' });
  expect(parseInstallable('nixpkgs#a.b').outputs).toEqual({ kind: 'default' });
  expect(parseInstallable('nixpkgs').fragment).toBe('');
  expect(() => parseInstallable('nixpkgs#hello^a b')).toThrow(
    "invalid extended outputs specifier 'nixpkgs#hello^a b'",
  );
});

it('knows which attributes Nix tries', () => {
  const system = 'x86_64-linux';
  expect(attributePathsFor({ fragment: '', system, command: 'build' })).toEqual([
    'packages.x86_64-linux.default',
    'defaultPackage.x86_64-linux',
  ]);
  expect(attributePathsFor({ fragment: 'docker', system, command: 'eval' })).toEqual([
    'packages.x86_64-linux.docker',
    'legacyPackages.x86_64-linux.docker',
    'docker',
  ]);
  expect(attributePathsFor({ fragment: 'x', system, command: 'run' })[0]).toBe('apps.x86_64-linux.x');
  expect(attributePathsFor({ fragment: '', system, command: 'run' })[1]).toBe('defaultApp.x86_64-linux');
  expect(attributePathsFor({ fragment: 'x', system, command: 'develop' })[0]).toBe(
    'devShells.x86_64-linux.x',
  );
  expect(attributePathsFor({ fragment: '', system, command: 'develop' })[1]).toBe('devShell.x86_64-linux');
  expect(attributePathsFor({ fragment: '.a.b', system, command: 'run' })).toEqual(['a.b']);
});

it('splits attribute paths at dots outside of quotes', () => {
  expect(parseAttributePath('packages.x86_64-linux."a.b".c')).toEqual([
    'packages',
    'x86_64-linux',
    'a.b',
    'c',
  ]);
  expect(parseAttributePath('a.')).toEqual(['a']);
  expect(parseAttributePath('')).toEqual([]);
  expect(() => parseAttributePath('a."b')).toThrow("missing closing quote in selection path 'a.\"b'");
});

it('lists attributes as Nix does', () => {
  expect(showAttributePaths(['a', 'b', 'c'])).toBe("'a', 'b' or 'c'");
  expect(showAttributePaths(['a'])).toBe("'a'");
});
