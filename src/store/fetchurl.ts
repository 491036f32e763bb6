// `builtin:fetchurl`: a fixed output that is one downloaded file (or an unpacked NAR), fetched without any builder.
// Also takes derivations of fetchers that merely call curl, whose attributes say all that there is to know.
import { createReadStream } from 'node:fs';
import { chmod, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { decompressStream } from '../formats/compression.ts';
import type { Derivation } from '../formats/derivation.ts';
import { restoreNar } from '../formats/nar-read.ts';
import { type ByteString, fromByteString, toByteString } from '../foundation/byte-string.ts';
import { TrimaranError } from '../foundation/error.ts';
import type { BuildContext } from './builder.ts';
import { downloadName, fetchFile, UnexpectedBytes } from './fetch-file.ts';
import { fixedOutputOf, requireFixedHash } from './fixed-output.ts';

/** Largest NAR that is unpacked, in bytes. */
const unpackedLimit = 64 * 2 ** 30;

/**
 * Whether a fixed output is a plain download: `builtin:fetchurl` itself, or a fetcher with `url` or `urls` that
 * does nothing to the file afterwards.
 */
export function isPlainDownload(derivation: Derivation): boolean {
  if (derivation.builder === 'builtin:fetchurl') return true;
  const { env, outputs } = derivation;
  const out = outputs.get('out');
  if (outputs.size !== 1 || out === undefined || out.hash === '' || derivation.builder.startsWith('builtin:'))
    return false;
  const urls = urlsOf(derivation);
  if (urls.length === 0 || !urls.every((url) => /^(https?|file):/.test(url))) return false;
  // The mark of nixpkgs' fetchurl; and whatever else it does to the file shows in one of these.
  const changes = ['postFetch', 'downloadToTemp', 'recursiveHash'];
  return env.has('showURLs') && ['showURLs', ...changes].every((name) => (env.get(name) ?? '') === '');
}

function urlsOf({ env }: Derivation): string[] {
  const text = env.get('urls') ?? env.get('url') ?? '';
  return fromByteString(text)
    .split(/\s+/)
    .filter((url) => url !== '');
}

/**
 * Makes the output `out` from the derivation's addresses. Throws `store/bad-fetch` for a derivation that does not say
 * what to expect, `store/hash-mismatch`, and what {@link fetchFile} throws.
 */
export async function buildFetchurl(context: BuildContext): Promise<void> {
  const { derivation, store, host } = context;
  const out = context.outputs.get('out');
  const specified = derivation.outputs.get('out');
  const fixed = specified === undefined ? undefined : fixedOutputOf(specified);
  if (out === undefined || fixed === undefined) throw badFetch(derivation.name, 'has no fixed output `out`');
  const urls = urlsOf(derivation);
  if (urls.length === 0) throw badFetch(derivation.name, 'has neither `url` nor `urls`');
  const flag = (name: ByteString) => derivation.env.get(name) === '1';
  const unpack = flag('unpack');
  // Only a flat hash is that of the bytes that come over the wire.
  const digest = fixed.method === 'flat' && !unpack ? fixed.digest : undefined;
  const target = join(store.root, 'downloads', downloadName(digest, urls));
  try {
    const { url, size } = await fetchFile({ host, urls, target, digest });
    context.log(`fetched ${url} (${size} bytes)`);
    if (unpack) {
      const limit = { limit: unpackedLimit, name: url };
      await restoreNar(decompressStream(createReadStream(target), limit), toByteString(out.plain));
    } else {
      await rename(target, out.plain);
      if (flag('executable')) await chmod(out.plain, 0o755);
    }
  } catch (error) {
    if (error instanceof UnexpectedBytes) {
      const { derivationPath } = context;
      requireFixedHash({ derivationPath, specified: fixed.digest, got: error.got });
    }
    throw error;
  } finally {
    await rm(target, { force: true });
  }
  out.declareReferences([]);
}

function badFetch(name: ByteString, problem: string): TrimaranError {
  return new TrimaranError({
    code: 'store/bad-fetch',
    message: `'builtin:fetchurl' cannot build '${fromByteString(name)}', which ${problem}`,
    hint: 'give it `url`, `outputHash`, `outputHashAlgo` and `outputHashMode`',
  });
}
