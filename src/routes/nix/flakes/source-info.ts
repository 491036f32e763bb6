// What flakes and fetch builtins show of a fetched tree besides its path: `narHash`, `rev`, `lastModifiedDate` …
// Source: Nix's libexpr/primops/fetchTree.cc, as of 2.34.
import {
  booleanAttribute,
  type InputAttributes,
  integerAttribute,
  normalizedNarHash,
  stringAttribute,
} from './input.ts';

/** Values of the attributes that stand beside `outPath`. */
export type SourceInfo = Readonly<Record<string, string | number | boolean>>;

/**
 * The attributes of a tree that was fetched as `input`. `emptyRevFallback`: `fetchGit` gives a revision of zeros for
 * a dirty tree. `forceDirty`: the lock in use is not the one on disk, so the flake has no revision.
 */
export function sourceInfo(
  input: InputAttributes,
  options: { readonly emptyRevFallback?: boolean; readonly forceDirty?: boolean } = {},
): SourceInfo {
  const info: Record<string, string | number | boolean> = {};
  const narHash = normalizedNarHash(input);
  if (narHash !== undefined) info.narHash = narHash;
  if (input.type === 'git') info.submodules = booleanAttribute(input, 'submodules') ?? false;
  if (options.forceDirty !== true) {
    const fallback = options.emptyRevFallback === true ? '0'.repeat(40) : undefined;
    const rev = stringAttribute(input, 'rev')?.toLowerCase() ?? fallback;
    if (rev !== undefined) Object.assign(info, { rev, shortRev: rev.slice(0, 7) });
    const revCount = integerAttribute(input, 'revCount') ?? (fallback === undefined ? undefined : 0);
    if (revCount !== undefined) info.revCount = revCount;
  }
  const dirtyRev = stringAttribute(input, 'dirtyRev');
  if (dirtyRev !== undefined)
    Object.assign(info, { dirtyRev, dirtyShortRev: stringAttribute(input, 'dirtyShortRev') ?? '' });
  const lastModified = integerAttribute(input, 'lastModified');
  if (lastModified !== undefined)
    Object.assign(info, { lastModified, lastModifiedDate: writeCompactDate(lastModified) });
  return info;
}

/** `20261122114500`: a time in UTC as `lastModifiedDate` has it. */
function writeCompactDate(seconds: number): string {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? '' : date.toISOString().slice(0, 19).replace(/[-T:]/g, '');
}
