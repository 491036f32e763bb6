// Runs a command as root over the layers of an image, and gives what it changed as data: what `runAsRoot` and
// `fakeRootCommands` of image builders need, without a virtual machine.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { indexTarFileSync } from '../formats/tar-read.ts';
import type { ByteString } from '../foundation/byte-string.ts';
import { type FileTree, fileTree, type TreeEntry } from '../foundation/file-tree.ts';
import {
  captureTree,
  type OwnerRange,
  ownerRange,
  removeSandboxTree,
  runInSandbox,
  type SandboxOptions,
} from './sandbox.ts';

export interface RootScriptOptions extends Omit<SandboxOptions, 'root' | 'identity' | 'scratch'> {
  /** Folders of the host with the contents of the layers, the topmost last. They are not changed. */
  readonly layers: readonly string[];
  /**
   * All that the layers hold, with the owners it should have: an ordinary user's folders cannot have them. What the
   * command changes without giving it to somebody keeps the owner from here.
   */
  readonly base: FileTree;
  /** An empty folder of the caller's on a disk. Must be kept for as long as the changes are read. */
  readonly folder: string;
}

export interface RootScriptResult {
  readonly exitCode: number;
  /** Which owners the command could give. */
  readonly owners: OwnerRange;
  /** What is new or changed, contents as regions of a file below `folder`. Times are those of the run: set them. */
  readonly added: FileTree;
  /** Paths of the layers that are gone. */
  readonly removed: readonly ByteString[];
  /** Folders that were removed and made anew, so that nothing of them in the layers is left. */
  readonly replaced: readonly ByteString[];
}

/** Runs the command. Rejects as {@link runInSandbox} and {@link captureTree}. */
export async function runRootScript(options: RootScriptOptions): Promise<RootScriptResult> {
  const { folder, host, layers, base, ...sandbox } = options;
  const upper = join(folder, 'upper');
  const scratch = join(folder, 'scratch');
  const tar = join(folder, 'changes.tar');
  await mkdir(upper, { mode: 0o755 });
  await mkdir(scratch);
  try {
    const { exitCode } = await runInSandbox({
      ...sandbox,
      host,
      scratch,
      root: { kind: 'overlay', layers, upper },
      identity: 'root',
    });
    await captureTree({ host, folder: upper, tar });
    const owners = ownerRange(host);
    return { exitCode, owners, ...changesOf(indexTarFileSync(tar), owners === 'all' ? [] : base) };
  } finally {
    await removeSandboxTree(host, upper);
    await removeSandboxTree(host, scratch);
  }
}

/** Takes an overlay's upper folder for what it means: additions, deletions (devices 0:0) and replaced folders. */
function changesOf(
  entries: readonly TreeEntry[],
  base: FileTree,
): Pick<RootScriptResult, 'added' | 'removed' | 'replaced'> {
  const owned = new Map(
    base.filter(({ uid, gid }) => uid !== 0 || gid !== 0).map((entry) => [entry.path, entry]),
  );
  const added: TreeEntry[] = [];
  const removed: ByteString[] = [];
  const replaced: ByteString[] = [];
  for (const entry of entries) {
    if (entry.path === '') continue;
    if (entry.kind === 'character-device' && entry.major === 0 && entry.minor === 0) {
      removed.push(entry.path);
      continue;
    }
    const marks = [...(entry.xattrs ?? [])].filter(([name]) => /^(user|trusted)\.overlay\./.test(name));
    if (marks.some(([name, value]) => name.endsWith('.opaque') && Buffer.from(value).toString() === 'y')) {
      replaced.push(entry.path);
    }
    const before = owned.get(entry.path);
    const isOurs = entry.uid === 0 && entry.gid === 0;
    const owner =
      before !== undefined && before.kind === entry.kind && isOurs
        ? { uid: before.uid, gid: before.gid }
        : { uid: entry.uid, gid: entry.gid };
    added.push({ ...withoutMarks(entry, new Set(marks.map(([name]) => name))), ...owner });
  }
  return { added: fileTree(added), removed: removed.sort(), replaced: replaced.sort() };
}

/** The entry without the attributes in which the overlay keeps its books. */
function withoutMarks(entry: TreeEntry, marks: ReadonlySet<string>): TreeEntry {
  if (entry.xattrs === undefined) return entry;
  const { xattrs, ...rest } = entry;
  const kept = new Map([...xattrs].filter(([name]) => !marks.has(name)));
  return kept.size === 0 ? rest : { ...rest, xattrs: kept };
}
