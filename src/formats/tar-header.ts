// Tar headers, read: V7, ustar, GNU long names and pax records (POSIX.1-2017, `pax`; GNU tar manual, appendix D).
// Dropped: user and group names, access and change times, ACLs and file flags. Refused by name: sparse files,
// multi-volume archives, GNU dump directories.
import { type ByteString, bufferToByteString, fromByteString } from '../foundation/byte-string.ts';
import { TrimaranError } from '../foundation/error.ts';
import type { Content, TreeEntry } from '../foundation/file-tree.ts';

export const blockSize = 512;

/** Bytes of a long name or of pax records; more is taken for damage or an attack. */
const extensionLimit = 8 * 1024 * 1024;

/** Owners have 32 bits. */
const maximumOwner = 0xffffffff;
/** Bytes of one name and of a whole path, a slash at its end included, that Linux takes (`limits.h`). */
const longestName = 255;
const longestPath = 4096;

/** How an archive is read. */
export interface TarReadOptions {
  /** What to call the archive in errors; `tar archive` unless given. */
  readonly archive?: string;
  /** Absolute names are refused unless this says to take them as relative to the root, as Docker does. */
  readonly absoluteNames?: 'refuse' | 'strip';
}

/** A regular file's entry without its contents, which a streaming reader hands over beside it. */
export interface StreamedFileEntry {
  readonly kind: 'file';
  readonly path: ByteString;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: number;
  readonly xattrs?: ReadonlyMap<string, Uint8Array>;
}

/** What a header block announces: nothing more, `size` bytes that belong to the next header, or an entry. */
export type TarStep = 'end' | 'zero-block' | 'extension' | 'entry';

interface PaxValues {
  path?: ByteString;
  linkpath?: ByteString;
  size?: number;
  mtime?: number;
  uid?: number;
  gid?: number;
  major?: number;
  minor?: number;
  xattrs?: Map<string, Uint8Array>;
}

/**
 * Reads headers one block at a time and keeps what one header says about the next. The caller owns the bytes: it
 * passes each header block to `readHeader`, each extension body to `readExtension`, and skips or keeps `size` bytes of
 * contents, padded to whole blocks, after each entry.
 */
export class TarHeaderReader {
  /** Bytes that follow the header just read, without padding. */
  size = 0;

  readonly #archive: string;
  readonly #stripLeadingSlash: boolean;
  #block: Buffer = Buffer.alloc(0);
  #offset = 0;
  #type = 0;
  #sawZeroBlock = false;
  #longName: ByteString | undefined;
  #longLink: ByteString | undefined;
  #globals: PaxValues = {};
  #pax: PaxValues | undefined;

  constructor(options: TarReadOptions = {}) {
    this.#archive = options.archive ?? 'tar archive';
    this.#stripLeadingSlash = options.absoluteNames === 'strip';
  }

