// An image as data for people: configuration, layers, and the packages that its package databases name.

import { parseControl } from '../debian/control.ts';
import { fromByteString } from '../foundation/byte-string.ts';
import { contentLength, type FileTree, type TreeEntry } from '../foundation/file-tree.ts';
import type { ContainerConfig, Image } from '../oci/image.ts';
import { mergeImage } from '../oci/layer-merge.ts';
import { writeFamiliarReference } from '../oci/reference.ts';
import { readContent } from '../store/disk-tree.ts';

export interface ImagePackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
}

export interface ImageDescription {
  readonly names: readonly string[];
  readonly configDigest: string;
  /** `linux/amd64` */
  readonly platform: string;
  readonly created: string | undefined;
  readonly config: ContainerConfig;
  /** Bytes of all layers, uncompressed. */
  readonly size: number;
  readonly layers: readonly {
    readonly diffId: string;
    readonly size: number;
    readonly createdBy: string | undefined;
    readonly comment: string | undefined;
  }[];
  /** Sorted by name. */
  readonly packages: readonly ImagePackage[];
}

/** Describes an image. Reads its layers. Rejects with `oci/…` and `tar/…`. */
export async function describeImage(image: Image): Promise<ImageDescription> {
  const { tree } = await mergeImage(image);
  const history = (image.config.history ?? []).filter((entry) => entry.empty_layer !== true);
  return {
    names: image.names.map(writeFamiliarReference),
    configDigest: image.configDigest,
    platform: `${image.config.os}/${image.config.architecture}`,
    created: image.config.created,
    config: image.config.config ?? {},
    size: image.layers.reduce((sum, layer) => sum + layer.size, 0),
    layers: image.layers.map((layer, index) => ({
      diffId: layer.diffId,
      size: layer.size,
      createdBy: history[index]?.created_by,
      comment: history[index]?.comment,
    })),
    packages: debianPackages(tree),
  };
}

/** What dpkg's database says is installed, in either of its two forms. */
function debianPackages(tree: FileTree): ImagePackage[] {
  const packages: ImagePackage[] = [];
  for (const entry of tree) {
    if (entry.path !== 'var/lib/dpkg/status' && !entry.path.startsWith('var/lib/dpkg/status.d/')) continue;
    if (entry.kind !== 'file' || entry.path.endsWith('.md5sums')) continue;
    for (const stanza of parseControl(textOf(entry), fromByteString(entry.path))) {
      const name = stanza.fields.get('package');
      const version = stanza.fields.get('version');
      if (name === undefined || version === undefined) continue;
      packages.push({ name, version, architecture: stanza.fields.get('architecture') ?? '' });
    }
  }
  return packages.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function textOf(entry: TreeEntry & { readonly kind: 'file' }): string {
  return contentLength(entry.content) > 64 << 20 ? '' : readContent(entry.content).toString('utf8');
}
