import { describe, expect, it } from 'vitest';
import { exampleTree } from '../../oci/example-image.ts';
import { canonicalChanges } from './layer-changes.ts';

const below = exampleTree({
  'etc/': '',
  'etc/a': 'a',
  'etc/b': 'b',
  'opt/': '',
  'opt/x/': '',
  'opt/x/y': 'y',
});
const changes = async (...layers: Readonly<Record<string, string>>[]) =>
  (await canonicalChanges([below, ...layers.map(exampleTree)])).map(({ path }) => path);

describe('canonicalChanges', () => {
  it('leaves out what is the same below', async () => {
    expect(await changes({ 'etc/': '', 'etc/a': 'a', 'etc/b': 'other' })).toEqual(['etc', 'etc/b']);
  });

  it('leaves out folders that were only touched', async () => {
    const touched = exampleTree({ 'etc/': '', 'tmp/': '' }).map((entry) => ({ ...entry, mtime: 99 }));
    expect((await canonicalChanges([below, touched])).map(({ path }) => path)).toEqual(['tmp']);
  });

  it('says a removal once, at the top', async () => {
    expect(await changes({ 'opt/.wh.x': '' })).toEqual(['opt', 'opt/.wh.x']);
    expect(await changes({ 'opt/.wh.x': '', 'etc/.wh.a': '' })).toEqual([
      'etc',
      'etc/.wh.a',
      'opt',
      'opt/.wh.x',
    ]);
  });

  it('turns opaque marks into what they remove', async () => {
    expect(await changes({ 'new/': '', 'new/.wh..wh..opq': '', 'new/file': '1' })).toEqual([
      'new',
      'new/file',
    ]);
    expect(await changes({ 'opt/x/': '', 'opt/x/.wh..wh..opq': '', 'opt/x/z': 'z' })).toEqual([
      'opt',
      'opt/x',
      'opt/x/.wh.y',
      'opt/x/z',
    ]);
  });

  it('keeps a link and its file in one layer', async () => {
    expect(await changes({ 'etc/a': 'a', 'etc/c': '=> etc/a' })).toEqual(['etc', 'etc/a', 'etc/c']);
  });

  it('is the same for layers that say the same', async () => {
    const [one, two] = await Promise.all([
      canonicalChanges([below, exampleTree({ 'opt/': '', 'opt/.wh.x': '', 'etc/n': 'n' })]),
      canonicalChanges([below, exampleTree({ 'etc/': '', 'etc/n': 'n', 'etc/a': 'a', 'opt/.wh.x': '' })]),
    ]);
    expect(one).toEqual(two);
  });
});
