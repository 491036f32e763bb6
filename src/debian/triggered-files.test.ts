import { describe, expect, it } from 'vitest';
import { fileTree, type TreeEntry } from '../foundation/file-tree.ts';
import { RootDraft } from './root-draft.ts';
import { testDirectory, testFile } from './test-archive.ts';
import { declareTriggeredFiles } from './triggered-files.ts';

/** Texts of what was declared, by path. */
function declared(versions: Readonly<Record<string, string>>, ...entries: TreeEntry[]): Map<string, string> {
  const draft = new RootDraft(fileTree(entries));
  const textOf = (entry: TreeEntry) =>
    entry.kind === 'file' && entry.content.kind === 'bytes'
      ? Buffer.from(entry.content.bytes).toString()
      : '';
  declareTriggeredFiles({ draft, commands: [], versions: new Map(Object.entries(versions)), textOf });
  return new Map(
    draft.changes().flatMap((entry) => (entry.kind === 'file' ? [[entry.path, textOf(entry)]] : [])),
  );
}

describe('declareTriggeredFiles', () => {
  it('compiles the schemas of GSettings where GLib is there to read them', () => {
    const folder = 'usr/share/glib-2.0/schemas';
    const schema = testFile(
      `${folder}/a.gschema.xml`,
      '<schemalist><schema id="org.a"><key name="k" type="i"><default>1</default></key></schema></schemalist>',
    );
    const compiled = `${folder}/gschemas.compiled`;
    expect(declared({ 'libglib2.0-0': '2.74.6-2' }, testDirectory(folder), schema).get(compiled)).toContain(
      'org.a',
    );
    expect(declared({ 'libglib2.0-0t64': '2.84.4-3' }, testDirectory(folder), schema).has(compiled)).toBe(
      true,
    );
    expect(declared({}, testDirectory(folder), schema).size).toBe(0);
    expect(declared({ 'libglib2.0-0': '2.74.6-2' }, testDirectory(folder)).size).toBe(0);
    const own = testFile(compiled, 'shipped');
    expect(declared({ 'libglib2.0-0': '2.74.6-2' }, testDirectory(folder), schema, own).size).toBe(0);
  });

  it('names the loaders of gdk-pixbuf as gdk-pixbuf-query-loaders 2.42.10 does', () => {
    const folder = 'usr/lib/x86_64-linux-gnu/gdk-pixbuf-2.0/2.10.0';
    const loaders = ['svg', 'bmp', 'nobody'].map((name) =>
      testFile(`${folder}/loaders/libpixbufloader-${name}.so`),
    );
    const found = declared({ 'libgdk-pixbuf-2.0-0': '2.42.10+dfsg-1+deb12u4' }, ...loaders);
    expect([...found]).toEqual([
      [
        `${folder}/loaders.cache`,
        `# GdkPixbuf Image Loader Modules file
# Automatically generated file, do not edit
# Created by gdk-pixbuf-query-loaders from gdk-pixbuf-2.42.10
#
"/usr/lib/x86_64-linux-gnu/gdk-pixbuf-2.0/2.10.0/loaders/libpixbufloader-bmp.so"
"bmp" 5 "gdk-pixbuf" "BMP" "LGPL"
"image/bmp" "image/x-bmp" "image/x-MS-bmp" ""
"bmp" ""
"BM" "" 100

"/usr/lib/x86_64-linux-gnu/gdk-pixbuf-2.0/2.10.0/loaders/libpixbufloader-svg.so"
"svg" 6 "gdk-pixbuf" "Scalable Vector Graphics" "LGPL"
"image/svg+xml" "image/svg" "image/svg-xml" "image/vnd.adobe.svg+xml" "text/xml-svg" "image/svg+xml-compressed" ""
"svg" "svgz" "svg.gz" ""
" <svg" "*    " 100
" <!DOCTYPE svg" "*             " 100


`,
      ],
    ]);
    expect(declared({}, ...loaders).size).toBe(0);
  });
});
