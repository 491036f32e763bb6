// One blob out of a registry into a file: continued where it broke off, bounded, and hashed before anybody sees it.
import { createHash, type Hash } from 'node:crypto';
import {
  closeSync,
  createReadStream,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { temporaryNameFor } from '../foundation/atomic-file.ts';
import { isTrimaranError, systemErrorCode, TrimaranError } from '../foundation/error.ts';
import type { HttpAnswer } from '../foundation/http-read.ts';
import { type Descriptor, digestHex } from './descriptor.ts';
import { leftoversIn } from './leftovers.ts';
import type { RegistryEndpoint, RegistrySession } from './registry-session.ts';

export interface BlobDownload {
  readonly session: RegistrySession;
  readonly endpoints: readonly RegistryEndpoint[];
  readonly repository: string;
  readonly descriptor: Descriptor;
  /** Where the file is made. */
  readonly directory: string;
  /** Where the blob may lie already; it is taken from there. */
  readonly kept?: string;
  /** Called with the number of new bytes; negative when a useless part is dropped. */
  readonly onBytes?: (count: number) => void;
  /** Attempts at each address; 4 unless given. */
  readonly attempts?: number;
}

/** Milliseconds without a byte after which a connection is given up. */
const idleTimeout = 30_000;

/** The file while it is made, and what it holds so far. */
interface Partial {
  /** File descriptor, open for appending. */
  readonly fd: number;
  hash: Hash;
  size: number;
}

/**
 * Downloads a blob and gives its file, which the caller moves or removes. What an earlier run left is continued.
 * Throws `oci/digest-mismatch`, `oci/registry-truncated`, and what `RegistrySession.request` throws.
 */
export async function downloadBlob(options: BlobDownload): Promise<string> {
  const { descriptor, directory } = options;
  mkdirSync(directory, { recursive: true });
  const left = join(directory, `${digestHex(descriptor.digest)}.partial`);
  const temporary = temporaryNameFor(join(directory, digestHex(descriptor.digest)));
  // Renaming claims it: only one process goes on with a partial file, be it of one that gave up or of one that was killed.
  let resumed = options.kept !== undefined && renamed(options.kept, temporary);
  resumed ||= renamed(left, temporary);
  for (const name of resumed ? [] : leftoversIn(directory, `${digestHex(descriptor.digest)}.tmp-`)) {
    resumed ||= renamed(join(directory, name), temporary);
  }
  let keep = false;
  try {
    const fd = openSync(temporary, 'a+', 0o644);
    try {
      const partial: Partial = { fd, hash: createHash('sha256'), size: 0 };
      if (resumed) await rehash(partial, options);
      await fillFromAny(partial, options);
    } finally {
      closeSync(fd);
    }
    keep = true;
    return temporary;
  } catch (error) {
    keep = isTrimaranError(error) && error.code !== 'oci/digest-mismatch' && renamed(temporary, left);
    throw error;
  } finally {
    if (!keep) rmSync(temporary, { force: true });
  }
}

function renamed(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

async function rehash(partial: Partial, { descriptor, onBytes }: BlobDownload): Promise<void> {
  const { size } = fstatSync(partial.fd);
  if (size > descriptor.size) return restart(partial);
  for await (const chunk of createReadStream('', { fd: partial.fd, start: 0, autoClose: false })) {
    partial.hash.update(chunk as Buffer);
    partial.size += (chunk as Buffer).length;
  }
  onBytes?.(partial.size);
}

function restart(partial: Partial, onBytes?: (count: number) => void): void {
  onBytes?.(-partial.size);
  ftruncateSync(partial.fd);
  partial.hash = createHash('sha256');
  partial.size = 0;
}

async function fillFromAny(partial: Partial, options: BlobDownload): Promise<void> {
  const { descriptor, endpoints } = options;
  let failure: unknown;
  for (const endpoint of endpoints) {
    const hadBytes = partial.size > 0;
    for (let round = 0; round < 2; round++) {
      try {
        await fill(partial, endpoint, options);
        const actual = `sha256:${partial.hash.copy().digest('hex')}`;
        if (actual === descriptor.digest) return;
        failure = new TrimaranError({
          code: 'oci/digest-mismatch',
          message: `${endpoint.domain} gave ${actual} for the blob ${descriptor.digest} of ${options.repository}`,
          hint: 'it was changed on its way or at its source; try another mirror, or tell the registry’s owner',
          exitCode: 4,
        });
        restart(partial, options.onBytes);
        // What was there before may be what is wrong; whole from here tells.
        if (!hadBytes) break;
      } catch (error) {
        if (!isTrimaranError(error)) throw error;
        failure = error;
        break;
      }
    }
  }
  throw failure;
}

async function fill(partial: Partial, endpoint: RegistryEndpoint, options: BlobDownload): Promise<void> {
  const attempts = options.attempts ?? 4;
  for (let attempt = 1; partial.size < options.descriptor.size; attempt++) {
    const before = partial.size;
    const cause = await receive(partial, endpoint, options);
    if (partial.size >= options.descriptor.size) return;
    // As long as each attempt brings some bytes, it is worth another one; but not for ever.
    if (attempt >= (partial.size > before ? attempts * 4 : attempts)) {
      throw new TrimaranError({
        code: 'oci/registry-truncated',
        message:
          `${endpoint.domain} broke off the blob ${options.descriptor.digest} of ${options.repository} ` +
          `after ${partial.size} of ${options.descriptor.size} bytes`,
        hint: 'run the command again; it continues where it stopped',
        exitCode: 4,
        cause,
      });
    }
  }
}

/** Whether a part begins where we are; one that does not say so is believed. */
function continues({ headers }: HttpAnswer, size: number): boolean {
  const [, start] = /^bytes (\d+)-/.exec(headers.get('content-range') ?? '') ?? [];
  return start === undefined || Number(start) === size;
}

/** Takes what one answer gives; gives back why it ended early, if it did. */
async function receive(
  partial: Partial,
  endpoint: RegistryEndpoint,
  options: BlobDownload,
): Promise<unknown> {
  const { descriptor, repository, session, onBytes } = options;
  const idle = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const response = await session.request({
    endpoint,
    repository,
    access: 'pull',
    url: `blobs/${descriptor.digest}`,
    label: `the blob ${descriptor.digest} of ${repository}`,
    signal: idle.signal,
    allow: [416],
    ...(partial.size > 0 ? { headers: { range: `bytes=${partial.size}-` } } : {}),
  });
  if (response.status === 206 && !continues(response, partial.size)) {
    restart(partial, onBytes);
    await response.body?.cancel();
    return new Error('another part came than the one that was asked for');
  }
  if (response.status === 416 || (partial.size > 0 && response.status !== 206)) {
    restart(partial, onBytes);
    if (response.status === 416) {
      await response.body?.cancel();
      return undefined;
    }
  }
  const take = (chunk: Uint8Array) => {
    timer?.refresh();
    if (partial.size + chunk.length > descriptor.size) {
      throw new TrimaranError({
        code: 'oci/digest-mismatch',
        message: `${endpoint.domain} gives more than the ${descriptor.size} bytes of the blob ${descriptor.digest}`,
        hint: 'it was changed on its way or at its source; try another mirror',
        exitCode: 4,
      });
    }
    for (let done = 0; done < chunk.length; ) done += writeSync(partial.fd, chunk, done);
    partial.hash.update(chunk);
    partial.size += chunk.length;
    onBytes?.(chunk.length);
  };
  const { body } = response;
  try {
    timer = setTimeout(() => idle.abort(), idleTimeout);
    if (body?.forEachChunk !== undefined) await body.forEachChunk(take);
    else for await (const chunk of body ?? []) take(chunk as Uint8Array);
    return undefined;
  } catch (error) {
    if (isTrimaranError(error) || systemErrorCode(error) === 'ENOSPC') throw error;
    return error;
  } finally {
    clearTimeout(timer);
    idle.abort();
  }
}
