// The index beside a packed object's tar: every entry of it in columns, so that a tree of thousands of entries is
// read in milliseconds and without opening the tar. Private to the store; a version in its first bytes lets it change.
//
// Little-endian: magic (8 bytes), tar size f64, entry count u32, names' bytes u32; then columns offset f64, length f64,
// mtime f64, uid u32, gid u32, mode u16 (kind in the top four bits), path length u16, target length u16; then all paths,
// then all targets; then extended attributes as JSON; then the digest of all that, cut to 16 bytes.
import { createHash } from 'node:crypto';
import { bufferToByteString, byteStringToBuffer } from '../foundation/byte-string.ts';
import type { FileTree, TreeEntry } from '../foundation/file-tree.ts';

const magic = 'TRIPACK1';
const headerSize = 24;
const digestSize = 16;
const bytesPerEntry = 3 * 8 + 2 * 4 + 3 * 2;

const kinds = [
  'file',
  'directory',
  'symlink',
  'hardlink',
  'character-device',
  'block-device',
  'fifo',
] as const satisfies readonly TreeEntry['kind'][];

/** Extended attributes by entry number: name to base64. */
type AttributeTable = Record<string, Record<string, string>>;

/**
 * The index of a tree whose file contents are regions of one tar of `tarSize` bytes (or empty).
 * Throws a plain Error for contents in memory or a name past 65535 bytes.
 */
export function writeTreeIndex(tree: FileTree, tarSize: number): Buffer {
  const count = tree.length;
  const columns = Buffer.alloc(count * bytesPerEntry);
  const { offsets, lengths, mtimes, uids, gids, modes, pathLengths, targetLengths } = columnsOf(count);
  const paths: string[] = [];
  const targets: string[] = [];
  const attributes: AttributeTable = {};
  for (let i = 0; i < count; i++) {
    const entry = tree[i]!;
    const [offset, length] = numbersOf(entry);
    const target = entry.kind === 'symlink' || entry.kind === 'hardlink' ? entry.target : '';
    if (entry.path.length > 0xffff || target.length > 0xffff) {
      throw new Error(`name too long in a tree: ${entry.path}`);
    }
    columns.writeDoubleLE(offset, offsets + i * 8);
    columns.writeDoubleLE(length, lengths + i * 8);
    columns.writeDoubleLE(entry.mtime, mtimes + i * 8);
    columns.writeUInt32LE(entry.uid, uids + i * 4);
    columns.writeUInt32LE(entry.gid, gids + i * 4);
    columns.writeUInt16LE((kinds.indexOf(entry.kind) << 12) | entry.mode, modes + i * 2);
    columns.writeUInt16LE(entry.path.length, pathLengths + i * 2);
    columns.writeUInt16LE(target.length, targetLengths + i * 2);
    paths.push(entry.path);
    targets.push(target);
    if (entry.xattrs !== undefined && entry.xattrs.size > 0) {
      attributes[i] = Object.fromEntries(
        [...entry.xattrs].map(([name, value]) => [name, Buffer.from(value).toString('base64')]),
      );
    }
  }
  const names = byteStringToBuffer(paths.join('') + targets.join(''));
  const header = Buffer.alloc(headerSize);
  header.write(magic, 'latin1');
  header.writeDoubleLE(tarSize, 8);
  header.writeUInt32LE(count, 16);
  header.writeUInt32LE(names.length, 20);
  const body = Buffer.concat([header, columns, names, Buffer.from(JSON.stringify(attributes))]);
  return Buffer.concat([body, checksum(body)]);
}

/**
 * The tree that an index describes, its contents as regions of `tarFile`, and the size that file must have.
 * Undefined when the index is damaged or of another version.
 */
