import { describe, expect, it } from 'vitest';
import { commandFirst } from './command-first.ts';

describe('commandFirst', () => {
  it.each([
    ['build api', 'build api'],
    ['-f a.yml -f b.yml build api', 'build -f a.yml -f b.yml api'],
    ['--json -p name build', 'build --json -p name'],
    ['--file=a.yml build', 'build --file=a.yml'],
    ['nix --option a b build .#x', 'nix build --option a b .#x'],
    ['--json nix --impure eval -f x', 'nix eval --json --impure -f x'],
    // Of nix too, which has commands of one word; and what names none.
    ['nix build', 'nix build'],
    ['nix --help', 'nix --help'],
    ['--version', '--version'],
    ['-f a.yml', '-f a.yml'],
    ['', ''],
    ['-- build', '-- build'],
    ['run image -p 1', 'run image -p 1'],
  ])('makes of `%s` `%s`', (given, wanted) => {
    const words = (text: string) => text.split(' ').filter((word) => word !== '');
    expect(commandFirst(words(given))).toEqual(words(wanted));
  });
});
