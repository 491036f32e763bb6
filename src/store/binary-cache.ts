// Binary caches: store paths over HTTP, or in a folder (`file:`), as signed descriptions and compressed NARs.
// Source: the Nix reference manual, "Binary cache". Leaves out: S3, bzip2 and brotli, and the substitute servers of
// Guix, whose signatures have a form of their own; these are refused by name.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type CompressionKind, decompressStream } from '../formats/compression.ts';
import { writePrefixedHash } from '../formats/hash-text.ts';
import { restoreNar } from '../formats/nar-read.ts';
import {
  type CacheKey,
  type NarInfo,
  parseNarInfo,
  parsePublicKey,
  verifyNarInfo,
} from '../formats/narinfo.ts';
import { guixStoreDirectory, type StorePath, storePathHash } from '../formats/store-path.ts';
import { bufferToByteString, fromByteString, toByteString } from '../foundation/byte-string.ts';
import { digestToHex } from '../foundation/digest.ts';
import { download, redactUrl } from '../foundation/download.ts';
import { systemErrorCode, TrimaranError } from '../foundation/error.ts';
import type { Host } from '../foundation/host.ts';
import type { LocalStore } from './local-store.ts';
import type { Substitute, Substituter } from './substituter.ts';

/** The cache of nixpkgs, and the key it signs with. */
export const nixosCache = {
  url: 'https://cache.nixos.org',
  key: 'cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=',
} as const;

export interface BinaryCacheOptions {
  readonly host: Pick<Host, 'fetch' | 'progress'>;
  /** Where downloads lie until they are whole; its store directory must be the cache's. */
  readonly store: LocalStore;
  /** `https://…`, `http://…` or `file:///…`. */
  readonly url: string;
  /** Public keys, `name:base64`, any one of which must have signed what is taken. */
  readonly trustedKeys: readonly string[];
}

/** Attempts at each small file; NARs have their own. */
const attempts = 3;
/** Milliseconds after which a small file is given up. */
const patience = 20_000;
/** Descriptions are some hundred bytes long; their references make them longer. */
const descriptionLimit = 4 * 2 ** 20;

/**
 * A binary cache as a substituter. Nothing is asked of it before the first query, which then rejects with
 * `store/not-a-cache`, `store/other-store-directory`, `store/unsupported-cache` or `store/cache-unreachable` if it must.
 * Throws `narinfo/bad-key`, and `store/unsupported-url` for addresses of another kind.
 */
