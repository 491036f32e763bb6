// Packages of Fedora, SUSE and their kin: rpm's database, wherever it lies and in whichever form.
// Tags: https://rpm-software-management.github.io/rpm/manual/tags.html
import { fromByteString, toByteString } from '../../foundation/byte-string.ts';
import type { PackageRecord } from './image-packages.ts';
import type { ImageTree } from './image-tree.ts';
import { readRpmDatabase } from './rpm-database.ts';
import { type RpmHeader, readRpmHeader } from './rpm-header.ts';

const folders = ['usr/lib/sysimage/rpm', 'var/lib/rpm', 'usr/share/rpm'];
const names = ['rpmdb.sqlite', 'Packages.db', 'Packages'];

const tags = {
  name: 1000,
  version: 1001,
  release: 1002,
  epoch: 1003,
  summary: 1004,
  size: 1009,
  vendor: 1011,
  license: 1014,
  url: 1020,
  arch: 1022,
  sourceRpm: 1044,
  provides: 1047,
  requires: 1049,
  dirIndexes: 1116,
  baseNames: 1117,
  dirNames: 1118,
} as const;

export interface RpmPackages {
  readonly packages: readonly PackageRecord[];
  /** A database that is there and cannot be read. */
  readonly unread: string | undefined;
}

/** What the database says is installed; nothing where there is none. */
export function rpmPackages(tree: ImageTree): RpmPackages {
  const database = databaseOf(tree);
  if (database === undefined) return { packages: [], unread: undefined };
  const { path, bytes } = database;
  const blobs = readRpmDatabase(bytes);
  if (blobs === undefined) return { packages: [], unread: path };
  const headers = blobs.flatMap((blob) => {
    const header = readRpmHeader(blob);
    const name = header?.text(tags.name);
    // Keys that packages are signed with are kept as packages too.
    return header === undefined || name === undefined || name === 'gpg-pubkey' ? [] : [{ name, header }];
  });
  const providers = new Map<string, string>();
  for (const { name, header } of headers) {
    for (const file of filesOf(header)) providers.set(`/${file}`, name);
    for (const word of header.texts(tags.provides)) if (!providers.has(word)) providers.set(word, name);
  }
  const packages = headers.map(({ name, header }): PackageRecord => {
    const needs = header.texts(tags.requires).flatMap((word) => providers.get(word) ?? []);
    const [epoch] = header.numbers(tags.epoch);
    const version = `${header.text(tags.version) ?? ''}-${header.text(tags.release) ?? ''}`;
    const [size] = header.numbers(tags.size);
    const licence = header.text(tags.license);
    const source = header.text(tags.sourceRpm)?.replace(/-[^-]*-[^-]*$/, '');
    return {
      manager: 'rpm',
      name,
      version: epoch === undefined ? version : `${epoch}:${version}`,
      architecture: header.text(tags.arch) ?? '',
      depends: [...new Set(needs)].filter((other) => other !== name).sort(),
      licences: licence === undefined || licence === '' ? [] : [licence],
      registration: path,
      listed: [...new Set(filesOf(header).flatMap((file) => [file, resolved(tree, file)]))],
      ...(source === undefined || source === '' || source === name ? {} : { source }),
      ...optional('supplier', header.text(tags.vendor)),
      ...optional('description', header.text(tags.summary)),
      ...optional('homepage', header.text(tags.url)),
      ...(size === undefined || size === 0 ? {} : { installedSize: size }),
    };
  });
  return { packages, unread: undefined };
}

function databaseOf(tree: ImageTree): { readonly path: string; readonly bytes: Buffer } | undefined {
  for (const folder of folders) {
    for (const name of names) {
      const path = `${folder}/${name}`;
      const bytes = tree.bytes(path);
      if (bytes !== undefined) return { path, bytes };
    }
  }
  return undefined;
}

/** Paths without a slash before them. */
function filesOf(header: RpmHeader): string[] {
  const directories = header.texts(tags.dirNames);
  const indexes = header.numbers(tags.dirIndexes);
  return header
    .texts(tags.baseNames)
    .map((base, at) => `${directories[indexes[at] ?? -1] ?? ''}${base}`.replace(/^\/+/, ''));
}

/** `/bin/sh` of a package lies at `/usr/bin/sh` where the folders are one. */
function resolved(tree: ImageTree, file: string): string {
  const at = file.lastIndexOf('/');
  const folder = at < 0 ? undefined : tree.resolve(toByteString(file.slice(0, at)));
  return folder === undefined ? file : `${fromByteString(folder)}${file.slice(at)}`;
}

function optional<Key extends string>(key: Key, value: string | undefined): { [K in Key]?: string } {
  return (value === undefined || value === '' || value === '(none)' ? {} : { [key]: value }) as {
    [K in Key]?: string;
  };
}
