import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FileTree, fileTree, type TreeEntry } from '../foundation/file-tree.ts';
import { readTreeIndex, writeTreeIndex } from './tree-index.ts';

const byteString = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
const common = {
  path: byteString,
  mode: fc.integer({ min: 0, max: 0o7777 }),
  uid: fc.nat(0xffffffff),
  gid: fc.nat(0xffffffff),
  mtime: fc.integer({ min: -(2 ** 40), max: 2 ** 40 }),
};
const number = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const entry: fc.Arbitrary<TreeEntry> = fc.oneof(
  fc.record({
    ...common,
    kind: fc.constant('file' as const),
    content: fc.record({
      kind: fc.constant('region' as const),
      file: fc.constant('/objects/a.tar'),
      offset: number,
      length: number,
    }),
    xattrs: fc
      .array(
        fc.tuple(fc.string({ minLength: 1, maxLength: 8 }), fc.uint8Array({ minLength: 1, maxLength: 9 })),
        {
          minLength: 1,
          maxLength: 3,
        },
      )
      .map((pairs) => new Map(pairs.map(([name, value]) => [`user.${name}`, Buffer.from(value)]))),
  }),
  fc.record({ ...common, kind: fc.constant('directory' as const) }),
  fc.record({ ...common, kind: fc.constant('symlink' as const), target: byteString }),
  fc.record({ ...common, kind: fc.constant('hardlink' as const), target: byteString }),
  fc.record({
    ...common,
    kind: fc.constantFrom('character-device' as const, 'block-device' as const),
    major: fc.nat(4095),
    minor: fc.nat(1048575),
  }),
  fc.record({ ...common, kind: fc.constant('fifo' as const) }),
);
const tree: fc.Arbitrary<FileTree> = fc
  .uniqueArray(entry, { selector: ({ path }) => path, maxLength: 12 })
  .map(fileTree);

describe('tree index', () => {
  it('gives back every tree', () => {
    fc.assert(
      fc.property(tree, number, (entries, size) => {
        expect(readTreeIndex(writeTreeIndex(entries, size), '/objects/a.tar')).toEqual({
          tree: entries,
          tarSize: size,
        });
      }),
    );
  });

  it('takes no damaged index for a whole one', () => {
    fc.assert(
      fc.property(tree, fc.nat(), fc.integer({ min: 1, max: 255 }), (entries, at, change) => {
        const index = writeTreeIndex(entries, 10240);
        index[at % index.length]! ^= change;
        expect(readTreeIndex(index, 'a')).toBeUndefined();
        expect(readTreeIndex(index.subarray(0, at % index.length), 'a')).toBeUndefined();
      }),
    );
    fc.assert(fc.property(fc.uint8Array(), (bytes) => readTreeIndex(Buffer.from(bytes), 'a') === undefined));
  });

  it('refuses contents that are in no tar', () => {
    const content = { kind: 'bytes', bytes: Buffer.from('x') } as const;
    const file: TreeEntry = { kind: 'file', path: 'a', mode: 0o644, uid: 0, gid: 0, mtime: 0, content };
    expect(() => writeTreeIndex([file], 0)).toThrow('contents of a are not in the tar');
  });
});
