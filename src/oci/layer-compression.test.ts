import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readContentsWhole } from './content-stream.ts';
import { exampleTree } from './example-image.ts';
import { gzipBlocks } from './gzip.ts';
import { compressLayer } from './layer-compression.ts';
import { layerOfTree } from './layer-write.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'oci-gzip-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

async function gzip(chunks: readonly Buffer[]): Promise<Buffer> {
  const out: Buffer[] = [];
  for await (const chunk of gzipBlocks(
    (async function* () {
      yield* chunks;
    })(),
  )) {
    out.push(chunk);
  }
  return Buffer.concat(out);
}

describe('gzipBlocks', () => {
  it.each([0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 5 << 20])(
    'is undone by gunzip, %i bytes',
    async (size) => {
      const data = Buffer.alloc(size, 'all the same and more of it ');
      for (let i = 0; i < size; i += 1000) data[i] = i % 251;
      const compressed = await gzip([data]);
      expect(gunzipSync(compressed).equals(data)).toBe(true);
      expect(compressed.subarray(0, 10).toString('hex')).toBe('1f8b08000000000000ff');
    },
  );

  it('gives the same bytes however the stream is cut', async () => {
    const data = Buffer.from(Array.from({ length: 400_000 }, (_, i) => i * 7).join());
    const whole = await gzip([data]);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat({ max: data.length }), { maxLength: 6 }), async (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), data.length];
        const chunks = at.slice(1).map((end, i) => data.subarray(at[i], end));
        expect((await gzip(chunks)).equals(whole)).toBe(true);
      }),
      { numRuns: 5 },
    );
  });

  it('passes on the error of its source', async () => {
    const failing = async function* () {
      yield Buffer.alloc(3 << 20);
      throw new Error('gone');
    };
    await expect(async () => {
      for await (const _ of gzipBlocks(failing()));
    }).rejects.toThrowError('gone');
  });
});

describe('compressLayer', () => {
  it('compresses once, and again when what was kept is damaged', async () => {
    const layer = await layerOfTree(exampleTree({ a: 'x'.repeat(100_000) }));
    const first = await compressLayer(layer, { directory });
    const bytes = await readContentsWhole(first.content);
    expect(gunzipSync(bytes).equals(await readContentsWhole(layer.content))).toBe(true);
    const gone = { ...layer, content: [] };
    expect(await compressLayer(gone, { directory })).toEqual(first);
    const file = join(directory, `${layer.diffId.slice(7)}.tar.gz`);
    truncateSync(file, 10);
    expect(await compressLayer(layer, { directory })).toEqual(first);
    expect(readFileSync(file).equals(bytes)).toBe(true);
    expect(readdirSync(directory)).toHaveLength(2);
  });
});
