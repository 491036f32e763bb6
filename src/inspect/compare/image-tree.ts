// An image's merged file system with what reading it needs: look-up by path through symbolic links, and texts.
import { type ByteString, toByteString } from '../../foundation/byte-string.ts';
import { contentLength, type TreeEntry } from '../../foundation/file-tree.ts';
import type { MergedTree } from '../../oci/layer-merge.ts';
import { readContent } from '../../store/disk-tree.ts';

/** Larger databases than any distribution has are not read. */
const largestText = 256 << 20;
const mostLinks = 40;

export class ImageTree {
  readonly merged: MergedTree;
  readonly #entries: ReadonlyMap<ByteString, TreeEntry>;

  constructor(merged: MergedTree) {
    this.merged = merged;
    this.#entries = new Map(merged.tree.map((entry) => [entry.path, entry]));
  }

  has(path: ByteString): boolean {
    return this.#entries.has(path);
  }

  /** The path with its symbolic links followed, inside the image; undefined where it leads nowhere. */
  resolve(path: ByteString): ByteString | undefined {
    let rest = path.split('/').filter((part) => part !== '' && part !== '.');
    let at: string[] = [];
    for (let links = 0; rest.length > 0; ) {
      const [part, ...after] = rest as [string, ...string[]];
      rest = after;
      if (part === '..') {
        at.pop();
        continue;
      }
      const next = [...at, part].join('/');
      const entry = this.#entries.get(next);
      if (entry === undefined) return undefined;
      if (entry.kind !== 'symlink') {
        at.push(part);
        continue;
      }
      if (++links > mostLinks) return undefined;
      if (entry.target.startsWith('/')) at = [];
      rest = [...entry.target.split('/').filter((name) => name !== '' && name !== '.'), ...rest];
    }
    return at.join('/');
  }

  /** The text of a file, links followed; undefined where there is none. */
  text(path: ByteString): string | undefined {
    return this.bytes(path)?.toString('utf8');
  }

  /** What a file holds, links followed; undefined where there is none, and for one that is too large. */
  bytes(path: ByteString): Buffer | undefined {
    const resolved = this.resolve(path);
    let entry = resolved === undefined ? undefined : this.#entries.get(resolved);
    if (entry?.kind === 'hardlink') entry = this.#entries.get(entry.target);
    if (entry?.kind !== 'file' || contentLength(entry.content) > largestText) return undefined;
    return readContent(entry.content);
  }

  /** `debian-12`, as os-release has it. */
  distribution(): string | undefined {
    const text = this.text('etc/os-release') ?? this.text('usr/lib/os-release');
    if (text === undefined) return undefined;
    const value = (name: string) => new RegExp(`^${name}="?([^"\\n]*)"?$`, 'm').exec(text)?.[1];
    const id = value('ID');
    const version = value('VERSION_ID');
    return id === undefined ? undefined : version === undefined ? id : `${id}-${version}`;
  }

  /** Entries below a folder, at any depth, in byte order. */
  *below(folder: ByteString): Generator<TreeEntry> {
    const { tree } = this.merged;
    const prefix = `${toByteString(folder)}/`;
    let low = 0;
    let high = tree.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (tree[middle]!.path < prefix) low = middle + 1;
      else high = middle;
    }
    for (; low < tree.length && tree[low]!.path.startsWith(prefix); low++) yield tree[low]!;
  }
}
