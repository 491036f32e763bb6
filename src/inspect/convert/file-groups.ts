// Files of the project that keep their places to each other in the image: taken into a store together, a program that
// follows the link to itself finds the others beside it.

import { existsSync, statSync } from 'node:fs';
import { basename, dirname, posix, relative } from 'node:path';
import type { DraftSource } from './draft.ts';

export interface FileGroup {
  /** The folder around the files, absolute. */
  readonly root: string;
  /** Paths in there that come along; folders come whole. */
  readonly members: readonly {
    readonly placed: DraftSource;
    readonly inside: string;
    readonly isFolder: boolean;
  }[];
}

/** Groups of two and more, in the order of their first member. `limit` is the folder that none reaches beyond. */
export function fileGroups(sources: readonly DraftSource[], limit: string): FileGroup[] {
  const groups = new Map<string, { root: string; members: FileGroup['members'][number][] }>();
  for (const placed of sources) {
    const { source, target } = placed;
    if (source.kind !== 'local') continue;
    const { root, base } = commonEnding(source.path, target, limit);
    if (root === source.path) continue;
    const key = `${root}\0${base}`;
    const group = groups.get(key) ?? { root, members: [] };
    group.members.push({ placed, inside: relative(root, source.path), isFolder: isDirectory(source.path) });
    groups.set(key, group);
  }
  return [...groups.values()].filter(({ members }) => members.length > 1);
}

/** What is left of both when the names that they end in alike are taken off. */
function commonEnding(path: string, target: string, limit: string): { root: string; base: string } {
  let [root, base] = [path, target];
  while (
    root !== limit &&
    !relative(limit, root).startsWith('..') &&
    base !== '/' &&
    basename(root) === posix.basename(base)
  ) {
    root = dirname(root);
    base = posix.dirname(base);
  }
  return { root, base };
}

/** Whether a folder is there, links followed. */
export function isDirectory(path: string): boolean {
  return existsSync(path) && statSync(path).isDirectory();
}

const systemFolders = /^\/(?:(?:etc|run|usr|var)(?:\/.*)?|s?bin|lib\d*|opt|srv|home|root|mnt|media)?$/;

/** Two sources that lie in one folder of the image and apart in the store; undefined when there are none. */
export function apartInStore(
  sources: readonly DraftSource[],
  groups: readonly FileGroup[],
): readonly [DraftSource, DraftSource] | undefined {
  const groupOf = (placed: DraftSource) =>
    groups.findIndex(({ members }) => members.some((one) => one.placed === placed));
  for (const outer of sources) {
    const folder = posix.dirname(outer.target);
    if (systemFolders.test(folder)) continue;
    const group = groupOf(outer);
    const inner = sources.find(
      (one) => one !== outer && one.target.startsWith(`${folder}/`) && (group < 0 || groupOf(one) !== group),
    );
    if (inner !== undefined) return [outer, inner];
  }
  return undefined;
}
