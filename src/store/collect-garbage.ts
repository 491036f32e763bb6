// Deletes store objects that nobody has used for long and that nothing needs which stays. What stays needs what it refers to
// and what it was built from, as with `keep-derivations` and `keep-outputs` of Nix: so that building it again, or with one
// file changed, stays quick. An object goes before those that it refers to: whatever stops this leaves no gap.
import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { StorePath } from '../formats/store-path.ts';
import { lastUse } from './last-use.ts';
import { LocalStore } from './local-store.ts';
import { objectInfoFile, readObjectInfo, type StoreObjectInfo } from './object-info.ts';

export interface CollectOptions {
  /** Physical root of the stores. */
  readonly root: string;
  /** Where objects lie, in whatever form, that stay with all that they need. */
  readonly roots: readonly string[];
  /** Milliseconds since 1970: what was used since stays, too. */
  readonly usedSince: number;
  /** Nothing is deleted, only counted. */
  readonly dryRun?: boolean;
}

/** Objects or files, and how long they are together. */
export interface Freed {
  readonly count: number;
  readonly bytes: number;
}

/** Deletes what is to go. Returns what it was. Throws `store/lock-…` and system errors. */
export function collectGarbage({ root, roots, usedSince, dryRun = false }: CollectOptions): Freed {
  const objects = readObjects(root);
  const outputs = new Map<StorePath, StorePath[]>();
  for (const { info } of objects.values()) {
    if (info.deriver !== undefined)
      outputs.set(info.deriver, [...(outputs.get(info.deriver) ?? []), info.path]);
  }
  const kept = new Set<StorePath>();
  const keep = (path: StorePath) => {
    const pending = [path];
    for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
      const object = objects.get(at);
      if (object === undefined || kept.has(at)) continue;
      kept.add(at);
      pending.push(...object.info.references, ...(outputs.get(at) ?? []));
      if (object.info.deriver !== undefined) pending.push(object.info.deriver);
    }
  };
  const isUsed = (file: string) => (lastUse(file) ?? 0) >= usedSince;
  // An object's files have its name in whatever form they are.
  const rooted = new Set(roots.map((place) => objectInfoFile(root, place)));
  for (const [path, { file }] of objects) if (rooted.has(file) || isUsed(file)) keep(path);

  const stores = new Map<string, LocalStore>();
  let count = 0;
  let bytes = 0;
  for (const path of referrersFirst(objects)) {
    const { file } = objects.get(path)!;
    // Somebody may have begun to use it meanwhile.
    if (!kept.has(path) && isUsed(file)) keep(path);
    if (kept.has(path)) continue;
    count++;
    const storeDirectory = path.slice(0, path.lastIndexOf('/'));
    const store = stores.get(storeDirectory) ?? new LocalStore({ root, storeDirectory });
    stores.set(storeDirectory, store);
    for (const place of store.places(path)) bytes += totalSize(place);
    if (!dryRun) store.remove(path);
  }
  return { count, bytes };
}

interface KnownObject {
  readonly info: StoreObjectInfo;
  /** Its registration. */
  readonly file: string;
}

function readObjects(root: string): Map<StorePath, KnownObject> {
  const folder = join(root, 'info');
  const objects = new Map<StorePath, KnownObject>();
  for (const name of namesIn(folder)) {
    const file = join(folder, name);
    const info = readObjectInfo(file);
    if (info !== undefined) objects.set(info.path, { info, file });
  }
  return objects;
}

/** Every object before those that it refers to. */
function referrersFirst(objects: ReadonlyMap<StorePath, KnownObject>): StorePath[] {
  const done = new Set<StorePath>();
  const order: StorePath[] = [];
  const pending: { path: StorePath; isLeft: boolean }[] = [...objects.keys()].map((path) => ({
    path,
    isLeft: false,
  }));
  for (let item = pending.pop(); item !== undefined; item = pending.pop()) {
    const { path, isLeft } = item;
    if (isLeft) order.push(path);
    else if (!done.has(path) && objects.has(path)) {
      done.add(path);
      pending.push({ path, isLeft: true });
      for (const reference of objects.get(path)!.info.references)
        if (!done.has(reference)) pending.push({ path: reference, isLeft: false });
    }
  }
  return order.reverse();
}

/** The names in a folder that may be missing. */
export function namesIn(folder: string): string[] {
  return lstatSync(folder, { throwIfNoEntry: false })?.isDirectory() === true
    ? readdirSync(folder).sort()
    : [];
}

/** The lengths of a file, or of all files in a folder, in bytes; 0 when there is none. */
export function totalSize(path: string): number {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return 0;
  if (!found.isDirectory()) return found.size;
  return namesIn(path).reduce((sum, name) => sum + totalSize(join(path, name)), 0);
}
