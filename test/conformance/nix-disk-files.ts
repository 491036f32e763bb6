// The real file system for a NixHost of the conformance runners.
import { lstatSync, readdirSync, readFileSync, readlinkSync, type Stats } from 'node:fs';
import { bufferToByteString, toByteString, toFilePath } from '../../src/foundation/byte-string.ts';
import { systemErrorCode } from '../../src/foundation/error.ts';
import type { NixFileType } from '../../src/languages/nix/host.ts';
import type { FileReader } from '../../src/languages/nix/in-memory-host.ts';

function typeOf(stat: Pick<Stats, 'isFile' | 'isDirectory' | 'isSymbolicLink'>): NixFileType {
  if (stat.isFile()) return 'regular';
  if (stat.isDirectory()) return 'directory';
  return stat.isSymbolicLink() ? 'symlink' : 'unknown';
}

export const diskFiles: FileReader = {
  lstat: (path) => {
    try {
      const stat = lstatSync(toFilePath(path), { throwIfNoEntry: false });
      return stat === undefined ? undefined : { type: typeOf(stat), isExecutable: (stat.mode & 0o100) !== 0 };
    } catch (error) {
      if (systemErrorCode(error) === 'ENOTDIR') return undefined;
      throw error;
    }
  },
  readFile: (path) => readFileSync(toFilePath(path), 'latin1'),
  readDirectory: (path) =>
    readdirSync(toFilePath(path), { withFileTypes: true }).map((entry) => ({
      name: toByteString(entry.name),
      type: typeOf(entry),
    })),
  readLink: (path) => bufferToByteString(readlinkSync(toFilePath(path), 'buffer')),
};
