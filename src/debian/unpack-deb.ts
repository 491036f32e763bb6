// One .deb to one canonical tar: an image layer as it stands, with an index of its entries. Runs in a worker thread or
// in process; see unpack.ts. A data archive past a bound is unpacked by way of a file, so that memory stays bounded.
//
// Most time goes to xz. Measured on the 73 packages of a FastAPI application (21 MB, 77 MB unpacked), one core: the xz
// decoder in WebAssembly takes 1.6 s, liblzma in dpkg-deb 1.1 s; all of this 1.9 s, in two threads 1.0 s. Starting
// native processes would save less than it costs in portability.
import { closeSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { decompressStream } from '../formats/compression.ts';
import { indexTarFileSync, readTar } from '../formats/tar-read.ts';
import { encodeTarHeader, tarPadding, writeTarFileSync } from '../formats/tar-write.ts';
import { temporaryNameFor } from '../foundation/atomic-file.ts';
import { toByteString } from '../foundation/byte-string.ts';
import { contentLength, type FileTree, type TreeEntry } from '../foundation/file-tree.ts';
import { type DebControl, type ExpectedDeb, openDeb, readVerifiedDeb } from './deb.ts';
import { explainNoSpace } from './no-space.ts';
import { type KeepOptions, packageTime, packageTree } from './package-tree.ts';

export interface UnpackJob {
  /** The .deb, fetched; see fetch-debs.ts. */
  readonly file: string;
  readonly expected: ExpectedDeb;
  /** As errors name it: `hello 1.0-1`; the file unless given. */
  readonly shown?: string;
  /** Full path of the tar to make, in a folder that exists. */
  readonly target: string;
  readonly keep?: KeepOptions;
  /** KiB, as the archive estimates; bounds what may come out. */
  readonly installedSize?: number;
}

export interface UnpackedDeb {
  readonly target: string;
  /** Bytes of the tar. */
  readonly size: number;
  /** SHA-256 of the tar, lower-case hexadecimal: the layer's diffID without its prefix. */
  readonly sha256: string;
  /** The tar's entries, contents as regions of `target`. */
  readonly tree: FileTree;
  readonly control: DebControl;
}

/** Data archives up to here are unpacked in memory. */
const memoryLimit = 12 << 20;

/**
 * Unpacks one .deb. `target` appears whole or not at all. Rejects with the codes of {@link readVerifiedDeb},
 * {@link openDeb} and {@link packageTree}, with `tar/…` and `compression/…` for its data, and `debian/no-space`.
 */
export async function unpackDeb(job: UnpackJob): Promise<UnpackedDeb> {
  const temporary = temporaryNameFor(job.target);
  const scratch = `${temporary}.data`;
  try {
    const { control, data } = await openDeb(readVerifiedDeb(job.file, job.expected), job.shown ?? job.file);
    const name = control.fields.package ?? job.file;
    const entries = await dataEntries(data, { job, scratch });
    const tree = packageTree({
      name,
      entries,
      ...(job.keep === undefined ? {} : { keep: job.keep }),
      extra: [statusEntry(control)],
    });
    const { size, sha256 } = writeTarFileSync({ file: temporary, entries: tree });
    renameSync(temporary, job.target);
    return { target: job.target, size, sha256, tree: relocate(tree, job.target), control };
  } catch (error) {
    rmSync(temporary, { force: true });
    throw explainNoSpace(error, `unpack ${job.shown ?? job.file}`);
  } finally {
    rmSync(scratch, { force: true });
  }
}

async function dataEntries(
  data: { readonly name: string; readonly data: Buffer },
  options: { readonly job: UnpackJob; readonly scratch: string },
): Promise<TreeEntry[]> {
  const { job, scratch } = options;
  const archive = job.shown === undefined ? `${job.file}(${data.name})` : `${job.shown} (${data.name})`;
  // Installed sizes are estimates; the bound is against a few kilobytes that stand for terabytes.
  const limit = job.installedSize === undefined ? 4 * 2 ** 30 : job.installedSize * 2048 + (64 << 20);
  const chunks: Buffer[] = [];
  let length = 0;
  let descriptor: number | undefined;
  try {
    for await (const chunk of decompressStream(single(data.data), { limit, name: archive })) {
      length += chunk.length;
      if (descriptor !== undefined) {
        writeWhole(descriptor, chunk);
        continue;
      }
      chunks.push(chunk);
      if (length <= memoryLimit) continue;
      descriptor = openSync(scratch, 'wx', 0o600);
      for (const kept of chunks.splice(0)) writeWhole(descriptor, kept);
    }
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
  if (descriptor !== undefined) return indexTarFileSync(scratch, { archive });
  return readTar(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, length), { archive });
}

async function* single(data: Buffer): AsyncGenerator<Buffer> {
  yield data;
}

function writeWhole(descriptor: number, chunk: Buffer): void {
  for (let done = 0; done < chunk.length; ) done += writeSync(descriptor, chunk, done);
}

/** What is installed, where scanners look for it in images without dpkg: `/var/lib/dpkg/status.d/NAME`. */
function statusEntry(control: DebControl): TreeEntry {
  const fields = control.fields;
  const lines = Object.entries({ ...fields, status: 'install ok installed' }).map(
    ([name, value]) => `${spelling(name)}: ${value.replace(/\n/g, '\n ')}\n`,
  );
  return {
    kind: 'file',
    path: `var/lib/dpkg/status.d/${toByteString(fields.package ?? 'unknown')}`,
    mode: 0o644,
    uid: 0,
    gid: 0,
    mtime: packageTime,
    content: { kind: 'bytes', bytes: Buffer.from(lines.join('')) },
  };
}

/** Field names as Debian spells them: `Pre-Depends`. */
function spelling(name: string): string {
  return name.replace(/(^|-)([a-z])/g, (_, dash: string, letter: string) => dash + letter.toUpperCase());
}

/** The same tree with contents where the tar has them. */
function relocate(tree: FileTree, file: string): FileTree {
  let offset = 0;
  return tree.map((entry): TreeEntry => {
    offset += encodeTarHeader(entry).length;
    if (entry.kind !== 'file') return entry;
    const length = contentLength(entry.content);
    const content = { kind: 'region', file, offset, length } as const;
    offset += length + tarPadding(length);
    return { ...entry, content };
  });
}
