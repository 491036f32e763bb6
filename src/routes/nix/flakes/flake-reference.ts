// Flake references: an input and the folder in it that holds flake.nix. Written as a URL (`github:a/b?dir=x`), an id
// (`nixpkgs/unstable`), a path (`./x`), or as attributes. Source: Nix's libflake, as of 2.34.
import { existsSync, lstatSync, realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { isTrimaranError } from '../../../foundation/error.ts';
import { flakeError, systemCode } from './flake-error.ts';
import {
  type InputAttributes,
  inputFromAttributes,
  inputsEqual,
  sortedAttributes,
  stringAttribute,
} from './input.ts';
import { inputFromUrl, inputToUrl, showInput } from './input-url.ts';
import {
  decodeQuery,
  encodeLenientQuery,
  type ParsedUrl,
  parseUrl,
  pathToUrlPath,
  percentDecode,
  redactUrl,
  urlPathToPath,
  writeUrl,
} from './url.ts';

/** Which flake: an input, and the folder of its tree that holds flake.nix (`''` for the root). */
export interface FlakeReference {
  readonly input: InputAttributes;
  readonly subdir: string;
}

/** How {@link parseFlakeReference} reads its text. */
export interface ParseFlakeReferenceOptions {
  /** Absolute folder that relative paths start from; without it, only absolute paths and URLs are taken. */
  readonly baseDirectory?: string;
  /** Do not ask that a path holds a flake.nix yet. */
  readonly allowMissing?: boolean;
  /** False for an input with `flake = false`: paths are taken as they are, `https://…` is a file. Default true. */
  readonly isFlake?: boolean;
  /** Without a base: keep `./x` as a path relative to the flake that says it. */
  readonly preserveRelativePaths?: boolean;
  /** Takes what Nix would say as a warning or a notice. */
  readonly warn?: (message: string) => void;
}

const commit = '[0-9a-fA-F]{40}';
const branch = '[a-zA-Z0-9@][a-zA-Z0-9_./@+-]*';
const fragmentText = '(?:[a-zA-Z0-9\\-._~!$&\'()*+,;=:@/? "^]|%[0-9a-fA-F]{2})*';
const idReference = new RegExp(
  `^([a-zA-Z][a-zA-Z0-9_-]*(?:/(?:${commit}|${branch}(?:/${commit})?))?)(?:#(${fragmentText}))?$`,
);

/**
 * A reference without a fragment. Throws `flake/bad-reference`, `flake/bad-url`, `flake/bad-attribute`,
 * `flake/unsupported-reference`, and `flake/not-found` for a path without flake.nix.
 *
 * @example
 * parseFlakeReference('github:NixOS/nixpkgs/nixos-unstable?dir=lib').subdir; // 'lib'
 */
export function parseFlakeReference(text: string, options: ParseFlakeReferenceOptions = {}): FlakeReference {
  const { reference, fragment } = parseFlakeReferenceWithFragment(text, options);
  if (fragment !== '')
    throw flakeError(
      'bad-reference',
      `unexpected fragment '${fragment}' in flake reference '${redactUrl(text)}'`,
    );
  return reference;
}

/** A reference and what follows `#`, decoded. Throws as {@link parseFlakeReference}. */
export function parseFlakeReferenceWithFragment(
  text: string,
  options: ParseFlakeReferenceOptions = {},
): { readonly reference: FlakeReference; readonly fragment: string } {
  const id = idReference.exec(text);
  if (id !== null)
    return {
      reference: {
        input: inputFromUrl(bareUrl('flake', id[1]!.split('/')), { isTree: options.isFlake !== false }),
        subdir: '',
      },
      fragment: percentDecode(id[2] ?? ''),
    };
  let urlProblem: string | undefined;
  try {
    return referenceFromUrl(absoluteUrl(parseUrl(text, { lenient: true }), options), options);
  } catch (error) {
    // As in Nix, what is no URL may still be a path.
    if (!isTrimaranError(error, 'flake/bad-url')) throw error;
    // Nix knows no `debian:`; who writes it means a release, and `./debian:x` is a path.
    if (text.startsWith('debian:')) throw error;
    urlProblem = error.message;
  }
  return referenceFromPath(text, options, urlProblem);
}

function bareUrl(scheme: string, path: readonly string[]): ParsedUrl {
  return { scheme, path, query: new Map(), fragment: '' };
}

function absoluteUrl(url: ParsedUrl, options: ParseFlakeReferenceOptions): ParsedUrl {
  if (options.baseDirectory === undefined || (url.scheme !== 'path' && url.scheme !== 'git+file')) return url;
  const path = urlPathToPath(url.path);
  return path.startsWith('/') ? url : { ...url, path: pathToUrlPath(resolve(options.baseDirectory, path)) };
}

function referenceFromUrl(url: ParsedUrl, options: ParseFlakeReferenceOptions) {
  const query = new Map(url.query);
  const subdir = query.get('dir') ?? '';
  query.delete('dir');
  const input = inputFromUrl({ ...url, query, fragment: '' }, { isTree: options.isFlake !== false });
  return { reference: { input, subdir }, fragment: url.fragment };
}

function referenceFromPath(
  text: string,
  options: ParseFlakeReferenceOptions,
  urlProblem: string | undefined,
): { readonly reference: FlakeReference; readonly fragment: string } {
  const match = /^([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s.exec(text);
  if (match === null || text.includes('\0')) throw flakeError('bad-reference', `invalid flakeref '${text}'`);
  const query = decodeQuery(encodeLenientQuery(match[2] ?? ''));
  const fragment = percentDecode(match[3] ?? '');
  let path = match[1]!;
  if (options.baseDirectory === undefined) {
    if (options.preserveRelativePaths !== true && !path.startsWith('/'))
      throw flakeError('bad-reference', `flake reference '${redactUrl(text)}' is not an absolute path`, {
        hint: text.includes(':') ? urlProblem : undefined,
      });
  } else {
    path = realPath(resolve(options.baseDirectory, path));
    if (options.isFlake !== false) {
      const found = findFlake(path, { ...options, text, urlProblem });
      path = found;
      const repository = findRepository(found);
      if (repository !== undefined) {
        if (repository.subdir !== '') {
          if (query.has('dir'))
            throw flakeError('bad-reference', `flake URL '${text}' has an inconsistent 'dir' parameter`);
          query.set('dir', repository.subdir);
        }
        if (existsSync(join(repository.root, '.git', 'shallow'))) query.set('shallow', '1');
        return referenceFromUrl(
          {
            ...bareUrl('git+file', pathToUrlPath(repository.root)),
            authority: { host: '' },
            query,
            fragment,
          },
          options,
        );
      }
    }
  }
  return referenceFromUrl(
    {
      ...bareUrl('path', pathToUrlPath(path)),
      ...(path.startsWith('/') ? { authority: { host: '' } } : {}),
      query,
      fragment,
    },
    options,
  );
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return path;
  }
}

// From a folder without flake.nix, Nix looks upward until a repository or a file system ends.
function findFlake(
  start: string,
  options: ParseFlakeReferenceOptions & { readonly text: string; readonly urlProblem: string | undefined },
): string {
  const warn = options.warn ?? (() => {});
  const hint = 'go to the folder that holds flake.nix, or name it: `trimaran nix build PATH#NAME`';
  let path = start;
  let device: number;
  try {
    const status = lstatSync(path);
    device = status.dev;
    if (!status.isDirectory()) {
      if (basename(path) !== 'flake.nix')
        throw flakeError('bad-reference', `path "${path}" is not a flake (because it's not a directory)`, {
          hint,
        });
      warn(
        `Path "${path}" should point at the directory containing the 'flake.nix' file, not the file itself. ` +
          `Pretending that you meant "${dirname(path)}"`,
      );
      path = dirname(path);
    }
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    throw flakeError('not-found', `path '${path}' does not exist`, {
      cause: error,
      hint: options.text.includes(':') ? options.urlProblem : hint,
    });
  }
  const hasFlake = (directory: string) => existsSync(join(directory, 'flake.nix'));
  if (options.allowMissing === true || hasFlake(path)) return path;
  warn(`path "${path}" does not contain a 'flake.nix', searching up`);
  for (let directory = path; ; directory = dirname(directory)) {
    if (dirname(directory) === directory)
      throw flakeError('not-found', 'could not find a flake.nix file', { hint });
    if (hasFlake(directory)) return directory;
    if (existsSync(join(directory, '.git')))
      throw flakeError(
        'not-found',
        `path "${directory}" is not part of a flake (neither it nor its parent directories contain a 'flake.nix' file)`,
        { hint },
      );
    if (lstatSync(directory).dev !== device)
      throw flakeError(
        'not-found',
        `unable to find a flake before encountering filesystem boundary at "${directory}"`,
        { hint },
      );
  }
}

function findRepository(
  flakeDirectory: string,
): { readonly root: string; readonly subdir: string } | undefined {
  let subdir = '';
  for (let root = flakeDirectory; dirname(root) !== root; root = dirname(root)) {
    if (existsSync(join(root, '.git'))) return { root, subdir };
    subdir = subdir === '' ? basename(root) : `${basename(root)}/${subdir}`;
  }
  return undefined;
}

/** A reference from attributes as in `flake.lock` or an input's set (`dir` names the folder). Throws as `inputFromAttributes`. */
export function flakeReferenceFromAttributes(attributes: InputAttributes): FlakeReference {
  const { dir: _dir, ...input } = attributes;
  return { input: inputFromAttributes(input), subdir: stringAttribute(attributes, 'dir') ?? '' };
}

/** The attributes of a reference, sorted: the form in `flake.lock`. */
export function flakeReferenceToAttributes(reference: FlakeReference): InputAttributes {
  return sortedAttributes(
    reference.subdir === '' ? reference.input : { ...reference.input, dir: reference.subdir },
  );
}

/** The reference as a URL; passwords included, so use {@link showFlakeReference} in messages. */
export function writeFlakeReference(reference: FlakeReference): string {
  const url = inputToUrl(reference.input);
  if (reference.subdir === '') return writeUrl(url);
  return writeUrl({ ...url, query: new Map([['dir', reference.subdir], ...url.query]) });
}

/** The reference for people: its URL without passwords. */
export function showFlakeReference(reference: FlakeReference): string {
  try {
    return redactUrl(writeFlakeReference(reference));
  } catch {
    return showInput(reference.input);
  }
}

/** Whether two references are the same, attribute by attribute. */
export function flakeReferencesEqual(a: FlakeReference, b: FlakeReference): boolean {
  return a.subdir === b.subdir && inputsEqual(a.input, b.input);
}

/**
 * Drops a `dir` that old versions of Nix left in `url` too, so that their locks are not taken for stale.
 */
export function canonicalFlakeReference(reference: FlakeReference): FlakeReference {
  const url = reference.input.url;
  if (typeof url !== 'string') return reference;
  let parsed: ParsedUrl;
  try {
    parsed = parseUrl(url, { lenient: true });
  } catch (error) {
    if (isTrimaranError(error, 'flake/bad-url')) return reference;
    throw error;
  }
  const query = new Map(parsed.query);
  if (reference.subdir !== '' && query.get('dir') === reference.subdir) query.delete('dir');
  return { ...reference, input: { ...reference.input, url: writeUrl({ ...parsed, query }) } };
}
