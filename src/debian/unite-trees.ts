// Puts the trees of packages together as dpkg would on one disk: Replaces and diversions decide who has a path that
// several packages ship; without either it is an error.
import type { ByteString } from '../foundation/byte-string.ts';
import { TrimaranError } from '../foundation/error.ts';
import { type DirectoryEntry, type FileTree, fileTree, type TreeEntry } from '../foundation/file-tree.ts';
import type { DebControl } from './deb.ts';
import { meetsConstraint, parseDependencies } from './dependency.ts';
import { mergedPath } from './package-tree.ts';
import { readScript } from './script-reader.ts';

/** An unpacked package. */
export interface TreePackage {
  readonly control: DebControl;
  readonly tree: FileTree;
}

export interface UnitedTree {
  readonly tree: FileTree;
  /**
   * Entries on which packages disagree, as they are decided, diverted files under their new names included. Where each
   * package is a layer of its own, these must come in a layer above them.
   */
  readonly contested: readonly TreeEntry[];
}

interface Placed {
  readonly entry: TreeEntry;
  readonly owner: TreePackage;
}

/**
 * Unites packages; the order given does not matter. Throws `debian/file-conflict` when two packages have one path and neither
 * replaces the other, and `debian/unsafe-entry` when a path lies below another package's symlink.
 */
export function uniteTrees(packages: readonly TreePackage[]): UnitedTree {
  const sorted = [...packages].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  const diversions = sorted.flatMap(diversionsOf);
  const placed = new Map<ByteString, Placed>();
  const contested = new Set<ByteString>();
  for (const owner of sorted) {
    for (const original of owner.tree) {
      const diversion = diversions.find(({ from, by }) => from === original.path && by !== nameOf(owner));
      const entry = diversion === undefined ? original : { ...original, path: diversion.to };
      if (diversion !== undefined) contested.add(diversion.from).add(diversion.to);
      const present = placed.get(entry.path);
      if (present === undefined) {
        placed.set(entry.path, { entry, owner });
        continue;
      }
      if (present.entry.kind === 'directory' && entry.kind === 'directory') {
        if (sameMetadata(present.entry, entry)) continue;
        contested.add(entry.path);
        if (directoryRank(entry, owner) < directoryRank(present.entry, present.owner)) {
          placed.set(entry.path, { entry, owner });
        }
        continue;
      }
      contested.add(entry.path);
      if (replaces(owner, present.owner)) placed.set(entry.path, { entry, owner });
      else if (!replaces(present.owner, owner)) throw conflict(entry.path, present.owner, owner);
    }
  }
  for (const [path, { owner }] of placed) refuseThroughSymlink(path, owner, placed);
  return {
    tree: fileTree([...placed.values()].map(({ entry }) => entry)),
    contested: [...contested].sort().flatMap((path) => placed.get(path)?.entry ?? []),
  };
}

function nameOf({ control }: TreePackage): string {
  return control.fields.package ?? '';
}

function sameMetadata(a: DirectoryEntry, b: DirectoryEntry): boolean {
  return a.mode === b.mode && a.uid === b.uid && a.gid === b.gid;
}

/** base-files lays out the root; elsewhere a directory that somebody made on purpose beats one that is there by the way. */
function directoryRank(entry: DirectoryEntry, owner: TreePackage): number {
  if (nameOf(owner) === 'base-files') return 0;
  return entry.mode === 0o755 && entry.uid === 0 && entry.gid === 0 ? 2 : 1;
}

function replaces(a: TreePackage, b: TreePackage): boolean {
  const version = b.control.fields.version ?? '';
  return parseDependencies(a.control.fields.replaces, a.control.fields.architecture ?? 'all')
    .flat()
    .some((relation) => relation.name === nameOf(b) && meetsConstraint(version, relation));
}

/** What a package's scripts divert: `dpkg-divert --package dash --rename --divert /bin/sh.distrib --add /bin/sh`. */
function diversionsOf(owner: TreePackage): { from: ByteString; to: ByteString; by: string }[] {
  const { scripts } = owner.control;
  return [scripts.preinst, scripts.postinst].flatMap((script) =>
    script === undefined || !script.includes('dpkg-divert')
      ? []
      : readScript(script, { DPKG_MAINTSCRIPT_PACKAGE: nameOf(owner) }).flatMap((words) => {
          if (words[0] !== 'dpkg-divert' || words.includes('--remove') || words.includes('--list')) return [];
          let to: string | undefined;
          let from: string | undefined;
          for (let i = 1; i < words.length; i++) {
            const word = words[i]!;
            if (word === '--divert') to = words[++i];
            else if (word.startsWith('--divert=')) to = word.slice('--divert='.length);
            else if (word === '--package' || word === '--admindir') i++;
            else if (!word.startsWith('-')) from = word;
          }
          if (from === undefined || !from.startsWith('/')) return [];
          const relative = (path: string) => mergedPath(path.slice(1));
          return [{ from: relative(from), to: relative(to ?? `${from}.distrib`), by: nameOf(owner) }];
        }),
  );
}

function refuseThroughSymlink(
  path: ByteString,
  owner: TreePackage,
  placed: ReadonlyMap<ByteString, Placed>,
): void {
  const slash = path.lastIndexOf('/');
  const parent = slash < 0 ? undefined : placed.get(path.slice(0, slash));
  if (parent === undefined || parent.entry.kind === 'directory') return;
  throw new TrimaranError({
    code: 'debian/unsafe-entry',
    message:
      `${nameOf(owner)} has /${path} below /${parent.entry.path}, ` +
      `which is a ${parent.entry.kind} of ${nameOf(parent.owner)}`,
    hint: 'leave out one of the two packages',
    exitCode: 4,
  });
}

function conflict(path: ByteString, a: TreePackage, b: TreePackage): TrimaranError {
  const shown = (one: TreePackage) => `${nameOf(one)} ${one.control.fields.version ?? ''}`.trim();
  return new TrimaranError({
    code: 'debian/file-conflict',
    message: `${shown(a)} and ${shown(b)} both have /${path}, and neither replaces the other`,
    hint: 'leave out one of the two packages',
  });
}
