// Guesses what made two builds of one file differ, from the bytes around the first difference. A guess is for people who
// look for the reason; nothing is decided by it.

import { gunzipSync } from 'node:zlib';

export type Cause = 'timestamp' | 'order' | 'path' | 'random' | 'unknown';

export interface Evidence {
  readonly path: string;
  readonly before: Buffer;
  readonly after: Buffer;
  /** Of the first difference within the buffers. */
  readonly offset: number;
  /** Offset of the buffers within the file. */
  readonly start: number;
  /** Whether the buffers are the whole file. */
  readonly isWhole: boolean;
  /** Texts that only one build saw: its folders, its host's name. */
  readonly hints: readonly string[];
}

const around = 48;
const dates = [
  // ISO 8601, compact too; `Nov 22`; 12:34:56; seconds and milliseconds since 1970 in this century.
  /\d{4}-\d\d-\d\d/,
  /\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b[ -]+\d{1,2}\b|\b\d{1,2}[ -](?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b/,
  /\b\d\d:\d\d:\d\d\b/,
  /\b20\d\d(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])T?\d{0,6}/,
  /(?<!\d)[1-4]\d{9}(?:\d{3}){0,3}(?!\d)/,
];

/** The likeliest cause of a difference. */
export function likelyCause(evidence: Evidence): Cause {
  const { before, after, offset, isWhole } = evidence;
  if (isBinaryTime(evidence)) return 'timestamp';
  const inner = unpacked(evidence);
  if (inner !== undefined) return likelyCause(inner);
  const [left, right] = [window(before, offset), window(after, offset)];
  if (evidence.hints.some((hint) => left.includes(hint) !== right.includes(hint))) return 'path';
  if (isWhole && before.length === after.length && sameParts(before, after)) return 'order';
  if (dates.some((date) => differsAt(date, [left, right]))) return 'timestamp';
  if (isBothPaths(left, right)) return 'path';
  if (looksRandom(before, offset) && looksRandom(after, offset)) return 'random';
  return 'unknown';
}

/** Longest content that is unpacked to be looked at. */
const mostUnpacked = 16 << 20;

/** The difference within what gzip packed, where the packed bytes say nothing. */
function unpacked(evidence: Evidence): Evidence | undefined {
  const { before, after, isWhole } = evidence;
  const isGzip = (bytes: Buffer) => bytes[0] === 0x1f && bytes[1] === 0x8b;
  if (!isWhole || !isGzip(before) || !isGzip(after)) return undefined;
  try {
    const [left, right] = [before, after].map((bytes) =>
      gunzipSync(bytes, { maxOutputLength: mostUnpacked }),
    );
    let offset = 0;
    while (offset < left!.length && left![offset] === right![offset]) offset++;
    if (offset === left!.length && offset === right!.length) return undefined;
    return { ...evidence, before: left!, after: right!, offset, start: 0 };
  } catch {
    // Cut off, too long, or only like gzip: its bytes are looked at as they are.
    return undefined;
  }
}

/** Times in the heads of formats: gzip (RFC 1952), Python byte code (PEP 552), tar (`ustar`), ar and zip members. */
function isBinaryTime({ path, before, offset, start }: Evidence): boolean {
  const at = start + offset;
  const block = offset - (at % 512);
  if (block >= 0 && before.toString('latin1', block + 257, block + 262) === 'ustar')
    return at % 512 >= 136 && at % 512 < 148;
  if (before[0] === 0x1f && before[1] === 0x8b && start === 0) return at >= 4 && at < 8;
  if (path.endsWith('.pyc')) return at >= 8 && at < 12;
  if (start !== 0) return false;
  const head = before.lastIndexOf(Buffer.from('PK\x03\x04', 'latin1'), offset);
  return head >= 0 && offset - head >= 10 && offset - head < 14;
}

function window(bytes: Buffer, offset: number): string {
  return bytes.toString('latin1', Math.max(0, offset - around), offset + around);
}

/** Whether both sides have the pattern, with different matches. */
function differsAt(pattern: RegExp, [left, right]: readonly [string, string]): boolean {
  const all = new RegExp(pattern, 'g');
  const [a, b] = [left.match(all), right.match(all)];
  return a !== null && b !== null && a.join() !== b.join();
}

/** The same lines, or else the same bytes, in another order. */
function sameParts(before: Buffer, after: Buffer): boolean {
  const lines = (bytes: Buffer) => bytes.toString('latin1').split('\n').sort().join('\n');
  if (lines(before) === lines(after)) return true;
  const counts = new Int32Array(256);
  for (const byte of before) counts[byte]!++;
  for (const byte of after) counts[byte]!--;
  // A few bytes are the same by chance.
  return before.length >= 64 && counts.every((count) => count === 0);
}

function isBothPaths(left: string, right: string): boolean {
  const pathAt = (text: string) => /\/[\w.+-]+(?:\/[\w.+-]+)+/.exec(text)?.[0];
  const [a, b] = [pathAt(left), pathAt(right)];
  return a !== undefined && b !== undefined && a !== b && /^\/(?:tmp|home|root|build|var\/tmp)\//.test(a);
}

/** Hexadecimal, base 64 or bytes without pattern from the difference on. */
function looksRandom(bytes: Buffer, offset: number): boolean {
  const text = bytes.toString('latin1', Math.max(0, offset - 16), offset + 32);
  if (/[0-9a-f]{12,}|[0-9A-F]{12,}|[0-9a-f]{8}-[0-9a-f]{4}-/.test(text)) return true;
  if (/[A-Za-z0-9+/_-]{20,}/.test(text) && /\d/.test(text) && /[A-Z]/.test(text) && /[a-z]/.test(text))
    return true;
  const part = bytes.subarray(offset, offset + 32);
  const unprintable = part.filter((byte) => byte < 0x20 || byte > 0x7e).length;
  return part.length >= 16 && unprintable > part.length / 3 && new Set(part).size > part.length * 0.7;
}
