import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StorePath } from '../formats/store-path.ts';
import { writeArchive } from '../oci/archive-write.ts';
import { exampleImage, exampleTree } from '../oci/example-image.ts';
import { renameImage } from '../oci/image.ts';
import { openLayer } from '../oci/layer.ts';
import { knownArchives, readOwnArchive, writeOwnArchive } from './known-archive.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'trimaran-known-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

async function write(content: string): Promise<string> {
  const image = renameImage(await exampleImage([exampleTree({ 'etc/what': content })]), ['a/b:1', 'c:2']);
  const file = join(folder, 'image.tar');
  await writeArchive([image], file);
  return file;
}

async function read(file: string): Promise<{ config: string; names: unknown; layers: string[] }> {
  const [image] = await readOwnArchive(file, {
    cacheDirectory: join(folder, 'layers'),
    knownDirectory: join(folder, 'known'),
  });
  const layers: string[] = [];
  for (const layer of image!.layers) {
    const chunks: Buffer[] = [];
    for await (const chunk of openLayer(layer)) chunks.push(chunk);
    layers.push(`${layer.diffId} ${layer.size} ${Buffer.concat(chunks).toString('base64')}`);
  }
  return { config: image!.configBytes.toString(), names: image!.names, layers };
}

const record = () => join(folder, 'known', readdirSync(join(folder, 'known'))[0]!);

describe('readOwnArchive', () => {
  it('gives the same from what it keeps', async () => {
    const file = await write('one');
    const first = await read(file);
    expect(first.names).toHaveLength(2);
    const kept = readFileSync(record(), 'utf8');
    expect(await read(file)).toEqual(first);
    // It was asked: another name there is the one that comes.
    writeFileSync(record(), kept.replaceAll('"b"', '"z"').replaceAll('a/b', 'a/z'));
    expect(JSON.stringify((await read(file)).names)).toContain('a/z');
  });

  it('reads an archive anew that was written again, and where what is kept is damaged', async () => {
    const first = await read(await write('one'));
    const file = await write('two');
    const second = await read(file);
    expect(second.config).not.toBe(first.config);
    writeFileSync(record(), '{');
    expect(await read(file)).toEqual(second);
  });

  it('does not hash again what the store wrote', async () => {
    const image = await exampleImage([exampleTree({ 'etc/what': 'content'.repeat(100) })]);
    const path = '/nix/store/00000000000000000000000000000000-image' as StorePath;
    const file = join(folder, path);
    await writeOwnArchive(image, { output: { path, plain: file }, cacheRoot: folder });
    const bytes = readFileSync(file);
    bytes.write('different', bytes.indexOf('content'));
    const asked = { cacheDirectory: join(folder, 'layers'), knownDirectory: knownArchives(folder) };
    const other = join(folder, 'other.tar');
    writeFileSync(other, bytes);
    await expect(readOwnArchive(other, asked)).rejects.toMatchObject({ code: 'oci/diff-id-mismatch' });
    writeFileSync(file, bytes);
    const [known] = await readOwnArchive(file, asked);
    expect(known!.configDigest).toBe(image.configDigest);
  });

  it('throws as readArchive for what is none', async () => {
    await expect(read(join(folder, 'none'))).rejects.toMatchObject({ code: 'oci/no-such-file' });
  });
});
