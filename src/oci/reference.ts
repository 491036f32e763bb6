// Image references as people type them, `localhost:5000/team/app:1.2@sha256:…`, by the grammar of the distribution
// project: https://github.com/distribution/reference (regexp.go and normalize.go give the normal form).
import { TrimaranError } from '../foundation/error.ts';
import { parseSha256Digest, type Sha256Digest } from './descriptor.ts';

/** A reference in normal form; `parseReference('nginx')` is `docker.io`, `library/nginx`, no tag. */
export interface Reference {
  /** Registry's host, with a port where one was written: `docker.io`, `localhost:5000`, `[::1]:5000`. */
  readonly domain: string;
  /** Repository within the registry: `library/nginx`. */
  readonly path: string;
  readonly tag?: string;
  readonly digest?: Sha256Digest;
}

const domainComponent = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const domainPattern = new RegExp(
  `^(?:${domainComponent}(?:\\.${domainComponent})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]{1,5})?$`,
);
const pathComponentPattern = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const tagPattern = /^\w[\w.-]{0,127}$/;

/** Longest repository name, domain included, that the distribution specification lets pass. */
const longestName = 255;

function fail(text: string, why: string, hint?: string): never {
  // What people take for a user and password is not repeated.
  const safe = text.replace(/[^/@\s]*:[^/@\s]*@(?!sha\d+:)/g, '***@');
  const shown = safe.length > 120 ? `${safe.slice(0, 120)}…` : safe;
  throw new TrimaranError({
    code: 'oci/bad-reference',
    message: `${JSON.stringify(shown)} is not an image reference: ${why}`,
    hint: hint ?? 'write it as [HOST[:PORT]/]NAME[:TAG][@sha256:DIGEST]',
    exitCode: 2,
  });
}

function splitDomain(name: string): { domain: string; path: string } {
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  // Only a first part that cannot be a Docker Hub user is a host; an upper-case one cannot be a user either.
  const isHost = /[.:[]/.test(first) || first === 'localhost' || first !== first.toLowerCase();
  if (slash < 0 || !isHost) {
    return { domain: 'docker.io', path: name.includes('/') ? name : `library/${name}` };
  }
  const rest = name.slice(slash + 1);
  if (first === 'docker.io' || first === 'index.docker.io') {
    return { domain: 'docker.io', path: rest.includes('/') ? rest : `library/${rest}` };
  }
  return { domain: first, path: rest };
}

/**
 * Parses a reference and brings it to normal form. Throws `oci/bad-reference`.
 *
 * @example
 * parseReference('localhost:5000/app:1'); // { domain: 'localhost:5000', path: 'app', tag: '1' }
 */
export function parseReference(text: string): Reference {
  if (text === '') fail(text, 'it is empty');
  if (text.length > 1024) fail(text, 'it is too long');
  if (/\s/.test(text)) fail(text, 'it contains white space');
  let name = text;
  let digest: Sha256Digest | undefined;
  const at = name.indexOf('@');
  if (at >= 0) {
    digest = parseSha256Digest(name.slice(at + 1));
    if (digest === undefined) fail(text, 'the digest after `@` is not sha256: and 64 hexadecimal digits');
    name = name.slice(0, at);
  }
  let tag: string | undefined;
  const colon = name.lastIndexOf(':');
  if (colon > name.lastIndexOf('/')) {
    tag = name.slice(colon + 1);
    if (!tagPattern.test(tag)) {
      fail(text, `the tag ${JSON.stringify(tag)} must be 1 to 128 letters, digits, \`_\`, \`.\` or \`-\``);
    }
    name = name.slice(0, colon);
  }
  if (name === '') fail(text, 'the name is missing');
  if (/^[0-9a-f]{64}$/.test(name)) {
    fail(text, 'a name of 64 hexadecimal digits is an image id', `write it as sha256:${name}`);
  }
  const { domain, path } = splitDomain(name);
  if (!domainPattern.test(domain)) fail(text, `${JSON.stringify(domain)} is not a host name`);
  const port = /:(\d+)$/.exec(domain)?.[1];
  if (port !== undefined && Number(port) > 65535) fail(text, `${port} is not a port`);
  if (`${domain}/${path}`.length > longestName)
    fail(text, `the name is longer than ${longestName} characters`);
  for (const component of path.split('/')) {
    if (component === '') fail(text, 'a part between slashes is empty');
    if (pathComponentPattern.test(component)) continue;
    if (component !== component.toLowerCase()) {
      fail(text, `${JSON.stringify(component)} has upper-case letters`, `write it as ${text.toLowerCase()}`);
    }
    fail(
      text,
      `${JSON.stringify(component)} is not made of a-z, 0-9 and single separators \`.\`, \`_\`, \`-\``,
    );
  }
  return { domain, path, ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) };
}

/** The same reference with the tag `latest` when it has neither tag nor digest. */
export function withDefaultTag(reference: Reference): Reference {
  return reference.tag === undefined && reference.digest === undefined
    ? { ...reference, tag: 'latest' }
    : reference;
}

function suffix(reference: Reference): string {
  return `${reference.tag === undefined ? '' : `:${reference.tag}`}${
    reference.digest === undefined ? '' : `@${reference.digest}`
  }`;
}

/** Normal form in full: `docker.io/library/nginx:1.25`. */
export function writeReference(reference: Reference): string {
  return `${reference.domain}/${reference.path}${suffix(reference)}`;
}

/** The form Docker shows and archives carry: `nginx:1.25`, `localhost:5000/app:1`. */
export function writeFamiliarReference(reference: Reference): string {
  if (reference.domain !== 'docker.io') return writeReference(reference);
  const official = /^library\/([^/]+)$/.exec(reference.path)?.[1];
  // `localhost/app` below docker.io must keep its domain, or it would be read back as another registry's.
  const short = official ?? reference.path;
  const roundTrips = splitDomain(short).domain === 'docker.io';
  return roundTrips ? `${short}${suffix(reference)}` : writeReference(reference);
}
