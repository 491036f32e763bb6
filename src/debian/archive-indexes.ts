// The files that a release lists, fetched and checked, and the package index that is made of them and kept on disk.
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { decompress } from '../formats/compression.ts';
import { temporaryNameFor } from '../foundation/atomic-file.ts';
import { sha256Hex } from '../foundation/digest.ts';
import { download } from '../foundation/download.ts';
import { isTrimaranError, systemErrorCode, TrimaranError } from '../foundation/error.ts';
import type { Archive, ArchiveOptions } from './archive.ts';
import { archiveRoots } from './archive-roots.ts';
import { openPackageIndex, PackageIndexWriter, parsePackages } from './package-index.ts';
import type { Release, ReleaseFile } from './release.ts';

/** See {@link Archive.withIndexFile}. Rejects with `debian/no-such-index` and `debian/index-gone` as well. */
export async function withIndexFile<T>(
  options: ArchiveOptions & { readonly release: Release; readonly path: string },
  use: (file: string, listed: ReleaseFile) => Promise<T>,
): Promise<T> {
  const { release, path } = options;
  const listed = release.files.get(path);
  if (listed === undefined) {
    throw new TrimaranError({
      code: 'debian/no-such-index',
      message: `the release file of ${release.codename} lists no ${path}`,
      hint: 'try another mirror: set TRIMARAN_DEBIAN_MIRROR',
      exitCode: 4,
    });
  }
  const slash = path.lastIndexOf('/');
  const hashed = `${path.slice(0, slash + 1)}by-hash/SHA256/${listed.sha256}`;
  // The snapshot of the release's own date comes last: the mirror may have moved on since.
  const roots = archiveRoots({ ...options, timestamp: options.timestamp ?? release.timestamp });
  const urls = roots.flatMap((root) =>
    (release.byHash ? [hashed, path] : [path]).map((name) => `${root}/dists/${options.suite}/${name}`),
  );
  const directory = join(options.cacheDirectory, 'debian', 'fetched');
  await mkdir(directory, { recursive: true });
  const target = join(directory, listed.sha256);
  const task = options.host.progress.start({ label: path, total: listed.size, unit: 'bytes' });
  // Under a name of its own, since another process may fetch and remove the same file meanwhile.
  const mine = temporaryNameFor(target);
  try {
    for (let attempt = 0; ; attempt++) {
      if (!existsSync(target) || sha256Hex(await readFile(target)) !== listed.sha256) {
        await download({
          host: options.host,
          urls,
          target,
          size: listed.size,
          digest: { algorithm: 'sha256', bytes: Buffer.from(listed.sha256, 'hex') },
          onBytes: (count) => task.advance(count),
        }).catch((error: unknown) => {
          throw isTrimaranError(error, 'download/not-found') ? indexGone(options, error) : error;
        });
      }
      try {
        await rename(target, mine);
        break;
      } catch (error) {
        if (systemErrorCode(error) !== 'ENOENT' || attempt === 3) throw error;
      }
    }
  } finally {
    task.done();
  }
  try {
    return await use(mine, listed);
  } finally {
    await rm(mine, { force: true });
  }
}

function indexGone({ suite, path }: { readonly suite: string; readonly path: string }, cause: TrimaranError) {
  return new TrimaranError({
    code: 'debian/index-gone',
    message: `neither a mirror nor the snapshot service has ${path} of the pinned ${suite}: ${cause.message}`,
    hint: 'run `trimaran lock --update` to pin the present release, or set TRIMARAN_DEBIAN_MIRROR to another mirror',
    cause,
    exitCode: 4,
  });
}

/** Raised whenever records or the table change, so that old tables are made anew. */
const indexFormat = 3;

/** The file of an archive's package index, made when it is not in the cache. */
export async function ensureIndex(
  archive: Archive,
  cacheDirectory: string,
  host: ArchiveOptions['host'],
): Promise<string> {
  const { release, components, architecture } = archive;
  // Where the release does not speak of `all`, apt asks for no such index, and some archives list one that is empty.
  const names = release.architectures.includes('all') ? [architecture, 'all'] : [architecture];
  const binaries = names.flatMap((name) =>
    components.map((component) => `${component}/binary-${name}/Packages`),
  );
  const parts = binaries.flatMap((path) => {
    // Measured on bookworm: 12.1 MB of gzip inflate in 0.25 s; 8.8 MB of xz take 1.3 s outside native code.
    const compressed = [`${path}.gz`, `${path}.xz`, path].find((name) => release.files.has(name));
    return compressed === undefined ? [] : [{ path, compressed }];
  });
  const name = sha256Hex(
    Buffer.from(
      [indexFormat, architecture, ...parts.map((part) => release.files.get(part.compressed)!.sha256)].join(
        '\n',
      ),
    ),
  );
  const file = join(cacheDirectory, 'debian', 'indexes', `${name}.table`);
  try {
    openPackageIndex(file, architecture).close();
    return file;
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT' && !isTrimaranError(error, 'debian/bad-cache')) throw error;
  }
  const writer = new PackageIndexWriter(architecture);
  for (const part of parts) {
    await archive.withIndexFile(part.compressed, async (packed, listed) => {
      // The release states the size unpacked as well; without it, text packs to a fiftieth at best.
      const limit = release.files.get(part.path)?.size ?? listed.size * 50;
      // Whole, as that takes a fifth of the time of zlib's streams; 50 MB for bookworm.
      const text = await decompress(await readFile(packed), { limit, name: part.compressed });
      for (const record of parsePackages(text)) writer.add(record);
    });
  }
  const task = host.progress.start({ label: `index of ${release.codename}` });
  try {
    await writer.write(file);
  } finally {
    task.done();
  }
  return file;
}
