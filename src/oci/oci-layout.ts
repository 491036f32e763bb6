// OCI layouts as folders: blobs by digest beside an index. https://github.com/opencontainers/image-spec/blob/main/image-layout.md
import { closeSync, openSync } from 'node:fs';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { temporaryNameFor } from '../foundation/atomic-file.ts';
import { systemErrorCode, TrimaranError } from '../foundation/error.ts';
import { type LayoutOptions, layoutFiles } from './archive-write.ts';
import { copyContentsSync } from './content-stream.ts';
import type { Image } from './image.ts';
import { type LayoutReadOptions, readLayoutSource } from './layout-read.ts';

/**
 * Writes `images` as a folder that appears whole or not at all. It must not exist yet, or be empty. Throws
 * `oci/layout-exists`, as `readContents`, or the system's error.
 *
 * @example
 * await writeLayout([image], 'layout'); // skopeo inspect oci:layout:latest
 */
export async function writeLayout(
  images: readonly Image[],
  folder: string,
  options: LayoutOptions = {},
): Promise<void> {
  await layoutAppears(folder, async (temporary) => {
    for (const { path, content } of layoutFiles(images, options)) {
      // Docker's manifest belongs to archives only.
      if (path === 'manifest.json') continue;
      const file = join(temporary, path);
      await mkdir(dirname(file), { recursive: true });
      const target = openSync(file, 'wx', 0o644);
      try {
        copyContentsSync(content, target);
      } finally {
        closeSync(target);
      }
    }
  });
}

/**
 * Has a layout written into a folder beside `folder` and moved there, so that it appears whole or not at all. Rejects with
 * `oci/layout-exists` when there is something already, and with what `write` rejects with.
 */
export async function layoutAppears(
  folder: string,
  write: (temporary: string) => Promise<void>,
): Promise<void> {
  const target = resolve(folder);
  const temporary = temporaryNameFor(target);
  try {
    await write(temporary);
    // rename() replaces an empty folder and refuses any other.
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    const code = systemErrorCode(error);
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST' && code !== 'ENOTDIR') throw error;
    throw new TrimaranError({
      code: 'oci/layout-exists',
      message: `${JSON.stringify(folder)} exists already`,
      hint: 'name another folder, or remove this one',
      exitCode: 4,
      cause: error,
    });
  }
}

/**
 * The images of an OCI layout folder. Plain layers stay where they are unless `copyLayers` is set. Throws
 * what `readLayoutSource` throws.
 */
export function readLayout(folder: string, options: LayoutReadOptions): Promise<Image[]> {
  const root = resolve(folder);
  return readLayoutSource(
    {
      label: folder,
      async find(path) {
        const file = resolve(root, path);
        if (!file.startsWith(root + sep)) return undefined;
        try {
          const found = await stat(file);
          return found.isFile() ? [{ kind: 'region', file, offset: 0, length: found.size }] : undefined;
        } catch (error) {
          const code = systemErrorCode(error);
          if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
          throw error;
        }
      },
    },
    options,
  );
}
