// `builtin:guix-profile`: a profile as a folder of links. Packages of Debian lie at the root of an image, so the profile
// leads to /usr for them; other packages lie in the store, and it leads there.
import type { StorePath } from '../../formats/store-path.ts';
import type { ByteString } from '../../foundation/byte-string.ts';
import { toByteString } from '../../foundation/byte-string.ts';
import { type FileTree, fileTree, type TreeEntry } from '../../foundation/file-tree.ts';
import { readEnvironment } from '../../sets/image/environment.ts';
import type { BuildContext } from '../../store/builder.ts';
import type { LocalStore } from '../../store/local-store.ts';

/** Where in a profile its search paths lie, for whoever makes an image of it. */
const searchPathFile = 'etc/search-paths.json';

interface SearchPath {
  readonly variable: string;
  readonly files: readonly string[];
  /** False when the first that exists is the value. */
  readonly separator: string | false;
  readonly fileType: string;
  readonly pattern: string | false;
}

interface ProfileEntry {
  readonly name: string;
  readonly version: string;
  readonly output: string;
  readonly debian: boolean;
  readonly path: StorePath;
}

interface ProfileAttributes {
  readonly environment: StorePath | false;
  readonly entries: readonly ProfileEntry[];
  readonly searchPaths: readonly SearchPath[];
  readonly provenance: string | false;
}

/** A {@link import('../../store/builder.ts').Builder}. Throws `image/…`, `store/…`. */
export async function buildProfile(context: BuildContext): Promise<void> {
  const attributes = context.attributes as unknown as ProfileAttributes;
  const output = context.outputs.get('out')!;
  const { store } = context;
  const sources: LinkSource[] = [];
  if (attributes.environment !== false) {
    const environment = readEnvironment(store, attributes.environment);
    const trees = (environment?.packages ?? []).map((item) => store.tree(item.tree));
    sources.push({ prefix: '/usr/', trees, place: belowUsr });
  }
  for (const { path, debian } of attributes.entries) {
    if (!debian) sources.push({ prefix: `${path}/`, trees: [store.tree(path)], place: (inside) => inside });
  }
  const wanted = new Set(attributes.searchPaths.flatMap(({ files }) => files.map(toByteString)));
  const { entries, present } = linkTrees(sources, wanted);
  const variables = searchPathValues(attributes.searchPaths, output.path, present);
  put(entries, 'manifest', manifestText(attributes));
  put(entries, 'etc/profile', variables.map(([name, value]) => `export ${name}="${value}"\n`).join(''));
  put(entries, searchPathFile, `${JSON.stringify(Object.fromEntries(variables))}\n`);
  output.writePlain(fileTree(entries.values()));
}

interface LinkSource {
  readonly prefix: string;
  readonly trees: readonly FileTree[];
  /** Where in the source a path of its trees lies; undefined outside of it. */
  readonly place: (path: ByteString) => ByteString | undefined;
}

/** What packages have below /usr: Debian merges /bin and its like with it. */
function belowUsr(path: ByteString): ByteString | undefined {
  if (path.startsWith('usr/')) return path.slice(4);
  return /^(bin|sbin|lib)\//.test(path) ? path : undefined;
}

/**
 * Links into the sources: to a whole folder where one source has it, to what is in it where several do. And which of the
 * `wanted` paths any source has.
 */
function linkTrees(
  sources: readonly LinkSource[],
  wanted: ReadonlySet<ByteString>,
): { readonly entries: Map<ByteString, TreeEntry>; readonly present: ReadonlySet<ByteString> } {
  const owners = new Map<ByteString, Set<number>>();
  const present = new Set<ByteString>();
  sources.forEach(({ trees, place }, index) => {
    for (const entry of trees.flat()) {
      const path = place(entry.path);
      if (path === undefined || path === '') continue;
      if (wanted.has(path)) present.add(path);
      if (entry.kind !== 'directory') continue;
      const known = owners.get(path);
      if (known === undefined) owners.set(path, new Set([index]));
      else known.add(index);
    }
  });
  const entries = new Map<ByteString, TreeEntry>([['', folder('')]]);
  // `etc` gets files of the profile's own.
  const isShared = (path: ByteString) => path === 'etc' || (owners.get(path)?.size ?? 0) > 1;
  sources.forEach(({ prefix, trees, place }, index) => {
    for (const entry of trees.flat()) {
      const path = place(entry.path);
      if (path === undefined || path === '' || entries.has(path)) continue;
      const slash = path.lastIndexOf('/');
      if (slash > 0 && entries.get(path.slice(0, slash))?.kind !== 'directory') continue;
      // One tree of a source may have a link where another has the folder.
      const isFolder = owners.get(path)?.has(index) === true;
      entries.set(
        path,
        isFolder && isShared(path) ? folder(path) : link(path, `${toByteString(prefix)}${path}`),
      );
    }
  });
  if (!entries.has('etc')) entries.set('etc', folder('etc'));
  return { entries, present };
}

function searchPathValues(
  paths: readonly SearchPath[],
  profile: string,
  present: ReadonlySet<ByteString>,
): [string, string][] {
  return paths.flatMap(({ variable, files, separator }): [string, string][] => {
    const found = files.filter((file) => present.has(toByteString(file))).map((file) => `${profile}/${file}`);
    if (found.length === 0) return [];
    return [[variable, separator === false ? found[0]! : found.join(separator)]];
  });
}

/** The profile's manifest as Guix writes it. */
function manifestText({ entries, provenance }: ProfileAttributes): string {
  const property = provenance === false ? '' : ` (properties (provenance ${provenance}))`;
  const lines = entries.map(
    ({ name, version, output, path }) =>
      `  (${JSON.stringify(name)} ${JSON.stringify(version)} ${JSON.stringify(output)} ${JSON.stringify(path)}${property})`,
  );
  return `(manifest\n (version 4)\n (packages (\n${lines.join('\n')})))\n`;
}

function put(entries: Map<ByteString, TreeEntry>, path: ByteString, text: string): void {
  entries.set(path, {
    kind: 'file',
    path,
    mode: 0o444,
    uid: 0,
    gid: 0,
    mtime: 1,
    content: { kind: 'bytes', bytes: Buffer.from(text, 'utf8') },
  });
}

function folder(path: ByteString): TreeEntry {
  return { kind: 'directory', path, mode: 0o555, uid: 0, gid: 0, mtime: 1 };
}

function link(path: ByteString, target: ByteString): TreeEntry {
  return { kind: 'symlink', path, mode: 0o777, uid: 0, gid: 0, mtime: 1, target };
}

/** Variables that a profile asks for, with their values. */
export function readSearchPaths(store: LocalStore, profile: StorePath): Record<string, string> {
  return JSON.parse(store.readFile(`${profile}/${searchPathFile}`).toString('utf8')) as Record<
    string,
    string
  >;
}
