import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { exampleTree } from '../oci/example-image.ts';
import { layerOfFile } from '../oci/layer.ts';
import { layerEntries } from '../oci/layer-tree.ts';
import { writeLayer } from '../oci/layer-write.ts';
import { readContent } from '../store/disk-tree.ts';
import { readKnownLayer } from './known-layer.ts';

it('gives a layer’s entries as they are, from what is kept too, wherever the layer lies by then', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'trimaran-known-'));
  try {
    const files = Object.fromEntries(Array.from({ length: 80 }, (_, i) => [`etc/${i}`, 'x'.repeat(i * 7)]));
    const tree = exampleTree({ 'etc/': '', ...files, link: '-> etc/1', other: '=> etc/2' });
    const layer = await writeLayer(tree, { directory: folder });
    const known = join(folder, 'known');
    const entries = await layerEntries(layer);
    expect(await readKnownLayer(layer, known)).toEqual(entries);
    const kept = join(known, readdirSync(known)[0]!);
    expect(await readKnownLayer(layer, known)).toEqual(entries);

    const moved = join(folder, 'archive');
    const [region] = layer.content;
    writeFileSync(moved, Buffer.concat([Buffer.alloc(1000), readContent(region!)]));
    const inside = { ...(await layerOfFile(moved, { diffId: layer.diffId })), size: layer.size };
    const content = [{ kind: 'region', file: moved, offset: 1000, length: layer.size } as const];
    const again = await readKnownLayer({ ...inside, content }, known);
    expect(
      again.map((entry) => (entry.kind === 'file' ? readContent(entry.content).toString() : entry.path)),
    ).toEqual(
      entries.map((entry) => (entry.kind === 'file' ? readContent(entry.content).toString() : entry.path)),
    );

    writeFileSync(kept, '{');
    expect(await readKnownLayer(layer, known)).toEqual(entries);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
