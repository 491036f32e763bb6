// What the store knows of one valid object: a small JSON file in `<root>/info/`. The file is the registration: it
// is written, atomically, after the object is whole and in its place, and removed before the object is.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StorePath } from '../formats/store-path.ts';
import { systemErrorCode } from '../foundation/error.ts';

/** A valid store object. Paths are logical. */
export interface StoreObjectInfo {
  readonly path: StorePath;
  /** `plain`: kept as Nix would keep it; `packed`: kept as one tar with its index. */
  readonly form: 'plain' | 'packed';
  /** Sorted, each once; may hold `path` itself. */
  readonly references: readonly StorePath[];
  /** The derivation that made it, when one did. */
  readonly deriver?: StorePath | undefined;
  /** As narinfo's `CA` has it: `text:sha256:…`, `fixed:r:sha256:…`, `fixed:sha256:…`. */
  readonly contentAddress?: string | undefined;
  /** Of its NAR: `sha256:` and nix-base32; absent until somebody asked (`LocalStore.narOf`). */
  readonly narHash?: string | undefined;
  readonly narSize?: number | undefined;
  /** SHA-256 of a packed object's tar in hexadecimal; absent until somebody asked (`LocalStore.packedFile`). */
  readonly tarSha256?: string | undefined;
}

/** Where the record of an object lies below a store's physical root; `path` is logical, or where the object itself lies. */
export function objectInfoFile(root: string, path: string): string {
  return join(root, 'info', `${path.slice(path.lastIndexOf('/') + 1)}.json`);
}

/** Whether an output that was made earlier is registered and its files are there. */
export function isOutputThere(
  root: string,
  { path, physicalPath }: { readonly path: StorePath; readonly physicalPath: string },
): boolean {
  return existsSync(objectInfoFile(root, path)) && existsSync(physicalPath);
}

/** The record in a file, or undefined when there is none or the machine lost power while it was written. */
export function readObjectInfo(file: string): StoreObjectInfo | undefined {
  // Asking first is far cheaper than an exception, and most questions are about paths that are not there.
  if (!existsSync(file)) return undefined;
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return JSON.parse(text) as StoreObjectInfo;
  } catch {
    return undefined;
  }
}

/** Writes a record so that readers see the old one or the new one; `temporary` is a free name on the same disk. */
export function writeObjectInfo(file: string, info: StoreObjectInfo, temporary: string): void {
  writeFileSync(temporary, `${JSON.stringify(info)}\n`, { mode: 0o644 });
  renameSync(temporary, file);
}
