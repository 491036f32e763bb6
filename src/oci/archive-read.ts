// Image archives read: `docker save` of any age since 1.10 (layers as folders, with symbolic links between them), what
// skopeo and podman write, OCI archives; plain, gzip or zstd.
import { rm, stat } from 'node:fs/promises';
import { posix } from 'node:path';
import { indexTarFile } from '../formats/tar-read.ts';
import { fromByteString } from '../foundation/byte-string.ts';
import { systemErrorCode, TrimaranError } from '../foundation/error.ts';
import type { Content, TreeEntry } from '../foundation/file-tree.ts';
import type { Image } from './image.ts';
import { compressionOf, defaultMaximumLayerSize, uncompressToTemporary } from './layer-unpack.ts';
import { type LayoutReadOptions, type LayoutSource, readLayoutSource } from './layout-read.ts';

/** Hops from one link to the next within an archive. */
const mostHops = 16;

function archiveSource(entries: readonly TreeEntry[], label: string): LayoutSource {
  // An archive that holds a path twice is unpacked in order, so the last one counts.
  const byPath = new Map(entries.map((entry) => [entry.path, entry]));
  return {
    label,
    async find(path): Promise<readonly Content[] | undefined> {
      let at = posix.normalize(path).replace(/^\/+|\/+$/g, '');
      for (let hop = 0; hop < mostHops; hop++) {
        const entry = byPath.get(at);
        if (entry?.kind === 'file') return [entry.content];
        if (entry?.kind === 'hardlink') at = entry.target;
        else if (entry?.kind === 'symlink') {
          // Within the archive: `..` at the top stays there, as in a chroot.
          at = posix.normalize(`/${posix.join(posix.dirname(at), fromByteString(entry.target))}`).slice(1);
        } else return undefined;
      }
      return undefined;
    },
  };
}

/**
 * The images of an archive. Plain layers of a plain archive stay where they are, as regions of `file`, unless
 * `copyLayers` is set; others are unpacked into the cache. Throws `oci/no-such-file`, what `readLayoutSource` throws and
 * what `indexTarFile` throws.
 *
 * @example
 * const [image] = await readArchive('image.tar', { cacheDirectory: '/cache/layers' });
 */
export async function readArchive(file: string, options: LayoutReadOptions): Promise<Image[]> {
  let size: number;
  try {
    const found = await stat(file);
    if (!found.isFile()) throw noSuchFile(file, 'it is not a file');
    size = found.size;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') throw noSuchFile(file, 'there is no such file');
    throw error;
  }
  const whole: Content[] = [{ kind: 'region', file, offset: 0, length: size }];
  if ((await compressionOf(whole, file)) === 'none') {
    return readLayoutSource(archiveSource(await indexTarFile(file), file), options);
  }
  const plain = await uncompressToTemporary(whole, {
    directory: options.cacheDirectory,
    label: file,
    maximumSize: options.maximumLayerSize ?? defaultMaximumLayerSize,
  });
  try {
    const entries = await indexTarFile(plain, { archive: file });
    return await readLayoutSource(archiveSource(entries, file), { ...options, copyLayers: true });
  } finally {
    await rm(plain, { force: true });
  }
}

function noSuchFile(file: string, why: string): TrimaranError {
  return new TrimaranError({
    code: 'oci/no-such-file',
    message: `cannot read the image archive ${JSON.stringify(file)}: ${why}`,
    hint: 'check the path',
    exitCode: 4,
  });
}
