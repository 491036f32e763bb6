// Makes room in the cache: deletes what nobody has used for long and what can be made again. Downloads stay, since a pinned
// package may be nowhere else any more; so do the objects that `result` links lead to.
import { readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { TrimaranError } from '../foundation/error.ts';
import { parseSha256Digest } from '../oci/descriptor.ts';
import { layerFile } from '../oci/layer-file.ts';
import { collectGarbage, type Freed, namesIn, totalSize } from '../store/collect-garbage.ts';
import { lastUse, useResolution } from '../store/last-use.ts';
import { rootsFolder } from './link-result.ts';
import { loadRecording } from './recording-file.ts';

export interface CleanOptions {
  /** The cache's folder. */
  readonly root: string;
  /** Milliseconds. What was used more lately than so long ago stays. */
  readonly unusedFor: number;
  /** Nothing is deleted, only counted. */
  readonly dryRun?: boolean;
}

/** What went, or would go. */
export interface Cleaned {
  readonly objects: Freed;
  readonly layers: Freed;
  /** Archives of images built from Dockerfiles. */
  readonly archives: Freed;
  /** What earlier runs came to. */
  readonly recordings: Freed;
}

/** Milliseconds. What a build that is going on uses was used since, by the times that are noted. */
const shortestAge = 3_600_000;

/** Folders with recordings of builds, each found by what it was made from; those of other inputs pile up. */
const recordingFolders = ['archives', 'builds', 'values', join('dockerfile', 'memo')];

/** Deletes what is to go. Returns what it was. Throws `cache/too-young` for less than an hour, and system errors. */
export function cleanCache({ root, unusedFor, dryRun = false }: CleanOptions): Cleaned {
  if (unusedFor < shortestAge) {
    throw new TrimaranError({
      code: 'cache/too-young',
      message: 'what was used within the last hour stays: a build that is going on may need it',
      hint: 'say an hour or more: `--unused-for 1h`',
      exitCode: 2,
    });
  }
  const since = Date.now() - unusedFor - useResolution;
  const objects = collectGarbage({ root, roots: liveRoots(root, dryRun), usedSince: since, dryRun });
  const sweep = (files: readonly string[], uses: ReadonlyMap<string, number> = new Map()): Freed => {
    let count = 0;
    let bytes = 0;
    for (const file of files) {
      if (Math.max(lastUse(file) ?? 0, uses.get(file) ?? 0) >= since) continue;
      count++;
      bytes += totalSize(file);
      if (!dryRun) rmSync(file, { force: true });
    }
    return { count, bytes };
  };
  const layers = sweep(filesIn(join(root, 'layers'), '.tar'), usesOfLayers(root));
  const archives = sweep(filesIn(join(root, 'dockerfile'), '.tar'), usesOfArchives(root));
  const keys = filesIn(join(root, 'layers', 'by-ingredients'), '');
  const recordings = sweep([
    ...recordingFolders.flatMap((name) => filesIn(join(root, name), '.json')),
    ...keys,
  ]);
  return { objects, layers, archives, recordings };
}

function filesIn(folder: string, ending: string): string[] {
  return namesIn(folder)
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name));
}

/** Where the links lead that were made; what is noted of links that are gone is forgotten. */
function liveRoots(root: string, dryRun: boolean): string[] {
  return filesIn(rootsFolder(root), '.json').flatMap((file) => {
    const target = targetOf(loadRecording<string>(file));
    if (target?.startsWith(`${root}/`) === true) return [target];
    if (!dryRun) rmSync(file, { force: true });
    return [];
  });
}

function targetOf(link: string | undefined): string | undefined {
  try {
    return link && readlinkSync(link);
  } catch {
    return undefined;
  }
}

function usesOfLayers(root: string): Map<string, number> {
  const folder = join(root, 'layers');
  const uses = new Map<string, number>();
  for (const key of filesIn(join(folder, 'by-ingredients'), '')) {
    const digest = parseSha256Digest(readFileSync(key, 'utf8'));
    if (digest !== undefined) noteLater(uses, layerFile(folder, digest), lastUse(key));
  }
  return uses;
}

function usesOfArchives(root: string): Map<string, number> {
  const uses = new Map<string, number>();
  for (const memo of filesIn(join(root, 'dockerfile', 'memo'), '.json')) {
    const archive = loadRecording<{ readonly archive?: unknown }>(memo)?.archive;
    if (typeof archive === 'string') noteLater(uses, archive, lastUse(memo));
  }
  return uses;
}

function noteLater(uses: Map<string, number>, file: string, use = 0): void {
  uses.set(file, Math.max(uses.get(file) ?? 0, use));
}
