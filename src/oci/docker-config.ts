// What ~/.docker/config.json (or $DOCKER_CONFIG/config.json) says about contexts and credentials. Only the parts that
// an image tool needs; credentials are read elsewhere (registry-credentials.ts) and never shown.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemErrorCode, TrimaranError } from '../foundation/error.ts';
import { homeFolder } from '../foundation/home-folder.ts';
import type { Host } from '../foundation/host.ts';

export interface DockerConfig {
  readonly currentContext?: string;
  /** By registry: `auth` is base64 of `user:password`. */
  readonly auths: Readonly<Record<string, DockerAuthEntry>>;
  /** By registry: the suffix of a `docker-credential-…` program. */
  readonly credHelpers: Readonly<Record<string, string>>;
  /** The helper for all other registries. */
  readonly credsStore?: string;
}

export interface DockerAuthEntry {
  readonly auth?: string;
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
}

/** The folder of Docker's configuration: $DOCKER_CONFIG, else `.docker` in the home folder. */
export function dockerConfigFolder(host: Pick<Host, 'env'>): string {
  const explicit = host.env.DOCKER_CONFIG;
  return explicit !== undefined && explicit !== '' ? explicit : join(homeFolder(host.env) ?? '/', '.docker');
}

function record<Value>(value: unknown, isValue: (item: unknown) => boolean): Record<string, Value> {
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(Object.entries(value).filter(([, item]) => isValue(item)));
}

/** Reads Docker's configuration; an absent file is an empty one. Throws `oci/bad-docker-config`. */
export async function readDockerConfig(host: Pick<Host, 'env'>): Promise<DockerConfig> {
  const file = join(dockerConfigFolder(host), 'config.json');
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return { auths: {}, credHelpers: {} };
    throw badConfig(file, code ?? 'it cannot be read');
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's message would quote the file, credentials and all.
    throw badConfig(file, 'it is not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw badConfig(file, 'it is not a JSON object');
  }
  const fields = value as Record<string, unknown>;
  const isObject = (item: unknown) => typeof item === 'object' && item !== null;
  const isString = (item: unknown) => typeof item === 'string';
  return {
    auths: record<DockerAuthEntry>(fields.auths, isObject),
    credHelpers: record<string>(fields.credHelpers, isString),
    ...(typeof fields.credsStore === 'string' && fields.credsStore !== ''
      ? { credsStore: fields.credsStore }
      : {}),
    ...(typeof fields.currentContext === 'string' ? { currentContext: fields.currentContext } : {}),
  };
}

function badConfig(file: string, why: string): TrimaranError {
  return new TrimaranError({
    code: 'oci/bad-docker-config',
    message: `cannot use ${file}: ${why}`,
    hint: 'repair the file, or point DOCKER_CONFIG at another folder',
    exitCode: 4,
  });
}
