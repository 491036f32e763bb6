// Images set side by side: packages, configuration, layers, files.
import type { ImageFacts } from './image-facts.ts';

export interface PackageRow {
  readonly name: string;
  /** By column; undefined where it has none. */
  readonly versions: readonly (string | undefined)[];
  readonly differs: boolean;
}

export interface ConfigRow {
  readonly field: string;
  /** As JSON; undefined where the image does not say. */
  readonly values: readonly (string | undefined)[];
  readonly differs: boolean;
}

export interface FilesOnlyIn {
  readonly count: number;
  /** Folders with the most of them, and how many. */
  readonly folders: readonly (readonly [string, number])[];
}

type Columns = readonly (ImageFacts | undefined)[];

/** Packages of all images by name, differences first. Columns without an image do not count. */
export function comparePackages(columns: Columns): PackageRow[] {
  const versions = columns.map(
    (facts) => new Map(facts?.packages.map((item) => [canonicalName(item), item.version] as const)),
  );
  const names = [...new Set(versions.flatMap((map) => [...map.keys()]))].sort();
  const rows = names.map((name): PackageRow => {
    const cells = versions.map((map) => map.get(name));
    const present = cells.filter((_, index) => columns[index] !== undefined);
    return { name, versions: cells, differs: present.some((version) => version !== present[0]) };
  });
  return [...rows.filter((row) => row.differs), ...rows.filter((row) => !row.differs)];
}

/** The name, with the manager's where two managers may have a package of one name. */
function canonicalName({ manager, name }: ImageFacts['packages'][number]): string {
  return manager === 'debian' ? name : `${name} (${manager})`;
}

const fields = ['Entrypoint', 'Cmd', 'WorkingDir', 'User', 'Env', 'ExposedPorts', 'Volumes', 'Labels'];

/** Fields of the configurations. */
export function compareConfigs(columns: Columns): ConfigRow[] {
  const present = new Set(columns.flatMap((facts) => Object.keys(facts?.config ?? {})));
  const others = [...present].filter((field) => !fields.includes(field)).sort();
  return [...fields, ...others].flatMap((field) => {
    const values = columns.map((facts) => {
      const value = facts?.config[field];
      const says =
        value !== undefined &&
        value !== null &&
        value !== '' &&
        (typeof value !== 'object' || Object.keys(value).length > 0);
      return says ? JSON.stringify(value) : undefined;
    });
    const built = values.filter((_, index) => columns[index] !== undefined);
    return values.every((value) => value === undefined)
      ? []
      : [{ field, values, differs: built.some((value) => value !== built[0]) }];
  });
}

/** For each image, its layers that at least one other has too. */
export function sharedLayers(columns: Columns): number[] {
  return columns.map(
    (facts, index) =>
      facts?.layers.filter(({ diffId }) =>
        columns.some((other, at) => at !== index && other?.layers.some((layer) => layer.diffId === diffId)),
      ).length ?? 0,
  );
}

/** Store paths without what nobody reads: `/nix/store/…-server`. */
export function withoutStoreHashes(text: string): string {
  return text.replace(/(\/(?:nix|gnu)\/store\/)(?:[0-9a-z]{32}-)+/g, '$1…-');
}

/** For each image, what no other has; undefined where there is no other to compare with. */
export function filesOnlyIn(
  columns: readonly (readonly string[] | undefined)[],
): (FilesOnlyIn | undefined)[] {
  const sets = columns.map((paths) => (paths === undefined ? undefined : new Set(paths)));
  return columns.map((paths, index) => {
    const others = sets.filter((set, at) => set !== undefined && at !== index);
    if (paths === undefined || others.length === 0) return undefined;
    const only = paths.filter((path) => !others.some((set) => set!.has(path)));
    const folders = new Map<string, number>();
    for (const path of only) {
      const folder = withoutStoreHashes(`/${path.split('/').slice(0, -1).slice(0, 3).join('/')}`);
      folders.set(folder, (folders.get(folder) ?? 0) + 1);
    }
    const sorted = [...folders].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
    return { count: only.length, folders: sorted.slice(0, 8) };
  });
}
