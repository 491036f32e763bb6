// Inputs as URLs and back: `github:o/r/branch`, `git+https://…?ref=x`, `path:./x` …
// Source: Nix's libfetchers, as of 2.34, plus our own scheme `debian`.
import { flakeError } from './flake-error.ts';
import { isLegalRefName } from './git-url.ts';
import {
  gitBooleans,
  type InputAttribute,
  type InputAttributes,
  inputFromAttributes,
  integerAttributes,
  isCommitHash,
  normalizedNarHash,
  requiredString,
  stringAttribute,
  tarballAttributes,
} from './input.ts';
import { parseUnsigned, writeJson } from './json.ts';
import {
  applicationOf,
  type ParsedUrl,
  parseUrl,
  pathToUrlPath,
  redactUrl,
  transportOf,
  urlPathToPath,
  writeUrl,
} from './url.ts';

const tarballExtension = /\.(?:zip|tar|tgz|tar\.gz|tar\.xz|tar\.bz2|tar\.zst)$/;

/**
 * Attributes of the input that a URL (without `dir` and fragment) names. `isTree`: whether a plain `https://…` is a
 * tarball even without a tarball's extension (as for flakes), or else a file. Throws `flake/bad-url`,
 * `flake/bad-attribute`, and `flake/unsupported-reference` for a scheme that Nix does not have.
 */
export function inputFromUrl(url: ParsedUrl, options: { readonly isTree: boolean }): InputAttributes {
  const { scheme } = url;
  const application = applicationOf(scheme);
  if (scheme === 'git' || application === 'git') return gitFromUrl(url);
  if (['file', 'http', 'https'].includes(transportOf(scheme))) {
    const isTarball = options.isTree || tarballExtension.test(url.path.at(-1) ?? '');
    if (application === 'file' || (application === undefined && !isTarball)) return curlFromUrl(url, 'file');
    if (application === 'tarball' || application === undefined) return curlFromUrl(url, 'tarball');
  }
  switch (scheme) {
    case 'path':
      return pathFromUrl(url);
    case 'github':
    case 'gitlab':
    case 'sourcehut':
      return forgeFromUrl(url);
    case 'flake':
      return indirectFromUrl(url);
    case 'debian':
      return debianFromUrl(url);
  }
  if (application === 'hg')
    return inputFromAttributes({ type: 'hg', url: writeUrl({ ...url, scheme: transportOf(scheme) }) });
  if (application === 'file' && transportOf(scheme) === 'git')
    throw flakeError(
      'unsupported-reference',
      `input '${shownUrl(url)}' is unsupported; did you mean 'git+file' instead of 'file+git'?`,
    );
  throw flakeError('unsupported-reference', `input '${shownUrl(url)}' is unsupported`);
}

function shownUrl(url: ParsedUrl): string {
  return redactUrl(writeUrl(url));
}

function gitFromUrl(url: ParsedUrl): InputAttributes {
  const attributes: Record<string, InputAttribute> = { type: 'git' };
  const query = new Map<string, string>();
  for (const [name, value] of url.query) {
    if (['rev', 'ref', 'keytype', 'publicKey', 'publicKeys'].includes(name)) attributes[name] = value;
    else if (gitBooleans.has(name)) attributes[name] = value === '1';
    else query.set(name, value);
  }
  attributes.url = writeUrl({ ...url, query });
  return inputFromAttributes(attributes);
}

function curlFromUrl(url: ParsedUrl, type: 'file' | 'tarball'): InputAttributes {
  const attributes: Record<string, InputAttribute> = { type };
  const query = new Map(url.query);
  for (const name of ['narHash', 'rev']) {
    const value = query.get(name);
    if (value !== undefined) attributes[name] = value;
  }
  for (const name of integerAttributes) {
    const value = parseUnsigned(query.get(name) ?? '');
    if (value !== undefined) attributes[name] = value;
  }
  for (const name of tarballAttributes) query.delete(name);
  attributes.url = writeUrl({ ...url, scheme: transportOf(url.scheme), query });
  return inputFromAttributes(attributes);
}

