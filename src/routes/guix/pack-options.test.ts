import { describe, expect, it } from 'vitest';
import { silentProgress } from '../../foundation/host.ts';
import { readPackCommand } from './pack-command.ts';
import { readPackSettings } from './pack-options.ts';

const host = {
  env: {},
  cwd: '/project',
  fetch,
  now: () => 0,
  run: () => Promise.reject(new Error('nothing is run')),
  which: () => undefined,
  progress: silentProgress,
};

describe('readPackSettings', () => {
  it('has Guix’s defaults', () => {
    expect(readPackSettings({})).toMatchObject({ format: 'tarball', compression: 'none', maxLayers: 100 });
  });

  it.each([
    [{ format: 'rpm' }, 'guix/unsupported-format'],
    [{ format: 'zip' }, 'guix/bad-option'],
    [{ compression: 'lzip' }, 'guix/bad-option'],
    [{ maxLayers: '1' }, 'guix/bad-option'],
    [{ maxLayers: 'many' }, 'guix/bad-option'],
    [{ symlink: ['/a'] }, 'guix/bad-option'],
    [{ symlink: ['a=b'] }, 'guix/bad-option'],
    [{ symlink: ['/../a=b'] }, 'guix/bad-option'],
    [{ imageTag: 'Foo Bar' }, 'guix/bad-option'],
    [{ imageTag: 'a:b:c' }, 'guix/bad-option'],
    [{ imageTag: `a@sha256:${'0'.repeat(64)}` }, 'guix/bad-option'],
  ])('refuses %j', (options, code) => {
    expect(() => readPackSettings(options)).toThrow(expect.objectContaining({ code, exitCode: 2 }));
  });
});

describe('readPackCommand', () => {
  it('reads a pack in a time machine, arguments with dashes too', () => {
    const words =
      'guix time-machine -C channels.scm -- pack -m manifest.scm -f docker --image-tag=api -A app:x -A --host -S /a=b hello';
    const request = readPackCommand(host, words.split(' '));
    expect(request.settings.channelsFile).toBe('channels.scm');
    expect(request.action).toMatchObject({
      kind: 'pack',
      sources: { manifests: ['/project/manifest.scm'], specifications: ['hello'] },
      settings: {
        format: 'docker',
        imageTag: 'api',
        entryPointArguments: ['app:x', '--host'],
        symlinks: [{ source: '/a', target: 'b' }],
      },
    });
  });

  it('accepts what only says how to build, and folders of modules', () => {
    const request = readPackCommand(
      host,
      'guix pack -K --no-grafts -c 2 --substitute-urls=x -L mods -v 2 -m manifest.scm'.split(' '),
    );
    expect(request.settings.loadPath).toEqual(['/project/mods']);
    expect(request.action).toMatchObject({ sources: { manifests: ['/project/manifest.scm'] } });
  });

  it.each(['-RR', '--relocatable', '--with-input=a=b', '--target=x', '--tune'])(
    'refuses %s by name',
    (word) => {
      expect(() => readPackCommand(host, ['guix', 'pack', word, 'hello'])).toThrow(
        expect.objectContaining({ code: 'guix/unsupported-option' }),
      );
    },
  );

  it.each(['guix shell python', 'guix time-machine pack', 'guix pack --nonsense'])('refuses %s', (text) => {
    expect(() => readPackCommand(host, text.split(' '))).toThrow(
      expect.objectContaining({ code: 'guix/bad-recipe' }),
    );
  });
});
