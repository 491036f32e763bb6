// One input as a flat set of attributes, the form that `flake.lock` keeps: which attributes each type takes, how a
// URL becomes attributes and back, and what counts as locked. Source: Nix's libfetchers, as of 2.34, plus our own
// type `debian`. Mercurial is refused when fetched, not when read.
import { flakeError } from './flake-error.ts';
import { isLegalRefName, parseGitUrl } from './git-url.ts';
import { parseUnsigned } from './json.ts';
import {
  applicationOf,
  compareText,
  type ParsedUrl,
  parseUrl,
  pathToUrlPath,
  redactUrl,
  transportOf,
  urlPathToPath,
  writeUrl,
} from './url.ts';

export type InputAttribute = string | number | boolean;

/** Attributes of an input: `type` and what that type takes. Integers are non-negative. */
export type InputAttributes = Readonly<Record<string, InputAttribute>>;

const tarballAttributes = ['url', 'narHash', 'name', 'unpack', 'rev', 'revCount', 'lastModified'];
const forgeAttributes = ['owner', 'repo', 'ref', 'rev', 'narHash', 'lastModified', 'host', 'treeHash'];

/** Attributes that each type takes besides `type`. */
const allowedAttributes: Readonly<Record<string, readonly string[]>> = {
  path: ['path', 'rev', 'revCount', 'lastModified', 'narHash'],
  git: [
    ...['url', 'ref', 'rev', 'shallow', 'submodules', 'lfs', 'exportIgnore', 'lastModified', 'revCount'],
    ...['narHash', 'allRefs', 'name', 'dirtyRev', 'dirtyShortRev', 'verifyCommit', 'keytype', 'publicKey'],
    'publicKeys',
  ],
  github: forgeAttributes,
  gitlab: forgeAttributes,
  sourcehut: forgeAttributes,
  tarball: tarballAttributes,
  file: tarballAttributes,
  indirect: ['id', 'ref', 'rev', 'narHash'],
  debian: ['suite', 'timestamp', 'release', 'narHash', 'lastModified'],
};

const commitHash = /^[0-9a-fA-F]{40}$/;
const flakeId = /^[a-zA-Z][a-zA-Z0-9_-]*$/;
const integerAttributes = new Set(['revCount', 'lastModified']);
const gitBooleans = new Set(['shallow', 'submodules', 'lfs', 'exportIgnore', 'allRefs', 'verifyCommit']);

/** Whether `text` is 40 hexadecimal digits. */
export function isCommitHash(text: string): boolean {
  return commitHash.test(text);
}

/**
 * Checks attributes and brings them to Nix's form. An unknown type is kept as it is, so that locks with it can be
 * read. Throws `flake/bad-attribute`, `flake/bad-url`.
 */
export function inputFromAttributes(attributes: InputAttributes): InputAttributes {
  const type = attributes.type;
  if (type === undefined)
    throw flakeError(
      'bad-attribute',
      `'type' attribute to specify input scheme is required but not provided`,
    );
  if (typeof type !== 'string') throw flakeError('bad-attribute', `input attribute 'type' is not a string`);
  const allowed = Object.hasOwn(allowedAttributes, type) ? allowedAttributes[type] : undefined;
  if (allowed !== undefined)
    for (const name of Object.keys(attributes))
      if (name !== 'type' && !allowed.includes(name))
        throw flakeError('bad-attribute', `input attribute '${name}' not supported by scheme '${type}'`);
  for (const name of ['ref', 'rev', 'narHash', 'path', 'url', 'owner', 'repo', 'id', 'host', 'suite'])
    stringAttribute(attributes, name);
  for (const name of integerAttributes) integerAttribute(attributes, name);
  switch (type) {
    case 'path':
      requiredString(attributes, 'path');
      return attributes;
    case 'git': {
      const ref = stringAttribute(attributes, 'ref');
      if (ref !== undefined && !isLegalRefName(ref))
        throw flakeError('bad-url', `invalid Git branch/tag name '${ref}'`);
      for (const name of gitBooleans) booleanAttribute(attributes, name);
      return { ...attributes, url: writeUrl(parseGitUrl(requiredString(attributes, 'url'))) };
    }
    case 'github':
    case 'gitlab':
    case 'sourcehut':
      return checkForge(attributes);
    case 'indirect': {
      const id = requiredString(attributes, 'id');
      if (!flakeId.test(id)) throw flakeError('bad-url', `'${id}' is not a valid flake ID`);
      return attributes;
    }
    case 'debian':
      requiredString(attributes, 'suite');
      return attributes;
    default:
      return attributes;
  }
}

