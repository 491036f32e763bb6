// A Debian system with apt in it, as an image to build upon: what debootstrap's minbase has (required packages and
// apt), put together from .debs without running their scripts, so that the same release gives the same bytes. The slim
// variant leaves out documents, manuals and translations, and tells dpkg to do so too.
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readAlternative } from '../../debian/alternatives.ts';
import { type Archive, findSnapshot } from '../../debian/archive.ts';
import { debianSnapshot } from '../../debian/archive-roots.ts';
import { declaredRootFormat, declareRoot } from '../../debian/declared-root.ts';
import { fetchDebs } from '../../debian/fetch-debs.ts';
import type { PackageRecord } from '../../debian/package-index.ts';
import { formatTimestamp, parseTimestamp } from '../../debian/release.ts';
import { resolve } from '../../debian/resolve.ts';
import { omitNothing } from '../../debian/script-only.ts';
import { readScript } from '../../debian/script-reader.ts';
import { uniteTrees } from '../../debian/unite-trees.ts';
import { unpackDebs } from '../../debian/unpack.ts';
import type { UnpackedDeb } from '../../debian/unpack-deb.ts';
import { writeCacheFile } from '../../foundation/atomic-file.ts';
import { mapConcurrently } from '../../foundation/concurrency.ts';
import { systemErrorCode } from '../../foundation/error.ts';
import { type FileTree, fileTree, type TreeEntry } from '../../foundation/file-tree.ts';
import type { Host } from '../../foundation/host.ts';
import { createImage, type Image } from '../../oci/image.ts';
import { StagingArea } from '../../store/stage.ts';
import { cachedLayer } from '../image/layer-cache.ts';
import { configuredFiles } from './configured-files.ts';
import { readInstalledRecord } from './deb-records.ts';
import { packageDatabase } from './package-database.ts';

export interface DebianBaseOptions {
  readonly host: Host;
  /** Trimaran's cache. */
  readonly cacheDirectory: string;
  readonly archive: Archive;
  /** Archive roots to fetch packages from, best first. */
  readonly mirrors: readonly string[];
  readonly variant: 'full' | 'slim';
  readonly names: readonly string[];
}

export interface DebianBase {
  readonly image: Image;
  /** What it holds, sorted by name. */
  readonly packages: readonly PackageRecord[];
}

/** Raised whenever the same packages would give other bytes. */
const format = 3;

/**
 * Makes the base image of a release. Rejects with the errors of fetching (`download/…`, `debian/…`), of resolving, and
 * of unpacking.
 */
export async function buildDebianBase(options: DebianBaseOptions): Promise<DebianBase> {
  const { cacheDirectory, archive, variant } = options;
  const packages = await basePackages(options);
  const { release, suite, architecture } = archive;
  const scratch = new StagingArea(join(cacheDirectory, 'staging')).freshPath();
  const layer = await cachedLayer({
    directory: join(cacheDirectory, 'layers'),
    ingredients: [
      'debian base',
      String(format),
      String(declaredRootFormat),
      variant,
      suite,
      release.timestamp,
      architecture,
      ...packages.map(({ sha256 }) => sha256),
    ],
    comment: `debian:${suite} of ${release.timestamp}, ${packages.length} packages`,
    tree: () => baseTree({ ...options, packages, scratch }),
  }).finally(() => rmSync(scratch, { recursive: true, force: true }));
  const image = createImage({
    platform: { os: 'linux', architecture },
    layers: [layer],
    names: options.names,
    created: new Date(timeOf(release.timestamp)).toISOString(),
    config: {
      Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
      Cmd: ['bash'],
    },
  });
  return { image, packages };
}

/** Required packages and apt, with all they depend on; remembered, as reading the whole index takes a second. */
async function basePackages({
  archive,
  cacheDirectory,
}: DebianBaseOptions): Promise<readonly PackageRecord[]> {
  const { release, architecture } = archive;
  const memo = join(cacheDirectory, 'debian', 'base', `${release.sha256}-${architecture}-${format}.json`);
  try {
    return JSON.parse(readFileSync(memo, 'utf8')) as PackageRecord[];
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT' && !(error instanceof SyntaxError)) throw error;
  }
  const index = await archive.packages();
  const required = [...index.names()].filter((name) => {
    const record = index.get(name)[0];
    return record?.priority === 'required' || record?.essential === true;
  });
  const wanted = [...required, 'apt'].map((name) => [{ name }]);
  const { packages } = resolve({ index, wanted, omit: omitNothing });
  writeCacheFile(memo, JSON.stringify(packages));
  return packages;
}

