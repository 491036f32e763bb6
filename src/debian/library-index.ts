// /etc/ld.so.cache for a root file system in the making, as `ldconfig -r ROOT` of its own libc-bin would write it: the
// folders of /etc/ld.so.conf and the loader's own, the shared objects in them by their sonames, and the links that are missing.
//
// Left out: folders for processors by the names of old (`haswell`, `tls`), which glibc has given up since; sonames of
// several files in one folder that differ from what its links say, where ldconfig would turn the links.
import { closeSync, openSync, readSync } from 'node:fs';
import { type ReadBytes, readSharedObject, type SharedObject } from '../formats/elf.ts';
import { compareLibraryNames, type LoaderCacheEntry, writeLoaderCache } from '../formats/loader-cache.ts';
import type { ByteString } from '../foundation/byte-string.ts';
import type { FileEntry } from '../foundation/file-tree.ts';
import type { RootDraft } from './root-draft.ts';

export interface LibraryIndexOptions {
  readonly draft: RootDraft;
  /** Version of the package libc-bin, whose ldconfig this stands for. */
  readonly version: string;
  /** Debian's name: `amd64`. */
  readonly architecture: string;
  /** The text of a file, undefined where there is none. */
  readonly textAt: (path: ByteString) => string | undefined;
}

/** Debian's names of architectures, the folders of their libraries, and what distinguishes them in the index. */
const machines: Readonly<Record<string, { readonly folder: string; readonly libraries: readonly Kind[] }>> = {
  amd64: {
    folder: 'x86_64-linux-gnu',
    libraries: [
      { machine: 62, bits: 64, flags: 0x303 },
      { machine: 62, bits: 32, flags: 0x803 },
      { machine: 3, bits: 32, flags: 0x003 },
    ],
  },
  arm64: { folder: 'aarch64-linux-gnu', libraries: [{ machine: 183, bits: 64, flags: 0xa03 }] },
};

interface Kind {
  readonly machine: number;
  readonly bits: 32 | 64;
  readonly flags: number;
}

interface Folder {
  /** As configuration names it, without a slash at its end. */
  readonly name: ByteString;
  /** Where it is, links followed; relative. */
  readonly path: ByteString;
  readonly capability?: ByteString;
}

/** An i386 library that shows nothing of glibc is one of any C library. */
const libraryOfAnyC = 0x001;
const namesOfC = ['libc.so.6', 'libm.so.6'];
const loaderOfC = '/lib/ld-linux.so.2';

/** Puts the index, and links of sonames that are missing, into the draft. Nothing on an architecture that it does not know. */
export function declareLibraryIndex(options: LibraryIndexOptions): void {
  const { draft, version, architecture } = options;
  const machine = machines[architecture];
  if (machine === undefined) return;
  const folders = foldersOf(options, machine.folder);
  const files = new OpenFiles();
  try {
    const entries = folders.flatMap((folder) =>
      librariesOf(folder, { draft, files, kinds: machine.libraries }),
    );
    if (entries.length === 0) return;
    const upstream = version.replace(/^\d+:/, '').replace(/-[^-]*$/, '');
    const index = writeLoaderCache({
      entries,
      capabilities: folders.flatMap(({ capability }) => capability ?? []),
      generator: `ldconfig (Debian GLIBC ${version}) stable release version ${upstream}`,
    });
    draft.putFile('etc/ld.so.cache', index);
  } finally {
    files.close();
  }
}

/** The folders to search, each once, with those for processors below them. */
function foldersOf({ draft, textAt }: LibraryIndexOptions, multiarch: string): Folder[] {
  const names = [
    ...configuredFolders(draft, textAt, '/etc/ld.so.conf', new Set()),
    ...[`/lib/${multiarch}`, `/usr/lib/${multiarch}`, '/lib', '/usr/lib'],
  ];
  const seen = new Set<ByteString>();
  return names.flatMap((name) => {
    const found = draft.follow(name);
    if (found?.kind !== 'directory' || seen.has(found.path)) return [];
    seen.add(found.path);
    const below = draft
      .inside(`${found.path}/glibc-hwcaps`)
      .filter(({ kind }) => kind === 'directory')
      .map(({ path }): Folder => {
        const capability = path.slice(path.lastIndexOf('/') + 1);
        return { name: `${name}/glibc-hwcaps/${capability}`, path, capability };
      });
    return [{ name, path: found.path }, ...below];
  });
}

