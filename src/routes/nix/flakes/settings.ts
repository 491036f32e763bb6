// Settings of nix.conf that fetching and locking heed, from the files and the variable that Nix reads:
// /etc/nix/nix.conf, the user's nix.conf, NIX_CONFIG, later ones winning. Everything else in them is passed over.

import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Host } from '../../../foundation/host.ts';
import { systemCode } from './flake-error.ts';

/** What fetching and locking heed. Tokens are secrets: never put them into messages. */
export interface FlakeSettings {
  /** URL or absolute path of the global registry; `''` for none. */
  readonly flakeRegistry: string;
  readonly useRegistries: boolean;
  /** Secrets by host, or by host and path prefix (`github.com/org`). */
  readonly accessTokens: ReadonlyMap<string, string>;
  readonly netrcFile: string;
  /** Seconds during which a reference resolved before is not looked up again. */
  readonly tarballTtl: number;
  readonly allowDirty: boolean;
  readonly warnDirty: boolean;
  /**
   * Where forges are reached instead of `https://HOST`: base URLs by host, such as a mirror behind a firewall. From
   * TRIMARAN_FORGES, `HOST=URL` separated by spaces; Nix has no such setting.
   */
  readonly forgeUrls: ReadonlyMap<string, string>;
  /** Use only what was fetched before, however old; fail where that does not do. */
  readonly isOffline: boolean;
  /** Folder of the system's registry.json. */
  readonly systemDirectory: string;
  /** Folder of the user's registry.json. */
  readonly userDirectory: string;
}

/** Reads the settings; files that cannot be read are told of and passed over. */
export function readFlakeSettings(host: Pick<Host, 'env'>, warn: (message: string) => void): FlakeSettings {
  const { env } = host;
  const home = env.HOME ?? '/';
  const systemDirectory = env.NIX_CONF_DIR ?? '/etc/nix';
  const userDirectory = join(env.XDG_CONFIG_HOME ?? join(home, '.config'), 'nix');
  const raw = new Map<string, string>();
  const readFile = (file: string, depth: number) => {
    const text = readOptionalFile(file, warn);
    if (text !== undefined) readConfiguration(text, raw, { directory: dirname(file), depth, readFile });
  };
  readFile(join(systemDirectory, 'nix.conf'), 0);
  const userFiles =
    env.NIX_USER_CONF_FILES === undefined
      ? [
          ...(env.XDG_CONFIG_DIRS ?? '/etc/xdg')
            .split(':')
            .reverse()
            .map((folder) => join(folder, 'nix')),
          userDirectory,
        ].map((folder) => join(folder, 'nix.conf'))
      : env.NIX_USER_CONF_FILES.split(':').reverse();
  for (const file of userFiles) readFile(file, 0);
  if (env.NIX_CONFIG !== undefined)
    readConfiguration(env.NIX_CONFIG, raw, { directory: '/', depth: 0, readFile });
  const isTrue = (name: string, otherwise: boolean) => {
    const value = raw.get(name);
    return value === undefined ? otherwise : ['true', 'yes', '1'].includes(value);
  };
  return {
    flakeRegistry: raw.get('flake-registry') ?? 'https://channels.nixos.org/flake-registry.json',
    useRegistries: isTrue('use-registries', true),
    accessTokens: pairs(raw.get('access-tokens')),
    netrcFile: raw.get('netrc-file') ?? join(systemDirectory, 'netrc'),
    tarballTtl: ttl(raw.get('tarball-ttl')),
    allowDirty: isTrue('allow-dirty', true),
    warnDirty: isTrue('warn-dirty', true),
    forgeUrls: pairs(env.TRIMARAN_FORGES),
    isOffline: false,
    systemDirectory,
    userDirectory,
  };
}

function ttl(text: string | undefined): number {
  return text !== undefined && /^[0-9]+$/.test(text) ? Number(text) : 3600;
}

function pairs(text: string | undefined): Map<string, string> {
  const result = new Map<string, string>();
  for (const word of (text ?? '').split(/\s+/)) {
    const equals = word.indexOf('=');
    if (equals > 0) result.set(word.slice(0, equals), word.slice(equals + 1));
  }
  return result;
}

function readOptionalFile(file: string, warn: (message: string) => void): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const code = systemCode(error);
    if (code === undefined) throw error;
    if (code !== 'ENOENT' && code !== 'ENOTDIR') warn(`cannot read '${file}': ${code}`);
    return undefined;
  }
}

function readConfiguration(
  text: string,
  into: Map<string, string>,
  options: {
    readonly directory: string;
    readonly depth: number;
    readonly readFile: (file: string, depth: number) => void;
  },
): void {
  for (const line of text.split('\n')) {
    const words = line.replace(/#.*/, '').trim().split(/\s+/);
    const [name, equals] = words;
    if (name === undefined || name === '') continue;
    if (name === 'include' || name === '!include') {
      if (words.length === 2 && options.depth < 10)
        options.readFile(resolve(options.directory, words[1]!), options.depth + 1);
    } else if (equals === '=') {
      const value = words.slice(2).join(' ');
      const base = name.replace(/^extra-/, '');
      into.set(base, name === base ? value : `${into.get(base) ?? ''} ${value}`.trim());
    }
  }
}
