// The packages in an image: dpkg's database in both of its forms, apk's, rpm's, Python distributions and Node packages that
// those do not own, and objects of /nix/store and /gnu/store. Formats: deb822(5), the Python packaging specifications, DEP-5.

import { field, parseControl, type Stanza } from '../../debian/control.ts';
import { type Dependency, parseDependencies } from '../../debian/dependency.ts';
import { compareBytes, fromByteString } from '../../foundation/byte-string.ts';
import { isTrimaranError } from '../../foundation/error.ts';
import { alpinePackages } from './alpine-packages.ts';
import type { ImageTree } from './image-tree.ts';
import { nodePackages } from './node-packages.ts';
import { rpmPackages } from './rpm-packages.ts';

export type PackageManager = 'alpine' | 'debian' | 'rpm' | 'python' | 'npm' | 'nix' | 'guix';

export interface PackageRecord {
  readonly manager: PackageManager;
  readonly name: string;
  readonly version: string;
  /** Debian's name for it; empty where it does not matter. */
  readonly architecture: string;
  /** Source package, where that has another name. */
  readonly source?: string;
  /** Names of the packages of this image that it needs, sorted. */
  readonly depends: readonly string[];
  /** As the copyright file or the package's own metadata names them; sorted. */
  readonly licences: readonly string[];
  readonly supplier?: string;
  readonly description?: string;
  readonly homepage?: string;
  /** Of dpkg's database in its small form, or of Python's metadata: where the package is registered. */
  readonly registration: string;
  /** Bytes that the package says it takes. */
  readonly installedSize?: number;
  /** Paths of its files, where its database has them at hand. */
  readonly listed?: readonly string[];
}

export interface FoundPackages {
  /** Sorted by manager and name. */
  readonly packages: readonly PackageRecord[];
  /** Paths of databases that could not be read. */
  readonly unread: readonly string[];
}

/** Every package of an image. */
export function findPackages(tree: ImageTree): FoundPackages {
  const debian = debianPackages(tree);
  const known = new Set(debian.map((item) => item.name));
  const rpm = rpmPackages(tree);
  const alpine = alpinePackages(tree);
  const listed = new Set([...rpm.packages, ...alpine].flatMap((item) => item.listed ?? []));
  const all = [
    ...debian,
    ...rpm.packages,
    ...alpine,
    ...pythonPackages(tree, { debian: known, listed }),
    ...nodePackages(tree),
    ...storeObjects(tree),
  ];
  return {
    packages: all.sort((a, b) => compareBytes(a.manager, b.manager) || compareBytes(a.name, b.name)),
    unread: rpm.unread === undefined ? [] : [rpm.unread],
  };
}

function readStanzas(text: string | undefined, file: string): Stanza[] {
  try {
    return text === undefined ? [] : parseControl(text, file);
  } catch (error) {
    // A damaged database of somebody else's image: what it says cannot be told.
    if (isTrimaranError(error, 'debian/bad-control')) return [];
    throw error;
  }
}

function debianPackages(tree: ImageTree): PackageRecord[] {
  const stanzas: { stanza: Stanza; registration: string }[] = [];
  const add = (path: string) => {
    for (const stanza of readStanzas(tree.text(path), fromByteString(path)))
      stanzas.push({ stanza, registration: path });
  };
  add('var/lib/dpkg/status');
  for (const entry of tree.below('var/lib/dpkg/status.d'))
    if (entry.kind === 'file' && !entry.path.endsWith('.md5sums')) add(entry.path);
  const installed = stanzas.filter(({ stanza }) => {
    const status = field(stanza, 'status');
    return status === undefined || /\binstalled$/.test(status);
  });
  const providers = new Map<string, string>();
  for (const { stanza } of installed) {
    const name = field(stanza, 'package');
    if (name === undefined) continue;
    const architecture = field(stanza, 'architecture') ?? 'all';
    for (const relation of relations(field(stanza, 'provides'), architecture).flat())
      if (!providers.has(relation.name)) providers.set(relation.name, name);
  }
  for (const { stanza } of installed) {
    const name = field(stanza, 'package');
    if (name !== undefined) providers.set(name, name);
  }
  const packages = new Map<string, PackageRecord>();
  for (const { stanza, registration } of installed) {
    const name = field(stanza, 'package');
    const version = field(stanza, 'version');
    if (name === undefined || version === undefined) continue;
    const architecture = field(stanza, 'architecture') ?? '';
    const needed = [field(stanza, 'pre-depends'), field(stanza, 'depends')]
      .flatMap((text) => relations(text, architecture))
      .flatMap((dependency) =>
        dependency.flatMap((relation) => providers.get(relation.name) ?? []).slice(0, 1),
      );
    const size = Number(field(stanza, 'installed-size'));
    packages.set(name, {
      manager: 'debian',
      name,
      version,
      architecture,
      depends: [...new Set(needed)].filter((other) => other !== name).sort(),
      licences: copyrightLicences(tree, name),
      registration,
      ...optional('source', field(stanza, 'source')?.replace(/\s.*$/, '')),
      ...optional('supplier', field(stanza, 'maintainer')),
      ...optional('description', field(stanza, 'description')?.split('\n')[0]),
      ...optional('homepage', field(stanza, 'homepage')),
      ...(Number.isFinite(size) && size > 0 ? { installedSize: size * 1024 } : {}),
    });
  }
  return [...packages.values()];
}

