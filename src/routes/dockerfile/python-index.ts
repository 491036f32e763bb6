// A package index that speaks the simple API, in JSON (PEP 691) or HTML (PEP 503): which files a distribution has, with
// their digests, and what a file's metadata says that it depends on (PEP 658).
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { download } from '../../foundation/download.ts';
import { TrimaranError } from '../../foundation/error.ts';
import type { Host } from '../../foundation/host.ts';
import {
  comparePythonVersions,
  isPrerelease,
  meetsClauses,
  normalPythonName,
  type PythonRequirement,
  type PythonVersion,
  parsePythonRequirement,
  parsePythonVersion,
  parseVersionClauses,
  type VersionClause,
} from '../../languages/dockerfile/python-version.ts';
import { readWheelMetadata } from './wheel-metadata.ts';

/** One file that an index offers. */
export interface IndexedFile {
  readonly filename: string;
  /** Absolute. */
  readonly url: string;
  /** Lower-case hexadecimal. */
  readonly sha256?: string;
  readonly yanked: boolean;
  readonly requiresPython?: string;
  /** Whether `URL.metadata` is there. */
  readonly hasMetadata: boolean;
  readonly version: PythonVersion;
}

const longestPage = 64 << 20;
const longestMetadata = 4 << 20;
const patience = 30_000;

/** Where pip would look first: PIP_INDEX_URL, else PyPI; without a slash at the end. */
export function pythonIndexUrl(env: Host['env']): string {
  const given = env.PIP_INDEX_URL?.trim() ?? '';
  return (given === '' ? 'https://pypi.org/simple' : given).replace(/\/+$/, '');
}

/**
 * The files of a distribution. Rejects with `lock/index-unreachable`, `lock/index-refused` (its status is no success) and
 * `lock/index-bad` (what it says is no page of an index).
 */