function checkForge(attributes: InputAttributes): InputAttributes {
  requiredString(attributes, 'owner');
  requiredString(attributes, 'repo');
  const ref = stringAttribute(attributes, 'ref');
  const rev = stringAttribute(attributes, 'rev');
  const shown = () => JSON.stringify(attributes);
  if (ref !== undefined && rev !== undefined)
    throw flakeError(
      'bad-url',
      `input ${shown()} contains both a commit hash ('${rev}') and a branch/tag name ('${ref}')`,
    );
  if (rev !== undefined && !commitHash.test(rev))
    throw flakeError('bad-url', `hash '${rev}' has wrong length for hash algorithm 'sha1'`);
  if (ref !== undefined && !isLegalRefName(ref))
    throw flakeError('bad-url', `input ${shown()} contains an invalid branch/tag name`);
  const host = stringAttribute(attributes, 'host');
  if (host !== undefined && !/^[a-zA-Z0-9.-]*$/.test(host))
    throw flakeError('bad-url', `input ${shown()} contains an invalid instance host`);
  return attributes;
}

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
  if (path.length === 3 && commitHash.test(path[2]!)) attributes.rev = path[2]!;
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
  if (path.length === 2 && commitHash.test(second!)) attributes.rev = second!.toLowerCase();
  else if (second !== undefined) {
    if (!isLegalRefName(second))
      throw flakeError(
        'bad-url',
        `in flake URL '${shownUrl(url)}', '${second}' is not a commit hash or branch/tag name`,
      );
    attributes.ref = second;
  }
  if (third !== undefined) {
    if (!commitHash.test(third))
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
      hint: 'timestamps look like 20261101T000000Z',
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
        `don't know how to convert input '${JSON.stringify(sortedAttributes(attributes))}' to a URL`,
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
    return JSON.stringify(sortedAttributes(attributes));
  }
}

/** The attributes in the order in which Nix writes them. */
export function sortedAttributes(attributes: InputAttributes): InputAttributes {
  return Object.fromEntries(Object.entries(attributes).sort(([a], [b]) => compareText(a, b)));
}

/** Whether two inputs have the same attributes. */
export function inputsEqual(a: InputAttributes, b: InputAttributes): boolean {
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && a[name] === b[name])
  );
}

/** Whether the content cannot change under this reference: a commit for git and forges, else a NAR hash. */
export function isLocked(attributes: InputAttributes): boolean {
  switch (attributes.type) {
    case 'git':
      return typeof attributes.rev === 'string' && !/^0*$/.test(attributes.rev);
    case 'github':
    case 'gitlab':
    case 'sourcehut':
      return typeof attributes.rev === 'string';
    case 'path':
    case 'tarball':
    case 'file':
      return typeof attributes.narHash === 'string';
    case 'debian':
      return typeof attributes.timestamp === 'string' || typeof attributes.release === 'string';
    default:
      return false;
  }
}

/** The relative path of a `path:` input that is read from its parent's tree; undefined for any other input. */
export function relativePathOf(attributes: InputAttributes): string | undefined {
  if (attributes.type !== 'path' || typeof attributes.path !== 'string') return undefined;
  return attributes.path.startsWith('/') ? undefined : attributes.path;
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

/** The attribute as a string, or undefined. Throws `flake/bad-attribute` when it is something else. */
export function stringAttribute(attributes: InputAttributes, name: string): string | undefined {
  const value = Object.hasOwn(attributes, name) ? attributes[name] : undefined;
  if (value === undefined || typeof value === 'string') return value;
  throw flakeError(
    'bad-attribute',
    `input attribute '${name}' is not a string ${JSON.stringify(sortedAttributes(attributes))}`,
  );
}

/** The attribute as a string. Throws `flake/bad-attribute` when it is missing or something else. */
export function requiredString(attributes: InputAttributes, name: string): string {
  const value = stringAttribute(attributes, name);
  if (value === undefined) throw flakeError('bad-attribute', `input attribute '${name}' is missing`);
  return value;
}

/** The attribute as an integer, or undefined. Throws `flake/bad-attribute` when it is something else. */
export function integerAttribute(attributes: InputAttributes, name: string): number | undefined {
  const value = Object.hasOwn(attributes, name) ? attributes[name] : undefined;
  if (value === undefined || typeof value === 'number') return value;
  throw flakeError('bad-attribute', `input attribute '${name}' is not an integer`);
}

/** The attribute as a Boolean, or undefined. Throws `flake/bad-attribute` when it is something else. */
export function booleanAttribute(attributes: InputAttributes, name: string): boolean | undefined {
  const value = Object.hasOwn(attributes, name) ? attributes[name] : undefined;
  if (value === undefined || typeof value === 'boolean') return value;
  throw flakeError('bad-attribute', `input attribute '${name}' is not a Boolean`);
}

/**
 * `narHash` as SRI with padding (old locks lack the `=`), the all-zero hash for `''`, or undefined. Throws
 * `flake/bad-attribute` when it is not a SHA-256 in SRI form.
 */
export function normalizedNarHash(attributes: InputAttributes): string | undefined {
  const text = stringAttribute(attributes, 'narHash');
  if (text === undefined) return undefined;
  if (text === '') return `sha256-${Buffer.alloc(32).toString('base64')}`;
  const match = /^sha256-([A-Za-z0-9+/]{43})=?$/.exec(text);
  if (match === null)
    throw flakeError('bad-attribute', `narHash '${text}' is not a SHA-256 hash in SRI form`, {
      hint: 'it looks like sha256-…= with 43 base-64 digits',
    });
  return `sha256-${match[1]}=`;
}
