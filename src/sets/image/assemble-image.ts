// Turns an image's contents into layers, lowest first: packages (grouped so that images share them), byte code, what
// maintainer scripts would have done, ordinary store paths, and last the links at the root.

import type { StorePath } from '../../formats/store-path.ts';
import type { ByteString } from '../../foundation/byte-string.ts';
import { type FileTree, fileTree, type TreeEntry } from '../../foundation/file-tree.ts';
import { type ContainerConfig, createImage, type Image } from '../../oci/image.ts';
import type { Layer } from '../../oci/layer.ts';
import { writeLayer } from '../../oci/layer-write.ts';
import { type LayeringPackage, planLayers } from '../../oci/layering.ts';
import type { LocalStore } from '../../store/local-store.ts';
import { declaredRootKey } from '../debian/declared-root.ts';
import type { EnvironmentPackage } from './environment.ts';
import { type ImageContents, rootFolder } from './image-contents.ts';
import { cachedLayer } from './layer-cache.ts';

export interface AssembleOptions {
  readonly store: LocalStore;
  /** Where layers are kept between builds. */
  readonly layerDirectory: string;
  readonly contents: ImageContents;
  /** What maintainer scripts would have made for these packages; called only when it is not in the cache. */
  readonly declareRoot: (packages: readonly EnvironmentPackage[]) => FileTree;
  /** An image to build upon. */
  readonly base?: Image | undefined;
  readonly config: ContainerConfig;
  readonly architecture: string;
  readonly created: string;
  readonly names: readonly string[];
  readonly maxLayers: number;
  /** Owner of the files under the store directory. */
  readonly uid: number;
  readonly gid: number;
  /** Seconds since 1970 for files under the store directory and at the root. */
  readonly mtime: number;
}

/** Layers that are always there beside those of packages and store paths. */
const fixedLayers = 3;

/** Makes the image. The same options give the same image. Throws `oci/…`, `debian/…` and system errors. */
export async function assembleImage(options: AssembleOptions): Promise<Image> {
  const { contents, base } = options;
  const room = Math.max(2, options.maxLayers - (base?.layers.length ?? 0) - fixedLayers);
  const storeRoom =
    contents.storePaths.length === 0 ? 0 : Math.max(1, Math.min(contents.storePaths.length, room >> 1));
  const layers: Layer[] = [
    ...(base?.layers ?? []),
    ...(await packageLayers(options, room - storeRoom)),
    ...(await declaredLayer(options)),
    ...(await storeLayers(options, storeRoom)),
    ...(await rootLayer(options)),
  ];
  return createImage({
    platform: { os: 'linux', architecture: options.architecture },
    layers: layers.length === 0 ? [await emptyLayer(options)] : layers,
    config: options.config,
    names: options.names,
    created: options.created,
  });
}

async function packageLayers(options: AssembleOptions, limit: number): Promise<Layer[]> {
  const { store, contents } = options;
  const trees = new Map<string, { path: StorePath; label: string }>();
  const plan: LayeringPackage[] = [];
  for (const item of contents.packages) {
    trees.set(item.name, { path: item.tree, label: `${item.name} ${item.version}` });
    plan.push({ name: item.name, size: store.packedFile(item.tree).size, dependencies: item.depends });
    if (item.byteCode === undefined) continue;
    // No package has a space in its name, so this is nobody else's.
    const name = `${item.name} byte code`;
    const { size } = store.packedFile(item.byteCode);
    if (store.tree(item.byteCode).length === 0) continue;
    trees.set(name, { path: item.byteCode, label: name });
    plan.push({ name, size, dependencies: [item.name] });
  }
  const layers: Layer[] = [];
  for (const group of planLayers(plan, { limit: Math.max(1, limit) })) {
    const members = group.names.map((name) => trees.get(name)!);
    const comment = members.map((member) => member.label).join(', ');
    const only = members.length === 1 ? members[0] : undefined;
    if (only !== undefined) {
      const { file, size, sha256 } = store.packedFile(only.path);
      layers.push({
        diffId: `sha256:${sha256}`,
        size,
        content: [{ kind: 'region', file, offset: 0, length: size }],
        comment,
      });
      continue;
    }
    const paths = members.map((member) => member.path);
    layers.push(
      await cachedLayer({
        directory: options.layerDirectory,
        ingredients: ['union', ...paths],
        comment,
        tree: () => uniteLayerTrees(paths.map((path) => store.tree(path))),
      }),
    );
  }
  return layers;
}

