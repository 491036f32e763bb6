// A source archive as a tree: decompressed to one scratch file, of which the tree's contents are regions. A single
// folder at the top is stripped, as Nix does. Zip and bzip2 are refused by name.
import { closeSync, createReadStream, createWriteStream, openSync, readSync, rmSync } from 'node:fs';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { indexTarFile } from '../../../../formats/tar-read.ts';
import type { ByteString } from '../../../../foundation/byte-string.ts';
import { isTrimaranError, systemErrorCode } from '../../../../foundation/error.ts';
import type { FileTree, TreeEntry } from '../../../../foundation/file-tree.ts';
import { flakeError } from '../flake-error.ts';
import { withDirectories } from './git-tree.ts';

const sizeLimit = 16 * 2 ** 30;

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

const kinds: readonly { readonly name: string; readonly magic: readonly number[] }[] = [
  { name: 'gzip', magic: [0x1f, 0x8b] },
  { name: 'xz', magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00] },
  { name: 'zstd', magic: [0x28, 0xb5, 0x2f, 0xfd] },
  { name: 'zip', magic: [0x50, 0x4b, 0x03, 0x04] },
  { name: 'bzip2', magic: [0x42, 0x5a, 0x68] },
  { name: '7z', magic: [0x37, 0x7a, 0xbc, 0xaf] },
];

async function decompress(file: string, shown: string): Promise<string> {
  const head = Buffer.alloc(8);
  const descriptor = openSync(file, 'r');
  try {
    readSync(descriptor, head, 0, 8, 0);
  } finally {
    closeSync(descriptor);
  }
  const kind = kinds.find(({ magic }) => magic.every((byte, i) => head[i] === byte))?.name;
  if (kind === undefined) return file;
  if (kind !== 'gzip')
    throw flakeError('unsupported-archive', `'${shown}' is a ${kind} archive, which is not supported`, {
      hint: 'name its .tar.gz, .tar.xz or .tar.zst instead',
    });
  const target = `${file}.tar`;
  let size = 0;
  const limit = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      size += chunk.length;
      done(
        size > sizeLimit
          ? flakeError('bad-archive', `'${shown}' unpacks to more than ${sizeLimit} bytes`)
          : null,
        chunk,
      );
    },
  });
  try {
    await pipeline(createReadStream(file), createGunzip(), limit, createWriteStream(target, { mode: 0o600 }));
    return target;
  } catch (error) {
    rmSync(target, { force: true });
    if (isTrimaranError(error) || !isZlibError(error)) throw error;
    throw flakeError('bad-archive', `cannot unpack '${shown}': ${error.message}`, {
      cause: error,
      exitCode: 4,
    });
  }
}

function isZlibError(error: unknown): error is Error {
  return systemErrorCode(error)?.startsWith('Z_') === true;
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
