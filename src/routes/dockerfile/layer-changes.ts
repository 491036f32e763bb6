// What a layer changes, said in one way whoever made it: only entries that differ from what lies below, a removal as
// one whiteout at the top of what is gone, no folders that were merely touched, no opaque marks.
import type { ByteString } from '../../foundation/byte-string.ts';
import { type Content, type FileTree, fileTree, type TreeEntry } from '../../foundation/file-tree.ts';
import { mergeEntries } from '../../oci/layer-merge.ts';
import { diffTrees } from '../../oci/tree-diff.ts';

/** A whiteout is an empty file; what else it is said to be nobody reads. */
const whiteout = { kind: 'file', mode: 0o600, uid: 0, gid: 0, mtime: 1 } as const;
const nothing: Content = { kind: 'bytes', bytes: new Uint8Array(0) };

/** The canonical form of the uppermost of `layers`, each a list of entries, lowest first. Rejects as `diffTrees`. */
export async function canonicalChanges(layers: readonly (readonly TreeEntry[])[]): Promise<FileTree> {
  const upper = new Set(layers.at(-1)!.map(({ path }) => path));
  const before = mergeEntries(layers.slice(0, -1)).tree;
  const after = mergeEntries(layers).tree;
  const afterAt = new Map(after.map((entry) => [entry.path, entry]));
  const changes = await diffTrees(
    before.filter(({ path }) => upper.has(path) || !afterAt.has(path)),
    after.filter(({ path }) => upper.has(path)),
  );
  const entries = new Map<ByteString, TreeEntry>();
  const put = (entry: TreeEntry) => {
    entries.set(entry.path, entry);
    // A link needs its file in the same layer: engines unpack one layer at a time.
    const target = entry.kind === 'hardlink' ? afterAt.get(entry.target) : undefined;
    if (target !== undefined) entries.set(target.path, target);
  };
  const gone = new Set<ByteString>();
  for (const change of changes) {
    if (change.path === '') continue;
    if (change.change === 'removed') {
      gone.add(change.path);
      const slash = change.path.lastIndexOf('/');
      if (gone.has(change.path.slice(0, Math.max(0, slash)))) continue;
      const path = `${change.path.slice(0, slash + 1)}.wh.${change.path.slice(slash + 1)}`;
      entries.set(path, { ...whiteout, path, content: nothing });
    } else if (change.change === 'added' || !isTouchedFolder(change.after, change.fields)) {
      put(change.after);
    }
  }
  return fileTree(withParents(entries, afterAt));
}

function isTouchedFolder(entry: TreeEntry, fields: readonly string[]): boolean {
  return entry.kind === 'directory' && fields.every((field) => field === 'mtime');
}

/** Folders around what changed, so that no engine has to make them up. */
function withParents(
  entries: Map<ByteString, TreeEntry>,
  after: ReadonlyMap<ByteString, TreeEntry>,
): Iterable<TreeEntry> {
  for (const path of [...entries.keys()]) {
    for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1)) {
      const parent = path.slice(0, slash);
      if (entries.has(parent)) break;
      const entry = after.get(parent);
      if (entry !== undefined) entries.set(parent, entry);
    }
  }
  return entries.values();
}
