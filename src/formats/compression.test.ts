import { execFileSync, spawnSync } from 'node:child_process';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isTrimaranError } from '../foundation/error.ts';
import { decompress, decompressStream, detectCompression } from './compression.ts';

const text = Buffer.from(Array.from({ length: 40_000 }, (_, i) => `line ${i * i} of the text\n`).join(''));
const limit = 1 << 24;

function by(program: string, args: string[], input: Uint8Array): Buffer {
  return execFileSync(program, args, { input, maxBuffer: 1 << 26 });
}
const compressors = {
  gzip: (data: Uint8Array) => gzipSync(data),
  bzip2: (data: Uint8Array) => by('bzip2', ['-c'], data),
  xz: (data: Uint8Array) => by('xz', ['-c', '-2'], data),
  zstd: (data: Uint8Array) => by('zstd', ['-c', '-q'], data),
} as const;
const kinds = (['gzip', 'bzip2', 'xz', 'zstd'] as const).filter(
  (kind) => kind === 'gzip' || process.env.CI || spawnSync(kind, ['--version']).status === 0,
);

async function* chunksOf(buffer: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < buffer.length; i += size) yield buffer.subarray(i, i + size);
}
async function streamed(buffer: Buffer, size: number, max = limit): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of decompressStream(chunksOf(buffer, size), { limit: max })) chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe.each(kinds)('%s', (kind) => {
  const compressed = compressors[kind](text);
  const damaged = expect.objectContaining({ code: 'compression/damaged' });
  const tooLarge = expect.objectContaining({ code: 'compression/too-large' });

  it('is told by its first bytes and decompressed', async () => {
    expect(detectCompression(compressed)).toBe(kind);
    expect((await decompress(compressed, { limit })).equals(text)).toBe(true);
    expect((await decompress(compressed, { kind, limit: text.length })).equals(text)).toBe(true);
    for (const size of [777, 65536, compressed.length]) {
      expect((await streamed(compressed, size)).equals(text)).toBe(true);
    }
    const small = text.subarray(0, 3000);
    expect((await streamed(compressors[kind](small), 1)).equals(small)).toBe(true);
  });

  it('has more than one part when parts are joined', async () => {
    const twice = Buffer.concat([compressed, compressed]);
    expect((await decompress(twice, { limit })).equals(Buffer.concat([text, text]))).toBe(true);
    expect((await streamed(twice, 999)).length).toBe(2 * text.length);
  });

  it('decompresses nothing to nothing', async () => {
    const empty = compressors[kind](Buffer.alloc(0));
    expect((await decompress(empty, { limit })).length).toBe(0);
    expect((await streamed(empty, 3)).length).toBe(0);
  });

  it('does not give more than it may', async () => {
    await expect(decompress(compressed, { limit: text.length - 1 })).rejects.toThrow(tooLarge);
    await expect(streamed(compressed, 1000, text.length - 1)).rejects.toThrow(tooLarge);
    const bomb = compressors[kind](Buffer.alloc(1 << 25));
    await expect(decompress(bomb, { limit: 1 << 20 })).rejects.toThrow(tooLarge);
    await expect(streamed(bomb, 4096, 1 << 20)).rejects.toThrow(tooLarge);
  });

  it('refuses what is cut off', async () => {
    for (const length of [6, 20, compressed.length >> 1, compressed.length - 1]) {
      await expect(decompress(compressed.subarray(0, length), { limit }), `${length}`).rejects.toThrow(
        damaged,
      );
      await expect(streamed(compressed.subarray(0, length), 700), `${length}`).rejects.toThrow(damaged);
    }
  });

  it('meets damage with its own errors', async () => {
    const small = compressors[kind](text.subarray(0, 600));
    await fc.assert(
      fc.asyncProperty(fc.nat(small.length - 1), fc.nat(255), async (at, value) => {
        const copy = Buffer.from(small);
        copy[at] = value;
        try {
          await decompress(copy, { kind, limit });
        } catch (error) {
          if (!isTrimaranError(error)) throw error;
        }
      }),
      { numRuns: 100 },
    );
  });

  it('hands on the errors of its source', async () => {
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield compressed.subarray(0, 100);
      throw new Error('the network is gone');
    }
    const read = async () => {
      for await (const _ of decompressStream(failing(), { limit })) {
        // Only the error counts.
      }
    };
    await expect(read()).rejects.toThrow('the network is gone');
  });
});

describe('compression', () => {
  it('passes through what is not compressed', async () => {
    expect((await decompress(text, { limit })).equals(text)).toBe(true);
    expect((await streamed(text, 1000)).equals(text)).toBe(true);
    expect((await streamed(Buffer.from('ab'), 1)).toString()).toBe('ab');
    await expect(decompress(text, { limit: 5 })).rejects.toThrow(
      expect.objectContaining({ code: 'compression/too-large' }),
    );
  });

  it('refuses what it does not know by name', async () => {
    await expect(decompress(Buffer.from('LZIP\x01\x0c'), { limit, name: 'old.nar' })).rejects.toThrow(
      expect.objectContaining({ code: 'compression/unsupported', message: expect.stringContaining('lzip') }),
    );
  });
});
