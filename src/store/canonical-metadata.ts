// Gives files the permissions and times that every store path has: 0444 or 0555, second 1, ours alone.
// Follows what Nix does when it registers a path; what NAR cannot express is refused.
import { chmodSync, lchownSync, lstatSync, lutimesSync, readdirSync } from 'node:fs';
import { type ByteString, fromByteString, toByteString, toFilePath } from '../foundation/byte-string.ts';
import { TrimaranError } from '../foundation/error.ts';

/**
 * Makes the metadata of everything at and below a physical path canonical, except the permissions of a folder at the top,
 * which stays writable by us so that it can be moved (see {@link sealTop}). Throws `store/unsupported-file-type` for
 * sockets, pipes and devices.
 */
export function canonicaliseMetadata(path: string): void {
  visit(toByteString(path), process.geteuid?.() ?? -1, true);
}

/** The last step for a folder, once it is in its place. */
export function sealTop(path: string): void {
  const stat = lstatSync(path);
  if (!stat.isDirectory()) return;
  if ((stat.mode & 0o7777) !== 0o555) chmodSync(path, 0o555);
  lutimesSync(path, 1, 1);
}

function visit(path: ByteString, user: number, top: boolean): void {
  const file = toFilePath(path);
  const stat = lstatSync(file);
  if (user === 0 && (stat.uid !== 0 || stat.gid !== 0)) lchownSync(file, 0, 0);
  if (stat.isDirectory()) {
    if ((stat.mode & 0o700) !== 0o700) chmodSync(file, 0o755);
    for (const name of readdirSync(file, 'latin1')) visit(`${path}/${name}`, user, false);
    if (!top) chmodSync(file, 0o555);
  } else if (stat.isFile()) {
    const mode = stat.mode & 0o100 ? 0o555 : 0o444;
    if ((stat.mode & 0o7777) !== mode) chmodSync(file, mode);
  } else if (!stat.isSymbolicLink()) {
    throw new TrimaranError({
      code: 'store/unsupported-file-type',
      message: `${fromByteString(path)} is no regular file, folder or symlink`,
      hint: 'a store path holds these three alone',
    });
  }
  if (stat.mtimeMs !== 1000 || stat.isDirectory()) lutimesSync(file, 1, 1);
}