  /** Reads the block at `offset` of the archive. Throws `tar/bad-checksum`, `tar/malformed`, `tar/unsupported-entry`. */
  readHeader(block: Buffer, offset: number): TarStep {
    this.#block = block;
    this.#offset = offset;
    this.size = 0;
    if (block[0] === 0 && isZeroBlock(block)) {
      if (this.hasPending) throw this.malformed('ends after an extension header');
      if (this.#sawZeroBlock) return 'end';
      this.#sawZeroBlock = true;
      return 'zero-block';
    }
    if (this.#sawZeroBlock) throw this.malformed('goes on after a block of zeros');
    this.#verifyChecksum(block);
    const type = block[156]!;
    this.#type = type;
    switch (type) {
      case 0x4b: // K, GNU long link
      case 0x4c: // L, GNU long name
      case 0x58: // X, pax as Solaris wrote it
      case 0x67: // g, pax for all that follow
      case 0x78: // x, pax for the next entry
        this.size = this.#number(124, 12);
        if (this.size > extensionLimit) throw this.malformed(`has an extension header of ${this.size} bytes`);
        return 'extension';
      case 0x56: // V, GNU volume label: not an entry
        return 'extension';
      case 0:
      case 0x30:
      case 0x37: // 0 and 7, contiguous file
        this.size = this.#pax?.size ?? this.#globals.size ?? this.#number(124, 12);
        return 'entry';
      case 0x31:
      case 0x32:
      case 0x33:
      case 0x34:
      case 0x35:
      case 0x36:
        // Links, devices, directories and fifos have no contents, whatever their size field says.
        return 'entry';
      default:
        throw this.#unsupported(
          type === 0x53
            ? 'a sparse file'
            : type === 0x4d
              ? 'part of a multi-volume archive'
              : `of type ${JSON.stringify(String.fromCharCode(type))}`,
        );
    }
  }

  /** Takes the body that `readHeader` announced as an extension. */
  readExtension(data: Buffer): void {
    switch (this.#type) {
      case 0x4b:
        this.#longLink = textUpToNul(data, 0, data.length);
        return;
      case 0x4c:
        this.#longName = textUpToNul(data, 0, data.length);
        return;
      case 0x67:
        this.#readPax(data, this.#globals);
        return;
      case 0x78:
      case 0x58:
        this.#pax ??= {};
        this.#readPax(data, this.#pax);
        return;
    }
  }

  /** Whether an extension header waits for its entry. */
  get hasPending(): boolean {
    return this.#pax !== undefined || this.#longName !== undefined || this.#longLink !== undefined;
  }

  /** The entry of the header just read; `content` is used when it is a regular file. Call it once per entry. */
  takeEntry(content: Content): TreeEntry;
  takeEntry(): Exclude<TreeEntry, { kind: 'file' }> | StreamedFileEntry;
  takeEntry(content?: Content): TreeEntry | StreamedFileEntry {
    const pax = this.#pax ?? {};
    const globals = this.#globals;
    const rawName = pax.path ?? this.#longName ?? globals.path ?? this.#headerName();
    const path = this.#relativePath(rawName, rawName);
    const common = {
      path,
      mode: this.#number(100, 8) & 0o7777,
      uid: pax.uid ?? globals.uid ?? this.#number(108, 8),
      gid: pax.gid ?? globals.gid ?? this.#number(116, 8),
      mtime: pax.mtime ?? globals.mtime ?? this.#signedNumber(136, 12),
    };
    if (common.uid > maximumOwner || common.gid > maximumOwner)
      throw this.malformed(`has an owner above ${maximumOwner}`);
    const xattrs = pax.xattrs ?? globals.xattrs;
    const base = xattrs === undefined ? common : { ...common, xattrs };
    const linkName = () => pax.linkpath ?? this.#longLink ?? globals.linkpath ?? this.#text(157, 100);
    let entry: TreeEntry | StreamedFileEntry;
    switch (this.#type) {
      case 0x31:
        entry = { kind: 'hardlink', ...base, target: this.#relativePath(linkName(), rawName) };
        break;
      case 0x32:
        entry = { kind: 'symlink', ...base, target: linkName() };
        if (entry.target === '') throw this.malformed('has a symbolic link without a target');
        break;
      case 0x33:
      case 0x34:
        entry = {
          kind: this.#type === 0x33 ? 'character-device' : 'block-device',
          ...base,
          major: pax.major ?? this.#number(329, 8),
          minor: pax.minor ?? this.#number(337, 8),
        };
        break;
      case 0x35:
        entry = { kind: 'directory', ...base };
        break;
      case 0x36:
        entry = { kind: 'fifo', ...base };
        break;
      default:
        // Before ustar a directory was a file whose name ends in a slash.
        if (rawName.endsWith('/') && this.size === 0) entry = { kind: 'directory', ...base };
        else if (content === undefined) entry = { kind: 'file', ...base };
        else entry = { kind: 'file', ...base, content };
    }
    if (path === '' && entry.kind !== 'directory') throw this.malformed('has an entry without a name');
    this.#pax = undefined;
    this.#longName = undefined;
    this.#longLink = undefined;
    return entry;
  }

  /** The error for an archive that ends too early. */
  truncated(): TrimaranError {
    return new TrimaranError({
      code: 'tar/truncated',
      message: `${this.#archive} ends in the middle of an entry (header at byte ${this.#offset})`,
      hint: 'fetch the archive again',
      exitCode: 4,
    });
  }

  /** The error for an archive that breaks the format. */
  malformed(what: string): TrimaranError {
    return new TrimaranError({
      code: 'tar/malformed',
      message: `${this.#archive} ${what} (at byte ${this.#offset})`,
      hint: 'check where the archive comes from',
      exitCode: 4,
    });
  }

  #unsupported(what: string): TrimaranError {
    const name = this.#pax?.path ?? this.#longName ?? this.#headerName();
    return new TrimaranError({
      code: 'tar/unsupported-entry',
      message: `${this.#archive}: entry ${JSON.stringify(fromByteString(name))} is ${what}, which is not supported`,
      hint: 'write the archive again with `tar --format=pax` and without --sparse',
      exitCode: 4,
    });
  }

  #verifyChecksum(block: Buffer): void {
    let unsigned = 0;
    for (let i = 0; i < blockSize; i++) unsigned += block[i]!;
    // The field itself counts as eight spaces.
    for (let i = 148; i < 156; i++) unsigned += 32 - block[i]!;
    const expected = octal(block, 148, 8);
    if (expected === unsigned) return;
    // Some old writers summed signed bytes.
    let signed = unsigned;
    for (let i = 0; i < blockSize; i++) if (block[i]! > 127 && (i < 148 || i > 155)) signed -= 256;
    if (expected === signed) return;
    throw new TrimaranError({
      code: 'tar/bad-checksum',
      message: `${this.#archive} has a damaged header, or is no tar archive (checksum at byte ${this.#offset} is wrong)`,
      hint: 'fetch the archive again',
      exitCode: 4,
    });
  }

