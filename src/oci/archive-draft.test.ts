import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { FileTree } from '../foundation/file-tree.ts';
import { ArchiveDraft } from './archive-draft.ts';
import { writeArchive } from './archive-write.ts';
import { exampleTree } from './example-image.ts';
import { createImage, type Image } from './image.ts';
import { writeLayer } from './layer-write.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'oci-draft-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const place = (name: string) => join(directory, name);
const base = [exampleTree({ a: 'a'.repeat(3 << 20) }), exampleTree({ b: 'b'.repeat(3 << 20) })];

/** An image whose layers lie in files, as those of builds do. */
async function imageOf(trees: readonly FileTree[]): Promise<Image> {
  const layers = [];
  for (const tree of trees) layers.push(await writeLayer(tree, { directory: place('layers') }));
  return createImage({ platform: { os: 'linux', architecture: 'amd64' }, layers, names: ['example:1'] });
}

/** An archive written over a draft of `earlier`, after it is checked against one written from nothing. */
async function writtenOver(earlier: string, trees: readonly FileTree[]): Promise<void> {
  const image = await imageOf(trees);
  await writeArchive([image], place('expected.tar'));
  const draft = ArchiveDraft.begin(earlier, place('draft'));
  expect(draft).toBeDefined();
  await writeArchive([image], place('written.tar'), { draft });
  await draft?.discard();
  expect(readFileSync(place('written.tar')).equals(readFileSync(place('expected.tar')))).toBe(true);
  expect(readdirSync(directory)).not.toContain('draft');
}

it.each([
  ['the same', base],
  ['another topmost layer', [...base, exampleTree({ c: 'new' })]],
  ['a changed layer in the middle', [base[0]!, exampleTree({ b: 'c' }), base[1]!]],
  ['fewer layers', [base[0]!]],
  ['nothing in common', [exampleTree({ d: 'd' })]],
])('an archive over a draft of one with %s is as if written from nothing', async (_, trees) => {
  await writeArchive([await imageOf([...base, exampleTree({ c: 'old' })])], place('earlier.tar'));
  await writtenOver(place('earlier.tar'), trees);
});

it('is right over a draft that is cut short, or no archive at all', async () => {
  await writeArchive([await imageOf(base)], place('earlier.tar'));
  truncateSync(place('earlier.tar'), (4 << 20) + 100);
  await writtenOver(place('earlier.tar'), base);
  writeFileSync(place('noise'), Buffer.alloc(5 << 20, 7));
  await writtenOver(place('noise'), base);
});

it('is not begun for what is small or not there, and leaves nothing when nobody takes it', async () => {
  writeFileSync(place('small'), 'x');
  expect(ArchiveDraft.begin(place('small'), place('draft'))).toBeUndefined();
  expect(ArchiveDraft.begin(place('none'), place('draft'))).toBeUndefined();
  writeFileSync(place('large'), Buffer.alloc(5 << 20));
  await ArchiveDraft.begin(place('large'), place('draft'))?.discard();
  expect(readdirSync(directory)).not.toContain('draft');
});

it('serves one archive only', async () => {
  const image = await imageOf(base);
  await writeArchive([image], place('earlier.tar'));
  const draft = ArchiveDraft.begin(place('earlier.tar'), place('draft'));
  await writeArchive([image], place('one.tar'), { draft });
  await writeArchive([image], place('two.tar'), { draft });
  expect(readFileSync(place('two.tar')).equals(readFileSync(place('one.tar')))).toBe(true);
});