export async function readIndexPage(
  host: Pick<Host, 'fetch'>,
  { index, name }: { readonly index: string; readonly name: string },
): Promise<readonly IndexedFile[]> {
  const address = `${index}/${normalPythonName(name)}/`;
  const { text, type, url } = await readText(host, {
    url: address,
    accept: 'application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1',
    limit: longestPage,
    what: `the page of ${name}`,
  });
  const files =
    /json/.test(type) || /^\s*\{/.test(text) ? filesOfJson(text, url, name) : filesOfHtml(text, url);
  return files.flatMap((file) => {
    const version = versionOfFile(file.filename, name);
    return version === undefined ? [] : [{ ...file, version }];
  });
}

/**
 * Requirements that a wheel names: those that the index tells, else those in the wheel itself, which is then kept for the
 * build. Rejects as {@link readIndexPage} and `download`.
 */
export async function readRequirements(
  source: { readonly host: Pick<Host, 'fetch'>; readonly cacheDirectory: string; readonly index: string },
  file: IndexedFile,
): Promise<readonly PythonRequirement[]> {
  const text = await metadataOf(source, file);
  const [head = ''] = text.split(/\r?\n\r?\n/, 1);
  return [...head.replace(/\r?\n[ \t]+/g, ' ').matchAll(/^Requires-Dist:\s*(.+?)\s*$/gim)].flatMap(
    ([, requirement]) => parsePythonRequirement(requirement!) ?? [],
  );
}

async function metadataOf(
  { host, cacheDirectory, index }: Parameters<typeof readRequirements>[0],
  file: IndexedFile,
): Promise<string> {
  const what = `the metadata of ${file.filename}`;
  if (file.hasMetadata || file.sha256 === undefined) {
    const url = `${withIndexCredentials(file.url, index)}.metadata`;
    return (await readText(host, { url, accept: '*/*', limit: longestMetadata, what })).text;
  }
  const target = join(cacheDirectory, 'fetch', 'urls', file.sha256);
  const digest = { algorithm: 'sha256', bytes: Buffer.from(file.sha256, 'hex') } as const;
  const urls = [withIndexCredentials(file.url, index)];
  if (!existsSync(target)) await download({ host, urls, target, digest });
  const text = readWheelMetadata(target);
  if (text !== undefined) return text;
  throw new TrimaranError({
    code: 'lock/index-bad',
    message: `${file.filename} is no wheel: it has no metadata`,
    hint: 'check PIP_INDEX_URL',
    exitCode: 4,
  });
}

/** Files of an index that asks who is there lie behind the same door. */
export function withIndexCredentials(url: string, index: string): string {
  const [file, page] = [new URL(url), new URL(index)];
  if (file.origin !== page.origin) return url;
  file.username = page.username;
  file.password = page.password;
  return file.href;
}

async function readText(
  host: Pick<Host, 'fetch'>,
  wanted: { readonly url: string; readonly accept: string; readonly limit: number; readonly what: string },
): Promise<{ readonly text: string; readonly type: string; readonly url: string }> {
  const { what } = wanted;
  const url = new URL(wanted.url);
  const user = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  url.username = '';
  url.password = '';
  const failure = (code: string, message: string, cause?: unknown) =>
    new TrimaranError({
      code: `lock/index-${code}`,
      message,
      hint: 'check PIP_INDEX_URL and the network',
      exitCode: 4,
      ...(cause === undefined ? {} : { cause }),
    });
  let response: Response;
  const chunks: Uint8Array[] = [];
  try {
    response = await host.fetch(url, {
      headers: {
        accept: wanted.accept,
        ...(user === ':' ? {} : { authorization: `Basic ${Buffer.from(user).toString('base64')}` }),
      },
      signal: AbortSignal.timeout(patience),
    });
    if (!response.ok) {
      await response.body?.cancel();
      throw failure('refused', `${url.host} answers ${response.status} for ${what}`);
    }
    let size = 0;
    for await (const chunk of response.body ?? []) {
      size += (chunk as Uint8Array).length;
      if (size > wanted.limit)
        throw failure('bad', `${what} has more than the ${wanted.limit} bytes that are allowed`);
      chunks.push(chunk as Uint8Array);
    }
  } catch (error) {
    if (error instanceof TrimaranError) throw error;
    const late = error instanceof Error && error.name === 'TimeoutError';
    throw failure(
      'unreachable',
      late
        ? `the package index ${url.host} gave no answer in time`
        : `the package index ${url.host} cannot be reached`,
      error,
    );
  }
  return {
    text: Buffer.concat(chunks).toString('utf8'),
    type: response.headers.get('content-type') ?? '',
    url: response.url === '' ? url.href : response.url,
  };
}

type PlainFile = Omit<IndexedFile, 'version'>;

function filesOfJson(text: string, base: string, name: string): PlainFile[] {
  let files: unknown;
  try {
    ({ files } = JSON.parse(text) as { files?: unknown });
  } catch {
    files = undefined;
  }
  if (!Array.isArray(files)) {
    throw new TrimaranError({
      code: 'lock/index-bad',
      message: `what the package index says of ${name} is no list of files`,
      hint: 'check PIP_INDEX_URL',
      exitCode: 4,
    });
  }
  return files.flatMap((item: unknown): PlainFile[] => {
    const file = item as Record<string, unknown> | null;
    const { filename, url, hashes, yanked } = file ?? {};
    if (typeof filename !== 'string') return [];
    const address = typeof url === 'string' ? url : filename;
    if (!URL.canParse(address, base)) return [];
    const sha256 = (hashes as { sha256?: unknown } | undefined)?.sha256;
    const requires = file!['requires-python'];
    const metadata = file!['core-metadata'] ?? file!['dist-info-metadata'];
    return [
      {
        filename,
        url: new URL(address, base).href,
        yanked: yanked !== undefined && yanked !== false,
        hasMetadata: metadata !== undefined && metadata !== false,
        ...(isSha256(sha256) ? { sha256 } : {}),
        ...(typeof requires === 'string' ? { requiresPython: requires } : {}),
      },
    ];
  });
}

function isSha256(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
}

function filesOfHtml(text: string, base: string): PlainFile[] {
  return [...text.matchAll(/<a\s([^>]*)>([^<]*)<\/a>/gi)].flatMap(([, written, label]): PlainFile[] => {
    const attributes = new Map(
      [...written!.matchAll(/([a-z-]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'))?/gi)].map((match) => [
        match[1]!.toLowerCase(),
        unescapeHtml(match[2] ?? match[3] ?? ''),
      ]),
    );
    const href = attributes.get('href');
    if (href === undefined || !URL.canParse(href, base)) return [];
    const url = new URL(href, base);
    const sha256 = /^#sha256=([0-9a-f]{64})/.exec(url.hash)?.[1];
    url.hash = '';
    const metadata = attributes.get('data-core-metadata') ?? attributes.get('data-dist-info-metadata');
    const requires = attributes.get('data-requires-python');
    return [
      {
        filename: unescapeHtml(label!).trim(),
        url: url.href,
        yanked: attributes.has('data-yanked'),
        hasMetadata: metadata !== undefined && metadata !== 'false',
        ...(sha256 === undefined ? {} : { sha256 }),
        ...(requires === undefined || requires === '' ? {} : { requiresPython: requires }),
      },
    ];
  });
}

function unescapeHtml(text: string): string {
  const named: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', amp: '&', apos: "'" };
  return text.replace(/&(?:#(\d{1,6})|#x([0-9a-f]{1,5})|([a-z]+));/gi, (whole, decimal, hex, name) => {
    if (name !== undefined) return named[name.toLowerCase()] ?? whole;
    const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal);
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}

/** `name-1.2-py3-none-any.whl`, `name-1.2.tar.gz` → 1.2; undefined for eggs, installers and other distributions. */
function versionOfFile(filename: string, name: string): PythonVersion | undefined {
  if (filename.endsWith('.whl')) {
    const parts = filename.slice(0, -4).split('-');
    return parts.length < 5 ? undefined : parsePythonVersion(parts[1]!);
  }
  const [, stem] = /^(.*)\.(?:tar\.gz|zip|tar\.bz2|tar\.xz|tgz)$/.exec(filename) ?? [];
  for (
    let dash = stem?.indexOf('-') ?? -1;
    stem !== undefined && dash > 0;
    dash = stem.indexOf('-', dash + 1)
  ) {
    if (normalPythonName(stem.slice(0, dash)) === normalPythonName(name))
      return parsePythonVersion(stem.slice(dash + 1));
  }
  return undefined;
}

/** What a version must suit. */
export interface VersionChoice {
  readonly clauses: readonly VersionClause[];
  /** `3.11`, when it is known. */
  readonly python?: string | undefined;
}

/** The version that pip would take, and its files; undefined when none suits. */
export function chooseVersion(
  files: readonly IndexedFile[],
  { clauses, python }: VersionChoice,
): { readonly version: PythonVersion; readonly files: readonly IndexedFile[] } | undefined {
  const named = clauses.some(({ operator }) => operator === '==' || operator === '===');
  const before = clauses.some(({ version }) => {
    const parsed = parsePythonVersion(version);
    return parsed !== undefined && isPrerelease(parsed);
  });
  const interpreter = python === undefined ? undefined : parsePythonVersion(python);
  const suiting = files.filter(
    (file) =>
      file.sha256 !== undefined &&
      (!file.yanked || named) &&
      meetsClauses(file.version, clauses) &&
      (/\.whl$/.test(file.filename) ? isWheelForLinux(file.filename, python) : true) &&
      (interpreter === undefined ||
        file.requiresPython === undefined ||
        meetsClauses(interpreter, parseVersionClauses(file.requiresPython) ?? [])),
  );
  const finals = suiting.filter(({ version }) => !isPrerelease(version));
  const candidates = before || finals.length === 0 ? suiting : finals;
  const best = candidates.reduce<PythonVersion | undefined>(
    (found, { version }) =>
      found === undefined || comparePythonVersions(version, found) > 0 ? version : found,
    undefined,
  );
  if (best === undefined) return undefined;
  return {
    version: best,
    files: files.filter((file) => comparePythonVersions(file.version, best) === 0 && (!file.yanked || named)),
  };
}

/** Whether a wheel may be installed on Linux by that interpreter, whatever the architecture. */
function isWheelForLinux(filename: string, python: string | undefined): boolean {
  const [tags, abi, platforms] = filename.slice(0, -4).split('-').slice(-3);
  if (!/(?:^|\.)any$|linux/.test(platforms!)) return false;
  if (python === undefined) return true;
  const [major, minor] = python.split('.');
  return tags!.split('.').some((tag) => {
    const [, kind, first, second] = /^(py|cp)(\d)(\d*)$/.exec(tag) ?? [];
    if (kind === undefined || first !== major) return false;
    if (second === '' || second === minor) return true;
    // Later interpreters take what older ones of a stable interface take.
    return Number(second) <= Number(minor) && (kind === 'py' || abi === 'abi3');
  });
}