/** Trees that share folders and nothing else, as one. Of a path that occurs twice the first stays. */
export function uniteLayerTrees(trees: readonly FileTree[]): FileTree {
  const entries = new Map<ByteString, TreeEntry>();
  for (const tree of trees) {
    for (const entry of tree) if (!entries.has(entry.path)) entries.set(entry.path, entry);
  }
  return fileTree(entries.values());
}

async function declaredLayer(options: AssembleOptions): Promise<Layer[]> {
  const { packages } = options.contents;
  if (packages.length === 0) return [];
  const layer = await cachedLayer({
    directory: options.layerDirectory,
    ingredients: declaredRootKey(packages),
    comment: 'users, merged /usr, alternatives, certificates',
    tree: () => options.declareRoot(packages),
  });
  return [layer];
}

async function storeLayers(options: AssembleOptions, limit: number): Promise<Layer[]> {
  const { store, contents, uid, gid, mtime } = options;
  const plan = contents.storePaths.map((path): LayeringPackage => {
    const size = store
      .tree(path)
      .reduce((sum, entry) => sum + (entry.kind === 'file' ? lengthOf(entry) : 0), 0);
    return { name: path, size, dependencies: store.info(path).references };
  });
  const layers: Layer[] = [];
  for (const group of planLayers(plan, { limit: Math.max(1, limit) })) {
    layers.push(
      await cachedLayer({
        directory: options.layerDirectory,
        ingredients: ['store paths', String(uid), String(gid), String(mtime), ...group.names],
        comment: group.names.map((path) => path.slice(path.lastIndexOf('/') + 34)).join(', '),
        tree: () => {
          const entries: TreeEntry[] = storeFolders(store.storeDirectory).map((entry) => ({
            ...entry,
            mtime,
          }));
          for (const path of group.names as readonly StorePath[]) {
            for (const entry of store.tree(path)) entries.push({ ...placed(entry, path), uid, gid, mtime });
          }
          return fileTree(entries);
        },
      }),
    );
  }
  return layers;
}

function lengthOf(entry: TreeEntry & { kind: 'file' }): number {
  return entry.content.kind === 'bytes' ? entry.content.bytes.length : entry.content.length;
}

/** The folders above a store path. */
function storeFolders(storeDirectory: string): TreeEntry[] {
  const names = storeDirectory.slice(1).split('/');
  return names.map((_, index) => rootFolder(names.slice(0, index + 1).join('/')));
}

function placed(entry: TreeEntry, storePath: string): TreeEntry {
  const base = storePath.slice(1);
  const path = entry.path === '' ? base : `${base}/${entry.path}`;
  return entry.kind === 'hardlink'
    ? { ...entry, path, target: `${base}/${entry.target}` }
    : { ...entry, path };
}

async function rootLayer(options: AssembleOptions): Promise<Layer[]> {
  const { rootTree } = options.contents;
  if (rootTree.length === 0) return [];
  const tree = rootTree.map((entry) => ({ ...entry, mtime: options.mtime }));
  return [await writeLayer(tree, { directory: options.layerDirectory, comment: 'root' })];
}

/** Old engines refuse an image without any layer. */
async function emptyLayer(options: AssembleOptions): Promise<Layer> {
  return cachedLayer({ directory: options.layerDirectory, ingredients: ['empty'], tree: () => [] });
}
