// Fetches .debs in parallel into the cache, from mirrors and then from the snapshot of a pinned day. What is there
// with the right size is taken; its hash is checked when it is opened (deb.ts).
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { mapConcurrently } from '../foundation/concurrency.ts';
import { download } from '../foundation/download.ts';
import { isTrimaranError, systemErrorCode, TrimaranError } from '../foundation/error.ts';
import type { Host } from '../foundation/host.ts';
import { archiveRoots } from './archive-roots.ts';
import type { PackageRecord } from './package-index.ts';

export interface FetchDebsOptions {
  readonly host: Pick<Host, 'fetch' | 'progress'>;
  /** Trimaran's cache; .debs are kept in `debian/debs/` below it. */
  readonly cacheDirectory: string;
  readonly packages: readonly PackageRecord[];
  /** Archive roots, best first. */
  readonly mirrors: readonly string[];
  /** The release's or the pin's time, `YYYYMMDDTHHMMSSZ`: where to look in the snapshot service. */
  readonly timestamp?: string;
  /** Root of a snapshot service; Debian's unless given. */
  readonly snapshot?: string;
  /** Connections at once; 6 unless given. */
  readonly connections?: number;
}

/** Where the cache keeps a .deb, there or not. */
export function debPath(cacheDirectory: string, record: Pick<PackageRecord, 'sha256'>): string {
  return join(cacheDirectory, 'debian', 'debs', `${record.sha256}.deb`);
}

/**
 * Makes every package's .deb lie at its {@link debPath} and resolves to those paths, in the packages' order.
 * Rejects with `debian/no-mirror`, `debian/package-gone` (that version is on no mirror nor snapshot), and with those of
 * {@link download} for wrong bytes, no network and a full disk. What was fetched by then stays.
 */
export async function fetchDebs(options: FetchDebsOptions): Promise<string[]> {
  const paths = options.packages.map((record) => debPath(options.cacheDirectory, record));
  const missing = options.packages
    .map((record, index) => ({ record, target: paths[index]! }))
    .filter(({ record, target }) => sizeOf(target) !== record.size);
  if (missing.length === 0) return paths;
  const roots = archiveRoots(options);
  if (roots.length === 0) {
    throw new TrimaranError({
      code: 'debian/no-mirror',
      message: `no Debian mirror is known to fetch ${missing[0]!.record.name} from`,
      hint: 'set TRIMARAN_DEBIAN_MIRROR to the address of one',
      exitCode: 4,
    });
  }
  const task = options.host.progress.start({
    label: missing.length === 1 ? missing[0]!.record.name : `${missing.length} packages`,
    total: missing.reduce((sum, { record }) => sum + record.size, 0),
    unit: 'bytes',
  });
  try {
    await mapConcurrently(missing, options.connections ?? 6, async ({ record, target }) => {
      try {
        await download({
          host: options.host,
          urls: roots.map((root) => `${root}/${encodePath(record.filename)}`),
          target,
          size: record.size,
          digest: { algorithm: 'sha256', bytes: Buffer.from(record.sha256, 'hex') },
          onBytes: (count) => task.advance(count),
        });
      } catch (error) {
        throw isTrimaranError(error, 'download/not-found') ? gone(record, error) : error;
      }
    });
  } finally {
    task.done();
  }
  return paths;
}

/** Names in a pool may hold `+`, which some servers take for a blank unless it is encoded. */
function encodePath(filename: string): string {
  return filename.split('/').map(encodeURIComponent).join('/');
}

function sizeOf(file: string): number | undefined {
  try {
    return statSync(file).size;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function gone(record: PackageRecord, cause: TrimaranError): TrimaranError {
  return new TrimaranError({
    code: 'debian/package-gone',
    message: `${record.name} ${record.version} is on no mirror and in no snapshot any more: ${cause.message}`,
    hint: 'run `trimaran lock --update` to take the present version',
    cause,
    exitCode: 4,
  });
}
