// One input as a flat set of attributes, the form that `flake.lock` keeps: which attributes each type takes, and what
// counts as locked. Source: Nix's libfetchers, as of 2.34, plus our own type `debian`. Mercurial is refused when
// fetched, not when read.
import { flakeError } from './flake-error.ts';
import { isLegalRefName, parseGitUrl } from './git-url.ts';
import { writeJson } from './json.ts';
import { compareText, writeUrl } from './url.ts';

export type InputAttribute = string | number | boolean;

/** Attributes of an input: `type` and what that type takes. Integers are non-negative. */
export type InputAttributes = Readonly<Record<string, InputAttribute>>;

/** Attributes of the types `tarball` and `file`. */
export const tarballAttributes: readonly string[] = [
  'url',
  'narHash',
  'name',
  'unpack',
  'rev',
  'revCount',
  'lastModified',
];
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
/** Attributes that are integers. */
export const integerAttributes: ReadonlySet<string> = new Set(['revCount', 'lastModified']);
/** Attributes of git inputs that are Booleans. */
export const gitBooleans: ReadonlySet<string> = new Set([
  'shallow',
  'submodules',
  'lfs',
  'exportIgnore',
  'allRefs',
  'verifyCommit',
]);

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
      checkRevision(attributes);
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

/** A commit is 40 hexadecimal digits, or 64 in a SHA-256 repository. */
function checkRevision(attributes: InputAttributes): void {
  const rev = stringAttribute(attributes, 'rev');
  if (rev !== undefined && !/^(?:[0-9a-fA-F]{40}|[0-9a-fA-F]{64})$/.test(rev))
    throw flakeError('bad-attribute', `hash '${rev}' has wrong length for hash algorithm 'sha1'`, {
      hint: 'give the whole commit hash, as `git rev-parse` prints it',
    });
}

function checkForge(attributes: InputAttributes): InputAttributes {
  requiredString(attributes, 'owner');
  requiredString(attributes, 'repo');
  const ref = stringAttribute(attributes, 'ref');
  const rev = stringAttribute(attributes, 'rev');
  const shown = () => writeJson(attributes);
  if (ref !== undefined && rev !== undefined)
    throw flakeError(
      'bad-url',
      `input ${shown()} contains both a commit hash ('${rev}') and a branch/tag name ('${ref}')`,
    );
  checkRevision(attributes);
  if (ref !== undefined && !isLegalRefName(ref))
    throw flakeError('bad-url', `input ${shown()} contains an invalid branch/tag name`);
  const host = stringAttribute(attributes, 'host');
  if (host !== undefined && !/^[a-zA-Z0-9.-]*$/.test(host))
    throw flakeError('bad-url', `input ${shown()} contains an invalid instance host`);
  return attributes;
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

/** The attribute as a string, or undefined. Throws `flake/bad-attribute` when it is something else. */
export function stringAttribute(attributes: InputAttributes, name: string): string | undefined {
  const value = Object.hasOwn(attributes, name) ? attributes[name] : undefined;
  if (value === undefined || typeof value === 'string') return value;
  throw flakeError('bad-attribute', `input attribute '${name}' is not a string ${writeJson(attributes)}`);
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
  if (/^(?:md5|sha1|sha512)-/.test(text)) throw flakeError('bad-attribute', 'narHash must use SHA-256');
  if (match === null)
    throw flakeError('bad-attribute', `narHash '${text}' is not a SHA-256 hash in SRI form`, {
      hint: 'it looks like sha256-…= with 43 base-64 digits',
    });
  return `sha256-${match[1]}=`;
}