  #headerName(): ByteString {
    const name = this.#text(0, 100);
    const block = this.#block;
    // "ustar\0"; GNU's own magic, "ustar  \0", has other fields where the prefix would be.
    const isUstar = block.toString('latin1', 257, 263) === 'ustar\0';
    if (!isUstar || block[345] === 0) return name;
    const isStar = block.toString('latin1', 508, 512) === 'tar\0';
    return `${this.#text(345, isStar ? 131 : 155)}/${name}`;
  }

  #text(start: number, length: number): ByteString {
    return textUpToNul(this.#block, start, start + length);
  }

  /** A field that cannot be negative. */
  #number(start: number, length: number): number {
    const value = this.#signedNumber(start, length);
    if (value < 0) throw this.malformed('has a negative number in a header');
    return value;
  }

  #signedNumber(start: number, length: number): number {
    const block = this.#block;
    const first = block[start]!;
    let value: number | undefined;
    if (first < 0x80) {
      value = octal(block, start, length);
    } else if (first === 0x80 || first === 0xff) {
      // GNU base-256: two's complement over the rest of the field.
      const negative = first === 0xff;
      value = 0;
      for (let i = start + 1; i < start + length; i++) {
        value = value * 256 + (negative ? 255 - block[i]! : block[i]!);
      }
      if (negative) value = -value - 1;
    }
    if (value === undefined || !Number.isSafeInteger(value))
      throw this.malformed('has a bad number in a header');
    return value;
  }

  /** `name` as a path below the root: no `.` components, no slashes at either end. */
  #relativePath(name: ByteString, entryName: ByteString): ByteString {
    if (name.length > longestName && isTooLong(name))
      throw this.malformed(`has a name of ${name.length} bytes, longer than file systems take`);
    if (isPlainPath(name)) return name;
    const unsafe = (what: string) =>
      new TrimaranError({
        code: 'tar/unsafe-path',
        message: `${this.#archive}: entry ${JSON.stringify(fromByteString(entryName))} ${what}`,
        hint: 'do not use this archive unless you know who made it',
        exitCode: 4,
      });
    if (name.includes('\0')) throw unsafe('has a zero byte in its name');
    if (name.startsWith('/') && !this.#stripLeadingSlash) {
      throw unsafe(name === entryName ? 'has an absolute name' : 'links to an absolute name');
    }
    const components = name.split('/').filter((component) => component !== '' && component !== '.');
    if (components.includes('..')) throw unsafe('leaves its target with `..`');
    return components.join('/');
  }

  #readPax(data: Buffer, into: PaxValues): void {
    let position = 0;
    while (position < data.length) {
      const space = data.indexOf(0x20, position);
      const digits = space < 0 || space - position > 8 ? '' : data.toString('latin1', position, space);
      const end = /^[0-9]+$/.test(digits) ? position + Number(digits) : 0;
      if (end <= space + 1 || end > data.length || data[end - 1] !== 0x0a) {
        throw this.malformed('has a bad pax record');
      }
      const equals = data.indexOf(0x3d, space + 1);
      if (equals < 0 || equals >= end) throw this.malformed('has a bad pax record');
      this.#setPax(into, data.toString('latin1', space + 1, equals), data.subarray(equals + 1, end - 1));
      position = end;
    }
  }

  #setPax(into: PaxValues, key: string, value: Buffer): void {
    switch (key) {
      case 'path':
      case 'linkpath':
        // An empty value takes an earlier record back.
        if (value.length === 0) delete into[key];
        else into[key] = bufferToByteString(value);
        return;
      case 'size':
      case 'uid':
      case 'gid':
      case 'mtime': {
        if (value.length === 0) {
          delete into[key];
          return;
        }
        const number = this.#paxNumber(key, value);
        if (key !== 'mtime' && (number < 0 || !Number.isInteger(number))) {
          throw this.malformed(`has a bad pax record for ${key}`);
        }
        into[key] = Math.floor(number);
        return;
      }
      case 'SCHILY.devmajor':
        into.major = this.#paxNumber(key, value);
        return;
      case 'SCHILY.devminor':
        into.minor = this.#paxNumber(key, value);
        return;
    }
    if (key.startsWith('SCHILY.xattr.')) {
      into.xattrs ??= new Map();
      // A copy, so that it does not keep the whole archive in memory.
      into.xattrs.set(key.slice('SCHILY.xattr.'.length), Uint8Array.from(value));
    } else if (key.startsWith('LIBARCHIVE.xattr.')) {
      const name = percentDecoded(key.slice('LIBARCHIVE.xattr.'.length));
      into.xattrs ??= new Map();
      // bsdtar writes both forms; the other one needs no decoding.
      if (!into.xattrs.has(name))
        into.xattrs.set(name, Uint8Array.from(Buffer.from(value.toString('latin1'), 'base64')));
    } else if (key.startsWith('GNU.sparse.')) {
      throw this.#unsupported('a sparse file');
    }
  }

  #paxNumber(key: string, value: Buffer): number {
    const text = value.toString('latin1');
    const number = /^-?[0-9]+(\.[0-9]*)?$/.test(text) ? Number(text) : Number.NaN;
    if (!Number.isSafeInteger(Math.floor(number))) throw this.malformed(`has a bad pax record for ${key}`);
    return number;
  }
}