function pathFromUrl(url: ParsedUrl): InputAttributes {
  if (url.authority !== undefined && url.authority.host !== '')
    throw flakeError(
      'bad-attribute',
      `path URL '${shownUrl(url)}' should not have an authority ('${url.authority.host}')`,
    );
  const attributes: Record<string, InputAttribute> = { type: 'path', path: urlPathToPath(url.path) };
  for (const [name, value] of url.query) {
    if (name === 'rev' || name === 'narHash') attributes[name] = value;
    else if (integerAttributes.has(name)) {
      const number = parseUnsigned(value);
      if (number === undefined)
        throw flakeError('bad-attribute', `path URL '${shownUrl(url)}' has invalid parameter '${name}'`);
      attributes[name] = number;
    } else
      throw flakeError('bad-attribute', `path URL '${shownUrl(url)}' has unsupported parameter '${name}'`);
  }
  return attributes;
}

function forgeFromUrl(url: ParsedUrl): InputAttributes {
  const path = url.path.filter((segment) => segment !== '');
  if (path.length < 2) throw flakeError('bad-url', `URL '${shownUrl(url)}' is invalid`);
  const attributes: Record<string, InputAttribute> = { type: url.scheme, owner: path[0]!, repo: path[1]! };
  if (path.length === 3 && isCommitHash(path[2]!)) attributes.rev = path[2]!;
  else if (path.length > 2) attributes.ref = path.slice(2).join('/');
  for (const name of ['rev', 'ref']) {
    const value = url.query.get(name);
    if (value === undefined) continue;
    if (attributes[name] !== undefined)
      throw flakeError(
        'bad-url',
        `URL '${shownUrl(url)}' contains multiple ${name === 'rev' ? 'commit hashes' : 'branch/tag names'}`,
      );
    attributes[name] = value;
  }
  for (const name of ['host', 'narHash']) {
    const value = url.query.get(name);
    if (value !== undefined) attributes[name] = value;
  }
  return inputFromAttributes(attributes);
}

function indirectFromUrl(url: ParsedUrl): InputAttributes {
  const path = url.path.filter((segment) => segment !== '');
  const [id, second, third] = path;
  if (id === undefined || path.length > 3) throw flakeError('bad-url', `URL '${shownUrl(url)}' is invalid`);
  const attributes: Record<string, InputAttribute> = { type: 'indirect', id };
  if (path.length === 2 && isCommitHash(second!)) attributes.rev = second!.toLowerCase();
  else if (second !== undefined) {
    if (!isLegalRefName(second))
      throw flakeError(
        'bad-url',
        `in flake URL '${shownUrl(url)}', '${second}' is not a commit hash or branch/tag name`,
      );
    attributes.ref = second;
  }
  if (third !== undefined) {
    if (!isCommitHash(third))
      throw flakeError('bad-url', `in flake URL '${shownUrl(url)}', '${third}' is not a commit hash`);
    attributes.rev = third.toLowerCase();
  }
  return inputFromAttributes(attributes);
}

function debianFromUrl(url: ParsedUrl): InputAttributes {
  const path = url.path.filter((segment) => segment !== '');
  const [suite, timestamp] = path;
  if (suite === undefined || path.length > 2 || !/^[a-z0-9][a-z0-9.+-]*$/.test(suite))
    throw flakeError(
      'bad-url',
      `'${shownUrl(url)}' is not of the form debian:SUITE or debian:SUITE/TIMESTAMP`,
      {
        hint: 'write it as in debian:bookworm or debian:bookworm/20261101T000000Z',
      },
    );
  if (timestamp !== undefined && !/^[0-9]{8}T[0-9]{6}Z$/.test(timestamp))
    throw flakeError('bad-url', `in '${shownUrl(url)}', '${timestamp}' is not a timestamp`, {
      hint: 'write the day and time in UTC, as in debian:bookworm/20261101T000000Z, or leave it out for the present release',
    });
  for (const name of url.query.keys())
    if (name !== 'release' && name !== 'narHash')
      throw flakeError('bad-attribute', `URL '${shownUrl(url)}' has unsupported parameter '${name}'`);
  return inputFromAttributes({
    ...Object.fromEntries(url.query),
    type: 'debian',
    suite,
    ...(timestamp === undefined ? {} : { timestamp }),
  });
}

