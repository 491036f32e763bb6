// `builtin:guix-profile`: a profile as a folder of links. Packages of Debian lie at the root of an image, so the profile
// leads to /usr for them; other packages lie in the store, and it leads there.
import type { StorePath } from '../../formats/store-path.ts';
import type { ByteString } from '../../foundation/byte-string.ts';
import { toByteString } from '../../foundation/byte-string.ts';
import { fileTree, type TreeEntry } from '../../foundation/file-tree.ts';
import type { BuildContext } from '../../store/builder.ts';
import type { LocalStore } from '../../store/local-store.ts';
import { type LinkSource, linkTrees } from './profile-links.ts';

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
  const sources = attributes.entries.flatMap(({ path, debian }): LinkSource[] =>
    debian ? [] : [{ prefix: `${path}/`, tree: store.tree(path) }],
  );
  const wanted = new Set(attributes.searchPaths.flatMap(({ files }) => files.map(toByteString)));
  const { entries, present } = linkTrees({ store, environment: attributes.environment, sources, wanted });
  const variables = searchPathValues(attributes.searchPaths, output.path, present);
  put(entries, 'manifest', manifestText(attributes));
  put(entries, 'etc/profile', variables.map(([name, value]) => `export ${name}="${value}"\n`).join(''));
  put(entries, searchPathFile, `${JSON.stringify(Object.fromEntries(variables))}\n`);
  output.writePlain(fileTree(entries.values()));
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

/** Variables that a profile asks for, with their values. */
export function readSearchPaths(store: LocalStore, profile: StorePath): Record<string, string> {
  return JSON.parse(store.readFile(`${profile}/${searchPathFile}`).toString('utf8')) as Record<
    string,
    string
  >;
}
