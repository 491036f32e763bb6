import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseStorePath, type StorePath } from '../formats/store-path.ts';
import type { FileTree } from '../foundation/file-tree.ts';
import { scanReferences } from './reference-scan.ts';

const digits = [...'0123456789abcdfghijklmnpqrsvwxyz'];
const hashPart = fc
  .array(fc.constantFrom(...digits), { minLength: 32, maxLength: 32 })
  .map((d) => d.join(''));
const pathOf = (hash: string): StorePath => parseStorePath(`/nix/store/${hash}-x`, '/nix/store');
const common = { uid: 0, gid: 0, mtime: 1, mode: 0o444 };
const file = (path: string, bytes: Uint8Array): FileTree[number] => {
  return { ...common, kind: 'file', path, content: { kind: 'bytes', bytes } };
};

describe('reference scan', () => {
  it('finds exactly the hash parts that occur', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(hashPart, { maxLength: 5 }),
        fc.uniqueArray(hashPart, { maxLength: 5 }),
        fc.array(fc.uint8Array({ maxLength: 80 }), { minLength: 6, maxLength: 6 }),
        async (present, absent, noise) => {
          const bytes = Buffer.concat(noise.flatMap((part, i) => [part, Buffer.from(present[i] ?? '')]));
          const text = bytes.toString('latin1');
          const candidates = [...new Set([...present, ...absent])].map(pathOf);
          const expected = candidates.filter((path) => text.includes(path.slice(11, 43)));
          const { references } = await scanReferences([file('', bytes)], candidates);
          expect(references).toEqual(expected.sort());
        },
      ),
    );
  });

  it('sees hash parts that lie across chunks of the archive', async () => {
    const hash = 'z'.repeat(32);
    // Chunks are half a megabyte and headers take less than 400 bytes: some of these lie across the border.
    for (let at = 524_288 - 400; at < 524_288; at += 7) {
      const bytes = Buffer.alloc(600_000, '.');
      bytes.write(hash, at);
      expect((await scanReferences([file('', bytes)], [pathOf(hash)])).references).toHaveLength(1);
    }
  });

  it('sees hash parts in names and in link targets', async () => {
    const [inName, inTarget] = ['1'.repeat(32), '2'.repeat(32)];
    const tree: FileTree = [
      { ...common, kind: 'symlink', path: 'link', target: `../${inTarget}-x/y` },
      file(`name-${inName}-x`, Buffer.alloc(0)),
    ];
    expect((await scanReferences(tree, [inName, inTarget].map(pathOf))).references).toHaveLength(2);
  });
});