export function readTreeIndex(
  index: Buffer,
  tarFile: string,
): { readonly tree: FileTree; readonly tarSize: number } | undefined {
  if (index.length < headerSize + digestSize || index.toString('latin1', 0, 8) !== magic) return undefined;
  const body = index.subarray(0, index.length - digestSize);
  if (!checksum(body).equals(index.subarray(body.length))) return undefined;
  const tarSize = body.readDoubleLE(8);
  const count = body.readUInt32LE(16);
  const namesLength = body.readUInt32LE(20);
  const columns = body.subarray(headerSize, headerSize + count * bytesPerEntry);
  const namesStart = headerSize + count * bytesPerEntry;
  // One string for all names: substrings of it share its memory.
  const names = bufferToByteString(body.subarray(namesStart, namesStart + namesLength));
  const attributes = JSON.parse(body.toString('latin1', namesStart + namesLength)) as AttributeTable;
  const { offsets, lengths, mtimes, uids, gids, modes, pathLengths, targetLengths } = viewsOf(columns, count);
  let pathEnd = 0;
  let targetEnd = 0;
  for (let i = 0; i < count; i++) targetEnd += pathLengths[i]!;
  const tree: TreeEntry[] = new Array(count);
  for (let i = 0; i < count; i++) {
    const kindAndMode = modes[i]!;
    const kind = kinds[kindAndMode >> 12]!;
    const mode = kindAndMode & 0o7777;
    const path = names.slice(pathEnd, pathEnd + pathLengths[i]!);
    const target = names.slice(targetEnd, targetEnd + targetLengths[i]!);
    pathEnd += path.length;
    targetEnd += target.length;
    const uid = uids[i]!;
    const gid = gids[i]!;
    const mtime = mtimes[i]!;
    const offset = offsets[i]!;
    const length = lengths[i]!;
    let entry: TreeEntry;
    switch (kind) {
      case 'file':
        entry = {
          kind,
          path,
          mode,
          uid,
          gid,
          mtime,
          content: { kind: 'region', file: tarFile, offset, length },
        };
        break;
      case 'symlink':
      case 'hardlink':
        entry = { kind, path, mode, uid, gid, mtime, target };
        break;
      case 'character-device':
      case 'block-device':
        entry = { kind, path, mode, uid, gid, mtime, major: offset, minor: length };
        break;
      default:
        entry = { kind, path, mode, uid, gid, mtime };
    }
    const xattrs = attributes[i];
    tree[i] = xattrs === undefined ? entry : { ...entry, xattrs: attributesOf(xattrs) };
  }
  return { tree, tarSize };
}

/** The columns as typed arrays, which are several times quicker to read than a Buffer's methods. */
function viewsOf(columns: Buffer, count: number) {
  // Typed arrays need an aligned start, and the machine's byte order is the file's wherever Node.js runs today.
  const bytes = new Uint8Array(columns).buffer;
  const at = columnsOf(count);
  return {
    offsets: new Float64Array(bytes, at.offsets, count),
    lengths: new Float64Array(bytes, at.lengths, count),
    mtimes: new Float64Array(bytes, at.mtimes, count),
    uids: new Uint32Array(bytes, at.uids, count),
    gids: new Uint32Array(bytes, at.gids, count),
    modes: new Uint16Array(bytes, at.modes, count),
    pathLengths: new Uint16Array(bytes, at.pathLengths, count),
    targetLengths: new Uint16Array(bytes, at.targetLengths, count),
  };
}

/** What the two number columns hold: a region's offset and length, or a device's numbers. */
function numbersOf(entry: TreeEntry): [number, number] {
  switch (entry.kind) {
    case 'file':
      if (entry.content.kind === 'region') return [entry.content.offset, entry.content.length];
      if (entry.content.bytes.length === 0) return [0, 0];
      throw new Error(`contents of ${entry.path} are not in the tar`);
    case 'character-device':
    case 'block-device':
      return [entry.major, entry.minor];
    default:
      return [0, 0];
  }
}

function attributesOf(table: Record<string, string>): ReadonlyMap<string, Uint8Array> {
  return new Map(Object.entries(table).map(([name, value]) => [name, Buffer.from(value, 'base64')]));
}

function columnsOf(count: number) {
  const offsets = 0;
  const lengths = offsets + count * 8;
  const mtimes = lengths + count * 8;
  const uids = mtimes + count * 8;
  const gids = uids + count * 4;
  const modes = gids + count * 4;
  const pathLengths = modes + count * 2;
  const targetLengths = pathLengths + count * 2;
  return { offsets, lengths, mtimes, uids, gids, modes, pathLengths, targetLengths };
}

function checksum(body: Buffer): Buffer {
  return createHash('sha256').update(body).digest().subarray(0, digestSize);
}
