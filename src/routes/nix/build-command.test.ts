import { describe, expect, it } from 'vitest';
import { readBuildCommand } from './build-command.ts';
import { defaultNixSettings } from './settings.ts';

const read = (command: string) =>
  readBuildCommand(
    command.split(' ').filter((word) => word !== ''),
    defaultNixSettings,
  );

describe('readBuildCommand', () => {
  it.each([
    ['nix build .#docker', '.#docker'],
    ['trimaran nix build .#docker', '.#docker'],
    ['.#docker', '.#docker'],
    ['nix build', '.'],
    ['', '.'],
    ['nix build -L -o out --no-link .#docker', '.#docker'],
    ['nix --extra-experimental-features flakes build .#docker', '.#docker'],
    ['nix build .#docker && docker load < result', '.#docker'],
    ['nix build .#docker > log', '.#docker'],
    ['nix build --option a b --max-jobs 2 .#docker --json', '.#docker'],
  ])('takes from `%s` %s', (command, installable) => {
    expect(read(command)).toEqual({ installables: [installable], settings: defaultNixSettings });
  });

  it('keeps what decides about the image', () => {
    expect(read('nix build --override-input nixpkgs debian:bookworm .#docker --impure')).toMatchObject({
      installables: ['.#docker'],
      settings: { overrideInputs: new Map([['nixpkgs', 'debian:bookworm']]), impure: true },
    });
    expect(read('nix build -f image.nix docker')).toMatchObject({
      installables: ['docker'],
      file: 'image.nix',
    });
    expect(read('nix build --expr 1 --no-write-lock-file --no-update-lock-file')).toMatchObject({
      expression: '1',
      settings: { writeLockFile: false, updateLockFile: false },
    });
  });

  it.each([
    'nix run .#docker',
    'nix',
    'nix-build -A docker',
    'docker build .',
    'nix build .#a .#b',
    'nix build --no-such .#a',
    'nix build -o',
  ])('refuses `%s`', (command) => {
    expect(() => read(command)).toThrow(expect.objectContaining({ code: 'nix/bad-recipe' }));
  });
});
