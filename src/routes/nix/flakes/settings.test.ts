import { expect, it } from 'vitest';
import { readFlakeSettings } from './settings.ts';
import { temporaryFolder, writeFiles } from './test-world.ts';

it('reads nix.conf, the user’s over the system’s, NIX_CONFIG over both', () => {
  const home = writeFiles(temporaryFolder(), {
    'etc/nix.conf':
      'access-tokens = a=1 # comment\ntarball-ttl = 7\nwarn-dirty = false\n!include gone.conf\ninclude more.conf\nnonsense\n',
    'etc/more.conf': 'flake-registry = /r.json\n',
    '.config/nix/nix.conf': 'extra-access-tokens = b=2\nallow-dirty = no\n',
  });
  const warnings: string[] = [];
  const env = {
    HOME: home,
    NIX_CONF_DIR: `${home}/etc`,
    XDG_CONFIG_DIRS: '/nonexistent',
    NIX_CONFIG: 'tarball-ttl = 9',
    TRIMARAN_FORGES: 'h=http://127.0.0.1:1',
  };
  expect(readFlakeSettings({ env }, (message) => warnings.push(message))).toEqual({
    flakeRegistry: '/r.json',
    useRegistries: true,
    accessTokens: new Map([
      ['a', '1'],
      ['b', '2'],
    ]),
    netrcFile: `${home}/etc/netrc`,
    tarballTtl: 9,
    allowDirty: false,
    warnDirty: false,
    forgeUrls: new Map([['h', 'http://127.0.0.1:1']]),
    isOffline: false,
    systemDirectory: `${home}/etc`,
    userDirectory: `${home}/.config/nix`,
  });
  expect(warnings).toEqual([]);
});

it('has Nix’s defaults, and ends where files include each other', () => {
  const home = writeFiles(temporaryFolder(), { 'etc/nix.conf': 'include nix.conf\ntarball-ttl = soon\n' });
  const env = { HOME: home, NIX_CONF_DIR: `${home}/etc`, NIX_USER_CONF_FILES: '' };
  expect(readFlakeSettings({ env }, () => {})).toMatchObject({
    flakeRegistry: 'https://channels.nixos.org/flake-registry.json',
    tarballTtl: 3600,
    allowDirty: true,
    warnDirty: true,
  });
});
