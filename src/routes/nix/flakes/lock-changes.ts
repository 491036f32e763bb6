// What differs between two locks, as data and in Nix's words.
import { flakeReferencesEqual, showFlakeReference } from './flake-reference.ts';
import {
  allInputs,
  comparePaths,
  type InputPath,
  type LockEdge,
  type LockFile,
  writeInputPath,
} from './lock-file.ts';

/** One input that differs between two locks. */
export interface LockChange {
  readonly kind: 'added' | 'removed' | 'updated';
  readonly path: InputPath;
  /** `'URL' (date)` or `follows 'path'`; absent for what was added. */
  readonly before?: string;
  readonly after?: string;
}

/** What differs between two locks, in the order of paths. */
export function compareLockFiles(before: LockFile, after: LockFile): LockChange[] {
  const old = new Map(allInputs(before).map((entry) => [writeInputPath(entry.path), entry]));
  const fresh = new Map(allInputs(after).map((entry) => [writeInputPath(entry.path), entry]));
  const changes: LockChange[] = [];
  for (const [text, { path, edge }] of old) {
    const other = fresh.get(text);
    if (other === undefined) changes.push({ kind: 'removed', path, before: describeEdge(edge) });
    else if (!edgesEqual(edge, other.edge))
      changes.push({ kind: 'updated', path, before: describeEdge(edge), after: describeEdge(other.edge) });
  }
  for (const [text, { path, edge }] of fresh)
    if (!old.has(text)) changes.push({ kind: 'added', path, after: describeEdge(edge) });
  return changes.sort((a, b) => comparePaths(a.path, b.path));
}

function edgesEqual(a: LockEdge, b: LockEdge): boolean {
  if (a.kind === 'node') return b.kind === 'node' && flakeReferencesEqual(a.node.locked, b.node.locked);
  return b.kind === 'follows' && comparePaths(a.path, b.path) === 0;
}

function describeEdge(edge: LockEdge): string {
  if (edge.kind === 'follows') return `follows '${writeInputPath(edge.path)}'`;
  const { lastModified } = edge.node.locked.input;
  const date =
    typeof lastModified === 'number' ? ` (${new Date(lastModified * 1000).toISOString().slice(0, 10)})` : '';
  return `'${showFlakeReference(edge.node.locked)}'${date}`;
}

/** Changes in Nix's words, one paragraph each, without colours. */
export function showLockChanges(changes: readonly LockChange[]): string {
  return changes
    .map(({ kind, path, before, after }) => {
      const name = `input '${writeInputPath(path)}'`;
      if (kind === 'added') return `• Added ${name}:\n    ${after}\n`;
      if (kind === 'removed') return `• Removed ${name}\n`;
      return `• Updated ${name}:\n    ${before}\n  → ${after}\n`;
    })
    .join('');
}