function relations(text: string | undefined, architecture: string): Dependency[] {
  try {
    return parseDependencies(text, architecture);
  } catch (error) {
    if (isTrimaranError(error, 'debian/bad-dependency')) return [];
    throw error;
  }
}

function optional<Key extends string>(key: Key, value: string | undefined): { [K in Key]?: string } {
  return (value === undefined || value === '' ? {} : { [key]: value }) as { [K in Key]?: string };
}

/** Short names of licences in a copyright file that keeps to DEP-5; of another one, the common licences it refers to. */
function copyrightLicences(tree: ImageTree, name: string): string[] {
  const text = tree.text(`usr/share/doc/${name}/copyright`);
  if (text === undefined) return [];
  if (!/^Format:.*(?:copyright-format|dep5|DEP5)/im.test(text.slice(0, 2000))) {
    const named = [...text.matchAll(/\/usr\/share\/common-licenses\/([A-Za-z]+(?:-\d+(?:\.\d+)*)?)/g)];
    return [...new Set(named.map((match) => match[1]!))].sort();
  }
  const names = readStanzas(text, `${name}/copyright`)
    .filter((stanza) => stanza.fields.has('files') || stanza.fields.has('format'))
    .flatMap((stanza) => field(stanza, 'license')?.split('\n')[0]?.trim() ?? []);
  return [...new Set(names.filter((licence) => licence !== ''))].sort();
}

const metadataFile =
  /^(.*\/(?:site|dist)-packages)\/([^/]+)\.(?:dist-info\/METADATA|egg-info\/PKG-INFO|egg-info)$/;

/** Distributions that pip or the like installed; those that the system's own packages list come with them. */
function pythonPackages(
  tree: ImageTree,
  { debian, listed }: { readonly debian: ReadonlySet<string>; readonly listed: ReadonlySet<string> },
): PackageRecord[] {
  const found = new Map<string, { record: PackageRecord; needs: string[] }>();
  for (const entry of tree.merged.tree) {
    if (entry.kind !== 'file') continue;
    const match = metadataFile.exec(entry.path);
    if (match === null || (debian.size > 0 && match[1] === 'usr/lib/python3/dist-packages')) continue;
    if (/^(?:nix|gnu)\/store\//.test(entry.path) || listed.has(fromByteString(entry.path))) continue;
    const head = (tree.text(entry.path) ?? '').split(/\r?\n\r?\n/, 1)[0]!;
    const values = (name: string) =>
      [...head.matchAll(new RegExp(`^${name}: *(.*)$`, 'gim'))].map((line) => line[1]!.trim());
    const [name] = values('Name');
    const [version] = values('Version');
    if (name === undefined || version === undefined) continue;
    const licence = values('License-Expression')[0] ?? values('License')[0];
    found.set(normalise(name), {
      needs: values('Requires-Dist')
        .filter((line) => !/;\s*.*extra\s*==/.test(line))
        .flatMap((line) => /^[A-Za-z0-9._-]+/.exec(line)?.[0] ?? []),
      record: {
        manager: 'python',
        name,
        version,
        architecture: '',
        depends: [],
        licences: licence === undefined || licence === '' || licence.length > 60 ? [] : [licence],
        registration: entry.path,
        ...optional('description', values('Summary')[0]),
        ...optional('homepage', values('Home-page')[0]),
      },
    });
  }
  return [...found.values()].map(({ record, needs }) => ({
    ...record,
    depends: [...new Set(needs.flatMap((need) => found.get(normalise(need))?.record.name ?? []))].sort(),
  }));
}

function normalise(name: string): string {
  return name.toLowerCase().replace(/[-_.]+/g, '-');
}

const storeObject = /^(nix|gnu)\/store\/([0-9a-z]{32})-([^/]+)$/;

/** Objects of a store that have a version in their name; what has none is a project's own. */
function storeObjects(tree: ImageTree): PackageRecord[] {
  return tree.merged.tree.flatMap((entry): PackageRecord[] => {
    const match = entry.kind === 'symlink' ? null : storeObject.exec(entry.path);
    const [, name, version] = /^(.+?)-(\d[^-]*(?:-[^a-zA-Z].*)?)$/.exec(match?.[3] ?? '') ?? [];
    if (match === null || name === undefined || version === undefined) return [];
    return [
      {
        manager: match[1] === 'nix' ? 'nix' : 'guix',
        name,
        version,
        architecture: '',
        depends: [],
        licences: [],
        registration: entry.path,
      },
    ];
  });
}
