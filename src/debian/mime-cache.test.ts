import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { writeMimeCache } from './mime-cache.ts';
import { readMimePackages } from './mime-packages.ts';

/** Reads the tables of a mime.cache, as the specification has them. */
function readCache(bytes: Buffer) {
  const word = (offset: number) => bytes.readUInt32BE(offset);
  const text = (offset: number) => bytes.toString('utf8', offset, bytes.indexOf(0, offset));
  const rows = (table: number, width: number) => {
    const offset = word(4 + table * 4);
    return Array.from({ length: word(offset) }, (_, row) =>
      Array.from({ length: width }, (_, column) => word(offset + 4 + (row * width + column) * 4)),
    );
  };
  const globs = (table: number) => rows(table, 3).map(([a, b, weight]) => [text(a!), text(b!), weight]);
  const suffixes: unknown[] = [];
  const walk = (count: number, first: number, end: string) => {
    for (let node = first; node < first + count * 12; node += 12) {
      if (word(node) === 0) suffixes.push([end, text(word(node + 4)), word(node + 8)]);
      else walk(word(node + 4), word(node + 8), String.fromCodePoint(word(node)) + end);
    }
  };
  const tree = word(4 + 3 * 4);
  walk(word(tree), word(tree + 4), '');
  const matchlets = (count: number, first: number): unknown[] =>
    Array.from({ length: count }, (_, index) => {
      const at = first + index * 32;
      const [start, range, size, length, value, mask, children, child] = Array.from({ length: 8 }, (_, i) =>
        word(at + i * 4),
      ) as [number, number, number, number, number, number, number, number];
      const hex = (offset: number) => bytes.toString('hex', offset, offset + length);
      return [start, range, size, hex(value), mask === 0 ? undefined : hex(mask), matchlets(children, child)];
    });
  const magic = word(4 + 5 * 4);
  return {
    version: [bytes.readUInt16BE(0), bytes.readUInt16BE(2)],
    aliases: rows(0, 2).map((row) => row.map(text)),
    parents: rows(1, 2).map(([type, list]) => [
      text(type!),
      Array.from({ length: word(list!) }, (_, index) => text(word(list! + 4 + index * 4))),
    ]),
    literals: globs(2),
    suffixes,
    globs: globs(4),
    extent: word(magic + 4),
    magic: Array.from({ length: word(magic) }, (_, index) => {
      const at = word(magic + 8) + index * 16;
      return [word(at), text(word(at + 4)), matchlets(word(at + 8), word(at + 12))];
    }),
    namespaces: rows(6, 3).map((row) => row.map(text)),
    icons: rows(7, 2).map((row) => row.map(text)),
    genericIcons: rows(8, 2).map((row) => row.map(text)),
  };
}

const own = `<?xml version="1.0"?>
<!DOCTYPE mime-info [ <!ELEMENT mime-info (mime-type)+> ]>
<mime-info xmlns="http://www.freedesktop.org/standards/shared-mime-info">
  <!-- <mime-type type="none/none"/> -->
  <mime-type type="image/png">
    <comment>PNG &amp; more</comment>
    <magic priority="50"><match value="\\x89PNG" type="string" offset="0"/></magic>
    <glob pattern="*.png"/>
    <alias type="image/x-png"/>
  </mime-type>
  <mime-type type="text/x-c++src">
    <sub-class-of type="text/x-csrc"/>
    <generic-icon name="text-x-source"/>
    <glob pattern="*.cpp"/><glob pattern="*.C" case-sensitive="true"/>
  </mime-type>
  <mime-type type="text/x-makefile">
    <glob pattern="Makefile"/><glob pattern="Makefile.*" weight="10"/>
    <magic priority="80">
      <match value="0x0102" type="little16" offset="4:12" mask="0xffff"><match value="&lt;a&#x3e;" type="string" offset="2"/></match>
    </magic>
  </mime-type>
  <mime-type type="image/svg+xml"><root-XML namespaceURI="http://www.w3.org/2000/svg" localName="svg"/></mime-type>
</mime-info>`;
const more = `<mime-info><mime-type type="image/png"><icon name="my-png"/><glob pattern="*.PNG"/><glob pattern="*.apng" weight="60"/></mime-type></mime-info>`;

describe('writeMimeCache', () => {
  it('has what the files say', () => {
    const cache = readCache(writeMimeCache(readMimePackages([own, more]).values()));
    expect(cache).toEqual({
      version: [1, 2],
      aliases: [['image/x-png', 'image/png']],
      parents: [['text/x-c++src', ['text/x-csrc']]],
      literals: [['makefile', 'text/x-makefile', 50]],
      suffixes: [
        ['.C', 'text/x-c++src', 50 | 0x100],
        ['.png', 'image/png', 50],
        ['.apng', 'image/png', 60],
        ['.cpp', 'text/x-c++src', 50],
      ],
      globs: [['makefile.*', 'text/x-makefile', 10]],
      extent: 15,
      magic: [
        [80, 'text/x-makefile', [[4, 9, 1, '0201', 'ffff', [[2, 1, 1, '3c613e', undefined, []]]]]],
        [50, 'image/png', [[0, 1, 1, '89504e47', undefined, []]]],
      ],
      namespaces: [['http://www.w3.org/2000/svg', 'svg', 'image/svg+xml']],
      icons: [['image/png', 'my-png']],
      genericIcons: [['text/x-c++src', 'text-x-source']],
    });
  });

  it('reads anything', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.nat(own.length), (noise, at) => {
        for (const text of [noise, own.slice(0, at) + noise + own.slice(at)])
          readCache(writeMimeCache(readMimePackages([text]).values()));
      }),
      { numRuns: 300 },
    );
  });
});
