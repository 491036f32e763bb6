// Whether the program that containers are to start is in the profile: Guix takes any path, and the engine says so only when
// the image is run.
import type { StorePath } from '../../formats/store-path.ts';
import { type ByteString, fromByteString, toByteString } from '../../foundation/byte-string.ts';
import { TrimaranError } from '../../foundation/error.ts';
import { didYouMean } from '../../foundation/nearest.ts';
import { declaredRootOf } from '../../sets/debian/declared-root.ts';
import type { EnvironmentPackage } from '../../sets/image/environment.ts';
import type { ImageContents } from '../../sets/image/image-contents.ts';
import type { LocalStore } from '../../store/local-store.ts';

/** Throws `guix/no-such-program` unless `program`, below a profile, is what the profile or what it leads to has. */
export async function checkEntryPoint(options: {
  readonly store: LocalStore;
  readonly profile: StorePath;
  /** `bin/uvicorn` */
  readonly program: string;
  readonly contents: ImageContents;
}): Promise<void> {
  const { store, profile, contents } = options;
  const program = toByteString(options.program);
  const place = linkedPlace(store, profile, program);
  if (place === undefined) return;
  const isThere = place.startsWith(`${store.storeDirectory}/`)
    ? store.lstat(place) !== undefined
    : await isAtRoot(store, contents, place);
  if (isThere) return;
  throw new TrimaranError({
    code: 'guix/no-such-program',
    message: `the profile has no \`${options.program}' for an entry point`,
    hint:
      didYouMean(options.program, programs(store, profile, contents)) ??
      'the entry point is relative to the profile: --entry-point=bin/hello',
  });
}

/** What a path of the profile comes to once its first link is followed; undefined when it is a file of the profile's own. */
function linkedPlace(store: LocalStore, profile: StorePath, path: ByteString): ByteString | undefined {
  const entries = new Map(store.tree(profile).map((entry) => [entry.path, entry]));
  const parts = path.split('/');
  for (let count = 1; count <= parts.length; count++) {
    const entry = entries.get(parts.slice(0, count).join('/'));
    if (entry === undefined) return `${profile}/${path}`;
    if (entry.kind === 'symlink') return [entry.target, ...parts.slice(count)].join('/');
  }
  return undefined;
}

/** Whether packages bring a path, or the links between alternatives that their scripts would make. */
async function isAtRoot(store: LocalStore, contents: ImageContents, place: ByteString): Promise<boolean> {
  const path = place.slice(1);
  const merged = path.replace(/^usr\/(?=(?:bin|sbin|lib)\/)/, '');
  const has = (tree: ReturnType<LocalStore['tree']>) =>
    tree.some((entry) => entry.path === path || entry.path === merged);
  // A program is most often in a package of its name, and reading the tables of all the others takes time.
  const name = fromByteString(path.slice(path.lastIndexOf('/') + 1));
  const isLikely = (item: EnvironmentPackage) => item.name.includes(name);
  const likely = contents.packages.filter(isLikely);
  const others = contents.packages.filter((item) => !isLikely(item));
  if ([...likely, ...others].some((item) => has(store.tree(item.tree)))) return true;
  return has(await declaredRootOf(store, contents.packages));
}

/** `bin/…` of all that is in the profile. */
function programs(store: LocalStore, profile: StorePath, contents: ImageContents): string[] {
  const trees = [
    ...contents.packages.map((item) => store.tree(item.tree)),
    ...store.info(profile).references.map((path) => store.tree(path)),
  ];
  const names = trees.flatMap((tree) =>
    tree.flatMap(({ path, kind }) =>
      kind === 'directory' ? [] : [/^(?:usr\/)?(s?bin\/[^/]+)$/.exec(path)?.[1]],
    ),
  );
  return [...new Set(names.filter((name) => name !== undefined))].map(fromByteString);
}
