import { createHash } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Content } from '../foundation/file-tree.ts';
import {
  copyContentsSync,
  digestOfContents,
  readContents,
  readContentsWhole,
  totalLength,
} from './content-stream.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'oci-content-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** A file whose bytes tell their place, and parts of it and of memory in any order, small and large. */
function contentsAndBytes(): fc.Arbitrary<(file: string, data: Buffer) => Content[]> {
  const size = fc.oneof(fc.nat({ max: 2000 }), fc.integer({ min: 200_000, max: 2_500_000 }));
  const part = fc.record({ inFile: fc.boolean(), offset: fc.nat({ max: 500_000 }), length: size });
  return fc
    .array(part, { maxLength: 12 })
    .map(
      (parts) => (file, data) =>
        parts.map(({ inFile, offset, length }) =>
          inFile
            ? { kind: 'region', file, offset, length }
            : { kind: 'bytes', bytes: data.subarray(offset, offset + length) },
        ),
    );
}

describe('contents', () => {
  it('are read, hashed and copied as the same bytes', async () => {
    const data = Buffer.alloc(3_100_000);
    for (let i = 0; i < data.length; i += 4) data.writeUInt32LE((i * 2654435761) % 2 ** 32, i);
    const file = join(directory, 'data');
    writeFileSync(file, data);
    await fc.assert(
      fc.asyncProperty(contentsAndBytes(), async (make) => {
        const contents = make(file, data);
        const expected = Buffer.concat(
          contents.map((content) =>
            content.kind === 'bytes'
              ? content.bytes
              : data.subarray(content.offset, content.offset + content.length),
          ),
        );
        expect(totalLength(contents)).toBe(expected.length);
        expect((await readContentsWhole(contents)).equals(expected)).toBe(true);
        const digest = createHash('sha256').update(expected).digest('hex');
        expect(await digestOfContents(contents)).toBe(`sha256:${digest}`);
        const copy = join(directory, 'copy');
        const target = openSync(copy, 'w');
        copyContentsSync(contents, target);
        closeSync(target);
        expect(readFileSync(copy).equals(expected)).toBe(true);
        for await (const chunk of readContents(contents)) expect(chunk.length).toBeLessThanOrEqual(1 << 20);
      }),
      { numRuns: 25 },
    );
  });

  it.each([10, 1_000_000])(
    'fail by name when a file has become shorter, region of %i bytes',
    async (length) => {
      const file = join(directory, 'short');
      writeFileSync(file, 'abc');
      const contents: Content[] = [{ kind: 'region', file, offset: 0, length }];
      const failure = expect.objectContaining({ code: 'oci/file-too-short' });
      await expect(readContentsWhole(contents)).rejects.toThrowError(failure);
      await expect(digestOfContents(contents)).rejects.toThrowError(failure);
    },
  );
});
