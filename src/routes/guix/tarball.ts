// A packed profile as one tar archive: all layers of its image merged, so that it unpacks to the same files.
import { createReadStream, createWriteStream, renameSync, rmSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { writeTarFile } from '../../formats/tar-write.ts';
import { TrimaranError } from '../../foundation/error.ts';
import type { Host } from '../../foundation/host.ts';
import type { Image } from '../../oci/image.ts';
import { mergeImage } from '../../oci/layer-merge.ts';

/** Writes the merged tree of an image to a file. */
export async function writeTarball(image: Image, file: string): Promise<void> {
  const { tree } = await mergeImage(image);
  await writeTarFile({ entries: tree, file });
}

/** Compresses a file in its place. Throws `guix/no-zstd` where this machine has no zstd. */
export async function compressFile(options: {
  readonly file: string;
  readonly compression: 'none' | 'gzip' | 'zstd';
  readonly host: Host;
}): Promise<void> {
  const { file, compression, host } = options;
  if (compression === 'none') return;
  const made = `${file}.compressed`;
  if (compression === 'gzip') {
    await pipeline(createReadStream(file), createGzip({ level: 6 }), createWriteStream(made));
    renameSync(made, file);
    return;
  }
  const zstd = host.which('zstd');
  if (zstd === undefined) {
    throw new TrimaranError({
      code: 'guix/no-zstd',
      message: 'the program zstd is not here, and Node.js 20 cannot compress with it',
      hint: 'install zstd, or use --compression=gzip or none',
      exitCode: 4,
    });
  }
  const result = await host.run({ command: zstd, args: ['-q', '-19', '-T1', '--rm', '-o', made, file] });
  if (result.exitCode !== 0) {
    rmSync(made, { force: true });
    throw new TrimaranError({
      code: 'guix/compression-failed',
      message: `zstd failed: ${result.stderr.toString('utf8').trim()}`,
      exitCode: 4,
    });
  }
  renameSync(made, file);
}