async function baseTree(
  options: DebianBaseOptions & { readonly packages: readonly PackageRecord[]; readonly scratch: string },
): Promise<FileTree> {
  const { host, archive, packages, scratch, variant } = options;
  const files = await fetchDebs({
    host,
    cacheDirectory: options.cacheDirectory,
    packages,
    mirrors: options.mirrors,
    timestamp: archive.release.timestamp,
    snapshot: findSnapshot(host.env, archive.suite),
  });
  mkdirSync(scratch, { recursive: true });
  const unpacked = await unpackDebs({
    host,
    jobs: packages.map((record, index) => ({
      file: files[index]!,
      expected: record,
      target: join(scratch, `${record.name}.tar`),
      ...(variant === 'full' ? { keep: { docs: true, locales: true, man: true } } : {}),
      ...(record.installedSize === undefined ? {} : { installedSize: record.installedSize }),
    })),
  });
  // Where dpkg has its own database, the one for images without dpkg would be a second truth.
  const trees = unpacked.map(({ control, tree }) => ({
    control,
    tree: tree.filter(({ path }) => !path.startsWith('var/lib/dpkg/status.d')),
  }));
  const entries = new Map<string, TreeEntry>();
  const lay = (tree: Iterable<TreeEntry>) => {
    for (const entry of tree) entries.set(entry.path, entry);
  };
  lay(uniteTrees(trees).tree);
  lay(declareRoot({ packages: trees, managed: true }));
  const records = await mapConcurrently(packages, 2, (record, index) =>
    readInstalledRecord(files[index]!, record),
  );
  const database = packageDatabase({
    records,
    architecture: archive.architecture,
    alternatives: offeredAlternatives(unpacked),
    exists: (path) => entries.has(path.slice(1)),
  });
  for (const entry of database) {
    if (entry.kind !== 'directory' || !entries.has(entry.path)) entries.set(entry.path, entry);
  }
  lay(configuredFiles((path) => entries.get(path), numbersOf(entries)));
  lay(baseFiles(options));
  return fileTree(entries.values());
}

/** Numbers of accounts by name, from the `/etc/passwd` and `/etc/group` that were declared. */
function numbersOf(entries: ReadonlyMap<string, TreeEntry>) {
  const numberIn = (path: string, name: string): number => {
    const entry = entries.get(path);
    if (entry?.kind !== 'file' || entry.content.kind !== 'bytes') return 0;
    const text = Buffer.from(entry.content.bytes).toString('utf8');
    return Number(new RegExp(`^${name}:[^:]*:(\\d+):`, 'm').exec(text)?.[1] ?? 0);
  };
  return {
    uid: (name: string) => numberIn('etc/passwd', name),
    gid: (name: string) => numberIn('etc/group', name),
  };
}

function offeredAlternatives(unpacked: readonly UnpackedDeb[]) {
  return [...unpacked]
    .sort((a, b) => ((a.control.fields.package ?? '') < (b.control.fields.package ?? '') ? -1 : 1))
    .flatMap(({ control }) =>
      readScript(control.scripts.postinst ?? '').flatMap((command) => readAlternative(command) ?? []),
    );
}

/** How many milliseconds after a release the snapshot service surely has it. */
const snapshotDelay = 6 * 3_600_000;

/** What makes it a system for building images: sources of this very release, and no daemons started on the way. */
function baseFiles({ archive, variant }: DebianBaseOptions): TreeEntry[] {
  const { release, suite, components } = archive;
  const state = formatTimestamp(timeOf(release.timestamp) + snapshotDelay);
  const file = (path: string, text: string, mode = 0o644): TreeEntry => ({
    kind: 'file',
    path,
    mode,
    uid: 0,
    gid: 0,
    mtime: 1,
    content: { kind: 'bytes', bytes: Buffer.from(text) },
  });
  const files = [
    file(
      'etc/apt/sources.list.d/debian.sources',
      `Types: deb
URIs: ${debianSnapshot.replace('https:', 'http:')}/${state}
Suites: ${suite}
Components: ${components.join(' ')}
Check-Valid-Until: no
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
`,
    ),
    file('etc/apt/apt.conf.d/70no-caches', noCaches),
    file('usr/sbin/policy-rc.d', '#!/bin/sh\nexit 101\n', 0o755),
  ];
  if (variant === 'slim') files.push(file('etc/dpkg/dpkg.cfg.d/slim', slimRules));
  return files;
}

const noCaches = `# Caches and translations only make layers larger.
Acquire::Languages "none";
Acquire::GzipIndexes "true";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
APT::Keep-Downloaded-Packages "false";
`;

/** The same that `packageTree` leaves out. */
const slimRules = `path-exclude /usr/share/doc/*
path-include /usr/share/doc/*/copyright
path-exclude /usr/share/info/*
path-exclude /usr/share/groff/*
path-exclude /usr/share/lintian/*
path-exclude /usr/share/linda/*
path-exclude /usr/share/doc-base/*
path-exclude /usr/share/bug/*
path-exclude /usr/share/man/*
path-exclude /usr/share/locale/*
path-include /usr/share/locale/locale.alias
`;

function timeOf(timestamp: string): number {
  return parseTimestamp(timestamp) ?? 0;
}
