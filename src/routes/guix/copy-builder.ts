// `builtin:guix-copy`: what copy-build-system does, natively. Files go from the source's tree to the output as the
// install plan says; owners and times do not matter, executable bits do.
import type { StorePath } from '../../formats/store-path.ts';
import { type ByteString, fromByteString, toByteString } from '../../foundation/byte-string.ts';
import { TrimaranError } from '../../foundation/error.ts';
import { type FileTree, fileTree, type TreeEntry } from '../../foundation/file-tree.ts';
import type { BuildContext } from '../../store/builder.ts';
import { unpackSource } from './unpack-source.ts';

/** An entry of an install plan; see the Guix manual, "Build Systems". */
export interface InstallPlanEntry {
  readonly source: string;
  readonly target: string;
  readonly include?: readonly string[];
  readonly 'include-regexp'?: readonly string[];
  readonly exclude?: readonly string[];
  readonly 'exclude-regexp'?: readonly string[];
  /** `out` unless given. */
  readonly output?: string;
}

interface CopyAttributes {
  readonly source: StorePath;
  readonly licenseFolder: string;
  readonly installPlan: readonly InstallPlanEntry[];
}

const licenseFile = /^(COPYING.*|LICEN[CS]E.*|[Ll]icen[cs]e.*|Copy[Rr]ight(\.(txt|md))?)$/;

/** A {@link import('../../store/builder.ts').Builder}. Throws `guix/no-such-file` and `guix/bad-install-plan`. */
export async function buildCopy(context: BuildContext): Promise<void> {
  const { source, licenseFolder, installPlan } = context.attributes as unknown as CopyAttributes;
  const tree = await unpackSource(
    context.store.tree(source),
    fromByteString(source.slice(source.indexOf('-') + 1)),
  );
  for (const [name, output] of context.outputs) {
    const plan = installPlan.filter((entry) => (entry.output ?? 'out') === name);
    const licenses =
      name === 'out'
        ? tree.filter(({ path, kind }) => kind === 'file' && !path.includes('/') && licenseFile.test(path))
        : [];
    output.writePlain(installFiles(tree, plan, { folder: licenseFolder, files: licenses }));
  }
}

/** The tree that an install plan makes of a source. */
export function installFiles(
  tree: FileTree,
  plan: readonly InstallPlanEntry[],
  licenses: { readonly folder: string; readonly files: FileTree } = { folder: '', files: [] },
): FileTree {
  const made = new Map<ByteString, TreeEntry>([['', folderEntry('')]]);
  const put = (entry: TreeEntry, path: ByteString) => {
    const parts = path.split('/');
    for (let i = 1; i < parts.length; i++) {
      const parent = parts.slice(0, i).join('/');
      if (!made.has(parent)) made.set(parent, folderEntry(parent));
      else if (made.get(parent)!.kind !== 'directory') throw bothKinds(parent);
    }
    const known = made.get(path);
    if (known !== undefined && (known.kind === 'directory') !== (entry.kind === 'directory'))
      throw bothKinds(path);
    if (known?.kind === 'directory') return;
    made.set(path, { ...entry, path });
  };
  for (const entry of plan) install(tree, entry, put);
  for (const entry of licenses.files) put(entry, `${licenses.folder}/${entry.path}`);
  return fileTree(made.values());
}

function bothKinds(path: ByteString): TrimaranError {
  return new TrimaranError({
    code: 'guix/bad-install-plan',
    message: `the install plan makes \`${fromByteString(path)}' both a folder and something else`,
  });
}

type Put = (entry: TreeEntry, path: ByteString) => void;

function install(tree: FileTree, plan: InstallPlanEntry, put: Put): void {
  const source = normalised(plan.source);
  const found = source === '' ? folderEntry('') : tree.find(({ path }) => path === source);
  if (found === undefined) {
    throw new TrimaranError({
      code: 'guix/no-such-file',
      message: `the install plan names \`${plan.source}', but the source has no such file`,
      hint: `it has ${topNames(tree).join(', ')}`,
    });
  }
  const filters = [plan.include, plan['include-regexp'], plan.exclude, plan['exclude-regexp']];
  const filtered = filters.some((filter) => filter !== undefined);
  const target = normalised(plan.target);
  const intoTarget = plan.target.endsWith('/');
  if (found.kind !== 'directory') {
    const base = source.slice(source.lastIndexOf('/') + 1);
    put(found, intoTarget || target === '' ? joined(target, base) : target);
    return;
  }
  // A folder without a slash, under a target with one, keeps its name there.
  const keepsName = intoTarget && !filtered && !plan.source.endsWith('/') && source !== '';
  const place = keepsName ? joined(target, source.slice(source.lastIndexOf('/') + 1)) : target;
  const isChosen = chooser(plan);
  if (!filtered && place !== '') put(found, place);
  for (const entry of tree) {
    const relative = below(entry.path, source);
    if (relative === undefined || (filtered && (entry.kind === 'directory' || !isChosen(relative)))) continue;
    put(entry, joined(place, relative));
  }
}

/** Whether filters let a file through, by its path below the source. */
function chooser(plan: InstallPlanEntry): (relative: ByteString) => boolean {
  const endsWith = (list: readonly string[] = []) => list.map(toByteString);
  const includes = endsWith(plan.include);
  const excludes = endsWith(plan.exclude);
  const includePatterns = (plan['include-regexp'] ?? []).map(pattern);
  const excludePatterns = (plan['exclude-regexp'] ?? []).map(pattern);
  const wantsSome = plan.include !== undefined || plan['include-regexp'] !== undefined;
  return (relative) => {
    const text = fromByteString(relative);
    const included =
      !wantsSome ||
      includes.some((suffix) => relative.endsWith(suffix)) ||
      includePatterns.some((expression) => expression.test(text));
    return (
      included &&
      !excludes.some((suffix) => relative.endsWith(suffix)) &&
      !excludePatterns.some((expression) => expression.test(text))
    );
  };
}

function pattern(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch {
    throw new TrimaranError({
      code: 'guix/bad-install-plan',
      message: `\`${text}' in the install plan is no regular expression`,
    });
  }
}

/** A path below the root without `.` and slashes at its ends. */
function normalised(path: string): ByteString {
  const parts = toByteString(path)
    .split('/')
    .filter((part) => part !== '' && part !== '.');
  if (!parts.includes('..')) return parts.join('/');
  throw new TrimaranError({
    code: 'guix/bad-install-plan',
    message: `\`${path}' in the install plan leads out of the package`,
  });
}

function joined(folder: ByteString, name: ByteString): ByteString {
  return folder === '' ? name : `${folder}/${name}`;
}

function below(path: ByteString, folder: ByteString): ByteString | undefined {
  if (path === '' || path === folder) return undefined;
  if (folder === '') return path;
  return path.startsWith(`${folder}/`) ? path.slice(folder.length + 1) : undefined;
}

function topNames(tree: FileTree): string[] {
  return tree
    .flatMap(({ path }) => (path === '' || path.includes('/') ? [] : [fromByteString(path)]))
    .slice(0, 12);
}

function folderEntry(path: ByteString): TreeEntry {
  return { kind: 'directory', path, mode: 0o555, uid: 0, gid: 0, mtime: 1 };
}
