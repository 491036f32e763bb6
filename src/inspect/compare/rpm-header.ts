// One package's header as rpm's databases keep it: counts, an index of tags, and the data they point into, all big-endian.
// https://rpm-software-management.github.io/rpm/manual/format_header.html

export interface RpmHeader {
  text(tag: number): string | undefined;
  texts(tag: number): readonly string[];
  numbers(tag: number): readonly number[];
}

const mostTags = 0x10000;

/** Reads a header; undefined for bytes that are none. Values that point outside of it are absent. */
export function readRpmHeader(bytes: Buffer): RpmHeader | undefined {
  if (bytes.length < 8) return undefined;
  const count = bytes.readUInt32BE(0);
  const start = 8 + count * 16;
  if (count > mostTags || bytes.length < start) return undefined;
  const data = bytes.subarray(start, start + bytes.readUInt32BE(4));
  const entries = new Map<
    number,
    { readonly type: number; readonly offset: number; readonly count: number }
  >();
  for (let at = 8; at < start; at += 16) {
    const tag = bytes.readUInt32BE(at);
    if (!entries.has(tag))
      entries.set(tag, {
        type: bytes.readUInt32BE(at + 4),
        offset: bytes.readUInt32BE(at + 8),
        count: bytes.readUInt32BE(at + 12),
      });
  }
  const texts = (tag: number): string[] => {
    const entry = entries.get(tag);
    // STRING, STRING_ARRAY, I18NSTRING
    if (entry === undefined || ![6, 8, 9].includes(entry.type)) return [];
    const found: string[] = [];
    for (let at = entry.offset; found.length < entry.count && at < data.length; ) {
      const end = data.indexOf(0, at);
      if (end < 0) break;
      found.push(data.toString('utf8', at, end));
      at = end + 1;
    }
    return found;
  };
  const numbers = (tag: number): number[] => {
    const entry = entries.get(tag);
    const width = entry === undefined ? undefined : { 3: 2, 4: 4, 5: 8 }[entry.type];
    if (entry === undefined || width === undefined) return [];
    const found: number[] = [];
    for (let at = entry.offset; found.length < entry.count && at + width <= data.length; at += width)
      found.push(width === 8 ? Number(data.readBigUInt64BE(at)) : data.readUIntBE(at, width));
    return found;
  };
  return { texts, numbers, text: (tag) => texts(tag)[0] };
}
