// Layers applied in order to one tree, as an overlay file system shows it: whiteouts, opaque directories, changes of
// type, hard links. https://github.com/opencontainers/image-spec/blob/main/layer.md. For looking only: paths are taken
// as written and never followed through symbolic links, and nothing is extracted.
import type { ByteString } from '../foundation/byte-string.ts';
import { type FileTree, fileTree, type TreeEntry } from '../foundation/file-tree.ts';
import type { Image } from './image.ts';
import { layerEntries } from './layer-tree.ts';

export interface MergedTree {
  readonly tree: FileTree;
  /** Index of the layer that gave each path its entry; directories count for the topmost layer that has them. */
  readonly layerOf: ReadonlyMap<ByteString, number>;
}

/** One place of a merged tree. */
export interface MergedEntry {
  /** As the topmost layer has it; a name of a file that has several is a file, whichever was first. */
  readonly entry: TreeEntry;
  /** What a directory holds, by name. */
  readonly children: ReadonlyMap<ByteString, unknown> | undefined;
}

interface Node extends MergedEntry {
  entry: TreeEntry;
  layer: number;
  /** One value for all names of a file; undefined while it has only one. */
  links: symbol | undefined;
  children: Map<ByteString, Node> | undefined;
}

const whiteoutPrefix = '.wh.';
const opaqueMarker = '.wh..wh..opq';

function parentOf(path: ByteString): ByteString {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? '' : path.slice(0, slash);
}

function nameOf(path: ByteString): ByteString {
  return path.slice(path.lastIndexOf('/') + 1);
}

function directoryNode(path: ByteString, layer: number): Node {
  const entry: TreeEntry = { kind: 'directory', path, mode: 0o755, uid: 0, gid: 0, mtime: 0 };
  return { entry, layer, links: undefined, children: new Map() };
}

class Merger {
  readonly root = directoryNode('', -1);
  #layer = -1;

  apply(entries: readonly TreeEntry[]): void {
    this.#layer++;
    // Whiteouts speak of the layers below, wherever in the tar they stand, so they go first.
    for (const { path } of entries) {
      const name = nameOf(path);
      if (!name.startsWith(whiteoutPrefix)) continue;
      const parent = this.find(parentOf(path));
      if (name === opaqueMarker) parent?.children?.clear();
      else if (!name.startsWith('.wh..wh.')) parent?.children?.delete(name.slice(whiteoutPrefix.length));
    }
    for (const entry of entries) {
      if (!nameOf(entry.path).startsWith(whiteoutPrefix)) this.#put(entry);
    }
  }

  find(path: ByteString): Node | undefined {
    let node: Node | undefined = this.root;
    if (path === '') return node;
    for (const name of path.split('/')) {
      node = node?.children?.get(name);
      if (node === undefined) return undefined;
    }
    return node;
  }

  #directoryAt(path: ByteString): Node {
    let node = this.root;
    if (path === '') return node;
    let at = '';
    for (const name of path.split('/')) {
      at = at === '' ? name : `${at}/${name}`;
      let child = node.children!.get(name);
      if (child?.children === undefined) {
        child = directoryNode(at, this.#layer);
        node.children!.set(name, child);
      }
      node = child;
    }
    return node;
  }

  #put(entry: TreeEntry): void {
    if (entry.path === '') {
      if (entry.kind === 'directory') {
        this.root.entry = entry;
        this.root.layer = this.#layer;
      }
      return;
    }
    const siblings = this.#directoryAt(parentOf(entry.path)).children!;
    const name = nameOf(entry.path);
    const old = siblings.get(name);
    if (entry.kind === 'directory') {
      const children = old?.children ?? new Map<ByteString, Node>();
      siblings.set(name, { entry, layer: this.#layer, links: undefined, children });
      return;
    }
    if (entry.kind !== 'hardlink') {
      siblings.set(name, { entry, layer: this.#layer, links: undefined, children: undefined });
      return;
    }
    const target = this.find(entry.target);
    if (target === undefined || target.children !== undefined || target === old) {
      // A link to nothing, to a directory or to itself: keep what the tar says, so that it can be seen.
      siblings.set(name, { entry, layer: this.#layer, links: undefined, children: undefined });
      return;
    }
    target.links ??= Symbol();
    siblings.set(name, {
      entry: { ...target.entry, path: entry.path },
      layer: this.#layer,
      links: target.links,
      children: undefined,
    });
  }

  result(): MergedTree {
    const entries: TreeEntry[] = [];
    const layerOf = new Map<ByteString, number>();
    const firstOf = new Map<symbol, ByteString>();
    const pending: { node: Node; path: ByteString }[] = [{ node: this.root, path: '' }];
    const linked: { node: Node; path: ByteString }[] = [];
    while (pending.length > 0) {
      const { node, path } = pending.pop()!;
      if (path !== '' || node.layer >= 0) {
        layerOf.set(path, node.layer);
        if (node.links === undefined) entries.push(node.entry);
        else linked.push({ node, path });
      }
      for (const [name, child] of node.children ?? []) {
        pending.push({ node: child, path: path === '' ? name : `${path}/${name}` });
      }
    }
    // The first name by byte holds the content, whichever did in the layers: that one may have been removed since.
    linked.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
    for (const { node, path } of linked) {
      const first = firstOf.get(node.links!);
      if (first === undefined) {
        firstOf.set(node.links!, path);
        entries.push(node.entry);
      } else {
        const { mode, uid, gid, mtime } = node.entry;
        entries.push({ kind: 'hardlink', path, mode, uid, gid, mtime, target: first });
      }
    }
    return { tree: fileTree(entries), layerOf };
  }
}

/**
 * Applies the entries of layers, lowest first. Directories that no layer mentions are added with mode 0755.
 *
 * @example
 * mergeEntries([[file('a'), file('b')], [file('.wh.a')]]).tree; // only b
 */
export function mergeEntries(layers: readonly (readonly TreeEntry[])[]): MergedTree {
  return applied(layers).result();
}

/**
 * How to look up single paths, without a slash at either end, in layers that are applied as {@link mergeEntries} does: for
 * those who want to know of a few. `''` is the root.
 */
export function lookInto(
  layers: readonly (readonly TreeEntry[])[],
): (path: ByteString) => MergedEntry | undefined {
  const merger = applied(layers);
  return (path) => merger.find(path);
}

function applied(layers: readonly (readonly TreeEntry[])[]): Merger {
  const merger = new Merger();
  for (const entries of layers) merger.apply(entries);
  return merger;
}

/** The file system of an image. Throws as `layerEntries`. */
export async function mergeImage(image: Pick<Image, 'layers'>): Promise<MergedTree> {
  const merger = new Merger();
  for (const layer of image.layers) merger.apply(await layerEntries(layer));
  return merger.result();
}
