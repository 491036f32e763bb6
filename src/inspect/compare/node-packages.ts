// Packages of npm and its kin: every `node_modules/NAME/package.json`, wherever it lies.
import type { PackageRecord } from './image-packages.ts';
import type { ImageTree } from './image-tree.ts';

const manifestFile = /^(?:.*\/)?node_modules\/((?:@[^/]+\/)?[^/@][^/]*)\/package\.json$/;
/** More than any application has. */
const most = 20_000;

interface Manifest {
  readonly name?: unknown;
  readonly version?: unknown;
  readonly license?: unknown;
  readonly description?: unknown;
  readonly homepage?: unknown;
  readonly dependencies?: unknown;
}

/** Each name and version once: of copies the first by path stands for all. */
export function nodePackages(tree: ImageTree): PackageRecord[] {
  const found = new Map<string, { record: PackageRecord; needs: readonly string[] }>();
  for (const { kind, path } of tree.merged.tree) {
    const match = kind === 'file' ? manifestFile.exec(path) : null;
    if (match === null || found.size >= most || /^(?:nix|gnu)\/store\//.test(path)) continue;
    const manifest = readManifest(tree.text(path));
    const { name, version, license, description, homepage, dependencies } = manifest;
    if (typeof name !== 'string' || typeof version !== 'string' || name !== match[1]) continue;
    if (found.has(name)) continue;
    found.set(name, {
      needs: typeof dependencies === 'object' && dependencies !== null ? Object.keys(dependencies) : [],
      record: {
        manager: 'npm',
        name,
        version,
        architecture: '',
        depends: [],
        licences: typeof license === 'string' && license !== '' ? [license] : [],
        registration: path,
        ...(typeof description === 'string' && description !== '' ? { description } : {}),
        ...(typeof homepage === 'string' && homepage !== '' ? { homepage } : {}),
      },
    });
  }
  return [...found.values()].map(({ record, needs }) => ({
    ...record,
    depends: needs.filter((need) => found.has(need) && need !== record.name).sort(),
  }));
}

function readManifest(text: string | undefined): Manifest {
  try {
    const value: unknown = JSON.parse(text ?? '');
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    // Somebody's broken file; it names no package.
    return {};
  }
}
