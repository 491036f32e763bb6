// What can go wrong between us and a registry, each with a code of its own and the next thing to do.
import { systemErrorCode, TrimaranError } from '../foundation/error.ts';
import type { HttpAnswer } from '../foundation/http-read.ts';

const longestMessage = 300;

/** What the registry itself says, in the specification's JSON or in plain text; cut, and on one line. */
async function messageOf(response: HttpAnswer): Promise<string> {
  let text = '';
  try {
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk, { stream: true });
      if (text.length >= 65_536) break;
    }
  } catch {
    // The status says enough.
  }
  try {
    const errors = (JSON.parse(text) as { errors?: { code?: unknown; message?: unknown }[] }).errors;
    const first = errors?.[0];
    if (first !== undefined) text = String(first.message || first.code);
  } catch {
    if (/^\s*</.test(text)) text = '';
  }
  const line = text.replace(/[\s\x00-\x1f\x7f]+/g, ' ').trim();
  return line.length > longestMessage ? `${line.slice(0, longestMessage)}…` : line;
}

/**
 * The error for an answer with a status that was not hoped for. `label` says what was asked for, `domain` of whom. Codes:
 * `oci/registry-unauthorized`, `-forbidden`, `-not-found`, `-too-many-requests`, `-unavailable`, `-error`.
 */
export async function registryRefusal(
  response: HttpAnswer,
  {
    label,
    domain,
    sentCredentials = false,
  }: { readonly label: string; readonly domain: string; readonly sentCredentials?: boolean },
): Promise<TrimaranError> {
  const said = await messageOf(response);
  const because = said === '' ? '' : `: ${said}`;
  const { status } = response;
  const error = (code: string, message: string, hint: string) =>
    new TrimaranError({ code: `oci/registry-${code}`, message: `${message}${because}`, hint, exitCode: 4 });
  switch (true) {
    case status === 401 && sentCredentials:
      return error(
        'unauthorized',
        `${domain} does not accept the user and password that this machine has, for ${label} (status 401)`,
        `run \`docker login ${domain}\` again`,
      );
    case status === 401:
      return error(
        'unauthorized',
        `${domain} wants to know who asks for ${label} (status 401)`,
        `run \`docker login ${domain}\`; registries also answer so for a name that does not exist`,
      );
    case status === 403:
      return error(
        'forbidden',
        `${domain} does not let this user have ${label} (status 403)`,
        `ask its owner for access, or run \`docker login ${domain}\` as somebody else`,
      );
    case status === 404:
      return error('not-found', `${label} is not at ${domain} (status 404)`, 'check the name and the tag');
    case status === 429:
      return error(
        'too-many-requests',
        `${domain} limits how often it is asked, and refused ${label} (status 429)`,
        `wait, run \`docker login ${domain}\` for a higher limit, or set TRIMARAN_REGISTRY_MIRROR`,
      );
    case status >= 500:
      return error(
        'unavailable',
        `${domain} cannot give ${label} now (status ${status})`,
        'run the command again in some minutes, or set TRIMARAN_REGISTRY_MIRROR',
      );
    default:
      return error(
        'error',
        `${domain} refused ${label} (status ${status})`,
        'check the name, and the registry’s log',
      );
  }
}

/** The error for a token that the registry refuses although it has just been given out. */
export function expiredToken(domain: string, label: string): TrimaranError {
  return new TrimaranError({
    code: 'oci/registry-token-rejected',
    message: `${domain} refuses the token that its own token server gave for ${label}: expired, or for another scope`,
    hint: `check this machine’s clock, and run \`docker login ${domain}\``,
    exitCode: 4,
  });
}

/** The error for a connection that could not be made, or broke before there was an answer. */
export function unreachable(domain: string, cause: unknown): TrimaranError {
  const inner = cause instanceof Error && cause.cause !== undefined ? cause.cause : cause;
  const code = systemErrorCode(inner);
  if (/^(?:ERR_TLS|ERR_SSL|EPROTO|CERT_|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED)/.test(code ?? '')) {
    return new TrimaranError({
      code: 'oci/registry-tls',
      message: `${domain} cannot be trusted, or does not speak TLS (${code})`,
      hint: 'put its certificate authority into NODE_EXTRA_CA_CERTS, or allow plain HTTP: TRIMARAN_REGISTRY_INSECURE=HOST',
      exitCode: 4,
      cause,
    });
  }
  if (code === 'ERR_BAD_REDIRECT') {
    return new TrimaranError({
      code: 'oci/registry-redirect',
      message: `${domain} leads nowhere: ${(inner as Error).message}`,
      hint: 'check the name, or set TRIMARAN_REGISTRY_MIRROR',
      exitCode: 4,
      cause,
    });
  }
  const why = code ?? (inner instanceof Error ? inner.message : String(inner));
  return new TrimaranError({
    code: 'oci/registry-unreachable',
    message: `cannot reach ${domain}: ${why}`,
    hint: 'check the name and the network, or set TRIMARAN_REGISTRY_MIRROR',
    exitCode: 4,
    cause,
  });
}
