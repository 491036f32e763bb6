// A source archive as a tree: decompressed to one scratch file, of which the tree's contents are regions. A single
// folder at the top is stripped, as Nix does. Zip and bzip2 are refused by name.
import { closeSync, createReadStream, createWriteStream, openSync, readSync, rmSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { decompressStream, detectCompression } from '../../../../formats/compression.ts';
import { indexTarFile } from '../../../../formats/tar-read.ts';
import type { ByteString } from '../../../../foundation/byte-string.ts';
import { isTrimaranError } from '../../../../foundation/error.ts';
import type { FileTree, TreeEntry } from '../../../../foundation/file-tree.ts';
import { flakeError } from '../flake-error.ts';
import { withDirectories } from './git-tree.ts';

const sizeLimit = 16 * 2 ** 30;
const zipMagic = Buffer.from('PK\x03\x04', 'latin1');

/** An unpacked archive; call `dispose` once its contents are no longer needed. */
export interface UnpackedArchive {
  readonly tree: FileTree;
  /** The newest time of any member, in seconds since 1970. */
  readonly lastModified: number;
  dispose(): void;
}

/**
 * Reads the archive at `file`; `shown` names it in errors. Throws `flake/bad-archive` (not an archive, damaged, leaves
 * its root), `flake/unsupported-archive`.
 */
export async function unpackArchive(file: string, shown: string): Promise<UnpackedArchive> {
  const tar = await decompress(file, shown);
  const dispose = () => {
    if (tar !== file) rmSync(tar, { force: true });
  };
  try {
    const members = await indexTarFile(tar, { archive: shown });
    const lastModified = members.reduce((newest, { mtime }) => Math.max(newest, mtime), 0);
    return { tree: stripTop(sourceTree(members, shown)), lastModified, dispose };
  } catch (error) {
    dispose();
    if (!isTrimaranError(error) || !error.code.startsWith('tar/')) throw error;
    throw flakeError('bad-archive', `cannot unpack '${shown}': ${error.message}`, {
      cause: error,
      hint: 'its source is damaged or hostile; name another one',
      exitCode: 4,
    });
  }
}

async function decompress(file: string, shown: string): Promise<string> {
  const head = Buffer.alloc(8);
  const descriptor = openSync(file, 'r');
  try {
    readSync(descriptor, head, 0, head.length, 0);
  } finally {
    closeSync(descriptor);
  }
  const kind = head.subarray(0, 4).equals(zipMagic) ? 'zip' : detectCompression(head);
  if (kind === 'none') return file;
  if (kind === 'zip' || kind === 'bzip2' || kind === 'lzip')
    throw flakeError('unsupported-archive', `'${shown}' is a ${kind} archive, which is not supported`, {
      hint: 'name its .tar.gz, .tar.xz or .tar.zst instead',
    });
  const target = `${file}.tar`;
  try {
    const stream = decompressStream(createReadStream(file), { kind, limit: sizeLimit, name: shown });
    await pipeline(stream, createWriteStream(target, { mode: 0o600 }));
    return target;
  } catch (error) {
    rmSync(target, { force: true });
    if (!isTrimaranError(error)) throw error;
    throw flakeError('bad-archive', `cannot unpack '${shown}': ${error.message}`, {
      cause: error,
      exitCode: 4,
    });
  }
}

/** Members as files, folders and symlinks; the last of equal names wins, hard links become copies. */
function sourceTree(members: readonly TreeEntry[], shown: string): FileTree {
  const byPath = new Map<ByteString, TreeEntry>();
  for (const member of members) {
    const path = member.path.replace(/^(?:\.\/)+|\/+$/g, '').replace(/^\.$/, '');
    const common = { path, uid: 0, gid: 0, mtime: 1 };
    switch (member.kind) {
      case 'directory':
        if (byPath.get(path)?.kind !== 'directory')
          byPath.set(path, { ...common, kind: 'directory', mode: 0o555 });
        break;
      case 'symlink':
        byPath.set(path, { ...common, kind: 'symlink', mode: 0o777, target: member.target });
        break;
      case 'file':
        byPath.set(path, {
          ...common,
          kind: 'file',
          mode: member.mode & 0o100 ? 0o555 : 0o444,
          content: member.content,
        });
        break;
      case 'hardlink': {
        const target = byPath.get(member.target.replace(/^(?:\.\/)+/, ''));
        if (target?.kind !== 'file')
          throw flakeError(
            'bad-archive',
            `in '${shown}', '${path}' is a hard link to '${member.target}', which is no file`,
          );
        byPath.set(path, { ...target, path });
        break;
      }
      default:
        throw flakeError('bad-archive', `file '${path}' in tarball '${shown}' has an unsupported file type`);
    }
  }
  for (const path of byPath.keys())
    for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1)) {
      const above = byPath.get(path.slice(0, slash));
      if (above !== undefined && above.kind !== 'directory')
        throw flakeError(
          'bad-archive',
          `in '${shown}', '${path}' lies below '${above.path}', which is no folder`,
        );
    }
  return withDirectories([...byPath.values()]);
}

function stripTop(tree: FileTree): FileTree {
  const top = tree.filter((entry) => entry.path !== '' && !entry.path.includes('/'));
  const only = top[0];
  if (top.length !== 1 || only?.kind !== 'directory') return tree;
  const prefix = `${only.path}/`;
  return [
    { ...only, path: '' },
    ...tree
      .filter(({ path }) => path.startsWith(prefix))
      .map((entry) => ({ ...entry, path: entry.path.slice(prefix.length) })),
  ];
}
