// What triggers compile from the files of many packages, which programs read at run time: MIME types, schemas of GSettings, loaders
// of gdk-pixbuf, catalogs of XML and SGML. Leaves out what only saves time: caches of icons, fonts and GIO's modules.
import type { TreeEntry } from '../foundation/file-tree.ts';
import { writeMimeCache } from './mime-cache.ts';
import { readMimePackages } from './mime-packages.ts';
import { writePixbufLoaders } from './pixbuf-loaders.ts';
import type { RootDraft } from './root-draft.ts';
import type { ScriptCommand } from './script-reader.ts';
import { compileSettings } from './settings-schemas.ts';
import { declareSgmlCatalog, declareXmlCatalogs } from './xml-catalogs.ts';

export interface TriggeredFiles {
  readonly draft: RootDraft;
  /** Those of all packages' scripts. */
  readonly commands: readonly ScriptCommand[];
  /** By package, its version. */
  readonly versions: ReadonlyMap<string, string>;
  /** The text of a file, which is an entry of the draft. */
  readonly textOf: (entry: TreeEntry) => string;
}

/** Puts these files in the draft, where packages want them. */
export function declareTriggeredFiles(options: TriggeredFiles): void {
  declareMimeTypes(options);
  declareSettings(options);
  declarePixbufLoaders(options);
  declareXmlCatalogs(options.draft, options.commands);
  declareSgmlCatalog(options.draft);
}

/** What the trigger of shared-mime-info makes of its own and other packages' types; GIO and gdk-pixbuf know no file without. */
function declareMimeTypes({ draft, textOf }: TriggeredFiles): void {
  const folder = 'usr/share/mime';
  const own = `${folder}/packages/freedesktop.org.xml`;
  if (draft.get(own)?.kind !== 'file' || draft.get(`${folder}/mime.cache`) !== undefined) return;
  const others = draft
    .inside(`${folder}/packages`)
    .filter(({ kind, path }) => kind === 'file' && path.endsWith('.xml') && path !== own);
  const texts = [draft.get(own)!, ...others].map(textOf);
  draft.putFile(`${folder}/mime.cache`, writeMimeCache(readMimePackages(texts).values()));
}

/** What GLib's trigger makes of all packages' schemas; a program that asks for one of them aborts without. */
function declareSettings({ draft, versions, textOf }: TriggeredFiles): void {
  const folder = 'usr/share/glib-2.0/schemas';
  const compiled = `${folder}/gschemas.compiled`;
  const isRead = ['libglib2.0-0', 'libglib2.0-0t64'].some((name) => versions.has(name));
  if (!isRead || draft.get(folder)?.kind !== 'directory' || draft.get(compiled) !== undefined) return;
  const files = draft
    .inside(folder)
    .filter(({ kind, path }) => kind === 'file' && /\.(?:xml|gschema\.override)$/.test(path))
    .map((entry) => ({ name: entry.path.slice(folder.length + 1), text: textOf(entry) }));
  const bytes = compileSettings(files);
  if (bytes !== undefined) draft.putFile(compiled, bytes);
}

/** What gdk-pixbuf's trigger makes of all packages' loaders; it reads PNG and JPEG without. */
function declarePixbufLoaders({ draft, versions }: TriggeredFiles): void {
  const version = versions.get('libgdk-pixbuf-2.0-0');
  if (version === undefined) return;
  const loaders = /^(usr\/lib\/[^/]+\/gdk-pixbuf-2\.0\/[^/]+)\/loaders\/[^/]+\.so$/;
  const byFolder = new Map<string, string[]>();
  for (const { path } of draft.below('usr/lib/')) {
    const folder = loaders.exec(path)?.[1];
    if (folder !== undefined) byFolder.set(folder, [...(byFolder.get(folder) ?? []), `/${path}`]);
  }
  for (const [folder, paths] of byFolder) {
    const text = writePixbufLoaders(paths, version.replace(/[^0-9.].*$/, ''));
    const cache = `${folder}/loaders.cache`;
    if (text !== undefined && draft.get(cache) === undefined) draft.putFile(cache, text);
  }
}