export function binaryCache(options: BinaryCacheOptions): Substituter {
  const base = options.url.replace(/\/+$/, '');
  if (!/^(https?|file):\/\//.test(base)) throw unsupportedUrl(base);
  return new BinaryCache(options, base, options.trustedKeys.map(parsePublicKey));
}

class BinaryCache implements Substituter {
  readonly name: string;
  readonly #options: BinaryCacheOptions;
  readonly #base: string;
  readonly #keys: readonly CacheKey[];
  #checked: Promise<void> | undefined;

  constructor(options: BinaryCacheOptions, base: string, keys: readonly CacheKey[]) {
    this.name = redactUrl(base).replace(/\/$/, '');
    this.#options = options;
    this.#base = base;
    this.#keys = keys;
  }

  async query(path: StorePath): Promise<Substitute | undefined> {
    this.#checked ??= this.#check();
    await this.#checked;
    const source = `${this.#base}/${storePathHash(path)}.narinfo`;
    const text = await this.#read(source);
    if (text === undefined) return undefined;
    const info = parseNarInfo(bufferToByteString(text), {
      storeDirectory: this.#options.store.storeDirectory,
      source: redactUrl(source),
    });
    if (info.storePath !== path) {
      throw damaged(`${redactUrl(source)} describes ${info.storePath} instead of ${path}`);
    }
    if (verifyNarInfo(info, this.#keys) === undefined) {
      this.#options.host.progress.note(`ignoring ${path} of ${this.name}: no trusted key has signed it`);
      return undefined;
    }
    return {
      path,
      references: info.references,
      deriver: info.deriver,
      contentAddress: info.contentAddress,
      narHash: writePrefixedHash(info.narHash, 'nix32'),
      narSize: info.narSize,
      downloadSize: info.fileSize,
      restore: (target) => this.#restore(info, target),
    };
  }

  /** Whether this is a cache, and for our store directory. */
  async #check(): Promise<void> {
    const text = await this.#read(`${this.#base}/nix-cache-info`);
    if (text === undefined) {
      throw new TrimaranError({
        code: 'store/not-a-cache',
        message: `${this.name} is no binary cache: it has no nix-cache-info`,
        hint: 'check the address',
        exitCode: 4,
      });
    }
    const directory = /^StoreDir:\s*(\S+)\s*$/m.exec(text.toString())?.[1];
    if (directory === guixStoreDirectory) {
      throw new TrimaranError({
        code: 'store/unsupported-cache',
        message: `${this.name} is a substitute server of Guix, whose signatures cannot be verified yet`,
        hint: 'leave it out; what it has is built instead',
      });
    }
    if (directory !== undefined && directory !== this.#options.store.storeDirectory) {
      throw new TrimaranError({
        code: 'store/other-store-directory',
        message: `${this.name} is for ${directory}, not ${this.#options.store.storeDirectory}`,
        hint: 'use a cache whose nix-cache-info says the same StoreDir',
      });
    }
  }

  /** A small file, or undefined when the cache does not have it. */
  async #read(url: string): Promise<Buffer | undefined> {
    if (url.startsWith('file:')) {
      try {
        return await readFile(fileURLToPath(url));
      } catch (error) {
        if (systemErrorCode(error) === 'ENOENT') return undefined;
        throw error;
      }
    }
    let reason = '';
    for (let attempt = 1; attempt <= attempts; attempt++) {
      try {
        const response = await this.#options.host.fetch(...requestFor(url));
        if (response.ok) return await bodyOf(response);
        await response.body?.cancel();
        // Caches in object stores that may not be listed say 403 for what they lack.
        if (response.status === 404 || response.status === 403 || response.status === 410) return undefined;
        reason = `HTTP status ${response.status}`;
        if (response.status < 500 && response.status !== 429) break;
      } catch (error) {
        reason = reasonOf(error);
      }
      if (attempt < attempts) await new Promise((resolve) => setTimeout(resolve, 200 * 4 ** (attempt - 1)));
    }
    throw new TrimaranError({
      code: 'store/cache-unreachable',
      message: `cannot read ${redactUrl(url)}: ${reason}`,
      hint: 'check the network connection, or leave this cache out',
      exitCode: 4,
    });
  }

  async #restore(info: NarInfo, target: string): Promise<void> {
    const url = new URL(fromByteString(info.url), `${this.#base}/`).href;
    const file = url.startsWith('file:') ? fileURLToPath(url) : await this.#download(info, url);
    const kind = compressionOf(info, redactUrl(url));
    const hash = createHash('sha256');
    let size = 0;
    const limit = { limit: info.narSize, name: redactUrl(url), kind };
    async function* hashed(): AsyncGenerator<Buffer> {
      for await (const chunk of decompressStream(createReadStream(file), limit)) {
        hash.update(chunk);
        size += chunk.length;
        yield chunk;
      }
    }
    const chunks = keptOpen(hashed());
    try {
      await restoreNar(chunks.all, toByteString(target));
      // Whatever follows the archive is part of what was hashed.
      for await (const _ of chunks.all);
    } finally {
      await chunks.close();
      if (!url.startsWith('file:')) await rm(file, { force: true });
    }
    const got = { algorithm: 'sha256', bytes: hash.digest() } as const;
    if (size !== info.narSize || Buffer.compare(got.bytes, info.narHash.bytes) !== 0) {
      throw damaged(
        `the NAR of ${info.storePath} from ${this.name} has ${writePrefixedHash(got, 'nix32')} and ${size} bytes; ` +
          `its description says ${writePrefixedHash(info.narHash, 'nix32')} and ${info.narSize}`,
      );
    }
  }

  async #download(info: NarInfo, url: string): Promise<string> {
    const { host, store } = this.#options;
    const name = digestToHex(info.fileHash ?? info.narHash);
    const target = join(store.root, 'downloads', `nar-${name}`);
    const task = host.progress.start({
      label: info.storePath.slice(info.storePath.lastIndexOf('/') + 34),
      unit: 'bytes',
      ...(info.fileSize === undefined ? {} : { total: info.fileSize }),
    });
    try {
      await download({
        host,
        urls: [url],
        target,
        maximumSize: 16 * 2 ** 30,
        onBytes: (count) => task.advance(count),
        ...(info.fileHash === undefined ? {} : { digest: info.fileHash }),
        ...(info.fileSize === undefined ? {} : { size: info.fileSize }),
      });
    } finally {
      task.done();
    }
    return target;
  }
}

/** An iterator that several loops may read from in turn: leaving one of them does not end it. */
function keptOpen(source: AsyncGenerator<Buffer>) {
  return {
    all: { [Symbol.asyncIterator]: () => ({ next: () => source.next() }) },
    close: () => source.return(undefined),
  };
}

function compressionOf(info: NarInfo, shown: string): CompressionKind {
  switch (info.compression) {
    case 'none':
    case 'xz':
    case 'gzip':
    case 'zstd':
      return info.compression;
    default:
      throw new TrimaranError({
        code: 'store/unsupported-cache',
        message: `${shown} is compressed with ${fromByteString(info.compression)}, which is not supported`,
        hint: 'use a cache that compresses with xz, zstd or gzip',
      });
  }
}

/** `fetch` refuses addresses with a user or password in them; they go into a header instead. */
function requestFor(url: string): [string, RequestInit] {
  const parsed = new URL(url);
  const headers: Record<string, string> = {};
  if (parsed.username !== '' || parsed.password !== '') {
    const credentials = `${decodeURIComponent(parsed.username)}:${decodeURIComponent(parsed.password)}`;
    headers.authorization = `Basic ${Buffer.from(credentials).toString('base64')}`;
    parsed.username = '';
    parsed.password = '';
  }
  return [parsed.href, { headers, signal: AbortSignal.timeout(patience) }];
}

async function bodyOf(response: Response): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > descriptionLimit) throw damaged(`${redactUrl(response.url)} is larger than any description`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function reasonOf(error: unknown): string {
  if (error instanceof TrimaranError) throw error;
  const inner = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return systemErrorCode(inner) ?? (inner instanceof Error ? inner.message : String(inner));
}

function damaged(message: string): TrimaranError {
  return new TrimaranError({
    code: 'store/damaged-substitute',
    message,
    hint: 'try again, or leave this cache out; what it has is built instead',
    exitCode: 4,
  });
}

function unsupportedUrl(url: string): TrimaranError {
  return new TrimaranError({
    code: 'store/unsupported-url',
    message: `${redactUrl(url)} is no address of a binary cache`,
    hint: 'give an http:, https: or file: address',
    exitCode: 2,
  });
}
