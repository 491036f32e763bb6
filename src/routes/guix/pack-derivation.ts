// The derivation that packs a profile: an image for Docker, or a tarball.
import { declaredRootFormat } from '../../debian/declared-root.ts';
import { TrimaranError } from '../../foundation/error.ts';
import { debianArchitecture } from '../../sets/debian-systems.ts';
import { storeName } from './debian-channel.ts';
import type { DerivationRequest, MadeDerivation } from './derivation-maker.ts';
import type { PackSettings } from './evaluation-request.ts';

/** What `builtin:guix-pack` reads. */
export interface PackAttributes {
  readonly profile: string;
  readonly format: 'docker' | 'tarball';
  readonly compression: 'none' | 'gzip' | 'zstd';
  readonly imageName: string;
  readonly architecture: string;
  readonly maxLayers: number;
  readonly entryPoint: readonly string[] | null;
  readonly symlinks: readonly { readonly source: string; readonly target: string }[];
  readonly workingDirectory: string | null;
  readonly environment: readonly string[];
  readonly exposedPorts: readonly string[];
  readonly user: string | null;
  readonly labels: Readonly<Record<string, string>>;
  /** Of what images have in their root for maintainer scripts; another version of it makes another image. */
  readonly declaredRoot: number;
}

const endings = { none: '', gzip: '.gz', zstd: '.zst' } as const;

/** Throws `guix/bad-option`. */
export function packRequest(options: {
  readonly profile: MadeDerivation;
  readonly settings: PackSettings;
  /** Of the manifest's entries, in order. */
  readonly packageNames: readonly string[];
  readonly system: string;
}): DerivationRequest {
  const { profile, settings, packageNames } = options;
  const path = profile.outputs.get('out')!;
  const friendly = friendlyName(packageNames);
  const name = settings.imageTag ?? friendly.toLowerCase().replace(/[^a-z0-9._-]/g, '-');
  const entryPoint =
    settings.entryPoint === undefined
      ? null
      : [`${path}/${settings.entryPoint}`, ...settings.entryPointArguments];
  const attributes: PackAttributes = {
    profile: path,
    format: settings.format,
    compression: settings.compression,
    imageName: /:[^/]*$/.test(name) ? name : `${name}:latest`,
    architecture: debianArchitecture(options.system),
    maxLayers: settings.maxLayers,
    entryPoint,
    symlinks: settings.symlinks,
    workingDirectory: settings.workingDirectory ?? null,
    environment: settings.environment.map((text) => pair(text, '--env').join('=')),
    exposedPorts: settings.exposedPorts.map(port),
    user: settings.user ?? null,
    labels: Object.fromEntries(settings.labels.map((text) => pair(text, '--label'))),
    declaredRoot: declaredRootFormat,
  };
  return {
    name: storeName(`${friendly}-${settings.format}-pack.tar${endings[settings.compression]}`),
    builder: 'builtin:guix-pack',
    attributes,
    inputs: [{ path, drvPath: profile.drvPath, output: 'out' }],
  };
}

/** Names joined as long as they are short, as Guix calls a pack. */
function friendlyName(names: readonly string[]): string {
  let count = names.length;
  while (count > 1 && names.slice(0, count).join('-').length >= 40) count--;
  return names.slice(0, count).join('-');
}

function pair(text: string, option: string): [string, string] {
  const equals = text.indexOf('=');
  if (equals > 0) return [text.slice(0, equals), text.slice(equals + 1)];
  throw badOption(`${option} takes NAME=VALUE, not \`${text}'`);
}

function port(text: string): string {
  const found = /^(\d{1,5})(?:\/(tcp|udp|sctp))?$/.exec(text);
  if (found === null || Number(found[1]) > 65535)
    throw badOption(`--expose takes a port such as 80 or 53/udp, not \`${text}'`);
  return `${found[1]}/${found[2] ?? 'tcp'}`;
}

function badOption(message: string): TrimaranError {
  return new TrimaranError({ code: 'guix/bad-option', message, exitCode: 2 });
}
