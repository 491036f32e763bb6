// ar archives, read: what a .deb is. Long names as GNU and BSD write them; symbol tables are members like any other.
// Source: deb(5) and ar(5). Writing is left out.
import { type ByteString, fromByteString } from '../foundation/byte-string.ts';
import { TrimaranError } from '../foundation/error.ts';

export interface ArMember {
  /** Without the slash that GNU puts after it. */
  readonly name: ByteString;
  /** Its bytes, part of the archive's buffer. */
  readonly data: Buffer;
}

const magic = '!<arch>\n';
const headerSize = 60;

/**
 * The members of an archive in memory, in its order. `archive` names it in errors.
 * Throws `ar/malformed`, `ar/truncated`.
 *
 * @example
 * readAr(deb).map((member) => member.name); // ['debian-binary', 'control.tar.xz', 'data.tar.xz']
 */
export function readAr(buffer: Buffer, archive = 'ar archive'): ArMember[] {
  const malformed = (what: string) =>
    new TrimaranError({
      code: 'ar/malformed',
      message: `${archive} ${what}`,
      hint: 'fetch the archive again',
      exitCode: 4,
    });
  const truncated = (offset: number) =>
    new TrimaranError({
      code: 'ar/truncated',
      message: `${archive} ends in the middle of a member (header at byte ${offset})`,
      hint: 'fetch the archive again',
      exitCode: 4,
    });
  const text = (start: number, end: number) => buffer.toString('latin1', start, end);
  if (text(0, magic.length) !== magic) {
    throw buffer.length < magic.length ? truncated(0) : malformed('is no ar archive');
  }
  const members: ArMember[] = [];
  let longNames = '';
  let offset = magic.length;
  while (offset < buffer.length) {
    const start = offset + headerSize;
    if (start > buffer.length) throw truncated(offset);
    const sizeText = text(offset + 48, offset + 58).trimEnd();
    if (text(offset + 58, start) !== '`\n' || !/^[0-9]{1,10}$/.test(sizeText)) {
      throw malformed(`has a bad header at byte ${offset}`);
    }
    const end = start + Number(sizeText);
    if (end > buffer.length) throw truncated(offset);
    let data = buffer.subarray(start, end);
    let name = text(offset, offset + 16).trimEnd();
    if (name.startsWith('#1/')) {
      // BSD: the name stands before the data, padded with zeros.
      const length = Number(name.slice(3));
      if (!(length >= 0 && length <= data.length)) throw malformed(`has a bad name at byte ${offset}`);
      name = data.toString('latin1', 0, length).replace(/\0+$/, '');
      data = data.subarray(length);
    } else if (name === '//') {
      longNames = data.toString('latin1');
    } else if (/^\/[0-9]+$/.test(name)) {
      const from = Number(name.slice(1));
      const slash = longNames.indexOf('/\n', from);
      if (slash < 0) throw malformed(`has a bad name at byte ${offset}`);
      name = longNames.slice(from, slash);
    } else if (name !== '/' && name !== '/SYM64/') {
      name = name.replace(/\/$/, '');
    }
    if (name === '') throw malformed(`has a member without a name at byte ${offset}`);
    if (name !== '//') members.push({ name, data });
    // Members start at even offsets.
    offset = end + (end & 1);
  }
  return members;
}

/** The member of that name. Throws `ar/missing-member`, naming those there are. */
export function arMember(members: readonly ArMember[], name: ByteString, archive = 'ar archive'): ArMember {
  const member = members.find((candidate) => candidate.name === name);
  if (member !== undefined) return member;
  throw new TrimaranError({
    code: 'ar/missing-member',
    message: `${archive} has no member '${fromByteString(name)}', only ${members.map((m) => fromByteString(m.name)).join(', ') || 'none'}`,
    hint: 'fetch the archive again',
    exitCode: 4,
  });
}
