// Where the Docker engine (or Podman's compatible service) listens: DOCKER_HOST, then DOCKER_CONTEXT, then the current
// context, then the well-known sockets; the order of the Docker CLI. ssh:// and Windows pipes are refused by name.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemErrorCode, TrimaranError } from '../foundation/error.ts';
import { homeFolder } from '../foundation/home-folder.ts';
import type { Host } from '../foundation/host.ts';
import { dockerConfigFolder, readDockerConfig } from './docker-config.ts';

export interface EngineTls {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  /** False only where a context says so. */
  readonly verify: boolean;
}

export type EngineEndpoint = (
  | { readonly kind: 'unix'; readonly socketPath: string }
  | { readonly kind: 'tcp'; readonly hostname: string; readonly port: number; readonly tls?: EngineTls }
) & {
  /** As the user would write it, such as `unix:///var/run/docker.sock`. */
  readonly address: string;
  /** What named it: `DOCKER_HOST`, `context NAME` or `default`. */
  readonly source: string;
};

function unsupported(address: string, source: string, why: string, hint: string): TrimaranError {
  return new TrimaranError({
    code: 'oci/unsupported-engine-address',
    message: `cannot use the engine address ${JSON.stringify(address)} from ${source}: ${why}`,
    hint,
    exitCode: 4,
  });
}

/** Reads an address such as DOCKER_HOST holds. Throws `oci/unsupported-engine-address`. */
export function parseEngineAddress(address: string, source: string, tls?: EngineTls): EngineEndpoint {
  const form = 'write it as unix:///var/run/docker.sock or tcp://HOST:PORT';
  const match = /^([a-z]+):\/\/(.*)$/.exec(address);
  if (match === null) throw unsupported(address, source, 'it has no scheme', form);
  const [, scheme, rest] = match as unknown as [string, string, string];
  switch (scheme) {
    case 'unix':
      if (!rest.startsWith('/')) throw unsupported(address, source, 'the socket path is not absolute', form);
      return { kind: 'unix', socketPath: rest, address, source };
    case 'tcp':
    case 'http':
    case 'https': {
      let url: URL;
      try {
        url = new URL(`http://${rest}`);
      } catch {
        throw unsupported(address, source, 'it is not HOST:PORT', form);
      }
      if (url.username !== '' || url.password !== '') {
        throw unsupported(`${scheme}://***`, source, 'it has credentials', form);
      }
      const secure = scheme === 'https' || tls !== undefined;
      return {
        kind: 'tcp',
        hostname: url.hostname.replace(/^\[|\]$/g, ''),
        port: url.port === '' ? (secure ? 2376 : 2375) : Number(url.port),
        ...(secure ? { tls: tls ?? { verify: true } } : {}),
        address,
        source,
      };
    }
    case 'ssh':
      throw unsupported(
        address,
        source,
        'engines over ssh are not supported',
        `forward the socket: ssh -nNT -L /tmp/docker.sock:/var/run/docker.sock ${rest || 'HOST'} & export DOCKER_HOST=unix:///tmp/docker.sock`,
      );
    default:
      throw unsupported(address, source, `${scheme}:// is not supported`, form);
  }
}

async function optionalFile(file: string): Promise<Buffer | undefined> {
  try {
    return await readFile(file);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw new TrimaranError({
      code: 'oci/engine-tls',
      message: `cannot read ${file}: ${systemErrorCode(error) ?? 'unknown error'}`,
      hint: 'check the owner and mode of the file',
      exitCode: 4,
    });
  }
}

async function readTlsFolder(folder: string, verify: boolean): Promise<EngineTls> {
  const [ca, cert, key] = await Promise.all(
    ['ca.pem', 'cert.pem', 'key.pem'].map((name) => optionalFile(join(folder, name))),
  );
  if ((cert === undefined) !== (key === undefined)) {
    throw new TrimaranError({
      code: 'oci/engine-tls',
      message: `${folder} has ${cert === undefined ? 'key.pem but no cert.pem' : 'cert.pem but no key.pem'}`,
      hint: 'put both files there, or point DOCKER_CERT_PATH at the folder that has them',
      exitCode: 4,
    });
  }
  return {
    verify,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

async function endpointOfContext(host: Pick<Host, 'env'>, name: string): Promise<EngineEndpoint> {
  const source = `context ${name}`;
  const id = createHash('sha256').update(name).digest('hex');
  const folder = join(dockerConfigFolder(host), 'contexts');
  const missing = (why: string) =>
    new TrimaranError({
      code: 'oci/bad-engine-context',
      message: `cannot use the Docker context ${JSON.stringify(name)}: ${why}`,
      hint: 'run `docker context ls`, or `docker context use default`',
      exitCode: 4,
    });
  const bytes = await optionalFile(join(folder, 'meta', id, 'meta.json'));
  if (bytes === undefined) throw missing('there is none of that name');
  let docker: { Host?: unknown; SkipTLSVerify?: unknown } | undefined;
  try {
    docker = JSON.parse(bytes.toString('utf8'))?.Endpoints?.docker;
  } catch {
    throw missing('its meta.json is not JSON');
  }
  if (typeof docker?.Host !== 'string') throw missing('it has no Docker endpoint');
  const tlsFolder = join(folder, 'tls', id, 'docker');
  const tls = existsSync(tlsFolder)
    ? await readTlsFolder(tlsFolder, docker.SkipTLSVerify !== true)
    : undefined;
  return parseEngineAddress(docker.Host, source, tls);
}

/** Sockets to look for when nothing names one; rootless ones first when the user is not root. */
function wellKnownSockets(host: Pick<Host, 'env'>): string[] {
  const runtime = host.env.XDG_RUNTIME_DIR;
  return [
    '/var/run/docker.sock',
    ...(runtime ? [join(runtime, 'docker.sock'), join(runtime, 'podman/podman.sock')] : []),
    '/run/podman/podman.sock',
  ];
}

/**
 * The engine that this user's `docker` would talk to, else the first well-known socket that exists, else undefined.
 * Does not connect. Throws `oci/unsupported-engine-address`, `oci/bad-engine-context`, `oci/bad-docker-config` and
 * `oci/engine-tls`.
 */
export async function findEngineEndpoint(host: Pick<Host, 'env'>): Promise<EngineEndpoint | undefined> {
  const { DOCKER_HOST, DOCKER_CONTEXT, DOCKER_TLS_VERIFY, DOCKER_CERT_PATH } = host.env;
  if (DOCKER_HOST) {
    const wantsTls = Boolean(DOCKER_TLS_VERIFY || DOCKER_CERT_PATH) && !DOCKER_HOST.startsWith('unix:');
    const folder = DOCKER_CERT_PATH || join(homeFolder(host.env) ?? '/', '.docker');
    const tls = wantsTls ? await readTlsFolder(folder, true) : undefined;
    return parseEngineAddress(DOCKER_HOST, 'DOCKER_HOST', tls);
  }
  const context = DOCKER_CONTEXT || (await readDockerConfig(host)).currentContext;
  if (context && context !== 'default') return endpointOfContext(host, context);
  for (const socketPath of wellKnownSockets(host)) {
    if (existsSync(socketPath)) {
      return { kind: 'unix', socketPath, address: `unix://${socketPath}`, source: 'default' };
    }
  }
  return undefined;
}
