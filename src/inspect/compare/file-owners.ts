// Which package a file of an image belongs to, from the surest source to the least: the store that made the image,
// the databases inside it, a layer that holds one package only, and names that say so.
import type { ByteString } from '../../foundation/byte-string.ts';
import type { Host } from '../../foundation/host.ts';
import { debianPaths } from './debian-paths.ts';
import type { PackageRecord } from './image-packages.ts';
import type { ImageTree } from './image-tree.ts';

/** Path to the index of its package in `records`; files that nothing is known of are absent. */
export function findOwners(
  host: Pick<Host, 'env'>,
  tree: ImageTree,
  records: readonly PackageRecord[],
): ReadonlyMap<ByteString, number> {
  const owners = new Map<ByteString, number>();
  const debian = new Map<string, number>();
  for (const [index, record] of records.entries())
    if (record.manager === 'debian') debian.set(record.name, index);
  const claim = (path: ByteString, index: number) => {
    if (!owners.has(path) && tree.has(path)) owners.set(path, index);
  };
  for (const [index, record] of records.entries()) {
    if (record.manager === 'nix' || record.manager === 'guix') {
      claim(record.registration, index);
      for (const entry of tree.below(record.registration)) claim(entry.path, index);
    } else if (record.manager === 'python') claimRecorded(tree, record, (path) => claim(path, index));
    else if (record.manager === 'npm') {
      const folder = record.registration.replace(/\/[^/]*$/, '');
      for (const entry of tree.below(folder))
        if (!entry.path.includes('/node_modules/', folder.length)) claim(entry.path, index);
    } else if (record.listed !== undefined)
      for (const path of record.listed) claim(Buffer.from(path, 'utf8').toString('latin1'), index);
    else if (record.registration.startsWith('var/lib/dpkg/status.d/')) claim(record.registration, index);
  }
  const built = debianPaths(host, tree);
  for (const [name, paths] of built) {
    const index = debian.get(name);
    if (index !== undefined) for (const path of paths) claim(path, index);
  }
  for (const entry of tree.below('var/lib/dpkg')) {
    const match = /^var\/lib\/dpkg\/(?:info|status\.d)\/([^/:]+)(?::[^/.]+)?\.(\w+)$/.exec(entry.path);
    const index = debian.get(match?.[1] ?? '');
    if (match === null || index === undefined) continue;
    claim(entry.path, index);
    if (match[2] === 'list' || match[2] === 'md5sums')
      claimListed(tree, entry.path, (path) => claim(path, index));
  }
  claimSingleLayers(tree, debian, claim);
  claimByName(tree, debian, owners);
  return owners;
}

/** What a distribution's RECORD lists, relative to the folder it is installed in. */
function claimRecorded(tree: ImageTree, record: PackageRecord, claim: (path: ByteString) => void): void {
  claim(record.registration);
  const folder = record.registration.replace(/\/[^/]*$/, '');
  if (/info$/.test(folder)) for (const entry of tree.below(folder)) claim(entry.path);
  const base = folder.replace(/\/[^/]*$/, '').split('/');
  for (const line of (tree.text(`${folder}/RECORD`) ?? '').split('\n')) {
    const parts = [...base];
    for (const part of line
      .replace(/,[^,]*,[^,]*$/, '')
      .replace(/^"|"$/g, '')
      .split('/')) {
      if (part === '..') parts.pop();
      else parts.push(part);
    }
    claim(Buffer.from(parts.join('/'), 'utf8').toString('latin1'));
  }
}

/** dpkg's lists name `/lib/x` where a merged system has `/usr/lib/x`. */
function claimListed(tree: ImageTree, list: ByteString, claim: (path: ByteString) => void): void {
  for (const line of (tree.text(list) ?? '').split('\n')) {
    const path = Buffer.from(line.replace(/^[0-9a-f]{32} {2}/, '').replace(/^\//, ''), 'utf8').toString(
      'latin1',
    );
    if (path === '' || path === '.') continue;
    claim(path);
    claim(`usr/${path}`);
  }
}

/** A layer in which one package alone is registered is that package's. */
function claimSingleLayers(
  tree: ImageTree,
  debian: ReadonlyMap<string, number>,
  claim: (path: ByteString, index: number) => void,
): void {
  const { layerOf, tree: entries } = tree.merged;
  const inLayer = new Map<number, number[]>();
  for (const entry of tree.below('var/lib/dpkg/status.d')) {
    const index = debian.get(entry.path.slice('var/lib/dpkg/status.d/'.length));
    const layer = layerOf.get(entry.path);
    if (index !== undefined && layer !== undefined)
      inLayer.set(layer, [...(inLayer.get(layer) ?? []), index]);
  }
  for (const entry of entries) {
    const here = inLayer.get(layerOf.get(entry.path) ?? -1);
    if (here?.length === 1 && entry.kind !== 'directory') claim(entry.path, here[0]!);
  }
}

/** Byte code belongs to its source, documentation to the package it is named after. */
function claimByName(
  tree: ImageTree,
  debian: ReadonlyMap<string, number>,
  owners: Map<ByteString, number>,
): void {
  for (const { kind, path } of tree.merged.tree) {
    if (kind === 'directory' || owners.has(path)) continue;
    const [, folder, name] = /^(.*)__pycache__\/([^/]+)\.[^./]+(?:\.opt-\d)?\.pyc$/.exec(path) ?? [];
    const owner =
      name === undefined
        ? debian.get(/^usr\/share\/doc\/([^/]+)/.exec(path)?.[1] ?? '')
        : owners.get(`${folder}${name}.py`);
    if (owner !== undefined) owners.set(path, owner);
  }
}