/** The folders that a configuration file names, and those it includes. */
function configuredFolders(
  draft: RootDraft,
  textAt: (path: ByteString) => string | undefined,
  file: string,
  reading: Set<string>,
): ByteString[] {
  const found = draft.follow(file);
  if (found?.kind !== 'file' || reading.has(found.path)) return [];
  reading.add(found.path);
  const folders = (textAt(found.path) ?? '').split('\n').flatMap((line) => {
    const text = line.replace(/#.*/, '').trim();
    const [directive, ...patterns] = text.split(/[ \t]+/);
    if (directive === 'include') {
      return patterns.flatMap((pattern) =>
        draft.matching(pattern).flatMap((path) => configuredFolders(draft, textAt, path, reading)),
      );
    }
    if (directive?.toLowerCase() === 'hwcap') return [];
    const folder = text.replace(/=.*/, '').trim().replace(/\/+$/, '');
    return folder.startsWith('/') ? [folder] : [];
  });
  reading.delete(found.path);
  return folders;
}

interface Library {
  readonly file: ByteString;
  readonly isLink: boolean;
  readonly flags: number;
}

/** What a folder has for the index, sorted by name. */
function librariesOf(
  folder: Folder,
  { draft, files, kinds }: { draft: RootDraft; files: OpenFiles; kinds: readonly Kind[] },
): LoaderCacheEntry[] {
  const libraries = new Map<ByteString, Library>();
  for (const entry of draft.inside(folder.path)) {
    const file = entry.path.slice(folder.path.length + 1);
    if (entry.kind === 'directory' || !isLibraryName(file)) continue;
    const target = draft.follow(`/${entry.path}`);
    if (target?.kind !== 'file') continue;
    const object = readSharedObject(files.reader(target));
    const flags = object === undefined ? undefined : flagsOf(object, kinds);
    if (flags === undefined) continue;
    const soname = object?.soname ?? file;
    // The link of the soname, and that which compilers use; another link stands for a file.
    const isLink =
      entry.kind === 'symlink' && (file === soname || (file.endsWith('.so') && soname.startsWith(file)));
    const name = isLink ? file : soname;
    const present = libraries.get(name);
    const isBetter =
      present === undefined ||
      (present.isLink && !isLink) ||
      (present.isLink === isLink && compareLibraryNames(present.file, file) < 0);
    if (isBetter) libraries.set(name, { file, isLink, flags });
  }
  return [...libraries].map(([name, { file, flags }]): LoaderCacheEntry => {
    const { capability } = folder;
    if (capability !== undefined) return { name, path: `${folder.name}/${file}`, flags, capability };
    const link = `${folder.path}/${name}`;
    if (draft.get(link) === undefined && !name.includes('/')) draft.putLink(link, file);
    return { name, path: `${folder.name}/${name}`, flags };
  });
}

function isLibraryName(name: string): boolean {
  return /^(?:lib|ld-).*\.so|^ld(?:64)?\.so\./.test(name);
}

function flagsOf(object: SharedObject, kinds: readonly Kind[]): number | undefined {
  const { machine, bits, needed, interpreter } = object;
  const kind = kinds.find((known) => known.machine === machine && known.bits === bits);
  if (kind === undefined || machine !== 3) return kind?.flags;
  const isOfC = interpreter === loaderOfC || needed.some((name) => namesOfC.includes(name));
  return isOfC ? kind.flags : libraryOfAnyC;
}

/** Files that stay open while libraries are read, as many lie in one archive. */
class OpenFiles {
  private readonly descriptors = new Map<string, number>();

  reader({ content }: FileEntry): ReadBytes {
    if (content.kind === 'bytes') {
      const bytes = Buffer.from(content.bytes);
      return (offset, length) => bytes.subarray(offset, offset + length);
    }
    const { file, offset: start, length: size } = content;
    const key = typeof file === 'string' ? file : file.toString('latin1');
    const descriptor = this.descriptors.get(key) ?? openSync(file, 'r');
    this.descriptors.set(key, descriptor);
    return (offset, length) => {
      const buffer = Buffer.alloc(Math.max(0, Math.min(length, size - offset)));
      return buffer.subarray(0, readSync(descriptor, buffer, 0, buffer.length, start + offset));
    };
  }

  close(): void {
    for (const descriptor of this.descriptors.values()) closeSync(descriptor);
  }
}
