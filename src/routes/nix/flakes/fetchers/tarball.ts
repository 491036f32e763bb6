// Inputs of type `tarball` and `file`: something that a URL gives, unpacked or as it is. Source: Nix's
// libfetchers/tarball.cc, as of 2.34.
import { lstatSync } from 'node:fs';
import { chmod, copyFile, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { StorePath } from '../../../../formats/store-path.ts';
import { temporaryNameFor } from '../../../../foundation/atomic-file.ts';
import { flakeError, systemCode } from '../flake-error.ts';
import { type InputAttributes, requiredString } from '../input.ts';
import { inputFromUrl } from '../input-url.ts';
import { parseUrl, redactUrl, urlPathToPath } from '../url.ts';
import { addTree, type FetchContext, type FetchResult, storeNameOf, validPath } from './fetch-context.ts';
import { httpDownload } from './http.ts';
import { unpackArchive } from './unpack.ts';

/** A fetched archive's tree in the store. */
export interface FetchedArchive {
  readonly storePath: StorePath;
  readonly lastModified: number;
  readonly immutableUrl?: string;
}

/** Fetches and unpacks a tarball. Throws `flake/fetch-failed`, `flake/bad-archive`, `flake/unsupported-archive`, `flake/not-found`. */
export async function fetchTarball(context: FetchContext, input: InputAttributes): Promise<FetchResult> {
  const url = requiredString(input, 'url');
  const archive = await fetchArchive(context, { url, name: storeNameOf(input) });
  let found = input;
  if (archive.immutableUrl !== undefined) {
    found = inputFromUrl(parseUrl(archive.immutableUrl), { isTree: true });
    if (found.type !== 'tarball')
      throw flakeError(
        'fetch-failed',
        "tarball 'Link' headers that redirect to non-tarball URLs are not supported",
        { exitCode: 4 },
      );
  }
  if (archive.lastModified !== 0 && found.lastModified === undefined)
    found = { ...found, lastModified: archive.lastModified };
  return { input: found, storePath: archive.storePath };
}

/**
 * The tree of an archive. A URL asked for within `tarball-ttl` is not asked again; after that its ETag decides, or
 * with `isImmutable` nothing at all.
 */
export async function fetchArchive(
  context: FetchContext,
  request: {
    readonly url: string;
    readonly name: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly isImmutable?: boolean;
  },
): Promise<FetchedArchive> {
  const { url, name } = request;
  const key = { url, name };
  const cached = context.cache.get('tarball', key);
  const kept = cached === undefined ? undefined : keptArchive(context, cached.value);
  if (cached !== undefined && kept !== undefined)
    if (request.isImmutable === true || cached.age < context.settings.tarballTtl) return kept;
  const shown = redactUrl(url);
  const downloaded = temporaryNameFor(join(context.directory, 'scratch', 'download'));
  try {
    const result = await downloadTo(context, {
      url,
      target: downloaded,
      headers: request.headers,
      etag: kept === undefined ? undefined : textOf(cached?.value.etag),
    });
    if (result.isUnchanged && kept !== undefined) {
      await context.cache.set('tarball', key, cached!.value);
      return kept;
    }
    const unpacked = await unpackArchive(downloaded, shown);
    try {
      const storePath = addTree(context, { name }, unpacked.tree);
      const archive: FetchedArchive = {
        storePath,
        lastModified: unpacked.lastModified,
        ...(result.immutableUrl === undefined ? {} : { immutableUrl: result.immutableUrl }),
      };
      await context.cache.set('tarball', key, {
        ...archive,
        ...(result.etag === undefined ? {} : { etag: result.etag }),
      });
      return archive;
    } finally {
      unpacked.dispose();
    }
  } finally {
    await rm(downloaded, { force: true });
  }
}

function keptArchive(context: FetchContext, value: InputAttributes): FetchedArchive | undefined {
  const storePath = validPath(context, value.storePath);
  const { lastModified } = value;
  if (storePath === undefined || typeof lastModified !== 'number') return undefined;
  const immutableUrl = textOf(value.immutableUrl);
  return { storePath, lastModified, ...(immutableUrl === undefined ? {} : { immutableUrl }) };
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

interface Downloaded {
  readonly isUnchanged: boolean;
  readonly etag?: string;
  readonly immutableUrl?: string;
}

/** The file that a `file:` URL names. Throws `flake/bad-url` when that is not told absolutely. */
export function tarballPath(url: string): string {
  const path = urlPathToPath(parseUrl(url).path);
  if (path.startsWith('/')) return path;
  throw flakeError(
    'bad-url',
    `tarball '${url}' must use an absolute path. The 'file' scheme does not support relative paths.`,
  );
}

async function downloadTo(
  context: FetchContext,
  request: {
    readonly url: string;
    readonly target: string;
    readonly headers?: Readonly<Record<string, string>> | undefined;
    readonly etag?: string | undefined;
  },
): Promise<Downloaded> {
  const { url, target, headers, etag } = request;
  const parsed = parseUrl(url);
  if (parsed.scheme === 'http' || parsed.scheme === 'https')
    return httpDownload(context, { url, target, etag, ...(headers === undefined ? {} : { headers }) });
  if (parsed.scheme !== 'file')
    throw flakeError(
      'unsupported',
      `cannot download '${redactUrl(url)}': only http, https and file URLs are`,
    );
  const path = tarballPath(url);
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) throw flakeError('not-found', `tarball '${path}' does not exist`, { exitCode: 4 });
  if (stat.isDirectory())
    throw flakeError('not-found', `tarball '${path}' is a directory, not a file`, {
      hint:
        lstatSync(join(path, '.git'), { throwIfNoEntry: false }) === undefined
          ? `use path:${path}`
          : `use git+file://${path}`,
    });
  await mkdir(join(target, '..'), { recursive: true });
  try {
    await copyFile(path, target);
    // What is downloaded has no executable bit, and this is no different.
    await chmod(target, 0o600);
  } catch (error) {
    const code = systemCode(error);
    if (code === undefined) throw error;
    throw flakeError('fetch-failed', `cannot read '${path}': ${code}`, { cause: error, exitCode: 4 });
  }
  return { isUnchanged: false };
}

/** Fetches a single file, kept as it is, under the hash of its NAR. Throws `flake/fetch-failed`, `flake/not-found`. */
export async function fetchFile(context: FetchContext, input: InputAttributes): Promise<FetchResult> {
  const { store } = context;
  const name = storeNameOf(input);
  const flat = await fetchFlatFile(context, { url: requiredString(input, 'url'), name });
  return { input, storePath: store.addPath({ source: store.physicalPath(flat), name, method: 'nar' }) };
}

/** Fetches a single file into the store under its own hash. Throws as {@link fetchFile}. */
export async function fetchFlatFile(
  context: FetchContext,
  request: { readonly url: string; readonly name: string },
): Promise<StorePath> {
  const { store, cache } = context;
  const { url, name } = request;
  const cached = cache.get('file', request);
  const kept = cached === undefined ? undefined : validPath(context, cached.value.storePath);
  if (kept !== undefined && cached!.age < context.settings.tarballTtl) return kept;
  const target = temporaryNameFor(join(context.directory, 'scratch', 'download'));
  try {
    const etag = kept === undefined ? undefined : textOf(cached?.value.etag);
    const result = await downloadTo(context, { url, target, etag });
    const storePath =
      result.isUnchanged && kept !== undefined
        ? kept
        : store.addPath({ source: target, name, method: 'flat' });
    await cache.set('file', request, {
      storePath,
      ...(result.etag === undefined ? {} : { etag: result.etag }),
    });
    return storePath;
  } finally {
    await rm(target, { force: true });
  }
}
