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
    sources.push({ prefix: '/usr/', tree: belowUsr(trees) });
  }
  for (const { path, debian } of attributes.entries) {
    if (!debian) sources.push({ prefix: `${path}/`, tree: store.tree(path) });
  }
  const entries = linkTrees(sources);
  const variables = searchPathValues(attributes.searchPaths, output.path, entries, sources);
  put(entries, 'manifest', manifestText(attributes));
  put(entries, 'etc/profile', variables.map(([name, value]) => `export ${name}="${value}"\n`).join(''));
  put(entries, searchPathFile, `${JSON.stringify(Object.fromEntries(variables))}\n`);
  output.writePlain(fileTree(entries.values()));
}

interface LinkSource {
  readonly prefix: string;
  readonly tree: FileTree;
}

/** What packages have below /usr, each path once, folders as folders. */
function belowUsr(trees: readonly FileTree[]): FileTree {
  const entries = new Map<ByteString, TreeEntry>();
  for (const tree of trees) {
    for (const entry of tree) {
      const path = entry.path.startsWith('usr/')
        ? entry.path.slice(4)
        : /^(bin|sbin|lib)\//.test(entry.path)
          ? entry.path
          : undefined;
      if (path === undefined) continue;
      const known = entries.get(path);
      if (known === undefined || known.kind !== 'directory') entries.set(path, { ...entry, path });
    }
  }
  return fileTree(entries.values());
}

/** Links into the sources: to a whole folder where one source has it, to what is in it where several do. */
function linkTrees(sources: readonly LinkSource[]): Map<ByteString, TreeEntry> {
  const folders = new Map<ByteString, Set<number>>();
  sources.forEach(({ tree }, index) => {
    for (const { path, kind } of tree) {
      if (kind !== 'directory' || path === '') continue;
      const owners = folders.get(path) ?? new Set();
      folders.set(path, owners.add(index));
    }
  });
  const entries = new Map<ByteString, TreeEntry>([['', folder('')]]);
  // `etc` gets files of the profile's own.
  const isShared = (path: ByteString) => path === 'etc' || (folders.get(path)?.size ?? 0) > 1;
  for (const { prefix, tree } of sources) {
    for (const entry of tree) {
      const { path } = entry;
      if (path === '' || entries.has(path)) continue;
      const parent = path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '';
      if (parent !== '' && entries.get(parent)?.kind !== 'directory') continue;
      entries.set(
        path,
        entry.kind === 'directory' && isShared(path)
          ? folder(path)
          : link(path, `${toByteString(prefix)}${path}`),
      );
    }
  }
  if (!entries.has('etc')) entries.set('etc', folder('etc'));
  return entries;
}

function searchPathValues(
  paths: readonly SearchPath[],
  profile: string,
  entries: ReadonlyMap<ByteString, TreeEntry>,
  sources: readonly LinkSource[],
): [string, string][] {
  const exists = (file: string) =>
    entries.has(toByteString(file)) ||
    sources.some(({ tree }) => tree.some(({ path }) => path === toByteString(file)));
  return paths.flatMap(({ variable, files, separator }): [string, string][] => {
    const found = files.filter(exists).map((file) => `${profile}/${file}`);
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