/** The input as a URL; `inputFromUrl` undoes it for what a URL can say. */
export function inputToUrl(attributes: InputAttributes): ParsedUrl {
  const query = new Map<string, string>();
  const bare = { fragment: '', query };
  const narHash = normalizedNarHash(attributes);
  switch (attributes.type) {
    case 'path':
      for (const [name, value] of Object.entries(attributes))
        if (name !== 'path' && name !== 'type')
          query.set(name, typeof value === 'boolean' ? (value ? '1' : '0') : String(value));
      return { ...bare, scheme: 'path', path: pathToUrlPath(requiredString(attributes, 'path')) };
    case 'git':
      return gitToUrl(attributes);
    case 'github':
    case 'gitlab':
    case 'sourcehut': {
      const path = ['owner', 'repo', 'ref', 'rev']
        .map((name) => stringAttribute(attributes, name))
        .filter((part) => part !== undefined);
      if (narHash !== undefined) query.set('narHash', narHash);
      const host = stringAttribute(attributes, 'host');
      if (host !== undefined) query.set('host', host);
      return { ...bare, scheme: attributes.type, path };
    }
    case 'tarball':
    case 'file': {
      const url = parseUrl(requiredString(attributes, 'url'));
      if (narHash === undefined) return url;
      return { ...url, query: new Map([...url.query, ['narHash', narHash]]) };
    }
    case 'indirect': {
      const path = ['id', 'ref', 'rev']
        .map((name) => stringAttribute(attributes, name))
        .filter((part) => part !== undefined);
      return { ...bare, scheme: 'flake', path };
    }
    case 'debian': {
      const path = ['suite', 'timestamp']
        .map((name) => stringAttribute(attributes, name))
        .filter((part) => part !== undefined);
      return { ...bare, scheme: 'debian', path };
    }
    default:
      throw flakeError(
        'unsupported-reference',
        `don't know how to convert input '${writeJson(attributes)}' to a URL`,
      );
  }
}

function gitToUrl(attributes: InputAttributes): ParsedUrl {
  const url = parseUrl(requiredString(attributes, 'url'));
  const query = new Map(url.query);
  for (const name of ['rev', 'ref']) {
    const value = stringAttribute(attributes, name);
    if (value !== undefined) query.set(name, value);
  }
  for (const name of gitBooleans) if (name !== 'allRefs' && attributes[name] === true) query.set(name, '1');
  return { ...url, scheme: url.scheme === 'git' ? 'git' : `git+${url.scheme}`, query };
}

/** {@link inputToUrl} as text, without passwords: for messages. */
export function showInput(attributes: InputAttributes): string {
  try {
    return redactUrl(writeUrl(inputToUrl(attributes)));
  } catch {
    return writeJson(attributes);
  }
}

/** Sets branch and commit, as a registry entry does for a reference that names them. Throws `flake/bad-url`. */
export function withRefAndRev(
  attributes: InputAttributes,
  override: { readonly ref?: string | undefined; readonly rev?: string | undefined },
): InputAttributes {
  const { ref, rev } = override;
  if (ref === undefined && rev === undefined) return attributes;
  const set = { ...(ref === undefined ? {} : { ref }), ...(rev === undefined ? {} : { rev }) };
  switch (attributes.type) {
    case 'git': {
      const result = { ...attributes, ...set };
      if (result.rev !== undefined && result.ref === undefined)
        throw flakeError(
          'bad-url',
          `Git input '${showInput(result)}' has a commit hash but no branch/tag name`,
        );
      return result;
    }
    case 'github':
    case 'gitlab':
    case 'sourcehut': {
      if (ref !== undefined && rev !== undefined)
        throw flakeError(
          'bad-url',
          `cannot apply both a commit hash (${rev}) and a branch/tag name ('${ref}') to input '${showInput(attributes)}'`,
        );
      const { ref: _ref, rev: _rev, ...rest } = attributes;
      return { ...rest, ...set };
    }
    case 'indirect':
      return { ...attributes, ...set };
    default:
      throw flakeError(
        'bad-url',
        ref === undefined
          ? `don't know how to set revision of input '${showInput(attributes)}' to '${rev}'`
          : `don't know how to set branch/tag name of input '${showInput(attributes)}' to '${ref}'`,
      );
  }
}