function isZeroBlock(block: Buffer): boolean {
  for (let i = 0; i < blockSize; i++) if (block[i] !== 0) return false;
  return true;
}

function textUpToNul(buffer: Buffer, start: number, end: number): ByteString {
  let stop = start;
  while (stop < end && buffer[stop] !== 0) stop++;
  return buffer.toString('latin1', start, stop);
}

/** An octal field: leading spaces, digits, then a space, a NUL or the end. Undefined when it is none. */
function octal(block: Buffer, start: number, length: number): number | undefined {
  const end = start + length;
  let i = start;
  while (i < end && (block[i] === 0x20 || block[i] === 0)) i++;
  let value = 0;
  for (; i < end; i++) {
    const byte = block[i]!;
    if (byte >= 0x30 && byte <= 0x37) value = value * 8 + (byte - 0x30);
    else if (byte === 0 || byte === 0x20) break;
    else return undefined;
  }
  return value;
}

// Most names are plain already; this answers without splitting them.
const notPlain = /^\/|\/$|\/\/|(?:^|\/)\.{1,2}(?:\/|$)|\0/;
function isPlainPath(name: ByteString): boolean {
  return !notPlain.test(name);
}

function percentDecoded(text: string): ByteString {
  return text.replace(/%([0-9a-fA-F]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function isTooLong(path: ByteString): boolean {
  return path.length > longestPath || path.split('/').some((name) => name.length > longestName);
}
