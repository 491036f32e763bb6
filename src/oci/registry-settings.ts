// Which registries have mirrors, and which may be spoken to without TLS: from the environment, else from what Docker's
// own daemon.json says. https://docs.docker.com/reference/cli/dockerd/#daemon-configuration-file
import { readFileSync } from 'node:fs';
import type { Host } from '../foundation/host.ts';
import { type RegistryOptions, RegistrySession } from './registry-session.ts';

const daemonFile = '/etc/docker/daemon.json';

/**
 * A session with the mirrors and exceptions of this machine. `TRIMARAN_REGISTRY_MIRROR` has `DOMAIN=ADDRESS` words, or
 * addresses alone for docker.io; `TRIMARAN_REGISTRY_INSECURE` has domains. Where neither is set, `registry-mirrors` and
 * `insecure-registries` of Docker's configuration count.
 *
 * @example
 * openRegistries({ host }); // TRIMARAN_REGISTRY_MIRROR='ghcr.io=https://cache.lan/ghcr https://cache.lan/hub'
 */
export function openRegistries(
  options: Pick<RegistryOptions, 'host' | 'attempts' | 'longestWait'>,
  file = daemonFile,
): RegistrySession {
  return new RegistrySession({ ...options, ...registrySettings(options.host.env, file) });
}

function registrySettings(env: Host['env'], file: string): Pick<RegistryOptions, 'mirrors' | 'insecure'> {
  const words = (name: string) => env[name]?.split(/[\s,]+/).filter((word) => word !== '');
  const givenMirrors = words('TRIMARAN_REGISTRY_MIRROR');
  const givenInsecure = words('TRIMARAN_REGISTRY_INSECURE');
  const daemon = givenMirrors === undefined || givenInsecure === undefined ? readDaemon(file) : undefined;
  const mirrors: Record<string, string[]> = {};
  for (const word of givenMirrors ?? daemon?.mirrors ?? []) {
    const [, domain = 'docker.io', address = word] = /^([\w.:-]+)=(.+)$/.exec(word) ?? [];
    mirrors[domain] ??= [];
    mirrors[domain].push(address);
  }
  return { mirrors, insecure: givenInsecure ?? daemon?.insecure ?? [] };
}

/** A file that is not there or that Docker would refuse says nothing; the engine complains about it, not we. */
function readDaemon(file: string): { readonly mirrors: string[]; readonly insecure: string[] } {
  let value: Record<string, unknown>;
  try {
    value = Object(JSON.parse(readFileSync(file, 'utf8'))) as Record<string, unknown>;
  } catch {
    return { mirrors: [], insecure: [] };
  }
  const strings = (list: unknown) =>
    Array.isArray(list) ? list.filter((item): item is string => typeof item === 'string') : [];
  return { mirrors: strings(value['registry-mirrors']), insecure: strings(value['insecure-registries']) };
}
